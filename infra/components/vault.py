"""The key vault of a workspace or of the hub."""

import pulumi
from pulumi_azure_native import keyvault

from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.tables.network_modes import PublicAccess


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
