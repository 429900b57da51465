"""The alerts of the tables in `infra.tables.alerts`."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from infra import queries
from infra.components.place import Place
from infra.reference import Reference
from infra.tables.alerts import ActivityWatch, MetricWatch, QueryWatch

_EVERY = "PT5M"
_WINDOW = "PT15M"


@dataclass(frozen=True)
class MetricAlertsArgs:
    """The metrics to watch, the workspace that has them, and the action group to call."""

    place: Place
    watches: Sequence[MetricWatch]
    workspace: Reference
    action_group: Reference


class MetricAlerts(pulumi.ComponentResource):
    """An alert for each metric."""

    def __init__(self, name: str, args: MetricAlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:alerts:MetricAlerts", name, None, opts)
        place = args.place
        for watch in args.watches:
            monitor.MetricAlert(
                f"{name}-{watch.name}",
                resource_group_name=place.group.name_when_made,
                rule_name=place.names.of("metric_alert", *place.words, watch.name),
                location="global",
                description=watch.text,
                enabled=True,
                severity=watch.severity,
                scopes=[args.workspace.id_when_made],
                evaluation_frequency=_EVERY,
                window_size=_WINDOW,
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


@dataclass(frozen=True)
class QueryAlertsArgs:
    """What to ask the logs of the place's resource group, and the action group to call."""

    place: Place
    watches: Sequence[QueryWatch]
    action_group: Reference


class QueryAlerts(pulumi.ComponentResource):
    """An alert for each query.

    The scope is the resource group, not Log Analytics: whoever deploys it needs no right on the logs of others, and
    the query sees the logs of this group alone.
    """

    def __init__(self, name: str, args: QueryAlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:alerts:QueryAlerts", name, None, opts)
        place = args.place
        for watch in args.watches:
            monitor.ScheduledQueryRule(
                f"{name}-{watch.name}",
                resource_group_name=place.group.name_when_made,
                rule_name=place.names.of("query_alert", *place.words, watch.name),
                display_name=place.names.of("query_alert", *place.words, watch.name),
                location=place.location,
                kind=monitor.Kind.LOG_ALERT,
                description=watch.text,
                enabled=True,
                severity=watch.severity,
                scopes=[place.group.id_when_made],
                evaluation_frequency=_EVERY,
                window_size=_WINDOW,
                auto_mitigate=True,
                # A table is there when its first line is: until then Azure would call the query wrong.
                skip_query_validation=True,
                criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[_condition(watch)]),
                actions=monitor.ActionsArgs(action_groups=[args.action_group.id_when_made]),
                tags=place.tags,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def _condition(watch: QueryWatch) -> monitor.ConditionArgs:
    count = watch.measure is None
    return monitor.ConditionArgs(
        criterion_type=monitor.CriterionType.STATIC_THRESHOLD_CRITERION,
        query=queries.text(watch.query),
        time_aggregation=monitor.TimeAggregation.COUNT if count else monitor.TimeAggregation.AVERAGE,
        metric_measure_column=watch.measure,
        operator=monitor.ConditionOperator.GREATER_THAN,
        threshold=watch.above,
        dimensions=[
            monitor.DimensionArgs(name=watch.split, operator=monitor.DimensionOperator.INCLUDE, values=["*"]),
        ],
        failing_periods=monitor.ConditionFailingPeriodsArgs(
            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
        ),
    )


@dataclass(frozen=True)
class ActivityAlertArgs:
    """The operations to hear of in the place's resource group, and the action groups to call."""

    place: Place
    watch: ActivityWatch
    action_groups: Sequence[Reference]


class ActivityAlert(pulumi.ComponentResource):
    """An alert for operations that the activity log tells of."""

    def __init__(self, name: str, args: ActivityAlertArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:alerts:ActivityAlert", name, None, opts)
        place, watch = args.place, args.watch
        monitor.ActivityLogAlert(
            f"{name}-{watch.name}",
            resource_group_name=place.group.name_when_made,
            activity_log_alert_name=place.names.of("activity_alert", *place.words, watch.name),
            location="Global",
            description=watch.text,
            enabled=True,
            scopes=[place.group.id_when_made],
            condition=monitor.AlertRuleAllOfConditionArgs(
                all_of=[
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(field="category", equals="Administrative"),
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(field="status", equals="Succeeded"),
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(
                        any_of=[
                            monitor.AlertRuleLeafConditionArgs(field="operationName", equals=operation)
                            for operation in watch.operations
                        ]
                    ),
                ]
            ),
            actions=monitor.ActionListArgs(
                action_groups=[
                    monitor.ActionGroupArgs(action_group_id=group.id_when_made) for group in args.action_groups
                ]
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
