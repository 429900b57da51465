"""The simulated Azure: each table of facts refuses what Azure refuses, and nothing else."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from bootstrap.simulator.facts import (
    counts,
    exclusive,
    refused_creation,
    refused_deletion,
    refused_update,
    replacing,
    tables,
    throttled,
)
from bootstrap.simulator.ids import arm_type, group_of, parent_of
from bootstrap.simulator.kinds import KINDS
from bootstrap.simulator.store import Store
from tests.helpers import ROOT

GROUP = "/subscriptions/0a/resourceGroups/rg-a"
OTHER = "/subscriptions/0b/resourceGroups/rg-b"


def network(path: str, group: str = GROUP) -> str:
    return f"{group}/providers/Microsoft.Network/{path}"


def storage(name: str, group: str = GROUP) -> str:
    return f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"


VNET, SUBNET = network("virtualNetworks/vnet-a"), network("virtualNetworks/vnet-a/subnets/snet-a")
ZONE = network("privateDnsZones/privatelink.azurecr.io")
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-a"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crexample"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/mlw-a"
ENDPOINT = network("privateEndpoints/pep-a")
ROLE = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001"
DEFINITION = "/subscriptions/0a/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-0000-0000-0000000000d1"
HERE = {"location": "westeurope"}


@pytest.fixture
def azure() -> Store:
    store = Store()
    for id_, inputs in {
        GROUP: HERE,
        OTHER: HERE,
        VNET: HERE,
        SUBNET: {},
        ZONE: {"location": "global"},
        VAULT: HERE,
        IDENTITY: HERE,
        storage("stexample"): HERE,
    }.items():
        store.put(id_, inputs)
    return store


def creation(azure: Store, id_: str, inputs: Mapping[str, Any], now: float = 0) -> str:
    """Azure's code, or nothing."""
    refused = refused_creation(azure, id_, inputs, now)
    found = re.search(r'Code="(\w+)"', refused or "")
    return found[1] if found else (refused or "")


def test_every_fact_has_a_source_and_a_type_that_the_programs_create() -> None:
    known = {arm_type(kind.id) for kind in KINDS.values()} | {"*"}

    for name, rows in tables().items():
        for row in rows:
            assert row["source"].startswith("https://"), (name, row)
            assert "error" in row or name in ("names", "create_only"), (name, row)
            assert row["type"].lower() in known, (name, row["type"])


def test_documentation_has_the_number_of_facts() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    listed = {found[1]: int(found[2]) for found in re.finditer(r"^\| `(\w+)` \| .* \| (\d+) \|$", page, re.MULTILINE)}

    assert listed == counts()


@pytest.mark.parametrize(
    ("id_", "type_", "parent"),
    [
        (GROUP, "microsoft.resources/resourcegroups", "/subscriptions/0a"),
        (VNET, "microsoft.network/virtualnetworks", GROUP),
        (SUBNET, "microsoft.network/virtualnetworks/subnets", VNET),
        (f"{VNET}/providers/Microsoft.Authorization/locks/it", "microsoft.authorization/locks", VNET),
        (DEFINITION, "microsoft.authorization/roledefinitions", "/subscriptions/0a"),
    ],
)
def test_ids_are_taken_apart(id_: str, type_: str, parent: str) -> None:
    assert (arm_type(id_), parent_of(id_)) == (type_, parent)
    assert group_of(id_) == (GROUP if id_.startswith(GROUP) else "")


@pytest.mark.parametrize("name", ["st-example", "ab", "a" * 25, "stExample"])
def test_wrong_name_is_refused(azure: Store, name: str) -> None:
    assert creation(azure, storage(name), HERE) == "InvalidResourceName"


def test_name_that_another_one_has_anywhere_is_refused(azure: Store) -> None:
    assert creation(azure, storage("STEXAMPLE".lower(), OTHER), HERE) == "StorageAccountAlreadyTaken"
    assert creation(azure, storage("stother", OTHER), HERE) == ""
    assert creation(azure, network("virtualNetworks/vnet-a", OTHER), HERE) == ""


def test_name_of_a_deleted_vault_stays_reserved(azure: Store) -> None:
    azure.delete(VAULT, now=10)
    elsewhere = VAULT.replace(GROUP, OTHER)

    assert creation(azure, elsewhere, HERE, now=10 + 89 * 86_400) == "ConflictError"
    assert creation(azure, elsewhere, HERE, now=10 + 90 * 86_400) == ""


def test_deleted_workspace_reserves_its_name_in_its_group_only(azure: Store) -> None:
    azure.put(WORKSPACE, HERE)
    azure.delete(WORKSPACE)

    assert creation(azure, WORKSPACE, HERE) == "Conflict"
    assert creation(azure, WORKSPACE.replace(GROUP, OTHER), HERE) == ""


