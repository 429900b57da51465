"""Access: who has which role on which resource, and why. It is read from the plan, so it is what will be deployed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bootstrap.stack.plan.model import StackPlan
from bootstrap.terminal.markdown import code, escaped
from bootstrap.terminal.table import table
from infra.rules.limits import MOST_ASSIGNMENTS, assignments_by_subscription
from infra.rules.rule import UNKNOWN, Resource
from infra.settings import EnvironmentSettings
from infra.tables.names import Names
from infra.tables.resource_types import ELIGIBILITY, ROLE
from infra.tables.roles import CUSTOM_ROLES, ROLES

_IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"

_KINDS = {
    "": "resource group",
    "Microsoft.CognitiveServices/accounts": "ai service",
    "Microsoft.ContainerRegistry/registries": "container registry",
    "Microsoft.ContainerService/managedClusters": "kubernetes cluster",
    "Microsoft.Insights/components": "application insights",
    "Microsoft.KeyVault/vaults": "key vault",
    "Microsoft.KeyVault/vaults/keys": "secrets key",
    "Microsoft.KeyVault/vaults/secrets": "vault secret",
    "Microsoft.Kubernetes/connectedClusters": "kubernetes cluster",
    "Microsoft.MachineLearningServices/registries": "model registry",
    "Microsoft.MachineLearningServices/workspaces": "workspace",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "identity",
    "Microsoft.Network/privateEndpoints": "private endpoint",
    "Microsoft.Network/virtualNetworks": "network",
    "Microsoft.OperationalInsights/workspaces": "log analytics",
    "Microsoft.Relay/namespaces": "azure relay",
    "Microsoft.Search/searchServices": "search service",
    "Microsoft.Sql/servers": "sql server",
    "Microsoft.Storage/storageAccounts": "storage",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "blob container",
    "Microsoft.Storage/storageAccounts/fileServices/fileshares": "file share",
}
"""The word for a resource, by its Azure resource type."""

_DECIDED = "default container"
"""The word for a resource whose id Azure decides: the container of a workspace's default datastore."""

_HEADINGS = {"people": "People", "ci": "CI", "workload": "Workloads"}


@dataclass(frozen=True)
class Grant:
    """One role of one principal.

    Attributes:
        who: A persona, or an identity's name in the program.
        principal: The group's object id, or the identity's name in Azure.
        on: The kind of resource that the role applies to.
        scope: The resource's Azure id; that of the subscription where Azure decides the resource's.
        how: `standing`, or `eligible` where the role has to be activated first.
        only: For a role that can assign roles: the roles that it can assign.
        manifest: The manifest line that configures it.
    """

    stack: str
    kind: Literal["people", "ci", "workload"]
    who: str
    principal: str
    role: str
    role_id: str
    on: str
    scope: str
    how: Literal["standing", "eligible"]
    why: str
    only: tuple[str, ...]
    manifest: str


def find_grants(stacks: Iterable[StackPlan]) -> list[Grant]:
    """The roles that planned stacks assign, in their order. The stacks are not kept in memory."""
    return [grant for stack in stacks for grant in _grants(stack)]


def access_document(grants: Sequence[Grant]) -> dict[str, Any]:
    """The access as JSON, version 1."""
    return {
        "schema_version": 1,
        "grants": [asdict(grant) | {"only": list(grant.only)} for grant in grants],
        "subscriptions": [
            {"id": subscription, "role_assignments": count, "limit": MOST_ASSIGNMENTS}
            for subscription, count in count_assignments(grants)
        ],
    }


def count_assignments(grants: Sequence[Grant]) -> list[tuple[str, int]]:
    """The number of role assignments in each subscription. Azure's limit does not include eligibilities."""
    return sorted(
        assignments_by_subscription({"scope": grant.scope} for grant in grants if grant.how == "standing").items()
    )


def access_as_table(grants: Sequence[Grant]) -> str:
    """A table with a row for each role, and one of the subscriptions."""
    rows = [
        [grant.stack, grant.who, _role(grant), _on(grant), grant.how, f"{grant.why} ({grant.manifest})"]
        for grant in grants
    ]
    counts = [[subscription, f"{count} of {MOST_ASSIGNMENTS}"] for subscription, count in count_assignments(grants)]
    return "\n\n".join(
        [
            table(["stack", "who", "role", "on", "how", "why"], rows),
            table(["subscription", "role assignments"], counts),
        ]
    )


