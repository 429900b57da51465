"""Azure's limits that a platform can meet, as a table, and what must be done one after the other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from infra.rules.properties import IMAGES, ROLE, STORAGE, VAULT
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, each

CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential"

_LEARN = "https://learn.microsoft.com/azure"
_CORS = "https://learn.microsoft.com/rest/api/storageservices/cross-origin-resource-sharing--cors--support-for-the-azure-storage-services"
_LIMITS = f"{_LEARN}/azure-resource-manager/management/azure-subscription-service-limits"
_FEDERATION = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations"

MOST_TAGS = 50
MOST_CREDENTIALS = 20
MOST_ASSIGNMENTS = 4000
"""Role assignments in a subscription, with all that is in it."""
NEAR_MOST_ASSIGNMENTS = 3_200
"""Four fifths of it: what people assign by hand counts too."""


@dataclass(frozen=True)
class Limit:
    """How many entries a property may have.

    Attributes:
        at: The list or object that is counted.
        source: Where the number is published.
    """

    type: str
    at: str
    most: int
    source: str


ENTRIES: tuple[Limit, ...] = (
    Limit("azure-native:consumption:Budget", "notifications", 5, f"{_LIMITS}#cost-management-limits"),
    Limit("azure-native:monitor:ActionGroup", "emailReceivers", 1000, f"{_LIMITS}#azure-monitor-limits"),
    Limit("azure-native:storage:BlobServiceProperties", "cors.corsRules", 5, _CORS),
    Limit(STORAGE, "networkRuleSet.ipRules", 400, f"{_LEARN}/storage/common/storage-network-security"),
    Limit(VAULT, "properties.networkAcls.ipRules", 1000, f"{_LEARN}/key-vault/general/network-security"),
    Limit(
        IMAGES, "networkRuleSet.ipRules", 100,
        f"{_LEARN}/container-registry/container-registry-access-selected-networks",
    ),
)  # fmt: skip
"""Lists of which Azure takes only so many."""

_BY_TYPE = {limit.type: limit for limit in ENTRIES}


def _entries(resource: Resource) -> Iterable[str]:
    limit = _BY_TYPE[resource.type]
    entries = resource.at(limit.at) or ()
    if entries != UNKNOWN and len(entries) > limit.most:
        yield f"{limit.at} has {len(entries)} entries, and Azure takes {limit.most} ({limit.source})."


def _tags(resource: Resource) -> Iterable[str]:
    from infra.rules import sdk  # imports Pulumi, which the table of rules alone does without

    tags = resource.at("tags")
    if isinstance(tags, Mapping) and len(tags) > MOST_TAGS and sdk.takes(resource.type, "tags"):
        yield f"it has {len(tags)} tags, and Azure takes {MOST_TAGS}."


def _by_identity(stack: Stack) -> dict[str, list[Resource]]:
    by_identity: dict[str, list[Resource]] = {}
    for credential in stack.of(CREDENTIAL):
        if (identity := credential.at("resourceName")) != UNKNOWN:
            by_identity.setdefault(str(identity), []).append(credential)
    return by_identity


def _credentials(stack: Stack) -> Iterator[Violation]:
    for identity, credentials in _by_identity(stack).items():
        if len(credentials) > MOST_CREDENTIALS:
            said = f"{identity} has {len(credentials)} federated credentials, and Azure takes {MOST_CREDENTIALS}."
            yield (credentials[MOST_CREDENTIALS].urn, said)


def _sequence(stack: Stack) -> Iterator[Violation]:
    for credentials in _by_identity(stack).values():
        siblings = {credential.urn: credential for credential in credentials}
        before = {urn: _made_before(urn, siblings) for urn in siblings}
        # The engine tells resources in any order.
        for one, other in combinations(credentials, 2):
            if one.urn not in before[other.urn] and other.urn not in before[one.urn]:
                yield (other.urn, f"{other.name}: it does not wait for {one.name}, nor that one for it.")


def _made_before(urn: str, siblings: Mapping[str, Resource]) -> set[str]:
    """Those of some resources that one of them waits for."""
    found: set[str] = set()
    waiting = [urn]
    while waiting:
        new = (siblings.keys() & siblings[waiting.pop()].depends_on) - found
        found |= new
        waiting += new
    return found


def counted(assignments: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How many role assignments each subscription would hold, by the inputs of the assignments."""
    scopes = (str(inputs.get("scope")).split("/") for inputs in assignments)
    return Counter(parts[2].lower() for parts in scopes if parts[1:2] == ["subscriptions"])


