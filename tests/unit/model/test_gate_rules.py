"""Tests of `gate.yml` and of properties that hold for all numbers."""

import math
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import InputError
from bootstrap.model.evidence import Losses
from bootstrap.model.records import Champion, Evaluation, RuleResult
from bootstrap.model.rules import Evidence, Gate, GateRule, apply
from bootstrap.yaml import read, validated
from tests.unit.model.worlds import evaluation

CHAMPION = Champion(version="1", sha256="b" * 64)


def applied(
    rules: list[GateRule], document: dict[str, Any], champion: Champion | None = CHAMPION, losses: Losses | None = None
) -> list[RuleResult]:
    """The results for an evaluation; without losses of its own, 60 rows that no rule looks at."""
    nothing = [0.0] * 60
    losses = losses or Losses(nothing, {"challenger": nothing, "baseline": nothing}, {}, {"sex": ["1", "2"] * 30})
    gate = Gate(schema_version=1, rules=[]).model_copy(update={"rules": rules})
    return apply(gate, Evidence(Evaluation.model_validate(document), losses, champion))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{name: a}", "has no kind: add one of at_most"),
        ("{metric: rmse, at_most: 1}", "rules.0.name"),
        ("{name: '', metric: rmse, at_most: 1}", "rules.0.name"),
        ("{name: a, at_most: 1}", "needs metric, too"),
        ("{name: a, metric: rmse, at_most: 1, at_least: 0}", "at_most and at_least: write one rule for each"),
        ("{name: a, metric: rmse, at_most: .nan}", "finite number"),
        ("{name: a, metric: rmse, at_most: .inf}", "finite number"),
        ("{name: a, metric: rmse, at_most: much}", "rules.0.at_most"),
        ("{name: a, metric: rmse, better_than: yesterday}", "rules.0.better_than"),
        ("{name: a, metric: rmse, not_worse_than: champion}", "needs margin, too"),
        ("{name: a, metric: rmse, not_worse_than: champion, margin: -1}", "rules.0.margin"),
        ("{name: a, metric: rmse, better_than: champion, margin: 1}", "does not allow margin"),
        ("{name: a, metric: rmse, better_than: champion, variant: onnx}", "does not allow variant"),
        (
            "{name: a, metric: rmse, better_than: baseline, without_champion: passes}",
            "does not compare with the champion",
        ),
        ("{name: a, metric: rmse, better_than: champion, without_champion: true}", "rules.0.without_champion"),
        ("{name: a, metric: rmse, ratio_at_most: 1.2}", "needs per_group, too"),
        ("{name: a, metric: rmse, per_group: sex, ratio_at_most: 0.8}", "rules.0.ratio_at_most"),
        ("{name: a, metric: rmse, at_most: 1, min_rows: 1}", "rules.0.min_rows"),
        ("{name: a, parity_at_most: 1}", "needs variant, too"),
        ("{name: a, metric: rmse, data_checks: passed}", "does not allow metric"),
        ("{name: a, data_checks: failed}", "rules.0.data_checks"),
        ("{name: evidence, data_checks: passed}", "'evidence' is already used"),
        ("{name: a, metric: profit, better_than: champion}", "add `better: lower` or `better: higher`"),
        ("{name: a, metric: profit, not_worse_than: champion, margin: 1}", "whose better direction only you know"),
        ("{name: a, metric: rmse, better_than: champion, better: higher}", "a lower rmse is better"),
        ("{name: a, metric: rmse, better_than: champion, better: up}", "rules.0.better"),
        ("{name: a, metric: rmse, at_most: 1, better: lower}", "does not allow better"),
        ("{name: a, metrics: rmse, at_most: 1}", "gate.yml:2:19: unknown key 'metrics'. Did you mean 'metric'?"),
        ("{name: a, metric: rmse, atmost: 1}", "Did you mean 'at_most'?"),
    ],
)
def test_mistake_in_rule_is_reported_with_its_position(tmp_path: Path, rule: str, words: str) -> None:
    path = tmp_path / "gate.yml"
    path.write_text(f"schema_version: 1\nrules: [{rule}]\n", encoding="utf-8")

    with pytest.raises(InputError) as caught:
        validated(read(path), Gate)

    assert words in str(caught.value)


@pytest.mark.parametrize("champion", [None, CHAMPION])
def test_kind_without_check_is_refused(champion: Champion | None) -> None:
    class Rule(GateRule):
        within: float | None = None

    with pytest.raises(ValueError, match="has no kind"):
        Rule(name="a", metric="rmse", within=1)
    with pytest.raises(ValueError, match="has at_most, which does not allow within"):
        Rule(name="a", metric="rmse", at_most=1, within=1)
    with pytest.raises(ValueError, match="not enough values"):
        applied([Rule.model_construct(name="a", metric="rmse", within=1)], evaluation(), champion)


def test_duplicate_rule_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.yml"
    rule = "{name: a, data_checks: passed}"
    path.write_text(f"schema_version: 1\nrules: [{rule}, {rule}]\n", encoding="utf-8")

    with pytest.raises(InputError, match="'a' is already used"):
        validated(read(path), Gate)


