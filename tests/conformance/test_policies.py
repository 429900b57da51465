"""The built-in policies that the hub assigns, evaluated by their published definitions over what is planned."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.simulator.kinds import KINDS
from tests.conformance.arm import Definitions
from tests.conformance.policy import definition, effect
from tests.helpers import CONTOSO
from tests.plans import make_plan

ASSIGNMENT, SETTING = "azure-native:authorization:PolicyAssignment", "azure-native:monitor:DiagnosticSetting"
ENDPOINT = "azure-native:network:PrivateEndpoint"
JUDGED = {
    "azure-native:machinelearningservices:Workspace": "Microsoft.MachineLearningServices/workspaces",
    "azure-native:machinelearningservices:Compute": "Microsoft.MachineLearningServices/workspaces/computes",
}
"""The types that the assigned policies look at."""

Planned = list[tuple[str, Mapping[str, Any]]]
"""Resources with the subscription of their stack."""


def planned_in(root: Path) -> Planned:
    platform = load_platform(root)
    stacks = make_plan(platform, [], Progress()).document()["stacks"]
    return [
        (platform.stacks[stack["name"]].subscription_id, resource)
        for stack in stacks
        for resource in stack["resources"]
        if resource["type"].startswith("azure-native:")
    ]


def verdicts(folder_: Path, azure: Definitions, planned: Planned) -> Iterator[tuple[str, str, str | None]]:
    """Each assignment's verdict on each resource in its scope: the assignment, the resource's URN, the effect."""
    for _, assignment in planned:
        if assignment["type"] != ASSIGNMENT:
            continue
        inputs = assignment["inputs"]
        policy = definition(folder_, inputs["policyDefinitionId"].rsplit("/", 1)[-1])
        subscription = inputs["scope"].removeprefix("/subscriptions/")
        for where, resource in planned:
            if where == subscription and resource["type"] in JUDGED:
                body = as_azure_describes(azure, where, resource, planned)
                name = inputs["policyAssignmentName"]
                yield name, resource["urn"], effect(policy, inputs["parameters"], JUDGED[resource["type"]], body)


def as_azure_describes(
    azure: Definitions, subscription: str, resource: Mapping[str, Any], planned: Planned
) -> Mapping[str, Any]:
    """The body of a resource, with the private endpoints that lead to it and its diagnostic settings."""
    id_ = KINDS[resource["type"]].id_of(resource["inputs"], subscription).lower()
    body = azure.body(resource["type"], resource["inputs"])
    endpoints = [
        connection
        for _, one in planned
        if one["type"] == ENDPOINT
        for connection in one["inputs"]["privateLinkServiceConnections"]
        if connection["privateLinkServiceId"].lower() == id_
    ]
    settings = [
        azure.body(SETTING, one["inputs"])
        for _, one in planned
        if one["type"] == SETTING and one["inputs"]["resourceUri"].lower() == id_
    ]
    approved = [{"privateLinkServiceConnectionState": {"status": "Approved"}} for _ in endpoints]
    properties = {**body.get("properties", {}), "privateEndpointConnections": approved}
    return {**body, "properties": properties, "diagnosticSettings": settings}


def test_the_example_complies_with_every_policy_that_it_assigns(published: tuple[Path, Definitions]) -> None:
    found = list(verdicts(*published, planned_in(CONTOSO)))

    assert len(found) > 30
    assert [one for one in found if one[2] is not None] == []
