"""The registry's files, and what may become a version at all. MLflow's part is tested with the real one."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError, LockedError, MissingError, RefusedError
from bootstrap.lock import alone
from bootstrap.model import gate, register, registry
from bootstrap.model.records import Decision, read_record
from bootstrap.progress import Silent
from bootstrap.project import Project
from tests.helpers import build_tree, run_cli
from tests.unit.model.worlds import RUN, World, evaluation, register_by_hand


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def judged(world: World) -> Project:
    """The world's project with a decision on disk."""
    project = world.write()
    gate.record(project, gate.judge(project, gate.find_run(project)))
    return project


def examined(project: Project) -> register.Candidate:
    return register.examine(project, gate.find_run(project))


def edit_decision(project: Project, **changes: Any) -> None:
    path = gate.decision_path(project, RUN)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_nothing_registered_is_an_empty_list_and_no_champion(world: World) -> None:
    project = world.write()

    assert registry.versions(project) == []
    assert registry.champion(project) is None
    with pytest.raises(MissingError, match="model register"):
        registry.version(project, None)


def test_versions_are_listed_by_number_and_the_champion_is_the_marked_one(world: World) -> None:
    register_by_hand(world.root, "two", "2", "champion")
    register_by_hand(world.root, "ten", "10", "retired")
    register_by_hand(world.root, "one", "1", "retired")
    project = world.write()

    assert [version.version for version in registry.versions(project)] == ["1", "2", "10"]
    assert registry.version(project, None).version == "2"
    assert registry.version(project, "10").stage == "retired"


def test_of_two_champions_the_one_registered_last_serves(world: World) -> None:
    register_by_hand(world.root, "one", "1", "champion")
    register_by_hand(world.root, "two", "2", "champion")

    champion = registry.champion(world.write())

    assert champion is not None
    assert champion.version == "2"


def test_an_unknown_version_names_the_known_ones(world: World) -> None:
    register_by_hand(world.root)

    with pytest.raises(InputError, match="Known: 1"):
        registry.version(world.write(), "latest")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 2, "shape": "new"}, "newer mlops-bootstrap"),
        ({"version": "1.0"}, "no version number"),
        ({"version": "9" * 5000}, "no version number"),
        ({"model": {"path": "x", "sha256": "b" * 64}}, "does not belong to the folder"),
    ],
)
def test_a_version_file_that_is_not_ours_is_told(world: World, change: dict[str, Any], words: str) -> None:
    champion = register_by_hand(world.root)
    project = world.write()
    path = registry.folder(project, champion.sha256) / registry.RECORD
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")

    with pytest.raises(InputError, match=words):
        registry.versions(project)


def test_an_altered_model_is_not_intact(world: World) -> None:
    register_by_hand(world.root)
    project = world.write()
    version = registry.version(project, "1")
    assert registry.holds(project, version.model)

    (project.path(version.model.path) / "MLmodel").write_text("altered", encoding="utf-8")

    assert not registry.holds(project, version.model)


def test_a_model_that_passed_may_be_registered_with_its_lineage(world: World) -> None:
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
        "mlops.tool",
    }


def test_a_model_that_was_not_judged_is_not_registered(world: World) -> None:
    with pytest.raises(MissingError, match=f"model gate --run {RUN}"):
        examined(world.write())


def test_a_refused_model_is_not_registered_and_the_reason_is_told(world: World) -> None:
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 90

    with pytest.raises(RefusedError, match="off by 25"):
        examined(judged(world))


def test_a_forged_decision_is_not_believed(world: World) -> None:
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 90
    project = judged(world)
    decision = read_record(gate.decision_path(project, RUN), Decision)
    rules = [rule.model_dump() | {"passed": True} for rule in decision.rules]
    edit_decision(project, passed=True, rules=rules)

    with pytest.raises(RefusedError, match=r"off by 25(.|\n)*It differs in passed, rules"):
        examined(project)


