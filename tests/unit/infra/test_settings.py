from pathlib import Path

from bootstrap.manifests.platform import load_platform
from infra.settings import from_json

CONTOSO = Path(__file__).parents[3] / "examples" / "contoso"


def test_settings_survive_a_round_trip_through_json() -> None:
    for settings in load_platform(CONTOSO).stacks.values():
        assert from_json(settings.model_dump_json()) == settings
