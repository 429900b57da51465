"""A plan as a table: one line for each resource that Azure would hold, and below it what was found."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.words import grave, kind, label, marks, notes_by_rule, suppressed

_HEADINGS = ["stack", "type", "name", "marked", "manifest"]


def as_table(stacks: Iterable[StackPlan]) -> Iterator[str]:
    """The table and the findings. How wide columns are is known at the end; until then all of it waits in files."""
    widths = [len(heading) for heading in _HEADINGS]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as file,
        tempfile.TemporaryFile("w+", encoding="utf-8") as found,
    ):
        for stack in stacks:
            for row in _rows(stack):
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


def _rows(stack: StackPlan) -> Iterator[list[str]]:
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
