"""Converts Azure's description of a resource into the inputs of the SDK, to compare it with the plan.

Azure answers with `properties` beside `location`, `tags` and so on, in the names of its REST API. The SDK has most of
them one level higher, some under other names, and none of the values that Azure alone decides.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.rules import sdk
from infra.tables.arm import RENAMED

_NOT_INPUTS = frozenset({"etag", "id", "name", "properties", "systemdata", "type"})


def inputs_of(type_: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a resource from Azure's description of it, without the parts of its id and without empty values."""
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
        converted = _value(value, wanted)
        if converted not in (None, [], {}, ""):
            found[name] = converted
    return found


def _value(value: Any, wanted: Any) -> Any:
    items = sdk.items_in(wanted)
    if isinstance(value, Mapping):
        if items is not None:
            # The ids of identities are a list in the inputs, and a map in the description.
            return sorted(value)
        classes = sdk.classes_in(wanted)
        # Where several classes are possible, the description does not say which one it is.
        return _object(value, classes[0]) if len(classes) == 1 else dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(item, items) for item in value]
    return value


def unknown_values(type_: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The values that the SDK's enumerations do not have, each with its dotted path."""
    arguments = sdk.arguments_of(type_)
    if arguments is not None:
        yield from _unknown_in(inputs, arguments, "")


def _unknown_in(value: Any, wanted: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for arguments in sdk.classes_in(wanted)[:1]:
            types = sdk.types_of(arguments)
            for key in value.keys() & types.keys():
                yield from _unknown_in(value[key], types[key], f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_in(item, sdk.items_in(wanted), f"{at}.{index}")
    elif isinstance(value, str):
        # Azure ignores the case, and does not always answer in that of its documentation.
        known = [one.lower() for one in sdk.values_in(wanted)]
        if known and value.lower() not in known:
            yield at, value


def _plain(name: str) -> str:
    """A name in the spelling that both sides share: `Application_Type` and `applicationType` are equal."""
    return name.replace("_", "").lower()
