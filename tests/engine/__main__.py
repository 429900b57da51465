"""The number of resources of each stack of a platform in each step of its life: `python -m tests.engine PLATFORM`."""

import sys
import tempfile
from pathlib import Path

from bootstrap.manifests.platform import load_platform
from tests.engine.executable import find_or_build
from tests.engine.stacks import Counts, live


def main(platform: Path) -> None:
    """Print a row per stack."""
    print("| Stack | Previewed | Created | Second up | Destroyed |\n| --- | ---: | ---: | ---: | ---: |")
    executable = find_or_build()
    for name, settings in load_platform(platform).stacks.items():
        with tempfile.TemporaryDirectory() as folder:
            life = live(executable, Path(folder), settings)
        cells = (_as_text(counts) for counts in (life.created, life.again, life.ended))
        print(f"| {name} | {len(life.previewed)} | {' | '.join(cells)} |")


def _as_text(counts: Counts) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
