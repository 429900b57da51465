from bootstrap.manifests.platform import load_platform
from infra.settings import from_json
from tests.helpers import CONTOSO


def test_settings_survive_a_round_trip_through_json() -> None:
    for settings in load_platform(CONTOSO).stacks.values():
        assert from_json(settings.model_dump_json()) == settings
