"""The key vault of a workspace: access by role, deletion reversible."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault

from infra.components.place import Place
from infra.reference import Reference
from infra.tables.network_modes import Inbound


@dataclass(frozen=True)
class VaultArgs:
    """Where the vault lies, the tenant that its users log in to, and from where it can be reached."""

    place: Place
    tenant_id: str
    inbound: Inbound


class Vault(pulumi.ComponentResource):
    """A key vault whose access is by roles, and that nobody can delete for good before 90 days are over."""

    vault: Reference

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:vault:Vault", name, None, opts)
        place = args.place
        vault_name = place.name_of("key_vault")
        vault = keyvault.Vault(
            name,
            resource_group_name=place.group.name_when_made,
            vault_name=vault_name,
            location=place.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.tenant_id,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=90,
                enable_purge_protection=True,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                public_network_access="Enabled" if args.inbound.public else "Disabled",
                network_acls=keyvault.NetworkRuleSetArgs(
                    default_action=keyvault.NetworkRuleAction.ALLOW
                    if args.inbound.everywhere
                    else keyvault.NetworkRuleAction.DENY,
                    bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
                    ip_rules=[keyvault.IPRuleArgs(value=allowed) for allowed in args.inbound.ips],
                ),
            ),
            tags=place.tags,
            opts=place.stateful(self, kind="key_vault"),
        )
        self.vault = place.group.within(f"providers/Microsoft.KeyVault/vaults/{vault_name}", vault)
        self.register_outputs({"id": self.vault.id})
