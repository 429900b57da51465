"""How many roles each subscription would hold, and the rule that warns before the limit is met (`limits` has it)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.policies.limits import MOST_ASSIGNMENTS
from infra.policies.properties import ROLE
from infra.policies.rule import Across, Breach, Rule, Stack

NEAR = 3_200
"""Four fifths of it: what people assign by hand counts too."""


def counted(assignments: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How many role assignments each subscription would hold, by the inputs of the assignments."""
    scopes = (str(inputs.get("scope")).split("/") for inputs in assignments)
    return Counter(parts[2] for parts in scopes if parts[1:2] == ["subscriptions"])


def _told(stack: Stack, _found: Sequence[tuple[str, Breach]]) -> dict[str, int]:
    return dict(counted(resource.inputs for resource in stack.of(ROLE)))


def _near(told: Mapping[str, Any]) -> Iterable[tuple[str, Breach]]:
    """Subscriptions near the limit, each told of the stack that has most of its assignments."""
    totals: Counter[str] = Counter()
    for counts in told.values():
        totals.update(counts)
    for subscription, total in sorted(totals.items()):
        if NEAR < total <= MOST_ASSIGNMENTS:
            most = max(told, key=lambda stack: told[stack].get(subscription, 0))
            stacks = sum(subscription in counts for counts in told.values())
            yield (
                most,
                Breach(
                    None,
                    f"the subscription {subscription} would hold {total} role assignments of {stacks} stacks; "
                    f"Azure allows {MOST_ASSIGNMENTS}.",
                ),
            )


_LINK = "https://learn.microsoft.com/azure/role-based-access-control/troubleshoot-limits"
_FIX = "Give some teams a subscription of their own (subscription_id in their files), or make groups eligible."

ASSIGNMENT_RULES: tuple[Rule, ...] = (
    Rule(
        "role-assignments-near-limit", "warning", "No subscription comes near the limit of role assignments",
        "What people assign by hand counts too, and teams cannot be moved in a day.", _FIX, _LINK,
        Across(_told, _near),
    ),
)  # fmt: skip
"""The rules on how many roles are assigned."""
