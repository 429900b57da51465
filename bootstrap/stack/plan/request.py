"""The inputs of a plan."""

from dataclasses import dataclass, field

from bootstrap.stack.plan.observed import Observed
from infra.settings import StackSettings


@dataclass(frozen=True)
class Request:
    """The inputs of the plan of one stack.

    Attributes:
        as_of: The date, `YYYY-MM-DD`, for rules that depend on one; None: nothing has ended yet.
        observed: The existing resources that the stack adopts, as far as they are known.
    """

    settings: StackSettings
    as_of: str | None = None
    observed: Observed = field(default_factory=dict)
