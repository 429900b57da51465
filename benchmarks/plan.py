"""Plans against the import of the provider modules that they cannot do without."""

import sys
from pathlib import Path

from benchmarks.project import OURS, ROOT
from benchmarks.timing import Promise, Row, compare, seconds

PROVIDER = (
    "import pulumi, pulumi_azure_native as provider\n"
    "for name in ('applicationinsights', 'authorization', 'consumption', 'containerregistry', 'keyvault', 'monitor',\n"
    "             'machinelearningservices', 'managedidentity', 'resources', 'storage'):\n"
    "    hasattr(getattr(provider, name), 'x')  # modules load when something of them is asked for\n"
)


def one_environment(_folder: Path) -> Row:
    """`plan` of one environment against the import of the same provider modules."""
    timing = compare(
        lambda: seconds([OURS, "plan", "fraud-dev", "-C", ROOT / "examples/contoso"], ROOT),
        lambda: seconds([sys.executable, "-c", PROVIDER], ROOT),
        rounds=5,
    )
    return Row("`plan` of one environment", timing, "import of the same provider modules", Promise(ratio=1.3))
