"""Tests of the registry's files and of which models may be registered. Other tests use the real MLflow."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.digest import copy_tree, digest_file
from bootstrap.errors import InputError, LockedError, MissingError, RefusedError
from bootstrap.lock import hold_lock
from bootstrap.model import gate, register, registry
from bootstrap.model.records import Decision, read_record
from bootstrap.progress import Progress
from bootstrap.project import Project
from tests.helpers import build_tree, run_here
from tests.unit.model.worlds import RUN, World, evaluation, register_by_hand


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def judged(world: World) -> Project:
    """The world's project with a decision on disk."""
    project = world.write()
    gate.write_decision(project, gate.decide(project, gate.find_run(project)))
    return project


def examined(project: Project) -> register.Challenger:
    return register.find_challenger(project, gate.find_run(project))


def edit_decision(project: Project, **changes: Any) -> None:
    path = gate.decision_path(project, RUN)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_empty_registry_has_no_versions_and_no_champion(world: World) -> None:
    project = world.write()

    assert registry.versions(project) == []
    assert registry.champion(project) is None
    with pytest.raises(MissingError, match="model register"):
        registry.version(project, None)


def test_versions_are_sorted_by_number(world: World) -> None:
    register_by_hand(world.root, "two", "2", "champion")
    register_by_hand(world.root, "ten", "10", "retired")
    register_by_hand(world.root, "one", "1", "retired")
    project = world.write()

    assert [version.version for version in registry.versions(project)] == ["1", "2", "10"]
    assert registry.version(project, None).version == "2"
    assert registry.version(project, "10").stage == "retired"


def test_last_registered_of_two_champions_counts(world: World) -> None:
    register_by_hand(world.root, "one", "1", "champion")
    register_by_hand(world.root, "two", "2", "champion")

    champion = registry.champion(world.write())

    assert champion is not None
    assert champion.version == "2"


def test_unknown_version_error_lists_known_versions(world: World) -> None:
    register_by_hand(world.root)

    with pytest.raises(InputError, match="Known: 1"):
        registry.version(world.write(), "latest")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 2, "shape": "new"}, "newer version"),
        ({"version": "1.0"}, "not a version number"),
        ({"version": "9" * 5000}, "not a version number"),
        ({"model": {"path": "x", "sha256": "b" * 64}}, "does not belong to its folder"),
    ],
)
def test_invalid_version_file_is_reported(world: World, change: dict[str, Any], words: str) -> None:
    champion = register_by_hand(world.root)
    project = world.write()
    path = registry.version_folder(project, champion.sha256) / registry.RECORD
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")

    with pytest.raises(InputError, match=words):
        registry.versions(project)


def test_changed_model_is_not_intact(world: World) -> None:
    register_by_hand(world.root)
    project = world.write()
    version = registry.version(project, "1")
    assert registry.is_intact(project, version.model)

    (project.path(version.model.path) / "MLmodel").write_text("altered", encoding="utf-8")

    assert not registry.is_intact(project, version.model)


def test_challenger_that_passed_has_complete_lineage(world: World) -> None:
    project = judged(world)

    candidate = examined(project)

    assert not candidate.is_champion
    run = gate.find_run(project)
    expected = {
        "mlops.model_sha256": run.outputs["model"].sha256,
        "mlops.evaluation_sha256": run.outputs["evaluation"].sha256,
        "mlops.lock_sha256": run.lock_sha256,
        "mlops.pipeline_sha256": run.pipeline.sha256,
        "mlops.git_commit": "c" * 40,
        "mlops.git_dirty": "false",
        "mlops.run": RUN,
        "mlops.mlflow_run_id": "f" * 32,
    }
    assert expected.items() <= candidate.tags.items()
    assert set(candidate.tags) - set(expected) == {
        "mlops.decision_sha256",
        "mlops.input.data_sha256",
        "mlops.pipeline",
        "mlops.tool",
    }


def test_register_needs_decision(world: World) -> None:
    with pytest.raises(MissingError, match=f"model gate --run {RUN}"):
        examined(world.write())


def test_gate_reports_broken_rules_also_for_champion(world: World) -> None:
    project = judged(world)
    champion = register_by_hand(world.root, world.model["MLmodel"])
    folder = registry.version_folder(project, champion.sha256)
    decision = gate.decision_path(project, RUN).rename(folder / registry.DECISION)
    record = json.loads((folder / registry.RECORD).read_text(encoding="utf-8"))
    tags = {registry.DECISION_TAG: digest_file(decision)}
    (folder / registry.RECORD).write_text(json.dumps(record | {"tags": tags}), encoding="utf-8")
    rules = project.root / "gate.yml"

    assert run_here("model", "gate", cwd=world.root).code == 0
    rules.write_text(rules.read_text(encoding="utf-8").replace("rules:", "rulez:"), encoding="utf-8")
    done = run_here("model", "gate", cwd=world.root)

    assert (done.code, done.out) == (2, "")
    assert "gate.yml" in done.err


