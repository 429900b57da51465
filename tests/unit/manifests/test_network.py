"""The networks that manifests ask for: what is made of them, and what is refused with its reason."""

import datetime as dt
from pathlib import Path

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.manifests.scaffold import init
from bootstrap.progress import Progress
from infra.settings import EnvironmentSettings, ExistingSubnet, HubSettings, NetworkSettings, NewVnet
from tests.helpers import build_tree
from tests.unit.manifests.test_manifests import mistakes
from tests.worlds import PLATFORM, changed, world

SUBNET = (
    "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-net/providers/Microsoft.Network/"
    "virtualNetworks/vnet/subnets/ml"
)
HUB = PLATFORM + "  vnet: {address_space: 10.0.0.0/24}\n"
RUNNERS = """\
  runners: {organization: contoso, projects: [planning], principal_id: 00000000-0000-0000-0000-0000000000d0}
"""
CPU = "compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]\n"


def team(said: str, name: str = "fraud") -> str:
    return f"name: {name}\nenvironments: {{dev: {{}}}}\n{CPU}{said}"


def networking(root: Path, stack: str = "fraud-dev") -> NetworkSettings:
    found = load_platform(root).stacks[stack]
    assert isinstance(found, EnvironmentSettings)
    return found.networking


def hub(root: Path) -> HubSettings:
    found = load_platform(root).stacks["hub"]
    assert isinstance(found, HubSettings)
    return found


def test_a_locked_environment_gets_its_network_and_knows_the_hubs(tmp_path: Path) -> None:
    said = "network: locked\nfirewall_sku: Basic\nvnet: {address_space: 10.1.0.0/24, dns_servers: [10.0.0.4]}\n"

    found = networking(world(tmp_path, HUB, team(said)))

    assert isinstance(found.vnet, NewVnet)
    assert (found.ci, found.firewall_sku) == ("private", "Basic")
    assert (found.vnet.endpoint_subnet, found.vnet.dns_servers) == ("10.1.0.0/24", ("10.0.0.4",))
    assert found.vnet.origin == "teams/fraud.yaml:6"
    assert found.hub_vnet is not None
    assert found.hub_vnet.vnet_id is None


def test_the_hubs_network_has_a_half_for_endpoints_and_a_quarter_each_for_runners_and_a_gateway(tmp_path: Path) -> None:
    alone = hub(world(tmp_path / "alone", HUB)).vnet
    settings = hub(world(tmp_path / "runners", HUB + RUNNERS))

    assert isinstance(alone, NewVnet)
    assert (alone.endpoint_subnet, alone.runner_subnet) == ("10.0.0.0/25", None)
    assert isinstance(settings.vnet, NewVnet)
    assert (settings.vnet.endpoint_subnet, settings.vnet.runner_subnet) == ("10.0.0.0/25", "10.0.0.128/26")
    assert settings.runners is not None
    assert settings.vnet.gateway_subnet is None
    gateway = hub(world(tmp_path / "gateway", HUB.replace("/24", "/24, gateway: true") + RUNNERS)).vnet
    assert gateway == settings.vnet.model_copy(update={"gateway_subnet": "10.0.0.192/26"}), "nothing else moves"
    assert (settings.runners.projects, settings.runners.origin) == (("planning",), "platform.yaml:11")


def test_networks_that_are_given_are_linked_to_the_hubs_zones_once(tmp_path: Path) -> None:
    given = f"network: locked\nvnet: {{subnet_id: {SUBNET}}}\n"
    root = world(tmp_path, team=team(given))
    build_tree(root, {"teams/other.yaml": team(given, "other")})

    settings = hub(root)

    assert settings.private_endpoints
    assert settings.linked_vnets == (SUBNET.removesuffix("/subnets/ml"),)
    assert isinstance(networking(root).vnet, ExistingSubnet)


