"""The storage of Pulumi states, and the keys that encrypt the secrets in them: separate for each environment."""

import pulumi
from pulumi_azure_native import keyvault, storage

from infra.components.context import Component, StackContext
from infra.components.storage import create_blob_service, create_storage_account
from infra.hub import StateStore
from infra.reference import Reference
from infra.tables.network_modes import PublicAccess

_SOFT_DELETE_DAYS = 90
_KEY_BITS = 3072


def create_state_storage(
    name: str, *, context: StackContext, account_name: str, access: PublicAccess, opts: pulumi.ResourceOptions
) -> tuple[Reference, pulumi.Resource]:
    """Create the storage account of all states, which keeps every version of every state.

    Returns the account, and the configuration of its blob service, which must exist before the first state.
    """
    with Component("state:StateStorage", name, opts) as parent:
        account = create_storage_account(
            name,
            account_name=account_name,
            context=context,
            # Three zones: without its state, a stack cannot be changed.
            sku=storage.SkuName.STANDARD_ZRS,
            access=access,
            opts=context.stateful(parent),
        )
        blobs = create_blob_service(name, context=context, account=account, days=_SOFT_DELETE_DAYS, parent=parent)
    return account, blobs


def create_state_store(
    name: str,
    *,
    context: StackContext,
    store: StateStore,
    account: Reference,
    blobs: pulumi.Resource,
    vault: Reference,
    opts: pulumi.ResourceOptions,
) -> tuple[Reference, Reference]:
    """Create a container for states, and the key that encrypts the secrets in them. Returns both.

    Roles can be assigned on each, so access to the states of one environment gives none to those of another:
    https://learn.microsoft.com/azure/storage/blobs/assign-azure-role-data-access and
    https://learn.microsoft.com/azure/key-vault/general/rbac-guide. The key cannot leave the vault, and each use of it
    is logged.
    """
    with Component("state:States", name, opts) as parent:
        container = storage.BlobContainer(
            f"{name}-container",
            resource_group_name=context.group.name_output,
            account_name=account.name_output,
            container_name=store.container,
            public_access=storage.PublicAccess.NONE,
            opts=context.stateful(parent, [blobs]),
        )
        key = keyvault.Key(
            f"{name}-key",
            resource_group_name=context.group.name_output,
            vault_name=vault.name_output,
            key_name=store.key,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RSA,
                key_size=_KEY_BITS,
                key_ops=[keyvault.JsonWebKeyOperation.ENCRYPT, keyvault.JsonWebKeyOperation.DECRYPT],
                attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
            ),
            tags=context.tags,
            opts=context.stateful(parent),
        )
    return (
        account.child(f"blobServices/default/containers/{store.container}", container),
        vault.child(f"keys/{store.key}", key),
    )
