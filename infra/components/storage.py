"""What keeps data and secrets: storage accounts without keys, of workspaces and of Pulumi states, and key vaults.

Each environment has a container for its states, and a key that encrypts the secrets in them.
"""

import ipaddress
from collections.abc import Sequence

import pulumi
from pulumi_azure_native import keyvault, storage

from infra.components.context import Component, CustomerKey, StackContext
from infra.hub import StateStore
from infra.reference import Reference
from infra.tables.network_modes import PublicAccess
from infra.tables.regions import has_zones

_SOFT_DELETE_DAYS = 14
_STATE_SOFT_DELETE_DAYS = 90
_KEY_BITS = 3072

# The studio reads in the browser: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-data-access
_STUDIO = ["https://mlworkspace.azure.ai", "https://ml.azure.com", "https://*.ml.azure.com", "https://ai.azure.com",
           "https://*.ai.azure.com"]  # fmt: skip


def create_workspace_storage(
    name: str,
    *,
    context: StackContext,
    access: PublicAccess,
    model_registry_id: str,
    tenant_id: str,
    zone_redundant: bool = False,
    key: CustomerKey | None = None,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create the storage account of a workspace, with versions and soft delete of blobs, which the studio can read.

    Args:
        model_registry_id: The registry that copies shared models from it, wherever else it is closed.
        tenant_id: The registry's tenant.
        zone_redundant: Whether its data is in three availability zones.
        key: The key that encrypts it; None for Azure's own.
    """
    cors = storage.CorsRuleArgs(
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
    needed = key.role_assignments if key is not None else ()
    with Component("storage:Storage", name, opts) as parent:
        account = create_storage_account(
            name,
            account_name=context.name("storage"),
            context=context,
            sku=storage.SkuName.STANDARD_ZRS if zone_redundant else storage.SkuName.STANDARD_LRS,
            access=access,
            admitted=None
            if access.unrestricted
            else [storage.ResourceAccessRuleArgs(resource_id=model_registry_id, tenant_id=tenant_id)],
            key=key,
            opts=context.stateful(parent, role_assignments=needed, kind="storage"),
        )
        create_blob_service(name, context=context, account=account, days=_SOFT_DELETE_DAYS, cors=cors, parent=parent)
    return account


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
            # Three zones, where the region has them: without its state, a stack cannot be changed.
            sku=storage.SkuName.STANDARD_ZRS if has_zones(context.location) else storage.SkuName.STANDARD_LRS,
            access=access,
            opts=context.stateful(parent),
        )
        blobs = create_blob_service(name, context=context, account=account, days=_STATE_SOFT_DELETE_DAYS, parent=parent)
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


def create_key_vault(
    name: str, *, context: StackContext, tenant_id: str, access: PublicAccess, opts: pulumi.ResourceOptions
) -> Reference:
    """Create a key vault with access by roles, which cannot be purged before 90 days after its deletion."""
    with Component("vault:Vault", name, opts) as parent:
        vault = keyvault.Vault(
            name,
            resource_group_name=context.group.name_output,
            vault_name=context.name("key_vault"),
            location=context.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=tenant_id,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=90,
                enable_purge_protection=True,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                public_network_access="Enabled" if access.enabled else "Disabled",
                network_acls=keyvault.NetworkRuleSetArgs(
                    default_action=keyvault.NetworkRuleAction.ALLOW
                    if access.unrestricted
                    else keyvault.NetworkRuleAction.DENY,
                    bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
                    ip_rules=[keyvault.IPRuleArgs(value=ip_range) for ip_range in access.allowed_ips],
                ),
            ),
            tags=context.tags,
            opts=context.stateful(parent, kind="key_vault"),
        )
    return context.reference(vault, "key_vault")


def create_storage_account(
    name: str,
    *,
    account_name: str,
    context: StackContext,
    sku: storage.SkuName,
    access: PublicAccess,
    admitted: Sequence[storage.ResourceAccessRuleArgs] | None = None,
    key: CustomerKey | None = None,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create a storage account that takes Entra logins only: no keys, no local users, no anonymous access.

    Args:
        account_name: Its name in Azure.
        admitted: The Azure resources that reach its public address, which is then enabled for them and for Azure's
            trusted services alone; None if nothing may.
        key: The key that encrypts it; None for Azure's own.
    """
    account = storage.StorageAccount(
        name,
        resource_group_name=context.group.name_output,
        account_name=account_name,
        location=context.location,
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
        if access.enabled or admitted is not None
        else storage.PublicNetworkAccess.DISABLED,
        network_rule_set=storage.NetworkRuleSetArgs(
            default_action=storage.DefaultAction.ALLOW if access.unrestricted else storage.DefaultAction.DENY,
            bypass=storage.Bypass.AZURE_SERVICES,
            ip_rules=[
                storage.IPRuleArgs(action=storage.Action.ALLOW, i_p_address_or_range=value)
                for ip_range in access.allowed_ips
                for value in _ip_rule_values(ip_range)
            ],
            # A registry copies a model from the workspace's storage, and is refused where public access is disabled.
            # https://learn.microsoft.com/azure/machine-learning/how-to-registry-network-isolation
            resource_access_rules=list(admitted or ()) or None,
        ),
        identity=_identity(key),
        encryption=_encryption(key),
        tags=context.tags,
        opts=opts,
    )
    return context.group.child(f"providers/Microsoft.Storage/storageAccounts/{account_name}", account)


def create_blob_service(
    name: str,
    *,
    context: StackContext,
    account: Reference,
    days: int,
    cors: storage.CorsRuleArgs | None = None,
    parent: pulumi.Resource,
) -> pulumi.Resource:
    """Configure a storage account's blob service to keep versions, and deleted blobs and containers for some days."""
    retention = storage.DeleteRetentionPolicyArgs(enabled=True, days=days, allow_permanent_delete=False)
    return storage.BlobServiceProperties(
        f"{name}-blobs",
        resource_group_name=context.group.name_output,
        account_name=account.name_output,
        blob_services_name="default",
        is_versioning_enabled=True,
        delete_retention_policy=retention,
        container_delete_retention_policy=retention,
        cors=storage.CorsRulesArgs(cors_rules=[cors]) if cors is not None else None,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _identity(key: CustomerKey | None) -> storage.IdentityArgs | None:
    if key is None:
        return None
    return storage.IdentityArgs(
        type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[key.identity.id_output]
    )


def _encryption(key: CustomerKey | None) -> storage.EncryptionArgs | None:
    # https://learn.microsoft.com/azure/storage/common/customer-managed-keys-overview
    if key is None:
        return None
    service = storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT)
    return storage.EncryptionArgs(
        key_source=storage.KeySource.MICROSOFT_KEYVAULT,
        key_vault_properties=storage.KeyVaultPropertiesArgs(key_name=key.name, key_vault_uri=key.vault_url),
        encryption_identity=storage.EncryptionIdentityArgs(encryption_user_assigned_identity=key.identity.id_output),
        # Queues and tables use Azure's key by default, and Azure allows the choice only at creation.
        services=storage.EncryptionServicesArgs(blob=service, file=service, queue=service, table=service),
    )


def _ip_rule_values(ip_range: str) -> list[str]:
    """The values of IP rules for a range: Azure refuses prefixes of one or two addresses, which must be listed.

    https://learn.microsoft.com/azure/storage/common/storage-network-security
    """
    addresses = ipaddress.ip_network(ip_range)
    if addresses.prefixlen >= addresses.max_prefixlen - 1:
        return [str(address) for address in addresses]
    return [str(addresses)]
