"""Rules on limits that manifests can exceed: those of Azure, and the budget."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from infra.rules.rule import UNKNOWN, Rule, Stack, Violation, violation_of
from infra.settings import HubSettings, StackSettings
from infra.tables.resource_types import ACTION_GROUP, IMAGES, ROLE, STORAGE, VAULT
from infra.tables.roles import PEOPLE, SELF_SERVICE
from infra.tables.sizes import HOURS_A_MONTH

_LEARN = "https://learn.microsoft.com/azure"
_LIMITS = f"{_LEARN}/azure-resource-manager/management/azure-subscription-service-limits"

MOST_TAGS = 50
MOST_ASSIGNMENTS = 4000
"""Role assignments in a subscription, with all resources in it."""
NEAR_MOST_ASSIGNMENTS = 3_200
"""Four fifths of it: assignments that people make by hand count too."""

MOST_ENTRIES: dict[str, tuple[str, int, str]] = {
    ACTION_GROUP: ("emailReceivers", 1000, f"{_LIMITS}#azure-monitor-limits"),
    STORAGE: ("networkRuleSet.ipRules", 400, f"{_LEARN}/storage/common/storage-network-security"),
    VAULT: ("properties.networkAcls.ipRules", 1000, f"{_LEARN}/key-vault/general/network-security"),
    IMAGES: (
        "networkRuleSet.ipRules", 100,
        f"{_LEARN}/container-registry/container-registry-access-selected-networks",
    ),
}  # fmt: skip
"""Lists that manifests fill: the path by type, how many entries Azure accepts, and the source."""


def _too_long(stack: Stack) -> Iterator[Violation]:
    for resource in stack.of(*MOST_ENTRIES):
        path, most, source = MOST_ENTRIES[resource.type]
        entries = resource.at(path) or ()
        if entries != UNKNOWN and len(entries) > most:
            yield violation_of(resource, f"{path} has {len(entries)} entries, and Azure accepts {most} ({source}).")


def _too_many_tags(stack: Stack) -> Iterator[Violation]:
    """One violation for a stack, at its first resource with too many: the manifests set the same tags on all."""
    from infra.rules import sdk  # not at the top: it imports Pulumi, which a cached plan does not need

    for resource in stack.resources:
        tags = resource.at("tags")
        if isinstance(tags, Mapping) and len(tags) > MOST_TAGS and sdk.takes(resource.type, "tags"):
            yield violation_of(
                resource, f"it has {len(tags)} tags with those that are added, and Azure accepts {MOST_TAGS}."
            )
            return


def assignments_by_subscription(assignments: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How many role assignments each subscription would hold, from the inputs of the assignments."""
    # A scope that Azure decides is in the subscription of the role's definition.
    scopes = (
        str(inputs.get("scope" if inputs.get("scope") != UNKNOWN else "roleDefinitionId")).split("/")
        for inputs in assignments
    )
    return Counter(parts[2].lower() for parts in scopes if parts[1:2] == ["subscriptions"])


def _assignments(stack: Stack, _findings: object) -> dict[str, int]:
    return dict(assignments_by_subscription(resource.inputs for resource in stack.of(ROLE)))


def most_assignments(settings: StackSettings) -> dict[str, int]:
    """An upper bound of the role assignments of a stack in each subscription, from its settings alone."""
    if isinstance(settings, HubSettings):
        most = 40 + 20 * (len(settings.groups) + len(settings.deployers))
        return {one.lower(): most for one in (settings.subscription_id, *settings.subscriptions)}
    logins = 3 * len(settings.projects) + sum(
        len(PEOPLE[group.persona, settings.people] + SELF_SERVICE.get(group.persona, ())) for group in settings.groups
    )
    others = 4 * len(settings.kubernetes) + len(settings.networking.outbound)
    on_hub = 4 + 2 * (len(settings.projects) + len(settings.shared))
    most_here = Counter({settings.subscription_id.lower(): 20 + logins + others})
    most_here[settings.hub_subscription_id.lower()] += on_hub
    return dict(most_here)


def _in_crowded_subscriptions(stacks: Mapping[str, StackSettings], facts: Mapping[str, Any]) -> set[str]:
    """The stacks that assign roles in the subscriptions of the judged ones, where all could come near the limit."""
    by_stack = {name: most_assignments(settings) for name, settings in stacks.items()}
    most: Counter[str] = Counter()
    for counts in by_stack.values():
        most.update(counts)
    judged = {stacks[name].subscription_id.lower() for name in facts if name in stacks}
    crowded = {subscription for subscription in judged if most[subscription] > NEAR_MOST_ASSIGNMENTS}
    return {name for name, counts in by_stack.items() if not crowded.isdisjoint(counts)}


