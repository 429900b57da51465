"""Who may do what, where and why: read from a plan, so that what is published is what will be deployed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bootstrap.stack.plan.model import StackPlan
from bootstrap.terminal.table import table
from infra.rules.limits import MOST_ASSIGNMENTS, counted
from infra.rules.rule import Resource
from infra.settings import EnvironmentSettings
from infra.tables import roles
from infra.tables.names import Names
from infra.tables.roles import CustomRole, Role

_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
_ELIGIBILITY = "azure-native:authorization:PimRoleEligibilitySchedule"
_IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"

_THINGS = {
    "": "resource group",
    "Microsoft.ContainerRegistry/registries": "container registry",
    "Microsoft.ContainerService/managedClusters": "kubernetes cluster",
    "Microsoft.Insights/components": "application insights",
    "Microsoft.KeyVault/vaults": "key vault",
    "Microsoft.KeyVault/vaults/keys": "secrets key",
    "Microsoft.Kubernetes/connectedClusters": "kubernetes cluster",
    "Microsoft.MachineLearningServices/registries": "model registry",
    "Microsoft.MachineLearningServices/workspaces": "workspace",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "identity",
    "Microsoft.Network/privateEndpoints": "private endpoint",
    "Microsoft.Network/virtualNetworks": "network",
    "Microsoft.OperationalInsights/workspaces": "log analytics",
    "Microsoft.Relay/namespaces": "azure relay",
    "Microsoft.Storage/storageAccounts": "storage",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "state container",
}
"""What things are called, by Azure's name of their kind."""

_HEADINGS = {"people": "People", "ci": "CI", "workload": "What runs by itself"}