def test_group_is_deleted_with_all_in_it(azure: Store) -> None:
    azure.delete(GROUP)

    assert azure.ids == [OTHER]


def test_resource_below_one_that_does_not_exist_is_refused(azure: Store) -> None:
    assert creation(azure, network("virtualNetworks/none/subnets/snet-a"), {}) == "ParentResourceNotFound"
    assert creation(azure, f"{storage('stexample')}/blobServices/default/containers/state", {}) == ""


def test_reference_to_what_does_not_exist_is_refused_in_a_known_group_and_noted_in_another_one(azure: Store) -> None:
    assert creation(azure, ENDPOINT, {**HERE, "subnet": {"id": f"{VNET}/subnets/new"}}) == ""
    assert creation(azure, ENDPOINT, {**HERE, "subnet": {"id": network("virtualNetworks/none")}}) == "ResourceNotFound"
    assert azure.notes == []
    theirs = network("virtualNetworks/theirs", "/subscriptions/0c/resourceGroups/rg-c")
    assert creation(azure, ENDPOINT, {**HERE, "subnet": {"id": theirs}}) == ""
    assert creation(azure, ENDPOINT, {**HERE, "subnet": {"id": theirs}}) == ""
    assert azure.notes == [f"a resource that no rehearsed stack creates: {theirs}"]


def test_location_decides(azure: Store) -> None:
    zone = network("privateDnsZones/privatelink.vaultcore.azure.net")
    assert creation(azure, zone, HERE) == "LocationNotAvailableForResourceType"
    assert creation(azure, zone, {"location": "Global"}) == ""
    subnet = {"subnet": {"id": SUBNET}}
    assert creation(azure, ENDPOINT, {"location": "North Europe", **subnet}) == "InvalidResourceReference"
    assert creation(azure, ENDPOINT, {"location": "West Europe", **subnet}) == ""


def test_property_that_is_set_once_replaces_the_resource() -> None:
    type_ = arm_type(storage("stexample"))
    old = {"location": "westeurope", "isHnsEnabled": False, "tags": {}}

    assert replacing(type_, old, {**old, "location": "West Europe", "tags": {"a": "b"}}) == []
    assert replacing(type_, old, {**old, "location": "northeurope"}) == ["location"]
    assert replacing(type_, old, {**old, "isHnsEnabled": True}) == ["isHnsEnabled"]
    assert replacing(arm_type(VNET), old, {**old, "isHnsEnabled": True}) == []


def isolated(mode: str) -> dict[str, Any]:
    return {"managedNetwork": {"isolationMode": mode}}


def purge(*, protected: bool) -> dict[str, Any]:
    return {"properties": {"enablePurgeProtection": protected}}


@pytest.mark.parametrize(
    ("id_", "old", "new", "refused"),
    [
        (WORKSPACE, isolated("AllowOnlyApprovedOutbound"), isolated("AllowInternetOutbound"), True),
        (WORKSPACE, isolated("AllowInternetOutbound"), {}, True),
        (WORKSPACE, isolated("Disabled"), isolated("AllowInternetOutbound"), False),
        (VAULT, purge(protected=True), purge(protected=False), True),
        (VAULT, purge(protected=False), purge(protected=True), False),
        (WORKSPACE, {"hbiWorkspace": True}, {}, True),
        (WORKSPACE, {}, {"kind": "Default"}, False),
        (WORKSPACE, {}, {"encryption": {"status": "Enabled"}}, True),
        (WORKSPACE, {"description": "a"}, {"description": "b"}, False),
    ],
)
def test_change_that_azure_does_not_make_is_refused(
    azure: Store, id_: str, old: dict[str, Any], new: dict[str, Any], refused: bool
) -> None:
    assert (refused_update(azure, id_, old, new) is not None) == refused


def test_another_resource_must_have_certain_values(azure: Store) -> None:
    azure.put(REGISTRY, {**HERE, "sku": {"name": "Basic"}})
    endpoint = {
        **HERE,
        "subnet": {"id": SUBNET},
        "privateLinkServiceConnections": [{"privateLinkServiceId": REGISTRY}],
    }

    assert creation(azure, ENDPOINT, endpoint) == "SkuNotSupported"
    assert creation(azure, f"{REGISTRY}/replications/northeurope", HERE) == "SkuNotSupported"
    azure.put(REGISTRY, {**HERE, "sku": {"name": "Premium"}})
    assert creation(azure, ENDPOINT, endpoint) == ""


