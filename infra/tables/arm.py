"""How the SDK spells the properties of Azure Resource Manager (ARM) otherwise than ARM does, as a table.

pulumi_azure_native moves what ARM has below `properties` one level up, leaves out the parts of the resource id, and
takes the client names of Azure's REST definitions (`x-ms-client-name`) where they have any.
"""

from collections.abc import Mapping

RENAMED: Mapping[str, str] = {
    "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
    "enableNfsV3": "isNfsV3Enabled",
    "encryptionIdentity": "identity",
    "encryptionUserAssignedIdentity": "userAssignedIdentity",
    "networkRuleSet": "networkAcls",
    "iPAddressOrRange": "value",
    "virtualNetworkResourceId": "id",
    "keyVaultProperties": "keyvaultproperties",
    "keyName": "keyname",
    "keyVaultUri": "keyvaulturi",
    "keyVersion": "keyversion",
    "odataType": "odata.type",
    "roleType": "type",
}
"""The SDK's name of a property: ARM's name. A name is only translated where the ARM type has the latter.

Client names of the REST definitions (github.com/Azure/azure-rest-api-specs):
storage `specification/storage/resource-manager/Microsoft.Storage/stable/2024-01-01/storage.json`;
role definitions `specification/authorization/resource-manager/Microsoft.Authorization/preview/2022-05-01-preview`;
`odata.type` of alert criteria `specification/monitor/resource-manager/Microsoft.Insights/stable/2018-03-01`.
"""