def test_an_organization_that_is_locked_has_a_private_registry(tmp_path: Path) -> None:
    locked = HUB + "network: locked\n"
    root = world(tmp_path, locked, team("vnet: {address_space: 10.1.0.0/24}\n"))

    assert not hub(root).public_registry
    assert not networking(root).public_registry


def test_rules_of_the_team_keep_their_lines(tmp_path: Path) -> None:
    said = f"""\
network: managed
outbound:
  - {{name: data, resource_id: {SUBNET.partition("/virtualNetworks")[0]}/privateLinkServices/x, group: sql}}
  - {{name: pypi, fqdn: "*.pythonhosted.org"}}
  - {{name: sql, service_tag: Sql.WestEurope, ports: "1433,11000-11999"}}
"""
    found = networking(world(tmp_path, team=team(said))).outbound

    assert [(rule.name, rule.kind, rule.ports) for rule in found] == [
        ("data", "private_endpoint", "443"), ("pypi", "fqdn", "443"), ("sql", "service_tag", "1433,11000-11999"),
    ]  # fmt: skip
    assert [rule.origin for rule in found] == [f"teams/fraud.yaml:{line}" for line in (6, 7, 8)]


def test_locked_platform_reports_all_missing_settings_at_once(tmp_path: Path) -> None:
    root = tmp_path / "new"
    init(root, {}, dt.date(2026, 11, 24), Progress(), example=True)
    edit(root / "platform.yaml", "network: managed", "network: locked")

    expected = mistakes(root)
    edit(root / "platform.yaml", "  log_retention_days", "  vnet: {address_space: 10.40.0.0/24}\n  log_retention_days")
    edit(root / "teams/example.yaml", "budget: 500", "vnet: {address_space: 10.20.0.0/24}\n    budget: 500")
    edit(root / "teams/example.yaml", "budget: 1000", "vnet: {address_space: 10.20.1.0/24}\n    budget: 1000")

    assert [mistake.partition(": ")[2].partition(",")[0] for mistake in expected] == [
        "example-dev has private endpoints",
        "the hub has no vnet",
        "example-prod has private endpoints",
    ]
    assert [mistake.rsplit(":", 1)[0].partition(":")[0] for mistake in expected] == [
        "teams/example.yaml", "platform.yaml", "teams/example.yaml",
    ]  # fmt: skip
    assert list(load_platform(root).stacks) == ["hub", "example-dev", "example-prod"]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


LOCKED = "network: locked\nvnet: {address_space: 10.1.0.0/24}\n"


