"""A plan as a table: one line for each resource that Azure would hold, and below it what was found."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from bootstrap.stack.diff.commits import Commit
from bootstrap.stack.diff.difference import ResourceDiff, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.differences import WORDS, new_warnings, values
from bootstrap.stack.report.interface import PlanOptions
from bootstrap.stack.report.words import grave, kind, label, marks, notes_by_rule, suppressed
from bootstrap.terminal.console import table

_HEADINGS = ["stack", "type", "name", "marked", "manifest"]


def render_plan(stacks: Iterable[StackPlan], _: PlanOptions) -> Iterator[str]:
    """The table and the findings. How wide columns are is known at the end; until then all of it waits in files."""
    widths = [len(heading) for heading in _HEADINGS]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as file,
        tempfile.TemporaryFile("w+", encoding="utf-8") as found,
    ):
        for stack in stacks:
            for row in _plan_rows(stack):
                widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
                file.write(json.dumps(row) + "\n")
            found.writelines(_findings(stack))
        yield from (_line(row, widths) for row in (_HEADINGS, ["-" * width for width in widths]))
        yield from (_line(row, widths) for row in _read_back(file))
        found.seek(0)
        first = found.readline()
        if first:
            yield f"\nfindings:\n{first}"
        yield from found


def _plan_rows(stack: StackPlan) -> Iterator[list[str]]:
    for resource in stack.made:
        yield [stack.name, kind(resource.type), label(resource), marks(resource), stack.manifest(resource)]


def _findings(stack: StackPlan) -> Iterator[str]:
    for one in grave(stack):
        yield f"{one.severity}  {stack.name}: {one.rule}: {one.message} ({one.manifest})\n"
    yield from (f"note  {stack.name}: {line}\n" for line in notes_by_rule(stack))
    yield from (f"suppressed  {stack.name}: {line}\n" for line in suppressed(stack))


def _read_back(file: IO[str]) -> Iterator[list[str]]:
    file.seek(0)
    yield from (json.loads(line) for line in file)


def _line(row: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def render_diff(commit: Commit, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """One line for each property that differs, and for each resource that is added or removed."""
    rows: list[list[str]] = []
    found: list[str] = []
    for stack in stacks:
        rows += [row for resource in stack.resources for row in _diff_rows(stack, resource)]
        found += [f"error  {stack.name}: {refusal}\n" for refusal in stack.refusals]
        found += [f"warning  {stack.name}: {finding}\n" for finding in new_warnings(stack)]
    yield f"compared with {commit}\n"
    yield from found
    yield table(["stack", "what", "type", "name", "property", "old", "new", "in Azure"], rows) + "\n"


def _diff_rows(stack: StackDiff, resource: ResourceDiff) -> Iterator[list[str]]:
    start = [stack.name, WORDS[resource.action], kind(resource.type), resource.name]
    if not resource.changed:
        yield [*start, "", "", resource.import_id or "" if resource.action == "import" else "", ""]
    yield from ([*start, one.at, *values(one), _effect(resource, one.at)] for one in resource.changed)


def _effect(resource: ResourceDiff, at: str) -> str:
    """What Azure does of a change of that property, where it does not just make it."""
    return next((one.effect for one in resource.effects if f"{at}.".startswith(f"{one.at}.")), "")
