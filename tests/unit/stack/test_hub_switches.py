"""What is created only where manifests ask for it: a private link scope, flow logs, Defender plans, replicas."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import Resource
from infra.tables.private_endpoints import zones_of
from tests import worlds
from tests.unit.manifests.test_manifests import mistakes

NETWORK = "  vnet: {address_space: 10.0.0.0/24}\n"
PLATFORM = worlds.PLATFORM + NETWORK
TEAM = """\
name: fraud
network: locked
vnet: {address_space: 10.1.0.0/24}
compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]
environments: {dev: {}}
"""
SCOPE = "  private_link_scope: {ingestion: private_only}\n"
MONITOR_ZONES = set(zones_of(private_link_scope=True)) - set(zones_of(private_link_scope=False))


def planned(root: Path, platform: str, team: str = TEAM) -> Mapping[str, StackPlan]:
    return worlds.planned(worlds.world(root, platform, team))


def of_type(stack: StackPlan, suffix: str) -> list[Resource]:
    return [one for one in stack.made if one.type.endswith(f":{suffix}")]


def one(stack: StackPlan, suffix: str) -> Resource:
    [found] = of_type(stack, suffix)
    return found


def test_hub_without_switches_has_none_of_it(tmp_path: Path) -> None:
    for stack in planned(tmp_path, PLATFORM).values():
        for suffix in ("PrivateLinkScope", "PrivateLinkScopedResource", "FlowLog", "DeploymentAtScope", "Replication"):
            assert of_type(stack, suffix) == []
        assert not any("privatelink.monitor.azure.com" in str(resource.inputs) for resource in stack.made)


def test_private_link_scope_has_its_access_modes_and_an_endpoint_with_all_zones(tmp_path: Path) -> None:
    hub = planned(tmp_path, PLATFORM + SCOPE)["hub"]

    scope = one(hub, "PrivateLinkScope")
    assert scope.at("accessModeSettings") == {"ingestionAccessMode": "PrivateOnly", "queryAccessMode": "Open"}
    [endpoint] = [found for found in of_type(hub, "PrivateEndpoint") if "azuremonitor" in str(found.inputs)]
    connection = endpoint.at("privateLinkServiceConnections")[0]
    assert connection["privateLinkServiceId"].endswith("/Microsoft.Insights/privateLinkScopes/ampls-contoso-hub")
    [group] = [found for found in of_type(hub, "PrivateDnsZoneGroup") if found.name == f"{endpoint.name}-names"]
    zones = {config["privateDnsZoneId"].rsplit("/", 1)[1] for config in group.at("privateDnsZoneConfigs")}
    assert zones == {*MONITOR_ZONES, "privatelink.blob.core.windows.net"}
    assert len(MONITOR_ZONES) == 4
    assert {zone.at("privateZoneName") for zone in of_type(hub, "PrivateZone")} >= zones


def test_logs_and_application_insights_are_in_the_scope_before_its_endpoint(tmp_path: Path) -> None:
    """Azure makes one change of a scope at a time."""
    stacks = planned(tmp_path, PLATFORM + SCOPE)

    logs, insights = (one(stacks[name], "PrivateLinkScopedResource") for name in ("hub", "fraud-dev"))
    assert logs.at("linkedResourceId").endswith("/workspaces/log-contoso-hub")
    assert insights.at("linkedResourceId").endswith("/components/appi-contoso-fraud-dev")
    assert (insights.at("resourceGroupName"), insights.at("scopeName")) == ("rg-contoso-hub", "ampls-contoso-hub")
    assert "scoped-resource" in str(insights.options["hooks"])
    [endpoint] = [found for found in of_type(stacks["hub"], "PrivateEndpoint") if "azuremonitor" in str(found.inputs)]
    assert logs.urn in endpoint.depends_on


def test_networks_of_environments_resolve_the_names_of_the_scope(tmp_path: Path) -> None:
    stacks = planned(tmp_path, PLATFORM + SCOPE)

    linked = {link.at("privateZoneName") for link in of_type(stacks["fraud-dev"], "VirtualNetworkLink")}
    assert linked == set(zones_of(private_link_scope=True))


def test_deployers_add_application_insights_to_the_scope(tmp_path: Path) -> None:
    def roles(platform: str) -> set[str]:
        hub = worlds.planned(worlds.world(tmp_path, platform, TEAM), ["hub"])["hub"]
        return {
            found.name for found in of_type(hub, "RoleAssignment") if found.name.startswith("platform-deployer-dev")
        }

    added = roles(PLATFORM + SCOPE) - roles(PLATFORM)

    assert added == {"platform-deployer-dev-on-private-link-scope-monitoring-contributor-on-private-link-scope"}


def test_flow_logs_are_those_of_networks_and_are_kept_for_the_days(tmp_path: Path) -> None:
    stacks = planned(tmp_path, PLATFORM + "  flow_log_days: 30\n")

    for name in ("hub", "fraud-dev"):
        log = one(stacks[name], "FlowLog")
        assert log.at("targetResourceId").endswith(f"/virtualNetworks/vnet-contoso-{name}")
        assert (log.at("networkWatcherName"), log.at("resourceGroupName")) == (
            "NetworkWatcher_westeurope", "NetworkWatcherRG"
        )  # fmt: skip
        assert log.at("retentionPolicy") == {"days": 30, "enabled": True}
        assert log.at("flowAnalyticsConfiguration") == {"networkWatcherFlowAnalyticsConfiguration": {"enabled": False}}
        assert log.at("identity.type") == "UserAssigned"
        [identity] = log.at("identity.userAssignedIdentities")
        assert identity.endswith(f"/id-contoso-{name}-flow-log")


def test_flow_logs_are_written_without_a_key_to_storage_that_only_azures_services_reach(tmp_path: Path) -> None:
    stack = planned(tmp_path, PLATFORM + "  flow_log_days: 30\n")["fraud-dev"]

    log = one(stack, "FlowLog")
    [account] = [found for found in of_type(stack, "StorageAccount") if found.name == "flow-log"]
    assert log.at("storageId").endswith(f"/{account.at('accountName')}")
    assert account.at("allowSharedKeyAccess") is False
    assert account.at("sku") == {"name": "Standard_LRS"}
    # Public access stays on for the trusted services, and for nothing else.
    assert account.at("publicNetworkAccess") == "Enabled"
    rules = account.at("networkRuleSet")
    assert (rules["defaultAction"], rules["bypass"], rules["ipRules"]) == ("Deny", "AzureServices", [])
    [role] = [found for found in of_type(stack, "RoleAssignment") if found.name.startswith("flow-log-access")]
    assert role.at("scope") == log.at("storageId")
    assert role.urn in log.depends_on
    # A blob that changes every minute would have a version of each minute.
    assert not [
        found
        for found in of_type(stack, "BlobServiceProperties")
        if found.at("accountName") == account.at("accountName")
    ]


def test_existing_networks_have_no_flow_log_of_ours(tmp_path: Path) -> None:
    subnet = (
        "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-net/providers/Microsoft.Network/"
        "virtualNetworks/vnet/subnets/ml"
    )
    team = TEAM.replace("address_space: 10.1.0.0/24", f"subnet_id: {subnet}")

    stacks = planned(tmp_path, PLATFORM + "  flow_log_days: 30\n", team)

    assert of_type(stacks["fraud-dev"], "FlowLog") == []
    assert of_type(stacks["hub"], "FlowLog")


def test_defender_plans_are_written_one_after_the_other_in_every_subscription(tmp_path: Path) -> None:
    platform = worlds.changed(
        PLATFORM, ("{ring: 0}", "{ring: 0, subscription_id: 00000000-0000-0000-0000-00000000000d}")
    )
    hub = planned(tmp_path, platform + "  defender: {storage: true, key_vault: false, containers: true}\n")["hub"]

    deployments = of_type(hub, "DeploymentAtScope")
    assert [found.at("scope")[-2:] for found in deployments] == ["0b", "0d"]
    for deployment in deployments:
        assert deployment.at("properties.mode") == "Incremental"
        assert deployment.parent is not None
        assert deployment.parent.endswith(":DefenderPlans::defender"), "drawn and reported within its component"
        plans = deployment.at("properties.template.resources")
        assert [(plan["name"], plan["properties"]["pricingTier"]) for plan in plans] == [
            ("StorageAccounts", "Standard"), ("KeyVaults", "Free"), ("Containers", "Standard"),
        ]  # fmt: skip
        assert [plan["dependsOn"] for plan in plans] == [
            [],
            ["[subscriptionResourceId('Microsoft.Security/pricings', 'StorageAccounts')]"],
            ["[subscriptionResourceId('Microsoft.Security/pricings', 'KeyVaults')]"],
        ]
        assert plans[0]["properties"]["subPlan"] == "DefenderForStorageV2"
        assert plans[0]["properties"]["extensions"][0] == {"name": "OnUploadMalwareScanning", "isEnabled": "False"}
        assert plans[1]["properties"] == {"pricingTier": "Free"}


def test_redundant_environment_has_zones_where_they_are_and_replicas(tmp_path: Path) -> None:
    team = worlds.TEAM + "zone_redundancy: true\nregistry_replicas: [northeurope, uksouth, ukwest]\n"
    stack = planned(tmp_path, PLATFORM, team)["fraud-dev"]

    registry = one(stack, "Registry")
    assert (registry.at("zoneRedundancy"), registry.at("sku.name")) == ("Enabled", "Premium")
    assert one(stack, "StorageAccount").at("sku.name") == "Standard_ZRS"
    replicas = {found.at("replicationName"): found for found in of_type(stack, "Replication")}
    assert {name: found.at("zoneRedundancy") for name, found in replicas.items()} == {
        "northeurope": "Enabled", "uksouth": "Enabled", "ukwest": "Disabled",
    }  # fmt: skip
    assert all(found.at("location") == name for name, found in replicas.items())


@pytest.mark.parametrize(
    ("switches", "bills"),
    [
        ("  flow_log_days: 30\n  traffic_analytics: true\n", [("flow log with Traffic Analytics, by its volume", 1)]),
        (
            "  defender: {storage: true, key_vault: true, ai: false}\n",
            [("Microsoft Defender plans of a subscription, by what they watch (StorageAccounts, KeyVaults)", 2)],
        ),
        ("  defender: {storage: false}\n", []),
    ],
)
def test_switches_are_in_the_costs_of_the_plan(tmp_path: Path, switches: str, bills: list[tuple[str, int]]) -> None:
    hub = worlds.planned(worlds.world(tmp_path, PLATFORM + switches, TEAM), ["hub"])["hub"]
    before = worlds.planned(worlds.world(tmp_path, PLATFORM, TEAM), ["hub"])["hub"]

    listed = [(cost.what, cost.count) for cost in hub.idle]
    known = [(cost.what, cost.count) for cost in before.idle]
    assert [cost for cost in listed if cost not in known] == bills
    assert {dict(cost.names) == {} for cost in hub.idle if (cost.what, cost.count) in bills} <= {True}


@pytest.mark.parametrize(
    ("platform", "team", "expected"),
    [
        (worlds.PLATFORM + SCOPE, worlds.TEAM, "platform.yaml:10:3: hub.private_link_scope needs a network of the hub"),
        (
            worlds.PLATFORM + "  flow_log_days: 30\n", worlds.TEAM,
            "platform.yaml:10:3: hub.flow_log_days: the platform creates no network whose traffic could be recorded.",
        ),
        (
            PLATFORM + "  traffic_analytics: true\n", TEAM,
            "platform.yaml:11:3: hub.traffic_analytics evaluates the flow logs of the hub's own network, and there are",
        ),
        (PLATFORM + "  flow_log_days: 0\n", TEAM, "platform.yaml:11:18: hub.flow_log_days: must be at least 1"),
        (
            PLATFORM + "  private_link_scope: {ingestion: closed}\n", TEAM,
            "hub.private_link_scope.ingestion: must be 'open' or 'private_only' (found 'closed')",
        ),
        (PLATFORM + "  defender: {servers: true}\n", TEAM, "'resource_manager' or 'ai' (found 'servers')"),
        (
            PLATFORM, TEAM + "zone_redundancy: true\nlocation: ukwest\n",
            "teams/fraud.yaml:6:1: zone_redundancy: ukwest has no availability zones.",
        ),
        (
            PLATFORM, TEAM + "registry_replicas: [northeurope, westeurope, northeurope]\n",
            "teams/fraud.yaml:6:34: registry_replicas: westeurope is the location of the registry itself.",
        ),
        (
            PLATFORM, TEAM + "registry_replicas: [northeurope, northeurope]\n",
            "teams/fraud.yaml:6:34: registry_replicas: northeurope is listed twice.",
        ),
    ],
)  # fmt: skip
def test_wrong_combination_is_refused_at_its_line(tmp_path: Path, platform: str, team: str, expected: str) -> None:
    found = mistakes(worlds.world(tmp_path, platform, team))

    assert any(expected in mistake for mistake in found), found


def test_zones_of_the_organization_must_include_those_of_the_scope(tmp_path: Path) -> None:
    group = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-dns/providers/Microsoft.Network"
    zones = zones_of(private_link_scope=False)
    dns = "  dns:\n" + "".join(f"    {zone}: {group}/privateDnsZones/{zone}\n" for zone in zones)

    found = mistakes(worlds.world(tmp_path, PLATFORM + SCOPE + dns, TEAM))

    assert sorted(mistake.partition("the zone ")[2].split()[0] for mistake in found) == sorted(MONITOR_ZONES)


def test_scope_of_a_hub_in_every_network_mode_has_valid_settings(tmp_path: Path) -> None:
    hub: Any = load_platform(worlds.world(tmp_path, PLATFORM + "  private_link_scope: {}\n", TEAM)).stacks["hub"]

    assert hub.private_link_scope == ("open", "open")