@pytest.mark.parametrize(
    ("platform", "said", "expected"),
    [
        (HUB, "network: locked\n", "fraud.yaml:2:16: fraud-dev has private endpoints, and no vnet is set for them"),
        (HUB, "network: open\nci: private\n", "fraud.yaml:5:1: fraud-dev: network open with ci private is refused"),
        (HUB, LOCKED + "ci: public\n", "fraud.yaml:6:1: fraud-dev: network locked with ci public is refused: in a loc"),
        (PLATFORM, LOCKED, "fraud-dev could not be reached: the hub has no vnet to peer it with. Add vnet: "),
        (HUB, LOCKED.replace("/24", "/33"), "fraud.yaml:5:23: vnet.address_space: must be an IPv4 range"),
        (HUB, LOCKED.replace(".0/24", ".5/24"), "is an address within a range: the range is 10.1.0.0/24"),
        (HUB, LOCKED.replace("10.1.", "10.999."), "vnet.address_space: must be an IPv4 range such as 10.20.0.0/24"),
        (HUB, LOCKED.replace("/24", "/28"), "5:8: vnet.address_space: 10.1.0.0/28 is too small for the private"),
        (
            HUB, LOCKED.replace("}", ", subnet: 10.1.0.0/28}"),
            "5:36: vnet.subnet: 10.1.0.0/28 is too small for the private endpoints: at least /27",
        ),
        (HUB, LOCKED.replace("}", ", subnet: 10.2.0.0/26}"), "vnet.subnet: 10.2.0.0/26 is not within 10.1.0.0/24"),
        (HUB, LOCKED.replace("10.1", "10.0"), "5:8: 10.0.0.0/24 of fraud-dev overlaps 10.0.0.0/24 of hub"),
        (HUB.replace("10.0.0.0/24", "10.0.0.0/27"), "", "platform.yaml:10:10: vnet.address_space: 10.0.0.0/27 is too"),
        (HUB, LOCKED.replace("}", f", subnet_id: {SUBNET}}}"), "vnet.subnet_id: the network of this subnet exists"),
        (HUB, "network: locked\nvnet: {dns_servers: [10.0.0.4]}\n", "5:1: vnet: set address_space, or subnet_id"),
        (HUB + "network: locked\n", "network: open\n", "4:1: fraud-dev: network open is refused: its jobs have no net"),
        (HUB, "allow_ips: [10.0.0.0/8]\n", "allow_ips.0: must be a range of public addresses"),
        (HUB, "allow_ips: [everywhere]\n", "allow_ips.0: must be an IPv4 range"),
        (HUB, "allow_ips: [0.0.0.0/1, 128.0.0.0/1]\n", "allow_ips.1: would let much of the internet in: at most a /8"),
        (HUB, "firewall_sku: Premium\n", "firewall_sku: must be 'Basic' or 'Standard'"),
        (HUB, "outbound: [{name: aa}]\n", "outbound rule aa: set one of fqdn, service_tag and resource_id"),
        (HUB, "outbound: [{name: aa, fqdn: a.b.cc, service_tag: Sql}]\n", "outbound rule aa: set one of"),
        (HUB, "outbound: [{name: aa, fqdn: https://a.b}]\n", "outbound.0.fqdn: must be a name such as pypi.org"),
        (HUB, "outbound: [{name: aa, fqdn: a.b.cc, group: blob}]\n", "group goes with resource_id"),
        (
            HUB, "outbound: [{name: model-registry, fqdn: a.b.cc}]\n",
            "fraud.yaml:4:12: there already is an outbound rule with the name 'model-registry'",
        ),
        (
            HUB, f"outbound: [{{name: aa, resource_id: {SUBNET}, group: blob}}]\n",
            "fraud-dev has network open: its jobs have no network of their own",
        ),
        (PLATFORM + RUNNERS, "", "platform.yaml:10:3: hub.runners need a network of the hub: add hub.vnet"),
        (
            HUB + RUNNERS.replace("}", f", subnet_id: {SUBNET}}}"), "",
            "hub.runners: subnet_id is for a network that exists already, and hub.vnet creates one",
        ),
        (
            HUB.replace("/24", "/26") + RUNNERS.replace("}", ", max_runners: 12}"), "",
            "hub.runners: their quarter of 10.0.0.0/26 has room for 11, and max_runners is more",
        ),
        (
            HUB.replace("/24", "/26, gateway: true"), "",
            "10:10: vnet.address_space: 10.0.0.0/26 is too small for a gateway, whose quarter must be /27 at least",
        ),
        (HUB.replace("  vnet", "  dns: ours\n  vnet"), "", "hub.dns: must be 'hub' or 'policy'"),
        (
            HUB.replace("  vnet", f"  dns: {{privatelink.azurecr.io: {SUBNET}}}\n  vnet"), "",
            "must be the resource id of a private DNS zone",
        ),
    ],
)  # fmt: skip
def test_invalid_settings_are_refused_with_position_and_reason(
    tmp_path: Path, platform: str, said: str, expected: str
) -> None:
    found = mistakes(world(tmp_path, platform, team(said)))

    assert any(expected in mistake for mistake in found), found


