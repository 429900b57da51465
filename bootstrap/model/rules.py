"""The rules of `gate.yml` and their results for the evidence of a run. Reads no files.

A rule about a metric is a one-sided test: it passes if the end of a confidence interval lies within the limit. The
tests of one decision share the error probability by Holm's method. A missing or NaN value is refused.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from bootstrap.model import estimates
from bootstrap.model.estimates import Estimate
from bootstrap.model.evidence import CONFIDENCE, Losses, members_of
from bootstrap.model.metrics import BETTER, follows
from bootstrap.model.records import Champion, Evaluation, Interval, RuleResult, ServeCheck

EVIDENCE = "evidence"
"""The name of the result for the checks before any rule is applied; no rule may have this name."""

MIN_ROWS = 20
"""The least number of rows of a rule without `min_rows`; also of each group."""

_TOLERANCE = 1e-6
"""The allowed relative deviation of a written difference from the difference of the written metrics."""

Other = Literal["baseline", "champion"]


class GateRule(BaseModel):
    """One rule of `gate.yml`: one kind of `_KINDS`, and the keys that this kind needs.

    Attributes:
        name: The rule's name in results.
        metric: The metric; every kind except `data_checks` and `parity_at_most` needs it.
        at_most: The upper limit of the challenger's metric.
        at_least: The lower limit of the challenger's metric.
        better_than: The whole interval of the difference must lie on the better side of zero.
        not_worse_than: The whole interval of the difference must lie within `margin` on the worse side of zero.
        difference_at_most: The upper limit of the difference between any two groups.
        ratio_at_most: The upper limit of the ratio between any two groups.
        parity_at_most: The upper limit of the difference between predictions of the challenger and of its variant.
        size_mb_at_most: The upper limit of the model's files, in megabytes (1e6 bytes).
        latency_ms_at_most: The upper limit of the 95th percentile that `model serve --check --run` measured.
        age_days_at_most: How long after its start the run may be decided on and registered.
        data_checks: All checks of the data must have passed.
        per_group: The column in each of whose groups the rule must hold, or whose groups are compared.
        variant: The form of the challenger that is looked at: a column of the losses.
        min_rows: With fewer rows, in total or in a group, the rule is undecided.
        margin: In the metric's unit; zero or more.
        better: The better direction of the metric; needed if it is compared and not one of `metrics.BETTER`.
        without_champion: What a comparison with the champion requires of the first model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    metric: str | None = None
    at_most: FiniteFloat | None = None
    at_least: FiniteFloat | None = None
    better_than: Other | None = None
    not_worse_than: Other | None = None
    difference_at_most: Annotated[FiniteFloat, Field(ge=0)] | None = None
    ratio_at_most: Annotated[FiniteFloat, Field(ge=1)] | None = None
    parity_at_most: Annotated[FiniteFloat, Field(ge=0)] | None = None
    size_mb_at_most: Annotated[FiniteFloat, Field(gt=0)] | None = None
    latency_ms_at_most: Annotated[FiniteFloat, Field(gt=0)] | None = None
    age_days_at_most: Annotated[FiniteFloat, Field(gt=0, le=36500)] | None = None
    data_checks: Literal["passed"] | None = None
    per_group: str | None = None
    variant: str | None = None
    min_rows: Annotated[int, Field(ge=2)] | None = None
    margin: Annotated[FiniteFloat, Field(ge=0)] | None = None
    better: Literal["lower", "higher"] | None = None
    without_champion: Literal["passes", "refused", "baseline"] | None = None

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
        if self.without_champion is not None and "champion" not in (self.better_than, self.not_worse_than):
            raise ValueError(f"the rule {self.name!r} has without_champion, but does not compare with the champion")
        return self


