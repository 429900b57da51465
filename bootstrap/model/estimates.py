"""Metrics and differences with their uncertainty, from the losses of paired rows: what the rules of the gate compare.

The gate computes them itself, in the standard library: it neither believes the intervals of the evaluate step, nor runs
a package of the project's environment. Random numbers have a fixed seed, so the same losses give the same limits.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

from bootstrap.model.metrics import MEANS, Numbers, is_right, roc_auc

RESAMPLES = 4000
"""How often rows are drawn."""

_BLOCKS = 1000
"""The largest number of units that are drawn: more rows are shuffled into this many blocks.

The sums of blocks are independent as rows are, with the same variance and skewness of their mean, so the limits differ
by the error of a variance from this many units, 2 %, while the time does not grow with the rows.
"""

_SEED = 0
_NORMAL = NormalDist()
_HALF = 0.5
_STEPS = 60
_LARGEST_EXPONENT = 700.0
_FARTHEST = 7.0
"""The largest normal quantile that is looked at; one-sided, 1e-12."""


@dataclass(frozen=True)
class Estimate:
    """A number and its confidence limits.

    Attributes:
        value: The number; NaN if the rows do not have it.
        method: How the limits follow from the rows.
        limit: The confidence limit by level: the true value is at most `limit(level)` with this confidence. The ends of
            an interval of 95 % are `limit(0.025)` and `limit(0.975)`. Infinite where so few rows cannot tell.
    """

    value: float
    method: str
    limit: Callable[[float], float]


def estimate(metric: str, truth: Numbers, losses: Numbers, other: Numbers | None = None) -> Estimate:
    """A metric of `bootstrap.model.metrics`; with the losses of another model on the same rows, the difference to it.

    Accuracies are compared by McNemar's test, areas below the ROC curve by DeLong's, all else by the paired bootstrap.
    """
    if other is not None and list(losses) == list(other):
        return _constant(0.0)
    if metric == "roc_auc":
        return _area(truth, losses, other)
    if metric == "accuracy":
        right = is_right(truth, losses)
        return proportion(sum(right), len(right)) if other is None else _paired(right, is_right(truth, other))
    parts, of_means = MEANS[metric]
    rows = parts(truth, losses)
    if other is None:
        return bootstrap(rows, of_means)
    width = len(rows[0])
    both = [one + two for one, two in zip(rows, parts(truth, other), strict=True)]
    return bootstrap(both, lambda means: of_means(means[:width]) - of_means(means[width:]))


def reported(value: float, low: float, high: float, confidence: float) -> Estimate:
    """An estimate whose interval somebody else computed; limits of other levels follow from the normal distribution."""
    known = _NORMAL.inv_cdf(1 - (1 - confidence) / 2)

    def limit(level: float) -> float:
        way = _NORMAL.inv_cdf(level) / known
        return value + way * (high - value) if way > 0 else value + way * (value - low)

    return Estimate(value, "reported", limit)


def worst(estimates: Iterable[Estimate], *, largest: bool) -> Estimate:
    """The largest or smallest of several true values: whoever shows a limit for it shows it for each of them."""
    found = list(estimates)
    choose: Callable[[Iterable[float]], float] = max if largest else min
    if any(math.isnan(one.value) for one in found):
        return _constant(math.nan)
    return Estimate(
        choose(one.value for one in found),
        found[0].method,
        lambda level: choose(one.limit(level) for one in found),
    )


def spread(groups: Mapping[str, Estimate], *, ratio: bool) -> Estimate:
    """The largest difference, or ratio, of a metric between any two of several groups, which have no row in common.

    The limits for two groups follow from the limits of each: the method of variance estimates recovery, which is
    Newcombe's for proportions. Zou and Donner (2008), https://doi.org/10.1002/sim.3095; of a ratio, on logarithms.
    """
    pairs = [(one, two) for one in groups.values() for two in groups.values() if one is not two]
    if not pairs or (ratio and any(not one.value > 0 for one in groups.values())):
        return _constant(math.nan)
    scale: Callable[[float], float] = _logarithm if ratio else float
    back: Callable[[float], float] = _exponential if ratio else float

    def between(one: Estimate, two: Estimate, level: float) -> float:
        way = 1 if level >= _HALF else -1
        first = scale(one.limit(level)) - scale(one.value)
        second = scale(two.limit(1 - level)) - scale(two.value)
        return back(scale(one.value) - scale(two.value) + way * math.hypot(first, second))

    value = max(back(scale(one.value) - scale(two.value)) for one, two in pairs)
    return Estimate(value, pairs[0][0].method, lambda level: max(between(one, two, level) for one, two in pairs))


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _exponential(value: float) -> float:
    return math.exp(value) if value < _LARGEST_EXPONENT else math.inf


def p_value(holds: Callable[[float], bool]) -> float:
    """The smallest error probability with which a one-sided test finds what `holds`, a test for each probability."""
    low, high = -_FARTHEST, _FARTHEST
    if not holds(_NORMAL.cdf(high)):
        return 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(_NORMAL.cdf(middle)) else (middle, high)
    return _NORMAL.cdf(high)


def holm(p_values: Mapping[str, float]) -> dict[str, tuple[float, int]]:
    """The adjusted p-value of each of several tests, and the number of tests that share the error with it.

    With adjusted p-values, the probability that any of the tests is wrong is at most the nominal one: Holm (1979),
    https://www.jstor.org/stable/4615733.
    """
    adjusted: dict[str, tuple[float, int]] = {}
    before = 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        left = len(p_values) - place
        before = max(before, min(1.0, left * p_values[name]))
        adjusted[name] = (before, left)
    return adjusted


def bootstrap(rows: Sequence[tuple[float, ...]], statistic: Callable[[Numbers], float]) -> Estimate:
    """A function of the means of `rows`, with limits by the bootstrap.

    A limit is the outer one of the percentile and the BCa method (bias-corrected and accelerated; Efron and Tibshirani,
    An Introduction to the Bootstrap, 1993, chapters 13 and 14). Both are too narrow for few rows; the levels are
    expanded by Student's distribution: Hesterberg (2015), https://doi.org/10.1080/00031305.2015.1089789, section 3.2.
    """
    random = Random(_SEED)  # noqa: S311 - no secret depends on it
    units = _blocks(rows, random)
    count = len(units)
    totals = [math.fsum(column) for column in zip(*units, strict=True)]
    value = statistic([total / totals[0] for total in totals[1:]])
    if math.isnan(value):
        return _constant(value)
    if all(row == rows[0] for row in rows):
        return Estimate(value, "bootstrap", lambda _: value)
    replicates = []
    for _ in range(RESAMPLES):
        drawn = [math.fsum(column) for column in zip(*random.choices(units, k=count), strict=True)]
        replicates.append(statistic([one / drawn[0] for one in drawn[1:]]))
    without = [
        statistic([(total - one) / (totals[0] - unit[0]) for total, one in zip(totals[1:], unit[1:], strict=True)])
        for unit in units
    ]
    if not all(map(math.isfinite, [*replicates, *without])):
        return Estimate(value, "bootstrap", _unknown)
    replicates.sort()
    middle = math.fsum(without) / count
    squares = math.fsum((middle - one) ** 2 for one in without)
    acceleration = math.fsum((middle - one) ** 3 for one in without) / (6 * squares**1.5) if squares else 0.0
    below = sum(one < value for one in replicates) + sum(one == value for one in replicates) / 2
    bias = _NORMAL.inv_cdf((below + _HALF) / (RESAMPLES + 1))

    def limit(level: float) -> float:
        expanded = _student(_NORMAL.inv_cdf(level), count - 1) * math.sqrt(count / (count - 1))
        corrected = bias + expanded
        left = 1 - acceleration * corrected
        adjusted = bias + corrected / left if left > 0 else math.copysign(math.inf, expanded)
        ends = (_quantile(replicates, expanded), _quantile(replicates, adjusted))
        return max(ends) if level >= _HALF else min(ends)

    return Estimate(value, "bootstrap", limit)


def _blocks(rows: Sequence[tuple[float, ...]], random: Random) -> list[tuple[float, ...]]:
    """Rows with the count 1 before their numbers; or, if there are many, random blocks of them with their sums."""
    counted = [(1.0, *row) for row in rows]
    if len(counted) <= _BLOCKS:
        return counted
    random.shuffle(counted)  # rows in an order would make blocks that resemble each other more than rows do
    return [
        tuple(math.fsum(column) for column in zip(*counted[start::_BLOCKS], strict=True)) for start in range(_BLOCKS)
    ]


def _quantile(ordered: Numbers, normal: float) -> float:
    """The value below which the share of the normal quantile lies; beyond the resamples, as a normal tail goes on."""
    place = _NORMAL.cdf(normal) * (len(ordered) + 1) - 1
    if math.isinf(normal):
        return normal
    if not 0 <= place <= len(ordered) - 1:
        middle, last = ordered[len(ordered) // 2], ordered[-1 if normal > 0 else 0]
        return middle + (last - middle) * abs(normal) / _NORMAL.inv_cdf(len(ordered) / (len(ordered) + 1))
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _student(normal: float, degrees: int) -> float:
    """Student's quantile for a normal one: Abramowitz and Stegun (1964), 26.7.5, https://dlmf.nist.gov/."""
    powers = [normal**power for power in (1, 3, 5, 7)]
    terms = (
        (powers[1] + powers[0]) / 4,
        (5 * powers[2] + 16 * powers[1] + 3 * powers[0]) / 96,
        (3 * powers[3] + 19 * powers[2] + 17 * powers[1] - 15 * powers[0]) / 384,
    )
    return normal + math.fsum(term / degrees**power for power, term in enumerate(terms, start=1))


