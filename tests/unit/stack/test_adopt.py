"""A workspace that is there already: referred to, or imported; and what is known of it before anything is changed."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Done, build_tree, run_here
from tests.unit.manifests.test_manifests import mistakes
from tests.unit.stack.test_network import PLATFORM, named, of_type, world

GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-old"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/mlw-old"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stold"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-old"
IMAGES = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crold"
INSIGHTS = f"{GROUP}/providers/Microsoft.Insights/components/appi-old"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-old"

ADOPT = {"workspace_id": WORKSPACE, "storage_id": STORAGE, "key_vault_id": VAULT, "application_insights_id": INSIGHTS}
WITH_IMAGES = {**ADOPT, "container_registry_id": IMAGES}
MANAGE = {**WITH_IMAGES, "mode": "manage"}
ENGINEERS = "22222222-2222-2222-2222-222222222222"


def team(adopt: Mapping[str, Any], **more: Any) -> str:
    """A team's file whose one environment adopts a workspace."""
    compute = [{"name": "cpu", "size": "Standard_D4ds_v5", "max_nodes": 1}]
    document = {"name": "fraud", "environments": {"dev": {"adopt": dict(adopt)}}, "compute": compute}
    return json.dumps({**document, "groups": {"engineers": ENGINEERS}, **more})


def observe(folder: Path, adopt: Mapping[str, Any], *described: Mapping[str, Any], **more: Any) -> Done:
    """What `plan --observed` says of the stack, as JSON, when Azure describes its parts in this way."""
    build_tree(folder, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(adopt, **more)})
    (folder / "azure.json").write_text(json.dumps(described))
    return run_here("plan", "fraud-dev", "--observed", "azure.json", "--no-cache", "--output", "json", cwd=folder)


def findings(done: Done, prefix: str = "adopted-") -> list[tuple[str, str]]:
    """The findings of some rules: the rule, and what is wrong."""
    assert done.code == 0, done.err
    [stack] = done.document["stacks"]
    return [(one["rule"], one["message"]) for one in stack["findings"] if one["rule"].startswith(prefix)]


WORKSPACE_IN_AZURE: dict[str, Any] = {
    "id": WORKSPACE.replace("resourceGroups", "resourcegroups"),
    "name": "mlw-old",
    "type": "Microsoft.MachineLearningServices/workspaces",
    "location": "West Europe",
    "identity": {"type": "SystemAssigned", "principalId": "1", "tenantId": "2"},
    "kind": "Default",
    "sku": {"name": "Basic", "tier": "Basic"},
    "tags": {"managed-by": "mlops-bootstrap", "organization": "contoso", "team": "fraud", "environment": "dev"},
    "systemData": {"createdAt": "2023-01-01T00:00:00Z"},
    "properties": {
        "applicationInsights": INSIGHTS,
        "containerRegistry": IMAGES,
        "discoveryUrl": "https://westeurope.api.azureml.ms/discovery",
        "enableDataIsolation": False,
        "friendlyName": "mlw-old",
        "hbiWorkspace": False,
        "keyVault": VAULT,
        "managedNetwork": {"isolationMode": "Disabled", "outboundRules": {}},
        "provisionNetworkNow": False,
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        "storageAccount": STORAGE,
        "systemDatastoresAuthMode": "Identity",
        "v1LegacyMode": False,
        "workspaceId": "3",
    },
}
"""A workspace in the form of https://learn.microsoft.com/rest/api/azureml/workspaces/get, as we would have made it."""

STORAGE_IN_AZURE: dict[str, Any] = {
    "id": STORAGE,
    "name": "stold",
    "type": "Microsoft.Storage/storageAccounts",
    "location": "westeurope",
    "kind": "StorageV2",
    "sku": {"name": "Standard_LRS", "tier": "Standard"},
    "tags": WORKSPACE_IN_AZURE["tags"],
    "properties": {
        "accessTier": "Hot",
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "allowSharedKeyAccess": False,
        "defaultToOAuthAuthentication": True,
        "dnsEndpointType": "Standard",
        "encryption": {
            "keySource": "Microsoft.Storage",
            "services": {
                "blob": {"enabled": True, "keyType": "Account", "lastEnabledTime": "2023-01-01T00:00:00Z"},
                "file": {"enabled": True, "keyType": "Account", "lastEnabledTime": "2023-01-01T00:00:00Z"},
            },
        },
        "isHnsEnabled": False,
        "isLocalUserEnabled": False,
        "isSftpEnabled": False,
        "minimumTlsVersion": "TLS1_2",
        "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []},
        "primaryEndpoints": {"blob": "https://stold.blob.core.windows.net/"},
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        "supportsHttpsTrafficOnly": True,
    },
}
"""An account in the form of https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties"""


