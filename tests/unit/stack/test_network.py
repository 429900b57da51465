"""The network modes as planned: who reaches what, how names are found, and what would fail in a real subscription."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.words import label
from infra.rules.rule import UNKNOWN
from infra.tables.outbound_rules import APPROVED
from infra.tables.private_endpoints import ENDPOINTS, zones_of
from tests import worlds
from tests.conftest import Golden
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "network.md"
ZONES = zones_of(private_link_scope=False)

Resource = Mapping[str, Any]
Stack = Mapping[str, Any]

PLATFORM = worlds.PLATFORM + "  vnet: {address_space: 10.0.0.0/24}\n"
TEAM = """\
name: fraud
network: locked
vnet: {address_space: 10.1.0.0/24}
compute: [{name: spot, size: Standard_D4ds_v5, max_nodes: 1, low_priority: true},
  {name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]
environments: {dev: {}}
"""
PRIVATE_CI = TEAM.replace("locked", "managed\nci: private")
NOWHERE = PLATFORM.replace("  vnet: {address_space: 10.0.0.0/24}\n", "  network: locked\n")
SUBNET = (
    "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-net/providers/Microsoft.Network/"
    "virtualNetworks/vnet/subnets/ml"
)
GIVEN = TEAM.replace("address_space: 10.1.0.0/24", f"subnet_id: {SUBNET}")


def documents(stacks: Mapping[str, StackPlan]) -> dict[str, Stack]:
    """Planned stacks as in the plan's JSON document, by name."""
    return {name: json.loads(json.dumps(stack.document())) for name, stack in stacks.items()}


@pytest.fixture(scope="module")
def example(stacks: dict[str, StackPlan]) -> dict[str, Stack]:
    return documents(stacks)


def world(root: Path, platform: str = PLATFORM, team: str = TEAM) -> dict[str, Stack]:
    """The planned stacks of a small platform."""
    return documents(worlds.planned(worlds.world(root, platform, team)))


def of_type(stack: Stack, suffix: str) -> list[Resource]:
    made = (resource for resource in stack["resources"] if resource["type"].startswith("azure-native:"))
    return [resource for resource in made if resource["type"].endswith(f":{suffix}")]


def named(stack: Stack, name: str, suffix: str) -> Resource:
    [found] = [resource for resource in of_type(stack, suffix) if resource["name"] == name]
    return found


SERVICES = {
    "workspace": ("machinelearningservices:Workspace", "workspaces"),
    "storage": ("storage:StorageAccount", "storageAccounts"),
    "key vault": ("keyvault:Vault", "vaults"),
    "container registry": ("containerregistry:Registry", "registries"),
}


def public_access(resource: Resource) -> str:
    """Whether a service answers on its public address, and to whom."""
    inputs = resource["inputs"]
    properties = inputs.get("properties", inputs)
    if properties["publicNetworkAccess"] == "Disabled":
        return "off"
    rules = properties.get("networkRuleSet") or properties.get("networkAcls") or {}
    if rules.get("resourceAccessRules") and not rules["ipRules"]:
        return "the model registry"
    return "listed addresses" if rules.get("defaultAction") == "Deny" else "on"


def endpoints(stack: Stack) -> Iterator[tuple[str, str, list[str]]]:
    """The id of the service that each private endpoint leads to, its group, and the DNS zones of its names."""
    groups = {group["inputs"]["privateEndpointName"]: group for group in of_type(stack, "PrivateDnsZoneGroup")}
    for endpoint in of_type(stack, "PrivateEndpoint"):
        [connection] = endpoint["inputs"]["privateLinkServiceConnections"]
        group = groups.get(endpoint["inputs"]["privateEndpointName"])
        configs = group["inputs"]["privateDnsZoneConfigs"] if group is not None else []
        zones = [config["privateDnsZoneId"].rsplit("/", 1)[1] for config in configs]
        yield connection["privateLinkServiceId"], connection["groupIds"][0], zones


def rows(mode: str, stack: Stack) -> Iterator[str]:
    """The table's rows for one environment."""
    entrances = list(endpoints(stack))
    for service, (type_, path) in SERVICES.items():
        [resource] = of_type(stack, type_)
        doors = [(group, zones) for target, group, zones in entrances if f"/{path}/" in target]
        ways = ", ".join(f"`{group}`" for group, _ in doors) or "none"
        names = ", ".join(f"`{zone}`" for _, zones in doors for zone in zones) or "none"
        yield f"| {mode} | {service} | {public_access(resource)} | {ways} | {names} |"


def hub_rows(mode: str, hub: Stack) -> Iterator[str]:
    """The table's rows for the hub; the model registry's with the endpoints of what it keeps files and images in."""
    entrances = list(endpoints(hub))
    own = {"storage:StorageAccount": "/storageAccounts/", "keyvault:Vault": "/vaults/"}
    rows = {
        "state storage": "storage:StorageAccount", "key vault": "keyvault:Vault",
        "model registry": "machinelearningservices:Registry",
    }  # fmt: skip
    for service, type_ in rows.items():
        [resource] = of_type(hub, type_)
        found = {
            (group, zone)
            for target, group, [zone] in entrances
            if (own[type_] in target if type_ in own else not any(path in target for path in own.values()))
        }
        ways = ", ".join(f"`{group}`" for group, _ in sorted(found)) or "none"
        names = ", ".join(f"`{zone}`" for _, zone in sorted(found)) or "none"
        yield f"| {mode} | {service} | {public_access(resource)} | {ways} | {names} |"


def test_reports_name_zone_and_network_of_each_dns_link(tmp_path: Path) -> None:
    found = worlds.planned(worlds.world(tmp_path, PLATFORM, TEAM))

    names = [label(one) for stack in found.values() for one in stack.made if one.type.endswith(":VirtualNetworkLink")]

    assert len(names) == len({*names}) == 2 * len(ZONES)
    assert {"privatelink.azurecr.io/link-contoso-hub", "privatelink.azurecr.io/link-contoso-fraud-dev"} <= {*names}


def test_docs_show_the_resources_of_each_mode(tmp_path: Path, example: dict[str, Stack], golden: Golden) -> None:
    """The table is read from the plan's JSON; `pytest --rewrite-golden` writes it into the page."""
    modes = {
        "`open`": example["forecasting-dev"],
        "`managed`": example["fraud-dev"],
        "`managed`, `allow_ips`": example["fraud-prod"],
        "`managed`, `ci: private`": world(tmp_path / "ci", team=PRIVATE_CI)["fraud-dev"],
        "`locked`": example["vision-dev"],
    }
    locked = world(tmp_path / "locked", PLATFORM + "  network: locked\n")["hub"]
    shared = [*hub_rows("`hub.vnet`", example["hub"]), *hub_rows("`hub.vnet`, `hub.network: locked`", locked)]
    head = [
        "| Mode | Service | Public access | Private endpoints | Their DNS zones |",
        "| --- | --- | --- | --- | --- |",
    ]
    table = "\n".join([*head, *(row for mode, stack in modes.items() for row in rows(mode, stack)), *shared])
    page = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- made by tests/unit/stack/test_network.py -->\n", "\n<!-- end -->"

    written, count = re.subn(f"{begin}.*{end}", lambda _: begin + table + end, page, flags=re.DOTALL)

    assert count == 1
    golden(PAGE, written)


def test_docs_have_a_diagram_of_each_mode() -> None:
    page = PAGE.read_text(encoding="utf-8")
    drawings = {
        heading: re.findall(r"```mermaid\n(flowchart .*?)```", text, flags=re.DOTALL)
        for heading, text in re.findall(r"^## (`\w+`).*?\n(.*?)(?=^## |\Z)", page, flags=re.DOTALL | re.MULTILINE)
    }

    assert {heading: len(found) for heading, found in drawings.items()} == {"`open`": 1, "`managed`": 1, "`locked`": 1}
    for [drawing] in drawings.values():
        assert "person" in drawing
        assert "CI" in drawing


@pytest.mark.parametrize("name", ["vision-dev", "vision-test", "vision-prod"])
def test_locked_has_no_public_address_and_all_private_endpoints(example: dict[str, Stack], name: str) -> None:
    stack = example[name]

    found = {service: public_access(of_type(stack, type_)[0]) for service, (type_, _) in SERVICES.items()}
    assert found == {
        "workspace": "off",
        "storage": "the model registry",
        "key vault": "off",
        "container registry": "off",
    }
    assert sorted((group, tuple(zones)) for _, group, zones in endpoints(stack)) == sorted(
        (endpoint.group, endpoint.zones) for endpoint in ENDPOINTS
    )
    assert of_type(stack, "StorageAccount")[0]["inputs"]["networkRuleSet"]["defaultAction"] == "Deny"
    assert of_type(stack, "Vault")[0]["inputs"]["properties"]["networkAcls"]["defaultAction"] == "Deny"
    assert of_type(stack, "containerregistry:Registry")[0]["inputs"]["networkRuleSet"]["defaultAction"] == "Deny"


@pytest.mark.parametrize(
    ("team", "admitted"),
    [
        (TEAM, True),
        (PRIVATE_CI, True),
        (
            TEAM.replace("locked", "managed\nallow_ips: [20.1.2.0/24]").replace(
                "vnet: {address_space: 10.1.0.0/24}\n", ""
            ),
            True,
        ),
        (TEAM.replace("locked", "managed").replace("vnet: {address_space: 10.1.0.0/24}\n", ""), False),
    ],
    ids=["locked", "private-ci", "allow-ips", "managed"],
)
def test_closed_storage_admits_the_model_registry(tmp_path: Path, team: str, admitted: bool) -> None:
    """A model cannot be shared from storage whose public access is disabled.

    https://learn.microsoft.com/azure/machine-learning/how-to-registry-network-isolation
    """
    stacks = world(tmp_path, team=team)
    [registry] = of_type(stacks["hub"], "machinelearningservices:Registry")
    [storage] = of_type(stacks["fraud-dev"], "StorageAccount")
    group = registry["inputs"]["resourceGroupName"]
    id_ = f"/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/{group}/providers/"
    id_ += f"Microsoft.MachineLearningServices/registries/{registry['inputs']['registryName']}"

    assert storage["inputs"]["publicNetworkAccess"] == "Enabled"
    rules = storage["inputs"]["networkRuleSet"]
    assert rules["defaultAction"] == ("Deny" if admitted else "Allow")
    assert rules.get("resourceAccessRules") == (
        [{"resourceId": id_, "tenantId": "00000000-0000-0000-0000-00000000000a"}] if admitted else None
    )


def test_locked_allows_approved_outbound_only_with_the_configured_firewall(example: dict[str, Stack]) -> None:
    workspace = of_type(example["vision-dev"], "machinelearningservices:Workspace")[0]["inputs"]

    assert workspace["managedNetwork"] == {
        "isolationMode": "AllowOnlyApprovedOutbound", "firewallSku": "Basic", "enableNetworkMonitor": False,
    }  # fmt: skip


def test_managed_reaches_the_internet(example: dict[str, Stack]) -> None:
    workspace = of_type(example["fraud-dev"], "machinelearningservices:Workspace")[0]["inputs"]

    assert workspace["managedNetwork"] == {"isolationMode": "AllowInternetOutbound", "enableNetworkMonitor": False}


@pytest.mark.parametrize("name", ["fraud-dev", "vision-dev", "vision-prod"])
def test_managed_network_exists_before_compute(example: dict[str, Stack], name: str) -> None:
    """A deployment into a network that is not provisioned waits half an hour, or fails."""
    stack = example[name]
    [workspace] = of_type(stack, "machinelearningservices:Workspace")
    rules = {rule["urn"] for rule in of_type(stack, "ManagedNetworkSettingsRule")}

    assert workspace["inputs"]["provisionNetworkNow"] is True
    for cluster in of_type(stack, "Compute"):
        assert {workspace["urn"], *rules} <= set(cluster["depends_on"])
        assert cluster["inputs"]["properties"]["properties"]["enableNodePublicIp"] is False


@pytest.mark.parametrize("name", ["fraud-dev", "vision-dev"])
def test_managed_network_needs_premium_registry_and_image_builder(example: dict[str, Stack], name: str) -> None:
    assert of_type(example[name], "containerregistry:Registry")[0]["inputs"]["sku"] == {"name": "Premium"}
    assert of_type(example[name], "machinelearningservices:Workspace")[0]["inputs"]["imageBuildCompute"] == "cpu"


@pytest.mark.parametrize(
    "first",
    ["size: Standard_D4ds_v5, max_nodes: 1, low_priority: true", "size: Standard_NC4as_T4_v3, max_nodes: 1"],
    ids=["low-priority", "gpu"],
)
def test_images_are_built_on_a_cluster_that_can_build_them(tmp_path: Path, first: str) -> None:
    """Nodes with low priority can be evicted during a build, and GPU sizes are not supported."""
    team = worlds.changed(TEAM, ("size: Standard_D4ds_v5, max_nodes: 1, low_priority: true", first))
    stack = world(tmp_path, team=team)["fraud-dev"]

    assert of_type(stack, "machinelearningservices:Workspace")[0]["inputs"]["imageBuildCompute"] == "cpu"


def test_outbound_rules_are_separate_resources_in_sequence(example: dict[str, Stack]) -> None:
    stack = example["vision-dev"]
    rules = of_type(stack, "ManagedNetworkSettingsRule")

    assert "outboundRules" not in of_type(stack, "machinelearningservices:Workspace")[0]["inputs"]["managedNetwork"]
    for before, rule in itertools.pairwise(rules):
        assert before["urn"] in rule["depends_on"]


def test_locked_network_reaches_queue_table_and_model_registry(example: dict[str, Stack]) -> None:
    rules = {rule["inputs"]["ruleName"]: rule for rule in of_type(example["vision-dev"], "ManagedNetworkSettingsRule")}
    targets = {
        name: (rule["inputs"]["properties"]["destination"]["subresourceTarget"], rule["source"]["manifest"])
        for name, rule in rules.items()
        if rule["inputs"]["properties"]["type"] == "PrivateEndpoint"
    }

    asked = example["vision-dev"]["resources"][0]["source"]["manifest"]
    assert targets == {
        "storage-queue": ("queue", asked), "storage-table": ("table", asked), "model-registry": ("amlregistry", asked),
        # The accounts of its datastores.
        "stplantimages-blob": ("blob", "teams/vision.yaml:22"), "stplantimages-dfs": ("dfs", "teams/vision.yaml:22"),
        "stplantlabels-blob": ("blob", "teams/vision.yaml:23"),
    }  # fmt: skip
    assert "/registries/mlr-contoso-hub" in str(rules["model-registry"]["inputs"]["properties"]["destination"])


def test_outbound_rules_of_manifests_are_created(example: dict[str, Stack]) -> None:
    rules = {
        rule["inputs"]["ruleName"]: (rule["inputs"]["properties"], rule["source"]["manifest"])
        for rule in of_type(example["vision-dev"], "ManagedNetworkSettingsRule")
    }

    assert rules["pypi"] == (
        {"type": "FQDN", "category": "UserDefined", "destination": "pypi.org"}, "teams/vision.yaml:10",
    )  # fmt: skip
    tag = {"action": "Allow", "serviceTag": "Sql.WestEurope", "protocol": "TCP", "portRanges": "1433,11000-11999"}
    assert rules["sql"] == (
        {"type": "ServiceTag", "category": "UserDefined", "destination": tag}, "teams/vision.yaml:12",
    )  # fmt: skip


def test_locked_workspaces_reach_the_destinations_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(APPROVED, "packages", ("fqdn", "pypi.org"))
    monkeypatch.setitem(APPROVED, "monitor", ("service_tag", "AzureMonitor"))

    locked, managed = world(tmp_path / "locked")["fraud-dev"], world(tmp_path / "managed", team=PRIVATE_CI)["fraud-dev"]

    rules = of_type(locked, "ManagedNetworkSettingsRule")
    reached = [(rule["inputs"]["ruleName"], rule["inputs"]["properties"]["destination"]) for rule in rules[-2:]]
    tag = {"action": "Allow", "serviceTag": "AzureMonitor", "protocol": "TCP", "portRanges": "443"}
    assert reached == [("packages", "pypi.org"), ("monitor", tag)]
    assert "packages" not in str(of_type(managed, "ManagedNetworkSettingsRule"))
    with pytest.raises(InputError) as caught:
        world(tmp_path / "twice", team=TEAM + "outbound: [{name: packages, fqdn: pypi.org}]\n")
    assert "there already is an outbound rule with the name 'packages'" in caught.value.details[0]


def test_managed_network_with_internet_access_gets_no_internet_rules(tmp_path: Path) -> None:
    account = f"{SUBNET.partition('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/lake"
    outbound = f"outbound: [{{name: pypi, fqdn: pypi.org}}, {{name: lake, resource_id: {account}, group: dfs}}]\n"
    rules = of_type(world(tmp_path, team=PRIVATE_CI + outbound)["fraud-dev"], "ManagedNetworkSettingsRule")

    assert [rule["inputs"]["ruleName"] for rule in rules] == [
        "storage-queue", "storage-table", "storage-blob", "storage-file", "lake",
    ]  # fmt: skip
    assert rules[-1]["inputs"]["properties"]["destination"] == {
        "serviceResourceId": account, "subresourceTarget": "dfs", "sparkEnabled": False,
    }  # fmt: skip


def test_no_outbound_component_without_rules(example: dict[str, Stack]) -> None:
    assert not [resource for resource in example["fraud-dev"]["resources"] if resource["name"] == "outbound"]
    assert [resource for resource in example["fraud-prod"]["resources"] if resource["name"] == "outbound"]


def test_subnets_disable_default_outbound_access(example: dict[str, Stack]) -> None:
    """Since its API of July 2025 Azure gives new subnets no default outbound access."""
    subnets = [subnet for stack in example.values() for subnet in of_type(stack, "network:Subnet")]

    assert len(subnets) == 5
    for subnet in subnets:
        assert subnet["inputs"]["defaultOutboundAccess"] is False
        if subnet["inputs"]["subnetName"] == "GatewaySubnet":
            continue
        assert subnet["inputs"]["routeTable"]["id"]
        assert subnet["inputs"]["networkSecurityGroup"]["id"]
        assert subnet["inputs"]["privateEndpointNetworkPolicies"] == "Enabled"


def test_endpoint_subnet_accepts_https_from_the_network_only(example: dict[str, Stack]) -> None:
    stack = example["vision-dev"]
    rules = of_type(stack, "NetworkSecurityGroup")[0]["inputs"]["securityRules"]
    routes = of_type(stack, "RouteTable")[0]["inputs"]["routes"]

    assert [(rule["access"], rule["sourceAddressPrefix"], rule["destinationPortRange"]) for rule in rules] == [
        ("Allow", "VirtualNetwork", "443"), ("Deny", "*", "*"),
    ]  # fmt: skip
    assert [(route["addressPrefix"], route["nextHopType"]) for route in routes] == [("0.0.0.0/0", "None")]


def test_next_hop_and_dns_servers_are_configured(tmp_path: Path) -> None:
    team = TEAM.replace("/24}", "/24, subnet: 10.1.0.64/26, next_hop: 10.0.0.4, dns_servers: [10.0.0.5]}")
    stack = world(tmp_path, team=team)["fraud-dev"]
    [vnet], [routes] = of_type(stack, "network:VirtualNetwork"), of_type(stack, "RouteTable")

    assert vnet["inputs"]["addressSpace"] == {"addressPrefixes": ["10.1.0.0/24"]}
    assert vnet["inputs"]["dhcpOptions"] == {"dnsServers": ["10.0.0.5"]}
    assert of_type(stack, "network:Subnet")[0]["inputs"]["addressPrefix"] == "10.1.0.64/26"
    assert routes["inputs"]["routes"] == [
        {"name": "out", "addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.0.4"}
    ]


def test_environment_network_peers_with_the_hub_and_uses_its_gateway(example: dict[str, Stack]) -> None:
    stack = example["vision-dev"]
    [hubs] = of_type(example["hub"], "network:VirtualNetwork")
    to_hub = named(stack, "to-hub", "VirtualNetworkPeering")
    from_hub = named(stack, "from-hub", "VirtualNetworkPeering")

    assert to_hub["inputs"]["remoteVirtualNetwork"]["id"].endswith(f"/{hubs['inputs']['virtualNetworkName']}")
    assert (to_hub["inputs"]["useRemoteGateways"], from_hub["inputs"]["allowGatewayTransit"]) == (True, True)
    assert from_hub["urn"] in to_hub["depends_on"]
    assert from_hub["inputs"]["resourceGroupName"] == hubs["inputs"]["resourceGroupName"]


def test_peering_without_gateway_has_no_gateway_transit(tmp_path: Path) -> None:
    stack = world(tmp_path)["fraud-dev"]

    assert named(stack, "to-hub", "VirtualNetworkPeering")["inputs"]["useRemoteGateways"] is False
    assert named(stack, "from-hub", "VirtualNetworkPeering")["inputs"]["allowGatewayTransit"] is False


def test_dns_zones_are_linked_to_every_network(example: dict[str, Stack]) -> None:
    """The hub links its own network and those of the organization's; each environment links the one that it makes."""
    linked = [
        (link["inputs"]["virtualNetwork"]["id"].rsplit("/", 1)[1], link["inputs"]["privateZoneName"])
        for stack in example.values()
        for link in of_type(stack, "VirtualNetworkLink")
    ]
    networks = ["vnet-contoso-hub", "vnet-contoso-vision-dev", "vnet-contoso-vision-test", "vnet-vision"]

    assert sorted(linked) == sorted((network, zone) for network in networks for zone in ZONES)
    assert [zone["inputs"]["privateZoneName"] for zone in of_type(example["hub"], "PrivateZone")] == list(ZONES)


def test_existing_subnet_gets_only_private_endpoints(example: dict[str, Stack]) -> None:
    stack = example["vision-prod"]

    made = {resource["type"].split(":")[-1] for resource in stack["resources"] if ":network:" in resource["type"]}
    assert made >= {"PrivateEndpoint", "PrivateDnsZoneGroup"}
    assert not made & {"VirtualNetwork", "Subnet", "VirtualNetworkPeering", "RouteTable"} - {"PrivateEndpoints"}
    assert of_type(stack, "PrivateEndpoint")[0]["inputs"]["subnet"]["id"].endswith("/vnet-vision/subnets/ml")


def test_dns_by_policy_creates_no_zones_and_zone_groups(tmp_path: Path) -> None:
    """Landing zones deny other zones, and add the records of endpoints to their zones by policy."""
    stacks = world(tmp_path, PLATFORM + "  dns: policy\n")

    for stack in stacks.values():
        assert of_type(stack, "PrivateEndpoint")
        assert not [resource for resource in stack["resources"] if "Zone" in resource["type"].split(":")[-1]]
        assert not of_type(stack, "VirtualNetworkLink")


def test_existing_dns_zones_are_used(tmp_path: Path) -> None:
    group = SUBNET.partition("/virtualNetworks")[0]
    dns = "".join(f"    {zone}: {group}/privateDnsZones/{zone}\n" for zone in ZONES)
    stacks = world(tmp_path, PLATFORM + "  dns:\n" + dns)

    assert not of_type(stacks["hub"], "PrivateZone")
    assert not [link for stack in stacks.values() for link in of_type(stack, "VirtualNetworkLink")]
    for group_ in of_type(stacks["fraud-dev"], "PrivateDnsZoneGroup"):
        for config in group_["inputs"]["privateDnsZoneConfigs"]:
            assert config["privateDnsZoneId"].startswith(f"{group}/privateDnsZones/")


def test_locked_organization_has_private_model_registry(tmp_path: Path) -> None:
    hub = world(tmp_path, PLATFORM + "network: locked\n")["hub"]
    [registry] = of_type(hub, "machinelearningservices:Registry")

    assert registry["inputs"]["publicNetworkAccess"] == "Disabled"
    [state], [vault] = of_type(hub, "StorageAccount"), of_type(hub, "keyvault:Vault")

    def leads_to(target: str) -> str:
        return target.rsplit("/", 1)[-1]

    # Azure makes and names what the registry keeps its files and images in.
    assert sorted((group, leads_to(target)) for target, group, _ in endpoints(hub)) == sorted(
        [
            ("amlregistry", registry["inputs"]["registryName"]),
            ("blob", UNKNOWN),
            ("registry", UNKNOWN),
            ("blob", state["inputs"]["accountName"]),
            ("vault", vault["inputs"]["vaultName"]),
        ]
    )


def test_locked_hub_with_network_has_private_states_and_keys(tmp_path: Path) -> None:
    stacks = {
        "open": world(tmp_path / "open")["hub"],
        "locked": world(tmp_path / "locked", PLATFORM + "  network: locked\n")["hub"],
        "nowhere": world(tmp_path / "nowhere", NOWHERE, team=GIVEN)["hub"],
    }

    found = {
        name: [public_access(of_type(hub, type_)[0]) for type_ in ("StorageAccount", "keyvault:Vault")]
        for name, hub in stacks.items()
    }
    assert found == {"open": ["on", "on"], "locked": ["off", "off"], "nowhere": ["on", "on"]}
    assert of_type(stacks["locked"], "StorageAccount")[0]["inputs"]["networkRuleSet"]["defaultAction"] == "Deny"
    reported = {name: {found["rule"] for found in hub["findings"]} for name, hub in stacks.items()}
    # Without a network of the hub they could not be reached, so they stay public, and a rule reports it.
    assert {name for name, rules in reported.items() if "locked-is-closed" in rules} == {"nowhere"}
    assert {name for name, rules in reported.items() if "ci-outside" in rules} == {"locked"}


def test_model_registry_storage_has_an_endpoint_in_each_location(example: dict[str, Stack]) -> None:
    """Azure makes a storage account in each, and one container registry, whose endpoint leads to all replicas."""
    hub = example["hub"]
    [registry] = of_type(hub, "machinelearningservices:Registry")
    made = {
        endpoint["inputs"]["privateEndpointName"]: endpoint["inputs"]["location"]
        for endpoint in of_type(hub, "PrivateEndpoint")
    }

    assert [region["location"] for region in registry["inputs"]["regionDetails"]] == ["westeurope", "northeurope"]
    assert made == dict.fromkeys(
        [
            "pe-contoso-hub-model-registry-amlregistry",
            "pe-contoso-hub-model-registry-blob-westeurope",
            "pe-contoso-hub-model-registry-blob-northeurope",
            "pe-contoso-hub-model-registry-registry",
        ],
        "westeurope",
    )
    assert len(of_type(hub, "PrivateDnsZoneGroup")) == len(made)


def test_managed_environment_reaches_private_registry_by_outbound_rule(tmp_path: Path) -> None:
    stack = world(tmp_path, PLATFORM + "  network: locked\n", PRIVATE_CI)["fraud-dev"]

    names = [rule["inputs"]["ruleName"] for rule in of_type(stack, "ManagedNetworkSettingsRule")]
    assert names == ["storage-queue", "storage-table", "storage-blob", "storage-file", "model-registry"]


def test_private_registry_has_an_endpoint_beside_that_of_the_workspace(tmp_path: Path) -> None:
    """Azure ML requires both in one subnet. The hub's endpoint keeps the registry's name: a zone holds one address."""
    stacks = world(tmp_path, PLATFORM + "  network: locked\n")
    stack, hub = stacks["fraud-dev"], stacks["hub"]
    workspace = named(stack, "endpoints-workspace-amlworkspace", "PrivateEndpoint")["inputs"]
    [registry] = [one for one in of_type(stack, "PrivateEndpoint") if one["name"].startswith("registry-endpoints")]
    [connection] = registry["inputs"]["privateLinkServiceConnections"]
    [created] = of_type(hub, "machinelearningservices:Registry")

    assert registry["inputs"]["subnet"] == workspace["subnet"]
    assert connection["groupIds"] == ["amlregistry"]
    assert connection["privateLinkServiceId"].endswith(f"/registries/{created['inputs']['registryName']}")
    named_in_zones = {group["inputs"]["privateEndpointName"] for group in of_type(stack, "PrivateDnsZoneGroup")}
    assert registry["inputs"]["privateEndpointName"] not in named_in_zones
    assert "azure-ai-enterprise-network-connection-approver-on-model-registry" in {
        role["name"].rpartition("-on-registry-")[2] for role in of_type(hub, "RoleAssignment")
    }


@pytest.mark.parametrize(
    ("platform", "team"),
    [
        (PLATFORM, TEAM),
        (PLATFORM + "  network: locked\n", PRIVATE_CI),
        (PLATFORM + "  network: locked\n  dns: policy\n", TEAM),
    ],
    ids=["public-registry", "public-workspace", "dns-by-policy"],
)
def test_other_environments_have_no_endpoint_of_the_registry(tmp_path: Path, platform: str, team: str) -> None:
    """An Azure policy that writes the records would give the registry's name the address of the last endpoint."""
    stack = world(tmp_path, platform, team)["fraud-dev"]

    assert not [one for one in of_type(stack, "PrivateEndpoint") if one["name"].startswith("registry-endpoints")]


def test_runners_in_the_hub_network_reach_private_services(
    example: dict[str, Stack],
) -> None:
    """Sharing a model from a workspace with private storage works from inside the network only."""
    hub = example["hub"]
    [pool] = of_type(hub, "Pool")
    subnet = named(hub, "network-runners", "network:Subnet")["inputs"]

    assert pool["inputs"]["fabricProfile"]["networkProfile"]["subnetId"].endswith("/subnets/snet-contoso-hub-runners")
    assert pool["inputs"]["organizationProfile"]["organizations"] == [
        {"url": "https://dev.azure.com/contoso", "projects": ["planning", "vision"], "parallelism": 4,
         "openAccess": False}
    ]  # fmt: skip
    assert [delegation["serviceName"] for delegation in subnet["delegations"]] == [
        "Microsoft.DevOpsInfrastructure/pools"
    ]
    assert subnet["natGateway"]["id"].endswith("/natGateways/ng-contoso-hub-runners")
    rights = [role["urn"] for role in of_type(hub, "RoleAssignment") if role["name"].startswith("runners-access")]
    assert len(rights) == 2
    assert set(rights) <= set(pool["depends_on"])


@pytest.mark.parametrize("team", [TEAM, PRIVATE_CI], ids=["locked", "private-ci"])
def test_workspace_identity_reads_storage_endpoints(tmp_path: Path, team: str) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-enable-studio-virtual-network"""
    stack = world(tmp_path, team=team)["fraud-dev"]
    endpoints_of_storage = {
        endpoint["inputs"]["privateEndpointName"]: endpoint
        for endpoint in of_type(stack, "PrivateEndpoint")
        if endpoint["inputs"]["privateLinkServiceConnections"][0]["groupIds"] in (["blob"], ["file"])
    }
    assigned = [role for role in of_type(stack, "RoleAssignment") if role["name"].startswith("workspace-endpoints")]

    assert {role["inputs"]["scope"].rsplit("/", 1)[1] for role in assigned} == set(endpoints_of_storage)
    assert {role["inputs"]["roleDefinitionId"].rsplit("/", 1)[1] for role in assigned} == {
        "acdd72a7-3385-48ef-bd42-f606fba81ae7"  # Reader
    }
    [identity] = [found for found in of_type(stack, "UserAssignedIdentity") if found["name"] == "workspace-identity"]
    for role in assigned:
        assert identity["urn"] in role["depends_on"]
        assert endpoints_of_storage[role["inputs"]["scope"].rsplit("/", 1)[1]]["urn"] in role["depends_on"]


def test_hub_network_has_a_gateway_subnet(example: dict[str, Stack]) -> None:
    """Azure requires its name, and refuses a gateway in a subnet with security rules or a default route."""
    subnet = named(example["hub"], "network-gateway", "network:Subnet")["inputs"]

    assert (subnet["subnetName"], subnet["addressPrefix"]) == ("GatewaySubnet", "10.40.0.192/26")
    assert not subnet.keys() & {"networkSecurityGroup", "routeTable", "delegations", "natGateway"}


def test_runner_pool_has_no_forge_secret(example: dict[str, Stack]) -> None:
    text = json.dumps([resource for stack in example.values() for resource in stack["resources"]]).lower()

    assert "[secret]" not in text
    assert not re.search(r"registration_?token|personalaccesstoken|clientsecret", text)


def test_runners_can_use_an_existing_subnet(tmp_path: Path) -> None:
    runners = f"""\
  runners:
    organization: contoso
    projects: [vision]
    principal_id: 00000000-0000-0000-0000-0000000000d0
    size: Standard_D4ads_v5
    image: ubuntu-22.04/latest
    subnet_id: {SUBNET}-runners
"""
    existing = PLATFORM.replace("address_space: 10.0.0.0/24", f"subnet_id: {SUBNET}")
    hub = world(tmp_path, existing + runners)["hub"]
    profile = of_type(hub, "Pool")[0]["inputs"]["fabricProfile"]

    assert profile["networkProfile"] == {"subnetId": f"{SUBNET}-runners"}
    assert (profile["sku"], profile["images"][0]["wellKnownImageName"]) == (
        {"name": "Standard_D4ads_v5"}, "ubuntu-22.04/latest",
    )  # fmt: skip
    assert not of_type(hub, "network:VirtualNetwork")


@pytest.mark.parametrize(
    ("allowed", "storage"),
    [
        ("20.40.60.0/24", ["20.40.60.0/24"]),
        ("20.40.60.8/31", ["20.40.60.8", "20.40.60.9"]),
        ("20.40.60.8/32", ["20.40.60.8"]),
    ],
)
def test_allow_ips_restrict_public_services_in_managed_networks(
    tmp_path: Path, allowed: str, storage: list[str]
) -> None:
    """Storage refuses ranges of one or two addresses."""
    team = TEAM.replace("locked", "managed").replace("vnet: {address_space: 10.1.0.0/24}", f"allow_ips: [{allowed}]")
    stack = world(tmp_path, team=team)["fraud-dev"]
    found = of_type(stack, "StorageAccount")[0]["inputs"]["networkRuleSet"]

    assert [rule["iPAddressOrRange"] for rule in found["ipRules"]] == storage
    assert of_type(stack, "Vault")[0]["inputs"]["properties"]["networkAcls"]["ipRules"] == [{"value": allowed}]
    assert (
        of_type(stack, "containerregistry:Registry")[0]["inputs"]["networkRuleSet"]["ipRules"][0]["iPAddressOrRange"]
        == allowed
    )
    names = [rule["inputs"]["ruleName"] for rule in of_type(stack, "ManagedNetworkSettingsRule")]
    assert names == [
        "storage-queue", "storage-table", "storage-blob", "storage-file", "key-vault", "container-registry",
    ], "jobs are not on the list"  # fmt: skip


def test_allow_ips_restrict_only_the_vault_in_open_networks(tmp_path: Path) -> None:
    team = TEAM.replace("locked", "open").replace("vnet: {address_space: 10.1.0.0/24}", "allow_ips: [20.40.60.0/24]")
    stack = world(tmp_path, team=team)["fraud-dev"]

    found = {service: public_access(of_type(stack, type_)[0]) for service, (type_, _) in SERVICES.items()}
    assert found == {
        "workspace": "on", "storage": "on", "key vault": "listed addresses", "container registry": "on",
    }  # fmt: skip


def test_runners_use_the_firewall_for_outbound_traffic(tmp_path: Path) -> None:
    runners = """\
  runners: {organization: contoso, projects: [vision], principal_id: 00000000-0000-0000-0000-0000000000d0}
"""
    platform = PLATFORM.replace("/24}", "/24, next_hop: 10.0.0.4, dns_servers: [10.0.0.5]}") + runners
    hub = world(tmp_path, platform)["hub"]

    assert not of_type(hub, "NatGateway")
    assert {table["inputs"]["routes"][0]["nextHopIpAddress"] for table in of_type(hub, "RouteTable")} == {"10.0.0.4"}
    assert of_type(hub, "network:VirtualNetwork")[0]["inputs"]["dhcpOptions"] == {"dnsServers": ["10.0.0.5"]}


def test_existing_hub_network_gets_no_peering(tmp_path: Path) -> None:
    existing = PLATFORM.replace("address_space: 10.0.0.0/24", f"subnet_id: {SUBNET}, gateway: true")
    stack = world(tmp_path, existing)["fraud-dev"]
    [peering] = of_type(stack, "VirtualNetworkPeering")

    assert peering["inputs"]["remoteVirtualNetwork"] == {"id": SUBNET.removesuffix("/subnets/ml")}
    assert peering["inputs"]["useRemoteGateways"] is True


def test_service_tag_rule_has_protocol_and_ports(tmp_path: Path) -> None:
    outbound = 'outbound: [{name: time, service_tag: Internet, protocol: UDP, ports: "123"}]\n'
    rules = of_type(world(tmp_path, team=TEAM + outbound)["fraud-dev"], "ManagedNetworkSettingsRule")

    found = rules[-1]["inputs"]["properties"]["destination"]
    assert (found["serviceTag"], found["protocol"], found["portRanges"]) == ("Internet", "UDP", "123")


def test_private_ci_without_runners_is_reported(tmp_path: Path) -> None:
    project = "projects: [{name: churn, repository: github:contoso/churn}]\n"
    runners = "  runners: {organization: a, projects: [b], principal_id: 00000000-0000-0000-0000-0000000000d0}\n"

    def reported(root: Path, platform: str) -> bool:
        findings = world(root, platform, TEAM + project)["fraud-dev"]["findings"]
        return "ci-outside" in {finding["rule"] for finding in findings}

    assert reported(tmp_path / "without", PLATFORM)
    assert not reported(tmp_path / "with", PLATFORM + runners)


def test_allow_ips_add_outbound_endpoints_for_jobs(tmp_path: Path) -> None:
    """Azure ML makes its own only to what has no public access, and a node's address is on no list."""
    team = TEAM.replace("locked", "managed").replace("vnet: {address_space: 10.1.0.0/24}", "allow_ips: [20.1.2.0/24]")
    stack = world(tmp_path, team=team)["fraud-dev"]

    reached = {
        rule["inputs"]["properties"]["destination"]["subresourceTarget"]
        for rule in of_type(stack, "ManagedNetworkSettingsRule")
    }
    assert reached == {"blob", "file", "queue", "table", "vault", "registry"}
    assert not of_type(world(tmp_path / "all", team=team.replace("allow_ips: [20.1.2.0/24]\n", ""))["fraud-dev"],
                       "ManagedNetworkSettingsRule")  # fmt: skip
