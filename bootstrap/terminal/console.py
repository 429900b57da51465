"""The terminal: results, messages, progress and errors. Only this package imports Rich.

Results go to standard output, everything else to standard error. Colours and live progress appear on a terminal only;
Rich respects `NO_COLOR` and `TERM=dumb`.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from bootstrap.progress import Progress
from bootstrap.terminal.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as LiveProgress
    from rich.progress import TaskID

    from bootstrap.errors import BootstrapError

_MOST_DETAILS = 50
"""The most problems of an error that are printed; documents such as that of `validate -o json` have all."""

_PULSE_SECONDS = 60.0
"""The time between two lines for tasks that still run, where there is no terminal."""
_MOST_PARTS = 3
"""How many parts of a task such a line names."""

_GROUPS = {"GITHUB_ACTIONS": ("::group::", "::endgroup::"), "TF_BUILD": ("##[group]", "##[endgroup]")}
"""How a log begins and ends a group, by the environment variable of the forge's jobs.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#formatting-commands
"""

_COLOURS = {r"^ *error\b": "bold red", r"^ *warning\b": "yellow"}
"""The style of the first word of a line on a terminal."""


class Console(Progress):
    """The output of one command. As the `Progress` of services it shows running tasks.

    On a terminal a task has a spinner; when it ends it becomes a line that stays, unless it is a part of another task.
    Elsewhere each task has a line when it ends, and each minute there is a line for what still runs. In the log of a
    GitHub or Azure DevOps job the parts of a task are a group, which stands under the line of the task.

    Args:
        json_output: Results are one JSON document; nothing else is printed on standard output.
        quiet: Results and errors only: no messages and no progress.
        verbose: Also print what services log: the files that are read, the programs that are started.
        stream: The stream for messages and progress; standard error by default.
    """

    def __init__(
        self, *, json_output: bool = False, quiet: bool = False, verbose: bool = False, stream: TextIO | None = None
    ) -> None:
        self.json_output = json_output
        self.quiet = quiet
        self._stream = stream or sys.stderr
        self._live: LiveProgress | None = None
        self._rows: dict[str, TaskID] = {}
        self._running: dict[str, tuple[float, str]] = {}
        self._ended: dict[str, list[str]] = {}
        in_job = [] if self._stream.isatty() else [words for name, words in _GROUPS.items() if os.environ.get(name)]
        self._group = next(iter(in_job), None)
        self._pulse: threading.Event | None = None
        self._lock = threading.Lock()
        if verbose:
            import logging  # takes 2 ms, which a help page does not need

            handler = logging.Handler()
            handler.emit = lambda record: self.say(f"  {record.getMessage()}")  # type: ignore[method-assign]
            logger = logging.getLogger("bootstrap")
            logger.handlers = [handler]
            logger.setLevel(logging.DEBUG)

    def result(self, text: str, document: Mapping[str, Any]) -> None:
        """Print the command's result in the form that the user chose: the text, or the document as JSON."""
        self.close()
        if self.json_output:
            text = json.dumps(document, indent=2, ensure_ascii=False)
        _write(sys.stdout, printable(text), coloured=False)

    def parts(self, texts: Iterable[str], *, commands: bool = False) -> None:
        """Print a long result that comes in parts, its errors and warnings in colour.

        Nothing is printed when one of the parts raises an exception.

        Args:
            commands: The parts are commands for the runner of a CI job, and printable.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
            file.writelines(texts if commands else map(printable, texts))
            self.close()
            file.seek(0)
            while text := "".join(file.readlines(1 << 16)):
                _write(sys.stdout, text)

    def say(self, message: str) -> None:
        """Print a message, above the spinners."""
        with self._lock:
            self._line(message)

    def started(self, task: str, within: str = "") -> None:
        """Show that `task` is running."""
        with self._lock:
            self._running[task] = (time.monotonic(), within)
            if self.quiet:
                return
            if self._stream.isatty():
                self._rows[task] = self._spinners().add_task(printable(f"  {task}" if within else task), total=None)
            elif self._pulse is None:
                self._pulse = threading.Event()
                threading.Thread(target=self._report_running, args=(self._pulse,), daemon=True).start()

    def finished(self, task: str, outcome: str = "done") -> None:
        """Replace the task's spinner by a line with its outcome and its time."""
        with self._lock:
            began, within = self._running.pop(task, (time.monotonic(), ""))
            seconds = time.monotonic() - began
            row = self._rows.pop(task, None)
            if self._live is not None and row is not None:
                self._live.remove_task(row)
            line = f"  {task}: {outcome} in {seconds:.1f} s"
            if not within:
                self._whole(line, self._ended.pop(task, []))
            elif self._group is not None:
                self._ended.setdefault(within, []).append(line)
            elif row is None:
                self._line(line)

    def close(self) -> None:
        """Stop the spinners, and the lines for what still runs."""
        with self._lock:
            if self._pulse is not None:
                self._pulse.set()
                self._pulse = None
            if self._live is not None:
                self._live.stop()
                self._live = None
                self._rows.clear()

    def _whole(self, line: str, parts: Sequence[str]) -> None:
        """Print the line of a task and those of its parts, as a group that its reader can open."""
        if self._group is None or not parts or self.quiet:
            self._line(line)
            return
        begin, end = self._group
        # The runner obeys the first and the last line; the others are made harmless.
        _write(self._stream, "\n".join([begin + printable(line.strip()), *map(printable, parts), end]))

    def _report_running(self, pulse: threading.Event) -> None:
        while not pulse.wait(_PULSE_SECONDS):
            with self._lock:
                now = time.monotonic()
                for task, (began, within) in self._running.items():
                    if not within:
                        parts = [part for part, (_, whole) in self._running.items() if whole == task]
                        at = f": {', '.join(parts[:_MOST_PARTS])}" if parts else ""
                        self._line(f"  {task}: still at work after {(now - began) / 60:.0f} min{at}")

    def _line(self, text: str) -> None:
        if self.quiet:
            return
        if self._live is not None:
            self._live.console.print(printable(text), markup=False, highlight=False)
        else:
            _write(self._stream, printable(text))

    def _spinners(self) -> "LiveProgress":
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


