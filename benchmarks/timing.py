"""Whole processes timed in turn."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Timing:
    """Medians of wall time, in seconds."""

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
        timing: Ours and the peer's; ours alone, in seconds, where there is no peer.
        peer: What ours is compared to.
    """

    what: str
    timing: Timing | float
    peer: str | None
    promise: Promise

    def __str__(self) -> str:
        if isinstance(self.timing, Timing):
            numbers = f"{self.timing.ours:.2f} | {self.peer} | {self.timing.peer:.2f} | {self.timing.ratio:.2f}"
        else:
            numbers = f"{self.timing:.2f} | | | "
        return f"| {self.what} | {numbers} | {self.promise} |"


def compare(ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Timing:
    """Call both in turn, after one call of each that does not count; each returns its seconds."""
    ours(), peer()
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return Timing(statistics.median(own for own, _ in pairs), statistics.median(other for _, other in pairs))


def seconds(command: Command, cwd: Path, env: dict[str, str] | None = None) -> float:
    """Run `command` to its end, without output, and return the wall time of the whole process."""
    environment = {**os.environ, **(env or {})}
    # A user's Python keeps compiled modules; an environment that forbids it would time the compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return elapsed
