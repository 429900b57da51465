"""Compares the inputs of a resource with the SDK's classes: names, required ones, types, values of enumerations."""

import functools
import inspect
import textwrap
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Any, Literal

from pulumi import _types

from infra.rules import sdk
from infra.rules.rule import SECRET, UNKNOWN, Resource

QUERY_RULE = "azure-native:monitor:ScheduledQueryRule"

Mistake = Literal["unknown", "missing", "type", "value"]
"""An unknown argument, a missing required one, one of a wrong type, one with a value that an enumeration lacks."""


@dataclass(frozen=True)
class _Shape:
    """What a class of arguments accepts.

    Attributes:
        types: By the name that the engine gets.
        required: The names of the required ones.
        constants: The fixed values of arguments by which one of several classes is chosen.
    """

    types: Mapping[str, Any]
    required: frozenset[str]
    constants: Mapping[str, str]


def mistakes(resource: Resource) -> Iterator[tuple[Mistake, str]]:
    """What is wrong with the inputs of a resource: the kind of mistake and a sentence."""
    arguments = sdk.arguments_of(resource.type)
    if arguments is not None:
        found = _of_object(resource.inputs, arguments, "")
        # Here the SDK is wrong: it has the enumeration of another type. tests/conformance holds this value against ARM.
        excepted = "criteria.allOf[0].operator is 'GreaterThan', not one of " if resource.type == QUERY_RULE else "\0"
        yield from (mistake for mistake in found if not mistake[1].startswith(excepted))


@functools.cache
def _shape(arguments: type) -> _Shape:
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = list(inspect.signature(arguments).parameters.values())
    required = [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]
    # A class that is chosen by an argument sets that argument itself.
    empty = _types.input_type_to_dict(arguments(**dict.fromkeys(required)))
    constants = {name: empty[name] for name in map(names.__getitem__, required) if isinstance(empty.get(name), str)}
    return _Shape(_types.input_type_types(arguments), frozenset(names[name] for name in required), constants)


def _of_object(value: Mapping[str, Any], arguments: type, path: str) -> Iterator[tuple[Mistake, str]]:
    shape = _shape(arguments)
    for name in sorted(shape.required - value.keys()):
        yield "missing", f"{path}{name} is missing."
    for name, item in value.items():
        if name in shape.types:
            yield from _of_value(item, shape.types[name], f"{path}{name}")
        else:
            yield "unknown", f"there is no argument {path}{name}.{_meant(name, shape.types)}"


def _of_value(value: Any, wanted: Any, path: str) -> Iterator[tuple[Mistake, str]]:
    if value is None or value in (UNKNOWN, SECRET) or wanted is Any:
        return
    origin = typing.get_origin(wanted)
    if origin in (typing.Union, UnionType):
        yield from _of_union(value, sdk.members(wanted), path)
    elif _types.is_input_type(wanted):
        if isinstance(value, Mapping):
            yield from _of_object(value, wanted, f"{path}.")
        else:
            yield "type", f"{path} is {_shown(value)}, not an object."
    elif isinstance(wanted, type) and issubclass(wanted, Enum):
        yield from _of_enum(value, wanted, path)
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        yield from _of_items(value, typing.get_args(wanted)[0], path)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _of_entries(value, typing.get_args(wanted)[1], path)
    elif wanted in _PLAIN and not _PLAIN[wanted](value):
        yield "type", f"{path} is {_shown(value)}, not a {wanted.__name__}."


_PLAIN = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _of_union(value: Any, wanted: tuple[Any, ...], path: str) -> Iterator[tuple[Mistake, str]]:
    classes = [member for member in wanted if _types.is_input_type(member)]
    enums = [member for member in wanted if isinstance(member, type) and issubclass(member, Enum)]
    if classes and isinstance(value, Mapping):
        yield from _of_one_of(value, classes, path)
    elif enums and isinstance(value, str):
        yield from _of_enum(value, enums[0], path)
    else:
        tried = [list(_of_value(value, member, path)) for member in wanted]
        yield from min(tried, key=len, default=[])


def _of_one_of(value: Mapping[str, Any], classes: Sequence[type], path: str) -> Iterator[tuple[Mistake, str]]:
    """An object of one of several classes: the one whose constants it has, if they have any."""
    meant = [known for known in classes if all(value.get(k) == v for k, v in _shape(known).constants.items())]
    if meant:
        yield from min((list(_of_object(value, known, f"{path}.")) for known in meant), key=len)
        return
    name = next(iter(_shape(classes[0]).constants))
    known_values = [_shape(known).constants.get(name, "") for known in classes]
    if name in value:
        yield "value", f"{path}.{name} is {_shown(value[name])}, not one of {', '.join(sorted(known_values))}."
    else:
        yield "missing", f"{path}.{name} is missing."


def _of_enum(value: Any, wanted: type[Enum], path: str) -> Iterator[tuple[Mistake, str]]:
    allowed = [member.value for member in wanted]
    if value in allowed:
        return
    if isinstance(value, str):
        meant = _meant(value, allowed)
        yield "value", f"{path} is {_shown(value)}, not one of {', '.join(map(str, sorted(allowed)))}.{meant}"
    else:
        yield "type", f"{path} is {_shown(value)}, not one of {', '.join(map(str, sorted(allowed)))}."


def _of_items(value: Any, wanted: Any, path: str) -> Iterator[tuple[Mistake, str]]:
    if not isinstance(value, list | tuple):
        yield "type", f"{path} is {_shown(value)}, not a list."
        return
    for index, item in enumerate(value):
        yield from _of_value(item, wanted, f"{path}[{index}]")


def _of_entries(value: Any, wanted: Any, path: str) -> Iterator[tuple[Mistake, str]]:
    if not isinstance(value, Mapping):
        yield "type", f"{path} is {_shown(value)}, not an object."
        return
    for key, item in value.items():
        yield from _of_value(item, wanted, f"{path}.{key}")


def _shown(value: Any) -> str:
    return textwrap.shorten(repr(value), 60, placeholder="...")


def _meant(word: str, known: Iterable[str]) -> str:
    by_case = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_case, 1)
    return f" Did you mean {by_case[close[0]]!r}?" if close else ""
