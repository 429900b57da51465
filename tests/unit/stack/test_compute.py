"""What a workspace computes on, as planned: instances of people, attached Kubernetes clusters, serverless jobs."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import Resource
from tests import worlds
from tests.unit.manifests.test_compute import AKS, ARC, GROUP, PERSON, RELAY


def world(root: Path, team: str) -> StackPlan:
    return worlds.planned(worlds.world(root, team=worlds.TEAM + team), ["fraud-dev"])["fraud-dev"]


def computes(stack: StackPlan, kind: str) -> list[Resource]:
    found = [one for one in stack.made if one.type.endswith(":Compute")]
    return [one for one in found if one.inputs["properties"]["computeType"] == kind]


def properties(compute: Resource) -> dict[str, Any]:
    return dict(compute.inputs["properties"]["properties"])


def test_instance_is_personal_to_its_owner(stacks: dict[str, StackPlan]) -> None:
    [instance] = computes(stacks["fraud-dev"], "ComputeInstance")
    found = properties(instance)

    assert found["applicationSharingPolicy"] == "Personal"
    assert found["personalComputeInstanceSettings"] == {
        "assignedUser": {"objectId": PERSON, "tenantId": "00000000-0000-0000-0000-00000000c0de"}
    }
    assert found["sshSettings"] == {"sshPublicAccess": "Disabled"}
    assert instance.inputs["properties"]["disableLocalAuth"] is True
    assert instance.origin == "teams/fraud.yaml:15"


def test_instance_stops_when_idle_and_has_no_identity(stacks: dict[str, StackPlan]) -> None:
    [instance] = computes(stacks["fraud-dev"], "ComputeInstance")

    assert properties(instance)["idleTimeBeforeShutdown"] == "PT60M"
    assert "identity" not in instance.inputs


def test_instance_stops_daily_at_the_configured_time(stacks: dict[str, StackPlan]) -> None:
    [instance] = computes(stacks["fraud-dev"], "ComputeInstance")

    [schedule] = properties(instance)["schedules"]["computeStartStop"]
    assert schedule == {
        "action": "Stop", "status": "Enabled", "triggerType": "Cron",
        "cron": {"expression": "0 19 * * *", "timeZone": "UTC"},
    }  # fmt: skip


@pytest.mark.parametrize(("network", "public"), [("open", True), ("managed", False)])
def test_instance_has_public_address_only_in_open_network(tmp_path: Path, network: str, public: bool) -> None:
    keys = f"network: {network}\ninstances: [{{name: anna, size: Standard_E4ds_v5, owner: {PERSON}}}]\n"

    [instance] = computes(world(tmp_path, keys), "ComputeInstance")

    assert properties(instance)["enableNodePublicIp"] is public
    assert "schedules" not in properties(instance)


def test_instances_of_the_same_name_are_unique_in_azure(tmp_path: Path) -> None:
    """A name is unique in a location of Azure, across all customers."""
    keys = f"instances: [{{name: anna, size: Standard_E4ds_v5, owner: {PERSON}}}]\n"
    teams = {f"teams/{name}.yaml": f"name: {name}\nenvironments: {{dev: {{}}}}\n{keys}" for name in ("churn", "fraud")}
    made = worlds.planned(worlds.world(tmp_path, more=teams))

    names = [one.inputs["computeName"] for stack in made.values() for one in computes(stack, "ComputeInstance")]

    assert len(set(names)) == 2
    assert all(name.startswith("ci-contoso-anna-") for name in names)


def test_idle_costs_of_an_instance_are_reported(stacks: dict[str, StackPlan]) -> None:
    costs = [cost for cost in stacks["fraud-dev"].document()["bills_while_idle"] if "instance" in cost["what"]]

    assert [(cost["what"], cost["count"], cost["per"]) for cost in costs] == [
        ("compute instance (Standard_E4ds_v5), unless it is stopped", 1, "hour")
    ]


def test_kubernetes_is_attached_after_role_assignments(stacks: dict[str, StackPlan]) -> None:
    [cluster] = computes(stacks["forecasting-dev"], "Kubernetes")
    rights = roles(stacks["forecasting-dev"], "kubernetes-retail-access")

    assert cluster.inputs["computeName"] == "retail"
    assert cluster.inputs["properties"]["disableLocalAuth"] is True
    assert properties(cluster) == {"namespace": "forecasting"}
    assert cluster.inputs["identity"]["type"] == "UserAssigned"
    assert [one.rsplit("/", 1)[1] for one in cluster.inputs["identity"]["userAssignedIdentities"]] == [
        "id-contoso-forecasting-dev-cluster"
    ]
    assert {one.urn for one in rights} <= set(cluster.depends_on)
    assert {one.inputs["scope"] for one in rights} == {cluster.inputs["properties"]["resourceId"]}


def test_role_definition_is_in_the_subscription_of_the_cluster(stacks: dict[str, StackPlan]) -> None:
    rights = roles(stacks["forecasting-dev"], "kubernetes-retail-access")

    assert [one.inputs["roleDefinitionId"].split("/")[2] for one in rights] == [
        "00000000-0000-0000-0000-0000000000c0"
    ] * 3


def test_cluster_attached_twice_gets_its_roles_once(tmp_path: Path) -> None:
    """Azure refuses a second assignment of one role, and minds no case in ids."""
    again = AKS.replace("rg-k8s", "RG-K8S")
    keys = (
        f"kubernetes: [{{name: train, cluster_id: {AKS}, namespace: train}},"
        f" {{name: serve, cluster_id: {again}, namespace: serve}}]\n"
    )

    stack = world(tmp_path, keys)

    attached = computes(stack, "Kubernetes")
    rights = roles(stack, "kubernetes-train-access")
    assert [properties(one)["namespace"] for one in attached] == ["train", "serve"]
    assert len(rights) == 3
    assert roles(stack, "kubernetes-serve-access") == []
    assert all({one.urn for one in rights} <= set(cluster.depends_on) for cluster in attached)


def test_arc_cluster_gets_role_on_its_relay(tmp_path: Path) -> None:
    keys = f"kubernetes: [{{name: edge, cluster_id: {ARC}, namespace: ml, relay_id: {RELAY}}}]\n"

    rights = roles(world(tmp_path, keys), "kubernetes-edge-access")

    assert {
        one.name.removeprefix("kubernetes-edge-access-"): one.inputs["scope"].removeprefix(GROUP) for one in rights
    } == {
        "reader-on-kubernetes-cluster": ARC.removeprefix(GROUP),
        "kubernetes-extension-contributor-on-kubernetes-cluster": ARC.removeprefix(GROUP),
        "azure-kubernetes-service-cluster-admin-role-on-kubernetes-cluster": ARC.removeprefix(GROUP),
        "azure-relay-owner-on-azure-relay": RELAY.removeprefix(GROUP),
    }


def test_serverless_jobs_have_the_same_settings_in_every_mode(stacks: dict[str, StackPlan]) -> None:
    """Their flag is for subnets of one's own, and Azure does not let it change without one."""
    modes = ("forecasting-dev", "fraud-dev", "vision-dev")
    found = [one for name in modes for one in stacks[name].made if one.type.endswith("services:Workspace")]

    assert [one.inputs["serverlessComputeSettings"] for one in found] == [{"serverlessComputeNoPublicIP": False}] * 3


def roles(stack: StackPlan, prefix: str) -> list[Resource]:
    assigned = (one for one in stack.made if one.type.endswith(":RoleAssignment"))
    return [one for one in assigned if one.name.startswith(f"{prefix}-")]
