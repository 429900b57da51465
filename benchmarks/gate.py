"""How often the gate promotes a model that it should not, and one that it should: `python -m benchmarks.gate`.

Each setting draws rows from distributions whose true metrics are known, and applies the rules of `gate.yml` to them. At
the boundary of a rule the model just does not deserve to pass, which is where wrong promotions are most frequent;
beyond it, the promotions are the power of the rule. All draws are seeded.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import NormalDist
from typing import Any

from bootstrap.model.estimates import proportion
from bootstrap.model.evidence import Losses
from bootstrap.model.records import Champion, Evaluation
from bootstrap.model.rules import Evidence, Gate, apply

REPETITIONS = 1000
NOMINAL = 0.025
"""The error probability of a gate with the default confidence."""

_CHAMPION = Champion(version="1", sha256="b" * 64)
_PRIOR = 0.4

Draw = Callable[[Random, int], tuple[Losses, str]]
"""Draws the losses of a number of rows, and names the kind of problem."""


@dataclass(frozen=True)
class Setting:
    """A gate, and the distributions that it meets.

    Attributes:
        rules: The rules of `gate.yml`.
        at_boundary: Rows of a model that just does not deserve to pass.
        beyond: Rows of a model that deserves to pass.
        rows: The numbers of rows.
        any_rule: Count repetitions in which any rule passes, not those in which all pass.
    """

    name: str
    rules: list[dict[str, Any]]
    at_boundary: Draw
    beyond: Draw
    rows: tuple[int, ...] = (50, 200)
    any_rule: bool = False


def errors(
    random: Random,
    rows: int,
    *,
    challenger: float,
    champion: float = 10.0,
    groups: tuple[float, ...] = (1.0,),
    degrees: int | None = None,
    shared: float = 0.7,
) -> tuple[Losses, str]:
    """A regression whose errors have these standard deviations, which are the true root mean squared errors.

    Args:
        groups: The factor of each of several groups of equal size.
        degrees: Errors have Student's distribution with these degrees of freedom; None: the normal one.
        shared: The correlation of the errors of both models.
    """

    def noise() -> float:
        if degrees is None:
            return random.gauss(0, 1)
        scaled = math.sqrt(random.gammavariate(degrees / 2, 2 / (degrees - 2)))
        return random.gauss(0, 1) / scaled if scaled else 0.0

    truth, ours, theirs, baseline, labels = [], [], [], [], []
    for row in range(rows):
        group = row % len(groups)
        common = noise()
        own, other = (math.sqrt(shared) * common + math.sqrt(1 - shared) * noise() for _ in range(2))
        value = random.gauss(100, 30)
        truth.append(value)
        ours.append((challenger * groups[group] * own) ** 2)
        theirs.append((champion * groups[group] * other) ** 2)
        baseline.append((value - 100) ** 2)
        labels.append(str(group))
    models = {"challenger": ours, "champion": theirs, "baseline": baseline}
    return Losses(truth, models, {}, {"group": labels}), "regression"


def classes(random: Random, rows: int, *, challenger: float, champion: float = 1.0) -> tuple[Losses, str]:
    """Two classes whose scores are normal; a model's separation is the distance of both means from the middle."""
    truth, models = [], dict[str, list[float]](challenger=[], champion=[], baseline=[])
    for _ in range(rows):
        value = float(random.random() < _PRIOR)
        common = random.gauss(0, 1)
        truth.append(value)
        for name, separation in (("challenger", challenger), ("champion", champion)):
            score = separation * (2 * value - 1) + math.sqrt(0.7) * common + math.sqrt(0.3) * random.gauss(0, 1)
            models[name].append(_log_loss(value, score, separation))
        models["baseline"].append(-math.log(_PRIOR if value else 1 - _PRIOR))
    return Losses(truth, models, {}, {}), "classification"


def _log_loss(value: float, score: float, separation: float) -> float:
    odds = 2 * separation * score + math.log(_PRIOR / (1 - _PRIOR))
    return math.log1p(math.exp(-odds if value else odds))


def _true_log_loss(separation: float) -> float:
    """The expected log loss, by numerical integration."""
    normal, step = NormalDist(), 0.005
    places = [-8 + step * number for number in range(int(16 / step) + 1)]
    return math.fsum(
        share * normal.pdf(place) * step * _log_loss(value, separation * (2 * value - 1) + place, separation)
        for value, share in ((1.0, _PRIOR), (0.0, 1 - _PRIOR))
        for place in places
    )


_LOG_LOSS_MARGIN = _true_log_loss(0.9) - _true_log_loss(1.0)
_BETTER: dict[str, Any] = {"name": "better", "better_than": "champion"}
_NOT_WORSE: dict[str, Any] = {"name": "not worse", "not_worse_than": "champion"}
_LIMIT: dict[str, Any] = {"name": "limit", "metric": "rmse", "at_most": 12}

