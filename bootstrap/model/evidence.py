"""Recomputes what an evaluation's table of losses allows, instead of believing `evaluation.json`.

The table has the true value, the losses and the groups of each row: number and digest of the rows, the metrics in
`METRICS`, and the values of the groups follow from it. Intervals cannot be recomputed without the random numbers of the
evaluate step: they must contain their values, and be as wide as the standard errors require, which follow from the
losses, too. Reads only the folder of the evaluation.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Literal

from bootstrap.digest import digest_file, digest_text
from bootstrap.model.records import Evaluation, Interval, Scores

GROUP = "group:"
"""The start of the name of a column with groups, before the name of the grouping column."""

CONFIDENCE = (0.8, 0.9999)
"""The least and the largest confidence of intervals: with less, noise passes as a difference."""

_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
"""How much a reported number may differ from the recomputed one."""

_NARROWEST = 0.4
"""The least distance of an interval's end from its value, as a share of that of the normal distribution.

Bootstrap intervals of skewed losses are hardly wider at one end: where one row has most of the loss, the lower end has
half of that distance, because a third of the resamples lack this row. At the end of a metric's range the other end is
closer still (r2 of a constant prediction is never above zero): a metric's own interval, which no rule looks at, is
compared as a whole.
"""

_WIDTH_UP_TO = 0.95
"""The confidence above which intervals need not become wider: resamples of few rows have few values."""

_LARGEST = 1e100
"""The largest number in a table of losses: sums of squares of larger ones are infinite."""

_HALF = 0.5

_Numbers = Sequence[float]
_Recomputed = tuple[float, list[float]]
"""A metric, and the influence of each row on it (empty where the metric is NaN): the squared influences add up to the
squared standard error times the squared number of rows. Efron and Tibshirani, An Introduction to the Bootstrap (1993),
chapter 21, "the infinitesimal jackknife"."""

_Metrics = Mapping[str, tuple[Literal["lower", "higher"], Callable[[_Numbers, _Numbers], _Recomputed]]]


def check(evaluation: Evaluation, folder: Path) -> tuple[list[str], list[str]]:
    """What in an evaluation contradicts the table of losses beside it, or itself; and the recomputed metrics."""
    problems = [
        problem
        for name, differences in evaluation.differences.items()
        for problem in _outside(f"to {name}", differences)
    ]
    least, largest = CONFIDENCE
    if not least <= evaluation.confidence <= largest:
        # The widths of the intervals depend on it.
        wrong = f"the confidence of intervals is {evaluation.confidence}, not between {least} and {largest}"
        return [*problems, wrong], []
    models = {"challenger": evaluation.challenger, "baseline": evaluation.baseline}
    if evaluation.champion is not None:
        models["champion"] = evaluation.champion
    file = evaluation.losses.path
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        return [*problems, f"the folder of evaluation.json has no file {file} with the losses"], []
    if digest_file(path) != evaluation.losses.sha256:
        return [*problems, f"{file} does not have the digest in evaluation.json"], []
    try:
        texts, numbers = _table(path, ["truth", *models])
    except (ValueError, csv.Error) as error:
        return [*problems, f"{file}: {error}"], []
    if wrong_rows := list(_rows(evaluation, texts["row"], numbers["truth"])):
        return [*problems, *wrong_rows], []
    binary = set(numbers["truth"]) <= {0.0, 1.0}
    names = dict.fromkeys([*evaluation.metrics, *(name for scores in models.values() for name in _reported(scores))])
    problems += [
        f"{name} is no metric of {evaluation.problem}"
        for name in names
        if name in BETTER and name not in METRICS[evaluation.problem]
    ]
    problems += [
        f"evaluation.json declares that a {metric.better} {name} is better; a {BETTER[name]} one is"
        for name, metric in evaluation.metrics.items()
        if metric.better != BETTER.get(name, metric.better)
    ]
    metrics = {
        name: METRICS[evaluation.problem][name]
        for name in names
        if name in METRICS[evaluation.problem] and (binary or name not in _BINARY)
    }
    groups = {name.removeprefix(GROUP): labels for name, labels in texts.items() if name != "row"}
    found = {
        name: {metric: recompute(numbers["truth"], numbers[name]) for metric, (_, recompute) in metrics.items()}
        for name in models
    }
    for name, scores in models.items():
        problems += _scores(name, scores, found[name], evaluation.confidence)
        problems += _groups(name, scores, metrics, numbers["truth"], numbers[name], groups)
    for name, differences in evaluation.differences.items():
        problems += _differences(name, differences, found["challenger"], found.get(name, {}), evaluation.confidence)
    problems += [
        f"{file} has the groups of {column}, but evaluation.json has none for the challenger"
        for column in groups
        if column not in evaluation.challenger.groups
    ]
    return problems, list(metrics)


def _reported(scores: Scores) -> list[str]:
    """The names of all metrics that a model has, also of groups only."""
    of_groups = (values for groups in scores.groups.values() for values in groups.values())
    return [*scores.metrics, *(name for values in of_groups for name in values)]


def _table(path: Path, columns: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, list[float]]]:
    """The row ids and groups, and the numbers, by column. Raises ValueError for a table that cannot be used."""
    texts: dict[str, list[str]] = {}
    numbers: dict[str, list[float]] = {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        for needed in ("row", *columns):
            if header.count(needed) != 1:
                raise ValueError(f"there must be one column {needed}; the columns are {', '.join(header)}")
        places = {name: place for place, name in enumerate(header)}
        texts = {name: [] for name in header if name == "row" or name.startswith(GROUP)}
        numbers = {name: [] for name in columns}
        for count, row in enumerate(rows, start=1):
            if len(row) != len(header):
                raise ValueError(f"row {count} has {len(row)} values; there are {len(header)} columns")
            for name, values in texts.items():
                values.append(row[places[name]])
            for name, found in numbers.items():
                found.append(_number(row[places[name]], count, name))
    return texts, numbers


def _number(text: str, row: int, column: str) -> float:
    what = column if column == "truth" else f"loss of the {column}"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"row {row} has no finite {what}")
    if abs(number) > _LARGEST:
        raise ValueError(f"row {row} has a {what} beyond {_LARGEST:g}")
    if number < 0 and column != "truth":
        raise ValueError(f"row {row} has a negative {what}")
    return number


def _rows(evaluation: Evaluation, ids: Sequence[str], truth: _Numbers) -> Iterator[str]:
    """Whether the rows of the table are those that evaluation.json registers, each once."""
    file, rows = evaluation.losses.path, evaluation.rows
    if len(ids) != rows.count or not ids:
        yield f"{file} has {len(ids)} rows; evaluation.json has {rows.count}"
    elif len(set(ids)) < len(ids):
        yield f"{file} has a row several times: {Counter(ids).most_common(1)[0][0]}"
    elif digest_text("".join(f"{id_},{value!r}\n" for id_, value in zip(ids, truth, strict=True))) != rows.sha256:
        yield f"{file} has other rows or true values than those whose digest is in evaluation.json"


def _scores(model: str, scores: Scores, found: Mapping[str, _Recomputed], confidence: float) -> Iterator[str]:
    """What contradicts the losses in the metrics of a model."""
    for metric, interval in scores.metrics.items():
        if metric in found:
            value, influences = found[metric]
            yield from _differing(f"{metric} of the {model}", interval.value, value)
            half = (interval.high - interval.low) / 2
            if why := _too_close(half, influences, confidence):
                yield f"the interval of {metric} of the {model} is too narrow: half of it is {half:.6g}; {why}"
    yield from _outside(f"of the {model}", scores.metrics)


def _differences(
    other: str,
    differences: Mapping[str, Interval],
    challenger: Mapping[str, _Recomputed],
    theirs: Mapping[str, _Recomputed],
    confidence: float,
) -> Iterator[str]:
    """The intervals of differences that are narrower at an end than paired rows allow. The rules check the values."""
    for metric, interval in differences.items():
        if metric not in theirs or _is_outside(interval):
            continue
        pairs = zip(challenger[metric][1], theirs[metric][1], strict=True)
        influences = [one - two for one, two in pairs]
        for end, distance in (("low", interval.value - interval.low), ("high", interval.high - interval.value)):
            if why := _too_close(distance, influences, confidence):
                yield (
                    f"the interval of {metric} to {other}, {interval.low:.6g} to {interval.high:.6g}, is too narrow:"
                    f" its {end} end is {distance:.6g} from the value; {why}"
                )


def _groups(
    model: str, scores: Scores, metrics: _Metrics, truth: _Numbers, losses: _Numbers, groups: Mapping[str, list[str]]
) -> Iterator[str]:
    """What contradicts the rows and their losses in the groups of a model."""
    for column, reported in scores.groups.items():
        members = _members(groups.get(column, []))
        if members.keys() != reported.keys():
            found = ", ".join(sorted(members)) or f"none, because the losses have no column {GROUP}{column}"
            named = ", ".join(sorted(reported))
            yield f"by {column}, evaluation.json has the groups {named} for the {model}; the rows are in {found}"
            continue
        for group, values in reported.items():
            inner = [[numbers[row] for row in members[group]] for numbers in (truth, losses)]
            for metric, value in values.items():
                if metric in metrics:
                    expected, _ = metrics[metric][1](*inner)
                    yield from _differing(f"{metric} of the {model} for {column} {group}", value, expected)


def _members(labels: Iterable[str]) -> dict[str, list[int]]:
    """The rows of each group."""
    ordered = sorted((label, row) for row, label in enumerate(labels))
    return {label: [row for _, row in items] for label, items in groupby(ordered, key=lambda item: item[0])}


def _differing(what: str, reported: float, expected: float) -> Iterator[str]:
    """A contradiction if the reported metric is not what follows from the losses."""
    if math.isnan(expected) and math.isnan(reported):
        return
    if not math.isclose(expected, reported, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE):
        yield f"{what} is {reported:.6g} in evaluation.json, but {expected:.6g} by the losses"


def _outside(what: str, intervals: Mapping[str, Interval]) -> Iterator[str]:
    """The intervals that do not contain their values. Numbers that are not finite are left to the rules."""
    for metric, interval in intervals.items():
        if _is_outside(interval):
            yield (
                f"the interval of {metric} {what}, {interval.low:.6g} to {interval.high:.6g}, does not contain its"
                f" value, {interval.value:.6g}"
            )


def _is_outside(interval: Interval) -> bool:
    margin = _RELATIVE * max(abs(interval.low), abs(interval.high)) + _ABSOLUTE
    return interval.value < interval.low - margin or interval.value > interval.high + margin


def _too_close(distance: float, influences: _Numbers, confidence: float) -> str:
    """Why an interval's end cannot be that close to its value; empty if it can."""
    error = math.sqrt(math.fsum(one * one for one in influences)) / (len(influences) or 1)
    least = _NARROWEST * NormalDist().inv_cdf((1 + min(confidence, _WIDTH_UP_TO)) / 2) * error
    if not distance < least * (1 - _RELATIVE) - _ABSOLUTE:
        return ""
    return f"the standard error by the losses, {error:.6g}, allows no less than {least:.6g}"