def test_next_steps_keep_the_project_folder(world: World) -> None:
    root = world.write().root

    undecided = run_here("model", "register", "-C", root.name, cwd=root.parent)
    inside = run_here("model", "register", cwd=root / "data")
    unregistered = run_here("model", "serve", "-C", root.name, cwd=root.parent)
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 90
    world.write()
    refused = run_here("model", "gate", "-C", root.name, cwd=root.parent)

    assert undecided.err.endswith(f"mlops-bootstrap model gate --run {RUN} -C {root.name}\n")
    assert inside.err.endswith(f"mlops-bootstrap model gate --run {RUN}\n")
    assert f"mlops-bootstrap run -C {root.name}" in unregistered.err
    assert f"mlops-bootstrap model gate -C {root.name}" in refused.err


def test_register_after_failed_run_names_log_and_next_command(world: World) -> None:
    world.write()
    step = {"component": "train", "seconds": 1, "key": "", "after": [], "inputs": {}, "outputs": {}}
    step |= {"source": "components/train", "code": None}
    log = ".mlops/runs/20261125-000000-cd34/logs/train.log"
    world.run = {"status": "failed", "outputs": {}, "jobs": {"train": {**step, "status": "failed", "log": log}}}
    root = world.write("20261125-000000-cd34").root

    done = run_here("model", "register", cwd=root)

    assert (done.code, done.out) == (5, "")
    assert "The last run, 20261125-000000-cd34, failed" in done.err
    assert f"train failed: {log}" in done.err
    assert "mlops-bootstrap run" in done.err
    assert f"mlops-bootstrap model gate --run {RUN}" in done.err


def test_register_refuses_refused_model_with_reason(world: World) -> None:
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 90

    with pytest.raises(RefusedError, match="but 54 by the losses"):
        examined(judged(world))


def test_each_tampering_with_an_accepted_model_is_refused(world: World) -> None:
    """Prints the refusals: `pytest -s -k tampering`."""
    step = f".mlops/steps/train-{RUN}"
    cases = {
        "model": (f"{step}/model/MLmodel", "{}", "{pickle: 1}", f"{step}/model has changed"),
        "metrics": (f"{step}/evaluation/evaluation.json", '"value": 54', '"value": 44', "evaluation has changed"),
        "decision": (f".mlops/runs/{RUN}/decision.json", "at most 65", "at most 55", "It differs in rules:"),
        "rules": ("gate.yml", "at_most: 65", "at_most: 650", "It differs in rules, looked_at:"),
        "data": ("data/train.csv", "1,2", "1,3", "data/train.csv has changed"),
    }
    root = judged(world).root
    assert run_here("model", "register", "--dry-run", cwd=root).code == 0

    for tampered, (path, old, new, reason) in cases.items():
        accepted = (root / path).read_text(encoding="utf-8")
        assert old in accepted
        (root / path).write_text(accepted.replace(old, new), encoding="utf-8")

        done = run_here("model", "register", "--dry-run", cwd=root)

        print(f"--- {tampered}: exit code {done.code}\n{done.err}")  # noqa: T201 - a report
        assert (done.code, done.out) == (5, "")
        assert reason in done.err
        (root / path).write_text(accepted, encoding="utf-8")
    assert run_here("model", "register", "--dry-run", cwd=root).code == 0


def test_register_refuses_edited_decision(world: World) -> None:
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 90
    project = judged(world)
    decision = read_record(gate.decision_path(project, RUN), Decision)
    rules = [rule.model_dump() | {"passed": True} for rule in decision.rules]
    edit_decision(project, passed=True, rules=rules)

    with pytest.raises(RefusedError, match=r"but 54 by the losses(.|\n)*It differs in passed, rules"):
        examined(project)


def test_register_refuses_decision_about_another_model(world: World) -> None:
    project = judged(world)
    edit_decision(project, model={"path": "elsewhere", "sha256": "b" * 64})

    with pytest.raises(RefusedError, match="It differs in model"):
        examined(project)


@pytest.mark.parametrize("path", ["gate.yml", "data/train.csv", f".mlops/steps/train-{RUN}/model/MLmodel"])
def test_register_refuses_file_changed_after_decision(world: World, path: str) -> None:
    project = judged(world)
    text = (project.root / path).read_text(encoding="utf-8")
    (project.root / path).write_text(text + "\n", encoding="utf-8")

    with pytest.raises(RefusedError, match=r"It differs in .*looked_at"):
        examined(project)


def test_register_refuses_decision_about_former_champion(world: World) -> None:
    project = judged(world)
    register_by_hand(world.root)

    with pytest.raises(RefusedError, match=r"is about none; now the champion is version 1(.|\n)*model gate"):
        examined(project)


def test_register_does_not_change_current_champion(world: World) -> None:
    champion = register_by_hand(world.root, "flavors: {}\n")
    world.evaluation = evaluation(champion)
    project = judged(world)

    candidate, version = register.register(project, gate.find_run(project), Progress())

    assert candidate.is_champion
    assert version.version == "1"