def _assignments(stack: Stack, _found: object) -> dict[str, int]:
    return dict(counted(resource.inputs for resource in stack.of(ROLE)))


def _too_many(told: Mapping[str, Any]) -> Iterator[tuple[str, Violation]]:
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    for stack, by_subscription in told.items():
        counts.update(by_subscription)
        last.update(dict.fromkeys(by_subscription, stack))
    for subscription, count in counts.items():
        if count > MOST_ASSIGNMENTS:
            said = f"{count} roles are given in the subscription {subscription}, and Azure takes {MOST_ASSIGNMENTS}."
            yield last[subscription], (None, said)


def _near(told: Mapping[str, Any]) -> Iterable[tuple[str, Violation]]:
    """Subscriptions near the limit, each told of the stack that has most of its assignments."""
    totals: Counter[str] = Counter()
    for counts in told.values():
        totals.update(counts)
    for subscription, total in sorted(totals.items()):
        if NEAR_MOST_ASSIGNMENTS < total <= MOST_ASSIGNMENTS:
            most = max(told, key=lambda stack: told[stack].get(subscription, 0))
            stacks = sum(subscription in counts for counts in told.values())
            yield (
                most,
                (
                    None,
                    (
                        f"the subscription {subscription} would hold {total} role assignments of {stacks} stacks; "
                        f"Azure allows {MOST_ASSIGNMENTS}."
                    ),
                ),
            )


_ASSIGNMENTS = f"{_LEARN}/role-based-access-control/troubleshoot-limits"
_APART = "Give some teams a subscription of their own (subscription_id in their files), or make groups eligible."

LIMIT_RULES: tuple[Rule, ...] = (
    Rule(
        "limit-entries", "error", "No list is longer than Azure takes",
        "Azure refuses the resource, halfway through a deployment.",
        "Put several into one, as ranges or groups.", _LIMITS,
        each(_BY_TYPE, _entries), "resource",
    ),
    Rule(
        "limit-tags", "error", f"Nothing has more than {MOST_TAGS} tags",
        "Azure refuses the resource, halfway through a deployment.",
        "Take tags out of the manifests.",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources",
        each(None, _tags), "resource",
    ),
    Rule(
        "limit-credentials", "error", f"No identity has more than {MOST_CREDENTIALS} federated credentials",
        "Azure refuses the next one.",
        "Share the projects out to several teams or environments.", _FEDERATION,
        _credentials,
    ),
    Rule(
        "credentials-in-sequence", "error", "Federated credentials of one identity are made one after the other",
        "Azure answers 409 to two at once.",
        "Let each depend on the one before.",
        "https://github.com/pulumi/pulumi-azure-native/issues/4343",
        _sequence,
    ),
    Rule(
        "limit-assignments", "error", f"No more than {MOST_ASSIGNMENTS} roles are given in a subscription",
        "Azure refuses the next one, for every team in it.",
        _APART, _ASSIGNMENTS,
        scope="platform", facts=_assignments, compare=_too_many,
    ),
    Rule(
        "role-assignments-near-limit", "warning", "No subscription comes near the limit of role assignments",
        "What people assign by hand counts too, and teams cannot be moved in a day.", _APART, _ASSIGNMENTS,
        scope="platform", facts=_assignments, compare=_near,
    ),
)  # fmt: skip
"""The rules on limits."""
