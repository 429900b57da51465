"""Azure's naming rules as a table, and the names that follow from it.

A name is the same on every machine and in every run, so one stack knows the names of another stack's resources without
reading its state.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_DIGEST_LENGTH = 8

Kind = Literal[
    "resource_group",
    "log_analytics",
    "action_group",
    "budget",
    "model_registry",
    "workspace",
    "storage",
    "state_container",
    "key_vault",
    "secrets_key",
    "container_registry",
    "application_insights",
    "identity",
    "federated_credential",
    "cluster",
    "instance",
    "datastore",
    "connection",
    "lock",
    "policy_assignment",
    "metric_alert",
    "query_alert",
    "activity_alert",
    "diagnostic_setting",
    "virtual_network",
    "subnet",
    "route_table",
    "network_security_group",
    "peering",
    "private_endpoint",
    "dns_link",
    "flow_log",
    "private_link_scope",
    "scoped_resource",
    "template_deployment",
    "nat_gateway",
    "public_ip",
    "runner_pool",
    "dev_center",
    "dev_center_project",
]


@dataclass(frozen=True)
class NamingRule:
    """What Azure allows as the name of one kind of resource.

    Attributes:
        type: The Pulumi type.
        argument: The input of that type that holds the name.
        abbreviation: The prefix of our names of this kind.
        shortest: Length in characters.
        longest: Length in characters.
        pattern: A regular expression for the whole name, apart from its length.
        scope: Where the name must be unique. Global names contain a digest, because other customers use names too.
        source: Where the rule is published.
        azure_type: Azure's resource type, for resources directly in a resource group.
        stays_taken: Whether the name stays reserved for days after the resource is deleted.
        variant: An input and its value, where the rule applies only to some resources of the Pulumi type.
    """

    type: str
    argument: str
    abbreviation: str
    shortest: int
    longest: int
    pattern: str
    scope: Literal["global", "subscription", "resource group", "parent"]
    source: str = "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"
    azure_type: str = ""
    stays_taken: bool = False
    variant: tuple[str, str] | None = None

    def allows(self, name: str) -> bool:
        """Whether Azure accepts this name."""
        fits = self.shortest <= len(name) <= self.longest
        return fits and re.fullmatch(self.pattern, name, re.ASCII) is not None

    @property
    def separator(self) -> str:
        """The character between the parts of a name: a hyphen where Azure allows hyphens, else nothing."""
        return "-" if re.fullmatch(self.pattern, "aa-aa", re.ASCII) else ""


_NETWORK = r"[a-zA-Z0-9](?:[\w.-]*\w)?"
_HYPHENS = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"

TABLE: dict[Kind, NamingRule] = {
    "resource_group": NamingRule(
        "azure-native:resources:ResourceGroup", "resourceGroupName", "rg", 1, 90, r"[\w.()-]*[\w()-]", "subscription"
    ),
    "log_analytics": NamingRule(
        "azure-native:operationalinsights:Workspace", "workspaceName", "log", 4, 63, _HYPHENS, "resource group",
        azure_type="Microsoft.OperationalInsights/workspaces",
    ),
    "action_group": NamingRule(
        "azure-native:monitor:ActionGroup", "actionGroupName", "ag", 1, 260, r"[^:<>+/&%\\?|]*[^:<>+/&%\\?| .]",
        "resource group", azure_type="Microsoft.Insights/actionGroups",
    ),
    "budget": NamingRule("azure-native:consumption:Budget", "budgetName", "bgt", 1, 63, r"[a-zA-Z0-9_-]+", "parent"),
    "model_registry": NamingRule(
        "azure-native:machinelearningservices:Registry", "registryName", "mlr", 3, 33,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "global",
        "https://learn.microsoft.com/azure/machine-learning/how-to-manage-registries",
        azure_type="Microsoft.MachineLearningServices/registries",
    ),
    "workspace": NamingRule(
        "azure-native:machinelearningservices:Workspace", "workspaceName", "mlw", 3, 33,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "resource group", stays_taken=True,
        azure_type="Microsoft.MachineLearningServices/workspaces",
    ),
    "storage": NamingRule(
        "azure-native:storage:StorageAccount", "accountName", "st", 3, 24, r"[a-z0-9]+", "global",
        azure_type="Microsoft.Storage/storageAccounts",
    ),
    "state_container": NamingRule(
        "azure-native:storage:BlobContainer", "containerName", "state", 3, 63, r"[a-z0-9](?:-?[a-z0-9])*", "parent",
        "https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata",
    ),
    "key_vault": NamingRule(
        "azure-native:keyvault:Vault", "vaultName", "kv", 3, 24, r"[a-zA-Z](?:-?[a-zA-Z0-9])*", "global",
        stays_taken=True, azure_type="Microsoft.KeyVault/vaults",
    ),
    "secrets_key": NamingRule(
        "azure-native:keyvault:Key", "keyName", "key", 1, 127, r"[a-zA-Z0-9-]+", "parent",
        "https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers",
    ),
    "container_registry": NamingRule(
        "azure-native:containerregistry:Registry", "registryName", "cr", 5, 50, r"[a-zA-Z0-9]+", "global",
        azure_type="Microsoft.ContainerRegistry/registries",
    ),
    "application_insights": NamingRule(
        "azure-native:applicationinsights:Component", "resourceName", "appi", 1, 260, r"[^%&\\?/]*[^%&\\?/ .]",
        "resource group", azure_type="Microsoft.Insights/components",
    ),
    "identity": NamingRule(
        "azure-native:managedidentity:UserAssignedIdentity", "resourceName", "id", 3, 128,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "resource group", azure_type="Microsoft.ManagedIdentity/userAssignedIdentities",
    ),
    "federated_credential": NamingRule(
        "azure-native:managedidentity:FederatedIdentityCredential", "federatedIdentityCredentialResourceName", "fc",
        3, 120, r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "parent",
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
    ),
    # Azure allows a cluster more characters than an attached target; the shortest limit suits both.
    "cluster": NamingRule(
        "azure-native:machinelearningservices:Compute", "computeName", "", 2, 16, r"[a-zA-Z][a-zA-Z0-9-]*", "parent"
    ),
    # Its DNS name consists of the name and the location, without the workspace. A letter must follow each hyphen, not
    # necessarily at once.
    "instance": NamingRule(
        "azure-native:machinelearningservices:Compute", "computeName", "ci", 3, 24,
        r"[a-zA-Z](?:[a-zA-Z0-9]|-(?=.*[a-zA-Z]))*", "global",
        "https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance",
        variant=("properties.computeType", "ComputeInstance"),
    ),
    "datastore": NamingRule(
        "azure-native:machinelearningservices:Datastore", "name", "", 1, 255, r"[a-zA-Z0-9_]+", "parent",
        "https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.entities.azureblobdatastore",
    ),
    # https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces/connections
    "connection": NamingRule(
        "azure-native:machinelearningservices:WorkspaceConnection", "connectionName", "con", 3, 33,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "parent",
    ),
    "lock": NamingRule(
        "azure-native:authorization:ManagementLockByScope", "lockName", "lock", 1, 90, r"[\w.()-]*[\w()-]", "parent"
    ),
    "policy_assignment": NamingRule(
        "azure-native:authorization:PolicyAssignment", "policyAssignmentName", "pa", 1, 128,
        r"[^<>*%&:\\?+/]*[^<>*%&:\\?+/ .]", "parent",
    ),
    "metric_alert": NamingRule(
        "azure-native:monitor:MetricAlert", "ruleName", "alert", 1, 260, r"[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]",
        "resource group",
    ),
    "query_alert": NamingRule(
        "azure-native:monitor:ScheduledQueryRule", "ruleName", "alert", 1, 260,
        r"[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]", "resource group",
    ),
    "activity_alert": NamingRule(
        "azure-native:monitor:ActivityLogAlert", "activityLogAlertName", "alert", 1, 260,
        r"[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]", "resource group",
    ),
    "diagnostic_setting": NamingRule(
        "azure-native:monitor:DiagnosticSetting", "name", "diag", 1, 260, r"[^*&+:<>?%\\/]*[^*&+:<>?%\\/ .]", "parent"
    ),
    "virtual_network": NamingRule(
        "azure-native:network:VirtualNetwork", "virtualNetworkName", "vnet", 2, 64, _NETWORK, "resource group",
        azure_type="Microsoft.Network/virtualNetworks",
    ),
    "subnet": NamingRule(
        "azure-native:network:Subnet", "subnetName", "snet", 1, 80, _NETWORK, "parent"
    ),
    "route_table": NamingRule(
        "azure-native:network:RouteTable", "routeTableName", "rt", 1, 80, _NETWORK, "resource group",
        azure_type="Microsoft.Network/routeTables",
    ),
    "network_security_group": NamingRule(
        "azure-native:network:NetworkSecurityGroup", "networkSecurityGroupName", "nsg", 1, 80, _NETWORK,
        "resource group", azure_type="Microsoft.Network/networkSecurityGroups",
    ),
    "peering": NamingRule(
        "azure-native:network:VirtualNetworkPeering", "virtualNetworkPeeringName", "peer", 1, 80, _NETWORK, "parent"
    ),
    "private_endpoint": NamingRule(
        "azure-native:network:PrivateEndpoint", "privateEndpointName", "pe", 2, 64, _NETWORK, "resource group",
        azure_type="Microsoft.Network/privateEndpoints",
    ),
    "nat_gateway": NamingRule(
        "azure-native:network:NatGateway", "natGatewayName", "ng", 1, 80, _NETWORK, "resource group",
        azure_type="Microsoft.Network/natGateways",
    ),
    "public_ip": NamingRule(
        "azure-native:network:PublicIPAddress", "publicIpAddressName", "pip", 1, 80, _NETWORK, "resource group",
        azure_type="Microsoft.Network/publicIPAddresses",
    ),
    # https://learn.microsoft.com/azure/templates/microsoft.network/networkwatchers/flowlogs
    "flow_log": NamingRule("azure-native:network:FlowLog", "flowLogName", "flow", 1, 80, _NETWORK, "parent"),
    # https://learn.microsoft.com/azure/templates/microsoft.insights/privatelinkscopes
    "private_link_scope": NamingRule(
        "azure-native:monitor:PrivateLinkScope", "scopeName", "ampls", 1, 255, _NETWORK, "resource group",
        azure_type="Microsoft.Insights/privateLinkScopes",
    ),
    "scoped_resource": NamingRule(
        "azure-native:monitor:PrivateLinkScopedResource", "name", "scoped", 1, 255, _NETWORK, "parent"
    ),
    # https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-subscription#deployment-location-and-name
    "template_deployment": NamingRule(
        "azure-native:resources:DeploymentAtScope", "deploymentName", "dep", 1, 64, r"[\w.()-]+", "parent"
    ),
    # https://learn.microsoft.com/azure/templates/microsoft.devopsinfrastructure/pools
    "runner_pool": NamingRule(
        "azure-native:devopsinfrastructure:Pool", "poolName", "mdp", 3, 44, r"[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9-]",
        "global", azure_type="Microsoft.DevOpsInfrastructure/pools",
    ),
    "dev_center": NamingRule(
        "azure-native:devcenter:DevCenter", "devCenterName", "dc", 3, 26, r"[a-zA-Z0-9][a-zA-Z0-9_.-]*",
        "resource group", azure_type="Microsoft.DevCenter/devcenters",
    ),
    "dev_center_project": NamingRule(
        "azure-native:devcenter:Project", "projectName", "dcp", 3, 63, r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "resource group",
        azure_type="Microsoft.DevCenter/projects",
    ),
    "dns_link": NamingRule(
        "azure-native:privatedns:VirtualNetworkLink", "virtualNetworkLinkName", "link", 1, 80, _NETWORK, "parent"
    ),
}  # fmt: skip
"""The rules, by kind of resource. Role assignments are not here: their name is a UUID."""


def rule_of(type_: str, at: Callable[[str], object]) -> NamingRule:
    """The naming rule for a resource: the one for its variant, where its type has several.

    Args:
        type_: Its Pulumi type, which must be in the table.
        at: Returns its input at a dotted path.
    """
    rules = [rule for rule in TABLE.values() if rule.type == type_]
    variants = (rule for rule in rules if rule.variant is not None and at(rule.variant[0]) == rule.variant[1])
    return next(variants, None) or next(rule for rule in rules if rule.variant is None)


RESERVED = ("microsoft", "windows")
"""What the name of a resource with a public endpoint must not contain.
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name"""


def reserved_in(*parts: str) -> str | None:
    """The reserved word that a name of these parts would contain, also across parts: some names have no hyphens."""
    together = "".join(parts).replace("-", "")
    return next((word for word in RESERVED if word in together), None)


@dataclass(frozen=True)
class Names:
    """The names of one organization's resources.

    Attributes:
        organization: The short name that every resource name contains; without hyphens.
        tenant_id: The Entra tenant. It is part of the digest, so two organizations of one name get different names.
        generation: Above 1, deleted resources whose names stay reserved get new names.
    """

    organization: str
    tenant_id: str
    generation: int = 1

    def of(self, kind: Kind, *parts: str) -> str:
        """The name of a resource.

        Different parts lead to different names as long as the part after the team has no hyphen (environments have
        none). Names that are global, shortened or without hyphens end in a digest of eight characters instead.

        Args:
            kind: The row of the table.
            parts: What distinguishes the resource from others of its kind, such as the team and the environment:
                lower-case letters, digits and single hyphens.

        Raises:
            ValueError: A part has other characters.
        """
        rule = TABLE[kind]
        generation = [str(self.generation)] if rule.stays_taken and self.generation > 1 else []
        parts = (self.organization, *parts, *generation)
        for part in parts:
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", part, re.ASCII):
                raise ValueError(f"{part!r} cannot be part of a name: lower-case letters, digits, single hyphens")
        separator = rule.separator
        readable = separator.join([rule.abbreviation, *parts])
        if not separator:
            readable = readable.replace("-", "")
        if separator and rule.scope != "global" and len(readable) <= rule.longest:
            return readable
        kept = rule.longest - _DIGEST_LENGTH - len(separator)
        return readable[:kept].rstrip("-") + separator + _digest(self.tenant_id, kind, *parts)


def _digest(*parts: str) -> str:
    """Eight letters and digits (40 bits) that differ for different parts."""
    hashed = hashlib.sha256("\0".join(parts).encode()).digest()
    return base64.b32encode(hashed).decode("ascii").lower()[:_DIGEST_LENGTH]