def _over(facts: Mapping[str, Any]) -> Iterator[tuple[str, Violation]]:
    for stack, subscription, total, _ in _totals(facts):
        if total > MOST_ASSIGNMENTS:
            yield _crowded(stack, subscription, f"{total} role assignments")


def _near(facts: Mapping[str, Any]) -> Iterator[tuple[str, Violation]]:
    for stack, subscription, total, stacks in _totals(facts):
        if NEAR_MOST_ASSIGNMENTS < total <= MOST_ASSIGNMENTS:
            yield _crowded(stack, subscription, f"{total} role assignments of {stacks} stacks")


def _crowded(stack: str, subscription: str, what: str) -> tuple[str, Violation]:
    return stack, (None, f"the subscription {subscription} would hold {what}; Azure allows {MOST_ASSIGNMENTS}.")


def _totals(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, int, int]]:
    """The stack with most assignments in a subscription, the subscription, all assignments, and how many stacks."""
    totals: Counter[str] = sum(map(Counter, facts.values()), Counter())
    for subscription, total in sorted(totals.items()):
        most = max(facts, key=lambda stack: facts[stack].get(subscription, 0))
        yield most, subscription, total, sum(subscription in counts for counts in facts.values())


def _over_budget(stack: Stack) -> Iterator[Violation]:
    """The clusters whose nodes could cost more than the budget in a month, each by itself and all together.

    Nodes of low priority have no published price, so they are not counted.
    """
    settings = stack.environment
    if settings is None or settings.budget is None:
        return
    budget = settings.budget.amount
    costs: dict[str, Decimal] = {}
    currency = ""
    for cluster in settings.clusters:
        if cluster.low_priority or cluster.size.lower() not in stack.machine_prices:
            continue
        price, currency = stack.machine_prices[cluster.size.lower()]
        costs[cluster.name] = price * cluster.max_nodes * HOURS_A_MONTH
        if costs[cluster.name] > budget:
            yield (
                stack.urns.get(f"cluster-{cluster.name}"),
                (
                    f"cluster {cluster.name}: {cluster.max_nodes} nodes at {price:f} {currency} an hour cost "
                    f"{costs[cluster.name]:,.2f} {currency} in a month of {HOURS_A_MONTH} hours, and the budget is "
                    f"{budget:,.2f}."
                ),
            )
    total = sum(costs.values())
    if len(costs) > 1 and total > budget:
        yield (
            stack.urns.get("budget"),
            (
                f"the clusters {', '.join(costs)} together cost {total:,.2f} {currency} in a month of {HOURS_A_MONTH} "
                f"hours with all their nodes, and the budget is {budget:,.2f}."
            ),
        )


_ASSIGNMENTS = f"{_LEARN}/role-based-access-control/troubleshoot-limits"
_FEWER = "Write a subscription_id for some teams, or eligible: true for some groups."

LIMIT_RULES: tuple[Rule, ...] = (
    Rule(
        "limit-entries", "error", "No list is longer than Azure accepts",
        "Azure refuses the resource during the deployment.",
        "Combine entries in the manifest: ranges in allow_ips, a distribution list in alert_emails.", _LIMITS,
        _too_long, "resource",
    ),
    Rule(
        "limit-tags", "error", f"No resource has more than {MOST_TAGS} tags",
        "Azure refuses the resource during the deployment.",
        "Remove tags from the manifests.",
        f"{_LEARN}/azure-resource-manager/management/tag-resources",
        _too_many_tags, "resource",
    ),
    Rule(
        "limit-assignments", "error", f"No subscription has more than {MOST_ASSIGNMENTS} role assignments",
        "Azure refuses the next one, for every team in the subscription.",
        _FEWER, _ASSIGNMENTS,
        scope="platform", facts=_assignments, compare=_over, related=_in_crowded_subscriptions,
    ),
    Rule(
        "role-assignments-near-limit", "warning", "No subscription is near the limit of role assignments",
        "Assignments that people make by hand count too, and a team cannot change its subscription in a day.",
        _FEWER, _ASSIGNMENTS,
        scope="platform", facts=_assignments, compare=_near, related=_in_crowded_subscriptions,
    ),
    Rule(
        "cluster-budget", "warning", "The budget is enough for a month in which all nodes of the clusters run",
        "A budget notifies and stops nothing: a job that does not end costs this much. Prices are those of --prices, "
        "before discounts; write the currency of the budget in --currency.",
        "Write a smaller max_nodes or another size, or the budget that the team really has.",
        f"{_LEARN}/machine-learning/how-to-manage-optimize-cost",
        _over_budget, "settings",
    ),
)  # fmt: skip