numbers = st.floats(-1e6, 1e6, allow_nan=False)
broken = st.sampled_from([math.nan, math.inf, -math.inf])
directions: st.SearchStrategy[Literal["lower", "higher"]] = st.sampled_from(["lower", "higher"])
rules = st.one_of(
    st.builds(lambda limit: {"at_most": limit}, numbers),
    st.builds(lambda limit: {"at_least": limit}, numbers),
    st.builds(lambda other: {"better_than": other}, st.sampled_from(["baseline", "champion"])),
    st.builds(
        lambda other, margin: {"not_worse_than": other, "margin": margin},
        st.sampled_from(["baseline", "champion"]),
        st.floats(0, 1e6),
    ),
)


def made(better: str, challenger: float, other: float, below: float, above: float) -> dict[str, Any]:
    """An evaluation of one metric in which every number that a rule could use follows from the arguments."""
    document = evaluation(CHAMPION)
    interval = {"value": challenger, "low": challenger - below, "high": challenger + above}
    theirs = {"value": other, "low": other, "high": other}
    value = challenger - other
    difference = {"value": value, "low": value - below, "high": value + above}
    document["metrics"]["profit"] = {"better": better}
    document["challenger"]["metrics"]["profit"] = interval
    for name in ("baseline", "champion"):
        document[name]["metrics"]["profit"] = theirs
        document["differences"][name]["profit"] = difference
    return document


def passes(rule: dict[str, Any], document: dict[str, Any]) -> bool:
    compared = {"better_than", "not_worse_than"} & rule.keys()
    direction = document["metrics"]["profit"] if compared else {}
    made_rule = GateRule(name="a", metric="profit", **rule, **direction)
    (result,) = applied([made_rule], document)
    return result.passed


spread = st.floats(0, 1e3)


documents = {"challenger": numbers, "other": numbers, "below": spread, "above": spread}


@given(rule=rules, better=directions, numbers=st.fixed_dictionaries(documents), loss=st.floats(0, 1e6))
def test_worse_interval_never_passes_refused_rule(
    rule: dict[str, Any], better: str, numbers: dict[str, float], loss: float
) -> None:
    # A limit has a side of its own: there, worse is what is farther beyond it.
    side = "lower" if "at_most" in rule else "higher" if "at_least" in rule else better
    shift = loss if side == "lower" else -loss
    worse = numbers | {"challenger": numbers["challenger"] + shift}

    if passes(rule, made(better, **worse)):
        assert passes(rule, made(better, **numbers))


@given(rule=rules, better=directions, numbers=st.fixed_dictionaries(documents), data=st.data())
def test_rule_never_passes_with_nan_or_infinity(
    rule: dict[str, Any], better: str, numbers: dict[str, float], data: st.DataObject
) -> None:
    document = made(better, **numbers)
    target = data.draw(st.sampled_from(["value", "low", "high"]))
    none = data.draw(broken)
    if "at_most" in rule or "at_least" in rule:
        document["challenger"]["metrics"]["profit"][target] = none
    else:
        compared = rule.get("better_than") or rule["not_worse_than"]
        document["differences"][compared]["profit"][target] = none

    assert not passes(rule, document)


@given(better=directions, numbers=st.fixed_dictionaries(documents))
def test_better_than_needs_whole_interval(better: str, numbers: dict[str, float]) -> None:
    document = made(better, **numbers)
    difference = document["differences"]["champion"]["profit"]
    whole = difference["high"] < 0 if better == "lower" else difference["low"] > 0

    assert passes({"better_than": "champion"}, document) == whole


@given(limit=numbers, numbers=st.fixed_dictionaries(documents), side=st.sampled_from(["at_most", "at_least"]))
def test_limit_needs_whole_interval(limit: float, numbers: dict[str, float], side: str) -> None:
    document = made("lower", **numbers)
    interval = document["challenger"]["metrics"]["profit"]
    whole = interval["high"] <= limit if side == "at_most" else interval["low"] >= limit

    assert passes({side: limit}, document) == whole


def regression(
    errors: dict[str, float], rows: int = 80, groups: dict[str, float] | None = None, seed: int = 3
) -> Losses:
    """Losses of models whose errors are normal, with these standard deviations and one part in common."""
    random, labels = Random(seed), list(groups or {"": 1.0})
    truth, models, marks = [], {name: list[float]() for name in errors}, []
    for row in range(rows):
        label = labels[row % len(labels)]
        common = random.gauss(0, 1)
        truth.append(random.gauss(0, 30))
        marks.append(label)
        for name, error in errors.items():
            own = error * (0.8 * common + 0.6 * random.gauss(0, 1)) * (groups or {"": 1.0})[label]
            models[name].append(own**2)
    variants = {name: models.pop(name) for name in list(models) if name not in ("challenger", "champion", "baseline")}
    return Losses(truth, models, variants, {"group": marks})


def result(losses: Losses, champion: Champion | None = CHAMPION, **rule: Any) -> RuleResult:
    (found,) = applied([GateRule(name="a", **rule)], evaluation(), champion, losses)
    return found