class Gate(BaseModel):
    """The content of `gate.yml`. An empty list of rules is valid here; `apply` refuses it.

    Attributes:
        confidence: The confidence of all rules together, two-sided: at 0.95, the probability that any rule passes
            although it should not is at most 0.025.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    confidence: Annotated[float, Field(ge=CONFIDENCE[0], le=CONFIDENCE[1])] = 0.95
    rules: list[GateRule]

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: list[GateRule]) -> list[GateRule]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1 or name == EVIDENCE}):
            raise ValueError(f"names of rules must be unique: {', '.join(map(repr, twice))} is already used")
        return rules


@dataclass(frozen=True)
class Evidence:
    """What the rules are applied to: checked, and without a contradiction.

    Attributes:
        champion: None if nothing is registered yet.
        model_bytes: The size of the model's files; None if unknown.
        started_at: When the run started; None if unknown.
        serve_check: The check of this model as a server; None if there was none.
    """

    evaluation: Evaluation
    losses: Losses
    champion: Champion | None
    model_bytes: int | None = None
    started_at: datetime | None = None
    serve_check: ServeCheck | None = None


@dataclass(frozen=True)
class _Test:
    """A one-sided test: the true value of `estimate` is at most, or at least, `limit`.

    Attributes:
        strict: It must not be equal to the limit.
        what: The metric and its value in words.
        allowed: The limit in words.
    """

    rule: GateRule
    estimate: Estimate
    limit: float
    side: Literal["at_most", "at_least"]
    strict: bool
    what: str
    allowed: str

    def holds(self, error: float) -> bool:
        """Whether the test succeeds with this error probability."""
        end = self.estimate.limit(1 - error if self.side == "at_most" else error)
        if end == self.limit:
            return not self.strict
        return end < self.limit if self.side == "at_most" else end > self.limit

    def fails(self, error: float) -> bool:
        """Whether the opposite test succeeds with this error probability."""
        end = self.estimate.limit(error if self.side == "at_most" else 1 - error)
        return end > self.limit if self.side == "at_most" else end < self.limit


def apply(gate: Gate, evidence: Evidence) -> list[RuleResult]:
    """The result of each rule."""
    if not gate.rules:
        return [RuleResult(rule="rules", passed=False, message="there are no rules")]
    found = {rule.name: _apply(rule, evidence) for rule in gate.rules}
    tests = {name: test for name, test in found.items() if isinstance(test, _Test)}
    tested = _tested(tests, (1 - gate.confidence) / 2)
    return [tested[name] if isinstance(result, _Test) else result for name, result in found.items()]


def _apply(rule: GateRule, evidence: Evidence) -> "RuleResult | _Test":
    (check,) = (check for kind, (_, _, check) in _KINDS.items() if getattr(rule, kind) is not None)
    return check(rule, evidence)


def _tested(tests: Mapping[str, _Test], error: float) -> dict[str, RuleResult]:
    """The results of all tests with an error probability that they share by Holm's method."""
    results = {}
    succeeded = True
    for name, (adjusted, left) in estimates.holm(
        {name: estimates.p_value(test.holds) for name, test in tests.items()}
    ).items():
        test, share = tests[name], error / left
        succeeded = succeeded and test.holds(share)
        results[name] = _result(test, succeeded, share, adjusted)
    return results


def _result(test: _Test, passed: bool, error: float, adjusted: float) -> RuleResult:
    value, low, high = test.estimate.value, test.estimate.limit(error), test.estimate.limit(1 - error)
    confidence = 1 - 2 * error
    undecided = not passed and not test.fails(error)
    message = f"{test.what} ({_number(low)} to {_number(high)} at {confidence * 100:.4g}%), {test.allowed}"
    if not passed:
        end = high if test.side == "at_most" else low
        excess = value - test.limit if test.side == "at_most" else test.limit - value
        if not undecided:
            message += f": off by {_number(excess)}"
        elif test.holds(error):
            message += f": undecided, because another rule did not pass (p {adjusted:.2g} by Holm's method)"
        elif math.isfinite(end):
            message += f": undecided, it may be {_number(end)}"
        else:
            message += ": undecided, because so few rows cannot tell"
    return RuleResult(
        rule=test.rule.name,
        passed=passed,
        message=message,
        undecided=undecided,
        value=value,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        confidence=confidence,
        p=adjusted,
        limit=test.limit,
        side=test.side,
    )


def _data_checks(rule: GateRule, evidence: Evidence) -> RuleResult:
    checks = evidence.evaluation.data_checks
    failed = [check for check in checks if not check.passed]
    if not checks:
        return _refused(rule, "there are no data checks")
    if failed:
        named = "; ".join(f"{check.name} ({check.message})" if check.message else check.name for check in failed)
        return _refused(rule, f"{len(failed)} of {len(checks)} checks failed: {named}")
    return RuleResult(rule=rule.name, passed=True, message=f"{len(checks)} checks passed")


