"""The rules of `infra.rules`, applied to planned stacks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from bootstrap.errors import RefusedError
from bootstrap.stack.diff.difference import StackDiff
from bootstrap.stack.plan.model import StackPlan, made_of, most_severe_first
from bootstrap.stack.plan.observed import NOTHING, Observed
from infra.rules.adopted import before
from infra.rules.changes import CHANGE_RULES
from infra.rules.rule import Finding, Resource, Stack
from infra.rules.rules import RULES, facts_of, judge, judge_platform
from infra.settings import StackSettings, SuppressionSettings


def check(
    settings: StackSettings,
    resources: Sequence[Resource],
    as_of: str | None = None,
    observed: Observed = NOTHING,
) -> StackPlan:
    """Judge what the program of a stack registered, by itself.

    Args:
        as_of: The date for rules that depend on one, `YYYY-MM-DD`; by default nothing has ended.
        observed: Existing resources as far as they are known: what importing them would change is judged.
    """
    stack = Stack(settings.stack, made_of(resources), settings, as_of, observed=observed)
    stack = replace(stack, before=before(stack))
    findings = judge(stack, RULES.values())
    return StackPlan(settings, resources, most_severe_first(findings), facts_of(stack, findings))


def check_change(
    name: str,
    planned: StackPlan | None,
    before: Mapping[str, Mapping[str, Any]],
    as_of: str | None,
    suppressions: Sequence[SuppressionSettings] = (),
) -> list[Finding]:
    """Judge what the change of a stack would do to what existed before.

    Args:
        planned: The stack after the change; None when it is removed.
        before: The inputs of its resources before the change, by URN.
        as_of: As for `check`.
        suppressions: The suppressions for a stack that is removed.
    """
    resources, settings = ((), None) if planned is None else (planned.made, planned.settings)
    return judge(Stack(name, resources, settings, as_of, before, suppressions=suppressions), CHANGE_RULES)


def check_platform(
    stacks: Mapping[str, StackSettings], facts: Mapping[str, Mapping[str, Any]], as_of: str | None
) -> dict[str, list[Finding]]:
    """Judge planned stacks together; the findings by the name of the stack that they are reported for.

    Args:
        stacks: The settings of all stacks of the platform, by name.
        facts: The facts of the planned ones and of those related to them, by name.
        as_of: As for `check`.
    """
    found: dict[str, list[Finding]] = {}
    judged = {name: Stack(name, (), settings, as_of) for name, settings in stacks.items() if name in facts}
    # In the platform's order, the same stack is reported whichever stacks are planned.
    for name, finding in judge_platform(judged, {name: facts[name] for name in judged}):
        found.setdefault(name, []).append(finding)
    return found


def with_price_findings(
    stack: StackPlan, machine_prices: Mapping[str, tuple[Decimal, str]], as_of: str | None
) -> StackPlan:
    """The planned stack, with the findings that need the prices of machines: `Stack.machine_prices`."""
    judged = Stack(stack.name, stack.made, stack.settings, as_of, machine_prices=machine_prices)
    findings = judge(judged, [RULES["cluster-budget"]])
    return replace(stack, findings=most_severe_first([*stack.findings, *findings]))


Judged = TypeVar("Judged", StackPlan, StackDiff)


def collect_refusals(stacks: Iterable[Judged], refusals: list[str]) -> Iterator[Judged]:
    """Yield the stacks unchanged; what refuses the deployment of each is appended to `refusals` as it passes."""
    for stack in stacks:
        refusals += [f"{stack.name}: {finding}" for finding in stack.refusals]
        yield stack


def refuse(refusals: Sequence[str], *, printed: bool) -> None:
    """Raise RefusedError when `collect_refusals` found a reason not to deploy.

    Args:
        printed: The report has printed them in words, so the error does not repeat them.
    """
    if refusals:
        raise RefusedError(
            f"{'An error refuses' if len(refusals) == 1 else f'{len(refusals)} errors refuse'} the deployment.",
            details=() if printed else refusals,
            hint="Correct the manifests, or suppress the rule there with a reason and a last day: docs/plan.md",
        )
