"""Log Analytics, Application Insights, diagnostic settings and action groups."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from infra.components.context import Component, StackContext
from infra.components.propagation import retry_until_effective
from infra.reference import Reference
from infra.tables.diagnostics import ACTIVITY_CATEGORIES, DIAGNOSTICS, Diagnostics
from infra.tables.network_modes import AccessMode


def create_log_analytics(
    name: str, *, context: StackContext, retention_days: int, opts: pulumi.ResourceOptions
) -> Reference:
    """Create the Log Analytics workspace that keeps all logs and metrics."""
    with Component("monitoring:Logs", name, opts) as parent:
        workspace = operationalinsights.Workspace(
            name,
            resource_group_name=context.group.name_output,
            workspace_name=context.name("log_analytics"),
            location=context.location,
            sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
            retention_in_days=retention_days,
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=True, enable_log_access_using_only_resource_permissions=True
            ),
            public_network_access_for_ingestion=operationalinsights.PublicNetworkAccessType.ENABLED,
            public_network_access_for_query=operationalinsights.PublicNetworkAccessType.ENABLED,
            tags=context.tags,
            opts=context.stateful(parent),
        )
    return context.reference(workspace, "log_analytics")


_SHORT_NAME_LENGTH = 12
"""Azure's limit in characters. https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups"""


def create_action_group(
    name: str, *, context: StackContext, short_name: str, emails: Sequence[str], opts: pulumi.ResourceOptions
) -> Reference:
    """Create the action group that alerts and budgets notify.

    Args:
        short_name: The sender that messages show, cut to twelve characters.
    """
    with Component("monitoring:Notifications", name, opts) as parent:
        group = monitor.ActionGroup(
            name,
            resource_group_name=context.group.name_output,
            action_group_name=context.name("action_group"),
            group_short_name=short_name[:_SHORT_NAME_LENGTH].rstrip("-"),
            location="Global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(name=email, email_address=email, use_common_alert_schema=True)
                for email in emails
            ],
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
    return context.reference(group, "action_group")


def create_application_insights(
    name: str, *, context: StackContext, logs: Reference, opts: pulumi.ResourceOptions
) -> Reference:
    """Create Application Insights for a workspace's endpoints.

    Args:
        logs: The Log Analytics workspace that keeps its data.
    """
    with Component("monitoring:Insights", name, opts) as parent:
        insights = applicationinsights.Component(
            name,
            resource_group_name=context.group.name_output,
            resource_name_=context.name("application_insights"),
            location=context.location,
            kind="web",
            application_type=applicationinsights.ApplicationType.WEB,
            ingestion_mode=applicationinsights.IngestionMode.LOG_ANALYTICS,
            workspace_resource_id=logs.id_output,
            disable_ip_masking=False,
            # Managed online endpoints send their traces with the connection string, which is a local login.
            disable_local_auth=False,
            public_network_access_for_ingestion=applicationinsights.PublicNetworkAccessType.ENABLED,
            public_network_access_for_query=applicationinsights.PublicNetworkAccessType.ENABLED,
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent, import_=context.imported.get("application_insights")),
        )
    return context.reference(insights, "application_insights")


def create_private_link_scope(
    name: str,
    *,
    context: StackContext,
    access: tuple[AccessMode, AccessMode],
    logs: Reference,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create an Azure Monitor Private Link Scope: what networks with an endpoint of it reach of Azure Monitor.

    There can be one for all networks that share a DNS, since its records are those of Azure Monitor itself:
    https://learn.microsoft.com/azure/azure-monitor/logs/private-link-design

    Args:
        access: Whether these networks send data to, and query, other resources of Azure Monitor too.
        logs: The Log Analytics workspace in it. What uses the scope waits for it: Azure makes one change at a time.
    """
    ingestion, queries = (
        monitor.AccessMode.PRIVATE_ONLY if mode == "private_only" else monitor.AccessMode.OPEN for mode in access
    )
    with Component("monitoring:PrivateLinkScope", name, opts) as parent:
        scope = monitor.PrivateLinkScope(
            name,
            resource_group_name=context.group.name_output,
            scope_name=context.name("private_link_scope"),
            location="global",
            access_mode_settings=monitor.AccessModeSettingsArgs(
                ingestion_access_mode=ingestion, query_access_mode=queries
            ),
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
    added = add_to_private_link_scope(
        f"{name}-logs",
        scope=context.reference(scope, "private_link_scope"),
        scoped_name=context.name("scoped_resource", "logs"),
        resource=logs,
        opts=opts,
    )
    return context.reference(added, "private_link_scope")


def add_to_private_link_scope(
    name: str, *, scope: Reference, scoped_name: str, resource: Reference, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Add a Log Analytics workspace or an Application Insights component to a private link scope.

    Args:
        scoped_name: The name of the connection in Azure.
    """
    with Component("monitoring:ScopedResource", name, opts) as parent:
        return monitor.PrivateLinkScopedResource(
            name,
            resource_group_name=scope.resource_group,
            scope_name=scope.name_output,
            name=scoped_name,
            linked_resource_id=resource.id_output,
            # Stacks that are deployed at once would change the scope at once, which Azure refuses.
            opts=pulumi.ResourceOptions(parent=parent, hooks=retry_until_effective("scoped resource")),
        )


def create_diagnostic_settings(
    name: str,
    *,
    context: StackContext,
    sources: Mapping[str, Reference],
    logs: Reference,
    opts: pulumi.ResourceOptions,
) -> None:
    """Send all logs and metrics of each source, and of its services, to Log Analytics.

    Args:
        sources: Resources of the types in `DIAGNOSTICS`, by the last part of the setting's name.
    """
    with Component("monitoring:Diagnostics", name, opts) as parent:

        def create(setting: str, source: Reference, exported: Diagnostics) -> None:
            exported_logs = [monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)]
            exported_metrics = [monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)]
            monitor.DiagnosticSetting(
                setting,
                name=context.name("diagnostic_setting"),
                resource_uri=source.id_output,
                workspace_id=logs.id_output,
                log_analytics_destination_type=exported.destination,
                logs=exported_logs if exported.logs else [],
                metrics=exported_metrics if exported.metrics else [],
                opts=pulumi.ResourceOptions(parent=parent),
            )

        for key, source in sources.items():
            exported = DIAGNOSTICS[source.azure_type]
            create(f"{name}-{key}", source, exported)
            for path in exported.services:
                service = path.removesuffix("Services/default")
                create(f"{name}-{key}-{service}", source.child(path, source.resource), Diagnostics())


def create_activity_log_export(
    name: str, *, context: StackContext, subscriptions: Sequence[str], logs: Reference, opts: pulumi.ResourceOptions
) -> None:
    """Send the activity logs of subscriptions to Log Analytics: who changed which Azure resource."""
    with Component("monitoring:Activity", name, opts) as parent:
        for subscription in subscriptions:
            monitor.DiagnosticSetting(
                f"{name}-{subscription}",
                name=context.name("diagnostic_setting"),
                resource_uri=f"/subscriptions/{subscription}",
                workspace_id=logs.id_output,
                logs=[
                    monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True)
                    for category in ACTIVITY_CATEGORIES
                ],
                opts=pulumi.ResourceOptions(parent=parent),
            )
