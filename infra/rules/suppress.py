"""Suppressions: the violations that the manifests allow for a time, and the rules on suppressions themselves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from infra.rules.adopted import ADOPTED_RULES
from infra.rules.changes import CHANGE_RULES
from infra.rules.rule import Finding, Rule, Stack, Violation
from infra.settings import StackSettings, SuppressionSettings

_PAGE = "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/plan.md"

_NEED_MORE = frozenset(rule.id for rule in (*CHANGE_RULES, *ADOPTED_RULES))
"""Rules that need more than the manifests: without it a plan finds no violation, and a suppression seems unused."""


def suppression_of(stack: Stack, rule: str, urn: str | None) -> SuppressionSettings | None:
    """The suppression that allows a violation of a rule by a resource or, without a URN, by the stack."""
    name = urn.rsplit("::", 1)[-1] if urn is not None else None
    for one in _suppressions(stack):
        if one.rule == rule and one.resource in (None, name) and not _has_ended(one, stack):
            return one
    return None


def suppression_rules(rules: Callable[[], Mapping[str, Rule]]) -> tuple[Rule, ...]:
    """The rules on suppressions. `rules` returns all rules by id, these three among them."""
    return (
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
            lambda stack: _unknown(stack, rules()),
        ),
        Rule(
            "suppression-unused", "warning", "Every suppression allows a violation",
            "A suppression that is no longer needed would hide the next violation.",
            "Remove it from the manifest.", _PAGE,
            scope="platform", facts=lambda stack, findings: _used(stack, findings, rules()),
            compare=_unused, related=_with_unused,
        ),
    )  # fmt: skip


def _suppressions(stack: Stack) -> Sequence[SuppressionSettings]:
    return (*stack.suppressions, *(stack.settings.suppressions if stack.settings is not None else ()))


def _has_ended(suppression: SuppressionSettings, stack: Stack) -> bool:
    return stack.as_of is not None and suppression.until < stack.as_of


def _expired(stack: Stack) -> Iterable[Violation]:
    for one in _suppressions(stack):
        if _has_ended(one, stack):
            yield None, f"the suppression of {one.rule} at {one.origin} ended on {one.until}."


def _unknown(stack: Stack, known: Iterable[str]) -> Iterable[Violation]:
    ids = set(known)
    for one in _suppressions(stack):
        if one.rule not in ids:
            close = get_close_matches(one.rule, ids, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            yield None, f"{one.origin} suppresses {one.rule!r}, and no rule has this id.{hint}"


def _used(stack: Stack, findings: Sequence[Finding], rules: Mapping[str, Rule]) -> dict[str, bool]:
    """Whether each suppression of the stack allows a violation, as far as a plan of the stack alone can show it."""
    used = {one.suppressed.origin for one in findings if one.suppressed is not None}
    skipped = _NEED_MORE | {rule.id for rule in rules.values() if rule.scope == "platform"}
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
