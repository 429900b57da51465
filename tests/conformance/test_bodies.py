"""What Azure would receive for every planned resource fits the types that Azure publishes."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from infra.tables.connections import CATEGORIES
from tests.conformance.arm import BY_HAND, NEWER, SENT_BY_HAND, Definitions
from tests.helpers import CONTOSO
from tests.plans import make_plan
from tests.unit.stack.test_connections import CONNECTION
from tests.unit.stack.test_data_page import LOGINS, run_commands
from tests.unit.stack.test_every_setting import CASES, FEED, planned_with

WRONG_VALUES: list[tuple[str, str, Any]] = [
    # Values that no enumeration has, of enumerations that are closed and of those that are open in name only.
    ("monitor:ScheduledQueryRule", "criteria.allOf.0.operator", "gt"),
    ("monitor:ScheduledQueryRule", "criteria.allOf.0.timeAggregation", "Sum"),
    ("monitor:ScheduledQueryRule", "criteria.allOf.0.dimensions.0.operator", "Includes"),
    ("monitor:MetricAlert", "criteria.allOf.0.operator", "gt"),
    ("monitor:MetricAlert", "criteria.odataType", "Microsoft.Azure.Monitor.MultipleMetricCriteria"),
    ("storage:StorageAccount", "sku.name", "Standard_ZLRS"),
    ("storage:StorageAccount", "kind", "StorageV3"),
    ("storage:StorageAccount", "minimumTlsVersion", "1.2"),
    ("storage:StorageAccount", "networkRuleSet.defaultAction", "Reject"),
    ("storage:BlobContainer", "publicAccess", "Private"),
    ("keyvault:Vault", "properties.sku.name", "basic"),
    ("keyvault:Vault", "properties.networkAcls.bypass", "Azure"),
    ("keyvault:Key", "properties.kty", "AES"),
    ("containerregistry:Registry", "sku.name", "Free"),
    ("containerregistry:Registry", "publicNetworkAccess", "SecuredByPerimeter"),
    ("machinelearningservices:Workspace", "publicNetworkAccess", "Off"),
    ("machinelearningservices:Workspace", "identity.type", "User"),
    ("machinelearningservices:Compute", "properties.computeType", "AmlComputeInstance"),
    ("machinelearningservices:Compute", "properties.properties.vmPriority", "Spot"),
    ("machinelearningservices:ManagedNetworkSettingsRule", "properties.type", "Endpoint"),
    ("machinelearningservices:ManagedNetworkSettingsRule", "properties.category", "Custom"),
    ("authorization:RoleAssignment", "principalType", "ManagedIdentity"),
    ("authorization:ManagementLockByScope", "level", "DoNotDelete"),
    ("authorization:PolicyAssignment", "enforcementMode", "Enforce"),
    ("authorization:PimRoleEligibilitySchedule", "scheduleInfo.expiration.type", "AfterDays"),
    ("authorization:PimRoleEligibilitySchedule", "scheduleInfo.expiration.endDateTime", "2027-01-01T00:00:00Z"),
    ("authorization:PimRoleEligibilitySchedule", "condition", "@Resource[...] StringEquals 'x'"),
    ("consumption:Budget", "timeGrain", "Weekly"),
    ("network:Subnet", "privateEndpointNetworkPolicies", "On"),
    ("network:RouteTable", "routes.0.nextHopType", "Firewall"),
    ("applicationinsights:Component", "applicationType", "python"),
    # Values of another kind.
    ("network:VirtualNetwork", "addressSpace.addressPrefixes", "10.0.0.0/16"),
    ("monitor:DiagnosticSetting", "logs.0.enabled", "true"),
    ("operationalinsights:Workspace", "retentionInDays", "90"),
    # What Azure requires, left out.
    ("managedidentity:FederatedIdentityCredential", "audiences", None),
    ("authorization:RoleAssignment", "principalId", None),
    ("keyvault:Vault", "properties.tenantId", None),
    ("storage:StorageAccount", "sku", None),
    # What Azure decides, and what does not exist.
    ("machinelearningservices:Workspace", "provisioningState", "Succeeded"),
    ("resources:ResourceGroup", "managedby", "platform"),
    # Limits of length and number.
    ("monitor:ActionGroup", "groupShortName", "machine-learning-platform"),
    ("storage:BlobServiceProperties", "deleteRetentionPolicy.days", 400),
]
"""Type, path of the input, wrong value; None removes the input."""


@pytest.fixture(scope="module")
def example() -> list[Mapping[str, Any]]:
    stacks = make_plan(load_platform(CONTOSO), [], Progress()).document()["stacks"]
    return [resource for stack in stacks for resource in of_azure(stack)]


def test_every_resource_of_the_example_fits(azure: Definitions, example: list[Mapping[str, Any]]) -> None:
    assert wrong_of(azure, example) == []
    assert len(example) > 800


def test_types_that_the_provider_sends_by_hand_are_checked_by_its_code(example: list[Mapping[str, Any]]) -> None:
    planned = {resource["type"] for resource in example}

    assert planned & BY_HAND == SENT_BY_HAND.keys()


@pytest.mark.parametrize("setting", CASES)
def test_every_setting_makes_resources_that_fit(azure: Definitions, setting: str) -> None:
    case = CASES[setting]

    stack = planned_with({**case.given, case.at: case.value}, case.stack)

    assert wrong_of(azure, of_azure(stack)) == []


@pytest.mark.parametrize(
    "connection",
    [
        {**FEED, "secret": "feed-token"},
        {**FEED, "secret": "feed-password", "user": "ml"},
        {**FEED, "kind": "container-registry", "secret": "images-password", "user": "ml"},
        {**FEED, "kind": "git", "secret": "git-token"},
        {
            **FEED,
            "kind": "snowflake",
            "target": "jdbc:snowflake://acme.snowflakecomputing.com/?db=SALES",
            "secret": "snow-password",
            "user": "ml",
        },
    ],
    ids=lambda one: one["secret"],
)
def test_connection_that_people_create_fits(azure: Definitions, connection: Mapping[str, Any], tmp_path: Path) -> None:
    token, password = LOGINS
    user = connection.get("user")

    _, sent, _ = run_commands(
        tmp_path,
        CONNECTION=connection["name"],
        SECRET=connection["secret"],
        CATEGORY=CATEGORIES[connection["kind"]],
        TARGET=connection["target"],
        LOGIN=token if user is None else password.replace("USER", user),
    )

    names = {"resourceGroupName": "rg", "workspaceName": "mlw", "connectionName": connection["name"]}
    assert azure.wrong(CONNECTION, {**names, **sent}) == []


@pytest.mark.parametrize(("token", "path", "value"), WRONG_VALUES)
def test_wrong_value_is_found(
    azure: Definitions, example: list[Mapping[str, Any]], token: str, path: str, value: Any
) -> None:
    resource = next(one for one in example if one["type"] == f"azure-native:{token}")
    inputs = copy.deepcopy(dict(resource["inputs"]))
    put(inputs, path.split("."), value)

    assert azure.wrong(resource["type"], inputs) != []


def of_azure(stack: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The resources of a planned stack that Azure would hold."""
    return (resource for resource in stack["resources"] if resource["type"].startswith("azure-native:"))


def wrong_of(azure: Definitions, resources: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with planned resources. A copy of the definitions may lack the types in `NEWER`."""
    compared = (one for one in resources if azure.knows(one["type"]) or one["type"] not in NEWER)
    return [f"{one['urn']}: {wrong}" for one in compared for wrong in azure.wrong(one["type"], one["inputs"])]


def put(value: Any, path: list[str], new: Any) -> None:
    """Change the value at a path, or remove it."""
    for part in path[:-1]:
        value = value[int(part)] if isinstance(value, list) else value.setdefault(part, {})
    if new is None:
        value.pop(path[-1], None)
    else:
        value[path[-1]] = new
