"""What Azure's diagnostic settings can export, by resource type.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/metrics-index
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostics:
    """What a diagnostic setting exports from a resource.

    Attributes:
        logs: Whether the resource has logs.
        metrics: Whether it has metrics that can be exported; Azure refuses a setting that asks for others.
        destination: `Dedicated` where Azure's default is one table for the logs of all resource types.
        services: Paths below the resource that have logs, metrics and diagnostic settings of their own.
    """

    logs: bool = True
    metrics: bool = True
    destination: str | None = None
    services: tuple[str, ...] = ()


DIAGNOSTICS: dict[str, Diagnostics] = {
    "Microsoft.ContainerRegistry/registries": Diagnostics(),
    "Microsoft.DevCenter/devcenters": Diagnostics(),
    "Microsoft.DevOpsInfrastructure/pools": Diagnostics(),
    "Microsoft.KeyVault/vaults": Diagnostics(destination="Dedicated"),
    "Microsoft.MachineLearningServices/registries": Diagnostics(metrics=False),
    "Microsoft.MachineLearningServices/workspaces": Diagnostics(),
    "Microsoft.Network/networkSecurityGroups": Diagnostics(metrics=False),
    "Microsoft.Network/publicIPAddresses": Diagnostics(),
    "Microsoft.Network/virtualNetworks": Diagnostics(),
    "Microsoft.OperationalInsights/workspaces": Diagnostics(),
    "Microsoft.Storage/storageAccounts": Diagnostics(
        logs=False,
        services=(
            "blobServices/default",
            "fileServices/default",
            "queueServices/default",
            "tableServices/default",
        ),
    ),
}
"""The resource types that the programs create diagnostic settings for. Releases create those of online endpoints: see
docs/monitoring.md."""

ACTIVITY_CATEGORIES = ("Administrative", "Alert", "Policy", "Security")
"""The categories of a subscription's activity log that are exported.
https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema#categories"""
