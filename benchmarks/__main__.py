"""Run the comparisons and print them as a Markdown table: `make benchmark`, or `python -m benchmarks NAME...`."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import command_line, plan, project
from benchmarks.timing import Row

COMPARISONS: dict[str, Callable[[Path], Row]] = {
    "help": command_line.help_page,
    "version": command_line.version,
    "new": project.new,
    "first-run": project.first_run,
    "second-run": project.second_run,
    "plan": plan.one_environment,
    "plan-engine": plan.one_environment_by_the_engine,
    "demo": project.demo,
}
"""What can be compared, by name; each is given a folder that vanishes afterwards."""


def main(names: list[str]) -> int:
    """Print a row for each of the named comparisons, or for all of them."""
    unknown = [name for name in names if name not in COMPARISONS]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. Known: {', '.join(COMPARISONS)}.", file=sys.stderr)
        return 2
    print("| What | Ours, s | Peer | Peer's, s | Ratio | Promised |\n|---|---|---|---|---|---|")
    for name in names or COMPARISONS:
        with tempfile.TemporaryDirectory() as folder:
            print(COMPARISONS[name](Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
