"""Rules on what a stack needs beside its resources: diagnostics, budget, owner, and locks where they do no harm."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.rules.properties import IMAGES, LOGS, MODELS, ONLINE, STORAGE, VAULT, WORKSPACE, entries
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, each
from infra.tables.azure_policies import LEGACY_MODE

DIAGNOSTICS = "azure-native:monitor:DiagnosticSetting"
BUDGET = "azure-native:consumption:Budget"
GROUP = "azure-native:resources:ResourceGroup"
LOCK = "azure-native:authorization:ManagementLockByScope"
POLICY = "azure-native:authorization:PolicyAssignment"


OWNER_TAG = "owner"
"""The tag that says whom to ask."""

_LEARN = "https://learn.microsoft.com/azure"


@dataclass(frozen=True)
class Reporting:
    """A kind of resource that has diagnostics.

    Attributes:
        path: What its id ends in, `{}` where the inputs `names` go.
    """

    path: str
    names: tuple[str, ...]

    def ends(self, resource: Resource) -> str | None:
        """What the resource's id ends in, in lower case; None when its name is not known yet."""
        names = [resource.at(name) for name in self.names]
        return None if UNKNOWN in names else self.path.format(*names).lower()


_ML = "/Microsoft.MachineLearningServices"
REPORTING: dict[str, Reporting] = {
    STORAGE: Reporting("/Microsoft.Storage/storageAccounts/{}", ("accountName",)),
    "azure-native:storage:BlobServiceProperties": Reporting(
        "/Microsoft.Storage/storageAccounts/{}/blobServices/default", ("accountName",)
    ),
    VAULT: Reporting("/Microsoft.KeyVault/vaults/{}", ("vaultName",)),
    IMAGES: Reporting("/Microsoft.ContainerRegistry/registries/{}", ("registryName",)),
    WORKSPACE: Reporting(f"{_ML}/workspaces/{{}}", ("workspaceName",)),
    MODELS: Reporting(f"{_ML}/registries/{{}}", ("registryName",)),
    ONLINE: Reporting(f"{_ML}/workspaces/{{}}/onlineEndpoints/{{}}", ("workspaceName", "endpointName")),
    LOGS: Reporting("/Microsoft.OperationalInsights/workspaces/{}", ("workspaceName",)),
    "azure-native:devcenter:DevCenter": Reporting("/Microsoft.DevCenter/devcenters/{}", ("devCenterName",)),
    "azure-native:devopsinfrastructure:Pool": Reporting("/Microsoft.DevOpsInfrastructure/pools/{}", ("poolName",)),
    "azure-native:network:NetworkSecurityGroup": Reporting(
        "/Microsoft.Network/networkSecurityGroups/{}", ("networkSecurityGroupName",)
    ),
    "azure-native:network:PublicIPAddress": Reporting(
        "/Microsoft.Network/publicIPAddresses/{}", ("publicIpAddressName",)
    ),
    "azure-native:network:VirtualNetwork": Reporting("/Microsoft.Network/virtualNetworks/{}", ("virtualNetworkName",)),
}
"""What has diagnostics, by Pulumi's name: the types of `infra.tables.diagnostics`, and online endpoints."""


def _diagnostics(stack: Stack) -> Iterator[Violation]:
    reported = [str(setting.at("resourceUri")).lower() for setting in stack.of(DIAGNOSTICS) if _records(setting)]
    if UNKNOWN in reported:
        return
    for resource in stack.of(*REPORTING):
        ends = REPORTING[resource.type].ends(resource)
        if ends is not None and not any(uri.endswith(ends) for uri in reported):
            yield (resource.urn, f"{resource.name}: no diagnostic setting is about it.")


def _records(setting: Resource) -> bool:
    """Whether a diagnostic setting sends something somewhere."""
    kinds = [setting.at("logs"), setting.at("metrics")]
    sent = UNKNOWN in kinds or any(entry.get("enabled") is not False for kind in kinds for entry in entries(kind))
    return sent and any(setting.at(place) for place in _DESTINATIONS)


_DESTINATIONS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")

_HEARERS = ("contactEmails", "contactGroups", "contactRoles")


def _budget(stack: Stack) -> Iterator[Violation]:
    budgets = list(stack.of(BUDGET))
    if any(stack.of(WORKSPACE, MODELS)) and not budgets:
        yield (None, f"{stack.name} has no budget.")
    for budget in budgets:
        said = budget.at("notifications")
        notifications = said.values() if isinstance(said, Mapping) else ()
        heard = any(each.get(who) for each in entries(list(notifications)) for who in _HEARERS)
        if said != UNKNOWN and not heard:
            yield (budget.urn, f"{budget.name}: nobody hears of it.")


def _owner(stack: Stack) -> Iterator[Violation]:
    from infra.rules import sdk  # imports Pulumi, which the table of rules alone does without

    nobodys = [
        resource
        for resource in stack.resources
        if sdk.takes(resource.type, "tags") and not _has_owner(resource.at("tags"))
    ]
    if nobodys:
        yield (None, f"{len(nobodys)} resources of {stack.name} have no tag {OWNER_TAG!r}, as {nobodys[0].name}.")


def _has_owner(tags: Any) -> bool:
    return tags == UNKNOWN or OWNER_TAG in {str(tag).lower() for tag in tags or ()}


_STOPS_SCALING = re.compile(
    r"/subscriptions/[^/]+(/resourceGroups/[^/]+(/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+)?)?/?",
    re.IGNORECASE,
)


def _locks(lock: Resource) -> Iterable[str]:
    scope = str(lock.at("scope"))
    if _STOPS_SCALING.fullmatch(scope):
        yield f"it locks {scope}."


def _legacy(assignment: Resource) -> Iterable[str]:
    if LEGACY_MODE in str(assignment.at("policyDefinitionId")).lower():
        yield f"it assigns the policy {LEGACY_MODE}."


UPKEEP_RULES: tuple[Rule, ...] = (
    Rule(
        "diagnostics", "warning", "Whatever reports has a diagnostic setting that records it",
        "What was not recorded cannot be asked for afterwards.",
        "Add the resource to the stack's Diagnostics.",
        f"{_LEARN}/azure-monitor/platform/diagnostic-settings",
        _diagnostics,
    ),
    Rule(
        "budget", "warning", "Every stack has a budget that somebody hears of",
        "Nobody hears of costs before the bill.",
        "Say budget and budget_start in the manifests.",
        f"{_LEARN}/cost-management-billing/costs/tutorial-acm-create-budgets",
        _budget,
    ),
    Rule(
        "owner-tag", "warning", "Every stack says whose it is",
        "Who finds it, or its bill, has to know whom to ask.",
        "Say tags: {owner: …} in the manifests, a mail address or a team.",
        f"{_LEARN}/cloud-adoption-framework/ready/azure-best-practices/resource-tagging",
        _owner,
    ),
    Rule(
        "lock-stops-scaling", "error", "No lock holds a workspace or what it lies in",
        "A lock stops clusters from scaling down: idle nodes cannot be deleted, and bill.",
        "Lock the storage, the vault and the registries instead.",
        f"{_LEARN}/machine-learning/how-to-manage-workspace",
        each({LOCK}, _locks), "resource",
    ),
    Rule(
        "policy-legacy-mode", "error", "No policy wants workspaces in legacy mode",
        "Managed endpoints and the CLI's second version do not work there.",
        "Take the assignment out.",
        f"{_LEARN}/machine-learning/how-to-configure-network-isolation-with-v2",
        each({POLICY}, _legacy), "resource",
    ),
)  # fmt: skip
"""The rules on a stack's upkeep."""
