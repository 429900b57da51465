"""Which kinds of resources report logs and metrics, as tables: all that report are kept, and none is forgotten.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/logs-index
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reports:
    """What a kind of resource reports.

    Attributes:
        logs: Whether it has logs.
        metrics: Whether it has metrics.
        tables: `Dedicated` where Azure would put its logs into the table of all kinds, unless it is told not to.
        services: Paths below the resource that report on their own, and have logs and metrics.
    """

    logs: bool = True
    metrics: bool = True
    tables: str | None = None
    services: tuple[str, ...] = ()


REPORTING: dict[str, Reports] = {
    "Microsoft.ContainerRegistry/registries": Reports(),
    "Microsoft.DevOpsInfrastructure/pools": Reports(),
    "Microsoft.KeyVault/vaults": Reports(tables="Dedicated"),
    "Microsoft.MachineLearningServices/registries": Reports(),
    "Microsoft.MachineLearningServices/workspaces": Reports(),
    "Microsoft.Network/natGateways": Reports(logs=False),
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
"""The kinds that have diagnostic settings, by Azure's name. Endpoints have them too: docs/monitoring.md tells how."""

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
        "azure-native:devcenter:DevCenter",
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
        "azure-native:network:PrivateDnsZoneGroup",
        # It counts bytes; who came through it, the service behind it says.
        "azure-native:network:PrivateEndpoint",
        "azure-native:network:RouteTable",
        "azure-native:network:Subnet",
        "azure-native:network:VirtualNetworkPeering",
        # It counts its records.
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
