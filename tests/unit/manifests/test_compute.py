"""The compute that manifests ask for: what is made of it, and what is refused with its reason."""

from pathlib import Path
from typing import get_args

import pytest

from bootstrap.manifests.platform import load_platform
from infra.settings import EnvironmentSettings, InstanceSettings, KubernetesSettings
from infra.tables.network_modes import MODES, Network
from tests.unit.manifests.test_manifests import mistakes
from tests.worlds import PLATFORM, TEAM, world

PERSON = "77777777-7777-7777-7777-777777777777"
GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000c/resourceGroups/rg-k8s/providers"
AKS = f"{GROUP}/Microsoft.ContainerService/managedClusters/aks"
ARC = f"{GROUP}/Microsoft.Kubernetes/connectedClusters/arc"
RELAY = f"{GROUP}/Microsoft.Relay/namespaces/relay-arc"
HUB = PLATFORM + "  vnet: {address_space: 10.0.0.0/24}\n"
CPU = "compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]\n"
VNET = "vnet: {address_space: 10.1.0.0/24}\n"


def instance(said: str = "", name: str = "anna") -> str:
    return f"instances: [{{name: {name}, size: Standard_E4ds_v5, owner: {PERSON}{said}}}]\n"


def kubernetes(said: str = "", cluster: str = AKS, name: str = "retail") -> str:
    return f"kubernetes: [{{name: {name}, cluster_id: {cluster}, namespace: ml{said}}}]\n"


def dev(root: Path) -> EnvironmentSettings:
    found = load_platform(root).stacks["fraud-dev"]
    assert isinstance(found, EnvironmentSettings)
    return found


def test_an_instance_stops_after_an_hour_without_use_and_keeps_its_line(tmp_path: Path) -> None:
    found = dev(world(tmp_path, team=TEAM + instance()))

    assert found.instances == (
        InstanceSettings(
            name="anna",
            size="Standard_E4ds_v5",
            owner=PERSON,
            idle_minutes=60,
            stop_at=None,
            origin="teams/fraud.yaml:4",
        ),
    )


@pytest.mark.parametrize("written", ["19:00", '"19:00"'])
def test_a_time_needs_no_quotes(tmp_path: Path, written: str) -> None:
    found = dev(world(tmp_path, team=TEAM + instance(f", idle_minutes: 15, stop_at: {written}")))

    assert [(one.idle_minutes, one.stop_at) for one in found.instances] == [(15, "19:00")]


def test_a_cluster_of_azure_arc_is_attached_with_its_relay(tmp_path: Path) -> None:
    found = dev(world(tmp_path, team=TEAM + kubernetes(f", relay_id: {RELAY}", ARC)))

    assert found.kubernetes == (
        KubernetesSettings(
            name="retail", cluster_id=ARC, namespace="ml", relay_id=RELAY, origin="teams/fraud.yaml:4"
        ),
    )  # fmt: skip


def test_a_protected_environment_may_say_that_it_has_none_of_the_teams_instances(tmp_path: Path) -> None:
    team = TEAM.replace("dev: {}", "dev: {}\n  prod: {instances: []}") + instance()

    stacks = load_platform(world(tmp_path, team=team)).stacks

    assert {name: len(found.instances) for name, found in stacks.items() if isinstance(found, EnvironmentSettings)} == {
        "fraud-dev": 1, "fraud-prod": 0,
    }  # fmt: skip


@pytest.mark.parametrize("network", get_args(Network))
def test_kubernetes_is_attached_in_the_modes_that_have_no_reason_against_it(tmp_path: Path, network: Network) -> None:
    """The table in `infra.tables.network_modes` and what the manifests may say are one."""
    said = f"network: {network}\n{CPU}{VNET if network == 'locked' else ''}{kubernetes()}"
    root = world(tmp_path, HUB, TEAM + said)

    if MODES[network].refused_kubernetes:
        line = 7 if network == "locked" else 6
        expected = f"fraud-dev: kubernetes is refused in network {network}: {MODES[network].refused_kubernetes}."
        assert mistakes(root) == [f"teams/fraud.yaml:{line}:14: {expected}"]
    else:
        assert [one.cluster_id for one in dev(root).kubernetes] == [AKS]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "  prod: {}\n" + instance(),
            "5:13: fraud-prod is protected: people only read there, and a compute instance is for a person",
        ),
        (instance(", idle_minutes: 14"), "instances.0.idle_minutes: must be at least 15 (found 14)"),
        (instance(", idle_minutes: 4321"), "instances.0.idle_minutes: must be at most 4320 (found 4321)"),
        (instance(', stop_at: "24:00"'), "instances.0.stop_at: must be a time such as 19:00"),
        (instance(name="a"), "instances.0.name: must be 2 to 24 lower-case letters"),
        (instance().replace(PERSON, "anna@contoso.example"), "instances.0.owner: must be a GUID"),
        (instance().replace(f", owner: {PERSON}", ""), "instances.0.owner: is missing."),
        (CPU + instance(name="cpu"), "5:13: instances: compute already has the name 'cpu' in the same workspace."),
        (CPU + kubernetes(name="cpu"), "5:14: kubernetes: compute already has the name 'cpu' in the same workspace."),
        (kubernetes(cluster=RELAY), "kubernetes.0.cluster_id: must be the resource id of a Kubernetes cluster"),
        (kubernetes().replace("ml}", "ML}"), "kubernetes.0.namespace: must be 1 to 63 lower-case letters"),
        (kubernetes().replace(", namespace: ml", ""), "kubernetes.0.namespace: is missing."),
        (
            kubernetes(cluster=ARC),
            "4:14: kubernetes retail: Azure Arc connects this cluster, so relay_id is needed. Add relay_id:",
        ),
        (
            kubernetes(f", relay_id: {RELAY}"),
            "4:14: kubernetes retail: relay_id is for clusters of Azure Arc; this one is in AKS.",
        ),
        (kubernetes(f", relay_id: {AKS}", ARC), "kubernetes.0.relay_id: must be the resource id of an Azure Relay"),
    ],
)
def test_invalid_settings_are_refused_with_position_and_reason(tmp_path: Path, said: str, expected: str) -> None:
    found = mistakes(world(tmp_path, team=TEAM + said))

    assert any(expected in mistake for mistake in found), found
