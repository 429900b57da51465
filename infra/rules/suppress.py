"""Suppressions: what the manifests let a stack break for a time, and the rules on them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from infra.rules.adopted import ADOPTED_RULES
from infra.rules.changes import CHANGE_RULES
from infra.rules.rule import Finding, Rule, Stack, Violation
from infra.settings import SuppressionSettings

_PAGE = "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/plan.md"


_OF_MORE = frozenset(rule.id for rule in (*CHANGE_RULES, *ADOPTED_RULES))
"""The rules that judge what there was, or is, beside the manifests: a plan that is not told it finds nothing."""


def suppression_of(stack: Stack, rule: str, urn: str | None) -> SuppressionSettings | None:
    """The suppression that allows a violation of a rule by a resource or, without a URN, by the stack."""
    name = urn.rsplit("::", 1)[-1] if urn is not None else None
    for said in _said(stack):
        if said.rule == rule and said.resource in (None, name) and not _is_over(said, stack):
            return said
    return None


def suppression_rules(known: Callable[[], Iterable[str]]) -> tuple[Rule, ...]:
    """The rules on suppressions. `known` gives the ids of all rules, which these belong to themselves."""
    return (
        Rule(
            "suppression-expired", "warning", "No suppression is past its end",
            "What was to be mended by that day is not, and counts again.",
            "Mend what it suppressed, or say a later day and why; --as-of says which day it is.", _PAGE,
            _expired,
        ),
        Rule(
            "suppression-unknown", "warning", "Every suppression names a rule",
            "Else it suppresses nothing.",
            "Take the id from docs/rules.md.", _PAGE,
            lambda stack: _unknown(stack, known()),
        ),
        Rule(
            "suppression-unused", "warning", "Every suppression has something to suppress",
            "One that nobody needs any more would hide the next finding. Judged when all stacks are planned.",
            "Take it out of the manifest.", _PAGE,
            scope="platform", facts=_used, compare=_unused,
        ),
    )  # fmt: skip


def _said(stack: Stack) -> Sequence[SuppressionSettings]:
    return (*stack.suppressions, *(stack.settings.suppressions if stack.settings is not None else ()))


def _is_over(said: SuppressionSettings, stack: Stack) -> bool:
    return stack.as_of is not None and said.until < stack.as_of


def _expired(stack: Stack) -> Iterable[Violation]:
    for said in _said(stack):
        if _is_over(said, stack):
            yield (None, f"the suppression of {said.rule} at {said.origin} ended on {said.until}.")


def _unknown(stack: Stack, known: Iterable[str]) -> Iterable[Violation]:
    ids = set(known)
    for said in _said(stack):
        if said.rule not in ids:
            close = get_close_matches(said.rule, ids, 1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            yield (None, f"{said.origin} suppresses {said.rule!r}, and there is no such rule.{meant}")


def _used(stack: Stack, found: Sequence[Finding]) -> dict[str, bool]:
    """Where the stack's suppressions stand, with the rule's id, and whether they have something to suppress."""
    used = {one.suppressed.origin for one in found if one.suppressed is not None}
    judged = (said for said in _said(stack) if said.rule not in _OF_MORE and not _is_over(said, stack))
    return {f"{said.rule} at {said.origin}": said.origin in used for said in judged}


def _unused(told: Mapping[str, Any]) -> Iterable[tuple[str, Violation]]:
    used: dict[str, bool] = {}
    first: dict[str, str] = {}
    for stack, suppressions in told.items():
        for suppression, is_used in suppressions.items():
            used[suppression] = used.get(suppression, False) or is_used
            first.setdefault(suppression, stack)
    for suppression, is_used in used.items():
        if not is_used:
            yield first[suppression], (None, f"the suppression of {suppression} has nothing to suppress.")
