"""Rules on access: who could do too much, too widely, or at all times."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from infra.rules.properties import ROLE, entries
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, each
from infra.settings import HubSettings
from infra.tables.roles import (
    AZUREML_REGISTRY_USER,
    BLOB_DATA_READER,
    CONTRIBUTOR,
    COST_READER,
    IN_SUBSCRIPTIONS,
    MONITORING_CONTRIBUTOR,
    RBAC_ADMINISTRATOR,
    READER,
    Role,
)

ELIGIBLE = "azure-native:authorization:PimRoleEligibilitySchedule"
DEFINITION = "azure-native:authorization:RoleDefinition"
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"

_LEARN = "https://learn.microsoft.com/azure/role-based-access-control"

OWNING: dict[str, str] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    RBAC_ADMINISTRATOR.id: RBAC_ADMINISTRATOR.name,
}
"""Built-in roles that let who has them give roles to themselves, by id; the last one not with a condition."""

_GIVE = "microsoft.authorization/roleassignments/write"
"""The action that gives a role."""

_CONDITIONABLE = RBAC_ADMINISTRATOR.id

BROAD: dict[str, str] = {CONTRIBUTOR.id: CONTRIBUTOR.name}
"""Built-in roles that may change everything but access, by id."""

READING: dict[str, str] = {
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    **{
        role.id: role.name
        for role in (READER, COST_READER, BLOB_DATA_READER, MONITORING_CONTRIBUTOR, AZUREML_REGISTRY_USER)
    },
}
"""Built-in roles that people may have in production at all times, by id: they change nothing that runs there."""

NEEDED: frozenset[tuple[str, str]] = frozenset(
    (entitlement.role.id, f"{entitlement.reason}.")
    for entitlement in IN_SUBSCRIPTIONS
    if isinstance(entitlement.role, Role)
)
"""What the platform's own CI needs on whole subscriptions: the role's id, and the reason that the assignment says."""

_PROGRAMS = ("ServicePrincipal", UNKNOWN)

_WIDE = re.compile(r"/|/subscriptions/[^/]+/?|/providers/Microsoft\.Management/managementGroups/[^/]+/?", re.IGNORECASE)

# https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
_OF_ROLES = "roleassignments:roledefinitionid]"
_GIVEN = re.compile(r"guidequals\s*\{([^}]*)\}")


def role_of(assignment: Resource) -> str:
    """The id of the role that is given, in lower case; empty when it is not known."""
    role = assignment.at("roleDefinitionId")
    return role.rsplit("/", 1)[-1].lower() if isinstance(role, str) and role != UNKNOWN else ""


def _is_wide(assignment: Resource) -> bool:
    return bool(_WIDE.fullmatch(str(assignment.at("scope"))))


def _gives_roles(assignment: Resource) -> bool:
    """Whether who has the role can give any role to themselves, or one of those that can."""
    role, condition = role_of(assignment), str(assignment.at("condition") or "").lower()
    if role != _CONDITIONABLE:
        return role in OWNING
    if condition == UNKNOWN:
        return False
    given = " ".join(_GIVEN.findall(condition))
    return _OF_ROLES not in condition or any(owning in given for owning in OWNING)


def _owning(resource: Resource) -> Iterable[str]:
    if resource.type == DEFINITION:
        for permission in entries(resource.at("permissions")):
            yield from (f"it allows {action}." for action in _giving(permission))
    elif _gives_roles(resource):
        yield f"it gives {OWNING[role_of(resource)]} on {resource.at('scope')}."


def _giving(permission: Mapping[str, Any]) -> list[str]:
    """The actions of a role that let who has it give roles, if nothing takes them back; a star stands for anything."""

    def covers(action: Any) -> bool:
        return isinstance(action, str) and fnmatchcase(_GIVE, action.lower())

    actions = permission.get("actions") or ()
    return [] if any(map(covers, permission.get("notActions") or ())) else [each for each in actions if covers(each)]


def _is_the_platforms(assignment: Resource, stack: Stack) -> bool:
    """Whether the platform's own CI has the role, for a reason that stands in the table.

    The identity is made by the same stack, so it has no secret, and no person and nobody else's application can take
    its place. Its object id is not known before it is made, so it is told by what the assignment waits for.
    """
    ours = {identity.urn for identity in stack.of(IDENTITY)}
    return (
        assignment.at("principalType") == "ServicePrincipal"
        and (role_of(assignment), assignment.at("description")) in NEEDED
        and not ours.isdisjoint(assignment.depends_on)
    )


def _wide(stack: Stack) -> Iterator[Resource]:
    """What is given on whole subscriptions, or above them, and not needed there."""
    given = (assignment for assignment in stack.of(ROLE, ELIGIBLE) if _is_wide(assignment))
    return (assignment for assignment in given if not _is_the_platforms(assignment, stack))


def _too_broad(stack: Stack) -> Iterator[Violation]:
    for assignment in _wide(stack):
        role = role_of(assignment)
        if role in BROAD:
            yield (assignment.urn, f"{assignment.name}: it gives {BROAD[role]} on {assignment.at('scope')}.")


def _too_wide(stack: Stack) -> Iterator[Violation]:
    for assignment in _wide(stack):
        if role_of(assignment) not in BROAD and not _gives_roles(assignment):
            yield (assignment.urn, f"{assignment.name}: it gives a role on {assignment.at('scope')}.")


def _standing(stack: Stack) -> Iterator[Violation]:
    if stack.settings is None or not stack.settings.protect:
        return
    for assignment in stack.of(ROLE):
        role = role_of(assignment)
        # The SDK's default is a user.
        if assignment.at("principalType") not in _PROGRAMS and role and role not in READING:
            yield (assignment.urn, f"{assignment.name}: people have a role that changes {stack.name}, always.")


def _eligible(stack: Stack) -> Iterator[Violation]:
    count = sum(1 for _ in stack.of(ELIGIBLE))
    # The hub is deployed by such a person anyway.
    if count and not isinstance(stack.settings, HubSettings):
        yield (
            None,
            f"{stack.name}: it has {count} eligibilities, which the platform's CI can neither make nor change.",
        )


ACCESS_RULES: tuple[Rule, ...] = (
    Rule(
        "role-that-gives-roles", "error", "Nobody can give roles to themselves",
        "Who can is the owner of everything there, whatever else they were given.",
        "Give Role Based Access Control Administrator with a condition that lists the roles that may be given; take "
        "roleAssignments/write out of roles of your own.",
        f"{_LEARN}/delegate-role-assignments-overview",
        each({ROLE, ELIGIBLE, DEFINITION}, _owning), "resource",
    ),
    Rule(
        "role-too-broad", "warning", "Only the platform's own CI may change everything in a subscription",
        "One stolen login would reach every team in it. The CI that makes environments needs it to make their resource "
        "groups: its identity is made by the same stack and has no secret; infra/tables/roles.py has the reason.",
        "Give the role on the resource groups that it is for.",
        f"{_LEARN}/best-practices",
        _too_broad,
    ),
    Rule(
        "role-too-wide", "warning", "Only the platform's own CI has roles on whole subscriptions",
        "What the subscription gets later would be reachable too. That is what the platform's CI is for; its reasons "
        "stand in infra/tables/roles.py.",
        "Give the role on the resource groups that it is for.",
        f"{_LEARN}/scope-overview",
        _too_wide,
    ),
    Rule(
        "standing-access", "warning", "People change production only when they asked for it",
        "A login that is stolen at night finds what its owner has at all times.",
        "Say eligible: true for the group, so that its members ask for the role when they need it.",
        "https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-assign-roles",
        _standing,
    ),
    Rule(
        "eligible-by-person", "note", "It is known which stacks a person deploys",
        "Eligibilities take Microsoft.Authorization/roleEligibilityScheduleRequests/write, and who has that can make "
        "itself Owner: the platform's CI has not.",
        "Who is Owner or User Access Administrator there deploys the stack the first time, when its eligible groups "
        "change, and with --refresh once the year of an eligibility is over. CI deploys it in between.",
        "https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/privileged",
        _eligible,
    ),
)  # fmt: skip
"""The rules on access."""
