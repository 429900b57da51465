"""The Azure ML workspace, its compute, and the outbound rules of its managed network.

Compute are clusters, compute instances and attached Kubernetes clusters.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, CustomerKey, StackContext
from infra.components.propagation import retry_until_effective, retry_with_new_roles
from infra.reference import Reference, set_origin
from infra.settings import (
    ClusterSettings,
    FeatureStoreSettings,
    FirewallSku,
    InstanceSettings,
    KubernetesSettings,
    OutboundSettings,
)
from infra.tables.connections import OFFLINE_STORE
from infra.tables.network_modes import Isolation, PublicAccess

_NODE_IDLE_TIME = "PT5M"
"""The idle time after which a cluster removes a node: five minutes."""

_STORAGE = "Microsoft.Storage/storageAccounts"
"""The only type whose endpoints serverless Spark uses.
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#configure-for-serverless-spark-jobs"""

_Properties = ml.FqdnOutboundRuleArgs | ml.ServiceTagOutboundRuleArgs | ml.PrivateEndpointOutboundRuleArgs


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
    role_assignments: Sequence[pulumi.Resource],
    key: CustomerKey | None = None,
    feature_store: FeatureStoreSettings | None = None,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create an Azure ML workspace. Its datastores have no credentials: users access data with their own identity.

    Args:
        identity: Its user-assigned identity; None for a system-assigned one.
        isolation: The isolation mode of its managed network.
        firewall_sku: The tier of the firewall that Azure creates with the first outbound rule for a domain name.
        image_builder: The cluster that builds images, where Azure's public build service cannot.
        role_assignments: The roles of its identity.
        key: The key that encrypts its data; None for Azure's own.
        feature_store: What it is as a feature store; None for an ordinary workspace.
    """
    needed = (*role_assignments, *(key.role_assignments if key is not None else ()))
    with Component("workspace:Workspace", name, opts) as parent:
        workspace = ml.Workspace(
            name,
            resource_group_name=context.group.name_output,
            workspace_name=context.name("workspace"),
            location=context.location,
            friendly_name=context.name("workspace"),
            kind="Default" if feature_store is None else "FeatureStore",
            feature_store_settings=_feature_store(feature_store) if feature_store is not None else None,
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
            opts=context.stateful(parent, role_assignments=needed, kind="workspace"),
        )
    return context.reference(workspace, "workspace")


def default_container(workspace: Reference, storage: Reference) -> Reference | None:
    """The blob container of the datastore `workspaceblobstore`, which Azure ML names by the workspace's GUID.

    None for an existing workspace, whose GUID is unknown here.
    https://learn.microsoft.com/azure/machine-learning/how-to-datastore
    """
    created = workspace.resource
    if not isinstance(created, ml.Workspace):
        return None
    containers = f"{storage.id}/blobServices/default/containers/azureml-blobstore-"
    return Reference(containers, created, created.workspace_id.apply(lambda guid: f"{containers}{guid}"))


def _feature_store(feature_store: FeatureStoreSettings) -> ml.FeatureStoreSettingsArgs:
    # The connection is a part of the workspace, so it comes later. Azure accepts its name before:
    # https://github.com/hashicorp/terraform-provider-azurerm/blob/main/internal/services/machinelearning/
    # machine_learning_workspace_resource_test.go
    return ml.FeatureStoreSettingsArgs(
        compute_runtime=ml.ComputeRuntimeDtoArgs(spark_runtime_version=feature_store.spark_version),
        offline_store_connection_name=OFFLINE_STORE,
    )


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
    # Its rules are separate resources: see create_outbound_rules. A refresh copies them from Azure into the inputs of
    # the state, together with those that Azure ML added. Their changes are not ignored: an update would send them all,
    # and Azure refuses those that it added. https://github.com/Azure/azure-sdk-for-python/pull/32643
    if isolation == "AllowOnlyApprovedOutbound":
        return ml.ManagedNetworkSettingsArgs(isolation_mode=isolation, firewall_sku=ml.FirewallSku(firewall_sku))
    return ml.ManagedNetworkSettingsArgs(isolation_mode=isolation)


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
    role_assignments: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> None:
    """Attach a Kubernetes cluster of the organization to the workspace.

    Args:
        identity: The identity of its jobs and endpoints.
        role_assignments: The workspace's roles on the cluster.
    """
    properties = ml.KubernetesArgs(
        compute_type="Kubernetes",
        resource_id=cluster.cluster_id,
        disable_local_auth=True,
        properties=ml.KubernetesPropertiesArgs(namespace=cluster.namespace),
    )
    with Component("compute:Kubernetes", name, opts, cluster.origin) as parent:
        hooks = retry_with_new_roles(role_assignments)
        _create_compute(name, context, workspace, cluster.name, properties, identity, role_assignments, parent, hooks)


def _create_compute(
    name: str,
    context: StackContext,
    workspace: Reference,
    compute_name: str,
    properties: ml.AmlComputeArgs | ml.ComputeInstanceArgs | ml.KubernetesArgs,
    identity: Reference | None,
    depends_on: Sequence[pulumi.Resource],
    parent: pulumi.Resource,
    hooks: pulumi.ResourceHookBinding | None = None,
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
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on), hooks=hooks),
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


def create_outbound_rules(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    resources: Mapping[str, tuple[Reference, str]],
    rules: Sequence[OutboundSettings],
    role_assignments: Mapping[str, Sequence[pulumi.Resource]],
    spark: bool,
    opts: pulumi.ResourceOptions,
) -> dict[str, pulumi.Resource]:
    """Create the outbound rules that a workspace needs beside those that Azure ML adds itself. Returns them by name.

    They are separate resources, not properties of the workspace, so that the removal of a rule is a request to Azure.
    Azure answers 409 to two writes at once, so each rule waits for the previous.
    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network

    Args:
        resources: What the platform itself reaches by private endpoint, by the rule's name: the resource, and the
            sub-resource that the endpoint leads to.
        rules: The other rules, each with its destination.
        role_assignments: The roles of the stack with which the workspace's identity approves the connection of a rule,
            by the id of its destination in lower case.
        spark: Whether jobs of serverless Spark, such as those of a feature store, use the endpoints to storage too.
    """
    created: dict[str, pulumi.Resource] = {}
    with Component("outbound:Outbound", name, opts) as parent:

        def create(
            rule_name: str,
            properties: _Properties,
            hooks: pulumi.ResourceHookBinding | None = None,
            needed: Sequence[pulumi.Resource] = (),
        ) -> pulumi.Resource:
            rule = ml.ManagedNetworkSettingsRule(
                f"{name}-{rule_name}",
                resource_group_name=context.group.name_output,
                workspace_name=workspace.name_output,
                rule_name=rule_name,
                properties=properties,
                opts=pulumi.ResourceOptions(
                    parent=parent, depends_on=[*list(created.values())[-1:], *needed], hooks=hooks
                ),
            )
            created[rule_name] = rule
            return rule

        for rule_name, (target, group) in resources.items():
            # The workspace's identity approves the connection, with a role of this stack.
            hooks = retry_until_effective("identity")
            properties = _private_endpoint(target.id_output, group, spark=spark and target.azure_type == _STORAGE)
            create(rule_name, properties, hooks)
        for rule in rules:
            needed = role_assignments.get(rule.destination.lower(), ())
            properties = _properties(rule, spark=spark)
            set_origin(create(rule.name, properties, retry_with_new_roles(needed), needed), rule.origin)
    return created


def _properties(rule: OutboundSettings, *, spark: bool) -> _Properties:
    match rule.kind:
        case "fqdn":
            return ml.FqdnOutboundRuleArgs(
                type=ml.RuleType.FQDN, category=ml.RuleCategory.USER_DEFINED, destination=rule.destination
            )
        case "service_tag":
            return ml.ServiceTagOutboundRuleArgs(
                type=ml.RuleType.SERVICE_TAG,
                category=ml.RuleCategory.USER_DEFINED,
                destination=ml.ServiceTagDestinationArgs(
                    action=ml.RuleAction.ALLOW,
                    service_tag=rule.destination,
                    protocol=rule.protocol,
                    port_ranges=rule.ports,
                ),
            )
        case "private_endpoint":
            of_storage = Reference(rule.destination).azure_type == _STORAGE
            return _private_endpoint(rule.destination, rule.group, spark=spark and of_storage)
        case _:
            assert_never(rule.kind)


def _private_endpoint(target: pulumi.Input[str], group: str | None, *, spark: bool) -> _Properties:
    return ml.PrivateEndpointOutboundRuleArgs(
        type=ml.RuleType.PRIVATE_ENDPOINT,
        category=ml.RuleCategory.USER_DEFINED,
        destination=ml.PrivateEndpointDestinationArgs(
            service_resource_id=target, subresource_target=group, spark_enabled=spark
        ),
    )