def changed(described: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    """The same resource with other properties."""
    other = copy.deepcopy(dict(described))
    other["properties"] |= properties
    return other


def test_referenced_workspace_is_not_changed(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team(WITH_IMAGES))["fraud-dev"]

    adopted = ("machinelearningservices:Workspace", "StorageAccount", "Vault", "containerregistry:Registry",
              "applicationinsights:Component", "ResourceGroup", "ManagementLockByScope")  # fmt: skip
    assert [resource for type_ in adopted for resource in of_type(stack, type_)] == []
    assert all(resource["import_id"] is None for resource in stack["resources"])


def test_resources_around_a_referenced_workspace_are_created(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team(WITH_IMAGES))["fraud-dev"]

    [cluster] = of_type(stack, "machinelearningservices:Compute")
    assert (cluster["inputs"]["resourceGroupName"], cluster["inputs"]["workspaceName"]) == ("rg-old", "mlw-old")
    assert {role["inputs"]["scope"] for role in of_type(stack, "RoleAssignment")} >= {WORKSPACE, STORAGE, IMAGES, GROUP}
    reporting = {setting["inputs"]["resourceUri"] for setting in of_type(stack, "DiagnosticSetting")}
    assert reporting >= {WORKSPACE, STORAGE, f"{STORAGE}/blobServices/default", VAULT, IMAGES}
    assert {scope for alert in of_type(stack, "MetricAlert") for scope in alert["inputs"]["scopes"]} == {WORKSPACE}


def test_workspace_without_container_registry_gets_no_roles_on_one(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team(ADOPT))["fraud-dev"]

    assert not [role for role in of_type(stack, "RoleAssignment") if "acrpull" in role["name"]]


def test_managed_workspace_is_imported_with_its_resources(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team(MANAGE))["fraud-dev"]

    imported = {one["import_id"]: one["inputs"] for one in stack["resources"] if one["import_id"]}
    assert set(imported) == {WORKSPACE, STORAGE, VAULT, IMAGES, INSIGHTS}
    assert imported[WORKSPACE]["workspaceName"] == "mlw-old"
    assert imported[WORKSPACE]["storageAccount"] == STORAGE
    assert imported[STORAGE]["accountName"] == "stold"
    assert {inputs["resourceGroupName"] for inputs in imported.values()} == {"rg-old"}
    assert not of_type(stack, "ResourceGroup")


@pytest.mark.parametrize(
    ("keys", "identity"),
    [
        ({}, {"type": "SystemAssigned"}),
        ({"identity_id": IDENTITY}, {"type": "UserAssigned", "userAssignedIdentities": [IDENTITY]}),
    ],
)
def test_imported_workspace_keeps_its_identity_and_roles(
    tmp_path: Path, keys: Mapping[str, str], identity: Mapping[str, Any]
) -> None:
    stack = world(tmp_path, team=team({**MANAGE, **keys}))["fraud-dev"]

    [workspace] = of_type(stack, "machinelearningservices:Workspace")
    assert workspace["inputs"]["identity"] == identity
    assert workspace["inputs"].get("primaryUserAssignedIdentity") == keys.get("identity_id")
    assert not [one for one in stack["resources"] if one["name"].startswith("workspace-")]


def test_missing_resources_of_an_imported_workspace_are_created(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team({**ADOPT, "mode": "manage"}))["fraud-dev"]

    [images] = of_type(stack, "containerregistry:Registry")
    assert (images["import_id"], images["inputs"]["registryName"][:14]) == (None, "crcontosofraud")
    assert images["inputs"]["zoneRedundancy"] == "Disabled", "nothing asks for it, and a region may have no zones"


def test_referenced_private_workspace_needs_no_network(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team(WITH_IMAGES, network="locked"))["fraud-dev"]

    assert not [one for one in stack["resources"] if one["type"].startswith("azure-native:network:")]
    assert not of_type(stack, "ManagedNetworkSettingsRule")
    [cluster] = of_type(stack, "machinelearningservices:Compute")
    assert cluster["inputs"]["properties"]["properties"]["enableNodePublicIp"] is False


def test_configured_network_gets_endpoints_of_private_services(tmp_path: Path) -> None:
    vnet = {"address_space": "10.9.0.0/24"}
    stack = world(tmp_path, team=team(ADOPT, network="locked", vnet=vnet))["fraud-dev"]

    endpoint = named(stack, "endpoints-key-vault-vault", "PrivateEndpoint")
    assert endpoint["inputs"]["privateLinkServiceConnections"][0]["privateLinkServiceId"] == VAULT
    assert not [one for one in of_type(stack, "PrivateEndpoint") if "container-registry" in one["name"]]


@pytest.mark.parametrize(
    ("adopt", "more", "message"),
    [
        (
            {"workspace_id": WORKSPACE.replace("00b/", "00c/")},
            {},
            "fraud.yaml:1:54: adopt: the workspace is in the subscription 00000000-0000-0000-0000-00000000000c, but",
        ),
        (
            {"mode": "manage", "storage_id": STORAGE.replace("rg-old", "rg-data")},
            {},
            "mode: manage needs it in the workspace's",
        ),
        (
            {"mode": "manage", "container_registry_id": IMAGES.replace("rg-old", "rg-data")},
            {},
            "adopt: mode: manage needs it in the workspace's resource group",
        ),
        ({"identity_id": IDENTITY}, {}, "with mode: refer, the workspace keeps its identity: remove identity_id"),
        ({"storage_id": VAULT}, {}, "adopt.storage_id: must be the resource id of a storage account"),
        ({"mode": "take"}, {}, "adopt.mode: must be 'refer' or 'manage' (found 'take')"),
    ],
)
def test_refused_adoption_is_reported_with_its_reason(
    tmp_path: Path, adopt: Mapping[str, Any], more: Mapping[str, Any], message: str
) -> None:
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team({**ADOPT, **adopt}, **more)})

    assert any(message in mistake for mistake in mistakes(tmp_path)), mistakes(tmp_path)


