"""Draws the intervals of a decision against the limits of the rules: as text, and as a page."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from bootstrap.model.records import Decision, RuleResult
from bootstrap.page import template

_WIDTH = 60
_PADDING = 0.08


@dataclass(frozen=True)
class _Scale:
    """Where the numbers of a rule lie on a line, as shares of its length.

    Attributes:
        low: The lower end of the interval; 0 if it is unlimited.
        high: The upper end of the interval; 1 if it is unlimited.
        limit: The limit.
        refused_from: The start of the part that the interval must not reach.
        refused_to: The end of that part.
    """

    value: float
    low: float
    high: float
    limit: float
    refused_from: float
    refused_to: float


def drawing(decision: Decision) -> str:
    """The rules that compare an interval with a limit, drawn with characters."""
    parts = []
    for result in decision.rules:
        scale = _scale(result)
        if scale is not None:
            parts.append(f"{result.rule}: {outcome(result)}\n  {_line(scale, result)}\n  {_numbers(result)}")
    legend = "[--o--] the interval and its value; | the limit; / values that the interval must not reach"
    return "\n\n".join([*parts, legend]) if parts else "No rule compares an interval with a limit."


def page(decision: Decision) -> str:
    """The decision as an HTML page that loads nothing."""
    rules: list[dict[str, Any]] = []
    for result in decision.rules:
        scale = _scale(result)
        drawn = {name: f"{share * 100:.2f}" for name, share in asdict(scale).items()} if scale is not None else None
        if scale is not None and drawn is not None:
            drawn["width"] = f"{(scale.refused_to - scale.refused_from) * 100:.2f}"
        rules.append({"result": result, "outcome": outcome(result), "drawn": drawn})
    text: str = template("bootstrap.model", "gate.html.j2").render(decision=decision, rules=rules)
    return text


def outcome(result: RuleResult) -> str:
    """The result of a rule in one word."""
    return "passed" if result.passed else "undecided" if result.undecided else "refused"


def _scale(result: RuleResult) -> _Scale | None:
    """Where the numbers of the rule lie; None for a rule without an interval."""
    if result.value is None or result.limit is None or result.side is None or result.confidence is None:
        return None
    numbers = [result.value, result.limit, *(end for end in (result.low, result.high) if end is not None)]
    least, largest = min(numbers), max(numbers)
    length = (largest - least) or abs(largest) or 1.0
    start, whole = least - _PADDING * length, length * (1 + 2 * _PADDING)

    def place(number: float | None, unlimited: float) -> float:
        return (number - start) / whole if number is not None else unlimited

    limit = place(result.limit, 0)
    refused = (limit, 1.0) if result.side == "at_most" else (0.0, limit)
    return _Scale(place(result.value, 0), place(result.low, 0), place(result.high, 1), limit, *refused)


def _line(scale: _Scale, result: RuleResult) -> str:
    def column(share: float) -> int:
        return min(max(math.floor(share * _WIDTH), 0), _WIDTH - 1)

    low, high = column(scale.low), column(scale.high)
    cells = [" "] * _WIDTH
    refused = slice(column(scale.refused_from), column(scale.refused_to) + 1)
    cells[refused] = "/" * len(cells[refused])
    cells[column(scale.limit)] = "|"
    cells[low : high + 1] = "-" * (high + 1 - low)
    cells[low] = "[" if result.low is not None else "<"
    cells[high] = "]" if result.high is not None else ">"
    cells[column(scale.value)] = "o"
    return "".join(cells).rstrip()


def _numbers(result: RuleResult) -> str:
    low, high = (f"{end:.5g}" if end is not None else "unlimited" for end in (result.low, result.high))
    side = "at most" if result.side == "at_most" else "at least"
    p = f"; p {result.p:.2g}" if result.p is not None else ""
    return (
        f"{result.value:.5g} ({low} to {high} at {(result.confidence or 0) * 100:.4g}%), {side} {result.limit:.5g}{p}"
    )
