"""Storage for a workspace's data: by identity only, no keys."""

import ipaddress
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from infra.components.keys import CustomerKey
from infra.components.place import Place
from infra.reference import Reference
from infra.tables.network_modes import Inbound

_SOFT_DELETE_DAYS = 14

# https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-data-access : the studio reads in the browser.
_STUDIO = ["https://mlworkspace.azure.ai", "https://ml.azure.com", "https://*.ml.azure.com", "https://ai.azure.com",
           "https://*.ai.azure.com"]  # fmt: skip


@dataclass(frozen=True)
class StorageArgs:
    """Where the account lies, from where it can be reached, and the key that encrypts it where that is not Azure's."""

    place: Place
    inbound: Inbound
    key: CustomerKey | None = None


class Storage(pulumi.ComponentResource):
    """A storage account without keys, its blob service with versions and soft delete, open to the studio's pages."""

    account: Reference

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:storage:Storage", name, None, opts)
        place = args.place
        account_name = place.name_of("storage")
        account = account_without_keys(
            name,
            account_name,
            place,
            storage.SkuName.STANDARD_LRS,
            args.inbound,
            place.stateful(self, args.key.after if args.key is not None else (), kind="storage"),
            args.key,
        )
        self.account = place.group.within(f"providers/Microsoft.Storage/storageAccounts/{account_name}", account)
        storage.BlobServiceProperties(
            f"{name}-blobs",
            resource_group_name=place.group.name_when_made,
            account_name=self.account.name_when_made,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(
                enabled=True, days=_SOFT_DELETE_DAYS, allow_permanent_delete=False
            ),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(
                enabled=True, days=_SOFT_DELETE_DAYS, allow_permanent_delete=False
            ),
            cors=storage.CorsRulesArgs(
                cors_rules=[
                    storage.CorsRuleArgs(
                        allowed_origins=_STUDIO,
                        allowed_methods=[
                            storage.AllowedMethods.GET,
                            storage.AllowedMethods.HEAD,
                            storage.AllowedMethods.POST,
                            storage.AllowedMethods.PUT,
                            storage.AllowedMethods.DELETE,
                            storage.AllowedMethods.OPTIONS,
                            storage.AllowedMethods.PATCH,
                        ],
                        allowed_headers=["*"],
                        exposed_headers=["*"],
                        max_age_in_seconds=1800,
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"id": self.account.id})


def account_without_keys(
    name: str,
    account_name: str,
    place: Place,
    sku: storage.SkuName,
    inbound: Inbound,
    opts: pulumi.ResourceOptions,
    key: CustomerKey | None = None,
) -> storage.StorageAccount:
    """A storage account that is reached by identity alone: no keys, no local users, nothing public.

    Args:
        account_name: Its name in Azure.
        sku: Where its copies lie.
        inbound: From where it can be reached.
        key: What encrypts it, where that is not Azure's.
    """
    return storage.StorageAccount(
        name,
        resource_group_name=place.group.name_when_made,
        account_name=account_name,
        location=place.location,
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(name=sku),
        access_tier=storage.AccessTier.HOT,
        allow_blob_public_access=False,
        allow_cross_tenant_replication=False,
        allow_shared_key_access=False,
        default_to_o_auth_authentication=True,
        enable_https_traffic_only=True,
        # Azure ML's workspace storage must not have a hierarchical namespace.
        is_hns_enabled=False,
        is_local_user_enabled=False,
        is_sftp_enabled=False,
        minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
        public_network_access=storage.PublicNetworkAccess.ENABLED
        if inbound.public
        else storage.PublicNetworkAccess.DISABLED,
        network_rule_set=storage.NetworkRuleSetArgs(
            default_action=storage.DefaultAction.ALLOW if inbound.everywhere else storage.DefaultAction.DENY,
            bypass=storage.Bypass.AZURE_SERVICES,
            ip_rules=[
                storage.IPRuleArgs(action=storage.Action.ALLOW, i_p_address_or_range=address)
                for allowed in inbound.ips
                for address in _as_storage_takes_it(allowed)
            ],
        ),
        identity=_identity(key),
        encryption=_encryption(key),
        tags=place.tags,
        opts=opts,
    )


def _identity(key: CustomerKey | None) -> storage.IdentityArgs | None:
    if key is None:
        return None
    return storage.IdentityArgs(
        type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[key.identity.id_when_made]
    )


def _encryption(key: CustomerKey | None) -> storage.EncryptionArgs | None:
    # https://learn.microsoft.com/azure/storage/common/customer-managed-keys-overview
    if key is None:
        return None
    on = storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT)
    return storage.EncryptionArgs(
        key_source=storage.KeySource.MICROSOFT_KEYVAULT,
        key_vault_properties=storage.KeyVaultPropertiesArgs(key_name=key.name, key_vault_uri=key.vault),
        encryption_identity=storage.EncryptionIdentityArgs(encryption_user_assigned_identity=key.identity.id_when_made),
        # Queues and tables would keep Azure's key, and can be told so only when the account is made.
        services=storage.EncryptionServicesArgs(blob=on, file=on, queue=on, table=on),
    )


def _as_storage_takes_it(allowed: str) -> list[str]:
    """A range as storage accounts take it: those of one or two addresses must be written as addresses.

    https://learn.microsoft.com/azure/storage/common/storage-network-security
    """
    addresses = ipaddress.ip_network(allowed)
    few = 2
    return [str(address) for address in addresses] if addresses.num_addresses <= few else [str(addresses)]
