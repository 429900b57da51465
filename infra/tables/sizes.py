"""Sizes of virtual machines, with the day on which a size retires, as of `AS_OF`.

Which sizes a region and a subscription offer is not in this table: `az ml compute list-sizes -l REGION` lists them.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

AS_OF = "2026-11-24"
"""The date of the last comparison with Microsoft's pages."""

SIZES_PAGE = "https://learn.microsoft.com/azure/virtual-machines/sizes/overview"
RETIRED_PAGE = "https://learn.microsoft.com/azure/virtual-machines/sizes/lifecycle/retired-sizes-list"
_AZURE_ML_PAGE = "https://learn.microsoft.com/azure/machine-learning/concept-compute-target"


@dataclass(frozen=True)
class Series:
    """A series of sizes whose names differ in one part.

    Attributes:
        template: The name of a size, with `{}` for the part that differs.
        parts: The values of that part, separated by spaces; mostly the number of virtual CPUs.
        retires: The day on which Azure retires them, `YYYY-MM-DD`; None when no day is announced.
        instead: The series that replaces them.
        source: The page with the data.
    """

    template: str
    parts: str
    retires: str | None = None
    instead: str = ""
    source: str = SIZES_PAGE

    @property
    def sizes(self) -> Iterator[str]:
        """The sizes' names."""
        return (f"Standard_{self.template.format(part)}" for part in self.parts.split())


_TO_64 = "2 4 8 16 32 48 64"
_TO_96 = f"{_TO_64} 96"
_E_TO_64 = "2 4 8 16 20 32 48 64"
_E_TO_96 = f"{_E_TO_64} 96"
_OLD = "2028-05-01"
_OLDER_BY_LATE_2028 = "2028-11-15"

SERIES: tuple[Series, ...] = (
    # General purpose.
    *(Series(t, _TO_64) for t in ("D{}_v3", "D{}s_v3", "D{}_v4", "D{}s_v4", "D{}d_v4", "D{}ds_v4")),
    *(Series(t, _TO_96) for t in ("D{}a_v4", "D{}as_v4", "D{}_v5", "D{}s_v5", "D{}d_v5", "D{}ds_v5", "D{}as_v5")),
    *(Series(t, _TO_96) for t in ("D{}ads_v5", "D{}ls_v5", "D{}lds_v5", "D{}as_v6", "D{}ads_v6", "D{}als_v6")),
    *(Series(t, f"{_TO_96} 128") for t in ("D{}s_v6", "D{}ds_v6", "D{}ls_v6", "D{}lds_v6")),
    Series("D{}alds_v6", _TO_96),
    # Memory optimized.
    *(Series(t, _E_TO_64) for t in ("E{}_v3", "E{}s_v3", "E{}_v4", "E{}s_v4", "E{}d_v4", "E{}ds_v4")),
    *(Series(t, _E_TO_96) for t in ("E{}a_v4", "E{}as_v4", "E{}_v5", "E{}s_v5", "E{}d_v5", "E{}ds_v5", "E{}as_v5")),
    *(Series(t, _E_TO_96) for t in ("E{}ads_v5", "E{}as_v6", "E{}ads_v6")),
    *(Series(t, f"{_E_TO_96} 128") for t in ("E{}s_v6", "E{}ds_v6")),
    Series("M{}", "8ms 16ms 32ls 32ms 32ts 64 64ls 64m 64ms 64s 128 128m 128ms 128s"),
    # Compute optimized.
    *(Series(t, _TO_64) for t in ("F{}as_v6", "F{}als_v6", "F{}ams_v6")),
    Series("FX{}mds", "4 12 24 36 48"),
    # Storage optimized.
    *(Series(t, "8 16 32 48 64 80") for t in ("L{}s_v3", "L{}as_v3")),
    # High performance.
    Series("HB{}rs_v2", "120 120-16 120-32 120-64 120-96"),
    Series("HB{}rs_v3", "120 120-16 120-32 120-64 120-96"),
    Series("HB{}rs_v4", "176 176-24 176-48 176-96 176-144"),
    Series("HC{}rs", "44 44-16 44-32"),
    Series("HX{}rs", "176 176-24 176-48 176-96 176-144"),
    # GPU.
    Series("NC{}as_T4_v3", "4 8 16 64"),
    Series("NC{}ads_A100_v4", "24 48 96"),
    Series("NC{}_H100_v5", "40ads 80adis"),
    Series("NV{}_A10_v5", "6ads 12ads 18ads 36ads 36adms 72ads"),
    Series("ND{}rs_v2", "40"),
    Series("ND{}", "96asr_v4 96amsr_A100_v4 96isr_H100_v5 96isr_H200_v5"),
    # Announced to retire.
    Series("D{}", "1 2 3 4 11 12 13 14", _OLD, "Dsv5", RETIRED_PAGE),
    Series("DS{}", "1 2 3 4 11 12 13 14", _OLD, "Dsv5", RETIRED_PAGE),
    Series("D{}_v2", "1 2 3 4 5 11 12 13 14 15", _OLD, "Dsv5", RETIRED_PAGE),
    Series("DS{}_v2", "1 2 3 4 5 11 12 13 14 15", _OLD, "Dsv5", RETIRED_PAGE),
    Series("L{}s", "4 8 16 32", _OLD, "Lsv3", RETIRED_PAGE),
    Series("A{}_v2", "1 2 4 8 2m 4m 8m", _OLDER_BY_LATE_2028, "Dsv5", RETIRED_PAGE),
    Series("B{}", "1ls 1s 1ms 2s 2ms 4ms 8ms 12ms 16ms 20ms", _OLDER_BY_LATE_2028, "Dsv5", RETIRED_PAGE),
    Series("F{}", "1 2 4 8 16", _OLDER_BY_LATE_2028, "Fasv6", RETIRED_PAGE),
    Series("F{}s", "1 2 4 8 16", _OLDER_BY_LATE_2028, "Fasv6", RETIRED_PAGE),
    Series("F{}s_v2", "2 4 8 16 32 48 64 72", _OLDER_BY_LATE_2028, "Fasv6", RETIRED_PAGE),
    Series("G{}", "1 2 3 4 5", _OLDER_BY_LATE_2028, "Esv5", RETIRED_PAGE),
    Series("GS{}", "1 2 3 4 5", _OLDER_BY_LATE_2028, "Esv5", RETIRED_PAGE),
    Series("L{}s_v2", "8 16 32 48 64 80", _OLDER_BY_LATE_2028, "Lsv3", RETIRED_PAGE),
    Series("NP{}s", "10 20 40", "2027-05-31", "NCads_A100_v4", RETIRED_PAGE),
    Series("M192{}_v2", "idms ids ims is", "2027-03-31", "Esv6", RETIRED_PAGE),
    # Retired.
    Series("NV{}s_v3", "12 24 48", "2026-09-30", "NVads_A10_v5", RETIRED_PAGE),
    Series("NV{}as_v4", "4 8 16 32", "2026-09-30", "NVads_A10_v5", RETIRED_PAGE),
    Series("NC{}_v3", "6s 12s 24s 24rs", "2025-09-30", "NCads_A100_v4", RETIRED_PAGE),
    Series("NC{}", "6 12 24 24r", "2023-08-31", "NCas_T4_v3", _AZURE_ML_PAGE),
    Series("NC{}_v2", "6s 12s 24s 24rs", "2023-08-31", "NCas_T4_v3", _AZURE_ML_PAGE),
    Series("ND{}", "6s 12s 24s 24rs", "2023-08-31", "NCads_A100_v4", _AZURE_ML_PAGE),
    Series("NV{}", "6 12 24", "2023-08-31", "NVads_A10_v5", _AZURE_ML_PAGE),
    Series("HB{}rs", "60", "2024-08-31", "HBv3", _AZURE_ML_PAGE),
)
"""The sizes that clusters and instances of Azure ML, and runners, can have."""


