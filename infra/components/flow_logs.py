"""Flow logs of virtual networks, with the storage that keeps them. Those of network security groups are retired."""

import pulumi
from pulumi_azure_native import network, storage

from infra.components.access import Identity, create_role_assignments
from infra.components.context import Component, StackContext
from infra.components.propagation import retry_with_new_roles
from infra.components.storage import create_storage_account
from infra.reference import Reference
from infra.tables.network_modes import PublicAccess
from infra.tables.roles import IDENTITIES

_ANALYTICS_MINUTES = 60
"""How often Traffic Analytics evaluates flow logs; the other choice, 10, costs more."""


def create_flow_log(
    name: str,
    *,
    context: StackContext,
    vnet: Reference,
    days: int,
    analytics: Reference | None = None,
    origin: str,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create the flow log of a virtual network, an identity that writes it without a key, and its storage account.

    The account must be in the network's region, and Network Watcher reaches it as a trusted service. Flow logs are
    blobs that change every minute, so it keeps no versions. Returns the account.
    https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview#storage-account-considerations-for-virtual-network-flow-logs
    https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-managed-identity

    Args:
        days: How long it is kept.
        analytics: The Log Analytics workspace of Traffic Analytics; None for no Traffic Analytics.
        origin: The manifest line that configures the network.
    """
    identity = Identity(f"{name}-identity", context=context, purpose="flow-log", origin=origin, opts=opts)
    with Component("network:FlowLog", name, opts, origin) as parent:
        account = create_storage_account(
            name,
            account_name=context.name("storage", "flows"),
            context=context,
            sku=storage.SkuName.STANDARD_LRS,
            access=PublicAccess(enabled=False),
            admitted=(),
            opts=context.stateful(parent),
        )
        roles = create_role_assignments(
            f"{name}-access",
            principal=identity.principal,
            entitlements=IDENTITIES["flow log"],
            targets={"flow log storage": account},
            names=context.names,
            origin=origin,
            opts=opts,
        )
        # Azure creates the network watcher, and its resource group, with the first network of a region.
        # https://learn.microsoft.com/azure/network-watcher/network-watcher-create
        network.FlowLog(
            name,
            resource_group_name="NetworkWatcherRG",
            network_watcher_name=f"NetworkWatcher_{context.location}",
            flow_log_name=context.name("flow_log"),
            location=context.location,
            target_resource_id=vnet.id_output,
            storage_id=account.id_output,
            enabled=True,
            format=network.FlowLogFormatParametersArgs(type=network.FlowLogFormatType.JSON, version=2),
            retention_policy=network.RetentionPolicyParametersArgs(days=days, enabled=True),
            identity=network.ManagedServiceIdentityArgs(
                type=network.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[identity.identity.id_output],
            ),
            flow_analytics_configuration=_traffic_analytics(analytics),
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent, depends_on=roles, hooks=retry_with_new_roles(roles)),
        )
    return account


def _traffic_analytics(logs: Reference | None) -> network.TrafficAnalyticsPropertiesArgs:
    configuration = network.TrafficAnalyticsConfigurationPropertiesArgs(enabled=False)
    if logs is not None:
        configuration = network.TrafficAnalyticsConfigurationPropertiesArgs(
            enabled=True, workspace_resource_id=logs.id_output, traffic_analytics_interval=_ANALYTICS_MINUTES
        )
    return network.TrafficAnalyticsPropertiesArgs(network_watcher_flow_analytics_configuration=configuration)
