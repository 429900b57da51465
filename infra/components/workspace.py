"""The Azure ML workspace."""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, StackContext
from infra.components.customer_key import CustomerKey
from infra.reference import Reference
from infra.settings import FirewallSku
from infra.tables.network_modes import Isolation, PublicAccess


def create_workspace(
    name: str,
    *,
    context: StackContext,
    storage: Reference,
    vault: Reference,
    container_registry: Reference,
    insights: Reference,
    identity: Reference | None,
    access: PublicAccess,
    isolation: Isolation,
    firewall_sku: FirewallSku,
    image_builder: str | None,
    depends_on: Sequence[pulumi.Resource],
    key: CustomerKey | None = None,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create an Azure ML workspace. Its datastores have no credentials: users access data with their own identity.

    Args:
        identity: Its user-assigned identity; None for a system-assigned one.
        isolation: The isolation mode of its managed network.
        firewall_sku: The tier of the firewall that Azure creates with the first outbound rule for a domain name.
        image_builder: The cluster that builds images, where Azure's public build service cannot.
        depends_on: Resources that must exist first, such as the identity's role assignments.
        key: The key that encrypts its data; None for Azure's own.
    """
    with Component("workspace:Workspace", name, opts) as parent:
        workspace = ml.Workspace(
            name,
            resource_group_name=context.group.name_output,
            workspace_name=context.name("workspace"),
            location=context.location,
            friendly_name=context.name("workspace"),
            kind="Default",
            sku=ml.SkuArgs(name="Basic", tier=ml.SkuTier.BASIC),
            identity=_identity(identity, key),
            primary_user_assigned_identity=identity.id_output if identity is not None else None,
            storage_account=storage.id_output,
            key_vault=vault.id_output,
            container_registry=container_registry.id_output,
            application_insights=insights.id_output,
            system_datastores_auth_mode=ml.SystemDatastoresAuthMode.IDENTITY,
            public_network_access=ml.PublicNetworkAccessType.ENABLED
            if access.enabled
            else ml.PublicNetworkAccessType.DISABLED,
            managed_network=_managed_network(isolation, firewall_sku),
            provision_network_now=isolation != "Disabled",
            # Declared, so that an update resets changes from outside. The flag is for nodes in a subnet of the
            # organization, which no network mode has. Azure allows it on a workspace without a public address only
            # with such a subnet, and never on an existing workspace, so it cannot follow the network mode.
            # https://learn.microsoft.com/azure/machine-learning/how-to-managed-network
            # https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet
            # https://github.com/hashicorp/terraform-provider-azurerm/pull/25660
            serverless_compute_settings=ml.ServerlessComputeSettingsArgs(serverless_compute_no_public_ip=False),
            image_build_compute=image_builder,
            encryption=_encryption(key),
            # Without this, Azure ML creates a database and a search service in the subscription, which cost money.
            enable_service_side_cmk_encryption=True if key is not None else None,
            v1_legacy_mode=False,
            hbi_workspace=False,
            tags=context.tags,
            opts=context.stateful(parent, depends_on, kind="workspace"),
        )
    return context.reference(workspace, "workspace")


def _identity(identity: Reference | None, key: CustomerKey | None) -> ml.ManagedServiceIdentityArgs:
    if identity is None:
        return ml.ManagedServiceIdentityArgs(type=ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED)
    identities = [identity, *([key.identity] if key is not None else [])]
    return ml.ManagedServiceIdentityArgs(
        type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
        user_assigned_identities=[assigned.id_output for assigned in identities],
    )


def _encryption(key: CustomerKey | None) -> ml.EncryptionPropertyArgs | None:
    # https://learn.microsoft.com/azure/machine-learning/how-to-setup-customer-managed-keys
    if key is None:
        return None
    return ml.EncryptionPropertyArgs(
        status=ml.EncryptionStatus.ENABLED,
        identity=ml.IdentityForCmkArgs(user_assigned_identity=key.identity.id_output),
        key_vault_properties=ml.KeyVaultPropertiesArgs(key_identifier=key.key, key_vault_arm_id=key.vault_id),
    )


def _managed_network(isolation: Isolation, firewall_sku: FirewallSku) -> ml.ManagedNetworkSettingsArgs:
    # Its rules are separate resources: see infra.components.outbound.
    if isolation == "AllowOnlyApprovedOutbound":
        return ml.ManagedNetworkSettingsArgs(isolation_mode=isolation, firewall_sku=ml.FirewallSku(firewall_sku))
    return ml.ManagedNetworkSettingsArgs(isolation_mode=isolation)
