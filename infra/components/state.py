"""Where the states of all stacks lie, and the key that encrypts the secrets in them."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault, storage

from infra.components.place import Place
from infra.components.storage import account_without_keys
from infra.modes import Inbound
from infra.reference import Reference

_CONTAINER = "state"
_KEY = "stack-secrets"
_SOFT_DELETE_DAYS = 90
_KEY_BITS = 3072


@dataclass(frozen=True)
class StateStorageArgs:
    """Where the account lies, and from where it can be reached."""

    place: Place
    inbound: Inbound


class StateStorage(pulumi.ComponentResource):
    """A storage account without keys, whose one container keeps every version of every state.

    Attributes:
        backend: The container as Pulumi takes it: `pulumi login`.
    """

    account: Reference
    backend: str

    def __init__(self, name: str, args: StateStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:state:StateStorage", name, None, opts)
        place = args.place
        account_name = place.names.of("storage", *place.words, _CONTAINER)
        # Three zones: without the state nothing can be changed.
        zones = storage.SkuName.STANDARD_ZRS
        account = account_without_keys(name, account_name, place, zones, args.inbound, place.stateful(self))
        self.account = place.group.within(f"providers/Microsoft.Storage/storageAccounts/{account_name}", account)
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=_SOFT_DELETE_DAYS, allow_permanent_delete=False)
        blobs = storage.BlobServiceProperties(
            f"{name}-blobs",
            resource_group_name=place.group.name_when_made,
            account_name=self.account.name_when_made,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=pulumi.ResourceOptions(parent=self),
        )
        storage.BlobContainer(
            f"{name}-container",
            resource_group_name=place.group.name_when_made,
            account_name=self.account.name_when_made,
            container_name=_CONTAINER,
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions.merge(place.stateful(self), pulumi.ResourceOptions(depends_on=[blobs])),
        )
        # https://www.pulumi.com/docs/iac/concepts/state-and-backends/#azure-blob-storage
        self.backend = f"azblob://{_CONTAINER}?storage_account={account_name}"
        self.register_outputs({"backend": self.backend})


@dataclass(frozen=True)
class SecretsKeyArgs:
    """The vault that keeps the key."""

    place: Place
    vault: Reference


class SecretsKey(pulumi.ComponentResource):
    """The key that encrypts the secrets of all stacks. It never leaves the vault, and each use of it is logged.

    Attributes:
        provider: The key as Pulumi takes it: `--secrets-provider`.
    """

    provider: str

    def __init__(self, name: str, args: SecretsKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:state:SecretsKey", name, None, opts)
        keyvault.Key(
            name,
            resource_group_name=args.place.group.name_when_made,
            vault_name=args.vault.name_when_made,
            key_name=_KEY,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RSA,
                key_size=_KEY_BITS,
                key_ops=[keyvault.JsonWebKeyOperation.ENCRYPT, keyvault.JsonWebKeyOperation.DECRYPT],
                attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
            ),
            tags=args.place.tags,
            opts=args.place.stateful(self),
        )
        # https://www.pulumi.com/docs/iac/concepts/secrets/#azure-key-vault
        self.provider = f"azurekeyvault://{args.vault.name}.vault.azure.net/keys/{_KEY}"
        self.register_outputs({"provider": self.provider})
