"""What a workspace computes on: clusters, instances of people, attached Kubernetes clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import ClusterSettings, InstanceSettings, KubernetesSettings

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


@dataclass(frozen=True)
class InstanceArgs:
    """An instance.

    Attributes:
        tenant_id: The tenant of its owner.
        public_node: Whether it has an address on the internet.
        after: What must be there before it is.
    """

    place: Place
    workspace: Reference
    tenant_id: str
    instance: InstanceSettings
    public_node: bool
    after: Sequence[pulumi.Resource] = ()


class Instance(pulumi.ComponentResource):
    """One person's machine, which nobody else opens, and which stops when nobody uses it.

    It has no identity: its owner is logged in on it, and data is read as its owner. With an identity it would not stop
    when idle, unless that were a Contributor on the workspace, as the workspace's own is.
    https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance#configure-idle-shutdown
    """

    def __init__(self, name: str, args: InstanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:compute:Instance", name, None, opts)
        place, instance = args.place, args.instance
        asked_for_by(self, instance.origin)
        owner = ml.AssignedUserArgs(object_id=instance.owner, tenant_id=args.tenant_id)
        ml.Compute(
            name,
            resource_group_name=place.group.name_when_made,
            workspace_name=args.workspace.name_when_made,
            compute_name=place.names.of("instance", instance.name, *place.words),
            location=place.location,
            properties=ml.ComputeInstanceArgs(
                compute_type="ComputeInstance",
                disable_local_auth=True,
                properties=ml.ComputeInstancePropertiesArgs(
                    vm_size=instance.size,
                    application_sharing_policy=ml.ApplicationSharingPolicy.PERSONAL,
                    compute_instance_authorization_type=ml.ComputeInstanceAuthorizationType.PERSONAL,
                    personal_compute_instance_settings=ml.PersonalComputeInstanceSettingsArgs(assigned_user=owner),
                    ssh_settings=ml.ComputeInstanceSshSettingsArgs(ssh_public_access=ml.SshPublicAccess.DISABLED),
                    enable_sso=True,
                    idle_time_before_shutdown=f"PT{instance.idle_minutes}M",
                    schedules=_stopping(instance.stop_at) if instance.stop_at is not None else None,
                    enable_node_public_ip=args.public_node,
                ),
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({})


def _stopping(at: str) -> ml.ComputeSchedulesArgs:
    """A stop every day. Azure's time zones know no summer time either, so the time is that of UTC."""
    hour, minute = map(int, at.split(":"))
    daily = ml.ComputeStartStopScheduleArgs(
        action=ml.ComputePowerAction.STOP,
        trigger_type=ml.ComputeTriggerType.CRON,
        cron=ml.CronArgs(expression=f"{minute} {hour} * * *", time_zone="UTC"),
        status=ml.ScheduleStatus.ENABLED,
    )
    return ml.ComputeSchedulesArgs(compute_start_stop=[daily])


@dataclass(frozen=True)
class KubernetesArgs:
    """A Kubernetes cluster to attach.

    Attributes:
        identity: Whom its jobs act as.
        after: What must be there before it is attached, such as the workspace's rights on it.
    """

    place: Place
    workspace: Reference
    identity: Reference
    cluster: KubernetesSettings
    after: Sequence[pulumi.Resource]


class Kubernetes(pulumi.ComponentResource):
    """An attached Kubernetes cluster of the organization's. What runs there acts as an identity of ours."""

    def __init__(self, name: str, args: KubernetesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:compute:Kubernetes", name, None, opts)
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
            properties=ml.KubernetesArgs(
                compute_type="Kubernetes",
                resource_id=cluster.cluster_id,
                disable_local_auth=True,
                properties=ml.KubernetesPropertiesArgs(namespace=cluster.namespace),
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({})
