"""The SDK's enumerations have the values of the ARM types that they stand for.

The SDK has one class for all enumerations of a name in a module of Azure. Where two Azure types have different ones of
that name, the class has the values of either: its values are wrong for the other type.
"""

import ast
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

import infra
from bootstrap.simulator.kinds import KINDS
from tests.conformance.arm import NEWER, Definitions

COLLISIONS = {
    # It is that of dashboards' filters: `gt` where Azure wants `GreaterThan`.
    ("monitor", "ConditionOperator"): "azure-native:monitor:ScheduledQueryRule criteria.allOf.operator",
}
"""The classes with values that Azure does not accept, and where."""

IN_BODIES = {
    ("consumption", "OperatorType"),
    ("consumption", "ThresholdType"),
    ("machinelearningservices", "RuleType"),
}
"""The classes of values in maps, and of values that the SDK types as text: `test_bodies` compares them."""


@pytest.fixture(scope="module")
def enumerations(azure: Definitions) -> list[tuple[str, type[Enum], str, set[str]]]:
    return [(token, *found) for token in KINDS if azure.knows(token) for found in azure.enumerations(token)]


def test_values_of_the_sdk_are_accepted_by_azure(enumerations: list[tuple[str, type[Enum], str, set[str]]]) -> None:
    wrong = {
        name_of(class_): f"{token} {path}"
        for token, class_, path, accepted in enumerations
        if not {str(member.value) for member in class_} <= accepted
    }

    assert wrong == COLLISIONS
    assert len(enumerations) > 100


def test_every_used_value_is_accepted_by_azure(enumerations: list[tuple[str, type[Enum], str, set[str]]]) -> None:
    accepted: dict[tuple[str, str, str], list[bool]] = {}
    for _, class_, _, values in enumerations:
        for member in class_:
            accepted.setdefault((*name_of(class_), member.name), []).append(member.value in values)

    used = set(used_values())

    assert len(used) > 50
    assert {one[:2] for one in used} & COLLISIONS.keys() == set()
    assert {one for one in used if not all(accepted.get(one, [True]))} == set()


def test_used_enumerations_are_compared(
    azure: Definitions, enumerations: list[tuple[str, type[Enum], str, set[str]]]
) -> None:
    found = {name_of(class_) for _, class_, _, _ in enumerations}
    lacking = {class_ for token, classes in NEWER.items() if not azure.knows(token) for class_ in classes}

    assert {one[:2] for one in used_values()} - found == IN_BODIES | lacking


def name_of(class_: type[Enum]) -> tuple[str, str]:
    """The module and the name of a class of the SDK."""
    return class_.__module__.split(".")[1], class_.__name__


def used_values() -> Iterator[tuple[str, str, str]]:
    """The members of enumerations in our programs: `storage.SkuName.STANDARD_LRS` with the module's name in the SDK."""
    for path in Path(infra.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {
            alias.asname or alias.name: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "pulumi_azure_native"
            for alias in node.names
        }
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(ast.Attribute(ast.Name(module), class_), member) if module in modules:
                    yield modules[module], class_, member
