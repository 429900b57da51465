"""`python -m tests.kills [KILLS] [COMMAND...]`: every command that writes, killed at many moments, as a table.

The kills are shared among the commands. Half of them are at changes, half at random times, which follow from the name
of the command; a command with few changes is killed at random times instead.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.kills.commands import COMMANDS, Command, Kill, Killing
from tests.kills.harness import import_all

_COLUMNS = (
    "at changes",
    "at random times",
    "as before",
    "done",
    "under way",
    "with leftovers",
    "done by next call",
)
_AT_END = 0.95
"""The share of a command's time in which it is killed: the rest is its end, where it has ended before the kill."""


def main(kills: int, names: list[str]) -> int:
    """Kill, print a row for each command, and return the number of kills after which something was wrong."""
    import_all()
    chosen = [command for command in COMMANDS if not names or command.name in names]
    shares = sum(map(_weight, chosen))
    print(f"| Command | Kills | {' | '.join(_COLUMNS)} | Seconds |")
    print(f"| --- | ---: {'| ---: ' * len(_COLUMNS)}| ---: |", flush=True)
    failed, total, start = 0, Counter[str](), time.monotonic()
    for command in chosen:
        began = time.monotonic()
        counts, wrong = _figures(command, max(1, kills * _weight(command) // shares))
        total, failed = total + counts, failed + len(wrong)
        print(_row(command.name, counts, time.monotonic() - began), flush=True)
        for one in wrong[:20]:
            print(f"  {command.name}: {one}", file=sys.stderr, flush=True)
    print(_row("all", total, time.monotonic() - start))
    return failed


def _weight(command: Command) -> int:
    return 8 if not command.slow else 1


def _row(name: str, counts: Counter[str], seconds: float) -> str:
    numbers = " | ".join(str(counts[column]) for column in ("kills", *_COLUMNS))
    return f"| {name} | {numbers} | {seconds:.0f} |"


def _figures(command: Command, kills: int) -> tuple[Counter[str], list[str]]:
    """The numbers of a command's row, and what was wrong."""
    counts = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        killing = Killing(command, Path(folder).resolve())
        wrong = list(killing.answer.wrong)
        for when, kill in _kills(killing, kills):
            wrong += kill.answer.wrong
            if kill.killed:
                counts.update(["kills", when, kill.left])
                counts["with leftovers"] += bool(kill.leftovers)
                counts["done by next call"] += not kill.answer.wrong
    return counts, wrong


def _kills(killing: Killing, count: int) -> Iterator[tuple[str, Kill]]:
    random, seconds = Random(killing.command.name), killing.answer.seconds * _AT_END
    if killing.command.repeated:
        # Each call finds more of the work done, and ends sooner.
        times = (random.uniform(0, seconds * (count - number) / count) for number in range(count))
        for kill in killing.kill_after(*times):
            yield "at random times", kill
        return
    at_changes = min(len(killing.changes), (count + 1) // 2)
    for index in range(at_changes):
        yield "at changes", killing.kill_at(1 + index * len(killing.changes) // at_changes)
    for _ in range(count - at_changes):
        for kill in killing.kill_after(random.uniform(0, seconds)):
            yield "at random times", kill


if __name__ == "__main__":
    _, *given = sys.argv
    sys.exit(min(1, main(int(given[0]) if given else 300, given[1:])))