MODELS = {"challenger": 10.0, "champion": 12.0, "baseline": 30.0}


def test_better_model_passes_only_with_enough_rows() -> None:
    few, many = (regression(MODELS, rows) for rows in (20, 400))
    rule: dict[str, Any] = {"metric": "rmse", "better_than": "champion"}

    assert result(many, **rule).passed
    undecided = result(few, **rule)
    assert (undecided.passed, undecided.undecided) == (False, True)
    assert "undecided, it may be" in undecided.message


def test_rule_is_refused_where_the_rows_show_the_opposite() -> None:
    found = result(regression(MODELS | {"champion": 6.0}, 400), metric="rmse", not_worse_than="champion", margin=0.5)

    assert (found.passed, found.undecided) == (False, False)
    assert "0.5 worse is allowed: off by" in found.message


def test_limit_is_compared_with_the_end_of_the_interval() -> None:
    losses = regression(MODELS, 100)
    value = result(losses, metric="rmse", at_most=100).value
    assert value is not None

    near, far = (result(losses, metric="rmse", at_most=value * factor) for factor in (1.05, 1.5))

    assert (near.passed, near.undecided, far.passed) == (False, True, True)


def test_each_group_must_not_be_worse_than_the_champion() -> None:
    losses = regression({"challenger": 10, "champion": 12, "baseline": 30}, 400, {"a": 1.0, "b": 1.0})
    rows = [place for place, label in enumerate(losses.groups["group"]) if label == "b"]
    for row in rows:
        losses.models["challenger"][row] *= 3
    rule: dict[str, Any] = {"metric": "rmse", "not_worse_than": "champion", "margin": 1}

    found = result(losses, **rule, per_group="group")

    assert not found.passed
    assert "for group b, the worst of 2 groups" in found.message


@pytest.mark.parametrize(("limit", "factor", "passed"), [(1.5, 1.0, True), (1.5, 3.0, False)])
def test_ratio_and_difference_between_groups(limit: float, factor: float, passed: bool) -> None:
    losses = regression(MODELS, 400, {"a": 1.0, "b": factor})

    ratio = result(losses, metric="rmse", per_group="group", ratio_at_most=limit)
    difference = result(losses, metric="rmse", per_group="group", difference_at_most=5)

    assert (ratio.passed, difference.passed) == (passed, passed)
    assert "the largest ratio of rmse between groups by group is" in ratio.message


def test_variant_is_compared_row_by_row_and_by_its_metric() -> None:
    losses = regression(MODELS)
    losses.variants["onnx"] = [(math.sqrt(loss) + 1e-4) ** 2 for loss in losses.models["challenger"]]
    losses.variants["noise"] = [loss * 4 for loss in losses.models["challenger"]]

    assert result(losses, variant="onnx", parity_at_most=1e-3).passed
    assert not result(losses, variant="onnx", parity_at_most=1e-5).passed
    assert result(losses, metric="rmse", at_most=30, variant="noise").passed
    assert "rmse of the variant noise 1" in result(losses, metric="rmse", at_most=12, variant="noise").message
    assert not result(losses, metric="rmse", at_most=12, variant="noise").passed


def test_first_model_is_compared_with_the_baseline_where_the_rule_says_so() -> None:
    losses = regression(MODELS, 100)
    rule = {"metric": "rmse", "better_than": "champion", "without_champion": "baseline"}

    assert result(losses, None, **rule).message.startswith("rmse differs from the baseline by")
    assert result(losses, None, **rule).passed
    assert not result(regression(MODELS | {"baseline": 10}, 100), None, **rule).passed


def test_rules_share_their_error_by_holms_method() -> None:
    losses = regression(MODELS, 100)
    value = result(losses, metric="rmse", at_most=100).value or 0
    near = value * 1.15
    rules = [GateRule(name=f"rule {limit}", metric="rmse", at_most=limit) for limit in (near, 20.0, 30.0)]
    alone = result(losses, metric="rmse", at_most=near)

    found = {one.rule: one for one in applied(rules, evaluation(), CHAMPION, losses)}

    confidences = {name: round(one.confidence or 0, 4) for name, one in found.items()}
    assert sorted(confidences.values()) == [0.95, 0.975, 0.9833]
    assert confidences[f"rule {near}"] == 0.95  # the least certain one comes last
    assert found[f"rule {near}"].passed == alone.passed


def test_rule_after_an_undecided_one_does_not_pass() -> None:
    losses = regression(MODELS, 100)
    value = result(losses, metric="rmse", at_most=100).value or 0
    # Both limits are near: one alone would pass at 95 %, neither does at the 97.5 % of two.
    limits = [value * (1 + step / 1000) for step in range(50, 400)]
    just = next(limit for limit in limits if result(losses, metric="rmse", at_most=limit).passed)
    rules = [GateRule(name=name, metric="rmse", at_most=just) for name in ("a", "b")]

    found = applied(rules, evaluation(), CHAMPION, losses)

    assert [(one.passed, one.undecided) for one in found] == [(False, True), (False, True)]
    assert "because another rule did not pass" in found[1].message
