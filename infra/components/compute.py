"""Compute clusters of a workspace."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import ClusterSettings

_IDLE = "PT5M"
"""How long a node may be idle before it goes away: five minutes."""


@dataclass(frozen=True)
class ClusterArgs:
    """A cluster.

    Attributes:
        identity: Whom its jobs act as.
        public_nodes: Whether nodes have addresses on the internet.
        after: What must be there before its first node is.
    """

    place: Place
    workspace: Reference
    identity: Reference
    cluster: ClusterSettings
    public_nodes: bool
    after: Sequence[pulumi.Resource] = ()


class Cluster(pulumi.ComponentResource):
    """A cluster with no nodes while nothing runs, no SSH and no login but Entra's."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:compute:Cluster", name, None, opts)
        place, cluster = args.place, args.cluster
        asked_for_by(self, cluster.origin)
        ml.Compute(
            name,
            resource_group_name=place.group.name_when_made,
            workspace_name=args.workspace.name_when_made,
            compute_name=cluster.name,
            location=place.location,
            identity=ml.ManagedServiceIdentityArgs(
                type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[args.identity.id_when_made],
            ),
            properties=ml.AmlComputeArgs(
                compute_type="AmlCompute",
                disable_local_auth=True,
                properties=ml.AmlComputePropertiesArgs(
                    vm_size=cluster.size,
                    vm_priority=ml.VmPriority.LOW_PRIORITY if cluster.low_priority else ml.VmPriority.DEDICATED,
                    os_type=ml.OsType.LINUX,
                    scale_settings=ml.ScaleSettingsArgs(
                        min_node_count=0, max_node_count=cluster.max_nodes, node_idle_time_before_scale_down=_IDLE
                    ),
                    remote_login_port_public_access=ml.RemoteLoginPortPublicAccess.DISABLED,
                    # Without a network of its own, a node without a public address could not reach Azure ML.
                    enable_node_public_ip=args.public_nodes,
                ),
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({})
