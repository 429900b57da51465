"""Plans compared to the import of the provider modules that they need, and to the engine's preview."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.platforms import CONTOSO, of_teams
from benchmarks.project import OURS, ROOT
from benchmarks.timing import Command, Promise, Row, compare, seconds
from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.provider import serving
from tests.engine.executable import find_or_build
from tests.engine.stacks import environment

_FURTHER = 11
"""The number of environments that one process plans: too few to start worker processes."""

PROVIDER = (
    "import pulumi, pulumi_azure_native as provider\n"
    "for name in ('applicationinsights', 'authorization', 'consumption', 'containerregistry', 'keyvault', 'monitor',\n"
    "             'machinelearningservices', 'managedidentity', 'resources', 'storage'):\n"
    "    hasattr(getattr(provider, name), 'x')  # a module is imported at the first access\n"
)


def one_environment(_folder: Path) -> Row:
    """`plan` of one environment compared to the import of the same provider modules."""
    timing = compare(
        lambda: seconds([OURS, "plan", "fraud-dev", "--no-cache", "-C", CONTOSO], ROOT),
        lambda: seconds([sys.executable, "-c", PROVIDER], ROOT),
        rounds=5,
    )
    return Row("`plan` of one environment", timing, "import of the same provider modules", Promise(ratio=1.3))


def one_environment_by_the_engine(folder: Path) -> Row:
    """`plan` of one environment compared to `pulumi preview` of the same program with a simulated provider."""
    with _previewing(folder, CONTOSO, "fraud-dev") as preview:
        timing = compare(
            lambda: seconds([OURS, "plan", "fraud-dev", "--no-cache", "-C", CONTOSO], ROOT), preview, rounds=5
        )
    return Row("`plan` of one environment", timing, "`pulumi preview` of the same program", Promise(ratio=1))


def further_stack(folder: Path) -> Row:
    """The time of each further environment in one process, compared to `pulumi preview` of one."""
    root = of_teams(folder / "platform", 3 * _FURTHER)
    names = [name for name in load_platform(root).stacks if name.startswith("fraud-") and name.endswith("-dev")]

    def planned(stacks: Sequence[str]) -> float:
        return seconds([OURS, "plan", *stacks, "--no-cache", "-C", root], ROOT)

    with _previewing(folder, root, names[0]) as preview:
        timing = compare(
            lambda: (planned(names) - planned(names[:1])) / (len(names) - 1),
            preview,
            rounds=3,
        )
    return Row("each further stack in one `plan`", timing, "`pulumi preview` of one", Promise(ratio=0.1))


def second_plan(folder: Path) -> Row:
    """An unchanged second `plan` of the example's ten stacks."""
    cache = {"XDG_CACHE_HOME": str(folder), "LOCALAPPDATA": str(folder)}
    command: Command = [OURS, "plan", "-C", CONTOSO]
    seconds(command, ROOT, cache)
    times = sorted(seconds(command, ROOT, cache) for _ in range(5))
    return Row("unchanged second `plan` of ten stacks", times[2], None, Promise(seconds=0.5))


@contextmanager
def _previewing(folder: Path, platform: Path, stack: str) -> Iterator[Callable[[], float]]:
    """A function that runs `pulumi preview` of a platform's stack with a simulated provider and returns its seconds."""
    pulumi = find_or_build()
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    (folder / "infra").symlink_to(ROOT / "infra")
    settings = load_platform(platform).stacks[stack].model_dump_json()
    with serving() as port:
        variables = environment(folder / "engine", port)
        for words in (["stack", "init", stack], ["config", "set", "settings", settings]):
            command = [str(pulumi), "--non-interactive", *words]
            subprocess.run(command, cwd=folder, env={**os.environ, **variables}, check=True, capture_output=True)
        yield lambda: seconds([sys.executable, "-m", "benchmarks.preview", pulumi, stack], folder, variables)
