"""The real engine imports an existing workspace with its resources, as the plan shows.

Where Azure would answer, the tests' own provider does: it keeps what one stack made, and the next one finds it there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.simulator.provider import Provider
from bootstrap.simulator.store import Store
from bootstrap.stack.plan.model import Request
from bootstrap.stack.plan.program import plan_stack
from infra.programs import create_resources
from infra.reference import Reference
from infra.rules.rule import UNKNOWN
from infra.settings import StackSettings
from tests.engine.comparison import described, differences, planned
from tests.engine.stacks import counted, previewed, under_engine, without_aliases
from tests.helpers import build_tree
from tests.unit.stack.test_network import PLATFORM

KINDS = {
    "Microsoft.MachineLearningServices/workspaces": "workspace_id",
    "Microsoft.Storage/storageAccounts": "storage_id",
    "Microsoft.KeyVault/vaults": "key_vault_id",
    "Microsoft.ContainerRegistry/registries": "container_registry_id",
    "microsoft.insights/components": "application_insights_id",
}
"""The manifest's keys for a workspace and its resources, by Azure's type."""


def platform(folder: Path, environment: dict[str, Any]) -> Platform:
    """A platform with one team in one environment."""
    team = {"name": "fraud", "environments": {"dev": environment}}
    return load_platform(build_tree(folder, {"platform.yaml": PLATFORM, "teams/fraud.yaml": json.dumps(team)}))


def adopting(provider: Provider, folder: Path) -> Platform:
    """A platform whose team adopts the workspace that the provider has."""
    ids = {KINDS[kind]: id_ for id_ in provider.ids if (kind := Reference(id_).azure_type) in KINDS}
    [identity] = [id_ for id_ in provider.ids if id_.endswith("-workspace") and "userAssignedIdentities" in id_]
    return platform(folder, {"adopt": {**ids, "identity_id": identity, "mode": "manage"}})


@contextmanager
def stack(engine: Path, folder: Path, settings: StackSettings, provider: Provider) -> Iterator[automation.Stack]:
    """A new stack under the engine."""
    folder.mkdir()
    with under_engine(
        engine, folder, settings.stack, without_aliases(lambda: create_resources(settings)), provider
    ) as made:
        yield made


@pytest.fixture
def azure(engine: Path, tmp_path: Path) -> Provider:
    """An Azure in which there is a workspace."""
    deployed, by_hand = Store(), Store()
    settings = platform(tmp_path / "by-hand", {}).stacks["fraud-dev"]
    with stack(engine, tmp_path / "first", settings, Provider(deployed)) as made:
        made.up()
    for id_ in deployed.ids:
        if Reference(id_).azure_type in KINDS or id_.endswith("-workspace"):
            by_hand.put(id_, deployed.get(id_) or {})
    return Provider(by_hand)


def test_equal_workspace_is_imported_without_changes(engine: Path, tmp_path: Path, azure: Provider) -> None:
    adopted = adopting(azure, tmp_path / "adopted")
    by_plan = planned(adopted, "fraud-dev")

    with stack(engine, tmp_path / "second", adopted.stacks["fraud-dev"], azure) as made:
        by_engine = described(previewed(made))
        first, second = counted(made.up()), counted(made.up())

    # The engine reads the imported workspace, whose GUID is in the name of its default container.
    different = differences(by_plan, by_engine)
    assert [urn.rpartition("::")[2] for urn in different] == [
        "endpoint-data-storage-blob-data-contributor-on-default-container"
    ]
    [(plan_s, engine_s)] = different.values()
    assert plan_s["inputs"]["scope"] == UNKNOWN
    assert "/containers/azureml-blobstore-" in engine_s["inputs"]["scope"]
    assert first == {"import": len(KINDS), "create": len(by_plan) + 1 - len(KINDS)}
    assert second == {"same": len(by_plan) + 1}


def test_differences_are_changed_by_the_import_and_predicted(engine: Path, tmp_path: Path, azure: Provider) -> None:
    adopted = adopting(azure, tmp_path / "adopted")
    settings = adopted.stacks["fraud-dev"]
    other = settings.model_copy(update={"tags": {**settings.tags, "owner": "somebody"}})
    observed = {id_.lower(): {"tags": {**settings.tags}, "properties": {}} for id_ in azure.ids}

    with stack(engine, tmp_path / "second", other, azure) as made:
        first = counted(made.up())
    foretold = plan_stack(Request(other, observed=observed)).findings

    assert (first["import"], first["update"]) == (len(KINDS), len(KINDS))
    assert len([one for one in foretold if 'tags.owner is not set, and becomes "somebody"' in one.message]) == len(
        KINDS
    )
