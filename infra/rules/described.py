"""A resource as Azure describes it, told in the inputs of the SDK, so that it can be compared with what is planned.

Azure answers with `properties` below `location`, `tags` and so on, in the names of its REST API; the SDK takes most of
them one level higher, some under other names, and nothing of what Azure alone decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.rules import sdk

RENAMED: Mapping[str, str] = {
    "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
    "enableNfsV3": "isNfsV3Enabled",
    "networkRuleSet": "networkAcls",
    "iPAddressOrRange": "value",
    "virtualNetworkResourceId": "id",
}
"""What the SDK calls otherwise than Azure does, by its own name.
https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties
https://learn.microsoft.com/rest/api/container-registry/registries/get"""

_NOT_INPUTS = frozenset({"etag", "id", "name", "properties", "systemdata", "type"})


def inputs_of(type_: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that a resource of a type would have been given, as Azure describes it; without the parts of its id.

    What is empty in the description is left out.
    """
    arguments = sdk.arguments_of(type_)
    if arguments is None:
        return {}
    inner = described.get("properties") or {}
    outer = {key: value for key, value in described.items() if key.lower() not in _NOT_INPUTS}
    return _object({**inner, **outer, "properties": inner}, arguments)


def _object(described: Mapping[str, Any], arguments: type) -> dict[str, Any]:
    by_name = {_plain(key): value for key, value in described.items()}
    found = {}
    for name, wanted in sdk.types_of(arguments).items():
        value = by_name.get(_plain(name))
        if value is None and name in RENAMED:
            value = by_name.get(_plain(RENAMED[name]))
        told = _value(value, wanted)
        if told not in (None, [], {}, ""):
            found[name] = told
    return found


def _value(value: Any, wanted: Any) -> Any:
    items = sdk.items_in(wanted)
    if isinstance(value, Mapping):
        if items is not None:
            # The ids of identities go in as a list, and come out as a map.
            return sorted(value)
        classes = sdk.classes_in(wanted)
        # Of an object that may be of one of several classes, none is known to be meant.
        return _object(value, classes[0]) if len(classes) == 1 else dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(item, items) for item in value]
    return value


def _plain(name: str) -> str:
    """A name as both sides spell it: `Application_Type` and `applicationType` are one."""
    return name.replace("_", "").lower()
