"""The rule that no two resources have the same name where Azure allows it once.

Names of different stacks differ (infra/tables/names.py), except where stacks share a resource group of the
organization or adopted resources. The rule compares the resulting names.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation
from infra.settings import EnvironmentSettings, StackSettings
from infra.tables.names import TABLE, Names, rule_of
from infra.tables.resource_types import GROUP, ROLE

_NAMED = tuple({rule.type for rule in TABLE.values()})

_A_ROLE = "role assignment "
"""The prefix of the keys of role assignments. Their names are digests of scope, principal and role."""

_PARENTS = (
    "resourceGroupName", "scope", "resourceUri", "workspaceName", "accountName", "virtualNetworkName",
    "privateZoneName", "resourceName", "vaultName",
)  # fmt: skip
"""The inputs that name the parents of a resource."""


def _keys(stack: Stack) -> Iterator[tuple[str, Resource, bool]]:
    """What must be unique, in lower case, with its resource, and whether another stack could have it too."""
    subscription = stack.settings.subscription_id if stack.settings is not None else ""
    own = {group.at("resourceGroupName") for group in stack.of(GROUP)}
    for resource in (*stack.of(*_NAMED), *stack.of(ROLE)):
        if resource.type == ROLE:
            parts = [resource.at("scope"), resource.at("roleAssignmentName")]
            prefix = _A_ROLE
            # No other stack assigns roles on resources in a group that this stack creates.
            shared = not any(f"/resourcegroups/{group}/".lower() in f"{parts[0]}/".lower() for group in own)
        else:
            rule = rule_of(resource.type, resource.at)
            is_global = rule.scope == "global"
            parts = [resource.type, *(resource.at(name) for name in (*(() if is_global else _PARENTS), rule.argument))]
            prefix = "" if is_global else f"{subscription}/"
            shared = is_global or resource.type == GROUP or resource.at("resourceGroupName") not in own
        if UNKNOWN not in parts:
            yield prefix + "/".join(str(part or "") for part in parts).lower(), resource, shared


def _taken(stack: Stack, _findings: object) -> dict[str, list[str]]:
    """The names that another stack could have too, and those that the stack has twice, with the URNs."""
    urns: dict[str, list[str]] = {}
    elsewhere: set[str] = set()
    for key, resource, shared in _keys(stack):
        urns.setdefault(key, []).append(resource.urn)
        if shared:
            elsewhere.add(key)
    return {key: found for key, found in urns.items() if key in elsewhere or len(found) > 1}


def _sharing(stacks: Mapping[str, StackSettings], facts: Mapping[str, Any]) -> set[str]:
    """The stacks that share a place with a judged one."""
    places = {name: _places(settings) for name, settings in stacks.items()}
    judged = frozenset().union(*(places[name] for name in facts if name in places))
    return {name for name, of_stack in places.items() if not judged.isdisjoint(of_stack)}


def _places(settings: StackSettings) -> frozenset[str]:
    """Where a stack could meet another one: its resource group and what it adopts."""
    if not isinstance(settings, EnvironmentSettings):
        return frozenset()
    group = settings.resource_group_id
    if group is None:
        name = Names(settings.organization, settings.tenant_id).of(
            "resource_group", settings.team, settings.environment
        )
        group = f"/subscriptions/{settings.subscription_id}/resourceGroups/{name}"
    adopted = settings.adopted
    existing = (*adopted.ids.values(), adopted.identity_id) if adopted is not None else ()
    return frozenset(place.lower() for place in (group, *existing) if place is not None)


def _twice(facts: Mapping[str, Any]) -> Iterator[tuple[str, Violation]]:
    first: dict[str, tuple[str, str]] = {}
    for stack, by_key in facts.items():
        for key, urns in by_key.items():
            for urn in urns:
                owner, other = first.setdefault(key, (stack, urn))
                if other != urn:
                    named = f"{_last(other, '::')} of {owner}"
                    same = "assigns the same role" if key.startswith(_A_ROLE) else f"has the same name {_last(key)}"
                    yield stack, (urn, f"{_last(urn, '::')}: {named} {same}.")


def _last(text: str, separator: str = "/") -> str:
    return text.rpartition(separator)[2]


NAME_RULES: tuple[Rule, ...] = (
    Rule(
        "names-once", "error", "No two resources have the same name in one place",
        "Azure allows the name once: the second deployment fails, or changes the resource of the first.",
        "Rename the team or the project in the manifests, or remove resource_group_id.",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules",
        scope="platform", facts=_taken, compare=_twice, related=_sharing,
    ),
)  # fmt: skip
