"""Which kinds of resources report logs and metrics, as tables: all that report are kept, and none is forgotten.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/metrics-index
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reports:
    """What a kind of resource reports.

    Attributes:
        logs: Whether it has logs.
        metrics: Whether it has metrics that a diagnostic setting can export; Azure refuses to ask others for them.
        tables: `Dedicated` where Azure would put its logs into the table of all kinds, unless it is told not to.
        services: Paths below the resource that report on their own, and have logs and metrics.
    """

    logs: bool = True
    metrics: bool = True
    tables: str | None = None
    services: tuple[str, ...] = ()


REPORTING: dict[str, Reports] = {
    "Microsoft.ContainerRegistry/registries": Reports(),
    "Microsoft.DevCenter/devcenters": Reports(),
    "Microsoft.DevOpsInfrastructure/pools": Reports(),
    "Microsoft.KeyVault/vaults": Reports(tables="Dedicated"),
    "Microsoft.MachineLearningServices/registries": Reports(metrics=False),
    "Microsoft.MachineLearningServices/workspaces": Reports(),
    "Microsoft.Network/networkSecurityGroups": Reports(metrics=False),
    "Microsoft.Network/publicIPAddresses": Reports(),
    "Microsoft.Network/virtualNetworks": Reports(),
    "Microsoft.OperationalInsights/workspaces": Reports(),
    "Microsoft.Storage/storageAccounts": Reports(
        logs=False,
        services=(
            "blobServices/default",
            "fileServices/default",
            "queueServices/default",
            "tableServices/default",
        ),
    ),
}
"""The kinds that have diagnostic settings, by Azure's name. Online endpoints have them too: docs/monitoring.md."""

SILENT = frozenset(
    {
        # It is based on Log Analytics: what it hears is there already, and a setting would keep it twice.
        "azure-native:applicationinsights:Component",
        "azure-native:applicationinsights:Workbook",
        "azure-native:authorization:ManagementLockByScope",
        "azure-native:authorization:PimRoleEligibilitySchedule",
        "azure-native:authorization:PolicyAssignment",
        "azure-native:authorization:RoleAssignment",
        "azure-native:authorization:RoleDefinition",
        "azure-native:consumption:Budget",
        "azure-native:devcenter:Project",
        "azure-native:keyvault:Key",
        "azure-native:machinelearningservices:Compute",
        "azure-native:machinelearningservices:ManagedNetworkSettingsRule",
        "azure-native:managedidentity:FederatedIdentityCredential",
        "azure-native:managedidentity:UserAssignedIdentity",
        "azure-native:monitor:ActionGroup",
        "azure-native:monitor:ActivityLogAlert",
        "azure-native:monitor:DiagnosticSetting",
        "azure-native:monitor:MetricAlert",
        "azure-native:monitor:ScheduledQueryRule",
        # It counts bytes, and its metrics cannot be exported: https://github.com/MicrosoftDocs/azure-docs/pull/126397
        "azure-native:network:NatGateway",
        "azure-native:network:PrivateDnsZoneGroup",
        # It counts bytes that cannot be exported; who came through it, the service behind it says.
        "azure-native:network:PrivateEndpoint",
        "azure-native:network:RouteTable",
        "azure-native:network:Subnet",
        "azure-native:network:VirtualNetworkPeering",
        # It counts its records, which cannot be exported.
        "azure-native:privatedns:PrivateZone",
        "azure-native:privatedns:VirtualNetworkLink",
        "azure-native:resources:ResourceGroup",
        "azure-native:storage:BlobContainer",
        "azure-native:storage:BlobServiceProperties",
    }
)
"""The kinds that we make and that have none, by Pulumi's name. What is not here must have a setting: a test looks."""

ACTIVITY = ("Administrative", "Alert", "Policy", "Security")
"""The categories of a subscription's activity log that are kept.
https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema#categories"""
