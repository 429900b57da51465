"""What Azure would answer, as a table: the id that each kind of resource gets, and what only Azure can tell about it.

Written down from Azure's REST reference, apart from the program's naming table and its ids: where the program says what
a resource's id will be, the engine's state shows whether it was right.
https://learn.microsoft.com/rest/api/azure/
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

_NAMESPACE = uuid.UUID("a3f0b6f4-5d0e-4b7c-9a55-0c1f6d1f2b10")
_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    Attributes:
        id: Its id; what stands in braces are inputs, the provider's subscription, or `guid`, a name that Azure chooses.
        required: Inputs that Azure wants beside those that are in the id.
        decided: Outputs that nobody knows before it exists. In braces: inputs, `id`, `name` (the id's last part), and
            `guid`, one for each resource and output.
    """

    id: str
    required: tuple[str, ...] = ()
    decided: Mapping[str, str] = field(default_factory=dict)

    @property
    def inputs_in_id(self) -> set[str]:
        """The inputs that the id is made of."""
        names = {name for _, name, _, _ in Formatter().parse(self.id) if name is not None}
        return names - {"subscriptionId", "guid"}

    def id_of(self, inputs: Mapping[str, Any], subscription_id: str) -> str:
        """The id that a resource with these inputs gets."""
        chosen = _guid(*(f"{key}={value}" for key, value in sorted(inputs.items())))
        return self.id.format_map({"subscriptionId": subscription_id, "guid": chosen, **inputs})

    def answer(self, inputs: Mapping[str, Any], id_: str) -> dict[str, Any]:
        """A resource as Azure describes it once it exists."""
        name = id_.rsplit("/", 1)[-1]
        decided = {
            key: text.format_map({**inputs, "id": id_, "name": name, "guid": _guid(id_, key)})
            for key, text in self.decided.items()
        }
        return {**_described(inputs, self.inputs_in_id, id_), "name": name, **decided}


def _guid(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "|".join(parts).lower()))


def _described(inputs: Mapping[str, Any], in_id: set[str], id_: str) -> dict[str, Any]:
    described = {key: value for key, value in inputs.items() if key not in in_id}
    identity = described.get("identity")
    if isinstance(identity, dict):
        # A list of ids goes in, and a map comes out.
        users = {user: {"principalId": _guid(user), "clientId": _guid(user, "client")}
                 for user in identity.get("userAssignedIdentities", [])}  # fmt: skip
        described["identity"] = {**identity, "principalId": _guid(id_, "identity"), "userAssignedIdentities": users}
    if isinstance(described.get("regionDetails"), list):
        described["regionDetails"] = [_region(region, id_) for region in described["regionDetails"]]
    return described


def _word(guid: str) -> str:
    return guid.replace("-", "")[:24]


def _region(region: Mapping[str, Any], registry: str) -> dict[str, Any]:
    """Where a model registry is, with what Azure makes in a group of its own: storage there, one container registry.

    https://learn.microsoft.com/azure/machine-learning/how-to-manage-registries
    """
    everywhere, here = _guid(registry), _guid(registry, region["location"])
    group = f"/subscriptions/{registry.split('/')[2]}/resourceGroups/azureml-rg-{everywhere}/providers"
    kinds = {
        "storageAccountDetails": ("systemCreatedStorageAccount", f"Microsoft.Storage/storageAccounts/{_word(here)}"),
        "acrDetails": ("systemCreatedAcrAccount", f"Microsoft.ContainerRegistry/registries/{_word(everywhere)}"),
    }
    made = {
        key: [{word: {**account[word], "armResourceId": {"resourceId": f"{group}/{path}"}}} for account in region[key]]
        for key, (word, path) in kinds.items()
    }
    return {**region, **made}


def _in_group(path: str, *required: str, **decided: str) -> Kind:
    return Kind(f"{_GROUP}/providers/{path}", required, decided)


def _located(path: str, *required: str, **decided: str) -> Kind:
    """One that lies in a location; without it the provider would ask Azure for its group's."""
    return _in_group(path, "location", *required, **decided)


def _on_scope(path: str, *required: str, **decided: str) -> Kind:
    return Kind("{scope}/providers/" + path, required, decided)


_STORAGE = "Microsoft.Storage/storageAccounts/{accountName}"
_VAULT = "Microsoft.KeyVault/vaults/{vaultName}"
_LOGS = "Microsoft.OperationalInsights/workspaces/{workspaceName}"
_ML = "Microsoft.MachineLearningServices/workspaces/{workspaceName}"
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
_VNET = "Microsoft.Network/virtualNetworks/{virtualNetworkName}"
_ENDPOINT = "Microsoft.Network/privateEndpoints/{privateEndpointName}"
_ZONE = "Microsoft.Network/privateDnsZones/{privateZoneName}"

