"""The Azure ML workspace: no keys, no secrets, its own identity."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.keys import CustomerKey
from infra.components.place import Place
from infra.reference import Reference
from infra.settings import FirewallSku
from infra.tables.network_modes import Inbound, Isolation


@dataclass(frozen=True)
class Outwards:
    """What jobs and endpoints reach.

    Attributes:
        isolation: What the managed network lets out.
        firewall_sku: Of the firewall that a network with approved outbound gets with its first rule for a name.
    """

    isolation: Isolation
    firewall_sku: FirewallSku


@dataclass(frozen=True)
class WorkspaceArgs:
    """What the workspace is made of.

    Attributes:
        identity: The user-assigned identity that it acts as; None for the system's own.
        inbound: From where it can be reached.
        outwards: What its jobs and endpoints reach.
        image_builder: The cluster that builds images, where a public service of Azure's cannot.
        after: What must be there before, such as the identity's role assignments.
        key: The key that encrypts what it keeps, where that is not Azure's.
    """

    place: Place
    storage: Reference
    vault: Reference
    container_registry: Reference
    insights: Reference
    identity: Reference | None
    inbound: Inbound
    outwards: Outwards
    image_builder: str | None
    after: Sequence[pulumi.Resource]
    key: CustomerKey | None = None


class Workspace(pulumi.ComponentResource):
    """An Azure ML workspace whose datastores are opened with the identity of who uses them."""

    workspace: Reference

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:workspace:Workspace", name, None, opts)
        place = args.place
        workspace_name = place.name_of("workspace")
        workspace = ml.Workspace(
            name,
            resource_group_name=place.group.name_when_made,
            workspace_name=workspace_name,
            location=place.location,
            friendly_name=workspace_name,
            kind="Default",
            sku=ml.SkuArgs(name="Basic", tier=ml.SkuTier.BASIC),
            identity=_identity(args),
            primary_user_assigned_identity=args.identity.id_when_made if args.identity is not None else None,
            storage_account=args.storage.id_when_made,
            key_vault=args.vault.id_when_made,
            container_registry=args.container_registry.id_when_made,
            application_insights=args.insights.id_when_made,
            system_datastores_auth_mode=ml.SystemDatastoresAuthMode.IDENTITY,
            public_network_access=ml.PublicNetworkAccessType.ENABLED
            if args.inbound.public
            else ml.PublicNetworkAccessType.DISABLED,
            managed_network=_managed_network(args.outwards),
            provision_network_now=args.outwards.isolation != "Disabled",
            serverless_compute_settings=_serverless(),
            image_build_compute=args.image_builder,
            encryption=_encryption(args.key),
            # Else Azure ML makes a database and a search service of its own in the subscription, which bill.
            enable_service_side_cmk_encryption=True if args.key is not None else None,
            v1_legacy_mode=False,
            hbi_workspace=False,
            tags=place.tags,
            opts=place.stateful(self, args.after, kind="workspace"),
        )
        self.workspace = place.group.within(
            f"providers/Microsoft.MachineLearningServices/workspaces/{workspace_name}", workspace
        )
        self.register_outputs({"id": self.workspace.id})


def _identity(args: WorkspaceArgs) -> ml.ManagedServiceIdentityArgs:
    if args.identity is None:
        return ml.ManagedServiceIdentityArgs(type=ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED)
    users = [args.identity, *([args.key.identity] if args.key is not None else [])]
    return ml.ManagedServiceIdentityArgs(
        type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
        user_assigned_identities=[user.id_when_made for user in users],
    )


def _serverless() -> ml.ServerlessComputeSettingsArgs:
    """The settings of serverless jobs: said every time, so that none stay that somebody made beside us.

    They run in the managed network where there is one. The flag is for nodes in a subnet of the organization, which no
    network mode offers. Without such a subnet a workspace with no public address cannot have it, and no workspace can
    get it later (documented by Terraform's provider): so it does not follow the mode, which may change.
    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network
    https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet
    https://github.com/hashicorp/terraform-provider-azurerm/pull/25660
    """
    return ml.ServerlessComputeSettingsArgs(serverless_compute_no_public_ip=False)


def _encryption(key: CustomerKey | None) -> ml.EncryptionPropertyArgs | None:
    # https://learn.microsoft.com/azure/machine-learning/how-to-setup-customer-managed-keys
    if key is None:
        return None
    return ml.EncryptionPropertyArgs(
        status=ml.EncryptionStatus.ENABLED,
        identity=ml.IdentityForCmkArgs(user_assigned_identity=key.identity.id_when_made),
        key_vault_properties=ml.KeyVaultPropertiesArgs(key_identifier=key.key, key_vault_arm_id=key.vault_id),
    )


def _managed_network(outwards: Outwards) -> ml.ManagedNetworkSettingsArgs:
    # Rules are resources of their own: see infra.components.outbound.
    if outwards.isolation == "AllowOnlyApprovedOutbound":
        return ml.ManagedNetworkSettingsArgs(
            isolation_mode=outwards.isolation, firewall_sku=ml.FirewallSku(outwards.firewall_sku)
        )
    return ml.ManagedNetworkSettingsArgs(isolation_mode=outwards.isolation)
