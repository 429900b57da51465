"""Existing resources of the organization: a resource group, and a customer-managed key."""

from pathlib import Path

import pytest

from tests.unit.manifests.test_manifests import mistakes
from tests.unit.stack.test_network import PLATFORM, TEAM, named, of_type, world

GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-existing"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-keys"
KEY = "https://kv-keys.vault.azure.net/keys/ml/0123456789abcdef0123456789abcdef"
OPEN = "name: fraud\nenvironments: {dev: {}}\n"
ENCRYPTED = f"{OPEN}customer_key: {{vault_id: {VAULT}, key: {KEY}}}\n"


def test_existing_resource_group_is_used_and_not_created(tmp_path: Path) -> None:
    stack = world(tmp_path, team=f"{OPEN}resource_group_id: {GROUP}\n")["fraud-dev"]

    assert not of_type(stack, "ResourceGroup")
    for type_ in ("StorageAccount", "Vault", "containerregistry:Registry", "machinelearningservices:Workspace"):
        assert of_type(stack, type_)[0]["inputs"]["resourceGroupName"] == "rg-existing"


def test_customer_key_encrypts_storage_registry_and_workspace(tmp_path: Path) -> None:
    stack = world(tmp_path, team=ENCRYPTED)["fraud-dev"]
    user = named(stack, "key-identity", "UserAssignedIdentity")["inputs"]["resourceName"]
    [storage] = of_type(stack, "StorageAccount")
    [images] = of_type(stack, "containerregistry:Registry")
    [workspace] = of_type(stack, "machinelearningservices:Workspace")

    assert {one["inputs"]["identity"]["type"] for one in (storage, images, workspace)} == {"UserAssigned"}
    encryption = storage["inputs"]["encryption"]
    assert encryption["keySource"] == "Microsoft.Keyvault"
    assert encryption["keyVaultProperties"] == {"keyName": "ml", "keyVaultUri": "https://kv-keys.vault.azure.net"}
    assert encryption["encryptionIdentity"]["encryptionUserAssignedIdentity"].endswith(f"/{user}")
    assert {name: service["keyType"] for name, service in encryption["services"].items()} == dict.fromkeys(
        ("blob", "file", "queue", "table"), "Account"
    )
    assert images["inputs"]["encryption"]["status"] == "enabled"
    assert workspace["inputs"]["encryption"]["status"] == "Enabled"
    assert images["inputs"]["encryption"]["keyVaultProperties"]["keyIdentifier"] == KEY.rsplit("/", 1)[0]
    assert images["inputs"]["sku"] == {"name": "Premium"}
    assert workspace["inputs"]["encryption"]["keyVaultProperties"] == {"keyIdentifier": KEY, "keyVaultArmId": VAULT}
    assert workspace["inputs"]["enableServiceSideCMKEncryption"] is True
    assert any(identity.endswith(f"/{user}") for identity in workspace["inputs"]["identity"]["userAssignedIdentities"])


def test_role_on_the_customer_key_exists_before_encryption(tmp_path: Path) -> None:
    stack = world(tmp_path, team=ENCRYPTED)["fraud-dev"]
    [right] = [role for role in of_type(stack, "RoleAssignment") if role["name"].startswith("key-access")]

    assert right["inputs"]["scope"] == VAULT
    assert right["inputs"]["roleDefinitionId"].endswith("/e147488a-f6f5-4113-8e2d-b22465e65bf6")
    assert right["source"]["manifest"] == "teams/fraud.yaml:3"
    for type_ in ("StorageAccount", "containerregistry:Registry"):
        assert right["urn"] in of_type(stack, type_)[0]["depends_on"]


def test_without_customer_key_microsoft_managed_keys_are_used(tmp_path: Path) -> None:
    stack = world(tmp_path, team=OPEN)["fraud-dev"]

    for type_ in ("StorageAccount", "containerregistry:Registry", "machinelearningservices:Workspace"):
        assert "encryption" not in of_type(stack, type_)[0]["inputs"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            f"resource_group_id: {GROUP}/providers/a/b\n",
            "resource_group_id: must be the resource id of a",
        ),
        (
            f"resource_group_id: {GROUP.replace('00b/', '00c/')}\n",
            "fraud.yaml:3:1: resource_group_id is in the subscription 00000000-0000-0000-0000-00000000000c, and",
        ),
        (
            f"customer_key: {{vault_id: {VAULT}s, key: {KEY}}}\n",
            "key is not in the vault kv-keyss, which",
        ),
        (f"customer_key: {{vault_id: {VAULT}, key: {KEY[:-1]}}}\n", "must be a key's address with its version"),
        (f"customer_key: {{vault_id: {GROUP}, key: {KEY}}}\n", "vault_id: must be the resource id of a key vault"),
    ],
)
def test_wrong_resource_ids_are_refused(tmp_path: Path, keys: str, message: str) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "platform.yaml").write_text(PLATFORM)
    (tmp_path / "teams" / "fraud.yaml").write_text(OPEN + keys)

    assert any(message in mistake for mistake in mistakes(tmp_path)), mistakes(tmp_path)


def test_locked_network_can_connect_to_the_shared_registry(tmp_path: Path) -> None:
    """The workspace's identity must be allowed to approve its private endpoint on the registry."""
    stack = world(tmp_path, team=TEAM)["fraud-dev"]
    approved = [
        role["inputs"]["scope"]
        for role in of_type(stack, "RoleAssignment")
        if role["inputs"]["roleDefinitionId"].endswith("/b556d68e-0be0-4f35-a333-ad7ee1ce17ea")
    ]

    assert len(approved) == 2
    assert any("/registries/mlr-contoso-hub" in scope for scope in approved)
