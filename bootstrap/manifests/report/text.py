"""The report for a person at a terminal."""

from collections.abc import Sequence

from bootstrap.errors import Problem


def render(stacks: Sequence[str], errors: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    """Errors and warnings with their positions, or the stacks of valid manifests."""
    lines = [f"error: {problem}" for problem in errors] or [f"The manifests are valid. Stacks: {', '.join(stacks)}."]
    return "\n".join([*lines, *(f"warning: {problem}" for problem in warnings)])