def _constant(value: float) -> Estimate:
    return Estimate(value, "equal rows", lambda _: value)


def _unknown(level: float) -> float:
    return math.inf if level >= _HALF else -math.inf


def proportion(right: int, count: int) -> Estimate:
    """A share, with exact limits: Clopper and Pearson (1934), https://doi.org/10.1093/biomet/26.4.404."""

    def limit(level: float) -> float:
        if level >= _HALF:
            return 1 - _least_share(count - right, count, 1 - level)
        return _least_share(right, count, level)

    return Estimate(right / count, "Clopper-Pearson", limit)


def _least_share(right: int, count: int, error: float) -> float:
    """The share of which `right` or more of `count` are found with the probability `error`."""
    if not right:
        return 0.0
    return _root(lambda share: at_least(right, count, share) - error, 0.0, 1.0)


def at_least(right: int, count: int, share: float) -> float:
    """The probability of `right` or more successes of `count`; the terms are summed from `right` outward."""
    if not 0 < share < 1:
        return share
    mean = count * share
    upward = right > mean
    first = right if upward else right - 1
    term = math.exp(
        math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1)
        + first * math.log(share) + (count - first) * math.log1p(-share)
    )  # fmt: skip
    total, odds = 0.0, share / (1 - share)
    place = first
    while 0 <= place <= count and term > total * 1e-17:
        total += term
        term *= (count - place) / (place + 1) * odds if upward else place / ((count - place + 1) * odds)
        place += 1 if upward else -1
    return total if upward else 1 - total


