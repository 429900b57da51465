"""Reports of plans and comparisons as one text."""

from collections.abc import Iterable

from bootstrap.stack.diff.difference import Commit, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report import report
from bootstrap.stack.report.interface import Show


def plan_as(form: str, stacks: Iterable[StackPlan], as_of: str | None = None, show: Show = "summary") -> str:
    """Planned stacks in that form."""
    return "".join(report(form).render_plan(stacks, as_of, show))


def diff_as(form: str, stacks: Iterable[StackDiff], commit: Commit = Commit("main", "0" * 40)) -> str:  # noqa: B008
    """How stacks differ, in that form."""
    return "".join(report(form).render_diff(commit, stacks))