@functools.cache
def _series_by_size() -> Mapping[str, tuple[str, Series]]:
    """Each size and its series, by the size's name in lower case: Azure ignores the case."""
    return {size.lower(): (size, series) for series in SERIES for size in series.sizes}


HOURS_A_MONTH = 730
"""The hours of a month, as in Azure's own calculator. https://azure.microsoft.com/pricing/calculator/"""


def series_of(size: str) -> Series | None:
    """The series of a size; None where the table does not have the size."""
    _, series = _series_by_size().get(size.lower(), (size, None))
    return series


def builds_images(size: str, *, low_priority: bool) -> bool:
    """Whether a cluster can build images: Azure ML needs a CPU size, and nodes that Azure evicts would end a build.

    https://learn.microsoft.com/azure/machine-learning/how-to-secure-workspace-vnet#enable-azure-container-registry-acr
    """
    # https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions: families with accelerators begin with N.
    return not low_priority and not size.lower().startswith("standard_n")


def cores_of(size: str) -> int | None:
    """The virtual CPUs of a size of a current series, which its name contains; None for another size."""
    series, number = series_of(size), re.search(r"\d+", size)
    return int(number.group()) if series is not None and series.retires is None and number is not None else None


RUNNER_CORES = 5
"""The virtual CPUs of a family that a pool of runners may use before more quota is granted.
https://learn.microsoft.com/azure/devops/managed-devops-pools/prerequisites#review-managed-devops-pools-quotas"""

RUNNER_SERIES = frozenset(
    {
        "D{}ads_v5", "D{}as_v5", "D{}ds_v5", "D{}lds_v5", "D{}s_v5", "E{}as_v4", "E{}ds_v5", "E{}s_v5", "L{}s_v3",
    }
)  # fmt: skip
"""The templates of the current series that have this quota. The others have none before it is granted."""


def spelled_by_azure(size: str) -> str:
    """A size in Azure's spelling; an unknown size unchanged."""
    name, _ = _series_by_size().get(size.lower(), (size, None))
    return name


def nearest_size(size: str) -> str | None:
    """The size with the most similar name that has no retirement day."""
    lasting = {low: name for low, (name, series) in _series_by_size().items() if series.retires is None}
    close = get_close_matches(size.lower(), lasting, 1)
    return lasting[close[0]] if close else None
