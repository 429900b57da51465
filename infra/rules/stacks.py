"""Rules on what the manifests leave open or forget for a stack: examples, budget, owner, public access, secrets."""

from collections.abc import Iterable, Iterator
from functools import partial

from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, violation_of
from infra.settings import EnvironmentSettings, ExistingSubnet, HubSettings, examples_in
from infra.tables.azure_policies import POLICIES, AzurePolicy
from infra.tables.outbound_rules import SHARED_REGISTRY
from infra.tables.resource_types import BUDGET, IMAGES, MODELS, OUTBOUND_RULE, STORAGE, VAULT, WORKSPACE

_LEARN = "https://learn.microsoft.com/azure"
_OWNER_TAG = "owner"
_MANAGED_GROUP = "/resourcegroups/azureml-rg-"
"""How the ids of what Azure creates for a registry begin, in lower case. The name ends with a random GUID.
https://learn.microsoft.com/azure/machine-learning/how-to-registry-network-isolation"""


def is_open(resource: Resource) -> bool:
    """Whether a login with a role reaches a resource from any address on the internet."""
    network = resource.at("publicNetworkAccess") or resource.at("properties.publicNetworkAccess") or "Enabled"
    default = resource.at("networkRuleSet.defaultAction") or resource.at("properties.networkAcls.defaultAction")
    # Key vaults accept any case.
    return str(network).lower() == "enabled" and default not in ("Deny", UNKNOWN)


def _examples(stack: Stack) -> Iterable[Violation]:
    found = examples_in(stack.settings) if stack.settings is not None else []
    if found:
        yield None, f"{stack.name} has example values of platform init: {', '.join(found)}."


def _no_budget(stack: Stack) -> Iterator[Violation]:
    if any(stack.of(WORKSPACE, MODELS)) and not any(stack.of(BUDGET)):
        yield None, f"{stack.name} has no budget."


def _no_owner(stack: Stack) -> Iterator[Violation]:
    from infra.rules import sdk  # not at the top: it imports Pulumi, which a cached plan does not need

    without = [
        resource for resource in stack.resources if sdk.takes(resource.type, "tags") and not _has_owner(resource)
    ]
    if without:
        count = len(without)
        yield None, f"{count} resources of {stack.name} have no tag {_OWNER_TAG!r}, such as {without[0].name}."


def _has_owner(resource: Resource) -> bool:
    tags = resource.at("tags")
    return tags == UNKNOWN or _OWNER_TAG in {str(tag).lower() for tag in tags or ()}


def _public_access(stack: Stack) -> Iterator[Violation]:
    # Outside production, the network mode decides. The hub has the rule `locked-is-closed`.
    if stack.environment is None or not stack.environment.protect:
        return
    for resource in stack.of(STORAGE, VAULT, IMAGES):
        if is_open(resource):
            yield violation_of(resource, "a login with a role reaches it from any address.")


def _open_hub(stack: Stack) -> Iterator[Violation]:
    if any(models.at("publicNetworkAccess") == "Disabled" for models in stack.of(MODELS)):
        for resource in stack.of(STORAGE, VAULT):
            if is_open(resource):
                yield violation_of(resource, "it has a public address, though the hub's network is locked.")


def is_refused(policy: AzurePolicy, resource: Resource) -> bool:
    """Whether an Azure policy with the effect Deny refuses a resource; False where it looks at an unknown value."""
    if policy.path is None or resource.type != policy.judges:
        return False
    if policy.computes and resource.at("properties.computeType") not in policy.computes:
        return False
    value = resource.at(policy.path)
    accepted = [str(one).lower() for one in policy.accepts]
    return value != UNKNOWN and (str(value).lower() not in accepted if accepted else not value)


def _refused(stack: Stack) -> Iterator[Violation]:
    if stack.environment is None:
        return
    for policy in POLICIES:
        if policy.name in stack.environment.denied:
            for resource in filter(partial(is_refused, policy), stack.resources):
                found = f"{policy.path} is {resource.at(policy.path or '')!r}"
                yield violation_of(resource, f"hub.policies.{policy.name} refuses it, since {found}.")


def _shared_dns(stack: Stack) -> Iterator[Violation]:
    """Networks of other applications would resolve Azure Monitor by the scope's records."""
    settings = stack.settings
    if not isinstance(settings, HubSettings) or settings.private_link_scope is None:
        return
    if settings.dns != "hub" or isinstance(settings.vnet, ExistingSubnet):
        what = "DNS zones" if settings.dns != "hub" else "network"
        urn = stack.urns.get("monitor-scope")
        yield urn, f"the private link scope changes Azure Monitor for all that use the organization's {what}."


def _registry_data(stack: Stack) -> Iterator[Violation]:
    """Outbound rules to the registry lead neither to its storage nor to its images."""
    rules = {rule.at("ruleName"): rule for rule in stack.of(OUTBOUND_RULE)}
    if stack.environment is None or not rules.keys() & SHARED_REGISTRY.keys():
        return
    reached = {str(rule.at("properties.destination.serviceTag")).partition(".")[0] for rule in rules.values()}
    if not stack.environment.networking.public_registry:
        reached = set()
    for rule in rules.values():
        target = str(rule.at("properties.destination.serviceResourceId")).lower()
        if _MANAGED_GROUP in target:
            reached.add("Storage" if "/microsoft.storage/" in target else "AzureContainerRegistry")
    parts = {"Storage": "its storage", "AzureContainerRegistry": "its container registry"}
    missing = [text for tag, text in parts.items() if tag not in reached]
    if missing:
        first = next(iter(SHARED_REGISTRY))
        yield violation_of(rules[first], f"jobs reach the model registry, but not {' and '.join(missing)}.")


