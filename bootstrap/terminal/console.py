"""The terminal: results, talk, progress and error messages. The only module that knows Rich.

Results go to standard output, everything else to standard error. Colour and live progress appear on a terminal only;
Rich honours `NO_COLOR` and `TERM=dumb` by itself.
"""

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from bootstrap.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as LiveProgress
    from rich.progress import TaskID

    from bootstrap.errors import BootstrapError


class Console:
    """Where one command's results, talk and progress go.

    Args:
        json_output: Results are one JSON document; nothing else is printed on standard output.
        quiet: No talk and no progress; results and errors only.
        verbose: More talk (`detail`).
    """

    def __init__(self, *, json_output: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.json_output = json_output
        self.quiet = quiet
        self.verbose = verbose
        self._progress: TerminalProgress | None = None

    def result(self, text: str, document: Mapping[str, Any]) -> None:
        """Print the command's result in the form that was asked for: the text, or the document as JSON."""
        self.close()
        if self.json_output:
            text = json.dumps(document, indent=2, ensure_ascii=False)
        _write(sys.stdout, text)

    def parts(self, texts: Iterable[str]) -> None:
        """Print a long result that comes in parts, when it is whole: none of it, if a part cannot be made."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
            file.writelines(texts)
            self.close()
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout)
        sys.stdout.flush()

    def say(self, message: str) -> None:
        """A sentence for the person at the terminal."""
        if not self.quiet:
            self.progress.say(message)

    def detail(self, message: str) -> None:
        """A sentence for who asked for `--verbose`."""
        if self.verbose:
            self.say(message)

    @property
    def progress(self) -> "TerminalProgress":
        """The observer to hand to a service. It stops drawing when a result is printed or the command ends."""
        if self._progress is None:
            self._progress = TerminalProgress(quiet=self.quiet)
        return self._progress

    def close(self) -> None:
        """Stop drawing."""
        if self._progress is not None:
            self._progress.close()


class TerminalProgress(Progress):
    """Draws spinners on a terminal; elsewhere prints a line for each task that has ended."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live: LiveProgress | None = None
        self._rows: dict[str, TaskID] = {}
        self._started_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def started(self, task: str) -> None:
        """Show `task` as under way."""
        with self._lock:
            self._started_at[task] = time.monotonic()
            if not self._quiet and self._stream.isatty():
                self._rows[task] = self._drawing().add_task(task, total=None)

    def finished(self, task: str, outcome: str = "done") -> None:
        """Replace the task's spinner by a line that stays."""
        with self._lock:
            seconds = time.monotonic() - self._started_at.pop(task, time.monotonic())
            row = self._rows.pop(task, None)
            if self._live is not None and row is not None:
                self._live.remove_task(row)
            self._line(f"  {task}: {outcome} in {seconds:.1f} s")

    def say(self, message: str) -> None:
        """Print a line that stays, above the spinners."""
        with self._lock:
            self._line(message)

    def close(self) -> None:
        """Stop the spinners."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None
                self._rows.clear()

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            _write(self._stream, text)

    def _drawing(self) -> "LiveProgress":
        if self._live is None:
            from rich.console import Console as RichConsole
            from rich.progress import Progress as RichProgress
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

            self._live = RichProgress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=RichConsole(file=self._stream),
                transient=True,
            )
            self._live.start()
        return self._live


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain text table: left-aligned columns, two spaces apart, no colour, stable for tests and for `grep`."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def print_error(error: "BootstrapError") -> None:
    """What happened, every single problem, why, and what to do next, on standard error."""
    lines = [f"error: {error.what}", *(f"  {detail}" for detail in error.details)]
    lines += [f"  why: {error.why}"] if error.why else []
    lines += [f"  next: {error.hint}"] if error.hint else []
    _write(sys.stderr, "\n".join(lines))


def _write(stream: TextIO, text: str) -> None:
    stream.write(text if text.endswith("\n") else text + "\n")
    stream.flush()
