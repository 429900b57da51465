"""Alert rules for the alerts in `infra.tables.alerts`."""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import monitor

from infra import queries
from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.tables.alerts import Alert, MetricAlert, QueryAlert

_FREQUENCY = "PT5M"
_WINDOW = "PT15M"


def create_metric_alerts(
    name: str,
    *,
    context: StackContext,
    alerts: Sequence[MetricAlert],
    workspace: Reference,
    action_group: Reference,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create an alert rule for each metric of an Azure ML workspace."""
    with Component("alerts:MetricAlerts", name, opts) as parent:
        for alert in alerts:
            monitor.MetricAlert(
                f"{name}-{alert.name}",
                resource_group_name=context.group.name_output,
                rule_name=context.name("metric_alert", alert.name),
                location="global",
                description=alert.text,
                enabled=True,
                severity=alert.severity,
                scopes=[workspace.id_output],
                evaluation_frequency=_FREQUENCY,
                window_size=_WINDOW,
                auto_mitigate=True,
                criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                    odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                    all_of=[
                        monitor.MetricCriteriaArgs(
                            criterion_type="StaticThresholdCriterion",
                            name=alert.name,
                            metric_namespace="Microsoft.MachineLearningServices/workspaces",
                            metric_name=alert.metric,
                            operator=monitor.Operator.GREATER_THAN,
                            threshold=alert.threshold,
                            time_aggregation=alert.aggregation,
                            dimensions=[
                                monitor.MetricDimensionArgs(name=dimension, operator="Include", values=["*"])
                                for dimension in alert.dimensions
                            ]
                            or None,
                        )
                    ],
                ),
                actions=[monitor.MetricAlertActionArgs(action_group_id=action_group.id_output)],
                tags=context.tags,
                opts=pulumi.ResourceOptions(parent=parent),
            )


def create_query_alerts(
    name: str,
    *,
    context: StackContext,
    alerts: Sequence[QueryAlert],
    action_group: Reference,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create an alert rule for each query on the logs of the stack's resource group.

    The scope is the resource group, not the Log Analytics workspace: the deployment then needs no right on the logs of
    others, and the query reads the logs of this group only.
    """
    with Component("alerts:QueryAlerts", name, opts) as parent:
        for alert in alerts:
            rule_name = context.name("query_alert", alert.name)
            monitor.ScheduledQueryRule(
                f"{name}-{alert.name}",
                resource_group_name=context.group.name_output,
                rule_name=rule_name,
                display_name=rule_name,
                location=context.location,
                kind=monitor.Kind.LOG_ALERT,
                description=alert.text,
                enabled=True,
                severity=alert.severity,
                scopes=[context.group.id_output],
                evaluation_frequency=_FREQUENCY,
                window_size=_WINDOW,
                auto_mitigate=True,
                # A table exists only after its first record. Until then Azure would reject the query.
                skip_query_validation=True,
                criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[_condition(alert)]),
                actions=monitor.ActionsArgs(action_groups=[action_group.id_output]),
                tags=context.tags,
                opts=pulumi.ResourceOptions(parent=parent),
            )


def _condition(alert: QueryAlert) -> monitor.ConditionArgs:
    counts_rows = alert.measure is None
    return monitor.ConditionArgs(
        criterion_type=monitor.CriterionType.STATIC_THRESHOLD_CRITERION,
        query=queries.text(alert.query),
        time_aggregation=monitor.TimeAggregation.COUNT if counts_rows else monitor.TimeAggregation.AVERAGE,
        metric_measure_column=alert.measure,
        # The SDK's ConditionOperator is the enumeration of another type: https://github.com/Azure/azure-rest-api-specs,
        # specification/monitor, scheduledQueryRules 2025-01-01-preview.
        operator="GreaterThan",
        threshold=alert.threshold,
        dimensions=[
            monitor.DimensionArgs(name=alert.dimension, operator=monitor.DimensionOperator.INCLUDE, values=["*"]),
        ],
        failing_periods=monitor.ConditionFailingPeriodsArgs(
            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
        ),
    )


def create_activity_alert(
    name: str,
    *,
    context: StackContext,
    alert: Alert,
    operations: Sequence[str],
    action_groups: Sequence[Reference],
    opts: pulumi.ResourceOptions,
) -> None:
    """Create an alert rule for operations in the stack's resource group that the activity log records as succeeded."""
    with Component("alerts:ActivityAlert", name, opts) as parent:
        monitor.ActivityLogAlert(
            f"{name}-{alert.name}",
            resource_group_name=context.group.name_output,
            activity_log_alert_name=context.name("activity_alert", alert.name),
            location="Global",
            description=alert.text,
            enabled=True,
            scopes=[context.group.id_output],
            condition=monitor.AlertRuleAllOfConditionArgs(
                all_of=[
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(field="category", equals="Administrative"),
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(field="status", equals="Succeeded"),
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(
                        any_of=[
                            monitor.AlertRuleLeafConditionArgs(field="operationName", equals=operation)
                            for operation in operations
                        ]
                    ),
                ]
            ),
            actions=monitor.ActionListArgs(
                action_groups=[monitor.ActionGroupArgs(action_group_id=group.id_output) for group in action_groups]
            ),
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