def _paired(right: Sequence[bool], others: Sequence[bool]) -> Estimate:
    """The difference of two accuracies on the same rows.

    A limit is the outer one of two: of Tango's score interval (1998), which contains zero if McNemar's test does not
    find a difference, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C891::AID-SIM780%3E3.0.CO;2-B, and of the
    exact interval of the rows that only one of the models has right, as the exact form of that test has.
    """
    count = len(right)
    gained = sum(one and not other for one, other in zip(right, others, strict=True))
    lost = sum(other and not one for one, other in zip(right, others, strict=True))
    split = proportion(gained, gained + lost) if gained + lost else None

    def score(difference: float) -> float:
        linear = -gained - lost + (2 * count - gained + lost) * difference
        constant = -lost * difference * (1 - difference)
        share = (math.sqrt(max(linear**2 - 8 * count * constant, 0.0)) - linear) / (4 * count)
        variance = count * (2 * share + difference * (1 - difference))
        distance = gained - lost - count * difference
        if not distance:
            return 0.0
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    def limit(level: float) -> float:
        quantile = _NORMAL.inv_cdf(level)
        ends = [_root(lambda difference: -score(difference) - quantile, -1.0, 1.0)]
        if split is not None:
            ends.append((2 * split.limit(level) - 1) * (gained + lost) / count)
        return max(ends) if level >= _HALF else min(ends)

    return Estimate((gained - lost) / count, "McNemar", limit)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function is zero, by bisection."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def _area(truth: Numbers, losses: Numbers, other: Numbers | None) -> Estimate:
    """The area below the ROC curve, or the difference of two on the same rows, by the variance of DeLong.

    DeLong, DeLong and Clarke-Pearson (1988), https://doi.org/10.2307/2531595. Limits of one area lie between 0 and 1,
    because they are those of its logit. Where no pair of rows is in the wrong order, the variance is zero; the limit is
    then that of a share of rows of the smaller class.
    """
    value, influences = roc_auc(truth, losses)
    fewest = int(min(sum(truth), len(truth) - sum(truth)))
    if fewest <= 1:
        return _constant(math.nan)
    if other is not None:
        theirs, their_influences = roc_auc(truth, other)
        value, influences = value - theirs, [one - two for one, two in zip(influences, their_influences, strict=True)]
    error = math.sqrt(math.fsum(one * one for one in influences) * fewest / (fewest - 1)) / len(truth)
    no_variance = not error if other is not None else value in (0.0, 1.0)

    def limit(level: float) -> float:
        quantile = _student(_NORMAL.inv_cdf(level), fewest - 1)
        if no_variance:
            end = value + math.copysign(1 - min(level, 1 - level) ** (1 / fewest), quantile)
            return end if other is not None else min(max(end, 0.0), 1.0)
        if other is not None:
            return value + quantile * error
        odds = math.log(value / (1 - value)) + quantile * error / (value * (1 - value))
        return (1 + math.tanh(odds / 2)) / 2

    return Estimate(value, "DeLong", limit)
