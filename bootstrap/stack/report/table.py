"""Tables: a line for each resource, which `grep` finds."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from bootstrap.stack.diff.difference import Baseline, StackDiff
from bootstrap.stack.plan.checks import Judged
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.words import (
    WORDS,
    effect,
    grave,
    kind,
    label,
    marks,
    new_warnings,
    notes,
    suppressed,
    values,
)
from bootstrap.terminal.table import table_lines

LISTS_ERRORS = True


def render_plan(stacks: Iterable[StackPlan], _as_of: str | None, _show: str) -> Iterator[str]:
    """One line for each resource that Azure would hold; below the table the findings."""
    yield from _table(["stack", "type", "name", "marked", "manifest"], stacks, _plan_rows, _plan_findings)


def render_diff(baseline: Baseline, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """One line for each property that differs and for each resource that is added or removed; below it the findings."""
    yield f"compared with {baseline}\n"
    headings = ["stack", "what", "type", "name", "property", "old", "new", "in Azure"]
    yield from _table(headings, stacks, _diff_rows, _diff_findings)


def _table(
    headings: Sequence[str],
    stacks: Iterable[Judged],
    rows_of: Callable[[Judged], Iterable[list[str]]],
    findings_of: Callable[[Judged], Iterable[str]],
) -> Iterator[str]:
    """The table, then the findings, which wait until the table is complete."""
    findings: list[str] = []

    def rows() -> Iterator[list[str]]:
        for stack in stacks:
            findings.extend(findings_of(stack))
            yield from rows_of(stack)

    yield from table_lines(headings, rows())
    if findings:
        yield "\nfindings:\n"
    yield from findings


def _plan_rows(stack: StackPlan) -> Iterator[list[str]]:
    for resource in stack.made:
        yield [stack.name, kind(resource.type), label(resource), marks(resource), stack.manifest(resource)]


def _plan_findings(stack: StackPlan) -> Iterator[str]:
    for one in grave(stack):
        yield f"{one.severity}  {stack.name}: {one.rule}: {one.message} ({one.manifest})\n"
    yield from (f"note  {stack.name}: {one.rule}: {one.message}\n" for one in notes(stack))
    yield from (f"suppressed  {stack.name}: {line}\n" for line in suppressed(stack))


def _diff_rows(stack: StackDiff) -> Iterator[list[str]]:
    for resource in stack.resources:
        start = [stack.name, WORDS[resource.action], kind(resource.type), resource.name]
        if not resource.changed:
            yield [*start, "", "", resource.import_id or "" if resource.action == "import" else "", ""]
        yield from ([*start, one.at, *values(one), effect(resource, one.at)] for one in resource.changed)


def _diff_findings(stack: StackDiff) -> Iterator[str]:
    yield from (f"error  {stack.name}: {one}\n" for one in stack.refusals)
    yield from (f"warning  {stack.name}: {one}\n" for one in new_warnings(stack))
