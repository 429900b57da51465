"""Azure's naming rules as a table, and the names that we make by it.

A name is the same on every machine and every run, so that one stack knows what another stack's resources are called
without reading its state.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_RULES = "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"
_INSTANCES = "https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance"
_REGISTRY = "https://learn.microsoft.com/azure/machine-learning/how-to-manage-registries"
_CONTAINERS = (
    "https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"
)
_KEYS = "https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers"
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
    "nat_gateway",
    "public_ip",
    "runner_pool",
    "dev_center",
    "dev_center_project",
]


@dataclass(frozen=True)
class Rule:
    """What Azure allows as the name of one kind of resource.

    Attributes:
        type: The Pulumi type that the rule is for.
        argument: The input of that type that holds the name.
        abbreviation: How our names of this kind begin.
        shortest: Length in characters.
        longest: Length in characters.
        pattern: What the whole name must match, apart from its length.
        scope: Where the name must be unique. Global ones carry a digest, since others take names too.
        source: Where the rule is published.
        stays_taken: Whether the name stays taken for days after the resource is deleted.
        variant: An input and its value, where the rule is for such resources of the type only.
    """

    type: str
    argument: str
    abbreviation: str
    shortest: int
    longest: int
    pattern: str
    scope: Literal["global", "tenant", "subscription", "resource group", "parent"]
    source: str = _RULES
    stays_taken: bool = False
    variant: tuple[str, str] | None = None

    def allows(self, name: str) -> bool:
        """Whether Azure would take this name."""
        fits = self.shortest <= len(name) <= self.longest
        return fits and re.fullmatch(self.pattern, name, re.ASCII) is not None

    @property
    def separator(self) -> str:
        """What stands between the parts of a name: a hyphen, where hyphens are allowed."""
        return "-" if re.fullmatch(self.pattern, "aa-aa", re.ASCII) else ""


_NETWORK = r"[a-zA-Z0-9](?:[\w.-]*\w)?"
_WORDS = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"

TABLE: dict[Kind, Rule] = {
    "resource_group": Rule(
        "azure-native:resources:ResourceGroup", "resourceGroupName", "rg", 1, 90, r"[\w.()-]*[\w()-]", "subscription"
    ),
    "log_analytics": Rule(
        "azure-native:operationalinsights:Workspace", "workspaceName", "log", 4, 63, _WORDS, "resource group"
    ),
    "action_group": Rule(
        "azure-native:monitor:ActionGroup", "actionGroupName", "ag", 1, 260, r"[^:<>+/&%\\?|]*[^:<>+/&%\\?| .]",
        "resource group",
    ),
    "budget": Rule("azure-native:consumption:Budget", "budgetName", "bgt", 1, 63, r"[a-zA-Z0-9_-]+", "parent"),
    "model_registry": Rule(
        "azure-native:machinelearningservices:Registry", "registryName", "mlr", 3, 33,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "global", _REGISTRY,
    ),
    "workspace": Rule(
        "azure-native:machinelearningservices:Workspace", "workspaceName", "mlw", 3, 33,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "resource group", stays_taken=True,
    ),
    "storage": Rule("azure-native:storage:StorageAccount", "accountName", "st", 3, 24, r"[a-z0-9]+", "global"),
    "state_container": Rule(
        "azure-native:storage:BlobContainer", "containerName", "state", 3, 63, r"[a-z0-9](?:-?[a-z0-9])*", "parent",
        _CONTAINERS,
    ),
    "key_vault": Rule(
        "azure-native:keyvault:Vault", "vaultName", "kv", 3, 24, r"[a-zA-Z](?:-?[a-zA-Z0-9])*", "global",
        stays_taken=True,
    ),
    "secrets_key": Rule("azure-native:keyvault:Key", "keyName", "key", 1, 127, r"[a-zA-Z0-9-]+", "parent", _KEYS),
    "container_registry": Rule(
        "azure-native:containerregistry:Registry", "registryName", "cr", 5, 50, r"[a-zA-Z0-9]+", "global"
    ),
    "application_insights": Rule(
        "azure-native:applicationinsights:Component", "resourceName", "appi", 1, 260, r"[^%&\\?/]*[^%&\\?/ .]",
        "resource group",
    ),
    "identity": Rule(
        "azure-native:managedidentity:UserAssignedIdentity", "resourceName", "id", 3, 128,
        r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "resource group",
    ),
    "federated_credential": Rule(
        "azure-native:managedidentity:FederatedIdentityCredential", "federatedIdentityCredentialResourceName", "fc",
        3, 120, r"[a-zA-Z0-9][a-zA-Z0-9_-]*", "parent",
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
    ),
    # Azure allows a cluster more characters than an attached target; the shortest limit suits both.
    "cluster": Rule(
        "azure-native:machinelearningservices:Compute", "computeName", "", 2, 16, r"[a-zA-Z][a-zA-Z0-9-]*", "parent"
    ),
    # Its address carries the name and the location, whoever's it is. After a hyphen comes a letter, sooner or later.
    "instance": Rule(
        "azure-native:machinelearningservices:Compute", "computeName", "ci", 3, 24,
        r"[a-zA-Z](?:[a-zA-Z0-9]|-(?=.*[a-zA-Z]))*", "global", _INSTANCES,
        variant=("properties.computeType", "ComputeInstance"),
    ),
    "lock": Rule(
        "azure-native:authorization:ManagementLockByScope", "lockName", "lock", 1, 90, r"[\w.()-]*[\w()-]", "parent"
    ),
    "policy_assignment": Rule(
        "azure-native:authorization:PolicyAssignment", "policyAssignmentName", "pa", 1, 128,
        r"[^<>*%&:\\?+/]*[^<>*%&:\\?+/ .]", "parent",
    ),
    "metric_alert": Rule(
        "azure-native:monitor:MetricAlert", "ruleName", "alert", 1, 260, r"[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]",
        "resource group",
    ),
    "query_alert": Rule(
        "azure-native:monitor:ScheduledQueryRule", "ruleName", "alert", 1, 260,
        r"[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]", "resource group",
    ),
    "activity_alert": Rule(
        "azure-native:monitor:ActivityLogAlert", "activityLogAlertName", "alert", 1, 260,
        r"[^*#&+:<>?@%{}\\/]*[^*#&+:<>?@%{}\\/ .]", "resource group",
    ),
    "diagnostic_setting": Rule(
        "azure-native:monitor:DiagnosticSetting", "name", "diag", 1, 260, r"[^*&+:<>?%\\/]*[^*&+:<>?%\\/ .]", "parent"
    ),
    "virtual_network": Rule(
        "azure-native:network:VirtualNetwork", "virtualNetworkName", "vnet", 2, 64, _NETWORK, "resource group"
    ),
    "subnet": Rule(
        "azure-native:network:Subnet", "subnetName", "snet", 1, 80, _NETWORK, "parent"
    ),
    "route_table": Rule(
        "azure-native:network:RouteTable", "routeTableName", "rt", 1, 80, _NETWORK, "resource group"
    ),
    "network_security_group": Rule(
        "azure-native:network:NetworkSecurityGroup", "networkSecurityGroupName", "nsg", 1, 80, _NETWORK,
        "resource group",
    ),
    "peering": Rule(
        "azure-native:network:VirtualNetworkPeering", "virtualNetworkPeeringName", "peer", 1, 80, _NETWORK, "parent"
    ),
    "private_endpoint": Rule(
        "azure-native:network:PrivateEndpoint", "privateEndpointName", "pe", 2, 64, _NETWORK, "resource group"
    ),
    "nat_gateway": Rule(
        "azure-native:network:NatGateway", "natGatewayName", "ng", 1, 80, _NETWORK, "resource group"
    ),
    "public_ip": Rule(
        "azure-native:network:PublicIPAddress", "publicIpAddressName", "pip", 1, 80, _NETWORK, "resource group"
    ),
    # https://learn.microsoft.com/azure/templates/microsoft.devopsinfrastructure/pools
    "runner_pool": Rule(
        "azure-native:devopsinfrastructure:Pool", "poolName", "mdp", 3, 44, r"[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9-]",
        "global",
    ),
    "dev_center": Rule(
        "azure-native:devcenter:DevCenter", "devCenterName", "dc", 3, 26, r"[a-zA-Z0-9][a-zA-Z0-9_.-]*",
        "resource group",
    ),
    "dev_center_project": Rule(
        "azure-native:devcenter:Project", "projectName", "dcp", 3, 63, r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "resource group"
    ),
    "dns_link": Rule(
        "azure-native:privatedns:VirtualNetworkLink", "virtualNetworkLinkName", "link", 1, 80, _NETWORK, "parent"
    ),
}  # fmt: skip
"""The rules, by kind of resource. What is not here (role assignments: a UUID) has no name of ours."""


def rule_of(type_: str, at: Callable[[str], object]) -> Rule:
    """The rule on the name of a resource: the one for its variant, where its type has several.

    Args:
        type_: Its Pulumi type, which must be in the table.
        at: Its input at a dotted path.
    """
    rules = _rules_by_type()[type_]
    variants = (rule for rule in rules if rule.variant is not None and at(rule.variant[0]) == rule.variant[1])
    return next(variants, None) or next(rule for rule in rules if rule.variant is None)


@functools.cache
def _rules_by_type() -> dict[str, list[Rule]]:
    by_type: dict[str, list[Rule]] = {}
    for rule in TABLE.values():
        by_type.setdefault(rule.type, []).append(rule)
    return by_type


RESERVED = ("microsoft", "windows")
"""What no name of something with a public endpoint may contain.
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name"""


def reserved_in(*words: str) -> str | None:
    """What Azure reserves and a name of these words would contain, also across them: some names have no hyphens."""
    together = "".join(words).replace("-", "")
    return next((word for word in RESERVED if word in together), None)


@dataclass(frozen=True)
class Names:
    """The names of one organization's resources.

    Attributes:
        organization: The short word that every name carries; no hyphen in it.
        tenant_id: The Entra tenant; it goes into the digest, so that two organizations of one name stay apart.
        generation: Above 1, what was deleted and still holds its name gets another one.
    """

    organization: str
    tenant_id: str
    generation: int = 1

    def of(self, kind: Kind, *parts: str) -> str:
        """The name of a resource.

        Names of different parts are different where the first part after the team has no hyphen (as environments
        have none); where a name is global, cut short or written without hyphens, eight letters of a digest keep
        it apart.

        Args:
            kind: The row of the table.
            parts: Words that tell it from others of its kind, such as the team and the environment: lower-case
                letters, digits and single hyphens.

        Raises:
            ValueError: A part has other characters.
        """
        rule = TABLE[kind]
        again = [str(self.generation)] if rule.stays_taken and self.generation > 1 else []
        words = [self.organization, *parts, *again]
        for word in words:
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word, re.ASCII):
                raise ValueError(f"{word!r} cannot be part of a name: lower-case letters, digits, single hyphens")
        separator = rule.separator
        readable = separator.join([rule.abbreviation, *words])
        if not separator:
            readable = readable.replace("-", "")
        if separator and rule.scope != "global" and len(readable) <= rule.longest:
            return readable
        kept = rule.longest - _DIGEST_LENGTH - len(separator)
        return readable[:kept].rstrip("-") + separator + _digest(self.tenant_id, kind, *words)


def _digest(*parts: str) -> str:
    """Eight letters and digits (40 bits) that differ for different parts."""
    hashed = hashlib.sha256("\0".join(parts).encode()).digest()
    return base64.b32encode(hashed).decode("ascii").lower()[:_DIGEST_LENGTH]
