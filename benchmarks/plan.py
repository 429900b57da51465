"""Plans against the import of the provider modules that they cannot do without, and against the engine's preview."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.project import OURS, ROOT
from benchmarks.timing import Promise, Row, compare, seconds
from bootstrap.platform.platform import load_platform
from tests.engine.executable import find_or_build
from tests.engine.provider import serving
from tests.engine.stacks import environment

CONTOSO = ROOT / "examples" / "contoso"

PROVIDER = (
    "import pulumi, pulumi_azure_native as provider\n"
    "for name in ('applicationinsights', 'authorization', 'consumption', 'containerregistry', 'keyvault', 'monitor',\n"
    "             'machinelearningservices', 'managedidentity', 'resources', 'storage'):\n"
    "    hasattr(getattr(provider, name), 'x')  # modules load when something of them is asked for\n"
)


def one_environment(_folder: Path) -> Row:
    """`plan` of one environment against the import of the same provider modules."""
    timing = compare(
        lambda: seconds([OURS, "plan", "fraud-dev", "--no-cache", "-C", CONTOSO], ROOT),
        lambda: seconds([sys.executable, "-c", PROVIDER], ROOT),
        rounds=5,
    )
    return Row("`plan` of one environment", timing, "import of the same provider modules", Promise(ratio=1.3))


def one_environment_by_the_engine(folder: Path) -> Row:
    """`plan` of one environment against `pulumi preview` of the same program, whose provider answers at once."""
    pulumi = find_or_build()
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    (folder / "infra").symlink_to(ROOT / "infra")
    settings = load_platform(CONTOSO).stacks["fraud-dev"].model_dump_json()
    with serving() as port:
        variables = environment(folder / "engine", port)
        for words in (["stack", "init", "fraud-dev"], ["config", "set", "settings", settings]):
            command = [str(pulumi), "--non-interactive", *words]
            subprocess.run(command, cwd=folder, env={**os.environ, **variables}, check=True, capture_output=True)
        timing = compare(
            lambda: seconds([OURS, "plan", "fraud-dev", "--no-cache", "-C", CONTOSO], ROOT),
            lambda: seconds([sys.executable, "-m", "benchmarks.preview", pulumi, "fraud-dev"], folder, variables),
            rounds=5,
        )
    return Row("`plan` of one environment", timing, "`pulumi preview` of the same program", Promise(ratio=1))