def test_resource_ids_are_accepted_in_any_case(tmp_path: Path) -> None:
    words = ("subscriptions", "resourceGroups", "providers", "Microsoft.KeyVault", "vaults", "Microsoft.Insights")
    printed = json.dumps(WITH_IMAGES)
    for word in words:
        printed = printed.replace(f"/{word}/", f"/{word.upper()}/")
    written, azures = tmp_path / "ours", tmp_path / "azures"
    build_tree(written, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(WITH_IMAGES)})
    build_tree(azures, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(json.loads(printed))})

    [before, after] = [
        run_here("plan", "fraud-dev", "--no-cache", "--output", "json", cwd=at) for at in (written, azures)
    ]

    assert "/MICROSOFT.KEYVAULT/VAULTS/kv-old" in printed
    assert after.code == 0, after.err
    assert after.document["stacks"][0]["resources"] == before.document["stacks"][0]["resources"]


def test_observed_ids_are_matched_in_any_case(tmp_path: Path) -> None:
    described = {**WORKSPACE_IN_AZURE, "id": WORKSPACE.replace("/subscriptions/", "/SUBSCRIPTIONS/")}

    done = observe(tmp_path, ADOPT, described)

    assert done.code == 0, done.err


def test_refused_long_id_shows_both_ends(tmp_path: Path) -> None:
    adopt = {**ADOPT, "storage_id": VAULT}
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(adopt)})

    assert any("found '/subscriptions/" in message and "/vaults/kv-old')" in message for message in mistakes(tmp_path))


OUR_KEY = {"vault_id": VAULT, "key": f"https://kv-old.vault.azure.net/keys/ml/{'0' * 32}"}
OUR_GROUP = GROUP.replace("old", "new")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"generation": 2}, "remove generation"),
        ({"customer_key": OUR_KEY}, "cannot be changed: remove customer_key"),
        ({"resource_group_id": OUR_GROUP}, ", but the workspace is in /subscriptions/"),
    ],
)
def test_settings_that_an_existing_workspace_has_are_refused(
    tmp_path: Path, keys: Mapping[str, Any], message: str
) -> None:
    environments = {"dev": {"adopt": ADOPT, **keys}}
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(ADOPT, environments=environments)})

    assert any(message in mistake for mistake in mistakes(tmp_path)), mistakes(tmp_path)


def test_adopted_environment_ignores_inherited_settings(tmp_path: Path) -> None:
    stack = world(tmp_path, team=team(MANAGE, customer_key=OUR_KEY, resource_group_id=OUR_GROUP))["fraud-dev"]

    [workspace] = of_type(stack, "machinelearningservices:Workspace")
    assert workspace["inputs"]["resourceGroupName"] == "rg-old"
    assert "encryption" not in workspace["inputs"]


def test_two_stacks_cannot_adopt_the_same_workspace(tmp_path: Path) -> None:
    other = {**ADOPT, "workspace_id": WORKSPACE.replace("mlw-old", "MLW-OLD")}
    files = {"teams/fraud.yaml": team(ADOPT), "teams/risk.yaml": team(other).replace('"fraud"', '"risk"')}
    build_tree(tmp_path, {"platform.yaml": PLATFORM, **files})

    [mistake] = mistakes(tmp_path)
    assert "/workspaces/MLW-OLD already is that of fraud-dev." in mistake


