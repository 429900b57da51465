"""Time and memory of whole processes."""

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
    """The promise for a comparison: at most this ratio, at most these seconds, or both."""

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
        timing: Ours and the peer's, or ours alone.
        peer: The program of the comparison.
        promise: None for a line that is only a reference for others.
        unit: The unit of the numbers.
    """

    what: str
    timing: Timing | float
    peer: str | None
    promise: Promise | None
    unit: Literal["s", "ms", "MB"] = "s"

    def __str__(self) -> str:
        if isinstance(self.timing, Timing):
            ours, peer = self._number(self.timing.ours), self._number(self.timing.peer)
            numbers = f"{ours} | {self.peer} | {peer} | {self.timing.ratio:.2f}"
        else:
            numbers = f"{self._number(self.timing)} | | | "
        return f"| {self.what} | {numbers} | {self.promise or ''} |"

    def _number(self, value: float) -> str:
        return f"{value:.{ {'s': 2, 'ms': 3, 'MB': 0}[self.unit] }f} {self.unit}"


def compare(ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Timing:
    """Call both in turn, after one warm-up of each; each call returns its seconds."""
    ours(), peer()
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return Timing(statistics.median(own for own, _ in pairs), statistics.median(other for _, other in pairs))


@dataclass(frozen=True)
class Usage:
    """The time and memory of a whole process.

    Attributes:
        seconds: Wall time.
        megabytes: The peak memory of the largest of its processes.
    """

    seconds: float
    megabytes: float


def seconds(command: Command, cwd: Path, env: dict[str, str] | None = None) -> float:
    """Run `command` without output, and return the wall time of the whole process."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=_environment(env), capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - started
    _check(command, done.returncode, done.stdout + done.stderr)
    return elapsed


def usage(command: Command, cwd: Path, env: dict[str, str] | None = None) -> Usage:
    """Run `command` without output, and return its time and memory. Not for Windows, which reports no memory."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=_environment(env), stdout=output, stderr=output)
        # The process and its children: https://man7.org/linux/man-pages/man2/getrusage.2.html
        _, status, used = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        _check(command, process.returncode, output.read() if process.returncode else "")
    kilobytes = used.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Usage(elapsed, kilobytes / 1024)


def _environment(env: dict[str, str] | None) -> dict[str, str]:
    environment = {**os.environ, **(env or {})}
    # Python keeps compiled modules by default; without them, the compiler would be timed too.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _check(command: Command, code: int, output: str) -> None:
    if code != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {code}:\n{output}")
