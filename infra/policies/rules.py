"""All rules, and how plans and the engine judge by them. docs/rules.md is the table as a page."""

import functools
from collections.abc import Iterator, Sequence

from infra.policies.arguments import ARGUMENT_RULES
from infra.policies.properties import PROPERTY_RULES
from infra.policies.rule import Across, Breach, Each, Resource, Rule, Stack, Whole
from infra.policies.stacks import STACK_RULES

RULES: dict[str, Rule] = {rule.id: rule for rule in (*PROPERTY_RULES, *ARGUMENT_RULES, *STACK_RULES)}
"""The rules by id."""


def judge_resource(resource: Resource) -> Iterator[tuple[Rule, Breach]]:
    """How a resource breaks rules by itself."""
    for rule, judge in _each(resource.type):
        yield from ((rule, Breach(resource.urn, f"{resource.name}: {said}")) for said in judge.wrong(resource))


def judge_stack(stack: Stack) -> Iterator[tuple[Rule, Breach]]:
    """How the resources of a stack break rules together."""
    for rule in RULES.values():
        if isinstance(rule.judge, Whole):
            yield from ((rule, breach) for breach in rule.judge.wrong(stack))


def judge_stacks(stacks: Sequence[Stack]) -> Iterator[tuple[Rule, Breach]]:
    """How stacks break rules together."""
    for rule in RULES.values():
        if isinstance(rule.judge, Across):
            yield from ((rule, breach) for breach in rule.judge.wrong(stacks))


@functools.cache
def _each(type_: str) -> Sequence[tuple[Rule, Each]]:
    """The rules that judge single resources of a type."""
    return [
        (rule, rule.judge)
        for rule in RULES.values()
        if isinstance(rule.judge, Each) and (rule.judge.types is None or type_ in rule.judge.types)
    ]