def test_networks_of_two_teams_must_not_overlap(tmp_path: Path) -> None:
    root = world(tmp_path, HUB, team(LOCKED))
    build_tree(root, {"teams/other.yaml": team(LOCKED.replace("10.1.0.0/24", "10.1.0.64/26"), "other")})

    assert mistakes(root) == [
        (
            "teams/other.yaml:5:8: 10.1.0.64/26 of other-dev overlaps 10.1.0.0/24 of fraud-dev (teams/fraud.yaml:5). "
            "Azure does not peer networks that overlap: set vnet in each environment, with a range of its own."
        )
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [("max_nodes: 1", "max_nodes: 1, low_priority: true"), ("Standard_D4ds_v5", "Standard_NC4as_T4_v3")],
    ids=["low-priority", "gpu"],
)
def test_private_environment_needs_a_cluster_that_can_build_images(tmp_path: Path, old: str, new: str) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-secure-workspace-vnet: only CPU sizes build images."""
    root = world(tmp_path, HUB, changed(team(LOCKED), (old, new)))

    expected = "fraud-dev needs a compute cluster of a CPU size that is not low_priority: images are built on one"
    assert mistakes(root) == [f"teams/fraud.yaml:2:16: {expected}, since no public service reaches the registry."]


def test_a_registry_that_is_narrowed_needs_a_cluster_to_build_images_and_one_that_is_not_does_not(
    tmp_path: Path,
) -> None:
    """Azure's build service comes from no listed address. In open networks the registry is not narrowed."""
    spot = CPU.replace("max_nodes: 1", "max_nodes: 1, low_priority: true")
    ips = "allow_ips: [20.40.60.0/24]\n"
    teams = {
        "narrowed": f"network: managed\n{ips}{spot}", "managed": f"network: managed\n{spot}",
        "open": f"network: open\n{ips}{spot}",
    }  # fmt: skip
    root = world(tmp_path, team="name: fraud\nenvironments: {dev: {}}\n")
    for name, said in teams.items():
        build_tree(root, {f"teams/{name}.yaml": f"name: {name}\nenvironments: {{dev: {{}}}}\n{said}"})

    expected = mistakes(root)
    assert [mistake.split(": ")[1].split(" ")[0] for mistake in expected] == ["narrowed-dev"], expected


def test_zones_of_the_organization_must_be_all_that_are_needed(tmp_path: Path) -> None:
    zone = f"{SUBNET.partition('/virtualNetworks')[0]}/privateDnsZones/privatelink"
    given = f"  dns: {{privatelink.azurecr.io: {zone}.azurecr.io, privatelink.mongo.com: {zone}.mongo.com}}\n"
    found = mistakes(world(tmp_path, HUB + given, team(LOCKED)))

    assert found[0].startswith("platform.yaml:11:3: hub.dns: the zone privatelink.api.azureml.ms is needed and is not")
    assert found[-1].endswith("no private endpoint uses the zone privatelink.mongo.com.")
    assert len(found) == 8


def test_the_hubs_own_endpoints_need_zones_too(tmp_path: Path) -> None:
    zone = f"{SUBNET.partition('/virtualNetworks')[0]}/privateDnsZones/privatelink.azurecr.io"
    given = f"  dns: {{privatelink.azurecr.io: {zone}}}\n"

    def missing(root: Path, more: str = "") -> list[str]:
        expected = mistakes(world(root, HUB + given + more, team("network: managed\n")))
        return [mistake.split("the zone ")[1].split()[0] for mistake in expected]

    registrys = ["privatelink.api.azureml.ms", "privatelink.blob.core.windows.net"]
    assert missing(tmp_path / "open") == registrys
    assert missing(tmp_path / "locked", "  network: locked\n") == [*registrys, "privatelink.vaultcore.azure.net"]


def test_compute_in_a_network_of_ones_own_is_refused_with_its_reason(tmp_path: Path) -> None:
    own = team("").replace("max_nodes: 1", f"max_nodes: 1, subnet_id: {SUBNET}")

    assert (
        "compute.0.subnet_id: is not offered: compute in a network of your own has no managed online"
        in (mistakes(world(tmp_path, team=own))[0])
    )
