"""What is recorded, what is watched, and who hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from infra.components.place import Place
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


@dataclass(frozen=True)
class NotificationsArgs:
    """Who is told by mail."""

    place: Place
    emails: Sequence[str]


class Notifications(pulumi.ComponentResource):
    """The action group that alerts and budgets of all stacks call."""

    action_group: Reference

    def __init__(self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Notifications", name, None, opts)
        place = args.place
        group_name = place.names.of("action_group", *place.words)
        group = monitor.ActionGroup(
            name,
            resource_group_name=place.group.name_when_made,
            action_group_name=group_name,
            # Shown in messages; twelve characters at most.
            group_short_name="ml-platform",
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
        component_name = place.names.of("application_insights", *place.words)
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
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.component = place.group.within(f"providers/Microsoft.Insights/components/{component_name}", component)
        self.register_outputs({"id": self.component.id})


@dataclass(frozen=True)
class Source:
    """A resource whose diagnostics are kept.

    Attributes:
        name: The word for it in this stack.
        logs: Whether it has logs beside metrics; a storage account itself has none, its services have.
    """

    name: str
    resource: Reference
    logs: bool = True


@dataclass(frozen=True)
class DiagnosticsArgs:
    """The resources, and the Log Analytics workspace that keeps what they report."""

    place: Place
    sources: Sequence[Source]
    logs: Reference


class Diagnostics(pulumi.ComponentResource):
    """All logs and metrics of each source, sent to Log Analytics."""

    def __init__(self, name: str, args: DiagnosticsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Diagnostics", name, None, opts)
        for source in args.sources:
            monitor.DiagnosticSetting(
                f"{name}-{source.name}",
                name=args.place.names.of("diagnostic_setting", *args.place.words),
                resource_uri=source.resource.id_when_made,
                workspace_id=args.logs.id_when_made,
                logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)]
                if source.logs
                else [],
                metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


@dataclass(frozen=True)
class Watch:
    """A metric of the workspace, and when somebody has to hear of it.

    Attributes:
        name: The alert's word.
        metric: Azure's name of the metric.
        aggregation: How the values within the window are put together.
        above: The alert fires above this value, in the metric's own unit.
        severity: From 0, critical, to 4, verbose.
    """

    name: str
    metric: str
    aggregation: monitor.AggregationTypeEnum
    above: float
    severity: int
    description: str


# https://learn.microsoft.com/azure/machine-learning/monitor-azure-machine-learning-reference
WATCHES = (
    Watch("failed-runs", "Failed Runs", monitor.AggregationTypeEnum.TOTAL, 0, 3, "A job failed."),
    Watch(
        "failed-deployments", "Model Deploy Failed", monitor.AggregationTypeEnum.TOTAL, 0, 2,
        "A model could not be deployed.",
    ),
    Watch(
        "unusable-nodes", "Unusable Nodes", monitor.AggregationTypeEnum.AVERAGE, 0, 2, "Nodes of a cluster do not work."
    ),
    Watch(
        "quota", "Quota Utilization Percentage", monitor.AggregationTypeEnum.AVERAGE, 90, 3,
        "More than 90 % of the cores that the subscription may use are in use.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class AlertsArgs:
    """The workspace to watch, and the action group to call."""

    place: Place
    workspace: Reference
    action_group: Reference


class Alerts(pulumi.ComponentResource):
    """An alert for each of `WATCHES`, looked at every five minutes over the last fifteen."""

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:monitoring:Alerts", name, None, opts)
        place = args.place
        for watch in WATCHES:
            monitor.MetricAlert(
                f"{name}-{watch.name}",
                resource_group_name=place.group.name_when_made,
                rule_name=place.names.of("metric_alert", *place.words, watch.name),
                location="global",
                description=watch.description,
                enabled=True,
                severity=watch.severity,
                scopes=[args.workspace.id_when_made],
                evaluation_frequency="PT5M",
                window_size="PT15M",
                auto_mitigate=True,
                criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                    odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                    all_of=[
                        monitor.MetricCriteriaArgs(
                            criterion_type="StaticThresholdCriterion",
                            name=watch.name,
                            metric_namespace="Microsoft.MachineLearningServices/workspaces",
                            metric_name=watch.metric,
                            operator=monitor.Operator.GREATER_THAN,
                            threshold=watch.above,
                            time_aggregation=watch.aggregation,
                        )
                    ],
                ),
                actions=[monitor.MetricAlertActionArgs(action_group_id=args.action_group.id_when_made)],
                tags=place.tags,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