def test_import_of_an_equal_workspace_changes_nothing(tmp_path: Path) -> None:
    done = observe(tmp_path, MANAGE, WORKSPACE_IN_AZURE, STORAGE_IN_AZURE)

    assert {message for rule, message in findings(done) if rule != "adopted-unseen"} == set()
    [unseen] = [message for rule, message in findings(done) if rule == "adopted-unseen"]
    assert f"az resource show --ids {VAULT} {IMAGES} {INSIGHTS} > azure.json" in unseen


@pytest.mark.parametrize(
    ("network", "properties"),
    [
        ("open", {"provisionNetworkNow": None}),
        (
            "managed",
            {
                "imageBuildCompute": "cpu",
                "provisionNetworkNow": True,
                "managedNetwork": {"isolationMode": "AllowInternetOutbound"},
            },
        ),
    ],
)
def test_a_missing_value_that_means_the_planned_one_is_no_change(
    tmp_path: Path, network: str, properties: dict[str, Any]
) -> None:
    done = observe(tmp_path, MANAGE, changed(WORKSPACE_IN_AZURE, **properties), network=network)

    assert [message for rule, message in findings(done) if rule == "adopted-changes"] == []


def test_changes_by_an_import_are_reported_by_property(tmp_path: Path) -> None:
    acls = {
        "bypass": "AzureServices",
        "defaultAction": "Deny",
        "ipRules": [{"value": "20.1.2.3", "action": "Allow"}],
    }
    rules = [{"iPAddressOrRange": "20.1.2.3", "action": "Allow"}]
    described = changed(STORAGE_IN_AZURE, allowSharedKeyAccess=None, minimumTlsVersion="TLS1_0", networkAcls=acls)

    done = observe(tmp_path, MANAGE, WORKSPACE_IN_AZURE, described)

    assert [found for found in findings(done) if found[0] != "adopted-unseen"] == [
        ("adopted-changes", "storage: allowSharedKeyAccess is not set, and becomes false."),
        ("adopted-changes", 'storage: minimumTlsVersion is "TLS1_0", and becomes "TLS1_2".'),
        ("adopted-changes", 'storage: networkRuleSet.defaultAction is "Deny", and becomes "Allow".'),
        (
            "adopted-loses",
            f"storage: networkRuleSet.ipRules is {json.dumps(rules)}, and the manifests do not configure it.",
        ),
    ]


def test_values_are_reported_as_azure_writes_them(tmp_path: Path) -> None:
    described = {**WORKSPACE_IN_AZURE, "tags": {**WORKSPACE_IN_AZURE["tags"], "owner": "Jürgen"}}

    done = observe(tmp_path, MANAGE, described)

    assert any('tags.owner is "Jürgen"' in message for _, message in findings(done)), findings(done)


def test_properties_that_the_first_update_would_remove_are_reported(tmp_path: Path) -> None:
    described = changed(WORKSPACE_IN_AZURE, description="Made by hand", imageBuildCompute="builder")
    described["tags"] = {**WORKSPACE_IN_AZURE["tags"], "owner": "somebody"}

    lost = {message for rule, message in findings(observe(tmp_path, MANAGE, described)) if rule == "adopted-loses"}

    assert lost == {
        'workspace: description is "Made by hand", and the manifests do not configure it.',
        'workspace: imageBuildCompute is "builder", and the manifests do not configure it.',
        'workspace: tags.owner is "somebody", and the manifests do not configure it.',
    }


def test_rules_that_azure_ml_added_to_a_managed_network_are_no_loss(tmp_path: Path) -> None:
    tag = {"serviceTag": "AzureActiveDirectory", "protocol": "TCP", "portRanges": "80, 443"}
    network = {
        "isolationMode": "AllowInternetOutbound",
        "status": {"status": "Active", "sparkReady": False},
        "outboundRules": {
            "__SYS_ST_AzureActiveDirectory": {"type": "ServiceTag", "category": "Required", "destination": tag},
            "by-hand": {"type": "FQDN", "category": "UserDefined", "destination": "pypi.org"},
        },
    }
    described = changed(WORKSPACE_IN_AZURE, managedNetwork=network)

    lost = [message for rule, message in findings(observe(tmp_path, MANAGE, described)) if rule == "adopted-loses"]

    [message] = lost
    assert message.startswith("workspace: managedNetwork.outboundRules is")
    assert "by-hand" in message
    assert "__SYS" not in message
    assert "status" not in message


