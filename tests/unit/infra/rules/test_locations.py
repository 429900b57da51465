"""The table of locations, and the nearest to what was written."""

import pytest
from pydantic import TypeAdapter

from bootstrap.manifests.schema import Location
from infra.rules.locations import LOCATIONS, nearest_location


@pytest.mark.parametrize(
    ("written", "meant"),
    [("westeuorpe", "westeurope"), ("West Euorpe", "westeurope"), ("eastus22", "eastus2"), ("mars", None)],
)
def test_the_nearest_location_is_told_if_one_is_near(written: str, meant: str | None) -> None:
    assert nearest_location(written) == meant


def test_every_location_can_be_written_in_a_manifest() -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Location)

    assert {adapter.validate_python(location) for location in LOCATIONS} == LOCATIONS
