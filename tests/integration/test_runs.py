"""`runs`: the recorded runs of a project."""

import subprocess
from pathlib import Path

import pytest

from bootstrap.processes import uv_executable
from tests.helpers import build_tree, run_here
from tests.integration.test_run import STEPS, alter


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with three runs: factor 2, factor 3, and factor 3 with another script."""
    root = build_tree(tmp_path / "project", STEPS)
    subprocess.run([uv_executable(), "lock", "--quiet", "--offline"], cwd=root, check=True)
    assert run_here("run", cwd=root).code == 0
    assert run_here("run", "--set", "factor=3", cwd=root).code == 0
    alter(root / "count/count.py", "import sys", "import sys  # changed")
    assert run_here("run", "--set", "factor=3", cwd=root).code == 0
    return root


def ids(project: Path) -> list[str]:
    return sorted(path.name for path in (project / ".mlops/runs").iterdir())


def steps(project: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (project / ".mlops/steps").iterdir())


def test_runs_are_listed_with_the_latest_first(project: Path) -> None:
    (project / ".mlops/runs/damaged").mkdir()
    (project / ".mlops/runs/damaged/run.json").write_text("{")
    done = run_here("runs", "list", "-o", "json", cwd=project)

    assert [run["id"] for run in done.document["runs"]] == [id_ for id_ in ids(project) if id_ != "damaged"][::-1]
    assert "damaged" in done.err
    assert "pipelines/train.yml" in run_here("runs", "list", cwd=project).out


def test_run_is_shown_with_its_steps_inputs_and_outputs(project: Path) -> None:
    first = ids(project)[0]

    shown = run_here("runs", "show", first, cwd=project)

    assert f"run {first} of pipelines/train.yml: completed" in shown.out
    assert f".mlops/runs/{first}/logs/scale.log" in shown.out
    assert "data/numbers.txt" in shown.out
    assert run_here("runs", "show", "-o", "json", cwd=project).document["id"] == ids(project)[-1]
    unknown = run_here("runs", "show", "x", cwd=project)
    assert (unknown.code, "There is no run x." in unknown.err) == (2, True)


def test_difference_of_two_runs_names_inputs_code_and_outputs(project: Path) -> None:
    first, second, third = ids(project)

    inputs = run_here("runs", "diff", first, second, "-o", "json", cwd=project).document["differences"]
    code = run_here("runs", "diff", second, "-o", "json", cwd=project).document["differences"]

    assert {"what": "input factor", "before": "2", "after": "3"} in inputs
    assert [one["what"] for one in inputs] == [
        "input factor", "output total", "scale: input factor", "scale: output scaled", "add: input scaled",
        "add: output total",
    ]  # fmt: skip
    assert [one["what"] for one in code] == ["count: code"]
    assert "no differences" in run_here("runs", "diff", third, third, cwd=project).out


def test_clean_removes_old_runs_and_the_steps_that_only_they_used(project: Path) -> None:
    before = ids(project)
    would = run_here("runs", "clean", "--keep", "2", "--dry-run", "-o", "json", cwd=project).document
    assert ids(project) == before

    done = run_here("runs", "clean", "--keep", "2", "-o", "json", cwd=project).document

    assert done == would
    assert done["runs"] == before[:1]
    assert ids(project) == before[1:]
    assert steps(project) == ["add", "count", "count", "scale"]
    states = run_here("run", "--set", "factor=3", "-o", "json", cwd=project).document["jobs"]
    assert {job["status"] for job in states.values()} == {"cached"}


def test_project_without_runs(tmp_path: Path) -> None:
    root = build_tree(tmp_path, STEPS)

    assert "no runs yet" in run_here("runs", "list", cwd=root).out
    assert run_here("runs", "show", cwd=root).code == 3
    assert run_here("runs", "clean", cwd=root).code == 0
