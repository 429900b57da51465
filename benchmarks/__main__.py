"""Run every comparison and print them as a Markdown table: `make benchmark`."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import Command, compare, seconds

Timed = Callable[[], float]
"""A call that runs a command once and returns its seconds."""

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
OURS, COPIER, PYTHON = PROGRAMS / "mlops-bootstrap", PROGRAMS / "copier", Path(sys.executable)

PROVIDER = (
    "import pulumi, pulumi_azure_native as provider\n"
    "for name in ('applicationinsights', 'authorization', 'consumption', 'containerregistry', 'keyvault', 'monitor',\n"
    "             'machinelearningservices', 'managedidentity', 'operationalinsights', 'resources', 'storage'):\n"
    "    dir(getattr(provider, name))  # modules load when something of them is asked for\n"
)


def timed(command: Command, cwd: Path = ROOT) -> Timed:
    """A call that times the command once."""
    return lambda: seconds(command, cwd)


def into_new_folder(command: Command, folder: Path) -> Timed:
    """A call that times the command with a destination of its own each time."""
    numbers = iter(range(1000))
    return lambda: seconds([*command, folder / f"project-{next(numbers)}"], folder)


def main() -> None:
    """Print a row per comparison: ours, the peer's, the ratio of medians, and the ratio that we promise."""
    print("| What | Ours, s | Peer | Peer's, s | Ratio | Promised |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ours").mkdir()
        (folder / "peer").mkdir()
        new: list[str | Path] = [OURS, "new", "tabular", "--defaults", "--quiet"]
        copy: list[str | Path] = [COPIER, "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", ROOT]
        provider: list[str | Path] = [PYTHON, "-c", PROVIDER]
        _row("`--help`", timed([OURS, "--help"]), "`copier --help`", timed([COPIER, "--help"]), 0.5)
        _row("`--version`", timed([OURS, "--version"]), "`copier --help`", timed([COPIER, "--help"]), 0.5)
        _row(
            "`plan` of one environment",
            timed([OURS, "plan", "fraud-dev", "-C", ROOT / "examples/contoso"]),
            "import of the same provider modules",
            timed(provider),
            1.3,
        )
        _row(
            "`new tabular`",
            into_new_folder(new, folder / "ours"),
            "`copier copy`",
            into_new_folder(copy, folder / "peer"),
            1.2,
        )


def _row(what: str, ours: Timed, peer_name: str, peer: Timed, promised: float) -> None:
    timing = compare(ours, peer, rounds=5)
    print(f"| {what} | {timing.ours:.2f} | {peer_name} | {timing.peer:.2f} | {timing.ratio:.2f} | {promised} |")


if __name__ == "__main__":
    main()
