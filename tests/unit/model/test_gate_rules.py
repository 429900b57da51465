"""Tests of `gate.yml` and of properties that hold for all numbers."""

import math
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import InputError
from bootstrap.model.records import Champion, Evaluation
from bootstrap.model.rules import Gate, GateRule, apply
from bootstrap.yaml import read, validated
from tests.unit.model.worlds import evaluation

CHAMPION = Champion(version="1", sha256="b" * 64)


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
        ("{name: a, metric: rmse, better_than: champion, per_group: sex}", "does not allow per_group"),
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
        apply(
            [Rule.model_construct(name="a", metric="rmse", within=1)], Evaluation.model_validate(evaluation()), champion
        )


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
    st.builds(lambda limit: {"at_most": limit, "per_group": "sex"}, numbers),
    st.builds(lambda limit: {"at_least": limit, "per_group": "sex"}, numbers),
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
    document["challenger"]["groups"] = {"sex": {"1": {"profit": challenger}, "2": {"profit": challenger}}}
    for name in ("baseline", "champion"):
        document[name]["metrics"]["profit"] = theirs
        document["differences"][name]["profit"] = difference
    return document


def passes(rule: dict[str, Any], document: dict[str, Any]) -> bool:
    compared = {"better_than", "not_worse_than"} & rule.keys()
    direction = document["metrics"]["profit"] if compared else {}
    made_rule = GateRule(name="a", metric="profit", **rule, **direction)
    (result,) = apply([made_rule], Evaluation.model_validate(document), CHAMPION)
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
    if "per_group" in rule:
        document["challenger"]["groups"]["sex"][data.draw(st.sampled_from(["1", "2"]))]["profit"] = none
    elif "at_most" in rule or "at_least" in rule:
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
