"""The built-in policies that the hub assigns, evaluated by their published definitions over what is planned."""

import copy
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.manifests.schema import Policies
from bootstrap.progress import Progress
from bootstrap.simulator.kinds import KINDS
from infra.rules.rule import Resource
from infra.rules.stacks import is_refused
from infra.tables.azure_policies import POLICIES, AzurePolicy
from tests.conformance.arm import Definitions
from tests.conformance.policy import definition, effect
from tests.conformance.test_bodies import put
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


@functools.cache
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


@pytest.mark.parametrize("policy", [one for one in POLICIES if one.path is not None], ids=lambda one: one.name)
def test_our_table_refuses_what_the_published_definition_refuses(
    published: tuple[Path, Definitions], policy: AzurePolicy
) -> None:
    """Judged over the resources of the example, with each value that the policy looks at, another one and none."""
    folder_, azure = published
    planned = planned_in(CONTOSO)
    assigned = {name: {"value": value} for name, value in {**policy.parameters, "effect": "Deny"}.items()}
    judged: list[bool] = []
    for where, resource in planned:
        if resource["type"] != policy.judges:
            continue
        for value in (*policy.accepts, "another", None):
            inputs = copy.deepcopy(dict(resource["inputs"]))
            put(inputs, str(policy.path).split("."), value)
            body = as_azure_describes(azure, where, {**resource, "inputs": inputs}, planned)
            found = effect(definition(folder_, policy.id), assigned, JUDGED[resource["type"]], body)
            ours = is_refused(policy, Resource("", resource["type"], "", inputs))
            assert (found == "Deny") == ours, (resource["urn"], value)
            judged.append(ours)

    assert {True, False} == set(judged)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.name)
def test_manifests_accept_only_effects_of_the_definition(
    published: tuple[Path, Definitions], policy: AzurePolicy
) -> None:
    accepted = str(Policies.model_fields[policy.name].annotation)
    effects = {policy.audit, "Disabled", *(["Deny"] if "Deny" in accepted else [])}

    parameter = definition(published[0], policy.id)["parameters"]["effect"]

    assert effects <= set(parameter["allowedValues"])
    assert ("Deny" in effects) == (policy.path is not None)


def test_the_example_complies_with_every_policy_that_it_assigns(published: tuple[Path, Definitions]) -> None:
    found = list(verdicts(*published, planned_in(CONTOSO)))

    assert len(found) > 30
    assert [one for one in found if one[2] is not None] == []