def _absolute(rule: GateRule, evidence: Evidence) -> "RuleResult | _Test":
    found = _by_group(rule, evidence)
    if isinstance(found, RuleResult):
        return found
    estimate, where = _worst(rule, found, largest=rule.at_most is not None)
    form = f" of the variant {rule.variant}" if rule.variant is not None else ""
    what = f"{rule.metric}{form} {_number(estimate.value)}{where}"
    if rule.at_most is not None:
        return _Test(rule, estimate, rule.at_most, "at_most", False, what, f"at most {_number(rule.at_most)}")
    least = rule.at_least if rule.at_least is not None else math.inf
    return _Test(rule, estimate, least, "at_least", False, what, f"at least {_number(least)}")


def _between_groups(rule: GateRule, evidence: Evidence) -> "RuleResult | _Test":
    found = _by_group(rule, evidence)
    if isinstance(found, RuleResult):
        return found
    kind = "difference" if rule.ratio_at_most is None else "ratio"
    spread = estimates.spread(found, ratio=kind == "ratio")
    if math.isnan(spread.value):
        return _refused(rule, f"{rule.metric} has no {kind} between the groups by {rule.per_group}")
    limit = rule.ratio_at_most if rule.ratio_at_most is not None else rule.difference_at_most or 0.0
    what = f"the largest {kind} of {rule.metric} between groups by {rule.per_group} is {_number(spread.value)}"
    return _Test(rule, spread, limit, "at_most", False, what, f"at most {_number(limit)}")


def _compared(rule: GateRule, evidence: Evidence) -> "RuleResult | _Test":
    other: Other = rule.better_than or rule.not_worse_than or "champion"
    if other == "champion" and evidence.champion is None:
        if rule.without_champion != "baseline":
            return _first_model(rule)
        other = "baseline"
    found = _by_group(rule, evidence, other)
    if isinstance(found, RuleResult):
        return found
    lower = BETTER.get(rule.metric or "", rule.better) == "lower"
    estimate, where = _worst(rule, found, largest=lower)
    margin = rule.margin if rule.not_worse_than is not None and rule.margin is not None else 0.0
    strict = rule.better_than is not None
    return _Test(
        rule,
        estimate,
        margin if lower else 0.0 - margin,
        "at_most" if lower else "at_least",
        strict,
        f"{rule.metric} differs from the {other} by {_number(estimate.value)}{where}",
        f"{'lower' if lower else 'higher'} is better, "
        + ("the whole interval must be" if strict else f"{_number(margin)} worse is allowed"),
    )


def _first_model(rule: GateRule) -> RuleResult:
    """The result of a comparison with a champion that there is not."""
    what = "there is no champion to compare with yet"
    if rule.without_champion is None:
        words = ", and gate.yml does not say what is required then: add `without_champion: passes`, refused or baseline"
        return RuleResult(rule=rule.name, passed=False, undecided=True, message=what + words)
    words = f"; without_champion: {rule.without_champion}"
    return RuleResult(rule=rule.name, passed=rule.without_champion == "passes", message=what + words)


def _parity(rule: GateRule, evidence: Evidence) -> RuleResult:
    limit = rule.parity_at_most if rule.parity_at_most is not None else 0.0
    losses = _losses(rule, evidence)
    if isinstance(losses, RuleResult):
        return losses
    # What losses tell about predictions: the error without its sign; the probability of the true class.
    scale: Callable[[float], float] = (
        math.sqrt if evidence.evaluation.problem == "regression" else lambda loss: math.exp(-loss)
    )
    pairs = zip(losses, evidence.losses.models["challenger"], strict=True)
    largest = max(abs(scale(one) - scale(two)) for one, two in pairs)
    what = "errors" if evidence.evaluation.problem == "regression" else "probabilities"
    words = (
        f"the largest difference of {what} to the variant {rule.variant} is {_number(largest)} in {len(losses)} rows"
    )
    return RuleResult(
        rule=rule.name,
        passed=largest <= limit,
        message=f"{words}, at most {_number(limit)}",
        value=largest,
        limit=limit,
        side="at_most",
    )


