"""The real engine creates what `plan` shows, for every stack of the example."""

from pathlib import Path

import pytest

from bootstrap.manifests.platform import Platform, load_platform
from tests.engine.comparison import described, differences, planned, unsafe_references, wrong_predictions
from tests.engine.stacks import Life, live
from tests.helpers import build_tree

PLATFORM = load_platform(Path(__file__).parents[2] / "examples" / "contoso")
LOCKED = """\
organization: contoso
location: westeurope
tenant_id: 00000000-0000-0000-0000-00000000000a
subscription_id: 00000000-0000-0000-0000-00000000000b
network: locked
environments: {dev: {ring: 0}}
hub:
  alert_emails: [ml@contoso.example]
  vnet: {address_space: 10.0.0.0/24}
"""
TEAM = """\
name: fraud
location: northeurope
vnet: {address_space: 10.1.0.0/24}
compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]
environments: {dev: {}}
"""


@pytest.mark.parametrize("name", PLATFORM.stacks)
def test_engine_creates_what_the_plan_shows(engine: Path, tmp_path: Path, name: str) -> None:
    lives_as_planned(engine, tmp_path, PLATFORM, name)


def test_engine_creates_a_locked_hub(engine: Path, tmp_path: Path) -> None:
    """The example's is not, since one of its teams is open."""
    platform = load_platform(build_tree(tmp_path / "platform", {"platform.yaml": LOCKED, "teams/fraud.yaml": TEAM}))

    state = lives_as_planned(engine, tmp_path / "engine", platform, "hub").state

    targets = [
        resource["inputs"]["privateLinkServiceConnections"][0]["privateLinkServiceId"]
        for resource in state.values()
        if resource["type"] == "azure-native:network:PrivateEndpoint"
    ]
    assert len(set(targets)) == len(targets)
    # The registry and its container registry; its two locations' accounts and the states'; the vault.
    assert sorted(target.rsplit("/", 2)[1] for target in targets) == [
        "registries", "registries", "storageAccounts", "storageAccounts", "storageAccounts", "vaults",
    ]  # fmt: skip


def test_engine_creates_a_locked_environment_with_a_private_registry(engine: Path, tmp_path: Path) -> None:
    platform = load_platform(build_tree(tmp_path / "platform", {"platform.yaml": LOCKED, "teams/fraud.yaml": TEAM}))

    state = lives_as_planned(engine, tmp_path / "engine", platform, "fraud-dev").state

    endpoints = [one for one in state.values() if one["type"] == "azure-native:network:PrivateEndpoint"]
    assert len(endpoints) == 8
    [written] = [one for urn, one in state.items() if urn.rsplit("::", 1)[-1].startswith("endpoint-data-")]
    assert "/containers/azureml-blobstore-" in written["inputs"]["scope"]


@pytest.mark.parametrize("name", ["hub", "fraud-dev"])
def test_engine_creates_stacks_with_existing_log_analytics(engine: Path, tmp_path: Path, name: str) -> None:
    logs = (
        "/subscriptions/00000000-0000-0000-0000-00000000000c/resourceGroups/rg-logs/providers/"
        "Microsoft.OperationalInsights/workspaces/log-all"
    )
    files = {"platform.yaml": f"{LOCKED}  log_analytics_id: {logs}\n", "teams/fraud.yaml": TEAM}
    platform = load_platform(build_tree(tmp_path / "platform", files))

    state = lives_as_planned(engine, tmp_path / "engine", platform, name).state

    settings = [resource for resource in state.values() if resource["type"] == "azure-native:monitor:DiagnosticSetting"]
    assert {setting["inputs"]["workspaceId"] for setting in settings} == {logs}


@pytest.mark.parametrize("name", ["hub", "fraud-dev"])
def test_engine_creates_stacks_with_all_switches(engine: Path, tmp_path: Path, name: str) -> None:
    hub = """\
  private_link_scope: {ingestion: private_only}
  flow_log_days: 30
  traffic_analytics: true
  defender: {storage: true, key_vault: false}
  registry_locations: [swedencentral]
"""
    team = TEAM + "zone_redundancy: true\nregistry_replicas: [westeurope]\n"
    files = {"platform.yaml": LOCKED + hub, "teams/fraud.yaml": team}
    platform = load_platform(build_tree(tmp_path / "platform", files))

    state = lives_as_planned(engine, tmp_path / "engine", platform, name).state

    created = {resource["type"].rpartition(":")[2] for resource in state.values()}
    assert created >= {"PrivateLinkScopedResource", "FlowLog"}
    assert ({"PrivateLinkScope", "DeploymentAtScope"} <= created) == (name == "hub")
    assert ("Replication" in created) == (name == "fraud-dev")


def lives_as_planned(engine: Path, folder: Path, platform: Platform, name: str) -> Life:
    """Plan a stack, let the engine preview, create, update and destroy it, and compare."""
    by_plan = planned(platform, name)

    life = live(engine, folder, platform.stacks[name])

    assert differences(by_plan, described(life.previewed)) == {}
    assert wrong_predictions(by_plan, described(life.state)) == {}
    assert unsafe_references(life.state) == {}
    everything = len(by_plan) + 1  # and the stack itself
    assert (life.created, life.again) == ({"create": everything}, {"same": everything})
    assert life.ended == {"delete": everything}
    return life
