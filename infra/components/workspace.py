"""The Azure ML workspace: no keys, no secrets, its own identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.place import Place
from infra.reference import Reference
from infra.settings import Network


@dataclass(frozen=True)
class WorkspaceArgs:
    """What the workspace is made of.

    Attributes:
        identity: The user-assigned identity that it acts as.
        image_builder: The cluster that builds images, where the workspace's network is managed.
        after: What must be there before, such as the identity's role assignments.
    """

    place: Place
    storage: Reference
    vault: Reference
    container_registry: Reference
    insights: Reference
    identity: Reference
    network: Network
    image_builder: str | None
    after: Sequence[pulumi.Resource]


class Workspace(pulumi.ComponentResource):
    """An Azure ML workspace whose datastores are opened with the identity of who uses them."""

    workspace: Reference

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:workspace:Workspace", name, None, opts)
        place = args.place
        workspace_name = place.names.of("workspace", *place.words)
        options = pulumi.ResourceOptions(depends_on=list(args.after))
        workspace = ml.Workspace(
            name,
            resource_group_name=place.group.name_when_made,
            workspace_name=workspace_name,
            location=place.location,
            friendly_name=workspace_name,
            kind="Default",
            sku=ml.SkuArgs(name="Basic", tier=ml.SkuTier.BASIC),
            identity=ml.ManagedServiceIdentityArgs(
                type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[args.identity.id_when_made],
            ),
            primary_user_assigned_identity=args.identity.id_when_made,
            storage_account=args.storage.id_when_made,
            key_vault=args.vault.id_when_made,
            container_registry=args.container_registry.id_when_made,
            application_insights=args.insights.id_when_made,
            system_datastores_auth_mode=ml.SystemDatastoresAuthMode.IDENTITY,
            public_network_access=ml.PublicNetworkAccessType.ENABLED,
            managed_network=ml.ManagedNetworkSettingsArgs(isolation_mode=_isolation(args.network)),
            provision_network_now=args.network == "managed",
            image_build_compute=args.image_builder,
            v1_legacy_mode=False,
            hbi_workspace=False,
            tags=place.tags,
            opts=pulumi.ResourceOptions.merge(place.stateful(self), options),
        )
        self.workspace = place.group.within(
            f"providers/Microsoft.MachineLearningServices/workspaces/{workspace_name}", workspace
        )
        self.register_outputs({"id": self.workspace.id})


def _isolation(network: Network) -> ml.IsolationMode:
    match network:
        case "open":
            return ml.IsolationMode.DISABLED
        case "managed":
            return ml.IsolationMode.ALLOW_INTERNET_OUTBOUND
        case _:
            assert_never(network)
