"""What a report form is: a module of this package that renders plans and comparisons as text.

Both functions yield their text in parts and take one stack after the other, so that the report of a thousand stacks
needs no more memory than that of a few.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from bootstrap.stack.diff.difference import Baseline, StackDiff
from bootstrap.stack.plan.model import StackPlan

Show = Literal["summary", "resources", "findings"]
"""What the tree shows of each stack: counts and findings, its resources too, or its findings only."""


class Report(Protocol):
    """A form of the result of `plan` and `diff`.

    Attributes:
        LISTS_ERRORS: Whether a reader sees the findings that refuse a deployment; else `--check` prints them too.
    """

    LISTS_ERRORS: bool

    def render_plan(self, stacks: Iterable[StackPlan], as_of: str | None, show: Show, /) -> Iterator[str]:
        """Render planned stacks.

        Args:
            as_of: The day that suppressions and retirement dates were judged by, `YYYY-MM-DD`; None for no day.
            show: The forms beside the tree always show everything.
        """

    def render_diff(self, baseline: Baseline, stacks: Iterable[StackDiff], /) -> Iterator[str]:
        """Render how stacks differ from the baseline."""