def test_a_decision_about_another_model_is_not_believed(world: World) -> None:
    project = judged(world)
    edit_decision(project, model={"path": "elsewhere", "sha256": "b" * 64})

    with pytest.raises(RefusedError, match="It differs in model"):
        examined(project)


@pytest.mark.parametrize("path", ["gate.yml", "data/train.csv", f".mlops/steps/train-{RUN}/model/MLmodel"])
def test_a_file_changed_after_the_decision_stops_the_registration(world: World, path: str) -> None:
    project = judged(world)
    text = (project.root / path).read_text(encoding="utf-8")
    (project.root / path).write_text(text + "\n", encoding="utf-8")

    with pytest.raises(RefusedError, match=r"It differs in .*looked_at"):
        examined(project)


def test_a_decision_against_a_former_champion_is_stale(world: World) -> None:
    project = judged(world)
    register_by_hand(world.root)

    with pytest.raises(RefusedError, match=r"knows no champion; version 1 serves now(.|\n)*model gate"):
        examined(project)


def test_the_champion_itself_is_already_registered(world: World) -> None:
    champion = register_by_hand(world.root, "flavors: {}\n")
    world.evaluation = evaluation(champion)
    project = judged(world)

    candidate, version = register.register(project, gate.find_run(project), Silent())

    assert candidate.is_champion
    assert version.version == "1"


def test_two_registrations_at_once_are_kept_apart(world: World) -> None:
    project = judged(world)
    with (
        alone(project.state / "registry/lock", "This test is at work."),
        pytest.raises(LockedError, match="Another registration"),
    ):
        register.register(project, gate.find_run(project), Silent())


def test_the_commands_print_one_document_and_use_the_exit_code(world: World) -> None:
    world.evaluation["challenger"]["metrics"]["rmse"]["value"] = 71.2
    root = world.write().root

    gated = run_cli("model", "gate", "--output", "json", cwd=root)

    assert gated.code == 5
    assert gated.document["passed"] is False
    assert "good enough: rmse 71.2, at most 65: off by 6.2" in gated.err
    registering = run_cli("model", "register", cwd=root)
    assert (registering.code, registering.out) == (5, "")
    assert "off by 6.2" in registering.err
    assert not (root / ".mlops" / "registry" / "churn").exists()


def test_the_gate_speaks_markdown_for_a_forge(world: World) -> None:
    build_tree(world.root, {"gate.yml": 'schema_version: 1\nrules: [{name: "a | <b>", metric: rmse, at_most: 65}]\n'})
    done = run_cli("model", "gate", "--output", "markdown", "-q", cwd=world.write().root)

    assert done.code == 0
    assert done.out.startswith("### Gate: passed\n")
    assert "| a \\| &lt;b> | passed | rmse 54, at most 65 |" in done.out


def test_list_and_show_print_what_is_registered(world: World) -> None:
    root = world.write().root
    assert run_cli("model", "list", cwd=root).out == "No version of churn is registered yet.\n"
    assert run_cli("model", "show", cwd=root).code == 3
    assert run_cli("model", "serve", "--check", cwd=root).code == 3

    register_by_hand(root)

    assert [one["version"] for one in run_cli("model", "list", "-o", "json", cwd=root).document["versions"]] == ["1"]
    assert run_cli("model", "show", "1", "-o", "json", cwd=root).document["intact"] is True
    unknown = run_cli("model", "show", "2", cwd=root)
    assert (unknown.code, unknown.out) == (2, "")
    assert "Known: 1" in unknown.err


def test_an_altered_version_is_shown_as_altered_and_not_served(world: World) -> None:
    champion = register_by_hand(world.root)
    root = world.write().root
    model = root / ".mlops" / "registry" / "churn" / champion.sha256 / "model" / "MLmodel"
    model.write_text("altered", encoding="utf-8")

    assert "ALTERED" in run_cli("model", "show", cwd=root).out
    assert run_cli("model", "serve", "--check", cwd=root).code == 5
