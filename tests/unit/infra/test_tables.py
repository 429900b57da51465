"""The tables of regions and sizes, and the most similar name to an unknown one."""

import pytest
from pydantic import TypeAdapter

from bootstrap.manifests.schema import Location, VmSize
from infra.tables.regions import REGIONS, nearest_region
from infra.tables.sizes import SERIES, cores_of, nearest_size, series_of, spelled_by_azure


@pytest.mark.parametrize(
    ("written", "meant"),
    [("westeuorpe", "westeurope"), ("West Euorpe", "westeurope"), ("eastus22", "eastus2"), ("mars", None)],
)
def test_nearest_region_is_found_if_one_is_similar(written: str, meant: str | None) -> None:
    assert nearest_region(written) == meant


def test_manifest_accepts_every_region_and_size() -> None:
    region: TypeAdapter[str] = TypeAdapter(Location)
    size: TypeAdapter[str] = TypeAdapter(VmSize)
    sizes = [one for series in SERIES for one in series.sizes]

    assert {region.validate_python(one) for one in REGIONS} == REGIONS
    assert [size.validate_python(one) for one in sizes] == sizes


@pytest.mark.parametrize(
    "size",
    [
        "Standard_D2_v3", "Standard_D8s_v4", "Standard_D4d_v5", "Standard_D96ads_v5", "Standard_D128ds_v6",
        "Standard_D32lds_v6", "Standard_D4alds_v6", "Standard_E20d_v5", "Standard_E4s_v6", "Standard_E128ds_v6",
        "Standard_E96ads_v6", "Standard_F4s_v2", "Standard_NC24ads_A100_v4", "Standard_ND96isr_H100_v5",
    ],
)  # fmt: skip
def test_sizes_of_azures_pages_are_known(size: str) -> None:
    """Examples from https://learn.microsoft.com/azure/virtual-machines/sizes/overview."""
    assert series_of(size) is not None


@pytest.mark.parametrize(
    ("size", "cores"),
    [("Standard_D4ds_v5", 4), ("Standard_E96as_v5", 96), ("Standard_NC6s_v3", None), ("Standard_X4_v1", None)],
)
def test_cores_are_known_of_current_sizes_only(size: str, cores: int | None) -> None:
    assert cores_of(size) == cores


def test_nearest_size_is_not_a_retiring_one() -> None:
    assert nearest_size("Standard_D4ds_v9") == "Standard_D4ds_v6"
    assert nearest_size("Standard_NC6s_v3") != "Standard_NC6s_v3"


def test_sizes_have_the_spelling_of_azure() -> None:
    assert spelled_by_azure("STANDARD_D4DS_V5") == "Standard_D4ds_v5"
    assert spelled_by_azure("standard_x1") == "standard_x1"
