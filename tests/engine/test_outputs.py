"""What other tools take from a stack once it is deployed."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from infra.tables.names import Names
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
    """An environment's deployer is an identity of its own, so each has a client id of its own."""
    ids = {name: value for name, value in outputs.items() if name.startswith("platform_")}

    assert set(ids) == {
        "platform_reader_client_id",
        *(f"platform_deployer_{environment}_client_id" for environment in ENVIRONMENTS),
    }
    assert len(set(ids.values())) == 4


def test_hub_exports_the_state_stores(outputs: dict[str, Any]) -> None:
    """Who deploys an environment needs no state of the hub's to know it."""
    hub = PLATFORM.stacks["hub"]
    names = Names(hub.organization, hub.tenant_id, hub.generation)
    account, vault = names.of("storage", "hub", "state"), names.of("key_vault", "hub")
    expected = {}
    for suffix, words in (("", ["hub"]), *((f"_{name}", ["hub", name]) for name in ENVIRONMENTS)):
        container, key = names.of("state_container", *words), names.of("secrets_key", *words)
        expected[f"state_backend{suffix}"] = f"azblob://{container}?storage_account={account}"
        expected[f"secrets_provider{suffix}"] = f"azurekeyvault://{vault}.vault.azure.net/keys/{key}"

    assert {name: outputs[name] for name in outputs if name.startswith(("state_", "secrets_"))} == expected


def test_docs_show_the_state_store_of_the_example(outputs: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "guardrails.md").read_text()

    assert outputs["state_backend_dev"] in page
    assert outputs["secrets_provider_dev"] in page