KINDS: dict[str, Kind] = {
    f"azure-native:{kind}": row
    for kind, row in {
        "resources:ResourceGroup": Kind(_GROUP, ("location",), {"type": "Microsoft.Resources/resourceGroups"}),
        "operationalinsights:Workspace": _located(_LOGS, "sku", customerId="{guid}"),
        "operationalinsights:SavedSearch": _in_group(_LOGS + "/savedSearches/{savedSearchId}", "query"),
        "operationalinsights:QueryPack": _located("Microsoft.OperationalInsights/queryPacks/{queryPackName}"),
        "operationalinsights:Query": _in_group(
            "Microsoft.OperationalInsights/queryPacks/{queryPackName}/queries/{id}", "body"
        ),
        "applicationinsights:Component": _located(
            "microsoft.insights/components/{resourceName}", "kind", "workspaceResourceId",
            appId="{guid}", instrumentationKey="{guid}", connectionString="InstrumentationKey={guid}",
        ),
        "applicationinsights:Workbook": _located(
            "Microsoft.Insights/workbooks/{resourceName}", "serializedData", "displayName", revision="{guid}"
        ),
        "storage:StorageAccount": _located(_STORAGE, "kind", "sku", primaryLocation="{location}"),
        "storage:BlobServiceProperties": _in_group(_STORAGE + "/blobServices/{blobServicesName}"),
        "storage:FileServiceProperties": _in_group(_STORAGE + "/fileServices/{fileServicesName}"),
        "storage:BlobContainer": _in_group(_STORAGE + "/blobServices/default/containers/{containerName}"),
        "storage:ManagementPolicy": _in_group(_STORAGE + "/managementPolicies/{managementPolicyName}", "policy"),
        "keyvault:Vault": _located(_VAULT, "properties"),
        "keyvault:Key": _in_group(
            _VAULT + "/keys/{keyName}", "properties",
            keyUri="https://{vaultName}.vault.azure.net/keys/{keyName}",
            keyUriWithVersion="https://{vaultName}.vault.azure.net/keys/{keyName}/{guid}",
        ),
        "containerregistry:Registry": _located(
            "Microsoft.ContainerRegistry/registries/{registryName}", "sku", loginServer="{registryName}.azurecr.io"
        ),
        "containerregistry:Replication": _located(
            "Microsoft.ContainerRegistry/registries/{registryName}/replications/{replicationName}"
        ),
        "managedidentity:UserAssignedIdentity": _located(
            _IDENTITY, principalId="{guid}", clientId="{guid}", tenantId="{guid}"
        ),
        "managedidentity:FederatedIdentityCredential": _in_group(
            _IDENTITY + "/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}",
            "audiences", "issuer", "subject",
        ),
        "authorization:RoleAssignment": _on_scope(
            "Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
            "principalId", "principalType", "roleDefinitionId",
        ),
        "authorization:RoleDefinition": _on_scope(
            "Microsoft.Authorization/roleDefinitions/{roleDefinitionId}", "permissions", "roleName"
        ),
        # Azure makes a schedule of the request, and chooses its name.
        "authorization:PimRoleEligibilitySchedule": _on_scope(
            "Microsoft.Authorization/roleEligibilitySchedules/{guid}", "principalId", "roleDefinitionId"
        ),
        "authorization:ManagementLockByScope": _on_scope("Microsoft.Authorization/locks/{lockName}", "level"),
        "authorization:PolicyAssignment": _on_scope(
            "Microsoft.Authorization/policyAssignments/{policyAssignmentName}", "policyDefinitionId"
        ),
        "resources:DeploymentAtScope": _on_scope(
            "Microsoft.Resources/deployments/{deploymentName}", "location", "properties"
        ),
        "machinelearningservices:Workspace": _located(
            _ML, "identity", "storageAccount", "keyVault", workspaceId="{guid}",
            discoveryUrl="https://{location}.api.azureml.ms/discovery",
        ),
        "machinelearningservices:Registry": _located(
            "Microsoft.MachineLearningServices/registries/{registryName}", "regionDetails",
            discoveryUrl="https://{location}.api.azureml.ms/registrymanagement/v1.0/registries/{registryName}/discovery",
        ),
        "machinelearningservices:Compute": _located(_ML + "/computes/{computeName}", "properties"),
        "machinelearningservices:Datastore": _in_group(_ML + "/datastores/{name}"),
        "machinelearningservices:ManagedNetworkSettingsRule": _in_group(
            _ML + "/outboundRules/{ruleName}", "properties"
        ),
        "machinelearningservices:WorkspaceConnection": _in_group(_ML + "/connections/{connectionName}", "properties"),
        "network:VirtualNetwork": _located(_VNET, "addressSpace"),
        "network:Subnet": _in_group(_VNET + "/subnets/{subnetName}"),
        "network:VirtualNetworkPeering": _in_group(
            _VNET + "/virtualNetworkPeerings/{virtualNetworkPeeringName}", "remoteVirtualNetwork"
        ),
        "network:NetworkSecurityGroup": _located("Microsoft.Network/networkSecurityGroups/{networkSecurityGroupName}"),
        "network:RouteTable": _located("Microsoft.Network/routeTables/{routeTableName}"),
        "network:NatGateway": _located("Microsoft.Network/natGateways/{natGatewayName}", "sku"),
        "network:PublicIPAddress": _located(
            "Microsoft.Network/publicIPAddresses/{publicIpAddressName}", "sku", ipAddress="20.0.0.4"
        ),
        "network:PrivateEndpoint": _located(_ENDPOINT, "privateLinkServiceConnections", "subnet"),
        "network:PrivateDnsZoneGroup": _in_group(
            _ENDPOINT + "/privateDnsZoneGroups/{privateDnsZoneGroupName}", "privateDnsZoneConfigs"
        ),
        "network:FlowLog": _located(
            "Microsoft.Network/networkWatchers/{networkWatcherName}/flowLogs/{flowLogName}",
            "storageId", "targetResourceId",
        ),
        "privatedns:PrivateZone": _located(_ZONE),
        "privatedns:VirtualNetworkLink": _located(
            _ZONE + "/virtualNetworkLinks/{virtualNetworkLinkName}", "virtualNetwork"
        ),
        "monitor:DiagnosticSetting": Kind(
            "{resourceUri}/providers/microsoft.insights/diagnosticSettings/{name}", ("workspaceId",)
        ),
        "monitor:ActionGroup": _located("microsoft.insights/actionGroups/{actionGroupName}", "groupShortName"),
        "monitor:MetricAlert": _located("Microsoft.Insights/metricAlerts/{ruleName}", "criteria", "scopes"),
        "monitor:ScheduledQueryRule": _located("microsoft.insights/scheduledQueryRules/{ruleName}", "criteria"),
        "monitor:ActivityLogAlert": _located(
            "Microsoft.Insights/activityLogAlerts/{activityLogAlertName}", "condition", "scopes"
        ),
        "monitor:PrivateLinkScope": _located(
            "Microsoft.Insights/privateLinkScopes/{scopeName}", "accessModeSettings"
        ),
        "monitor:PrivateLinkScopedResource": _in_group(
            "Microsoft.Insights/privateLinkScopes/{scopeName}/scopedResources/{name}", "linkedResourceId"
        ),
        "consumption:Budget": _on_scope("Microsoft.Consumption/budgets/{budgetName}", "amount", "timePeriod"),
        "devopsinfrastructure:Pool": _located("Microsoft.DevOpsInfrastructure/pools/{poolName}", "agentProfile"),
        "devcenter:DevCenter": _located("Microsoft.DevCenter/devcenters/{devCenterName}", devCenterUri="{guid}"),
        "devcenter:Project": _located("Microsoft.DevCenter/projects/{projectName}", "devCenterId"),
    }.items()
}  # fmt: skip
"""The kinds of resources, by their Pulumi type. A program that makes another kind needs a row here."""