SETTINGS = [
    Setting(
        "`rmse` better than the champion",
        [_BETTER | {"metric": "rmse"}],
        partial(errors, challenger=10),
        partial(errors, challenger=8.5),
        (50, 200, 2000),
    ),
    Setting(
        "the same, Student's errors (5 degrees)",
        [_BETTER | {"metric": "rmse"}],
        partial(errors, challenger=10, degrees=5),
        partial(errors, challenger=8.5, degrees=5),
    ),
    Setting(
        "`rmse` not worse than the champion, margin 10 %",
        [_NOT_WORSE | {"metric": "rmse", "margin": 1}],
        partial(errors, challenger=11),
        partial(errors, challenger=10),
    ),
    Setting("`rmse` at most 12", [_LIMIT], partial(errors, challenger=12), partial(errors, challenger=10)),
    Setting(
        "`accuracy` better than the champion (McNemar)",
        [_BETTER | {"metric": "accuracy"}],
        partial(classes, challenger=1.0),
        partial(classes, challenger=1.5),
    ),
    Setting(
        "`roc_auc` better than the champion (DeLong)",
        [_BETTER | {"metric": "roc_auc"}],
        partial(classes, challenger=1.0),
        partial(classes, challenger=1.3),
    ),
    Setting(
        "`log_loss` not worse than the champion",
        [_NOT_WORSE | {"metric": "log_loss", "margin": _LOG_LOSS_MARGIN}],
        partial(classes, challenger=0.9),
        partial(classes, challenger=1.1),
    ),
    Setting(
        "`rmse` at most 12 in each of 3 groups",
        [_LIMIT | {"per_group": "group"}],
        partial(errors, challenger=10, groups=(1, 1, 1.2)),
        partial(errors, challenger=8),
        (90, 300),
    ),
    Setting(
        "ratio of `rmse` between 2 groups at most 1.5",
        [{"name": "fair", "metric": "rmse", "per_group": "group", "ratio_at_most": 1.5}],
        partial(errors, challenger=10, groups=(1, 1.5)),
        partial(errors, challenger=10, groups=(1, 1)),
        (100, 400),
    ),
    Setting(
        "3 rules, one at its boundary: all pass",
        [
            _LIMIT,
            _NOT_WORSE | {"metric": "rmse", "margin": 1},
            {"name": "b", "metric": "rmse", "better_than": "baseline"},
        ],
        partial(errors, challenger=11),
        partial(errors, challenger=9.5),
    ),
    Setting(
        "3 rules, all at their boundaries: any passes (Holm)",
        [_LIMIT, {"name": "explains", "metric": "r2", "at_least": 0.84}, _BETTER | {"metric": "rmse"}],
        partial(errors, challenger=12, champion=12),
        partial(errors, challenger=8.5),
        any_rule=True,
    ),
    Setting(
        "a group of 12 rows, fewer than 20",
        [_LIMIT | {"per_group": "group"}],
        partial(errors, challenger=5, groups=(1,) * 4),
        partial(errors, challenger=5, groups=(1,) * 4),
        (48,),
    ),
]


def promoted(setting: Setting, draw: Draw, rows: int, repetition: int) -> bool:
    """Whether the gate of a setting promotes the model of one repetition."""
    losses, problem = draw(Random(f"{setting.name} {rows} {repetition}"), rows)  # noqa: S311 - a simulation
    evaluation = Evaluation.model_validate(
        {
            "schema_version": 1,
            "problem": problem,
            "rows": {"count": rows, "sha256": "a" * 64},
            "losses": {"path": "losses.csv", "sha256": "a" * 64},
            "confidence": 0.95,
            "metrics": {},
            "challenger": {"metrics": {}},
            "baseline": {"metrics": {}},
            "differences": {},
            "data_checks": [],
        }
    )
    gate = Gate.model_validate({"schema_version": 1, "rules": setting.rules})
    results = [result.passed for result in apply(gate, Evidence(evaluation, losses, _CHAMPION))]
    return any(results) if setting.any_rule else all(results)


def rate(pool: ProcessPoolExecutor, setting: Setting, draw: Draw, rows: int, repetitions: int) -> int:
    """The number of promotions in all repetitions."""
    return sum(pool.map(partial(promoted, setting, draw, rows), range(repetitions), chunksize=5))


def lines(pool: ProcessPoolExecutor, repetitions: int, words: str) -> Iterator[tuple[str, bool]]:
    """The lines of the table for settings whose name has `words`, and whether a false rate exceeds the nominal one."""
    for setting in SETTINGS:
        if words not in setting.name:
            continue
        for rows in setting.rows:
            wrong = rate(pool, setting, setting.at_boundary, rows, repetitions)
            right = rate(pool, setting, setting.beyond, rows, repetitions)
            found = proportion(wrong, repetitions)
            low, high = found.limit(0.005), found.limit(0.995)
            exceeds = low > NOMINAL
            false = f"{wrong / repetitions:.1%} ({low:.1%} to {high:.1%})"
            yield f"| {setting.name} | {rows} | {false} | {right / repetitions:.0%} |", exceeds


def main() -> int:
    """Print the table; exit code 1 if a rate of false promotions exceeds the nominal one (confidence 99.5 %)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repetitions", type=int, nargs="?", default=REPETITIONS)
    parser.add_argument("--only", default="", metavar="WORDS", help="settings whose name has these words")
    parser.add_argument("--processes", type=int, help="processes that compute (all processors)")
    given = parser.parse_args()
    began, exceeding = time.monotonic(), 0
    print(f"{given.repetitions} repetitions a setting; nominal rate of false promotions {NOMINAL:.1%}.\n")
    print("| Rules | Rows | False promotions (99 % interval) | Power |\n|---|---|---|---|")
    with ProcessPoolExecutor(given.processes) as pool:
        for line, exceeds in lines(pool, given.repetitions, given.only):
            print(line, flush=True)
            exceeding += exceeds
    print(f"\n{exceeding} rates exceed the nominal one; {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if exceeding else 0


if __name__ == "__main__":
    sys.exit(main())
