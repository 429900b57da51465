"""The inputs of the SDK: names and types of a resource type's arguments, and Azure's description converted to them.

They are read from the classes of `pulumi_azure_native`, so no table of ours has to follow the SDK. Azure answers with
`properties` beside `location`, `tags` and so on, in the names of its REST API. The SDK has most of them one level
higher, some under other names, and none of the values that Azure alone decides.
"""

import functools
import importlib
import sys
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from enum import Enum
from types import UnionType
from typing import Any

import pulumi
from pulumi import _types

_PREFIX = "azure-native:"
_NOT_INPUTS = frozenset({"etag", "id", "name", "properties", "systemdata", "type"})

RENAMED: Mapping[str, str] = {
    "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
    "enableNfsV3": "isNfsV3Enabled",
    "encryptionIdentity": "identity",
    "encryptionUserAssignedIdentity": "userAssignedIdentity",
    "networkRuleSet": "networkAcls",
    "iPAddressOrRange": "value",
    "virtualNetworkResourceId": "id",
    "keyVaultProperties": "keyvaultproperties",
    "keyName": "keyname",
    "keyVaultUri": "keyvaulturi",
    "keyVersion": "keyversion",
    "odataType": "odata.type",
    "roleType": "type",
}
"""The SDK's name of a property: ARM's name. A name is only translated where the ARM type has the latter.

Client names of the REST definitions (github.com/Azure/azure-rest-api-specs):
storage `specification/storage/resource-manager/Microsoft.Storage/stable/2024-01-01/storage.json`;
role definitions `specification/authorization/resource-manager/Microsoft.Authorization/preview/2022-05-01-preview`;
`odata.type` of alert criteria `specification/monitor/resource-manager/Microsoft.Insights/stable/2018-03-01`.
"""


def takes(type_: str, argument: str) -> bool:
    """Whether resources of a type have an argument, such as `tags`; False for a type that the SDK does not have."""
    arguments = arguments_of(type_)
    return arguments is not None and argument in types_of(arguments)


@functools.cache
def arguments_of(type_: str) -> type | None:
    """The class of a resource type's arguments; None for a type that the SDK does not have."""
    if not type_.startswith(_PREFIX):
        return None
    module, name = type_.removeprefix(_PREFIX).split(":")
    try:
        resource = getattr(importlib.import_module(f"pulumi_azure_native.{module.replace('/', '.')}"), name)
    except (ImportError, AttributeError):
        return None
    # They are in the same module, not always with the resource's name, since a nested class may have it.
    beside = sys.modules[resource.__module__]
    found = (getattr(beside, exported) for exported in beside.__all__ if exported.endswith("Args"))
    return next(found, None)


@functools.cache
def types_of(arguments: type) -> Mapping[str, Any]:
    """The types of a class's arguments, by the name that the engine gets."""
    types: Mapping[str, Any] = _types.input_type_types(arguments)
    return types


def classes_in(wanted: Any) -> list[type]:
    """The classes of arguments that a type allows: none for plain values, several for a union."""
    return [member for member in members(wanted) if _types.is_input_type(member)]


def items_in(wanted: Any) -> Any:
    """The type of the items, where a type allows a list; else None."""
    for member in members(wanted):
        origin = typing.get_origin(member)
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return typing.get_args(member)[0]
    return None


def values_in(wanted: Any) -> list[str]:
    """The values of the enumeration that a type allows; empty where it has none."""
    enums = (member for member in members(wanted) if isinstance(member, type) and issubclass(member, Enum))
    return [str(item.value) for enum in enums for item in enum]


def members(wanted: Any) -> tuple[Any, ...]:
    """The types that a type allows, without None, awaitables and outputs, which exist only in programs."""
    if typing.get_origin(wanted) not in (typing.Union, UnionType):
        return (wanted,)
    return tuple(
        member
        for member in typing.get_args(wanted)
        if member is not type(None) and typing.get_origin(member) not in (Awaitable, pulumi.Output)
    )


def inputs_of(type_: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a resource from Azure's description of it, without the parts of its id and without empty values."""
    inner = described.get("properties") or {}
    outer = {key: value for key, value in described.items() if key.lower() not in _NOT_INPUTS}
    inputs: dict[str, Any] = _value({**inner, **outer, "properties": inner}, arguments_of(type_))
    return inputs


def _object(described: Mapping[str, Any], arguments: type) -> dict[str, Any]:
    by_name = {_plain(key): value for key, value in described.items() if value is not None}
    types = types_of(arguments)
    values = {name: by_name.get(_plain(name), by_name.get(_plain(RENAMED.get(name, name)))) for name in types}
    converted = {name: _value(values[name], wanted) for name, wanted in types.items()}
    return {name: value for name, value in converted.items() if value not in (None, [], {}, "")}


def _value(value: Any, wanted: Any) -> Any:
    items = items_in(wanted)
    if isinstance(value, Mapping):
        if items is not None:
            # The ids of identities are a list in the inputs, and a map in the description.
            return sorted(value)
        classes = classes_in(wanted)
        # Where several classes are possible, the description does not say which one it is.
        return _object(value, classes[0]) if len(classes) == 1 else dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(item, items) for item in value]
    return value


def unknown_values(value: Any, wanted: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """The values in inputs that the SDK's enumerations do not have, each with its dotted path.

    Args:
        value: The inputs, or the value at the path `at` in them.
        wanted: The class of the arguments, or the type of that value.
    """
    if isinstance(value, Mapping):
        for arguments in classes_in(wanted)[:1]:
            types = types_of(arguments)
            for key in value.keys() & types.keys():
                yield from unknown_values(value[key], types[key], f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_values(item, items_in(wanted), f"{at}.{index}")
    elif isinstance(value, str):
        # Azure ignores the case, and does not always answer in that of its documentation.
        known = [one.lower() for one in values_in(wanted)]
        if known and value.lower() not in known:
            yield at, value


def _plain(name: str) -> str:
    """A name in the spelling that both sides share: `Application_Type` and `applicationType` are equal."""
    return name.replace("_", "").lower()
