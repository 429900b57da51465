"""The outputs of deployed stacks."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from infra.hub import hub_of
from tests.engine.stacks import live

ROOT = Path(__file__).parents[2]
PLATFORM = load_platform(ROOT / "examples" / "contoso")
ENVIRONMENTS = ("dev", "test", "prod")


@pytest.fixture(scope="module")
def outputs(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    state = live(engine, tmp_path_factory.mktemp("hub"), PLATFORM.stacks["hub"]).state
    [found] = [found["outputs"] for found in state.values() if found["type"] == "pulumi:pulumi:Stack"]
    return dict(found)


def test_hub_exports_client_ids_of_the_platform_ci(outputs: dict[str, Any]) -> None:
    """Each environment has a deployer of its own, so each has a client id of its own."""
    ids = {name: value for name, value in outputs.items() if name.startswith("platform_")}

    assert set(ids) == {
        "platform_reader_client_id",
        *(f"platform_deployer_{environment}_client_id" for environment in ENVIRONMENTS),
    }
    assert len(set(ids.values())) == 4


def test_hub_exports_the_state_stores(outputs: dict[str, Any]) -> None:
    """The deployer of an environment finds the store without the hub's outputs."""
    hub = hub_of(PLATFORM.stacks["hub"])
    expected = {}
    for suffix, environment in (("", None), *((f"_{name}", name) for name in ENVIRONMENTS)):
        store = hub.state_store(environment)
        expected[f"state_backend{suffix}"] = store.backend_url
        expected[f"secrets_provider{suffix}"] = store.secrets_provider

    assert {name: outputs[name] for name in outputs if name.startswith(("state_", "secrets_"))} == expected


def test_docs_show_the_state_store_of_the_example(outputs: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "guardrails.md").read_text()

    assert outputs["state_backend_dev"] in page
    assert outputs["secrets_provider_dev"] in page
