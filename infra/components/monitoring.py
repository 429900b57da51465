"""What is recorded, and who hears of what happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from infra.components.place import Place
from infra.diagnostics import ACTIVITY, REPORTING, Reports
from infra.reference import Reference


@dataclass(frozen=True)
class LogsArgs:
    """Where the logs lie, and how many days they are kept."""

    place: Place
    retention_days: int


class Logs(pulumi.ComponentResource):
    """The Log Analytics workspace that everything reports to."""

    workspace: Reference

    def __init__(self, name: str, args: LogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Logs", name, None, opts)
        place = args.place
        workspace_name = place.names.of("log_analytics", *place.words)
        workspace = operationalinsights.Workspace(
            name,
            resource_group_name=place.group.name_when_made,
            workspace_name=workspace_name,
            location=place.location,
            sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
            retention_in_days=args.retention_days,
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=True, enable_log_access_using_only_resource_permissions=True
            ),
            public_network_access_for_ingestion=operationalinsights.PublicNetworkAccessType.ENABLED,
            public_network_access_for_query=operationalinsights.PublicNetworkAccessType.ENABLED,
            tags=place.tags,
            opts=place.stateful(self),
        )
        self.workspace = place.group.within(
            f"providers/Microsoft.OperationalInsights/workspaces/{workspace_name}", workspace
        )
        self.register_outputs({"id": self.workspace.id})


_SHORT_NAME = 12
"""How many characters Azure shows. https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups"""


@dataclass(frozen=True)
class NotificationsArgs:
    """Who is told by mail.

    Attributes:
        short_name: Who writes, as messages show it: at most twelve characters count.
    """

    place: Place
    short_name: str
    emails: Sequence[str]


class Notifications(pulumi.ComponentResource):
    """An action group: what alerts and budgets call."""

    action_group: Reference

    def __init__(self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Notifications", name, None, opts)
        place = args.place
        group_name = place.names.of("action_group", *place.words)
        group = monitor.ActionGroup(
            name,
            resource_group_name=place.group.name_when_made,
            action_group_name=group_name,
            group_short_name=args.short_name[:_SHORT_NAME].rstrip("-"),
            location="Global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(name=email, email_address=email, use_common_alert_schema=True)
                for email in args.emails
            ],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.action_group = place.group.within(f"providers/Microsoft.Insights/actionGroups/{group_name}", group)
        self.register_outputs({"id": self.action_group.id})


@dataclass(frozen=True)
class InsightsArgs:
    """Where the component lies, and the Log Analytics workspace that keeps its data."""

    place: Place
    logs: Reference


class Insights(pulumi.ComponentResource):
    """Application Insights for a workspace's endpoints."""

    component: Reference

    def __init__(self, name: str, args: InsightsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Insights", name, None, opts)
        place = args.place
        component_name = place.name_of("application_insights")
        component = applicationinsights.Component(
            name,
            resource_group_name=place.group.name_when_made,
            resource_name_=component_name,
            location=place.location,
            kind="web",
            application_type=applicationinsights.ApplicationType.WEB,
            ingestion_mode=applicationinsights.IngestionMode.LOG_ANALYTICS,
            workspace_resource_id=args.logs.id_when_made,
            disable_ip_masking=False,
            # Managed online endpoints send their traces with the connection string, which is a local login.
            disable_local_auth=False,
            public_network_access_for_ingestion=applicationinsights.PublicNetworkAccessType.ENABLED,
            public_network_access_for_query=applicationinsights.PublicNetworkAccessType.ENABLED,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, import_=place.imported.get("application_insights")),
        )
        self.component = place.group.within(f"providers/Microsoft.Insights/components/{component_name}", component)
        self.register_outputs({"id": self.component.id})


@dataclass(frozen=True)
class DiagnosticsArgs:
    """What reports, and the Log Analytics workspace that keeps it.

    Attributes:
        sources: The resources, each of a kind in `infra.diagnostics.REPORTING`, by the word for it in this stack.
    """

    place: Place
    sources: Mapping[str, Reference]
    logs: Reference


class Diagnostics(pulumi.ComponentResource):
    """All logs and metrics of each source and its services, sent to Log Analytics."""

    def __init__(self, name: str, args: DiagnosticsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Diagnostics", name, None, opts)
        for word, source in args.sources.items():
            reports = REPORTING[source.kind]
            self._setting(f"{name}-{word}", args, source, reports)
            for path in reports.services:
                service = path.removesuffix("Services/default")
                self._setting(f"{name}-{word}-{service}", args, source.within(path, source.made_by), Reports())
        self.register_outputs({})

    def _setting(self, name: str, args: DiagnosticsArgs, source: Reference, reports: Reports) -> None:
        logs = [monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)]
        metrics = [monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)]
        monitor.DiagnosticSetting(
            name,
            name=args.place.names.of("diagnostic_setting", *args.place.words),
            resource_uri=source.id_when_made,
            workspace_id=args.logs.id_when_made,
            log_analytics_destination_type=reports.tables,
            logs=logs if reports.logs else [],
            metrics=metrics if reports.metrics else [],
            opts=pulumi.ResourceOptions(parent=self),
        )


@dataclass(frozen=True)
class ActivityArgs:
    """The subscriptions, and the Log Analytics workspace that keeps what was done in them."""

    place: Place
    subscriptions: Sequence[str]
    logs: Reference


class Activity(pulumi.ComponentResource):
    """The activity logs of subscriptions: who changed what in Azure itself."""

    def __init__(self, name: str, args: ActivityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Activity", name, None, opts)
        for subscription in args.subscriptions:
            monitor.DiagnosticSetting(
                f"{name}-{subscription}",
                name=args.place.names.of("diagnostic_setting", *args.place.words),
                resource_uri=f"/subscriptions/{subscription}",
                workspace_id=args.logs.id_when_made,
                logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in ACTIVITY],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
