"""What Azure does with a changed property: cases from its documentation, each as the inputs before and after."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.rules.changes import Effect, restricted
from infra.rules.rule import UNKNOWN
from infra.tables.resource_types import (
    BUDGET,
    COMPUTE,
    IMAGES,
    NETWORK,
    PRIVATE_ENDPOINT,
    PUBLIC_IP,
    ROLE,
    STORAGE,
    SUBNET,
    VAULT,
    WORKSPACE,
)


def inputs(path: str, value: Any) -> Mapping[str, Any]:
    """Inputs with one property; none when it is None."""
    for key in reversed(path.split(".")):
        value = value if value is None else {key: value}
    return value or {}


def effects(type_: str, path: str, old: Any, new: Any) -> list[tuple[str, Effect | None]]:
    """The restricted properties that change from one value to another, with what Azure does."""
    return [(change.at, change.effect) for change in restricted(type_, inputs(path, old), inputs(path, new))]


@pytest.mark.parametrize(
    ("type_", "path", "old", "new"),
    [
        (STORAGE, "resourceGroupName", "rg-one", "rg-two"),
        (STORAGE, "accountName", "stone", "sttwo"),
        (STORAGE, "location", "westeurope", "northeurope"),
        (STORAGE, "isHnsEnabled", False, True),
        (VAULT, "vaultName", "kv-one", "kv-two"),
        (COMPUTE, "workspaceName", "mlw-one", "mlw-two"),
        (COMPUTE, "computeName", "cpu", "gpu"),
        (BUDGET, "scope", "/subscriptions/a", "/subscriptions/b"),
        ("azure-native:monitor:DiagnosticSetting", "resourceUri", "/subscriptions/a", "/subscriptions/b"),
        (ROLE, "scope", "/subscriptions/a", "/subscriptions/b"),
        (ROLE, "principalId", "a", "b"),
        (ROLE, "roleAssignmentName", "a", "b"),
        (PRIVATE_ENDPOINT, "subnet", {"id": "a"}, {"id": "b"}),
        (PUBLIC_IP, "publicIPAddressVersion", "IPv4", "IPv6"),
        (PUBLIC_IP, "publicIPPrefix", {"id": "a"}, {"id": "b"}),
        (PUBLIC_IP, "sku", {"name": "Basic"}, {"name": "Standard"}),
    ],
)  # fmt: skip
def test_a_changed_property_replaces_the_resource(type_: str, path: str, old: Any, new: Any) -> None:
    assert effects(type_, path, old, new) == [(path, "replaced")]


@pytest.mark.parametrize(
    ("type_", "path", "old", "new"),
    [
        (ROLE, "roleDefinitionId", "a", "b"),
        (STORAGE, "encryption.requireInfrastructureEncryption", False, True),
        (STORAGE, "encryption.services.queue.keyType", None, "Account"),
        (STORAGE, "encryption.services.table.keyType", None, "Account"),
        (IMAGES, "encryption.status", None, "enabled"),
        (IMAGES, "zoneRedundancy", "Disabled", "Enabled"),
        (WORKSPACE, "storageAccount", "a", "b"),
        (WORKSPACE, "keyVault", "a", "b"),
        (WORKSPACE, "hbiWorkspace", False, True),
        (WORKSPACE, "enableDataIsolation", True, None),
        (WORKSPACE, "encryption.status", None, "Enabled"),
        (WORKSPACE, "kind", "Default", "Hub"),
        (COMPUTE, "properties.computeType", "AmlCompute", "ComputeInstance"),
        (COMPUTE, "properties.disableLocalAuth", True, False),
        (COMPUTE, "properties.resourceId", "a", "b"),
        (COMPUTE, "properties.properties.vmSize", "Standard_D4ds_v5", "Standard_D8ds_v5"),
        (COMPUTE, "properties.properties.vmPriority", "Dedicated", "LowPriority"),
        (COMPUTE, "properties.properties.osType", "Linux", "Windows"),
        (COMPUTE, "properties.properties.subnet", {"id": "a"}, {"id": "b"}),
        (COMPUTE, "properties.properties.enableNodePublicIp", True, False),
        (COMPUTE, "properties.properties.remoteLoginPortPublicAccess", "Enabled", "Disabled"),
        (COMPUTE, "properties.properties.sshSettings", {"sshPublicAccess": "Enabled"}, {"sshPublicAccess": "Disabled"}),
        (COMPUTE, "properties.properties.personalComputeInstanceSettings", {"a": 1}, {"a": 2}),
        (COMPUTE, "properties.properties.applicationSharingPolicy", "Shared", "Personal"),
        (COMPUTE, "properties.properties.idleTimeBeforeShutdown", None, "PT30M"),
        (COMPUTE, "properties.properties.schedules", None, {"computeStartStop": []}),
        (BUDGET, "timePeriod.startDate", "2026-11-01", "2026-12-01"),
        (BUDGET, "timeGrain", "Monthly", "Annually"),
        (SUBNET, "addressPrefix", "10.0.0.0/26", "10.0.0.0/25"),
        (NETWORK, "addressSpace.addressPrefixes", ["10.0.0.0/24", "10.1.0.0/24"], ["10.0.0.0/24"]),
    ],
)  # fmt: skip
def test_azure_refuses_or_ignores_a_changed_property(type_: str, path: str, old: Any, new: Any) -> None:
    assert effects(type_, path, old, new) == [(path, "refused")]


@pytest.mark.parametrize(
    ("type_", "path", "old", "new"),
    [
        (STORAGE, "kind", "StorageV2", "Storage"),
        (WORKSPACE, "managedNetwork.isolationMode", "AllowInternetOutbound", "Disabled"),
        (WORKSPACE, "managedNetwork.isolationMode", "AllowOnlyApprovedOutbound", "AllowInternetOutbound"),
        (WORKSPACE, "managedNetwork.isolationMode", "AllowInternetOutbound", None),
        (WORKSPACE, "identity.type", "SystemAssigned,UserAssigned", "SystemAssigned"),
        (WORKSPACE, "identity.type", "SystemAssigned,UserAssigned", None),
        (VAULT, "properties.enablePurgeProtection", True, False),
        (VAULT, "properties.enablePurgeProtection", True, None),
        (VAULT, "properties.enableSoftDelete", True, False),
    ],
)  # fmt: skip
def test_a_change_in_one_direction_has_no_way_back(type_: str, path: str, old: Any, new: Any) -> None:
    assert effects(type_, path, old, new) == [(path, "one way")]
    assert effects(type_, path, new, old) == []


@pytest.mark.parametrize(
    ("type_", "path", "old", "new"),
    [
        # A value that can be set later, once; a missing value means the same as false.
        (STORAGE, "location", None, "westeurope"),
        (COMPUTE, "properties.disableLocalAuth", None, False),
        (COMPUTE, "properties.disableLocalAuth", False, None),
        (COMPUTE, "properties.properties.applicationSharingPolicy", None, "Personal"),
        # A value that the plan does not know yet.
        (STORAGE, "location", "westeurope", UNKNOWN),
        (STORAGE, "location", UNKNOWN, "westeurope"),
        (NETWORK, "addressSpace.addressPrefixes", ["10.0.0.0/24"], [UNKNOWN]),
        # An isolation that Azure may add: here the present values differ only in their spelling.
        (WORKSPACE, "managedNetwork.isolationMode", "Disabled", None),
        (WORKSPACE, "managedNetwork.isolationMode", "SomethingNew", "Disabled"),
        (WORKSPACE, "identity.type", "UserAssigned", "SystemAssigned"),
        (WORKSPACE, "identity.type", "SystemAssigned,UserAssigned", "UserAssigned"),
        # A range that shrinks or grows keeps the common part.
        (NETWORK, "addressSpace.addressPrefixes", ["10.0.0.0/24"], ["10.0.0.0/25"]),
        (NETWORK, "addressSpace.addressPrefixes", ["10.0.0.0/24"], ["10.0.0.0/23", "10.2.0.0/24"]),
        (SUBNET, "addressPrefix", None, "10.0.0.0/26"),
        (STORAGE, "kind", "Storage", "StorageV2"),
        (STORAGE, "accessTier", "Hot", "Cool"),
        # A property that only other types restrict.
        (VAULT, "kind", "Default", "Hub"),
    ],
)  # fmt: skip
def test_other_changes_are_made_in_place(type_: str, path: str, old: Any, new: Any) -> None:
    assert effects(type_, path, old, new) == []


def test_a_restricted_change_reports_both_values() -> None:
    [change] = restricted(SUBNET, inputs("addressPrefix", "10.0.0.0/26"), inputs("addressPrefix", "10.0.0.0/25"))

    assert (change.old, change.new) == ("10.0.0.0/26", "10.0.0.0/25")
    assert change.why == "a subnet in use keeps its range."