@dataclass(frozen=True)
class Grant:
    """One role that somebody has.

    Attributes:
        who: A persona, or an identity's name in the program.
        principal: The group's object id, or the identity's name in Azure.
        on: What kind of thing the role is on.
        scope: Its Azure Resource Manager id.
        how: `standing`, or `eligible` where it has to be activated first.
        only: For a role that gives roles away: the only ones that it may give.
        manifest: The line of the manifests that asked for it.
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


@dataclass(frozen=True)
class Access:
    """All roles that some stacks give.

    Attributes:
        assignments: How many of them each subscription would hold; eligibilities do not count against Azure's limit.
    """

    grants: Sequence[Grant]
    assignments: Mapping[str, int]

    def document(self) -> dict[str, Any]:
        """The access as JSON, version 1."""
        return {
            "schema_version": 1,
            "grants": [asdict(grant) | {"only": list(grant.only)} for grant in self.grants],
            "subscriptions": [
                {"id": subscription, "role_assignments": count, "limit": MOST_ASSIGNMENTS}
                for subscription, count in self.assignments.items()
            ],
        }


def access_of(stacks: Iterable[StackPlan]) -> Access:
    """The roles that planned stacks give, in their order; each stack is looked at once and let go."""
    grants: list[Grant] = []
    counts: Counter[str] = Counter()
    for stack in stacks:
        grants += _grants(stack)
        counts += counted(resource.inputs for resource in stack.made if resource.type == _ASSIGNMENT)
    return Access(grants, dict(sorted(counts.items())))


def access_as_table(access: Access) -> str:
    """One line for each role."""
    rows = [
        [grant.stack, grant.who, _role(grant), _on(grant), grant.how, f"{grant.why} ({grant.manifest})"]
        for grant in access.grants
    ]
    counts = [[subscription, f"{count} of {MOST_ASSIGNMENTS}"] for subscription, count in access.assignments.items()]
    return "\n\n".join(
        [
            table(["stack", "who", "role", "on", "how", "why"], rows),
            table(["subscription", "role assignments"], counts),
        ]
    )


def access_as_markdown(access: Access) -> str:
    """The page that is published: one line for what several stacks give alike."""
    lines = ["# Who may do what", ""]
    for kind, heading in _HEADINGS.items():
        stacks: dict[tuple[str, ...], list[str]] = {}
        for grant in access.grants:
            if grant.kind == kind:
                words: tuple[str, ...] = (grant.who, _role(grant), grant.on, grant.how, grant.why)
                stacks.setdefault(words, []).append(grant.stack)
        if not stacks:
            continue
        lines += [f"## {heading}", "", "| Who | Role | On | How | Why | In |", "| --- | --- | --- | --- | --- | --- |"]
        for said, names in sorted(stacks.items(), key=lambda item: item[0][0]):
            cells = [*said, ", ".join(f"`{name}`" for name in dict.fromkeys(names))]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [
        "## Role assignments per subscription",
        "",
        "| Subscription | Count | Azure's limit |",
        "| --- | ---: | ---: |",
    ]
    lines += [
        f"| `{subscription}` | {count} | {MOST_ASSIGNMENTS} |" for subscription, count in access.assignments.items()
    ]
    return "\n".join([*lines, ""])


def _grants(stack: StackPlan) -> Iterator[Grant]:
    names = Names(stack.settings.organization, stack.settings.tenant_id)
    titles = {role.id_in(names): role.name for role in _roles()}
    shared = stack.settings.shared if isinstance(stack.settings, EnvironmentSettings) else ()
    personas = {group.object_id.lower(): group.persona for group in (*shared, *stack.settings.groups)}
    identities = {resource.urn: resource for resource in stack.made if resource.type == _IDENTITY}
    for resource in stack.made:
        if resource.type not in (_ASSIGNMENT, _ELIGIBILITY):
            continue
        inputs = resource.inputs
        role_id = inputs["roleDefinitionId"].rsplit("/", 1)[-1]
        persona = personas.get(inputs["principalId"].lower())
        who, principal = (
            (persona.replace("_", " "), inputs["principalId"])
            if persona is not None
            else _identity(resource, [identities[urn] for urn in resource.depends_on if urn in identities])
        )
        condition = inputs.get("condition", "")
        yield Grant(
            stack=stack.name,
            kind="people" if persona is not None else _kind(who),
            who=who,
            principal=principal,
            role=titles.get(role_id, role_id),
            role_id=role_id,
            on=_thing(inputs["scope"]),
            scope=inputs["scope"],
            how="standing" if resource.type == _ASSIGNMENT else "eligible",
            why=str(inputs.get("description") or inputs.get("justification") or "").rstrip("."),
            only=tuple(sorted(title for id_, title in titles.items() if id_ in condition)),
            manifest=stack.manifest(resource),
        )


def _roles() -> list[Role | CustomRole]:
    return [role for role in vars(roles).values() if isinstance(role, Role | CustomRole)]


def _identity(assignment: Resource, needed: Sequence[Resource]) -> tuple[str, str]:
    """The identity that gets the role: of those that have to be made before, the one that the role is not on."""
    on = assignment.inputs["scope"].rsplit("/", 1)[-1]
    for identity in needed:
        if identity.inputs["resourceName"] != on:
            return identity.name, identity.inputs["resourceName"]
    return assignment.name, assignment.name


def _kind(identity: str) -> Literal["ci", "workload"]:
    return "ci" if identity.startswith(("ci-", "pr-", "platform-")) else "workload"


def _thing(scope: str) -> str:
    parts = scope.strip("/").split("/")
    if len(parts) == 2:  # noqa: PLR2004 - subscriptions, and an id
        return "subscription"
    provider = scope.partition("/providers/")[2].split("/")
    kind = "/".join([provider[0], *provider[1::2]])
    return _THINGS.get(kind, kind)


def _role(grant: Grant) -> str:
    return f"{grant.role}, for {len(grant.only)} roles only" if grant.only else grant.role


def _on(grant: Grant) -> str:
    return f"{grant.on} {grant.scope.rsplit('/', 1)[-1]}"