def test_second_registration_at_same_time_is_locked_out(world: World) -> None:
    project = judged(world)
    with (
        hold_lock(project.state / "registry/lock", "This test is at work."),
        pytest.raises(LockedError, match="Another registration"),
    ):
        register.register(project, gate.find_run(project), Progress())


def test_model_that_changes_while_it_is_copied_is_not_registered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project = judged(world)

    def change_and_copy(source: Path, target: Path) -> str:
        (source / "MLmodel").write_text("something else", encoding="utf-8")
        return copy_tree(source, target)

    monkeypatch.setattr(register, "copy_tree", change_and_copy)

    with pytest.raises(RefusedError, match="changed while it was copied"):
        register.register(project, gate.find_run(project), Progress())

    assert registry.versions(project) == []
    assert [path for path in (project.state / "registry").rglob("*") if path.name == "MLmodel"] == []


def test_decision_that_is_exchanged_during_the_registration_is_not_registered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = judged(world)
    path = gate.decision_path(project, RUN)
    compared, decide = path.read_bytes(), gate.decide

    def decide_and_exchange(*arguments: Any) -> Decision:
        decision = decide(*arguments)
        edit_decision(project, tool="another one")
        return decision

    monkeypatch.setattr(gate, "decide", decide_and_exchange)
    lineage = examined(project).tags
    path.write_bytes(compared)
    with pytest.raises(MissingError, match="environment"):  # there is no MLflow here
        register.register(project, gate.find_run(project), Progress())

    [registered] = (project.state / "registry/churn").glob("*/decision.json")
    assert path.read_bytes() != compared
    assert registered.read_bytes() == compared
    assert lineage[registry.DECISION_TAG] == digest_file(registered)


def test_refused_model_has_exit_code_5_and_one_document(world: World) -> None:
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 71.2
    root = world.write().root

    gated = run_here("model", "gate", "--output", "json", cwd=root)

    assert gated.code == 5
    assert gated.document["passed"] is False
    assert "rmse of the challenger is 71.2 in evaluation.json, but 54 by the losses" in gated.err
    registering = run_here("model", "register", cwd=root)
    assert (registering.code, registering.out) == (5, "")
    assert "but 54 by the losses" in registering.err
    assert not (root / ".mlops" / "registry" / "churn").exists()


def test_gate_prints_markdown(world: World) -> None:
    build_tree(world.root, {"gate.yml": 'schema_version: 1\nrules: [{name: "a | <b>", metric: rmse, at_most: 65}]\n'})
    done = run_here("model", "gate", "--output", "markdown", "-q", cwd=world.write().root)

    assert done.code == 0
    assert done.out.startswith("### Gate: passed\n")
    assert "| a \\| &lt;b&gt; | passed | rmse 54 (54 to 54 at 95%), at most 65 |" in done.out


def test_list_and_show_print_registered_versions(world: World) -> None:
    root = world.write().root
    assert run_here("model", "list", cwd=root).out == "No version of churn is registered yet.\n"
    assert run_here("model", "show", cwd=root).code == 3
    assert run_here("model", "serve", "--check", cwd=root).code == 3

    register_by_hand(root)

    assert [one["version"] for one in run_here("model", "list", "-o", "json", cwd=root).document["versions"]] == ["1"]
    assert max(map(len, run_here("model", "list", cwd=root).out.splitlines())) <= 100
    assert run_here("model", "show", "1", "-o", "json", cwd=root).document["intact"] is True
    unknown = run_here("model", "show", "2", cwd=root)
    assert (unknown.code, unknown.out) == (2, "")
    assert "Known: 1" in unknown.err


def test_changed_version_is_marked_and_not_served(world: World) -> None:
    champion = register_by_hand(world.root)
    root = world.write().root
    model = root / ".mlops" / "registry" / "churn" / champion.sha256 / "model" / "MLmodel"
    model.write_text("altered", encoding="utf-8")

    assert "CHANGED" in run_here("model", "show", cwd=root).out
    assert run_here("model", "serve", "--check", cwd=root).code == 5


def test_gate_draws_intervals_against_limits(world: World) -> None:
    build_tree(
        world.root,
        {
            "gate.yml": """
            schema_version: 1
            rules:
              - {name: explains, metric: r2, at_least: 0.2}
              - {name: "explains <all>", metric: r2, at_least: 0.9}
            """
        },
    )
    root = world.write().root

    drawn = run_here("model", "gate", "--explain", "-q", cwd=root).out
    page = run_here("model", "gate", "-o", "html", "-q", cwd=root).out

    passed, refused = (block.splitlines()[1] for block in drawn.split("\n\n") if block.startswith("explains"))
    # The part that the interval must not reach is below the limit: the passed interval is to its right.
    assert passed.index("/") < passed.index("|") < passed.index("[") < passed.index("o") < passed.index("]")
    assert refused.index("]") < refused.index("|")
    assert "explains <all>: refused" in drawn
    assert "explains &lt;all&gt;" in page
    assert page.count('<line class="limit"') == 2
    assert "<script" not in page
