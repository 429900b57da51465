"""Rules on access: who could do too much, too widely, or at all times."""

import re
from collections.abc import Iterable, Iterator

from infra.policies.properties import ROLE
from infra.policies.rule import UNKNOWN, Breach, Each, Resource, Rule, Stack, Whole
from infra.settings import HubSettings

ELIGIBLE = "azure-native:authorization:PimRoleEligibilitySchedule"

_LEARN = "https://learn.microsoft.com/azure/role-based-access-control"

OWNING: dict[str, str] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
"""Built-in roles that let who has them give roles to themselves, by id; the last one not with a condition."""

_CONDITIONABLE = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"

BROAD: dict[str, str] = {"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor"}
"""Built-in roles that may change everything but access, by id."""

READING: dict[str, str] = {
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    "72fafb9e-0641-4937-9268-a91bfd8191a3": "Cost Management Reader",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "749f88d5-cbae-40b8-bcfc-e573ddc772fa": "Monitoring Contributor",
    "1823dd4f-9b8c-4ab6-ab4e-7397a3684615": "AzureML Registry User",
}
"""Built-in roles that people may have in production at all times, by id: they change nothing that runs there."""

_WIDE = re.compile(r"/subscriptions/[^/]+/?|/providers/Microsoft\.Management/managementGroups/[^/]+/?", re.IGNORECASE)


def role_of(assignment: Resource) -> str:
    """The id of the role that is given, in lower case; empty when it is not known."""
    role = assignment.at("roleDefinitionId")
    return role.rsplit("/", 1)[-1].lower() if isinstance(role, str) and role != UNKNOWN else ""


def _is_wide(assignment: Resource) -> bool:
    return bool(_WIDE.fullmatch(str(assignment.at("scope"))))


def _owning(assignment: Resource) -> Iterable[str]:
    role = role_of(assignment)
    if role in OWNING and not (role == _CONDITIONABLE and assignment.at("condition")):
        yield f"it gives {OWNING[role]} on {assignment.at('scope')}."


def _broad(assignment: Resource) -> Iterable[str]:
    role = role_of(assignment)
    if role in BROAD and _is_wide(assignment):
        yield f"it gives {BROAD[role]} on {assignment.at('scope')}."


def _wide(assignment: Resource) -> Iterable[str]:
    if _is_wide(assignment) and role_of(assignment) not in BROAD | OWNING:
        yield f"it gives a role on {assignment.at('scope')}."


def _standing(stack: Stack) -> Iterator[Breach]:
    if stack.environment is None or not stack.environment.protect:
        return
    for assignment in stack.of(ROLE):
        role = role_of(assignment)
        if assignment.at("principalType") in ("User", "Group") and role and role not in READING:
            yield Breach(assignment.urn, f"{assignment.name}: people have a role that changes {stack.name}, always.")


def _eligible(stack: Stack) -> Iterator[Breach]:
    count = sum(1 for _ in stack.of(ELIGIBLE))
    # The hub is deployed by such a person anyway.
    if count and not isinstance(stack.settings, HubSettings):
        yield Breach(
            None, f"{stack.name} has {count} eligibilities, which the platform's CI can neither make nor change."
        )


ACCESS_RULES: tuple[Rule, ...] = (
    Rule(
        "role-that-gives-roles", "error", "Nobody can give roles to themselves",
        "Who can is the owner of everything there, whatever else they were given.",
        "Give Role Based Access Control Administrator with a condition that lists the roles that may be given.",
        f"{_LEARN}/delegate-role-assignments-overview",
        Each(_owning, frozenset({ROLE, ELIGIBLE})),
    ),
    Rule(
        "role-too-broad", "warning", "Nobody may change everything in a subscription",
        "One stolen login would reach every team in it.",
        "Give the role on the resource groups that it is for.",
        f"{_LEARN}/best-practices",
        Each(_broad, frozenset({ROLE})),
    ),
    Rule(
        "role-too-wide", "warning", "Roles are given on resources and groups, not on subscriptions",
        "What the subscription gets later would be reachable too.",
        "Give the role on the resource groups that it is for.",
        f"{_LEARN}/scope-overview",
        Each(_wide, frozenset({ROLE})),
    ),
    Rule(
        "standing-access", "warning", "People change production only when they asked for it",
        "A login that is stolen at night finds what its owner has at all times.",
        "Say eligible: true for the group, so that its members ask for the role when they need it.",
        "https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-assign-roles",
        Whole(_standing),
    ),
    Rule(
        "eligible-by-person", "note", "It is known which stacks a person deploys",
        "Eligibilities take Microsoft.Authorization/roleEligibilityScheduleRequests/write, and who has that can make "
        "itself Owner: the platform's CI has not.",
        "Who is Owner or User Access Administrator there deploys the stack the first time, when its eligible groups "
        "change, and with --refresh once the year of an eligibility is over. CI deploys it in between.",
        "https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/privileged",
        Whole(_eligible),
    ),
)  # fmt: skip
"""The rules on access."""
