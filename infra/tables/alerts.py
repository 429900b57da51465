"""The alerts, as tables: what is monitored, and the threshold of each alert.

docs/monitoring.md shows the same tables, with a runbook for each alert under a heading of its name; a test compares
both. Severities are those of Azure Monitor: 0 critical, 1 error, 2 warning, 3 informational, 4 verbose.
"""

from dataclasses import dataclass
from typing import Literal

RUNBOOK = "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/monitoring.md"
"""The page with the runbooks."""


@dataclass(frozen=True)
class Alert:
    """An alert.

    Attributes:
        name: Also the heading of its runbook.
        description: What happened, in a sentence.
    """

    name: str
    severity: Literal[0, 1, 2, 3, 4]
    description: str

    @property
    def text(self) -> str:
        """The description with the link to the runbook, as mails show it."""
        return f"{self.description} What to do: {RUNBOOK}#{self.name}"


@dataclass(frozen=True)
class MetricAlert(Alert):
    """An alert on a metric of the workspace, evaluated every five minutes over the last fifteen.

    Attributes:
        metric: Azure's name of the metric.
        aggregation: How Azure aggregates the values within the fifteen minutes.
        threshold: The alert fires above this value, in the metric's own unit.
        dimensions: The metric's dimensions whose values are evaluated separately; values that appear later too.
    """

    metric: str
    aggregation: Literal["Total", "Average"]
    threshold: float
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class QueryAlert(Alert):
    """An alert on a query over the logs of a resource group, evaluated every five minutes over the last fifteen.

    Attributes:
        query: The name of a file in `infra/queries`.
        measure: The query's column that is compared with the threshold; None counts the rows.
        threshold: The alert fires above this value, for each value of `dimension` separately.
        dimension: The column whose values are evaluated separately. Values that appear later are included.
    """

    query: str
    measure: str | None
    threshold: float
    dimension: str


# https://learn.microsoft.com/azure/machine-learning/monitor-azure-machine-learning-reference
METRIC_ALERTS = (
    MetricAlert("failed-runs", 3, "A job failed.", "Failed Runs", "Total", 0),
    MetricAlert("failed-deployments", 2, "A model could not be deployed.", "Model Deploy Failed", "Total", 0),
    MetricAlert("unusable-nodes", 2, "Nodes of a cluster do not work.", "Unusable Nodes", "Average", 0),
    # Each family has a quota of its own, for either priority: an average over all families hides the one that is used.
    MetricAlert(
        "quota", 3, "More than 90 % of the cores of a family that the subscription may use are in use.",
        "Quota Utilization Percentage", "Average", 90, ("VmFamilyName", "VmPriority"),
    ),
)  # fmt: skip
"""The metric alerts of a workspace."""

ACCESS_DENIED = (
    QueryAlert(
        "vault-access-denied", 2, "A key vault refused requests again and again.", "vault-access-denied", None, 5,
        "_ResourceId",
    ),
    QueryAlert(
        "storage-access-denied", 2, "A storage account refused requests again and again.", "storage-access-denied",
        None, 20, "_ResourceId",
    ),
)  # fmt: skip
"""The alerts of stacks with a key vault and a storage account."""

# A metric alert needs an existing endpoint, and releases create endpoints later. A query's dimension includes them.
ENDPOINT_ALERTS = (
    QueryAlert(
        "endpoint-errors", 1, "More than 5 % of an endpoint's requests failed by its own fault.", "endpoint-errors",
        "FailedPercent", 5, "EndpointName",
    ),
    QueryAlert(
        "endpoint-latency", 2, "The slowest 5 % of an endpoint's requests took longer than two seconds.",
        "endpoint-latency", "SlowestMs", 2000, "EndpointName",
    ),
)  # fmt: skip
"""The alerts of endpoints."""

ACCESS_CHANGED = Alert("access-changed", 3, "A role assignment was changed, or a lock was removed.")
ACCESS_OPERATIONS = (
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/locks/delete",
)
"""The operations of the alert `ACCESS_CHANGED`. A stack has one activity log alert, since Azure allows only a hundred
in a subscription."""
