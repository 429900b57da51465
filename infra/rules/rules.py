"""All rules, suppressions of their violations, and the functions that apply them for plans and for the engine.

docs/rules.md lists the rules.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from infra.rules.access import ACCESS_RULES
from infra.rules.adopted import ADOPTED_RULES
from infra.rules.availability import AVAILABILITY_RULES
from infra.rules.changes import CHANGE_RULES
from infra.rules.limits import LIMIT_RULES
from infra.rules.names import NAME_RULES
from infra.rules.rule import Finding, Rule, Stack, Violation, did_you_mean
from infra.rules.stacks import STACK_RULES
from infra.settings import StackSettings, SuppressionSettings

_PAGE = "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/plan.md"

_NEED_MORE = frozenset({"cluster-budget", *(rule.id for rule in (*CHANGE_RULES, *ADOPTED_RULES))})
"""Rules that need more than the manifests: without it a plan finds no violation, and a suppression seems unused."""


def suppression_of(stack: Stack, rule: str, urn: str | None) -> SuppressionSettings | None:
    """The suppression that allows a violation of a rule by a resource or, without a URN, by the stack."""
    name = urn.rsplit("::", 1)[-1] if urn is not None else None
    for one in _suppressions(stack):
        if one.rule == rule and one.resource in (None, name) and not _has_ended(one, stack):
            return one
    return None


def _suppressions(stack: Stack) -> Sequence[SuppressionSettings]:
    return (*stack.suppressions, *(stack.settings.suppressions if stack.settings is not None else ()))


def _has_ended(suppression: SuppressionSettings, stack: Stack) -> bool:
    return stack.as_of is not None and suppression.until < stack.as_of


def _expired(stack: Stack) -> Iterable[Violation]:
    for one in _suppressions(stack):
        if _has_ended(one, stack):
            yield None, f"the suppression of {one.rule} at {one.origin} ended on {one.until}."


def _unknown(stack: Stack) -> Iterable[Violation]:
    for one in _suppressions(stack):
        if one.rule not in RULES:
            hint = did_you_mean(next(iter(get_close_matches(one.rule, RULES, 1)), None))
            yield None, f"{one.origin} suppresses {one.rule!r}, and no rule has this id.{hint}"


def _used(stack: Stack, findings: Sequence[Finding]) -> dict[str, bool]:
    """Whether each suppression of the stack allows a violation, as far as a plan of the stack alone can show it."""
    used = {one.suppressed.origin for one in findings if one.suppressed is not None}
    skipped = _NEED_MORE | {rule.id for rule in RULES.values() if rule.scope == "platform"}
    judged = (one for one in _suppressions(stack) if one.rule not in skipped and not _has_ended(one, stack))
    return {_label(one): one.origin in used for one in judged}


def _label(suppression: SuppressionSettings) -> str:
    return f"{suppression.rule} at {suppression.origin}"


def _with_unused(stacks: Mapping[str, StackSettings], facts: Mapping[str, Any]) -> set[str]:
    """The stacks that have a suppression which no judged stack uses."""
    used = {label for of_stack in facts.values() for label, is_used in of_stack.items() if is_used}
    unused = {label for of_stack in facts.values() for label in of_stack} - used
    return {name for name, settings in stacks.items() if not unused.isdisjoint(map(_label, settings.suppressions))}


def _unused(facts: Mapping[str, Any]) -> Iterable[tuple[str, Violation]]:
    used: dict[str, bool] = {}
    first: dict[str, str] = {}
    for stack, suppressions in facts.items():
        for label, is_used in suppressions.items():
            used[label] = used.get(label, False) or is_used
            first.setdefault(label, stack)
    for label, is_used in used.items():
        if not is_used:
            yield first[label], (None, f"the suppression of {label} allows no violation.")


SUPPRESSION_RULES: tuple[Rule, ...] = (
    Rule(
        "suppression-expired", "warning", "No suppression has ended",
        "The violation that it allowed counts again.",
        "Correct the violation, or write a later day in until with the reason; --as-of sets the date of the check.",
        _PAGE, _expired,
    ),
    Rule(
        "suppression-unknown", "warning", "Every suppression has the id of a rule",
        "With another word it allows nothing.",
        "Write an id from docs/rules.md.", _PAGE,
        _unknown,
    ),
    Rule(
        "suppression-unused", "warning", "Every suppression allows a violation",
        "A suppression that is no longer needed would hide the next violation.",
        "Remove it from the manifest.", _PAGE,
        scope="platform", facts=_used, compare=_unused, related=_with_unused,
    ),
)  # fmt: skip

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
        *SUPPRESSION_RULES,
    )
}
"""The rules by id."""

SETTINGS_RULES = [rule for rule in RULES.values() if rule.scope == "settings"]
"""The rules that need no plan."""

RESOURCE_RULES = [rule for rule in RULES.values() if rule.scope == "resource"]
"""The rules that a stack can violate of which only some resources are known so far."""


def judge(stack: Stack, rules: Iterable[Rule]) -> list[Finding]:
    """The rules that one stack violates by itself."""
    return [finding for rule in rules for finding in _findings(stack, rule, rule.check(stack))]


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
    found = {
        name
        for rule in RULES.values()
        if rule.related is not None
        for name in rule.related(stacks, {judged: of_stack[rule.id] for judged, of_stack in facts.items()})
    }
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
