"""The metrics that follow from true values and losses alone, so that the gate need not believe the reported ones.

Losses are the squared errors of a regression, or the log losses of a classification. A metric is a function of means
over rows, or `roc_auc`, which depends on the order of the rows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Literal

Numbers = Sequence[float]

HALF = 0.5
_BINS = 10

_Parts = Callable[[Numbers, Numbers], list[tuple[float, ...]]]
_OfMeans = Callable[[Numbers], float]


def probabilities(truth: Numbers, losses: Numbers) -> list[float]:
    """The probabilities of class 1, from the log losses; rounded, so that equal ones stay equal."""
    right = (math.exp(-loss) for loss in losses)
    return [round(one if value else 1 - one, 12) for value, one in zip(truth, right, strict=True)]


def is_right(truth: Numbers, losses: Numbers) -> list[bool]:
    """Whether each row is on the right side of one half."""
    found = probabilities(truth, losses)
    return [(one >= HALF) == (value >= HALF) for value, one in zip(truth, found, strict=True)]


def _loss(_: Numbers, losses: Numbers) -> list[tuple[float, ...]]:
    return [(loss,) for loss in losses]


def _absolute_error(_: Numbers, losses: Numbers) -> list[tuple[float, ...]]:
    return [(math.sqrt(loss),) for loss in losses]


def _loss_and_truth(truth: Numbers, losses: Numbers) -> list[tuple[float, ...]]:
    middle = math.fsum(truth) / len(truth)  # without it, the variance would be the difference of two large numbers
    return [(loss, value - middle, (value - middle) ** 2) for value, loss in zip(truth, losses, strict=True)]


def _explained(means: Numbers) -> float:
    loss, middle, square = means
    spread = square - middle**2
    return 1 - loss / spread if spread > 0 else math.nan


def _squared_deviation(truth: Numbers, losses: Numbers) -> list[tuple[float, ...]]:
    return [((one - value) ** 2,) for value, one in zip(truth, probabilities(truth, losses), strict=True)]


def _right(truth: Numbers, losses: Numbers) -> list[tuple[float, ...]]:
    return [(float(right),) for right in is_right(truth, losses)]


def _deviation_by_bin(truth: Numbers, losses: Numbers) -> list[tuple[float, ...]]:
    rows = []
    for value, one in zip(truth, probabilities(truth, losses), strict=True):
        deviations = [0.0] * _BINS
        deviations[min(int(one * _BINS), _BINS - 1)] = one - value
        rows.append(tuple(deviations))
    return rows


def _first(means: Numbers) -> float:
    return means[0]


MEANS: Mapping[str, tuple[_Parts, _OfMeans]] = {
    "mse": (_loss, _first),
    "rmse": (_loss, lambda means: math.sqrt(means[0])),
    "mae": (_absolute_error, _first),
    "r2": (_loss_and_truth, _explained),
    "log_loss": (_loss, _first),
    "brier": (_squared_deviation, _first),
    "accuracy": (_right, _first),
    "calibration_error": (_deviation_by_bin, lambda means: math.fsum(map(abs, means))),
}
"""The metrics that are functions of means: the numbers of each row, and the metric of their means.

`calibration_error` is the expected calibration error with ten bins of equal width: the mean distance of the probability
from the share of class 1. Guo et al. (2017), https://proceedings.mlr.press/v70/guo17a.html
"""

METRICS: Mapping[str, Mapping[str, Literal["lower", "higher"]]] = {
    "regression": {"mse": "lower", "rmse": "lower", "mae": "lower", "r2": "higher"},
    "classification": {
        "log_loss": "lower",
        "brier": "lower",
        "calibration_error": "lower",
        "accuracy": "higher",
        "roc_auc": "higher",
    },
}
"""The better direction of each metric, by the kind of problem."""

BETTER: Mapping[str, Literal["lower", "higher"]] = {
    name: better for metrics in METRICS.values() for name, better in metrics.items()
}
"""The better direction of each of them; no evaluation can declare another one."""

_BINARY = METRICS["classification"].keys() - {"log_loss"}
"""The metrics that follow from log losses only where the true values are 0 and 1."""


def follows(metric: str, problem: str, truth: Numbers) -> bool:
    """Whether the metric follows from the losses of this problem with these true values."""
    return metric in METRICS[problem] and (metric not in _BINARY or set(truth) <= {0.0, 1.0})


def recompute(metric: str, truth: Numbers, losses: Numbers) -> tuple[float, list[float]]:
    """The metric, and the influence of each row on it; no influences where the metric is NaN.

    The squared influences add up to the squared standard error times the squared number of rows. They are those of the
    jackknife: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 11.
    """
    if metric == "roc_auc":
        return roc_auc(truth, losses)
    parts, of_means = MEANS[metric]
    rows = parts(truth, losses)
    totals = [math.fsum(column) for column in zip(*rows, strict=True)]
    value = of_means([total / len(rows) for total in totals])
    if math.isnan(value):
        return value, []
    others = len(rows) - 1
    if not others:
        return value, [0.0]
    without = [of_means([(total - one) / others for total, one in zip(totals, row, strict=True)]) for row in rows]
    return value, [others * (value - one) for one in without]


def roc_auc(truth: Numbers, losses: Numbers) -> tuple[float, list[float]]:
    """The share of pairs of both classes in the right order, where ties count half; and the influences of the rows.

    The influence of a row follows from the share of its own pairs that are in the right order: DeLong, DeLong and
    Clarke-Pearson (1988), https://doi.org/10.2307/2531595.
    """
    found, rows = probabilities(truth, losses), len(truth)
    ones = int(sum(truth))
    zeros = rows - ones
    if not ones or not zeros:
        return math.nan, []
    shares = [0.0] * rows
    ones_below = zeros_below = 0
    for _, tied in groupby(sorted(range(rows), key=found.__getitem__), key=found.__getitem__):
        equal = list(tied)
        ones_here = int(sum(truth[row] for row in equal))
        zeros_here = len(equal) - ones_here
        for row in equal:
            right = zeros_below + zeros_here / 2 if truth[row] else ones - ones_below - ones_here / 2
            shares[row] = right / (zeros if truth[row] else ones)
        ones_below, zeros_below = ones_below + ones_here, zeros_below + zeros_here
    area = math.fsum(share for share, value in zip(shares, truth, strict=True) if value) / ones
    return area, [
        (share - area) * rows / (ones if value else zeros) for share, value in zip(shares, truth, strict=True)
    ]
