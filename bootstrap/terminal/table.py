"""Tables of text.

On a terminal a table fits the width: cells are wrapped between words; where that does not suffice, each row becomes a
block of its own. Elsewhere, as in a pipe or a file, each row is one line of full width, whatever COLUMNS says, so that
`grep` and tests find it.
"""

import io
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence

_GAP = 2
"""Spaces between two columns."""

_IN_MEMORY = 1_000_000
"""Characters of rows kept in memory; more wait in a file until the widths of the columns are known."""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table as one text, without a line break at its end."""
    return "".join(table_lines(headings, rows)).removesuffix("\n")


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The table line by line, left-aligned; a table of any length needs little memory outside of a terminal."""
    widths = [len(heading) for heading in headings]
    words = [_longest_word(heading) for heading in headings]
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8") as file:
        for row in rows:
            widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
            words = [max(word, _longest_word(cell)) for word, cell in zip(words, row, strict=True)]
            file.write(json.dumps(row) + "\n")
        file.seek(0)
        kept = (json.loads(line) for line in file)
        gaps = _GAP * (len(headings) - 1)
        limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        if limit is None or sum(widths) + gaps <= limit:
            for cells in itertools.chain([headings, ["-" * width for width in widths]], kept):
                yield _line(cells, widths)
        elif sum(words) + gaps <= limit:
            yield _text(headings, kept, limit)
        else:
            yield from _blocks(headings, kept, limit)


def _longest_word(cell: str) -> int:
    return max(map(len, cell.split()), default=0)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return (" " * _GAP).join(padded).rstrip() + "\n"


def _blocks(headings: Sequence[str], rows: Iterable[Sequence[str]], limit: int) -> Iterator[str]:
    between = ""
    for row in rows:
        yield between + _text(["", ""], [pair for pair in zip(headings, row, strict=True) if pair[1]], limit)
        between = "\n"


def _text(headings: Sequence[str], rows: Iterable[Sequence[str]], limit: int) -> str:
    """A table whose cells are wrapped; with lines between its rows, unless the headings are empty."""
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    grid = Table(
        *(Column(heading, overflow="fold") for heading in headings),
        box=box.HORIZONTALS if any(headings) else None,
        show_header=any(headings),
        show_lines=any(headings),
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
    )
    for row in rows:
        grid.add_row(*map(Text, row))
    text = io.StringIO()
    Console(file=text, width=limit, color_system=None).print(grid)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
