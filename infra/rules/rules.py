"""All rules, and how plans and the engine judge by them. docs/rules.md is the table as a page."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.rules.access import ACCESS_RULES
from infra.rules.adopted import ADOPTED_RULES
from infra.rules.arguments import ARGUMENT_RULES
from infra.rules.changes import CHANGE_RULES
from infra.rules.limits import LIMIT_RULES
from infra.rules.locations import LOCATION_RULES
from infra.rules.network import NETWORK_RULES
from infra.rules.once import ONCE_RULES
from infra.rules.properties import PROPERTY_RULES
from infra.rules.rule import Across, Breach, Each, Resource, Rule, Stack, Whole
from infra.rules.sizes import SIZE_RULES
from infra.rules.stacks import STACK_RULES
from infra.rules.suppress import suppression_rules
from infra.rules.upkeep import UPKEEP_RULES

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        *PROPERTY_RULES,
        *ARGUMENT_RULES,
        *ONCE_RULES,
        *UPKEEP_RULES,
        *ACCESS_RULES,
        *NETWORK_RULES,
        *LOCATION_RULES,
        *SIZE_RULES,
        *LIMIT_RULES,
        *CHANGE_RULES,
        *ADOPTED_RULES,
        *STACK_RULES,
        *suppression_rules(known=lambda: RULES),
    )
}
"""The rules by id."""

Broken = tuple[Rule, Breach]


def judge_resource(resource: Resource) -> Iterator[Broken]:
    """How a resource breaks rules by itself."""
    for rule, judge in _each(resource.type):
        yield from ((rule, Breach(resource.urn, f"{resource.name}: {said}")) for said in judge.wrong(resource))


def judge_stack(stack: Stack) -> Iterator[Broken]:
    """How the resources of a stack break rules together."""
    for rule in RULES.values():
        if isinstance(rule.judge, Whole):
            yield from ((rule, breach) for breach in rule.judge.wrong(stack))


def judge_change(stack: Stack) -> Iterator[Broken]:
    """How a change of a stack breaks rules, given what its resources were before."""
    for rule in CHANGE_RULES:
        if isinstance(rule.judge, Whole):
            yield from ((rule, breach) for breach in rule.judge.wrong(stack))


def tell(stack: Stack, found: Sequence[Broken]) -> dict[str, Any]:
    """What a stack tells the rules that judge stacks together, by their ids, as plain data.

    Args:
        found: How it breaks rules by itself.
    """
    ids = [(rule.id, breach) for rule, breach in found]
    return {rule.id: rule.judge.told(stack, ids) for rule in RULES.values() if isinstance(rule.judge, Across)}


def judge_stacks(told: Mapping[str, Mapping[str, Any]], *, every: bool) -> Iterator[tuple[str, Broken]]:
    """How stacks break rules together, each with the name of the stack to blame.

    Args:
        told: What each of them told, by its name.
        every: Whether they are all stacks of the platform.
    """
    for rule in RULES.values():
        if isinstance(rule.judge, Across) and (every or not rule.judge.every):
            by_stack = {stack: of_stack[rule.id] for stack, of_stack in told.items()}
            yield from ((stack, (rule, breach)) for stack, breach in rule.judge.wrong(by_stack))


@functools.cache
def _each(type_: str) -> Sequence[tuple[Rule, Each]]:
    """The rules that judge single resources of a type."""
    return [
        (rule, rule.judge)
        for rule in RULES.values()
        if isinstance(rule.judge, Each) and (rule.judge.types is None or type_ in rule.judge.types)
    ]