def _size(rule: GateRule, evidence: Evidence) -> RuleResult:
    if evidence.model_bytes is None:
        return _refused(rule, "the size of the model is unknown")
    return _at_most(rule, "the model has", evidence.model_bytes / 1e6, rule.size_mb_at_most or 0.0, "MB")


def _latency(rule: GateRule, evidence: Evidence) -> RuleResult:
    check, limit = evidence.serve_check, rule.latency_ms_at_most or 0.0
    if check is None:
        return _refused(rule, "this model was not checked as a server: run `model serve --check --run ID` first")
    if not check.passed:
        return _refused(rule, "`model serve --check` found wrong answers of this model")
    if not all(map(math.isfinite, (check.p95_ms, check.p95_high_ms))) or check.p95_ms > check.p95_high_ms:
        return _refused(rule, f"the latencies {check.p95_ms} and {check.p95_high_ms} ms are impossible")
    found = _at_most(rule, f"95 % of {check.requests} requests took up to", check.p95_high_ms, limit, "ms")
    return found.model_copy(update={"undecided": not found.passed and check.p95_ms <= limit})


def _age(rule: GateRule, evidence: Evidence) -> RuleResult:
    if evidence.started_at is None:
        return _refused(rule, "the start of the run is unknown")
    now, until = datetime.now(UTC), evidence.started_at + timedelta(days=rule.age_days_at_most or 0.0)
    started, ends = (one.isoformat(timespec="seconds") for one in (evidence.started_at, until))
    if evidence.started_at > now:
        return _refused(rule, f"the run started at {started}, which is in the future: check the clock")
    # The same words before and after: the registration repeats the decision later.
    words = f"the run of {started} counts until {ends}"
    return RuleResult(rule=rule.name, passed=now <= until, message=words + ("" if now <= until else ": run again"))


def _at_most(rule: GateRule, what: str, value: float, limit: float, unit: str) -> RuleResult:
    message = f"{what} {_number(value)} {unit}, at most {_number(limit)}"
    return RuleResult(rule=rule.name, passed=value <= limit, message=message, value=value, limit=limit, side="at_most")


_Check = Callable[[GateRule, Evidence], "RuleResult | _Test"]

_KINDS: dict[str, tuple[set[str], set[str], _Check]] = {
    "at_most": ({"metric"}, {"per_group", "variant", "min_rows"}, _absolute),
    "at_least": ({"metric"}, {"per_group", "variant", "min_rows"}, _absolute),
    "better_than": ({"metric"}, {"better", "per_group", "min_rows", "without_champion"}, _compared),
    "not_worse_than": ({"metric", "margin"}, {"better", "per_group", "min_rows", "without_champion"}, _compared),
    "difference_at_most": ({"metric", "per_group"}, {"variant", "min_rows"}, _between_groups),
    "ratio_at_most": ({"metric", "per_group"}, {"variant", "min_rows"}, _between_groups),
    "parity_at_most": ({"variant"}, set(), _parity),
    "size_mb_at_most": (set(), set(), _size),
    "latency_ms_at_most": (set(), set(), _latency),
    "age_days_at_most": (set(), set(), _age),
    "data_checks": (set(), set(), _data_checks),
}
"""Each kind: the keys that it needs, those that it allows, and its check. A key without a row is refused."""


def _by_group(rule: GateRule, evidence: Evidence, other: Other | None = None) -> dict[str, Estimate] | RuleResult:
    """The rule's metric, or its difference to another model, in each group; without groups, in one with all rows."""
    metric = rule.metric or ""
    groups = _groups(rule, evidence)
    if isinstance(groups, RuleResult):
        return groups
    if not follows(metric, evidence.evaluation.problem, evidence.losses.truth):
        return _reported(rule, evidence, other)
    losses = _losses(rule, evidence)
    if isinstance(losses, RuleResult):
        return losses
    columns = [evidence.losses.truth, losses, *([evidence.losses.models[other]] if other is not None else [])]
    found = {
        group: estimates.estimate(metric, *([column[row] for row in rows] for column in columns))
        for group, rows in groups.items()
    }
    for group, estimate in found.items():
        if math.isnan(estimate.value):
            return _refused(rule, f"{metric} is nan" + (f" for {rule.per_group} {group}" if group else ""))
    return found


