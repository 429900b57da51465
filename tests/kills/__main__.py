"""`python -m tests.kills [KILLS] [COMMAND...]`: every command that writes, killed at many of its changes, as a table.

The kills are shared among the commands; a command with fewer changes is killed at each of them.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.kills.commands import COMMANDS, Killing
from tests.kills.harness import import_all


def main(kills: int, names: list[str]) -> int:
    """Kill, print a row for each command, and return the number of kills after which something was wrong."""
    import_all()
    chosen = [command for command in COMMANDS if not names or command.name in names]
    share = sum(1 if command.slow else 4 for command in chosen)
    print("| Command | Changes | Kills | As before | Done | Under way | Wrong after the next call | Seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    failed, total, left = 0, 0, Counter[str]()
    for command in chosen:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            killing = Killing(command, Path(folder).resolve())
            wanted = min(len(killing.changes), max(1, kills * (1 if command.slow else 4) // share))
            found: Counter[str] = Counter()
            wrong = list(killing.answer.wrong)
            for number in sorted({1 + index * len(killing.changes) // wanted for index in range(wanted)}):
                kill = killing.kill(number)
                found[kill.left] += 1
                wrong += [f"{command.name}, change {number}: {one}" for one in kill.answer.wrong]
        total, failed, left = total + sum(found.values()), failed + len(wrong), left + found
        counts = " | ".join(str(found[state]) for state in ("as before", "done", "under way"))
        seconds = time.monotonic() - began
        print(
            f"| {command.name} | {len(killing.changes)} | {found.total()} | {counts} | {len(wrong)} | {seconds:.0f} |",
            flush=True,
        )
        for one in wrong[:20]:
            print(f"  {one}", file=sys.stderr, flush=True)
    print(f"| all | | {total} | {left['as before']} | {left['done']} | {left['under way']} | {failed} | |")
    return failed


if __name__ == "__main__":
    _, *given = sys.argv
    sys.exit(min(1, main(int(given[0]) if given else 300, given[1:])))