def access_as_markdown(grants: Sequence[Grant]) -> str:
    """A page to publish. Equal rows of several stacks are one row."""
    lines = ["# Who may do what", ""]
    for kind, heading in _HEADINGS.items():
        stacks: dict[tuple[str, ...], list[str]] = {}
        for grant in grants:
            if grant.kind == kind:
                row: tuple[str, ...] = (grant.who, _role(grant), grant.on, grant.how, grant.why)
                stacks.setdefault(row, []).append(grant.stack)
        if not stacks:
            continue
        lines += [f"## {heading}", "", "| Who | Role | On | How | Why | In |", "| --- | --- | --- | --- | --- | --- |"]
        for words, names in sorted(stacks.items(), key=lambda item: item[0][0]):
            cells = [*map(escaped, words), ", ".join(map(code, dict.fromkeys(names)))]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [
        "## Role assignments per subscription",
        "",
        "| Subscription | Count | Azure's limit |",
        "| --- | ---: | ---: |",
    ]
    lines += [
        f"| {code(subscription)} | {count} | {MOST_ASSIGNMENTS} |" for subscription, count in count_assignments(grants)
    ]
    return "\n".join([*lines, ""])


def _grants(stack: StackPlan) -> Iterator[Grant]:
    names = Names(stack.settings.organization, stack.settings.tenant_id)
    titles = {role.id: role.name for role in ROLES.values()} | {role.id_in(names): role.name for role in CUSTOM_ROLES}
    shared = stack.settings.shared if isinstance(stack.settings, EnvironmentSettings) else ()
    personas = {group.object_id.lower(): group.persona for group in (*shared, *stack.settings.groups)}
    identities = {resource.urn: resource for resource in stack.made if resource.type == _IDENTITY}
    for resource in stack.made:
        if resource.type not in (ROLE, ELIGIBILITY):
            continue
        inputs = resource.inputs
        role_id = inputs["roleDefinitionId"].rsplit("/", 1)[-1]
        persona = personas.get(inputs["principalId"].lower())
        who, principal = (
            (persona.replace("_", " "), inputs["principalId"])
            if persona is not None
            else _identity(resource, [identities[urn] for urn in resource.depends_on if urn in identities])
        )
        condition, scope = inputs.get("condition", ""), inputs["scope"]
        on = _resource(scope)
        if scope == UNKNOWN:
            on, scope = _DECIDED, inputs["roleDefinitionId"].partition("/providers/")[0]
        yield Grant(
            stack=stack.name,
            kind="people" if persona is not None else _kind(who),
            who=who,
            principal=principal,
            role=titles.get(role_id, role_id),
            role_id=role_id,
            on=on,
            scope=scope,
            how="standing" if resource.type == ROLE else "eligible",
            why=str(inputs.get("description") or inputs.get("justification") or "").rstrip("."),
            only=tuple(sorted(title for id_, title in titles.items() if id_ in condition)),
            manifest=stack.manifest(resource),
        )


def _identity(assignment: Resource, needed: Sequence[Resource]) -> tuple[str, str]:
    """The identity that gets the role: of those created before the assignment, the one that is not its scope."""
    on = assignment.inputs["scope"].rsplit("/", 1)[-1]
    for identity in needed:
        if identity.inputs["resourceName"] != on:
            return identity.name, identity.inputs["resourceName"]
    return assignment.name, assignment.name


def _kind(identity: str) -> Literal["ci", "workload"]:
    return "ci" if identity.startswith(("ci-", "pr-", "platform-")) else "workload"


def _resource(scope: str) -> str:
    parts = scope.strip("/").split("/")
    if len(parts) == 2:  # noqa: PLR2004 - subscriptions, and an id
        return "subscription"
    provider = scope.partition("/providers/")[2].split("/")
    kind = "/".join([provider[0], *provider[1::2]])
    return _KINDS.get(kind, kind)


def _role(grant: Grant) -> str:
    return f"{grant.role}, for {len(grant.only)} roles only" if grant.only else grant.role


def _on(grant: Grant) -> str:
    return grant.on if grant.on == _DECIDED else f"{grant.on} {grant.scope.rsplit('/', 1)[-1]}"
