"""The rules of `gate.yml` and their results for an evaluation. Reads no files.

A rule passes only with finite, consistent numbers: a missing or NaN value is refused.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from bootstrap.model.evidence import BETTER
from bootstrap.model.records import Champion, Evaluation, Interval, RuleResult

EVIDENCE = "evidence"
"""The name of the result for the checks before any rule is applied; no rule may have this name."""

_TOLERANCE = 1e-6
"""The allowed relative deviation of a written difference from the difference of the written metrics."""


class GateRule(BaseModel):
    """One rule of `gate.yml`: one kind of `_KINDS`, and the keys that this kind needs.

    Attributes:
        name: The rule's name in results.
        metric: The metric; every kind except `data_checks` needs it.
        at_most: The upper limit of the challenger's metric (with `per_group`: in each group).
        at_least: The lower limit of the challenger's metric (with `per_group`: in each group).
        per_group: The column whose groups `at_most` or `at_least` is applied to.
        better_than: The whole interval of the difference must lie on the better side of zero.
        not_worse_than: The whole interval of the difference must lie within `margin` on the worse side of zero.
        margin: In the metric's unit; zero or more.
        better: The better direction of the metric; needed if it is compared and not one of `evidence.BETTER`.
        data_checks: All checks of the data must have passed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    metric: str | None = None
    at_most: FiniteFloat | None = None
    at_least: FiniteFloat | None = None
    per_group: str | None = None
    better_than: Literal["baseline", "champion"] | None = None
    not_worse_than: Literal["baseline", "champion"] | None = None
    margin: Annotated[FiniteFloat, Field(ge=0)] | None = None
    better: Literal["lower", "higher"] | None = None
    data_checks: Literal["passed"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if not kinds:
            raise ValueError(f"the rule {self.name!r} has no kind: add one of {', '.join(_KINDS)}")
        if len(kinds) > 1:
            raise ValueError(f"the rule {self.name!r} has {' and '.join(kinds)}: write one rule for each")
        needed, optional, _ = _KINDS[kinds[0]]
        given = {key for key, value in self if value is not None} - {"name", kinds[0]}
        if missing := needed - given:
            raise ValueError(f"the rule {self.name!r} has {kinds[0]} and needs {' and '.join(sorted(missing))}, too")
        if surplus := given - needed - optional:
            words = " or ".join(sorted(surplus))
            raise ValueError(f"the rule {self.name!r} has {kinds[0]}, which does not allow {words}")
        known = BETTER.get(self.metric or "", self.better)
        if "better" in optional and known is None:
            raise ValueError(
                f"the rule {self.name!r} compares {self.metric}, whose better direction only you know: add "
                f"`better: lower` or `better: higher`. Known metrics: {', '.join(BETTER)}"
            )
        if self.better not in (None, known):
            raise ValueError(f"the rule {self.name!r} has better: {self.better}, but a {known} {self.metric} is better")
        return self


class Gate(BaseModel):
    """The content of `gate.yml`. An empty list of rules is valid here; `apply` refuses it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    rules: list[GateRule]

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: list[GateRule]) -> list[GateRule]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1 or name == EVIDENCE}):
            raise ValueError(f"names of rules must be unique: {', '.join(map(repr, twice))} is already used")
        return rules


def apply(rules: Sequence[GateRule], evaluation: Evaluation, champion: Champion | None) -> list[RuleResult]:
    """The result of each rule. If `champion` is None (nothing is registered yet), rules against it pass."""
    if not rules:
        return [RuleResult(rule="rules", passed=False, message="there are no rules")]
    return [_apply(rule, evaluation, champion) for rule in rules]


def _apply(rule: GateRule, evaluation: Evaluation, champion: Champion | None) -> RuleResult:
    (check,) = (check for kind, (_, _, check) in _KINDS.items() if getattr(rule, kind) is not None)
    return check(rule, evaluation, champion)


def _data_checks(rule: GateRule, evaluation: Evaluation, *_: object) -> RuleResult:
    checks = evaluation.data_checks
    failed = [check for check in checks if not check.passed]
    if not checks:
        return _refused(rule, "there are no data checks")
    if failed:
        named = "; ".join(f"{check.name} ({check.message})" if check.message else check.name for check in failed)
        return _refused(rule, f"{len(failed)} of {len(checks)} checks failed: {named}")
    return RuleResult(rule=rule.name, passed=True, message=f"{len(checks)} checks passed")


def _absolute(rule: GateRule, evaluation: Evaluation, *_: object) -> RuleResult:
    if rule.per_group is not None:
        return _per_group(rule, rule.per_group, evaluation)
    interval = evaluation.challenger.metrics.get(rule.metric or "")
    if interval is None:
        return _refused(rule, f"the challenger has no {rule.metric}{_known(evaluation.challenger.metrics)}")
    if flaw := _flaw(interval):
        return _refused(rule, f"{rule.metric} {flaw}", interval)
    return _limited(rule, f"{rule.metric} {_number(interval.value)}", **interval.model_dump())


def _per_group(rule: GateRule, column: str, evaluation: Evaluation) -> RuleResult:
    groups = evaluation.challenger.groups.get(column)
    if not groups:
        return _refused(rule, f"the evaluation has no groups by {column}{_known(evaluation.challenger.groups)}")
    found = {group: metrics[rule.metric] for group, metrics in groups.items() if rule.metric in metrics}
    for group in groups:
        if group not in found:
            return _refused(rule, f"{column} {group} has no {rule.metric}")
        if not math.isfinite(found[group]):
            return _refused(rule, f"{rule.metric} of {column} {group} is {found[group]}")
    worst = max(found, key=lambda group: _limit(rule, found[group])[0])
    what = f"{rule.metric} {_number(found[worst])} in the worst of {len(found)} groups, {column} {worst}"
    return _limited(rule, what, found[worst])


def _limited(
    rule: GateRule, what: str, value: float, low: float | None = None, high: float | None = None
) -> RuleResult:
    """The result of `at_most` or `at_least` for `value`; `what` names the metric and the value."""
    excess, words = _limit(rule, value)
    return RuleResult(
        rule=rule.name,
        passed=excess <= 0,
        message=f"{what}, {words}" + (f": off by {_number(excess)}" if excess > 0 else ""),
        value=value,
        low=low,
        high=high,
        limit=rule.at_most if rule.at_most is not None else rule.at_least,
    )


def _compared(rule: GateRule, evaluation: Evaluation, champion: Champion | None) -> RuleResult:
    other: Literal["baseline", "champion"] = rule.better_than or rule.not_worse_than or "champion"
    metric = rule.metric or ""
    if other == "champion" and champion is None:
        return RuleResult(rule=rule.name, passed=True, message="there is no champion to compare with yet")
    better = BETTER.get(metric, rule.better)
    declared = evaluation.metrics.get(metric)
    difference = evaluation.differences.get(other, {}).get(metric)
    if declared is not None and declared.better != better:
        return _refused(rule, f"the evaluation declares that a {declared.better} {metric} is better; a {better} one is")
    if difference is None:
        return _refused(rule, f"the evaluation does not compare {metric} with the {other}")
    if flaw := _flaw(difference) or _disagreement(evaluation, other, metric, difference):
        return _refused(rule, f"the difference of {metric} to the {other} {flaw}", difference)
    # The end of the interval on the worse side: positive if the challenger may be worse than the other model.
    worst = difference.high if better == "lower" else -difference.low
    margin = rule.margin if rule.not_worse_than is not None else None
    passed = worst < 0 if margin is None else worst <= margin
    message = (
        f"{metric} differs from the {other} by {_number(difference.value)} "
        f"({_number(difference.low)} to {_number(difference.high)} at {evaluation.confidence:.0%}), "
        f"{better} is better"
    )
    if not passed:
        message += f": up to {_number(worst)} worse, " + (
            "the whole interval must be better" if margin is None else f"{_number(margin)} allowed"
        )
    return RuleResult(
        rule=rule.name,
        passed=passed,
        message=message,
        **difference.model_dump(),
        limit=margin if margin is not None else 0.0,
    )


_KINDS: dict[str, tuple[set[str], set[str], Callable[[GateRule, Evaluation, Champion | None], RuleResult]]] = {
    "at_most": ({"metric"}, {"per_group"}, _absolute),
    "at_least": ({"metric"}, {"per_group"}, _absolute),
    "better_than": ({"metric"}, {"better"}, _compared),
    "not_worse_than": ({"metric", "margin"}, {"better"}, _compared),
    "data_checks": (set(), set(), _data_checks),
}
"""Each kind: the keys that it needs, those that it allows, and its check. A key without a row is refused."""


def _limit(rule: GateRule, value: float) -> tuple[float, str]:
    """The amount by which `value` exceeds the rule's limit (zero or negative: it does not), and the limit in words."""
    if rule.at_most is not None:
        return value - rule.at_most, f"at most {_number(rule.at_most)}"
    limit = rule.at_least if rule.at_least is not None else math.inf
    return limit - value, f"at least {_number(limit)}"


def _flaw(interval: Interval) -> str:
    """Why the interval cannot be used; empty if it can."""
    if not all(map(math.isfinite, (interval.value, interval.low, interval.high))):
        return f"is {interval.value} ({interval.low} to {interval.high}), which is not finite"
    if interval.low > interval.high:
        return f"has an interval whose ends are swapped ({_number(interval.low)} to {_number(interval.high)})"
    return ""


def _disagreement(
    evaluation: Evaluation, other: Literal["baseline", "champion"], metric: str, difference: Interval
) -> str:
    """Why the difference contradicts the metrics; empty if it does not."""
    scores = evaluation.baseline if other == "baseline" else evaluation.champion
    other_interval = scores.metrics.get(metric) if scores else None
    challenger = evaluation.challenger.metrics.get(metric)
    if challenger is None or other_interval is None:
        return f"is given, but the {'challenger' if challenger is None else other} has no {metric}"
    expected = challenger.value - other_interval.value
    scale = max(abs(challenger.value), abs(other_interval.value), 1.0)
    if not abs(expected - difference.value) <= _TOLERANCE * scale:  # also refuses NaN
        return f"is {_number(difference.value)}, but the metrics differ by {_number(expected)}"
    return ""


def _refused(rule: GateRule, message: str, interval: Interval | None = None) -> RuleResult:
    numbers = interval.model_dump() if interval else {}
    finite = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return RuleResult(rule=rule.name, passed=False, message=message, **finite)


def _known(names: Iterable[str]) -> str:
    known = ", ".join(sorted(names))
    return f" (it has {known})" if known else ""


def _number(value: float) -> str:
    return f"{value:.5g}"
