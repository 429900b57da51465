"""Run the comparisons and print them as a Markdown table: `make benchmark`, or `python -m benchmarks NAME...`."""

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import command_line, deploy, plan, project, runner, scale
from benchmarks.timing import Row

COMPARISONS: dict[str, Callable[[Path], Row | Iterable[Row]]] = {
    "help": command_line.help_page,
    "version": command_line.version,
    "new": project.new,
    "first-run": project.first_run,
    "second-run": project.second_run,
    "unchanged": runner.unchanged,
    "pool": runner.pool,
    "hashing": runner.hashing,
    "isolation": runner.isolation,
    "peers": runner.peers,
    "plan": plan.one_environment,
    "plan-engine": plan.one_environment_by_the_engine,
    "further-stack": plan.further_stack,
    "second-plan": plan.second_plan,
    "preview": deploy.preview,
    "up": deploy.up,
    "rehearse": deploy.rehearse,
    "parallel": deploy.parallel,
    "ledger": deploy.ledger,
    "plan-1000": scale.thousand_stacks,
    "validate-1000": scale.thousand_teams,
    "demo": project.demo,
}
"""The comparisons by name; each gets a temporary folder."""


def main(names: list[str]) -> int:
    """Print the rows of the named comparisons, or of all of them."""
    unknown = [name for name in names if name not in COMPARISONS]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. Known: {', '.join(COMPARISONS)}.", file=sys.stderr)
        return 2
    print("| Command | Time | Compared with | Its time | Ratio | Limit |\n|---|---|---|---|---|---|")
    for name in names or COMPARISONS:
        with tempfile.TemporaryDirectory() as folder:
            rows = COMPARISONS[name](Path(folder))
            for row in [rows] if isinstance(rows, Row) else rows:
                print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