def can_ask() -> bool:
    """Whether a person can answer a prompt, which is written to standard error."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def print_error(error: "BootstrapError") -> None:
    """Print on standard error what happened, each single problem, why, and what to do next."""
    lines = [f"error: {error.what}", *(f"  {detail}" for detail in error.details[:_MOST_DETAILS])]
    left = len(error.details) - _MOST_DETAILS
    lines += [f"  and {left:,} more"] if left > 0 else []
    lines += [f"  why: {error.why}"] if error.why else []
    lines += [f"  next: {error.hint}"] if error.hint else []
    # A line of a file name or of another program does not begin where lines of ours do.
    write_error("\n".join(line.replace("\n", "\n    ") for line in lines))


def write_error(text: str) -> None:
    """Print a message on standard error, where there is no console."""
    _write(sys.stderr, printable(text))


def _write(stream: TextIO, text: str, *, coloured: bool = True) -> None:
    try:
        _print(stream, text, coloured=coloured)
    except BrokenPipeError:
        raise
    except OSError:
        if stream is sys.stdout:
            raise
        # A message that cannot be written, to a full disk, must not fail the command: no later one can be either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print(stream: TextIO, text: str, *, coloured: bool) -> None:
    text = text if text.endswith("\n") else text + "\n"
    if coloured and stream.isatty():
        from rich.console import Console as RichConsole
        from rich.text import Text

        styled = Text(text, end="")
        for pattern, style in _COLOURS.items():
            styled.highlight_regex(f"(?m){pattern}", style)
        RichConsole(file=stream).print(styled, soft_wrap=True)
    else:
        stream.write(text)
    stream.flush()
