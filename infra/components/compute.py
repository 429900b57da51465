"""Compute of a workspace: clusters, compute instances, attached Kubernetes clusters."""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.settings import ClusterSettings, InstanceSettings, KubernetesSettings

_NODE_IDLE_TIME = "PT5M"
"""The idle time after which a cluster removes a node: five minutes."""


def create_cluster(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    identity: Reference,
    cluster: ClusterSettings,
    public_nodes: bool,
    depends_on: Sequence[pulumi.Resource] = (),
    opts: pulumi.ResourceOptions,
) -> None:
    """Create a cluster without SSH and local logins, which scales down to no nodes.

    Args:
        identity: The identity of its jobs.
        public_nodes: Whether its nodes have public IP addresses.
        depends_on: Resources that must exist before its first node, such as outbound rules.
    """
    properties = ml.AmlComputeArgs(
        compute_type="AmlCompute",
        disable_local_auth=True,
        properties=ml.AmlComputePropertiesArgs(
            vm_size=cluster.size,
            vm_priority=ml.VmPriority.LOW_PRIORITY if cluster.low_priority else ml.VmPriority.DEDICATED,
            os_type=ml.OsType.LINUX,
            scale_settings=ml.ScaleSettingsArgs(
                min_node_count=0, max_node_count=cluster.max_nodes, node_idle_time_before_scale_down=_NODE_IDLE_TIME
            ),
            remote_login_port_public_access=ml.RemoteLoginPortPublicAccess.DISABLED,
            # Outside of a managed network, a node without a public address could not reach Azure ML.
            enable_node_public_ip=public_nodes,
        ),
    )
    with Component("compute:Cluster", name, opts, cluster.origin) as parent:
        _create_compute(name, context, workspace, cluster.name, properties, identity, depends_on, parent)


def create_instance(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    tenant_id: str,
    instance: InstanceSettings,
    public_node: bool,
    depends_on: Sequence[pulumi.Resource] = (),
    opts: pulumi.ResourceOptions,
) -> None:
    """Create one person's compute instance, which only its owner can open and which stops when it is idle.

    It has no identity: its owner is logged in on it, and reads data as that owner. An instance with an identity would
    stop when idle only if the identity were a Contributor on the workspace.
    https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance#configure-idle-shutdown

    Args:
        tenant_id: The tenant of its owner.
        public_node: Whether it has a public IP address.
        depends_on: Resources that must exist first, such as outbound rules.
    """
    owner = ml.AssignedUserArgs(object_id=instance.owner, tenant_id=tenant_id)
    properties = ml.ComputeInstanceArgs(
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
            schedules=_daily_stop(instance.stop_at) if instance.stop_at is not None else None,
            enable_node_public_ip=public_node,
        ),
    )
    compute_name = context.names.of("instance", instance.name, *context.name_parts)
    with Component("compute:Instance", name, opts, instance.origin) as parent:
        _create_compute(name, context, workspace, compute_name, properties, None, depends_on, parent)


def attach_kubernetes(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    identity: Reference,
    cluster: KubernetesSettings,
    depends_on: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> None:
    """Attach a Kubernetes cluster of the organization to the workspace.

    Args:
        identity: The identity of its jobs and endpoints.
        depends_on: Resources that must exist first, such as the workspace's roles on the cluster.
    """
    properties = ml.KubernetesArgs(
        compute_type="Kubernetes",
        resource_id=cluster.cluster_id,
        disable_local_auth=True,
        properties=ml.KubernetesPropertiesArgs(namespace=cluster.namespace),
    )
    with Component("compute:Kubernetes", name, opts, cluster.origin) as parent:
        _create_compute(name, context, workspace, cluster.name, properties, identity, depends_on, parent)


def _create_compute(
    name: str,
    context: StackContext,
    workspace: Reference,
    compute_name: str,
    properties: ml.AmlComputeArgs | ml.ComputeInstanceArgs | ml.KubernetesArgs,
    identity: Reference | None,
    depends_on: Sequence[pulumi.Resource],
    parent: pulumi.Resource,
) -> None:
    ml.Compute(
        name,
        resource_group_name=context.group.name_output,
        workspace_name=workspace.name_output,
        compute_name=compute_name,
        location=context.location,
        identity=ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity.id_output]
        )
        if identity is not None
        else None,
        properties=properties,
        tags=context.tags,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on)),
    )


def _daily_stop(at: str) -> ml.ComputeSchedulesArgs:
    """A stop every day at `HH:MM` in UTC: Azure's time zones have no daylight saving time."""
    hour, minute = map(int, at.split(":"))
    daily = ml.ComputeStartStopScheduleArgs(
        action=ml.ComputePowerAction.STOP,
        trigger_type=ml.ComputeTriggerType.CRON,
        cron=ml.CronArgs(expression=f"{minute} {hour} * * *", time_zone="UTC"),
        status=ml.ScheduleStatus.ENABLED,
    )
    return ml.ComputeSchedulesArgs(compute_start_stop=[daily])
