"""What is watched, and when somebody has to hear of it: the whole of our alerts, as tables.

docs/monitoring.md shows the same tables and says, under the name of each alert, what to do; a test compares both.
Severities are Azure Monitor's: 0 critical, 1 error, 2 warning, 3 informational, 4 verbose.
"""

from dataclasses import dataclass
from typing import Literal

RUNBOOK = "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/monitoring.md"
"""The page that says what to do; each alert has a heading of its name there."""


@dataclass(frozen=True)
class Watch:
    """Something to hear of.

    Attributes:
        name: The alert's word.
        severity: From 0, critical, to 4, verbose.
        description: What happened, in a sentence.
    """

    name: str
    severity: Literal[0, 1, 2, 3, 4]
    description: str

    @property
    def text(self) -> str:
        """The description with the link to what to do, as mails show it."""
        return f"{self.description} What to do: {RUNBOOK}#{self.name}"


@dataclass(frozen=True)
class MetricWatch(Watch):
    """A metric of the workspace, looked at every five minutes over the last fifteen.

    Attributes:
        metric: Azure's name of the metric.
        aggregation: How the values within the window are put together.
        above: The alert fires above this value, in the metric's own unit.
    """

    metric: str
    aggregation: Literal["Total", "Average"]
    above: float


@dataclass(frozen=True)
class QueryWatch(Watch):
    """A query over the logs of a resource group, asked every five minutes over the last fifteen.

    Attributes:
        query: The file in `infra/queries` that asks.
        measure: The query's column with the value to compare; None counts the rows.
        above: The alert fires above this value, for each value of `split` on its own.
        split: The column whose values are judged one by one, so that those that come later are watched too.
    """

    query: str
    measure: str | None
    above: float
    split: str


@dataclass(frozen=True)
class ActivityWatch(Watch):
    """Operations on a resource group and all in it, told as soon as the activity log has them.

    Attributes:
        operations: Names of the resource providers' operations; any of them is told when it succeeded.
    """

    operations: tuple[str, ...]


# https://learn.microsoft.com/azure/machine-learning/monitor-azure-machine-learning-reference
METRICS = (
    MetricWatch("failed-runs", 3, "A job failed.", "Failed Runs", "Total", 0),
    MetricWatch("failed-deployments", 2, "A model could not be deployed.", "Model Deploy Failed", "Total", 0),
    MetricWatch("unusable-nodes", 2, "Nodes of a cluster do not work.", "Unusable Nodes", "Average", 0),
    MetricWatch(
        "quota", 3, "More than 90 % of the cores that the subscription may use are in use.",
        "Quota Utilization Percentage", "Average", 90,
    ),
)  # fmt: skip
"""The metric alerts of a workspace."""

ACCESS_DENIED = (
    QueryWatch(
        "vault-access-denied", 2, "A key vault refused requests again and again.", "vault-access-denied", None, 5,
        "_ResourceId",
    ),
    QueryWatch(
        "storage-access-denied", 2, "A storage account refused requests again and again.", "storage-access-denied",
        None, 20, "_ResourceId",
    ),
)  # fmt: skip
"""The alerts of whoever has a vault and a storage account."""

# Metric alerts need the endpoint, and endpoints come with releases; a query's split finds them when they come.
ENDPOINTS = (
    QueryWatch(
        "endpoint-errors", 1, "More than 5 % of an endpoint's requests failed by its own fault.", "endpoint-errors",
        "FailedPercent", 5, "EndpointName",
    ),
    QueryWatch(
        "endpoint-latency", 2, "The slowest twentieth of an endpoint's requests took longer than two seconds.",
        "endpoint-latency", "SlowestMs", 2000, "EndpointName",
    ),
)  # fmt: skip
"""The alerts of endpoints that there will be."""

ACCESS_CHANGED = ActivityWatch(
    "access-changed", 3, "Somebody's access was changed, or a lock was removed.",
    (
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
        "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
        "Microsoft.Authorization/locks/delete",
    ),
)  # fmt: skip
"""Changes of access. Azure allows a hundred activity log alerts in a subscription, so a stack has this one."""
