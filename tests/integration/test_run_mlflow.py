"""Runs in MLflow: a real store, opened by the MLflow of a project's own lock, with a step that logs to it."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import InputError
from bootstrap.model.mlflow_store import MlflowStore
from bootstrap.processes import uv_executable
from bootstrap.project import Project, find_project
from tests.helpers import build_tree, run_cli, started
from tests.tiny import MLFLOW, tiny

FILES = tiny(
    {
        "pipeline.yml": """
            type: pipeline
            experiment_name: tiny-training
            inputs: {value: 0.5}
            jobs:
              learn: {component: learn/component.yml, inputs: {value: "${{parent.inputs.value}}"}}
            """,
        "learn/component.yml": """
            type: command
            name: learn
            code: .
            inputs: {value: {type: number}, champion: {type: mlflow_model, optional: true}}
            command: python learn.py ${{inputs.value}} $[["${{inputs.champion}}"]]
            """,
        "learn/learn.py": """
            import sys
            import time
            import mlflow
            value = float(sys.argv[1])
            mlflow.log_metric("value", value)
            open("outputs/notes.txt", "w").write("noted")
            time.sleep(max(0, value - 1))
            sys.exit(value < 0)
            """,
    },
    dependencies=MLFLOW,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = build_tree(tmp_path_factory.mktemp("mlflow") / "tiny project", FILES)
    # Compiled once here: MLflow is imported a dozen times below.
    subprocess.run([uv_executable(), "sync", "--quiet", "--compile-bytecode"], cwd=root, check=True)
    return root


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    yield find_project(folder)
    shutil.rmtree(folder / ".mlops", ignore_errors=True)


def rows(project: Project, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(project.state / "mlflow.db")) as store:
        return store.execute(query).fetchall()


def test_step_logs_to_its_child_run(project: Project) -> None:
    done = run_cli("run", "--output", "json", cwd=project.root)

    assert done.code == 0, done.err
    job = done.document["jobs"]["learn"]
    assert rows(project, "select run_uuid, value from metrics") == [(job["mlflow_run_id"], 0.5)]
    parent = done.document["mlflow_run_id"]
    assert rows(project, "select run_uuid, value from tags where key = 'mlflow.parentRunId'") == [
        (job["mlflow_run_id"], parent)
    ]
    assert (project.state / f"artifacts/{job['mlflow_run_id']}/artifacts/outputs/notes.txt").read_text() == "noted"
    assert rows(project, "select distinct status from runs") == [("FINISHED",)]
    assert rows(project, "select name from experiments where name like 'tiny%'") == [("tiny-training",)]


def test_steps_and_overhead_add_up_to_seconds_of_run(project: Project) -> None:
    document = run_cli("run", "--output", "json", cwd=project.root).document

    explained = sum(step["seconds"] for step in document["jobs"].values()) + sum(document["overhead"].values())
    assert document["overhead"]["mlflow"] > 0
    assert 0 <= document["seconds"] - explained < 0.1 * document["seconds"] + 0.1


def test_failed_step_sets_failed_status_of_its_run_and_parent(project: Project) -> None:
    done = run_cli("run", "--set", "value=-1", cwd=project.root)

    assert done.code == 2, done.err
    assert rows(project, "select distinct status from runs") == [("FAILED",)]


def test_next_run_ends_in_mlflow_what_a_killed_run_left(project: Project) -> None:
    with started("-m", "bootstrap", "run", "--set", "value=60", cwd=project.root) as process:
        until = time.monotonic() + 300
        while not (project.state / "mlflow.db").exists() or not _metrics(project):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        process.kill()
    assert rows(project, "select status from runs") == [("RUNNING",), ("RUNNING",)]
    [killed] = (path.name for path in (project.state / "runs").iterdir())

    done = run_cli("run", cwd=project.root)

    assert done.code == 0, done.err
    query = "select value, status from runs join tags using (run_uuid) where key = 'mlops.run' order by 1"
    statuses = [(run == killed, status) for run, status in rows(project, query)]
    assert statuses == [(True, "KILLED"), (True, "KILLED"), (False, "FINISHED"), (False, "FINISHED")]
    assert list(project.state.glob("steps/.*")) == list(project.state.glob("runs/*/running")) == []


def _metrics(project: Project) -> list[tuple[object, ...]]:
    with contextlib.suppress(sqlite3.OperationalError):  # there is no table yet
        return rows(project, "select value from metrics")
    return []


def test_store_of_newer_mlflow_is_reported_before_any_step_runs(project: Project) -> None:
    with MlflowStore(project) as store_of_today:
        store_of_today.start_run("tiny", "one")
    with contextlib.closing(sqlite3.connect(project.state / "mlflow.db")) as store:
        store.execute("update alembic_version set version_num = 'fromthefuture'")
        store.commit()

    done = run_cli("run", cwd=project.root)

    assert done.code == 2
    assert "cannot open" in done.err
    assert "If a newer MLflow has written it" in done.err
    assert not list((project.state / "runs").glob("*/logs/*.log"))


def test_store_whose_creation_was_killed_is_created_by_the_next_call(project: Project) -> None:
    creating = project.state / "mlflow.db.new"
    with MlflowStore(project) as store:
        store.begin()
        assert store._worker is not None
        until = time.monotonic() + 300
        while not creating.exists() or not creating.stat().st_size:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.kill(store._worker.pid, 9)
    assert not (project.state / "mlflow.db").exists()

    with MlflowStore(project) as store:
        run = store.start_run("tiny", "one")

    assert rows(project, "select run_uuid from runs") == [(run,)]
    assert not creating.exists()


def test_mlflow_error_is_reported(project: Project) -> None:
    with MlflowStore(project) as store:
        version = store.register_version("tiny", project.root / "learn", run_id=None, digest_tag="a", tags={"a": "1"})
        store.set_version_tags("tiny", version, {"stage": "champion"})
        with pytest.raises(InputError, match="set_version_tags") as refused:
            store.set_version_tags("tiny", "7", {"stage": "champion"})

    assert version == "1"
    assert "7" in refused.value.why
    assert rows(project, "select key, value from model_version_tags order by key") == [
        ("a", "1"),
        ("stage", "champion"),
    ]


def test_worker_stops_with_store_and_its_death_is_reported(project: Project) -> None:
    with MlflowStore(project) as store:
        run = store.start_run("tiny", "one")
        worker = store._worker
        assert worker is not None
    assert worker.poll() is not None
    assert rows(project, "select run_uuid from runs") == [(run,)]

    with MlflowStore(project) as store:
        store.begin()
        assert store._worker is not None
        os.kill(store._worker.pid, 9)
        with pytest.raises(InputError, match="exited without an answer"):
            store.start_run("tiny", "two")