def _mean(scores: _Numbers) -> _Recomputed:
    mean = fmean(scores)
    return mean, [score - mean for score in scores]


def _rmse(_: _Numbers, losses: _Numbers) -> _Recomputed:
    mean, influences = _mean(losses)
    root = math.sqrt(mean)
    return root, [one / (2 * root) for one in influences] if root else influences


def _r2(truth: _Numbers, losses: _Numbers) -> _Recomputed:
    middle = fmean(truth)
    squares = [(value - middle) ** 2 for value in truth]
    spread, error = fmean(squares), fmean(losses)
    if not spread:
        return math.nan, []
    return 1 - error / spread, [
        error / spread * (square / spread) - loss / spread for square, loss in zip(squares, losses, strict=True)
    ]


def _probabilities(truth: _Numbers, losses: _Numbers) -> list[float]:
    """The probabilities of class 1, from the log losses; rounded, so that equal ones stay equal."""
    right = (math.exp(-loss) for loss in losses)
    return [round(one if value else 1 - one, 12) for value, one in zip(truth, right, strict=True)]


def _brier(truth: _Numbers, losses: _Numbers) -> _Recomputed:
    return _mean([(one - value) ** 2 for value, one in zip(truth, _probabilities(truth, losses), strict=True)])


def _accuracy(truth: _Numbers, losses: _Numbers) -> _Recomputed:
    found = _probabilities(truth, losses)
    return _mean([float((one >= _HALF) == (value >= _HALF)) for value, one in zip(truth, found, strict=True)])


