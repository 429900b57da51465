"""What other tools take from a stack once it is deployed."""

from pathlib import Path

from bootstrap.platform.platform import load_platform
from tests.engine.stacks import live

PLATFORM = load_platform(Path(__file__).parents[2] / "examples" / "contoso")


def test_the_hub_tells_what_the_platforms_ci_logs_in_with_in_each_environment(engine: Path, tmp_path: Path) -> None:
    """An environment's deployer is an identity of its own, so each has a client id of its own."""
    state = live(engine, tmp_path, PLATFORM.stacks["hub"]).state

    [outputs] = [found["outputs"] for found in state.values() if found["type"] == "pulumi:pulumi:Stack"]
    ids = {name: value for name, value in outputs.items() if name.startswith("platform_")}
    assert set(ids) == {
        "platform_reader_client_id",
        *(f"platform_deployer_{environment}_client_id" for environment in ("dev", "test", "prod")),
    }
    assert len(set(ids.values())) == 4