def _secrets(stack: Stack) -> Iterator[Violation]:
    """The connections that people create, with the secret that they write."""
    environment = stack.environment
    connections = environment.connections if environment is not None else ()
    for workspace, vault in _workspaces(stack, environment) if environment is not None else ():
        for one in connections:
            if one.secret is not None:
                what = f"writes the secret {one.secret} to {vault} and creates the connection in {workspace}"
                yield None, f"connection {one.name}: a person {what}, with the commands of docs/data.md ({one.origin})"


def _workspaces(stack: Stack, environment: EnvironmentSettings) -> Iterator[tuple[str, str]]:
    """The names of the workspace of a stack and of its vault."""
    adopted = environment.adopted
    if adopted is not None:
        yield adopted.workspace_id.rsplit("/", 1)[-1], adopted.key_vault_id.rsplit("/", 1)[-1]
        return
    for workspace, vault in zip(stack.of(WORKSPACE), stack.of(VAULT), strict=False):
        yield workspace.at("workspaceName"), vault.at("vaultName")


STACK_RULES: tuple[Rule, ...] = (
    Rule(
        "example-value", "warning", "No value is an example",
        "Nothing can be deployed to the subscription of an example, and no one reads mail to an example address.",
        "Write your own ids and addresses into platform.yaml, where a comment says EXAMPLE.",
        "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/platform.md",
        _examples,
    ),
    Rule(
        "budget", "warning", "Every stack has a budget",
        "Without one, no one is notified of costs before the bill.",
        "Write budget and budget_start in the manifests.",
        f"{_LEARN}/cost-management-billing/costs/tutorial-acm-create-budgets",
        _no_budget,
    ),
    Rule(
        "owner-tag", "warning", "Every stack has an owner",
        "A reader of the portal or of the bill needs a contact.",
        "Write tags: {owner: ...} in the manifests, with a mail address or the name of a team.",
        f"{_LEARN}/cloud-adoption-framework/ready/azure-best-practices/resource-tagging",
        _no_owner,
    ),
    Rule(
        "public-access", "warning", "In production, data has no address that is open to the whole internet",
        "A stolen login works from everywhere; a closed network is a second barrier.",
        "Write network: managed with allow_ips or with ci: private, or network: locked (docs/network.md); or suppress "
        "this rule with the reason why the data may be reachable.",
        f"{_LEARN}/machine-learning/how-to-network-security-overview",
        _public_access,
    ),
    Rule(
        "locked-is-closed", "error", "A hub with a locked network has no public address",
        "The states and keys of all stacks are in the hub.",
        "Write hub.vnet, so that the hub gets private endpoints; or write hub.network: open.",
        f"{_LEARN}/machine-learning/how-to-managed-network",
        _open_hub,
    ),
    Rule(
        "private-link-scope-dns", "warning", "A private link scope is for the networks of the platform only",
        "Its DNS records are those of Azure Monitor itself. Every application in a network that uses them sends "
        "telemetry and queries by the scope; with private_only, what is not in the scope is refused. A second scope in "
        "the same DNS replaces the records of the first.",
        "Ask who manages the DNS whether there is a scope already. If so, leave private_link_scope out, and ask to add "
        "the hub's Log Analytics workspace to it; if not, suppress this rule with their agreement as the reason.",
        f"{_LEARN}/azure-monitor/logs/private-link-design",
        _shared_dns,
    ),
    Rule(
        "registry-data", "note", "Jobs that reach the model registry reach its storage and images",
        "Azure creates them in a resource group with a random name, so no plan knows their ids. Without outbound rules "
        "to them, jobs find a shared model and cannot load it.",
        "Write outbound rules with the ids in az resource show --ids REGISTRY_ID: resource_id with group blob and with "
        "group registry; or, for a registry with a public address, service_tag Storage.REGION and "
        "AzureContainerRegistry.REGION, by which data can leave (docs/network.md).",
        f"{_LEARN}/machine-learning/how-to-registry-network-isolation",
        _registry_data,
    ),
    Rule(
        "connection-secret", "note", "Somebody creates the connections that need a secret",
        "Azure ML takes the secret itself, in the request that creates the connection, and no reference to a vault. So "
        "the stack has the role on the secret and the outbound rule, and not the connection.",
        "Run the commands of docs/data.md after the deployment, with a login that has Key Vault Administrator on the "
        "vault and may write connections, such as the group platform; inside the network, where the vault has no "
        "public address.",
        f"{_LEARN}/machine-learning/how-to-connection",
        _secrets,
    ),
    Rule(
        "policy-denies", "error", "No Azure policy of the hub refuses a resource",
        "Azure refuses its creation and each update of it during the deployment.",
        "Write Audit for the policy in hub.policies, or configure what it requires (docs/guardrails.md).",
        f"{_LEARN}/machine-learning/policy-reference",
        _refused,
    ),
)  # fmt: skip