_KEY = "encryption.keyVaultProperties"

NEEDED_ROLES: dict[str, tuple[str, str]] = {
    f"azure-native:{kind}": row
    for kind, row in {
        "storage:StorageAccount": (
            f"{_KEY}.keyVaultUri",
            'Status=400 Code="KeyVaultAuthenticationFailure" Message="Authentication issue on the keyvault."',
        ),
        "containerregistry:Registry": (f"{_KEY}.keyIdentifier", 'Status=400 Message="Failed to access KeyId"'),
        "machinelearningservices:Workspace": (
            "storageAccount",
            'Status=403 Code="AuthorizationFailed" Message="The client does not have authorization."',
        ),
        "machinelearningservices:Compute": (
            "properties.resourceId", 'Status=400 Code="BadRequest" Message="AKS role check failed."'
        ),
        "authorization:RoleAssignment": (
            "roleDefinitionId",
            'Status=404 Code="RoleDefinitionDoesNotExist" Message="The specified role definition does not exist."',
        ),
    }.items()
}  # fmt: skip
"""What a resource needs roles on, or the custom role that it needs: the path of the input that names it, and the error
of the provider while that role is not effective yet. The errors are from the issues that the catalogue names
(infra/tables/azure_errors.toml), in the form of the provider's `PulumiAzcoreResponseError`:
https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/azure/client_azcore.go"""