@pytest.mark.parametrize(
    "properties",
    [
        {"azureFilesIdentityBasedAuthentication": {"directoryServiceOptions": "None"}},
        {"isNfsV3Enabled": False},
        {"largeFileSharesState": "Disabled"},
    ],
)
def test_what_is_off_is_not_lost_when_it_is_left_out(tmp_path: Path, properties: dict[str, Any]) -> None:
    done = observe(tmp_path, MANAGE, WORKSPACE_IN_AZURE, changed(STORAGE_IN_AZURE, **properties))

    assert [message for rule, message in findings(done) if rule == "adopted-loses"] == []


def test_impossible_changes_by_an_import_are_errors(tmp_path: Path) -> None:
    described = changed(WORKSPACE_IN_AZURE, managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"})

    [one_way] = findings(observe(tmp_path, MANAGE, described), "change-")

    assert one_way[0] == "change-one-way"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"storageAccount": STORAGE.replace("stold", "stother")}, f'storageAccount is "{STORAGE[:-3]}other" in Azure'),
        ({"containerRegistry": None}, f'containerRegistry is not set in Azure, but "{IMAGES}" in the manifest'),
        (
            {"managedNetwork": {"isolationMode": "AllowInternetOutbound"}},
            "the managed network is AllowInternetOutbound in Azure, but network: open configures Disabled",
        ),
    ],
)
def test_manifest_that_contradicts_azure_is_an_error(
    tmp_path: Path, properties: Mapping[str, Any], reason: str
) -> None:
    [(rule, message)] = findings(observe(tmp_path, WITH_IMAGES, changed(WORKSPACE_IN_AZURE, **properties)))

    assert rule == "adopted-differs"
    assert reason in message


def test_another_location_is_an_error(tmp_path: Path) -> None:
    [(rule, message)] = findings(observe(tmp_path, WITH_IMAGES, {**WORKSPACE_IN_AZURE, "location": "eastus"}))

    assert (rule, message) == (
        "adopted-differs",
        "mlw-old: location is eastus in Azure, but westeurope in the manifest.",
    )


def test_plan_without_observations_reports_it(tmp_path: Path) -> None:
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(MANAGE)})
    done = run_here("plan", "fraud-dev", "--no-cache", "--output", "json", cwd=tmp_path)

    assert {rule for rule, _ in findings(done)} == {"adopted-unseen"}


def test_observations_are_part_of_the_cache_key(tmp_path: Path) -> None:
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(MANAGE)})
    (tmp_path / "azure.json").write_text(json.dumps({"value": [WORKSPACE_IN_AZURE]}))
    command = ["plan", "fraud-dev", "--output", "json"]
    blind = findings(run_here(*command, cwd=tmp_path))
    seen = findings(run_here(*command, "--observed", "azure.json", cwd=tmp_path))

    assert findings(run_here(*command, cwd=tmp_path)) == blind
    assert [WORKSPACE in message for found in (blind, seen) for rule, message in found if rule == "adopted-unseen"] == [
        True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{'id': 1}", "is not JSON"),
        ("[]", "is empty"),
        ("{}", "has something other than resources as Azure describes them"),
        ('[{"id": "mlw-old", "properties": {}}]', "Entry 1 has no id that begins with /subscriptions/"),
        (json.dumps([WORKSPACE_IN_AZURE, {"id": STORAGE}]), "Entry 2 has no id"),
        (
            json.dumps({**WORKSPACE_IN_AZURE, "properties": {"keyVault": [VAULT]}}),
            f'properties.keyVault of entry 1 is ["{VAULT[:20]}',
        ),
        (
            json.dumps({**WORKSPACE_IN_AZURE, "properties": {"managedNetwork": "Disabled"}}),
            'properties.managedNetwork of entry 1 is "Disabled", not a mapping',
        ),
        (json.dumps({**WORKSPACE_IN_AZURE, "location": 7}), "location of entry 1 is 7, not text"),
        (
            json.dumps({**WORKSPACE_IN_AZURE, "id": f"{WORKSPACE}-2"}),
            "These stacks use none of the observed resources",
        ),
    ],
)
def test_invalid_observation_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(MANAGE)})
    (tmp_path / "azure.json").write_text(text)

    done = run_here("plan", "fraud-dev", "--observed", "azure.json", cwd=tmp_path)

    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_missing_observation_file_is_refused(tmp_path: Path) -> None:
    build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": team(MANAGE)})

    done = run_here("plan", "fraud-dev", "--observed", "azure.json", cwd=tmp_path)

    assert done.code == 2
    assert "azure.json cannot be read" in done.err
