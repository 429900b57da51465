"""Where the states of stacks lie, and the keys that encrypt the secrets in them: apart for each environment."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault, storage

from infra.components.place import Place
from infra.components.storage import account_without_keys
from infra.reference import Reference
from infra.tables.network_modes import Inbound

_ACCOUNT = "state"
_SOFT_DELETE_DAYS = 90
_KEY_BITS = 3072


@dataclass(frozen=True)
class StateStorageArgs:
    """Where the account lies, and from where it can be reached."""

    place: Place
    inbound: Inbound


class StateStorage(pulumi.ComponentResource):
    """A storage account without keys that keeps every version of every state.

    Attributes:
        blobs: What makes it keep them: to be there before the first state is.
    """

    account: Reference
    blobs: pulumi.Resource

    def __init__(self, name: str, args: StateStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:state:StateStorage", name, None, opts)
        place = args.place
        account_name = place.names.of("storage", *place.words, _ACCOUNT)
        # Three zones: without the state nothing can be changed.
        zones = storage.SkuName.STANDARD_ZRS
        account = account_without_keys(name, account_name, place, zones, args.inbound, place.stateful(self))
        self.account = place.group.within(f"providers/Microsoft.Storage/storageAccounts/{account_name}", account)
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=_SOFT_DELETE_DAYS, allow_permanent_delete=False)
        self.blobs = storage.BlobServiceProperties(
            f"{name}-blobs",
            resource_group_name=place.group.name_when_made,
            account_name=self.account.name_when_made,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"id": self.account.id})


@dataclass(frozen=True)
class StatesArgs:
    """What the states lie in.

    Attributes:
        words: The words that tell these states from others in the names of container and key.
        storage: The account that the container is made in.
        vault: The vault that keeps the key.
    """

    place: Place
    words: tuple[str, ...]
    storage: StateStorage
    vault: Reference


class States(pulumi.ComponentResource):
    """The states of some stacks: a container for them, and the key that encrypts the secrets in them.

    Roles can be given on either, so that who has those of one environment has nothing of another:
    https://learn.microsoft.com/azure/storage/blobs/assign-azure-role-data-access and
    https://learn.microsoft.com/azure/key-vault/general/rbac-guide. The key never leaves the vault, and each use of it
    is logged.

    Attributes:
        backend: The container as Pulumi takes it: `pulumi login`.
        secrets_provider: The key as Pulumi takes it: `--secrets-provider`.
    """

    container: Reference
    key: Reference
    backend: str
    secrets_provider: str

    def __init__(self, name: str, args: StatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:state:States", name, None, opts)
        place, account, vault = args.place, args.storage.account, args.vault
        container_name = place.names.of("state_container", *args.words)
        key_name = place.names.of("secrets_key", *args.words)
        container = storage.BlobContainer(
            f"{name}-container",
            resource_group_name=place.group.name_when_made,
            account_name=account.name_when_made,
            container_name=container_name,
            public_access=storage.PublicAccess.NONE,
            opts=place.stateful(self, [args.storage.blobs]),
        )
        key = keyvault.Key(
            f"{name}-key",
            resource_group_name=place.group.name_when_made,
            vault_name=vault.name_when_made,
            key_name=key_name,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RSA,
                key_size=_KEY_BITS,
                key_ops=[keyvault.JsonWebKeyOperation.ENCRYPT, keyvault.JsonWebKeyOperation.DECRYPT],
                attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
            ),
            tags=place.tags,
            opts=place.stateful(self),
        )
        self.container = account.within(f"blobServices/default/containers/{container_name}", container)
        self.key = vault.within(f"keys/{key_name}", key)
        # https://www.pulumi.com/docs/iac/concepts/state-and-backends/#azure-blob-storage
        self.backend = f"azblob://{container_name}?storage_account={account.name}"
        # https://www.pulumi.com/docs/iac/concepts/secrets/#azure-key-vault
        self.secrets_provider = f"azurekeyvault://{vault.name}.vault.azure.net/keys/{key_name}"
        self.register_outputs({"backend": self.backend, "secrets_provider": self.secrets_provider})
