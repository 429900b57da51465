"""Reports of plans and comparisons as one text."""

from collections.abc import Iterable
from typing import Any

from bootstrap.stack.diff.difference import Commit, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report import report
from bootstrap.stack.report.interface import PlanOptions


def plan_as(form: str, stacks: Iterable[StackPlan], **options: Any) -> str:
    """Planned stacks in that form."""
    return "".join(report(form).render_plan(stacks, PlanOptions(**options)))


def diff_as(form: str, stacks: Iterable[StackDiff], commit: Commit = Commit("main", "0" * 40)) -> str:  # noqa: B008
    """How stacks differ, in that form."""
    return "".join(report(form).render_diff(commit, stacks))
