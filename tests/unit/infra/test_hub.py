"""The hub's contract: the names that other stacks and the command line use are those of the hub's resources."""

from pathlib import Path

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from infra.hub import hub_of, state_store_of
from infra.settings import EnvironmentSettings, HubSettings
from infra.tables.names import TABLE, Kind
from tests.plans import make_plan

PLATFORM = load_platform(Path(__file__).parents[3] / "examples" / "contoso")
HUB = PLATFORM.stacks["hub"]


@pytest.fixture(scope="module")
def plan() -> StackPlan:
    [plan] = make_plan(PLATFORM, ["hub"], Progress()).stacks
    return plan


def created_names(plan: StackPlan, kind: Kind) -> list[str]:
    rule = TABLE[kind]
    return [resource.inputs[rule.argument] for resource in plan.resources if resource.type == rule.type]


def test_the_hub_creates_what_it_provides(plan: StackPlan) -> None:
    hub = hub_of(HUB)
    ids: dict[Kind, str] = {
        "log_analytics": hub.log_analytics_id,
        "action_group": hub.action_group_id,
        "model_registry": hub.model_registry_id,
        "virtual_network": hub.vnet_id,
    }
    [group] = created_names(plan, "resource_group")
    providers = f"/subscriptions/{HUB.subscription_id}/resourceGroups/{group}/providers"

    for kind, id_ in ids.items():
        [name] = created_names(plan, kind)
        assert id_ == f"{providers}/{TABLE[kind].azure_type}/{name}"
    zones = [made.inputs["privateZoneName"] for made in plan.resources if made.type.endswith(":PrivateZone")]
    assert hub.dns_zone_ids == {zone: f"{providers}/Microsoft.Network/privateDnsZones/{zone}" for zone in zones}


def test_every_stack_finds_the_same_hub() -> None:
    assert {hub_of(settings).model_registry_id for settings in PLATFORM.stacks.values()} == {
        hub_of(HUB).model_registry_id
    }


def test_the_state_of_each_stack_is_in_a_container_that_the_hub_creates(plan: StackPlan) -> None:
    stores = {name: state_store_of(settings) for name, settings in PLATFORM.stacks.items()}

    assert {store.account for store in stores.values()} == set(created_names(plan, "storage"))
    assert {store.container for store in stores.values()} == set(created_names(plan, "state_container"))
    assert {store.vault for store in stores.values()} == set(created_names(plan, "key_vault"))
    assert {store.key for store in stores.values()} == set(created_names(plan, "secrets_key"))
    assert stores["fraud-dev"] == stores["vision-dev"] != stores["fraud-prod"]


def test_a_state_store_is_written_as_pulumi_takes_it() -> None:
    store = state_store_of(PLATFORM.stacks["fraud-dev"])

    assert store.backend_url == f"azblob://{store.container}?storage_account={store.account}"
    assert store.secrets_provider == f"azurekeyvault://{store.vault}.vault.azure.net/keys/{store.key}"


def test_a_new_generation_of_the_hub_moves_the_vault_for_all_stacks() -> None:
    settings = PLATFORM.stacks["fraud-dev"]
    assert isinstance(HUB, HubSettings)
    assert isinstance(settings, EnvironmentSettings)

    hub = state_store_of(HUB.model_copy(update={"generation": 2}))
    environment = state_store_of(settings.model_copy(update={"hub_generation": 2, "generation": 7}))

    assert hub.vault == environment.vault != state_store_of(settings).vault


def test_the_ring_of_an_environment_is_in_the_settings_of_its_stacks() -> None:
    environments = PLATFORM.manifests.organization.environments

    rings = {made.environment: made.ring for made in PLATFORM.stacks.values() if isinstance(made, EnvironmentSettings)}

    assert rings == {name: environment.ring for name, environment in environments.items()}
