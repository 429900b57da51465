"""All rules, and the functions that apply them for plans and for the engine. docs/rules.md lists them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.rules.access import ACCESS_RULES
from infra.rules.adopted import ADOPTED_RULES
from infra.rules.availability import AVAILABILITY_RULES
from infra.rules.changes import CHANGE_RULES
from infra.rules.limits import LIMIT_RULES
from infra.rules.names import NAME_RULES
from infra.rules.rule import Finding, Rule, Stack, Violation
from infra.rules.stacks import STACK_RULES
from infra.rules.suppress import suppression_of, suppression_rules
from infra.settings import StackSettings

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        *STACK_RULES,
        *ACCESS_RULES,
        *AVAILABILITY_RULES,
        *LIMIT_RULES,
        *NAME_RULES,
        *CHANGE_RULES,
        *ADOPTED_RULES,
        *suppression_rules(lambda: RULES),
    )
}
"""The rules by id."""


def judge_stack(stack: Stack) -> list[Finding]:
    """The rules that one stack violates by itself."""
    return [finding for rule in RULES.values() for finding in _findings(stack, rule, rule.check(stack))]


def judge_resource(stack: Stack) -> list[Finding]:
    """The rules of the scope `resource` that a stack violates, of which only some resources are known so far."""
    rules = (rule for rule in RULES.values() if rule.scope == "resource")
    return [finding for rule in rules for finding in _findings(stack, rule, rule.check(stack))]


def judge_change(stack: Stack) -> list[Finding]:
    """The rules that the change of a stack violates, where `stack.before` has the inputs before it."""
    return [finding for rule in CHANGE_RULES for finding in _findings(stack, rule, rule.check(stack))]


def facts_of(stack: Stack, findings: Sequence[Finding]) -> dict[str, Any]:
    """What the rules of the scope `platform` need from a stack, by the rule's id: plain JSON data.

    Args:
        findings: The rules that it violates by itself.
    """
    return {rule.id: rule.facts(stack, findings) for rule in RULES.values() if rule.facts is not None}


def related_stacks(stacks: Mapping[str, StackSettings], facts: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The stacks that can violate a rule together with some judged ones, beside these.

    Args:
        stacks: The settings of all stacks of the platform, by name.
        facts: The facts of the judged ones, by name.
    """
    found: set[str] = set()
    for rule in RULES.values():
        if rule.related is not None:
            found.update(rule.related(stacks, {name: of_stack[rule.id] for name, of_stack in facts.items()}))
    return found - facts.keys()


def judge_platform(
    stacks: Mapping[str, Stack], facts: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Finding]]:
    """The rules that stacks violate together, each with the name of the stack to report.

    Args:
        stacks: The stacks by name; their resources are not needed.
        facts: The facts of each by its name, in the order of the platform.
    """
    for rule in RULES.values():
        if rule.compare is not None:
            for name, violation in rule.compare({stack: of_stack[rule.id] for stack, of_stack in facts.items()}):
                yield from ((name, finding) for finding in _findings(stacks[name], rule, [violation]))


def _findings(stack: Stack, rule: Rule, violations: Iterable[Violation]) -> Iterator[Finding]:
    for urn, message in violations:
        origin = next((one.origin for one in stack.resources if one.urn == urn), None)
        yield Finding(
            rule.severity,
            rule.id,
            urn,
            message,
            rule.reason,
            rule.fix,
            rule.link,
            suppression_of(stack, rule.id, urn),
            origin or (stack.settings.origin if stack.settings is not None else ""),
        )