def _roc_auc(truth: _Numbers, losses: _Numbers) -> _Recomputed:
    """The share of pairs of both classes in the right order; ties count half.

    The influence of a row follows from the share of its own pairs that are in the right order: DeLong, DeLong and
    Clarke-Pearson (1988), https://doi.org/10.2307/2531595.
    """
    found, rows = _probabilities(truth, losses), len(truth)
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


METRICS: Mapping[str, _Metrics] = {
    "regression": {
        "mse": ("lower", lambda _, losses: _mean(losses)),
        "rmse": ("lower", _rmse),
        "mae": ("lower", lambda _, losses: _mean([math.sqrt(loss) for loss in losses])),
        "r2": ("higher", _r2),
    },
    "classification": {
        "log_loss": ("lower", lambda _, losses: _mean(losses)),
        "brier": ("lower", _brier),
        "accuracy": ("higher", _accuracy),
        "roc_auc": ("higher", _roc_auc),
    },
}
"""The metrics that follow from true values and losses, by the kind of problem: the better direction, and the
computation. Losses are the squared errors of a regression, or the log losses of a classification."""

BETTER: Mapping[str, Literal["lower", "higher"]] = {
    name: better for metrics in METRICS.values() for name, (better, _) in metrics.items()
}
"""The better direction of each of them; no evaluation can declare another one."""

_BINARY = frozenset({"brier", "accuracy", "roc_auc"})
"""The metrics that follow from log losses only where the true values are 0 and 1."""