def test_role_is_assigned_once(azure: Store) -> None:
    inputs = {"scope": GROUP, "principalId": "p", "roleDefinitionId": DEFINITION}
    azure.put(ROLE, inputs)

    assert creation(azure, f"{ROLE[:-1]}2", {**inputs, "scope": GROUP.upper()}) == "RoleAssignmentExists"
    assert creation(azure, f"{ROLE[:-1]}2", {**inputs, "principalId": "q"}) == ""


def test_identity_has_at_most_twenty_credentials(azure: Store) -> None:
    ids = [f"{IDENTITY}/federatedIdentityCredentials/cred-{number:02}" for number in range(21)]
    for id_ in ids[:20]:
        assert creation(azure, id_, {"subject": id_, "issuer": "i", "resourceName": "id-a"}) == ""
        azure.put(id_, {"subject": id_, "issuer": "i", "resourceName": "id-a"})

    assert creation(azure, ids[20], {}) == "TooManyFederatedIdentityCredentials"
    other = ids[20].replace("id-a", "id-b")
    azure.put(IDENTITY.replace("id-a", "id-b"), HERE)
    assert creation(azure, other, {}) == ""


def test_limit_of_a_location_counts_that_location_only(azure: Store) -> None:
    for number in range(249):
        azure.put(storage(f"st{number}"), HERE)

    assert creation(azure, storage("stnew"), HERE) == "MaxStorageAccountsCountPerSubscriptionExceeded"
    assert creation(azure, storage("stnew"), {"location": "northeurope"}) == ""


def test_lists_have_a_limit(azure: Store) -> None:
    tags = {f"tag-{number}": "" for number in range(50)}

    assert creation(azure, storage("stnew"), {**HERE, "tags": tags}) == ""
    assert creation(azure, storage("stnew"), {**HERE, "tags": {**tags, "one": ""}}) == "InvalidTagCount"


def test_used_resource_is_not_deleted(azure: Store) -> None:
    azure.put(ENDPOINT, {"subnet": {"id": SUBNET.upper()}})
    azure.put(f"{ZONE}/virtualNetworkLinks/it", {})

    assert "InUseSubnetCannotBeDeleted" in str(refused_deletion(azure, SUBNET))
    assert "CannotDeleteResource" in str(refused_deletion(azure, ZONE))
    azure.delete(ENDPOINT)
    assert refused_deletion(azure, SUBNET) is None


def test_lock_refuses_the_deletion_of_what_is_below_it(azure: Store) -> None:
    lock = f"{storage('stexample')}/providers/Microsoft.Authorization/locks/lock-a"
    azure.put(lock, {"level": "CanNotDelete"})
    container = f"{storage('stexample')}/blobServices/default/containers/state"
    azure.put(container, {})

    assert "ScopeLocked" in str(refused_deletion(azure, container))
    assert refused_update(azure, container, {}, {"metadata": {}}) is None
    assert refused_deletion(azure, storage("stexample2")) is None
    assert refused_deletion(azure, lock) is None
    azure.put(lock, {"level": "ReadOnly"})
    assert "ScopeLocked" in str(refused_update(azure, container, {}, {}))


def test_operations_need_what_they_work_on_alone() -> None:
    connection = {"privateLinkServiceConnections": [{"privateLinkServiceId": VAULT}]}

    assert [id_ for id_, _ in exclusive(ENDPOINT, connection)] == [VAULT.lower()]
    assert [id_ for id_, _ in exclusive(SUBNET, {})] == [VNET.lower()]
    managed = {"storageAccount": "/st", "keyVault": "/kv", "containerRegistry": "/cr"}
    assert list(exclusive(WORKSPACE, {**managed, **isolated("Disabled")})) == []
    assert {id_ for id_, _ in exclusive(WORKSPACE, {**managed, **isolated("AllowInternetOutbound")})} == {
        "/st", "/kv", "/cr",
    }  # fmt: skip


def test_requests_beyond_the_bucket_wait_as_azure_says() -> None:
    store = Store()

    assert {throttled(store, "0a", "write", 0) for _ in range(200)} == {0}
    assert throttled(store, "0a", "write", 0) == pytest.approx(0.1)
    assert throttled(store, "0a", "delete", 0) == 0
    assert throttled(store, "0b", "write", 0) == 0
    assert throttled(store, "0a", "write", 20) == 0


def test_input_that_the_provider_does_not_send_is_an_error(azure: Store) -> None:
    schedule = f"{GROUP}/providers/Microsoft.Authorization/roleEligibilitySchedules/{ROLE[-36:]}"

    assert creation(azure, schedule, {"scope": GROUP}) == ""
    assert creation(azure, schedule, {"scope": GROUP, "condition": "x"}) == "the provider does not send condition"
