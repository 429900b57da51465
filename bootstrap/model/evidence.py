"""Recomputes what an evaluation's table of losses allows, instead of believing `evaluation.json`.

The table has the true value, the losses and the groups of each row: number and digest of the rows, the metrics of
`bootstrap.model.metrics`, and the values of the groups follow from it. The rules use intervals of the gate's own. Those
of the evaluate step, which reports show, cannot be recomputed without its random numbers: they must contain their
values, and be as wide as the standard errors require. Reads only the folder of the evaluation.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import NormalDist

from bootstrap.digest import digest_file, digest_text
from bootstrap.model.metrics import BETTER, METRICS, Numbers, follows, recompute
from bootstrap.model.records import Evaluation, Interval, Scores

GROUP = "group:"
"""The start of the name of a column with groups, before the name of the grouping column."""

VARIANT = "variant:"
"""The start of the name of a column with the losses of the challenger in another form, before the name of the form."""

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

_Recomputed = tuple[float, list[float]]


@dataclass(frozen=True)
class Losses:
    """The table of losses.

    Attributes:
        truth: The true value of each row.
        models: The loss of each row, by model: challenger, baseline, and the champion if there is one.
        variants: The loss of each row for the challenger in another form (exported, with perturbed inputs), by name.
        groups: The group of each row, by grouping column.
    """

    truth: list[float]
    models: dict[str, list[float]]
    variants: dict[str, list[float]]
    groups: dict[str, list[str]]


def check(evaluation: Evaluation, folder: Path) -> tuple[list[str], list[str], Losses | None]:
    """What in an evaluation contradicts the table of losses beside it, or itself; the recomputed metrics; the table.

    The table is None if it cannot be used.
    """
    problems = [
        problem
        for name, differences in evaluation.differences.items()
        for problem in _outside(f"to {name}", differences)
    ]
    least, largest = CONFIDENCE
    if not least <= evaluation.confidence <= largest:
        # The widths of the intervals depend on it.
        wrong = f"the confidence of intervals is {evaluation.confidence}, not between {least} and {largest}"
        return [*problems, wrong], [], None
    models = {"challenger": evaluation.challenger, "baseline": evaluation.baseline}
    if evaluation.champion is not None:
        models["champion"] = evaluation.champion
    file = evaluation.losses.path
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        return [*problems, f"the folder of evaluation.json has no file {file} with the losses"], [], None
    if digest_file(path) != evaluation.losses.sha256:
        return [*problems, f"{file} does not have the digest in evaluation.json"], [], None
    try:
        texts, numbers = _table(path, ["truth", *models])
    except (ValueError, csv.Error) as error:
        return [*problems, f"{file}: {error}"], [], None
    if wrong_rows := list(_rows(evaluation, texts["row"], numbers["truth"])):
        return [*problems, *wrong_rows], [], None
    truth = numbers["truth"]
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
    metrics = [name for name in names if follows(name, evaluation.problem, truth)]
    losses = Losses(
        truth,
        {name: numbers[name] for name in models},
        {name.removeprefix(VARIANT): found for name, found in numbers.items() if name.startswith(VARIANT)},
        {name.removeprefix(GROUP): labels for name, labels in texts.items() if name != "row"},
    )
    groups = losses.groups
    found = {name: {metric: recompute(metric, truth, numbers[name]) for metric in metrics} for name in models}
    for name, scores in models.items():
        problems += _scores(name, scores, found[name], evaluation.confidence)
        problems += _groups(name, scores, metrics, truth, numbers[name], groups)
    for name, differences in evaluation.differences.items():
        problems += _differences(name, differences, found["challenger"], found.get(name, {}), evaluation.confidence)
    problems += [
        f"{file} has the groups of {column}, but evaluation.json has none for the challenger"
        for column in groups
        if column not in evaluation.challenger.groups
    ]
    return problems, metrics, losses


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
        variants = [name for name in header if name.startswith(VARIANT)]
        grouping = [name for name in header if name.startswith(GROUP)]
        for needed in ("row", *columns, *variants, *grouping):
            if header.count(needed) != 1:
                raise ValueError(f"there must be one column {needed}; the columns are {', '.join(header)}")
        places = {name: place for place, name in enumerate(header)}
        texts = {name: [] for name in ("row", *grouping)}
        numbers = {name: [] for name in (*columns, *variants)}
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


def _rows(evaluation: Evaluation, ids: Sequence[str], truth: Numbers) -> Iterator[str]:
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
    model: str, scores: Scores, metrics: Sequence[str], truth: Numbers, losses: Numbers, groups: Mapping[str, list[str]]
) -> Iterator[str]:
    """What contradicts the rows and their losses in the groups of a model."""
    for column, reported in scores.groups.items():
        members = members_of(groups.get(column, []))
        if members.keys() != reported.keys():
            found = ", ".join(sorted(members)) or f"none, because the losses have no column {GROUP}{column}"
            named = ", ".join(sorted(reported))
            yield f"by {column}, evaluation.json has the groups {named} for the {model}; the rows are in {found}"
            continue
        for group, values in reported.items():
            inner = [[numbers[row] for row in members[group]] for numbers in (truth, losses)]
            for metric, value in values.items():
                if metric in metrics:
                    expected, _ = recompute(metric, *inner)
                    yield from _differing(f"{metric} of the {model} for {column} {group}", value, expected)


def members_of(labels: Iterable[str]) -> dict[str, list[int]]:
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


def _too_close(distance: float, influences: Numbers, confidence: float) -> str:
    """Why an interval's end cannot be that close to its value; empty if it can."""
    error = math.sqrt(math.fsum(one * one for one in influences)) / (len(influences) or 1)
    least = _NARROWEST * NormalDist().inv_cdf((1 + min(confidence, _WIDTH_UP_TO)) / 2) * error
    if not distance < least * (1 - _RELATIVE) - _ABSOLUTE:
        return ""
    return f"the standard error by the losses, {error:.6g}, allows no less than {least:.6g}"
