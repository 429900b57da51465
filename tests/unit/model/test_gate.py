"""Tests of the gate on runs that are written by hand: what passes, and everything that must be refused."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bootstrap.digest import digest_tree
from bootstrap.errors import InputError, MissingError, RefusedError
from bootstrap.model import gate
from bootstrap.model.records import Decision, read_record
from tests.helpers import build_tree, run_here
from tests.unit.model.worlds import EVALUATION, RUN, World, evaluation, register_by_hand


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def judged(world: World) -> Decision:
    project = world.write()
    return gate.decide(project, gate.find_run(project))


def failures(decision: Decision) -> dict[str, str]:
    return {result.rule: result.message for result in decision.rules if not result.passed}


def test_gate_passes_first_model_and_lists_all_files_it_read(world: World) -> None:
    decision = judged(world)

    assert decision.passed, failures(decision)
    assert [result.rule for result in decision.rules][:2] == ["evidence", "good enough"]
    paths = [artifact.path for artifact in decision.looked_at]
    assert {"gate.yml", "pipelines/train.yml", "uv.lock", "data/train.csv", f".mlops/runs/{RUN}/run.json"} <= set(paths)
    assert decision.model.path in paths
    assert "no champion to compare with yet" in decision.rules[4].message


def test_same_files_give_same_decision(world: World) -> None:
    first, second = judged(world), judged(world)

    assert first.model_copy(update={"decided_at": ""}) == second.model_copy(update={"decided_at": ""})


def test_decision_file_equals_decision(world: World) -> None:
    decision = judged(world)

    path = gate.write_decision(world.write(), decision)

    assert read_record(path, Decision) == decision


def test_gate_passes_model_within_margin_of_champion(world: World) -> None:
    champion = register_by_hand(world.root)
    world.evaluation = evaluation(champion)

    decision = judged(world)

    assert decision.passed, failures(decision)
    assert decision.champion == champion
    assert any(artifact.path.endswith("version.json") for artifact in decision.looked_at)


def set_metric(*path: str, value: float) -> Callable[[World], None]:
    def change(world: World) -> None:
        node: Any = world.evaluation
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


def remove(*path: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        node: Any = world.evaluation
        for key in path[:-1]:
            node = node[key]
        del node[path[-1]]

    return change


def put(key: str, value: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.evaluation[key] = value

    return change


def losses(text: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.losses = text

    return change


def in_losses(old: str, new: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert old in world.losses
        world.losses = world.losses.replace(old, new, 1)

    return change


def rules(*lines: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        listed = "".join(f"\n  - {line}" for line in lines)
        build_tree(world.root, {"gate.yml": f"schema_version: 1\nrules:{listed}\n"})

    return change


HEAD = "row,truth,challenger,baseline\n"
NARROW = {
    "rmse": EVALUATION["challenger"]["metrics"]["rmse"],
    "r2": {"value": 0.4375, "low": 0.43, "high": 0.45},
}

REFUSALS = {
    "a metric above its limit": (rules("{name: a, metric: rmse, at_most: 50}"), "a", "at most 50: off by 4"),
    "a metric below its limit": (rules("{name: a, metric: r2, at_least: 0.9}"), "a", "at least 0.9: off by 0.4625"),
    "a metric that may be below its limit": (
        rules("{name: a, metric: r2, at_least: 0.42}"),
        "a",
        "at least 0.42: undecided, it may be 0.28",
    ),
    "a metric that is NaN": (
        set_metric("challenger", "metrics", "rmse", "value", value=math.nan),
        "evidence",
        "rmse of the challenger is nan in evaluation.json, but 54 by the losses",
    ),
    "a metric that nobody computes": (
        rules("{name: a, metric: profit, at_least: 1}"),
        "a",
        "the challenger has no profit (it has r2, rmse)",
    ),
    "too few rows": (
        rules("{name: a, metric: rmse, at_most: 65, min_rows: 61}"),
        "a",
        "there are 60 rows; 61 are needed to decide",
    ),
    "another direction than the metric's own": (
        put("metrics", {"rmse": {"better": "higher"}, "r2": {"better": "higher"}}),
        "evidence",
        "declares that a higher rmse is better; a lower one is",
    ),
    "a group above its limit": (
        rules("{name: fair, metric: rmse, per_group: sex, at_most: 50}"),
        "fair",
        "rmse 54 for sex 1, the worst of 2 groups (54 to 54 at 95%), at most 50: off by 4",
    ),
    "a group that is NaN": (
        set_metric("challenger", "groups", "sex", "1", "rmse", value=math.nan),
        "evidence",
        "rmse of the challenger for sex 1 is nan in evaluation.json, but 54 by the losses",
    ),
    "an unknown grouping column": (
        rules("{name: fair, metric: rmse, per_group: age, at_most: 75}"),
        "fair",
        "no groups by age (it has sex)",
    ),
    "a group with too few rows": (
        rules("{name: fair, metric: rmse, per_group: sex, at_most: 75, min_rows: 30}"),
        "fair",
        "sex 1 has 20 rows; 30 are needed to decide",
    ),
    "the first model without a word about it": (
        rules("{name: a, metric: rmse, not_worse_than: champion, margin: 1}"),
        "a",
        "add `without_champion: passes`",
    ),
    "the first model where that is refused": (
        rules("{name: a, metric: rmse, not_worse_than: champion, margin: 1, without_champion: refused}"),
        "a",
        "there is no champion to compare with yet; without_champion: refused",
    ),
    "the first model that is no better than the baseline": (
        rules(
            "{name: a, metric: r2, not_worse_than: champion, margin: 0, without_champion: baseline}",
            "{name: b, metric: rmse, better_than: champion, without_champion: baseline, min_rows: 61}",
        ),
        "b",
        "there are 60 rows",
    ),
    "a variant that is not in the losses": (
        rules("{name: a, variant: onnx, parity_at_most: 0.1}"),
        "a",
        "the losses have no variant onnx",
    ),
    "a failed check of the data": (
        put("data_checks", [{"name": "schema", "passed": False, "message": "age is text"}]),
        "clean data",
        "schema (age is text)",
    ),
    "no check of the data": (put("data_checks", []), "evidence", "no data checks"),
    "confidence that is none": (put("confidence", 1.0), "evidence", "confidence"),
    "another challenger than the run's model": (
        set_metric("challenger", "sha256", value="b" * 64),  # type: ignore[arg-type]
        "evidence",
        "the run's model is",
    ),
    "a champion where none is registered": (
        put("champion", {"sha256": "b" * 64, "metrics": {}}),
        "evidence",
        "none is registered",
    ),
    "losses with fewer rows": (losses(HEAD + "0,1,1,2\n"), "evidence", "has 1 rows; evaluation.json has 60"),
    "losses with no rows": (losses(HEAD), "evidence", "has 0 rows"),
    "losses with NaN": (losses(HEAD + "0,1,1,2\n1,1,nan,2\n2,1,1,2\n"), "evidence", "row 2 has no finite loss"),
    "losses with text": (losses(HEAD + "0,1,1,2\n1,1,1,2\n2,1,1,x\n"), "evidence", "loss of the baseline"),
    "negative losses": (losses(HEAD + "0,1,1,-2\n"), "evidence", "row 1 has a negative loss of the baseline"),
    "true values with NaN": (losses(HEAD + "0,nan,1,2\n"), "evidence", "row 1 has no finite truth"),
    "losses without a column": (losses("row,truth,challenger\n0,1,1\n"), "evidence", "one column baseline"),
    "losses without true values": (losses("row,challenger,baseline\n0,1,1\n"), "evidence", "one column truth"),
    "two columns of one name": (losses("row,truth,challenger,baseline,truth\n"), "evidence", "one column truth"),
    "a row with too few values": (losses(HEAD + "0,1,1\n"), "evidence", "row 1 has 3 values; there are 4 columns"),
    "a row that is scored twice": (in_losses("\n1,", "\n0,"), "evidence", "has a row several times: 0"),
    "other rows than the registered ones": (in_losses("\n1,", "\n71,"), "evidence", "has other rows or true values"),
    "other true values than the registered ones": (in_losses(",100.0,", ",100.5,"), "evidence", "other rows or true"),
    "a metric that the losses do not give": (
        set_metric("challenger", "metrics", "rmse", "value", value=53.0),
        "evidence",
        "rmse of the challenger is 53 in evaluation.json, but 54 by the losses",
    ),
    "a metric of the baseline that the losses do not give": (
        set_metric("baseline", "metrics", "r2", "value", value=-0.05),
        "evidence",
        "r2 of the baseline is -0.05 in evaluation.json, but 0 by the losses",
    ),
    "a group's metric that the losses do not give": (
        set_metric("challenger", "groups", "sex", "2", "rmse", value=50.0),
        "evidence",
        "rmse of the challenger for sex 2 is 50 in evaluation.json, but 54 by the losses",
    ),
    "a group that is left out": (
        remove("challenger", "groups", "sex", "2"),
        "evidence",
        "has the groups 1 for the challenger; the rows are in 1, 2",
    ),
    "a grouping that is left out": (remove("challenger", "groups", "sex"), "evidence", "has none for the challenger"),
    "groups without the rows' groups": (
        in_losses("group:sex", "sex"),
        "evidence",
        "the rows are in none, because the losses have no column group:sex",
    ),
    "an interval beside its value": (
        set_metric("challenger", "metrics", "rmse", "low", value=54.5),
        "evidence",
        "the interval of rmse of the challenger, 54.5 to 60, does not contain its value, 54",
    ),
    "an interval of a difference beside its value": (
        set_metric("differences", "baseline", "rmse", "high", value=-19.0),
        "evidence",
        "the interval of rmse to baseline, -24 to -19, does not contain its value, -18",
    ),
    "intervals that are hardly more than a point": (put("confidence", 1e-9), "evidence", "not between 0.8 and 0.9999"),
    "an interval that the losses do not allow": (
        put("differences", {"baseline": {"rmse": {"value": -18, "low": -19, "high": -17}}}),
        "evidence",
        "its high end is 1 from the value; the standard error by the losses, 3.27948, allows no less than 2.57",
    ),
    "an interval that is narrow at one end": (
        set_metric("differences", "baseline", "rmse", "high", value=-17.0),
        "evidence",
        "rmse to baseline, -24 to -17, is too narrow: its high end",
    ),
    "a narrow interval of a metric": (
        put("challenger", EVALUATION["challenger"] | {"metrics": NARROW}),
        "evidence",
        "r2 of the challenger is too narrow: half of it is 0.01; the standard error by the losses, 0.0518439",
    ),
    "losses that are not the named ones": (
        put("losses", {"path": "losses.csv", "sha256": "b" * 64}),
        "evidence",
        "does not have the digest",
    ),
}


OUTSIDE = ("../secret", "/etc/hostname", "a/../../b", "", "a\0b")


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("key", ["pipeline", "outputs", "code"])
def test_run_record_with_path_outside_the_project_is_refused(world: World, key: str, path: str) -> None:
    project = world.write()
    record = project.state / "runs" / RUN / "run.json"
    document = json.loads(record.read_text(encoding="utf-8"))
    holder = {"pipeline": document, "outputs": document["outputs"], "code": document["jobs"]["train"]}[key]
    holder["model" if key == "outputs" else key] = {"path": path, "sha256": "b" * 64}
    record.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(InputError, match=r"not a valid run\.json"):
        gate.find_run(project)


def test_losses_outside_the_evaluation_are_refused(world: World) -> None:
    world.evaluation["losses"] = {"path": "../../../../uv.lock", "sha256": "b" * 64}

    with pytest.raises(InputError, match="must be a path inside the project"):
        judged(world)


def test_run_id_that_leads_elsewhere_is_refused(world: World) -> None:
    world.run = {"id": "../../../elsewhere"}
    project = world.write()

    with pytest.raises(InputError, match=r"not a valid run\.json"):
        gate.find_run(project)


def test_record_of_another_run_is_refused(world: World) -> None:
    world.run = {"id": "20261125-000000-cd34"}

    with pytest.raises(InputError, match="does not belong to its folder"):
        gate.find_run(world.write())


@pytest.mark.parametrize(("key", "words"), [("project", "of other and its model churn"), ("model", "its model other")])
def test_run_of_another_project_or_model_is_refused(world: World, key: str, words: str) -> None:
    world.run = {key: "other"}
    project = world.write()

    for run_id in (None, RUN):
        with pytest.raises(RefusedError, match=words):
            gate.find_run(project, run_id)


def test_run_of_another_pipeline_needs_its_name(world: World) -> None:
    world.write()
    build_tree(world.root, {"pipelines/other.yml": "type: pipeline\n"})
    world.run = {"pipeline": {"path": "pipelines/other.yml", "sha256": digest_tree(world.root / "pipelines/other.yml")}}
    project = world.write("20261125-000000-cd34")

    with pytest.raises(RefusedError, match=r"--pipeline pipelines/other\.yml"):
        gate.find_run(project, "20261125-000000-cd34")

    run = gate.find_run(project, None, "pipelines/other.yml")
    assert run.id == "20261125-000000-cd34"
    assert gate.decide(project, run).passed


def test_output_that_no_step_of_the_run_wrote_is_refused(world: World) -> None:
    project = world.write()
    run = gate.find_run(project)
    elsewhere = build_tree(project.root / "elsewhere", world.model)
    model = run.outputs["model"].model_copy(update={"path": elsewhere.name})

    decision = gate.decide(project, run.model_copy(update={"outputs": {**run.outputs, "model": model}}))

    assert "elsewhere is not the output of a step of this run" in failures(decision)["evidence"]


@pytest.mark.parametrize("change", ["edited", "removed", "linked"])
def test_code_that_is_not_what_the_run_used_is_refused(world: World, change: str) -> None:
    project = world.write()
    copy = project.path(f".mlops/steps/train-{RUN}/step-code")
    if change == "edited":
        (copy / "train.py").write_text("print('something else')\n", encoding="utf-8")
    elif change == "linked":
        (copy / "train.py").unlink()
        (copy / "train.py").symlink_to("elsewhere.py")
    else:
        copy.rename(copy.with_name("gone"))

    decision = gate.decide(project, gate.find_run(project))

    assert not decision.passed
    assert "step-code" in failures(decision)["evidence"]


def test_code_that_was_edited_since_the_run_is_reported(world: World) -> None:
    project = world.write()
    run = gate.find_run(project)
    assert gate.decide(project, run).edited_code == []
    build_tree(project.root, {"components/train/__pycache__/train.cpython-311.pyc": "compiled"})
    assert gate.decide(project, run).edited_code == []
    build_tree(project.root, {"components/train/train.py": "print('something else')\n"})

    decision = gate.decide(project, run)

    assert decision.passed
    assert decision.edited_code == ["components/train"]
    assert "used the code as it was: components/train" in run_here("model", "gate", cwd=project.root).out
    assert "- edited since the run" in run_here("model", "gate", "--output", "markdown", cwd=project.root).out


@pytest.mark.parametrize("name", ["__pycache__/x.pyc", ".ipynb_checkpoints/x", ".cache/x"])
def test_hidden_file_that_was_added_to_a_model_is_refused(world: World, name: str) -> None:
    project = world.write()
    build_tree(project.root / f".mlops/steps/train-{RUN}/model", {name: "hidden"})

    decision = gate.decide(project, gate.find_run(project))

    assert f".mlops/steps/train-{RUN}/model has changed" in failures(decision)["evidence"]


def test_linked_folder_in_a_model_is_refused(world: World) -> None:
    project = world.write()
    project.path(f".mlops/steps/train-{RUN}/model/code").symlink_to(project.root / "data")

    assert "is a link to a folder" in failures(gate.decide(project, gate.find_run(project)))["evidence"]


def test_metrics_that_are_not_recomputed_are_named(world: World) -> None:
    world.evaluation["metrics"]["profit"] = {"better": "higher"}
    world.evaluation["challenger"]["metrics"]["profit"] = {"value": 1, "low": 0, "high": 2}

    [evidence] = [result for result in judged(world).rules if result.rule == "evidence"]

    assert evidence.message.endswith("; rmse, r2 recomputed from 60 rows; not recomputed: profit")


@pytest.mark.parametrize(("change", "rule", "words"), REFUSALS.values(), ids=REFUSALS)
def test_gate_refuses(world: World, change: Callable[[World], None], rule: str, words: str) -> None:
    change(world)

    decision = judged(world)

    assert not decision.passed
    told = {name: message for name, message in failures(decision).items() if name.startswith(rule)}
    assert told, failures(decision)
    assert words in " ".join(told.values())
    json.loads(decision.model_dump_json())  # no NaN in what is written


def better_champion(world: World) -> None:
    world.losses = re.sub(r",2916\.0,(\d)\n", r",2500.0,\1\n", world.losses)
    world.evaluation["champion"] |= {
        "metrics": {
            "rmse": {"value": 50, "low": 45, "high": 55},
            "r2": {"value": 1 - 2500 / 5184, "low": 0.3, "high": 0.7},
        },
        "groups": {"sex": {"1": {"rmse": 50}, "2": {"rmse": 50}}},
    }


CHAMPION_REFUSALS: dict[str, tuple[Callable[[World], None], str, str]] = {
    "an evaluation without the champion": (put("champion", None), "evidence", "has no champion"),
    "another champion than the registered": (
        set_metric("champion", "sha256", value="b" * 64),  # type: ignore[arg-type]
        "evidence",
        "not version 1, which is the champion now",
    ),
    "other rows than the champion's": (
        put("champion_rows", {"count": 3, "sha256": "b" * 64}),
        "evidence",
        "different rows",
    ),
    "no word about the champion's rows": (put("champion_rows", None), "evidence", "different rows"),
    "a challenger that is worse by more than the margin": (
        better_champion,
        "holds the champion",
        "rmse differs from the champion by 4 (4 to 4 at 95%), lower is better, 0.5 worse is allowed: off by 3.5",
    ),
    "no loss of the champion": (losses(HEAD + "0,1,1,2\n"), "evidence", "one column champion"),
}


@pytest.mark.parametrize(("change", "rule", "words"), CHAMPION_REFUSALS.values(), ids=CHAMPION_REFUSALS)
def test_gate_refuses_with_champion(world: World, change: Callable[[World], None], rule: str, words: str) -> None:
    world.evaluation = evaluation(register_by_hand(world.root))
    change(world)

    decision = judged(world)

    assert not decision.passed
    assert words in failures(decision)[rule]


def test_unchanged_model_is_not_worse_and_not_better_than_champion(world: World) -> None:
    champion = register_by_hand(world.root)
    world.evaluation = evaluation(champion)
    world.evaluation["differences"]["champion"]["rmse"] = {"value": 0.0, "low": 0.0, "high": 0.0}
    build_tree(
        world.root,
        {
            "gate.yml": """
            schema_version: 1
            rules:
              - {name: holds, metric: rmse, not_worse_than: champion, margin: 0}
              - {name: beats, metric: rmse, better_than: champion}
            """
        },
    )

    decision = judged(world)

    assert list(failures(decision)) == ["beats"]


def test_gate_shows_earlier_decision_for_run_of_champion(world: World) -> None:
    register_by_hand(world.root, "flavors: {}\n")

    assert "this model is already the champion, version 1" in failures(judged(world))["evidence"]


def test_difference_of_a_metric_where_higher_is_better(world: World) -> None:
    build_tree(world.root, {"gate.yml": "schema_version: 1\nrules: [{name: b, metric: r2, better_than: baseline}]\n"})

    [_, result] = judged(world).rules

    assert (result.passed, result.side, result.limit) == (True, "at_least", 0)
    assert result.low is not None
    assert 0.2 < result.low < 0.4375


def test_rule_decides_the_direction_of_a_metric_that_only_the_project_knows(world: World) -> None:
    rule = "{name: b, metric: profit, better_than: baseline, better: DIRECTION}"
    rules = f"schema_version: 1\nrules: [{rule}]\n"
    for model, value in (("challenger", 5), ("baseline", 1)):
        world.evaluation[model]["metrics"]["profit"] = {"value": value, "low": value, "high": value}
    world.evaluation["differences"]["baseline"]["profit"] = {"value": 4, "low": 3, "high": 5}
    build_tree(world.root, {"gate.yml": rules.replace("DIRECTION", "higher")})
    assert judged(world).passed

    world.evaluation["metrics"]["profit"] = {"better": "lower"}
    assert "declares that a lower profit is better; a higher one is" in failures(judged(world))["b"]

    build_tree(world.root, {"gate.yml": rules.replace("DIRECTION", "lower")})
    assert "lower is better, the whole interval must be: off by 4" in failures(judged(world))["b"]


def test_empty_list_of_rules_is_refused(world: World) -> None:
    build_tree(world.root, {"gate.yml": "schema_version: 1\nrules: []\n"})

    decision = judged(world)

    assert not decision.passed
    assert failures(decision) == {"rules": "there are no rules"}


@pytest.mark.parametrize(
    "path", ["pipelines/train.yml", "uv.lock", "data/train.csv", f".mlops/steps/train-{RUN}/model/MLmodel"]
)
def test_gate_names_file_that_changed_since_run(world: World, path: str) -> None:
    project = world.write()
    (project.root / path).write_text("something else", encoding="utf-8")

    decision = gate.decide(project, gate.find_run(project))

    assert not decision.passed
    assert path.removesuffix("/MLmodel") in failures(decision)["evidence"]


def test_gate_names_missing_file(world: World) -> None:
    project = world.write()
    (project.root / "data" / "train.csv").unlink()

    assert "data/train.csv is missing" in failures(gate.decide(project, gate.find_run(project)))["evidence"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_gate_refuses_run_that_did_not_complete(world: World, status: str) -> None:
    world.run = {"status": status, "outputs": {}}

    with pytest.raises(RefusedError, match=RUN):
        judged(world)


def test_gate_uses_last_run_even_if_it_failed(world: World) -> None:
    world.write()
    world.run = {"status": "failed"}
    project = world.write("20261125-000000-cd34")

    assert gate.find_run(project).id == "20261125-000000-cd34"
    assert gate.find_run(project, RUN).id == RUN


def test_gate_ignores_runs_of_other_pipelines(world: World) -> None:
    world.write()
    world.run = {"pipeline": {"path": "pipelines/score.yml", "sha256": "b" * 64}}
    project = world.write("20261125-000000-cd34")

    assert gate.find_run(project).id == RUN


def test_missing_run_names_next_command(world: World) -> None:
    project = world.write()
    (project.state / "runs" / RUN / "run.json").unlink()

    with pytest.raises(MissingError, match="mlops-bootstrap run"):
        gate.find_run(project)


def test_unknown_run_gets_suggestion(world: World) -> None:
    with pytest.raises(InputError, match=RUN):
        gate.find_run(world.write(), RUN[:-1])


def test_run_without_declared_output_is_refused(world: World) -> None:
    world.run = {"outputs": {"models": {"path": "x", "sha256": "b" * 64}}}

    with pytest.raises(InputError, match="no output model"):
        judged(world)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema_version": 2}', "written by a newer version"),
        ('{"schema_version": 1', "not a valid run.json"),
        ("[" * 100_000, "not a valid run.json"),
        ("\xff", "not a valid run.json"),
    ],
)
def test_broken_or_newer_run_record_is_reported(world: World, text: str, words: str) -> None:
    project = world.write()
    (project.state / "runs" / RUN / "run.json").write_text(text, encoding="latin-1")

    with pytest.raises(InputError, match=words):
        gate.find_run(project)


def with_check(world: World, **changes: Any) -> Decision:
    project = world.write()
    run = gate.find_run(project)
    document = {"schema_version": 1, "model_sha256": run.outputs["model"].sha256, "passed": True, "requests": 200}
    document |= {"p95_ms": 40.0, "p95_high_ms": 50.0, "measured_at": "2026-11-24T10:20:00+00:00", "tool": "0.1.0"}
    path = gate.serve_check_path(project, RUN)
    path.write_text(json.dumps(document | changes), encoding="utf-8")
    return gate.decide(project, run)


def test_latency_rule_needs_the_check_of_this_model(world: World) -> None:
    rules("{name: fast, latency_ms_at_most: 45}")(world)

    assert "model serve --check --run" in failures(judged(world))["fast"]
    assert "not checked" in failures(with_check(world, model_sha256="b" * 64))["fast"]
    assert "wrong answers" in failures(with_check(world, passed=False))["fast"]
    assert "impossible" in failures(with_check(world, p95_high_ms=1.0))["fast"]
    assert "took up to 50 ms, at most 45" in failures(with_check(world))["fast"]
    passed = with_check(world, p95_high_ms=44.0)
    assert passed.passed
    assert any(one.path.endswith("serve-check.json") for one in passed.looked_at)


def test_size_rule_counts_all_files_of_the_model(world: World) -> None:
    world.model["weights.bin"] = "x" * 2_000_000
    rules("{name: small, size_mb_at_most: 1.9}")(world)
    assert "the model has 2" in failures(judged(world))["small"]

    rules("{name: small, size_mb_at_most: 2.1}")(world)
    assert judged(world).passed


@pytest.mark.parametrize(("started", "words"), [("2020-01-01T00:00:00+00:00", "counts until 2020-01-31"),
                                                ("2999-01-01T00:00:00+00:00", "in the future"),
                                                ("yesterday", "unknown")])  # fmt: skip
def test_age_rule_refuses_old_and_future_runs(world: World, started: str, words: str) -> None:
    rules("{name: recent, age_days_at_most: 30}")(world)
    world.run = {"started_at": started}

    assert words in failures(judged(world))["recent"]


def test_age_rule_passes_a_recent_run_with_the_same_words_twice(world: World) -> None:
    rules("{name: recent, age_days_at_most: 1}")(world)
    world.run = {"started_at": datetime.now(UTC).isoformat()}

    first, second = judged(world), judged(world)

    assert first.passed
    assert first.rules == second.rules
