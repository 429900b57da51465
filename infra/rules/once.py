"""The rule that no two resources have one name where Azure has room for one.

Names are shortened to Azure's limits and carry digests (infra/tables/names.py), and environments may share a resource
group of the organization. So the rule compares the names that result.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.rules.properties import ROLE
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation
from infra.rules.upkeep import GROUP
from infra.tables.names import TABLE, rule_of

_NAMED = tuple({rule.type for rule in TABLE.values()})

_A_ROLE = "role assignment "
"""How the keys of role assignments begin. Their names are digests of scope, principal and role."""

_AROUND = (
    "resourceGroupName", "scope", "resourceUri", "workspaceName", "accountName", "virtualNetworkName",
    "privateZoneName", "resourceName", "vaultName",
)  # fmt: skip
"""The inputs that say what a resource lies in."""


def _where(resource: Resource) -> str | None:
    """What must be there once: the type, what it lies in and the name, in lower case; None when a part is unknown."""
    rule = rule_of(resource.type, resource.at)
    around = () if _is_global(resource) else _AROUND
    parts = [resource.type, *(resource.at(name) for name in (*around, rule.argument))]
    return None if UNKNOWN in parts else "/".join(str(part or "") for part in parts).lower()


def _is_global(resource: Resource) -> bool:
    return rule_of(resource.type, resource.at).scope in ("global", "tenant")


def _told(stack: Stack, _found: object) -> dict[str, list[str]]:
    """What other stacks could have too, or the stack has twice: what must be there once, with the URNs."""
    subscription = stack.settings.subscription_id if stack.settings is not None else ""
    own = {group.at("resourceGroupName") for group in stack.of(GROUP)}
    urns: dict[str, list[str]] = {}
    shared: set[str] = set()
    for resource in stack.of(*_NAMED):
        where = _where(resource)
        if where is None:
            continue
        is_global = _is_global(resource)
        key = where if is_global else f"{subscription}/{where}"
        urns.setdefault(key, []).append(resource.urn)
        if is_global or resource.type == GROUP or resource.at("resourceGroupName") not in own:
            shared.add(key)
    for role in stack.of(ROLE):
        scope, name = role.at("scope"), role.at("roleAssignmentName")
        if UNKNOWN not in (scope, name):
            key = f"{_A_ROLE}{scope}/{name}".lower()
            urns.setdefault(key, []).append(role.urn)
            # What lies in a group of the stack's own, no other stack gives roles on.
            if not any(f"/resourcegroups/{group}/".lower() in f"{key}/" for group in own):
                shared.add(key)
    return {key: found for key, found in urns.items() if key in shared or len(found) > 1}


def _twice(told: Mapping[str, Any]) -> Iterator[tuple[str, Violation]]:
    first: dict[str, tuple[str, str]] = {}
    for stack, by_key in told.items():
        for key, urns in by_key.items():
            for urn in urns:
                owner, other = first.setdefault(key, (stack, urn))
                if other != urn:
                    of = f"{_last(other, '::')} of {owner}"
                    said = "gives the same role there" if key.startswith(_A_ROLE) else f"is called {_last(key)}"
                    yield stack, (urn, f"{_last(urn, '::')}: {of} {said} already.")


def _last(text: str, separator: str = "/") -> str:
    return text.rpartition(separator)[2]


ONCE_RULES: tuple[Rule, ...] = (
    Rule(
        "names-once", "error", "No two resources have one name in one place",
        "Azure has room for one of them: the second deployment fails, or takes the first one's resource for its own.",
        "Rename the team or project, or give the environments resource groups of their own.",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules",
        scope="platform", facts=_told, compare=_twice,
    ),
)  # fmt: skip
"""The rule on names that are taken."""
