"""The SDK's own description of inputs: the names and types of a resource type's arguments.

They are read from the classes of `pulumi_azure_native`, so no table of ours has to follow the SDK.
"""

import functools
import importlib
import sys
import typing
from collections.abc import Awaitable, Mapping, Sequence
from enum import Enum
from types import UnionType
from typing import Any

import pulumi
from pulumi import _types

_PREFIX = "azure-native:"


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
