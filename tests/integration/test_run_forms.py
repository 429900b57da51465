"""Sweep and parallel jobs give what the same work gives by hand; `run --check` and `run --explain` run nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.model.records import Run, read_record
from bootstrap.processes import uv_executable
from tests.helpers import Done, build_tree, run_here
from tests.tiny import MLFLOW, tiny

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands of the cases are those of Linux")

SWEEP = """
    type: pipeline
    settings: {default_compute: serverless}
    inputs: {start: 1}
    outputs: {best: {type: uri_file}}
    jobs:
      search:
        type: sweep
        trial:
          code: ../fit
          command: python fit.py ${{inputs.start}} ${{search_space.x}} ${{search_space.kind}} ${{outputs.model}}
          environment: azureml:x@latest
        inputs: {start: "${{parent.inputs.start}}"}
        outputs: {model: "${{parent.outputs.best}}"}
        sampling_algorithm: grid
        search_space:
          x: {type: choice, values: [1, 2]}
          kind: {type: choice, values: [plain]}
        objective: {goal: minimize, primary_metric: loss}
        limits: {max_total_trials: 10, max_concurrent_trials: 2}
    """
FIT = """
    import sys
    import time
    start, x, kind, path = sys.argv[1:]
    if kind == "broken":
        sys.exit(3)
    if kind == "slow":
        time.sleep(60)
    losses = [(int(x) - 2) ** 2 + int(start) + extra for extra in (5, 0.5, 1)]
    open(path, "w").write(f"{x} {kind} {min(losses)}")
    if "--by-hand" not in kind:
        import mlflow
        for step, loss in enumerate(losses):
            mlflow.log_metric("loss", loss, step=step)
    """
PARALLEL = """
    type: pipeline
    settings: {default_compute: serverless}
    inputs: {raw: {type: uri_folder, path: ../data}, word: hello}
    outputs: {rows: {type: uri_file}}
    jobs:
      batch:
        type: parallel
        inputs: {files: "${{parent.inputs.raw}}", word: "${{parent.inputs.word}}"}
        outputs: {rows: "${{parent.outputs.rows}}"}
        input_data: ${{inputs.files}}
        mini_batch_size: "2"
        max_concurrency_per_instance: 2
        task:
          type: run_function
          code: ../score
          entry_script: score.py
          program_arguments: --word ${{inputs.word}}
          append_row_to: ${{outputs.rows}}
    """
SCORE = """
    import sys
    from pathlib import Path
    def init():
        global word
        word = sys.argv[sys.argv.index("--word") + 1]
    def run(batch):
        return [f"{word} {Path(file).name} {len(Path(file).read_text())}" for file in batch]
    """
DATA = {f"data/{name}.txt": "x" * size for size, name in enumerate("edcba")}


def project(folder: Path, pipeline: str, dependencies: tuple[str, ...] = ()) -> Path:
    files = {"gate.yml": "", "pipelines/job.yml": pipeline, "fit/fit.py": FIT, "score/score.py": SCORE, **DATA}
    root = build_tree(folder, tiny(files, pipeline="pipelines/job.yml", dependencies=dependencies))
    subprocess.run([uv_executable(), "sync", "--quiet", "--compile-bytecode"], cwd=root, check=True)
    return root


def run(root: Path, *arguments: str) -> Done:
    done = run_here("run", *arguments, cwd=root)
    assert done.code == 0, done.err
    return done


def record(root: Path) -> Run:
    return read_record(max((root / ".mlops/runs").glob("*/run.json")), Run)


def log(root: Path) -> list[str]:
    return (root / record(root).jobs["search"].log).read_text(encoding="utf-8").splitlines()  # type: ignore[operator]


def best_by_hand(root: Path, xs: list[int]) -> str:
    """Run the trials one after the other, without us; return what the one with the lowest loss wrote."""
    found = {}
    for x in xs:
        path = root / f"by-hand-{x}"
        words = [sys.executable, "fit/fit.py", "1", str(x), "plain--by-hand", str(path)]
        subprocess.run(words, cwd=root, check=True)
        text = path.read_text().replace("--by-hand", "")
        found[float(text.split()[-1])] = text
    return found[min(found)]


def test_sweep_has_the_outputs_of_the_best_trial(tmp_path: Path) -> None:
    root = project(tmp_path, SWEEP, MLFLOW)

    done = run(root)

    assert (root / record(root).outputs["best"].path).read_text() == best_by_hand(root, [1, 2])
    assert record(root).jobs["search"].inputs == {"start": 1, "x": 2, "kind": "plain"}
    assert log(root) == [
        "search.trial_1: completed, loss=2.5: {'x': 1, 'kind': 'plain'}",
        "search.trial_2: completed, loss=1.5: {'x': 2, 'kind': 'plain'}",
        "the best one is search.trial_2",
    ]
    assert "search.trial_2: done" in done.err
    assert "nothing has changed" in run(root).out

    job = root / "pipelines/job.yml"
    job.write_text(job.read_text().replace("[plain]", "[plain, broken]").replace("[1, 2]", "[1, 4]"))
    run(root)

    assert (root / record(root).outputs["best"].path).read_text() == best_by_hand(root, [1, 4])
    assert log(root) == [
        "search.trial_1: cached, loss=2.5: {'x': 1, 'kind': 'plain'}",
        "search.trial_2: failed, no loss: {'x': 1, 'kind': 'broken'}",
        "search.trial_3: completed, loss=5.5: {'x': 4, 'kind': 'plain'}",
        "search.trial_4: failed, no loss: {'x': 4, 'kind': 'broken'}",
        "the best one is search.trial_1",
    ]

    job.write_text(job.read_text().replace("[plain, broken]", "[slow]").replace("trials: 2", "trials: 1, timeout: 1"))
    failed = run_here("run", cwd=root)
    assert failed.code == 2
    assert "search.trial_1: failed, no loss" in failed.err
    assert "search.trial_2: not started: limits.timeout, no loss" in failed.err
    assert "no trial completed and logged the metric 'loss' in MLflow" in failed.err


def test_sweep_needs_mlflow_in_the_project(tmp_path: Path) -> None:
    done = run_here("run", cwd=project(tmp_path, SWEEP))

    assert done.code == 3
    assert "The trials of search are compared by a metric in MLflow" in done.err


def test_parallel_job_has_the_rows_of_all_mini_batches(tmp_path: Path) -> None:
    root = project(tmp_path, PARALLEL)

    run(root)

    by_hand = [f"hello {path.name} {len(path.read_text())}" for path in sorted((root / "data").iterdir())]
    assert (root / record(root).outputs["rows"].path).read_text().splitlines() == by_hand
    log_file = record(root).jobs["batch"].log
    assert log_file is not None
    assert "3 mini-batches, 0 failed; 0 items without a result" in (root / log_file).read_text()


def test_check_reports_warnings_and_mistakes_and_runs_nothing(tmp_path: Path) -> None:
    root = build_tree(tmp_path, tiny({"job.yml": PARALLEL.replace("../", ""), "score/score.py": SCORE, **DATA}))

    done = run_here("run", "job.yml", "--check", "-o", "json", cwd=root)

    assert done.code == 0
    assert json.loads(done.out) == {"schema_version": 1, "jobs": ["batch"], "warnings": []}

    job = root / "job.yml"
    job.write_text(job.read_text().replace("settings: {default_compute: serverless}\n", "").replace("word: h", "on: h"))
    wrong = run_here("run", "job.yml", "--check", cwd=root)
    job.write_text(job.read_text().replace(', word: "${{parent.inputs.word}}"', ", word: hello"))
    warned = run_here("run", "job.yml", "--check", cwd=root)
    refused = run_here("run", "job.yml", "--check", "--strict", cwd=root)
    set_wrong = run_here("run", "job.yml", "--check", "--set", "raw=nowhere", cwd=root)

    assert (wrong.code, warned.code, refused.code, set_wrong.code) == (2, 0, 2, 2)
    assert "the pipeline has no input 'word'" in wrong.err
    assert "no mistakes; jobs: 1, warnings: 2" in warned.out
    assert "Azure ML reads on as true" in warned.err
    assert "--strict refuses them" in refused.err
    assert "nowhere does not exist" in set_wrong.err
    assert not (root / ".mlops").exists()


def test_explain_shows_the_command_and_where_its_values_come_from(tmp_path: Path) -> None:
    component = """
        type: command
        inputs: {rows: {type: uri_folder}, rate: {type: number, default: 0.5}, note: {type: string, optional: true}}
        outputs: {model: {type: uri_folder}}
        code: ../score
        command: python score.py "${{inputs.rows}}" ${{inputs.rate}} $[[${{inputs.note}}]] "${{outputs.model}}"
        """
    pipeline = """
        type: pipeline
        compute: serverless
        inputs: {raw: {type: uri_folder, path: data}}
        jobs:
          fit:
            component: fit/component.yml
            limits: {timeout: 60}
            environment_variables: {A: 1}
            inputs: {rows: "${{parent.inputs.raw}}"}
        """
    files = {"job.yml": pipeline, "fit/component.yml": component, "score/score.py": SCORE, **DATA}
    root = build_tree(tmp_path, tiny(files))

    shown = run_here("run", "job.yml", "--explain", "fit", cwd=root).out
    document = json.loads(
        run_here("run", "job.yml", "--explain", "fit", "--set", "raw=score", "-o", "json", cwd=root).out
    )
    unknown = run_here("run", "job.yml", "--explain", "fitt", cwd=root)

    assert 'python score.py "data" 0.5  "<model>"' in shown
    for line in (
        ["code", "score"], ["variable", "A=1"], ["ended after", "60 s"], ["output", "model (uri_folder)"],
        ["rows", "data", "job.yml:9"], ["rate", "0.5", "default in fit/component.yml"], ["note", "no value"],
    ):  # fmt: skip
        assert any(shown_line.split() == " ".join(line).split() for shown_line in shown.splitlines()), line
    assert document["inputs"]["rows"] == {"value": "score", "from": "--set raw"}
    assert (unknown.code, "Did you mean 'fit'?" in unknown.err) == (2, True)
    assert not (root / ".mlops").exists()
