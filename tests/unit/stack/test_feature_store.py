"""Feature stores as planned: their kind, their offline store, and the roles of the identity that materializes."""

from pathlib import Path

import pytest

from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import UNKNOWN, Resource
from tests.unit.manifests.test_data import ACCOUNT, FEATURES, LOCKED, datastore
from tests.unit.stack.test_datastores import CONTAINER, CONTRIBUTOR, ENGINEERS, READER, SCIENTISTS, TEAM, planned

SOURCE = ACCOUNT.replace("stlake", "stsource")
MANAGED = LOCKED.replace("network: locked", "network: managed") + "ci: private\n"


def feature_store(root: Path, more: str = "") -> StackPlan:
    return planned(root, TEAM.replace("dev: {}", f"dev: {FEATURES}") + more)["fraud-dev"]


def one(stack: StackPlan, kind: str) -> Resource:
    [found] = [resource for resource in stack.made if resource.type == f"azure-native:machinelearningservices:{kind}"]
    return found


def roles(stack: StackPlan, scope: str) -> dict[str, list[str]]:
    """The roles at a scope, with those who get them."""
    found: dict[str, list[str]] = {}
    for resource in stack.made:
        if resource.type.endswith(":RoleAssignment") and resource.inputs["scope"] == scope:
            role = resource.inputs["roleDefinitionId"].rsplit("/", 1)[-1]
            found.setdefault(role, []).append(
                resource.name.partition("-storage-blob-data-")[0].rpartition("features-")[2]
            )
    return found


def test_workspace_is_a_feature_store_with_one_identity(tmp_path: Path) -> None:
    workspace = one(feature_store(tmp_path), "Workspace")

    [identity] = workspace.inputs["identity"]["userAssignedIdentities"]
    assert workspace.inputs["kind"] == "FeatureStore"
    assert workspace.inputs["featureStoreSettings"] == {
        "computeRuntime": {"sparkRuntimeVersion": "3.4"},
        "offlineStoreConnectionName": "OfflineStoreConnectionName",
    }
    assert identity == workspace.inputs["primaryUserAssignedIdentity"]


def test_connection_leads_to_the_offline_store_with_the_identity_of_the_workspace(tmp_path: Path) -> None:
    stack = feature_store(tmp_path)

    connection = one(stack, "WorkspaceConnection")

    assert connection.inputs["connectionName"] == "OfflineStoreConnectionName"
    assert connection.inputs["properties"] == {
        "authType": "ManagedIdentity",
        "category": "ADLSGen2",
        "target": f"{CONTAINER}/features",
        "credentials": {
            "clientId": UNKNOWN,
            "resourceId": one(stack, "Workspace").inputs["primaryUserAssignedIdentity"],
        },
        "isSharedToAll": True,
    }
    assert stack.manifest(connection) == "teams/fraud.yaml:4"


def test_identity_writes_the_offline_store_and_others_read_it(tmp_path: Path) -> None:
    stack = feature_store(tmp_path)

    found = roles(stack, f"{CONTAINER}/features")

    assert found == {
        CONTRIBUTOR: ["workspace-access"],
        READER: ["cluster", "endpoint", SCIENTISTS, ENGINEERS],
    }
    [writer] = [made for made in stack.made if made.name.startswith("workspace-access-") and "offline" in made.name]
    assert writer.urn in one(stack, "Workspace").depends_on


def test_identity_reads_the_sources_of_features(tmp_path: Path) -> None:
    stack = feature_store(tmp_path, "datastores:\n" + datastore("filesystem: raw", "raw", SOURCE))

    [reader] = [made for made in stack.made if made.name.startswith("stsource-blob-container-raw-workspace")]

    assert reader.inputs["roleDefinitionId"].endswith(READER)
    assert reader.inputs["scope"] == f"{SOURCE}/blobServices/default/containers/raw"


def test_identity_of_an_ordinary_workspace_has_no_role_on_datastores(tmp_path: Path) -> None:
    stack = planned(tmp_path, TEAM + "datastores:\n" + datastore("filesystem: raw", "raw", SOURCE))["fraud-dev"]

    assert [made.name for made in stack.made if made.name.startswith("stsource-blob-container-raw-workspace")] == []
    assert one(stack, "Workspace").inputs["kind"] == "Default"
    assert "featureStoreSettings" not in one(stack, "Workspace").inputs


@pytest.mark.parametrize("kind", ["FeatureStore", "Default"])
def test_serverless_spark_of_a_feature_store_uses_the_endpoints_to_storage(tmp_path: Path, kind: str) -> None:
    """Where the `azure_type` of the target is a storage account: no other service has such an endpoint."""
    source = "datastores:\n" + datastore("filesystem: raw", "raw", SOURCE)
    ordinary = planned(tmp_path, TEAM + MANAGED + source)["fraud-dev"] if kind == "Default" else None

    stack = ordinary or feature_store(tmp_path, MANAGED + source)

    found = {
        made.inputs["ruleName"]: made.inputs["properties"]["destination"]["sparkEnabled"]
        for made in stack.made
        if made.type.endswith(":ManagedNetworkSettingsRule")
    }
    assert {"stsource-blob", "stsource-dfs", "storage-blob"} <= found.keys()
    assert ("stlake-dfs" in found) == (kind == "FeatureStore")
    assert set(found.values()) == {kind == "FeatureStore"}
