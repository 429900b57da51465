"""The rules of `infra.rules`, applied to planned stacks, and what the manifests let stacks break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bootstrap.stack.plan.model import Finding, Registration, StackPlan, as_resources, in_order
from bootstrap.stack.plan.observed import NOTHING, Observed
from infra.rules.adopted import before
from infra.rules.rule import Breach, Rule, Stack
from infra.rules.rules import judge_change, judge_resource, judge_stack, judge_stacks, tell
from infra.rules.suppress import suppression_of
from infra.settings import StackSettings, SuppressionSettings


@dataclass(frozen=True)
class Checked:
    """What was found in one stack.

    Attributes:
        findings: The gravest first.
        told: What the rules that judge stacks together have to know of it, as plain data.
    """

    findings: Sequence[Finding]
    told: Mapping[str, Any]


def check(
    settings: StackSettings,
    resources: Sequence[Registration],
    as_of: str | None = None,
    observed: Observed = NOTHING,
) -> Checked:
    """Judge a planned stack by itself.

    Args:
        as_of: The day by which what ends on a day is judged, `YYYY-MM-DD`; by default nothing has ended.
        observed: What is there already, as far as it is known; what its import would change is judged.
    """
    stack = Stack(settings.stack, as_resources(resources), settings, as_of, observed=observed)
    stack = replace(stack, before=before(stack))
    broken = [*(pair for resource in stack.resources for pair in judge_resource(resource)), *judge_stack(stack)]
    findings = [_finding(stack, rule, breach) for rule, breach in broken]
    return Checked(in_order(findings), tell(stack, broken))


def check_change(
    name: str,
    planned: StackPlan | None,
    before: Mapping[str, Mapping[str, Any]],
    as_of: str | None,
    suppressions: Sequence[SuppressionSettings] = (),
) -> list[Finding]:
    """Judge what the change of a stack would do to what there was.

    Args:
        planned: The stack as it is to be; None when it is to go.
        before: The inputs of its resources as they were, by URN.
        as_of: As for `check`.
        suppressions: What lets one that is to go break rules.
    """
    resources, settings = ((), None) if planned is None else (as_resources(planned.resources), planned.settings)
    stack = Stack(name, resources, settings, as_of, before, suppressions=suppressions)
    return [_finding(stack, rule, breach) for rule, breach in judge_change(stack)]


def check_together(
    stacks: Mapping[str, StackSettings], told: Mapping[str, Mapping[str, Any]], as_of: str | None, *, every: bool
) -> dict[str, list[Finding]]:
    """Judge planned stacks together; the findings by the name of the stack to blame.

    Args:
        stacks: Their settings, by name.
        told: What each of them told, by its name.
        as_of: As for `check`.
        every: Whether they are all stacks of the platform.
    """
    found: dict[str, list[Finding]] = {}
    for name, (rule, breach) in judge_stacks(told, every=every):
        found.setdefault(name, []).append(_finding(Stack(name, (), stacks[name], as_of), rule, breach))
    return found


def _finding(stack: Stack, rule: Rule, breach: Breach) -> Finding:
    suppressed = suppression_of(stack, rule.id, breach)
    return Finding(
        rule.severity, rule.id, breach.resource, breach.message, rule.reason, rule.fix, rule.link, suppressed
    )