def _worst(rule: GateRule, found: Mapping[str, Estimate], *, largest: bool) -> tuple[Estimate, str]:
    """The estimate for the worst group, and that group in words; empty for a rule without groups."""
    choose = max if largest else min
    group = choose(found, key=lambda name: found[name].value)
    where = f" for {rule.per_group} {group}, the worst of {len(found)} groups" if rule.per_group is not None else ""
    return estimates.worst(found.values(), largest=largest), where


def _reported(rule: GateRule, evidence: Evidence, other: Other | None) -> dict[str, Estimate] | RuleResult:
    """The interval of the evaluate step, for a metric that does not follow from the losses."""
    evaluation, metric = evidence.evaluation, rule.metric or ""
    if rule.per_group is not None or rule.variant is not None:
        known = [name for name in BETTER if follows(name, evaluation.problem, evidence.losses.truth)]
        return _refused(rule, f"{metric} cannot be computed for groups and variants, only {', '.join(known)}")
    if other is None:
        what, interval = metric, evaluation.challenger.metrics.get(metric)
        if interval is None:
            return _refused(rule, f"the challenger has no {metric}{_known(evaluation.challenger.metrics)}")
    else:
        what, interval = f"the difference of {metric} to the {other}", evaluation.differences.get(other, {}).get(metric)
        declared, better = evaluation.metrics.get(metric), BETTER.get(metric, rule.better)
        if declared is not None and declared.better != better:
            words = f"the evaluation declares that a {declared.better} {metric} is better; a {better} one is"
            return _refused(rule, words)
        if interval is None:
            return _refused(rule, f"the evaluation does not compare {metric} with the {other}")
    if flaw := _flaw(interval) or (_disagreement(evaluation, other, metric, interval) if other is not None else ""):
        return _refused(rule, f"{what} {flaw}")
    return {"": estimates.reported(interval.value, interval.low, interval.high, evaluation.confidence)}


def _losses(rule: GateRule, evidence: Evidence) -> Sequence[float] | RuleResult:
    """The losses that the rule looks at."""
    if rule.variant is None:
        return evidence.losses.models["challenger"]
    variants = evidence.losses.variants
    if rule.variant not in variants:
        return _refused(rule, f"the losses have no variant {rule.variant}{_known(variants)}")
    return variants[rule.variant]


def _groups(rule: GateRule, evidence: Evidence) -> dict[str, Sequence[int]] | RuleResult:
    """The rows of each group that the rule looks at; a rule without groups looks at one that has all rows."""
    groups: dict[str, Sequence[int]] = {"": range(len(evidence.losses.truth))}
    if rule.per_group is not None:
        labels = evidence.losses.groups.get(rule.per_group)
        if labels is None:
            return _refused(rule, f"the evaluation has no groups by {rule.per_group}{_known(evidence.losses.groups)}")
        groups = dict(members_of(labels))
    least = rule.min_rows or MIN_ROWS
    few = [f"{rule.per_group} {group} has {len(rows)}" if rule.per_group is not None else f"there are {len(rows)}"
           for group, rows in groups.items() if len(rows) < least]  # fmt: skip
    if few:
        return RuleResult(
            rule=rule.name, passed=False, undecided=True, message=f"{', '.join(few)} rows; {least} are needed to decide"
        )
    return groups


def _flaw(interval: Interval) -> str:
    """Why the interval cannot be used; empty if it can."""
    if not all(map(math.isfinite, (interval.value, interval.low, interval.high))):
        return f"is {interval.value} ({interval.low} to {interval.high}), which is not finite"
    if interval.low > interval.high:
        return f"has an interval whose ends are swapped ({_number(interval.low)} to {_number(interval.high)})"
    return ""


def _disagreement(evaluation: Evaluation, other: Other, metric: str, difference: Interval) -> str:
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


def _refused(rule: GateRule, message: str) -> RuleResult:
    return RuleResult(rule=rule.name, passed=False, message=message)


def _known(names: Iterable[str]) -> str:
    known = ", ".join(sorted(names))
    return f" (it has {known})" if known else ""


def _number(value: float) -> str:
    return f"{value:.5g}" if math.isfinite(value) else "unlimited"
