"""Metrics are recomputed from true values and losses as their definitions say."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean, pstdev, quantiles
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.digest import digest_file, digest_text
from bootstrap.model.evidence import check
from bootstrap.model.metrics import BETTER, METRICS, recompute
from bootstrap.model.records import Evaluation

SHA = "b" * 64

Numbers = Sequence[float]


def definitions(problem: str, truth: Numbers, predicted: Numbers) -> dict[str, float]:
    """The metrics by their definitions, from predictions."""
    errors = [value - one for value, one in zip(truth, predicted, strict=True)]
    if problem == "regression":
        spread = sum((value - fmean(truth)) ** 2 for value in truth)
        squares = [error**2 for error in errors]
        return {
            "mse": fmean(squares),
            "rmse": math.sqrt(fmean(squares)),
            "mae": fmean(map(abs, errors)),
            "r2": 1 - sum(squares) / spread,
        }
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for (is_one, one), (is_other, other) in product(zip(truth, predicted, strict=True), repeat=2)
        if is_one > is_other
    ]
    return {
        "log_loss": fmean(losses(problem, truth, predicted)),
        "brier": fmean(error**2 for error in errors),
        "accuracy": fmean((one >= 0.5) == (value == 1) for value, one in zip(truth, predicted, strict=True)),
        "roc_auc": fmean(pairs),
        "calibration_error": sum(abs(sum(bin_)) for bin_ in deviations_by_bin(truth, predicted)) / len(truth),
    }


def deviations_by_bin(truth: Numbers, predicted: Numbers) -> list[list[float]]:
    bins: list[list[float]] = [[] for _ in range(10)]
    for value, one in zip(truth, predicted, strict=True):
        bins[min(int(round(one, 12) * 10), 9)].append(one - value)
    return bins


def losses(problem: str, truth: Numbers, predicted: Numbers) -> list[float]:
    if problem == "regression":
        return [(value - one) ** 2 for value, one in zip(truth, predicted, strict=True)]
    sure = [min(max(one, 1e-15), 1 - 1e-15) for one in predicted]
    return [-math.log(one if value else 1 - one) for value, one in zip(truth, sure, strict=True)]


def evaluation(
    folder: Path, problem: str, truth: Numbers, predicted: Numbers, metrics: Mapping[str, float], **challenger: Any
) -> Evaluation:
    """An evaluation of a challenger with these predictions, and the table of its losses in `folder`."""
    rows = zip(truth, losses(problem, truth, predicted), strict=True)
    table = "".join(f"{row},{value!r},{loss!r},{loss!r}\n" for row, (value, loss) in enumerate(rows))
    (folder / "losses.csv").write_text(f"row,truth,challenger,baseline\n{table}", encoding="utf-8")
    scores = {name: {"value": value, "low": value - 100, "high": value + 100} for name, value in metrics.items()}
    listing = "".join(f"{row},{value!r}\n" for row, value in enumerate(truth))
    return Evaluation.model_validate(
        {
            "schema_version": 1,
            "problem": problem,
            "rows": {"count": len(truth), "sha256": digest_text(listing)},
            "losses": {"path": "losses.csv", "sha256": digest_file(folder / "losses.csv")},
            "confidence": 0.95,
            "metrics": {name: {"better": BETTER[name]} for name in metrics},
            "challenger": {"sha256": SHA, "metrics": scores, **challenger},
            "baseline": {"metrics": scores},
            "differences": {},
            "data_checks": [],
        }
    )


REGRESSION = ("regression", (1.0, 2.0, 4.0, 8.0), (1.5, 2.0, 3.0, 10.0))
# Ties of both classes, a probability of exactly one half in both, and probabilities of 0 and 1.
CLASSIFICATION = (
    "classification",
    (0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0),
    (0.7, 0.7, 0.5, 0.5, 1.0, 0.0, 0.3, 0.3, 0.1),
)


@pytest.mark.parametrize(("problem", "truth", "predicted"), [REGRESSION, CLASSIFICATION])
def test_metrics_by_their_definitions_are_accepted(
    tmp_path: Path, problem: str, truth: Numbers, predicted: Numbers
) -> None:
    metrics = definitions(problem, truth, predicted)

    assert check(evaluation(tmp_path, problem, truth, predicted, metrics), tmp_path)[:2] == ([], list(metrics))
    assert metrics.keys() == METRICS[problem].keys()


@pytest.mark.parametrize(("problem", "truth", "predicted"), [REGRESSION, CLASSIFICATION])
def test_every_metric_that_differs_is_refused(tmp_path: Path, problem: str, truth: Numbers, predicted: Numbers) -> None:
    right = definitions(problem, truth, predicted)
    for name, value in right.items():
        wrong = evaluation(tmp_path, problem, truth, predicted, {**right, name: value + 1e-4})

        problems, _, _ = check(wrong, tmp_path)

        assert [one.split(" in evaluation.json")[0] for one in problems] == [
            f"{name} of the {model} is {value + 1e-4:.6g}" for model in ("challenger", "baseline")
        ]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=30).filter(
        lambda rows: len({one for one, _ in rows}) > 1
    )
)
def test_probabilities_follow_from_log_losses(rows: list[tuple[bool, int]]) -> None:
    truth = [float(one) for one, _ in rows]
    predicted = [probability / 20 for _, probability in rows]
    expected = definitions("classification", truth, predicted)

    found = {name: recompute(name, truth, losses("classification", truth, predicted))[0] for name in expected}

    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_only_the_log_loss_is_recomputed_for_several_classes(tmp_path: Path) -> None:
    truth, predicted = (0.0, 1.0, 2.0), (0.2, 0.5, 0.8)
    metrics = {"accuracy": 0.1, "log_loss": fmean(losses("classification", truth, predicted))}

    assert check(evaluation(tmp_path, "classification", truth, predicted, metrics), tmp_path)[:2] == ([], ["log_loss"])


def test_metric_that_a_group_does_not_have_is_nan(tmp_path: Path) -> None:
    problem, truth, predicted = "classification", (0.0, 1.0, 1.0), (0.2, 0.5, 0.8)
    right = definitions(problem, truth, predicted)
    groups = {"side": {"left": {"roc_auc": 1.0}, "right": {"roc_auc": math.nan}}}
    made = evaluation(tmp_path, problem, truth, predicted, right, groups=groups)
    table = (tmp_path / "losses.csv").read_text(encoding="utf-8").splitlines()
    sides = ("group:side", "left", "left", "right")
    text = "".join(f"{line},{side}\n" for line, side in zip(table, sides, strict=True))
    (tmp_path / "losses.csv").write_text(text, encoding="utf-8")
    named = made.losses.model_copy(update={"sha256": digest_file(tmp_path / "losses.csv")})

    assert check(made.model_copy(update={"losses": named}), tmp_path)[0] == []


def resampled(
    problem: str, metric: str, truth: Numbers, predictions: Sequence[Numbers], resamples: int = 600
) -> list[float]:
    """The metric of the first predictions, less that of the second ones if there are any, on bootstrap resamples."""
    random = Random(1)
    columns = [losses(problem, truth, predicted) for predicted in predictions]
    found = []
    for _ in range(resamples):
        rows = random.choices(range(len(truth)), k=len(truth))
        picked = [truth[row] for row in rows]
        values = [recompute(metric, picked, [column[row] for row in rows])[0] for column in columns]
        found.append(values[0] - sum(values[1:]))
    return found


def worlds(rows: int) -> dict[str, tuple[Numbers, Sequence[Numbers]]]:
    """True values, and predictions of two models, by the kind of problem."""
    random = Random(2)
    numbers = [random.gauss(0, 3) for _ in range(rows)]
    near = [[value + random.gauss(0, 1 + way) for value in numbers] for way in (0, 1)]
    classes = [float(random.random() < 0.4) for _ in range(rows)]
    likely = [[min(max(random.gauss(0.3 + 0.4 * one, 0.2), 0.01), 0.99) for one in classes] for _ in (0, 1)]
    return {"regression": (numbers, near), "classification": (classes, likely)}


SMOOTH = [(problem, name) for problem in METRICS for name in METRICS[problem] if name != "calibration_error"]


@pytest.mark.parametrize(("problem", "metric"), SMOOTH)
def test_influences_give_the_standard_error_of_resamples(problem: str, metric: str) -> None:
    truth, predictions = worlds(80)[problem]

    for compared in (predictions[:1], predictions):
        influences = [recompute(metric, truth, losses(problem, truth, predicted))[1] for predicted in compared]
        rows = [one - sum(others) for one, *others in zip(*influences, strict=True)]
        error = math.sqrt(sum(one**2 for one in rows)) / len(rows)

        assert error == pytest.approx(pstdev(resampled(problem, metric, truth, compared)), rel=0.15)


SKEWED = {
    "one large loss": ("regression", (0.0, 1.0) * 20, ((0.1, 1.1) * 19 + (0.1, 9.0),)),
    "ten rows": (
        "regression",
        (1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 6.0, 1.0, 2.0, 9.0),
        ((1.5, 2.0, 3.0, 10.0, 3.1, 5.5, 5.0, 2.5, 1.0, 8.5),),
    ),
    "a constant prediction": ("regression", (1.0, 2.0, 4.0, 8.0, 3.0) * 8, ((3.75,) * 40,)),
    "one wrong class": ("classification", (0.0, 1.0) * 20, ((0.2, 0.8) * 19 + (0.2, 0.4),)),
    "few of a class": (
        "classification",
        (0.0,) * 28 + (1.0,) * 12,
        ((0.1, 0.3, 0.2, 0.6) * 7 + (0.4, 0.7, 0.5, 0.9) * 3,),
    ),
}


@pytest.mark.parametrize(("problem", "truth", "predictions"), SKEWED.values(), ids=SKEWED)
@pytest.mark.parametrize("percent", [80, 95, 99])
def test_interval_of_resamples_is_wide_enough(
    tmp_path: Path, problem: str, truth: Numbers, predictions: Sequence[Numbers], percent: int
) -> None:
    metrics = definitions(problem, truth, predictions[0])
    intervals = {}
    for name, value in metrics.items():
        ends = quantiles(resampled(problem, name, truth, predictions[:1]), n=200, method="inclusive")
        tail = 100 - percent
        intervals[name] = {"value": value, "low": min(ends[tail - 1], value), "high": max(ends[-tail], value)}
    made = evaluation(tmp_path, problem, truth, predictions[0], metrics)
    right = made.challenger.model_validate({"sha256": SHA, "metrics": intervals})

    problems, _, _ = check(made.model_copy(update={"confidence": percent / 100, "challenger": right}), tmp_path)

    assert problems == []
