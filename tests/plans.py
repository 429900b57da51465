"""Plans of a few stacks, kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.observed import NOTHING, Observed
from bootstrap.stack.plan.planner import plan_stacks


@dataclass(frozen=True)
class Plan:
    """Planned stacks, and the day that suppressions and retirement dates were judged by."""

    stacks: Sequence[StackPlan]
    as_of: str | None = None

    def document(self) -> dict[str, Any]:
        """The plan as JSON: docs/plan.md."""
        return {"schema_version": 1, "as_of": self.as_of, "stacks": [stack.document() for stack in self.stacks]}


def make_plan(
    platform: Platform,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None = None,
    cache: Cache | None = None,
    observed: Observed = NOTHING,
) -> Plan:
    """Plan stacks. The arguments and errors are those of `plan_stacks`."""
    return Plan(list(plan_stacks(platform, names, progress, as_of, cache, observed)), as_of)
