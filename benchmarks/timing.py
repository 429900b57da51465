"""Whole processes timed in turn."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Timing:
    """Medians of wall time, in seconds; or two other measures, in the row's unit."""

    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """Ours divided by the peer's."""
        return self.ours / self.peer


@dataclass(frozen=True)
class Promise:
    """What we promise of a comparison: at most this ratio, at most these seconds, or both."""

    ratio: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        limits = [
            *([f"{self.ratio:g} times"] if self.ratio is not None else []),
            *([f"{self.seconds:g} s"] if self.seconds is not None else []),
        ]
        return "at most " + " and ".join(limits)


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        timing: Ours and the peer's; ours alone where there is no peer.
        peer: What ours is compared to.
        promise: None where the line is there to be compared to.
        unit: Of the numbers.
    """

    what: str
    timing: Timing | float
    peer: str | None
    promise: Promise | None
    unit: Literal["s", "MB"] = "s"

    def __str__(self) -> str:
        if isinstance(self.timing, Timing):
            ours, peer = self._number(self.timing.ours), self._number(self.timing.peer)
            numbers = f"{ours} | {self.peer} | {peer} | {self.timing.ratio:.2f}"
        else:
            numbers = f"{self._number(self.timing)} | | | "
        return f"| {self.what} | {numbers} | {self.promise or ''} |"

    def _number(self, value: float) -> str:
        return f"{value:.2f} s" if self.unit == "s" else f"{value:.0f} MB"


def compare(ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Timing:
    """Call both in turn, after one call of each that does not count; each returns its seconds."""
    ours(), peer()
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return Timing(statistics.median(own for own, _ in pairs), statistics.median(other for _, other in pairs))


@dataclass(frozen=True)
class Usage:
    """What a whole process took.

    Attributes:
        seconds: Wall time.
        megabytes: The most memory that it, or one of the processes that it started, had at once.
    """

    seconds: float
    megabytes: float


def seconds(command: Command, cwd: Path, env: dict[str, str] | None = None) -> float:
    """Run `command` to its end, without output, and return the wall time of the whole process."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=_environment(env), capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - started
    _check(command, done.returncode, done.stdout + done.stderr)
    return elapsed


def usage(command: Command, cwd: Path, env: dict[str, str] | None = None) -> Usage:
    """Run `command` to its end, without output, and return what it took. Windows does not tell the memory."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=_environment(env), stdout=said, stderr=said)
        # Of the process and of those that it waited for: https://man7.org/linux/man-pages/man2/getrusage.2.html
        _, status, used = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        _check(command, process.returncode, said.read() if process.returncode else "")
    kilobytes = used.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Usage(elapsed, kilobytes / 1024)


def _environment(env: dict[str, str] | None) -> dict[str, str]:
    environment = {**os.environ, **(env or {})}
    # A user's Python keeps compiled modules; an environment that forbids it would time the compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _check(command: Command, code: int, said: str) -> None:
    if code != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {code}:\n{said}")
