"""What a plan of one stack follows from."""

from dataclasses import dataclass, field

from bootstrap.stack.plan.observed import Observed
from infra.settings import StackSettings


@dataclass(frozen=True)
class Order:
    """A stack to be planned.

    Attributes:
        as_of: The day by which what ends on a day is judged, `YYYY-MM-DD`; None for no day, so that nothing has ended.
        observed: What it adopts, as far as it is known.
    """

    settings: StackSettings
    as_of: str | None = None
    observed: Observed = field(default_factory=dict)
