"""Recomputes what an evaluation's table of losses allows, instead of believing `evaluation.json`.

The table has the true value, the losses and the groups of each row: number and digest of the rows, the metrics in
`METRICS`, and the values of the groups follow from it. Intervals cannot be recomputed without the random numbers of the
evaluate step: they must contain their values. Reads only the folder of the evaluation.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean

from bootstrap.digest import digest_file, digest_text
from bootstrap.model.records import Evaluation, Interval, Scores

GROUP = "group:"
"""The start of the name of a column with groups, before the name of the grouping column."""

CONFIDENCE = (0.8, 0.9999)
"""The least and the largest confidence of intervals: with less, noise passes as a difference."""

_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
"""How much a reported number may differ from the recomputed one."""

_HALF = 0.5

_Numbers = Sequence[float]
_Metrics = Mapping[str, Callable[[_Numbers, _Numbers], float]]


def check(evaluation: Evaluation, folder: Path) -> tuple[list[str], list[str]]:
    """What in an evaluation contradicts the table of losses beside it, or itself; and the recomputed metrics."""
    problems = [
        problem
        for name, differences in evaluation.differences.items()
        for problem in _outside(f"to {name}", differences)
    ]
    least, largest = CONFIDENCE
    if not least <= evaluation.confidence <= largest:
        problems.append(f"the confidence of intervals is {evaluation.confidence}, not between {least} and {largest}")
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
    known = {name for metrics in METRICS.values() for name in metrics}
    problems += [
        f"{name} is no metric of {evaluation.problem}"
        for name in names
        if name in known and name not in METRICS[evaluation.problem]
    ]
    metrics = {
        name: METRICS[evaluation.problem][name]
        for name in names
        if name in METRICS[evaluation.problem] and (binary or name not in _BINARY)
    }
    groups = {name.removeprefix(GROUP): labels for name, labels in texts.items() if name != "row"}
    for name, scores in models.items():
        problems += _scores(name, scores, metrics, numbers["truth"], numbers[name], groups)
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


def _scores(
    model: str, scores: Scores, metrics: _Metrics, truth: _Numbers, losses: _Numbers, groups: Mapping[str, list[str]]
) -> Iterator[str]:
    """What contradicts the losses in the metrics and groups of a model."""
    for metric, interval in scores.metrics.items():
        yield from _differing(f"{metric} of the {model}", metric, interval.value, metrics, truth, losses)
    yield from _outside(f"of the {model}", scores.metrics)
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
                yield from _differing(f"{metric} of the {model} for {column} {group}", metric, value, metrics, *inner)


def _members(labels: Iterable[str]) -> dict[str, list[int]]:
    """The rows of each group."""
    ordered = sorted((label, row) for row, label in enumerate(labels))
    return {label: [row for _, row in items] for label, items in groupby(ordered, key=lambda item: item[0])}


def _differing(
    what: str, metric: str, reported: float, metrics: _Metrics, truth: _Numbers, losses: _Numbers
) -> Iterator[str]:
    """A contradiction if the reported metric is not what follows from the losses."""
    if metric not in metrics or not losses:
        return
    expected = metrics[metric](truth, losses)
    if math.isnan(expected) and math.isnan(reported):
        return
    if not math.isclose(expected, reported, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE):
        yield f"{what} is {reported:.6g} in evaluation.json, but {expected:.6g} by the losses"


def _outside(what: str, intervals: Mapping[str, Interval]) -> Iterator[str]:
    """The intervals that do not contain their values. Numbers that are not finite are left to the rules."""
    for metric, interval in intervals.items():
        margin = _RELATIVE * max(abs(interval.low), abs(interval.high)) + _ABSOLUTE
        if interval.value < interval.low - margin or interval.value > interval.high + margin:
            yield (
                f"the interval of {metric} {what}, {interval.low:.6g} to {interval.high:.6g}, does not contain its"
                f" value, {interval.value:.6g}"
            )


def _r2(truth: _Numbers, losses: _Numbers) -> float:
    middle = fmean(truth)
    spread = math.fsum((value - middle) ** 2 for value in truth)
    return 1 - math.fsum(losses) / spread if spread > 0 else math.nan


def _probabilities(truth: _Numbers, losses: _Numbers) -> list[float]:
    """The probabilities of class 1, from the log losses; rounded, so that equal ones stay equal."""
    right = (math.exp(-loss) for loss in losses)
    return [round(one if value else 1 - one, 12) for value, one in zip(truth, right, strict=True)]


def _brier(truth: _Numbers, losses: _Numbers) -> float:
    return fmean((one - value) ** 2 for value, one in zip(truth, _probabilities(truth, losses), strict=True))


def _accuracy(truth: _Numbers, losses: _Numbers) -> float:
    found = _probabilities(truth, losses)
    return fmean((one >= _HALF) == (value >= _HALF) for value, one in zip(truth, found, strict=True))


def _roc_auc(truth: _Numbers, losses: _Numbers) -> float:
    """The share of pairs of both classes in the right order; ties count half."""
    ordered = sorted(zip(_probabilities(truth, losses), truth, strict=True))
    above, zeros = 0.0, 0
    for _, tied in groupby(ordered, key=lambda pair: pair[0]):
        classes = [value for _, value in tied]
        ones = int(sum(classes))
        above += ones * (zeros + (len(classes) - ones) / 2)
        zeros += len(classes) - ones
    pairs = zeros * (len(ordered) - zeros)
    return above / pairs if pairs else math.nan


METRICS: Mapping[str, _Metrics] = {
    "regression": {
        "mse": lambda _, losses: fmean(losses),
        "rmse": lambda _, losses: math.sqrt(fmean(losses)),
        "mae": lambda _, losses: fmean(map(math.sqrt, losses)),
        "r2": _r2,
    },
    "classification": {
        "log_loss": lambda _, losses: fmean(losses),
        "brier": _brier,
        "accuracy": _accuracy,
        "roc_auc": _roc_auc,
    },
}
"""The metrics that follow from true values and losses, by the kind of problem. Losses are the squared errors of a
regression, or the log losses of a classification."""

_BINARY = frozenset({"brier", "accuracy", "roc_auc"})
"""The metrics that follow from log losses only where the true values are 0 and 1."""
