"""Resource with a project's real MLflow: what is in its registry, and what interruptions leave."""

import shutil
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from bootstrap.digest import digest_tree
from bootstrap.errors import ConflictError
from bootstrap.model import gate, register, registry
from bootstrap.model.mlflow_store import MlflowStore
from bootstrap.model.records import Version
from bootstrap.progress import Progress
from bootstrap.project import Project, find_project
from tests.helpers import build_tree, run_cli
from tests.unit.model.worlds import World, evaluation

SECOND = "20261125-101500-cd34"


@pytest.fixture
def _open_store(shared_store: MlflowStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registration in this process uses the store that is open already: real, but opened once for all tests."""
    monkeypatch.setattr(register, "MlflowStore", lambda project: nullcontext(shared_store))


def registered(project: Project) -> Version:
    found = gate.find_run(project)
    gate.write_decision(project, gate.decide(project, found))
    return register.register(project, found, Progress())[1]


def better_model(world: World) -> Project:
    """A second run, whose model is another one and as good as the champion."""
    world.evaluation = evaluation(registry.champion_record(find_project(world.root)))
    world.model = world.model | {"note.txt": "trained again\n"}
    return world.write(SECOND)


def in_mlflow(project: Project) -> dict[str, dict[str, str]]:
    """The tags of each version in MLflow's registry, read from its database without MLflow."""
    query = "select version, key, value from model_version_tags where name = ?"
    with closing(sqlite3.connect(project.state / "mlflow.db")) as database:
        rows = database.execute(query, [project.manifest.model.name]).fetchall()
    tags: dict[str, dict[str, str]] = {}
    for version, key, value in rows:
        tags.setdefault(str(version), {})[key] = value
    return tags


def test_first_model_becomes_champion_and_register_is_idempotent(world: World) -> None:
    root = world.root
    assert run_cli("model", "gate", cwd=root).code == 0
    planned = run_cli("model", "register", "--dry-run", "-o", "json", cwd=root)
    assert (planned.code, planned.document["changed"]) == (0, True)
    assert run_cli("model", "list", "-o", "json", cwd=root).document["versions"] == []

    first = run_cli("model", "register", "-o", "json", cwd=root)
    judged_again = run_cli("model", "gate", cwd=root)
    second = run_cli("model", "register", "-o", "json", cwd=root)

    assert judged_again.code == 0, judged_again.err
    assert "is already the champion" in judged_again.err

    assert (first.code, first.document["changed"]) == (0, True), first.err
    assert (second.code, second.document["changed"]) == (0, False), second.err
    version = first.document["version"]
    assert version == second.document["version"]
    assert (version["version"], version["stage"]) == ("1", "champion")
    assert digest_tree(root / version["model"]["path"]) == version["model"]["sha256"]
    assert in_mlflow(find_project(root)) == {"1": version["tags"] | {"mlops.stage": "champion"}}
    shown = run_cli("model", "show", "-o", "json", cwd=root).document
    assert shown["intact"] is True
    assert shown["decision"]["passed"] is True
    assert "already version 1" in run_cli("model", "register", cwd=root).out


@pytest.mark.usefixtures("_open_store")
def test_better_model_retires_champion_in_files_and_mlflow(world: World) -> None:
    registered(world.write())

    project = better_model(world)
    version = registered(project)

    assert version.version == "2"
    assert {one.version: one.stage for one in registry.versions(project)} == {"1": "retired", "2": "champion"}
    assert {number: tags["mlops.stage"] for number, tags in in_mlflow(project).items()} == {
        "1": "retired",
        "2": "champion",
    }


@pytest.mark.usefixtures("_open_store")
def test_registration_interrupted_after_mlflow_reuses_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project = world.write()

    def interrupted(path: Path, record: Version) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(register, "write_record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            registered(project)
    assert registry.champion(project) is None
    assert list(in_mlflow(project)) == ["1"]

    assert registered(project).version == "1"

    assert list(in_mlflow(project)) == ["1"]
    assert registry.champion_record(project) is not None


@pytest.mark.usefixtures("_open_store")
def test_registration_interrupted_before_retirement_is_completed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(world.write())
    project = better_model(world)

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(register, "_retire_others", interrupted)
        with pytest.raises(KeyboardInterrupt):
            registered(project)
    champion = registry.champion(project)
    assert champion is not None
    assert champion.version == "2"

    register.register(project, gate.find_run(project), Progress())

    assert {one.version: one.stage for one in registry.versions(project)} == {"1": "retired", "2": "champion"}


@pytest.mark.usefixtures("_open_store")
def test_partially_copied_model_is_copied_again(world: World) -> None:
    project = world.write()
    sha256 = gate.find_run(project).outputs["model"].sha256
    partial = registry.version_folder(project, sha256) / "model"
    partial.mkdir(parents=True)
    (partial / "MLmodel").write_text("half", encoding="utf-8")

    version = registered(project)

    assert registry.is_intact(project, version.model)


@pytest.mark.usefixtures("_open_store")
def test_registration_writes_through_no_link(world: World) -> None:
    project = world.write()
    sha256 = gate.find_run(project).outputs["model"].sha256
    folder = registry.version_folder(project, sha256)
    folder.mkdir(parents=True)
    victims = build_tree(project.root / "victims", {"decision.json": "kept", "version.json": "kept", "model/x": "kept"})
    for victim in victims.iterdir():
        (folder / victim.name).symlink_to(victim)
    (folder / "version.json").unlink()

    version = registered(project)

    assert registry.is_intact(project, version.model)
    assert not (folder / "model").is_symlink()
    assert [path.read_text() for path in (victims / "decision.json", victims / "model/x")] == ["kept", "kept"]
    shutil.rmtree(victims)


@pytest.mark.usefixtures("_open_store")
def test_new_mlflow_store_with_old_registry_is_conflict(world: World) -> None:
    project = world.write()
    registered(project)
    old = project.state / "registry" / world.name
    world.name += "-anew"  # of which MLflow knows nothing, while the folder has version 1
    old.rename(old.with_name(world.name))
    [record] = old.with_name(world.name).glob("*/version.json")
    record.write_text(record.read_text(encoding="utf-8").replace(old.name, world.name), encoding="utf-8")
    world.write()
    project = better_model(world)

    with pytest.raises(ConflictError, match="Version 1 in MLflow's registry is this model"):
        registered(project)

    assert [one.version for one in registry.versions(project)] == ["1"]
