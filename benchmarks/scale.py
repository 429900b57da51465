"""Many teams and many stacks: the time, and the memory of the largest process."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.platforms import of_teams
from benchmarks.project import OURS, ROOT
from benchmarks.timing import Promise, Row, Timing, Usage, seconds, usage


def thousand_stacks(folder: Path) -> Iterator[Row]:
    """`plan --all` of 100, 301 and 1,000 stacks, and the growth of time and memory."""
    few, some, many = (_planned(folder / "once", teams) for teams in (33, 100, 333))
    again = [_planned(folder / "again" / str(number), 33) for number in range(2)]
    yield Row("`plan --all` of 100 stacks", few.seconds, None, None)
    yield Row("`plan --all` of 301 stacks", some.seconds, None, None)
    yield Row("`plan --all` of 1,000 stacks", many.seconds, None, Promise(seconds=300))
    growth = Timing(many.seconds / 1000, some.seconds / 301)
    yield Row("each stack of 1,000", growth, "each of 301", Promise(ratio=1.2))
    # A worker's memory depends on which stacks it gets: the median of three runs, and the one long run.
    memory = Timing(many.megabytes, statistics.median(one.megabytes for one in (few, *again)))
    yield Row("memory of `plan --all` of 1,000 stacks", memory, "of 100 stacks", Promise(ratio=1.2), "MB")


def thousand_teams(folder: Path) -> Row:
    """`platform validate` of a thousand teams' files."""
    root = of_teams(folder / "platform", 1000)
    times = sorted(seconds([OURS, "platform", "validate", "-C", root], ROOT) for _ in range(5))
    return Row("`platform validate` of 1,000 teams", times[2], None, Promise(seconds=5))


def _planned(folder: Path, teams: int) -> Usage:
    """The time and memory of a plan of all stacks: three for each team, and the hub."""
    root = of_teams(folder / str(teams), teams)
    return usage([OURS, "plan", "--all", "--resources", "--no-cache", "--quiet", "-C", root], ROOT)
