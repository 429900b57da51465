"""Tests of `run` with small pipelines whose steps need only Python, in projects with a real lock and environment."""

import json
import os
import py_compile
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from bootstrap.model.records import Run, read_record
from bootstrap.processes import uv_executable
from tests.helpers import Done, build_tree, examples, run_cli, started
from tests.tiny import tiny
from tests.unit.model.worlds import EVALUATION

STEPS = tiny(
    {
        "data/numbers.txt": "1\n2\n3\n",
        "pipelines/train.yml": """
            type: pipeline
            inputs:
              numbers: {type: uri_file, path: ../data/numbers.txt}
              factor: 2
            outputs:
              total: {type: uri_folder}
            jobs:
              scale:
                component: ../scale/component.yml
                inputs: {numbers: "${{parent.inputs.numbers}}", factor: "${{parent.inputs.factor}}"}
              count:
                component: ../count/component.yml
                inputs: {numbers: "${{parent.inputs.numbers}}"}
              add:
                component: ../add/component.yml
                inputs:
                  scaled: ${{parent.jobs.scale.outputs.scaled}}
                  counted: ${{parent.jobs.count.outputs.counted}}
                outputs:
                  total: ${{parent.outputs.total}}
            """,
        "scale/component.yml": """
            type: command
            name: scale
            code: .
            inputs:
              numbers: {type: uri_file}
              factor: {type: integer, min: 1, max: 100}
            outputs: {scaled: {type: uri_file}}
            command: python scale.py ${{inputs.numbers}} ${{inputs.factor}} ${{outputs.scaled}}
            """,
        "scale/scale.py": """
            import sys
            from pathlib import Path
            numbers, factor, output = sys.argv[1:]
            print("scaling")
            lines = Path(numbers).read_text().split()
            Path(output).write_text("".join(f"{int(line) * int(factor)}\\n" for line in lines))
            """,
        "count/component.yml": """
            type: command
            name: count
            code: .
            inputs:
              numbers: {type: uri_file}
              word: {type: string, optional: true}
            outputs: {counted: {type: uri_folder}}
            command: python count.py ${{inputs.numbers}} ${{outputs.counted}} $[[--word "${{inputs.word}}"]]
            """,
        "count/count.py": """
            import sys
            from pathlib import Path
            count = len(Path(sys.argv[1]).read_text().split())
            Path(sys.argv[2], "count.txt").write_text(str(count) + str(sys.argv[3:]))
            """,
        "add/component.yml": """
            type: command
            name: add
            code: .
            inputs: {scaled: {type: uri_file}, counted: {type: uri_folder}}
            outputs: {total: {type: uri_folder}}
            command: python add.py ${{inputs.scaled}} ${{inputs.counted}} ${{outputs.total}}
            """,
        "add/add.py": """
            import sys
            from pathlib import Path
            scaled, counted, total = map(Path, sys.argv[1:])
            Path(total, "total.txt").write_text(str(sum(map(int, scaled.read_text().split()))))
            """,
    },
    pipeline="pipelines/train.yml",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = build_tree(tmp_path / "tiny project", STEPS)
    subprocess.run([uv_executable(), "lock", "--quiet", "--offline"], cwd=root, check=True)
    return root


def run(project: Path, *arguments: str) -> Done:
    return run_cli("run", *arguments, cwd=project)


def record(project: Path) -> Run:
    return read_record(max((project / ".mlops/runs").glob("*/run.json")), Run)


def total(project: Path) -> str:
    return (project / record(project).outputs["total"].path / "total.txt").read_text()


def states(done: Done) -> dict[str, str]:
    return {name: job["status"] for name, job in done.document["jobs"].items()}


def alter(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_run_prints_paths_of_outputs(project: Path) -> None:
    done = run(project)
    assert done.code == 0, done.err
    assert total(project) == "12"
    assert f"total: {record(project).outputs['total'].path}" in done.out
    assert (project / str(record(project).jobs["scale"].log)).read_text() == "scaling\n"


def test_second_run_uses_cache_only(project: Path) -> None:
    first = run(project, "--output", "json")
    second = run(project, "--output", "json")
    assert set(states(first).values()) == {"completed"}
    assert set(states(second).values()) == {"cached"}
    assert second.document["id"] == first.document["id"]
    assert len(list((project / ".mlops/runs").iterdir())) == 1


def test_only_steps_that_depend_on_change_run_again(project: Path) -> None:
    run(project)
    alter(project / "count/count.py", "import sys", "import sys  # changed")
    assert states(run(project, "-o", "json")) == {"scale": "cached", "count": "completed", "add": "cached"}


def test_changed_input_reruns_steps_that_use_it(project: Path) -> None:
    run(project)
    assert states(run(project, "--set", "factor=3", "-o", "json")) == {
        "scale": "completed",
        "count": "cached",
        "add": "completed",
    }
    assert total(project) == "18"


def test_data_path_is_relative_to_current_folder(project: Path) -> None:
    build_tree(project, {"data/others.txt": "10\n"})
    done = run_cli("run", "-C", project / "data", "--set", "numbers=others.txt", cwd=project.parent)
    assert done.code == 0, done.err
    assert total(project) == "20"


def test_the_examples_in_the_help_work(project: Path) -> None:
    alter(project / "pipelines/train.yml", "factor: 2\n", "factor: 2\n  trials: 8\n  seed: 42\n")
    alter(project / "pipelines/train.yml", "  add:\n", "  evaluate:\n")
    for example in examples()["run"]:
        done = run_cli(*shlex.split(example)[1:], cwd=project)
        assert done.code == 0, f"{example}\n{done.err}"
    inputs = [read_record(path, Run).inputs["trials"] for path in (project / ".mlops/runs").glob("*/run.json")]
    assert "4" in map(str, inputs)


def test_damaged_record_of_earlier_run_is_ignored(project: Path) -> None:
    run(project)
    (project / ".mlops/runs/99991231-235959-ffff").mkdir()
    (project / ".mlops/runs/99991231-235959-ffff/run.json").write_text("{")
    done = run(project, "-o", "json")
    assert done.code == 0, done.err
    assert set(states(done).values()) == {"cached"}


def test_no_cache_runs_all_steps(project: Path) -> None:
    run(project)
    assert set(states(run(project, "--no-cache", "-o", "json")).values()) == {"completed"}


def test_damaged_output_is_created_again(project: Path) -> None:
    run(project)
    output = project / record(project).jobs["scale"].outputs["scaled"].path
    output.chmod(0o600)
    output.write_text("7\n")
    assert states(run(project, "-o", "json"))["scale"] == "completed"
    assert total(project) == "12"


def test_dry_run_lists_steps_and_runs_none(project: Path) -> None:
    before = run(project, "--dry-run", "-o", "json")
    assert before.document == {"schema_version": 1, "run": ["scale", "count", "add"], "cached": []}
    assert not (project / ".mlops/runs").exists()
    run(project)
    assert run(project, "--dry-run", "-o", "json").document["run"] == []


def test_failed_step_prints_end_of_log_and_keeps_other_outputs(project: Path) -> None:
    alter(project / "scale/scale.py", 'print("scaling")', 'print("scaling"); raise SystemExit("no such scale")')
    done = run(project)
    assert done.code == 2
    assert "The step scale failed." in done.err
    assert "no such scale" in done.err
    assert "are cached: count" in done.err
    failed = record(project)
    assert failed.status == "failed"
    assert {name: job.status for name, job in failed.jobs.items()} == {
        "scale": "failed",
        "count": "completed",
        "add": "skipped",
    }
    assert not list((project / ".mlops/steps").glob("*scale*"))

    alter(project / "scale/scale.py", '; raise SystemExit("no such scale")', "")
    assert states(run(project, "-o", "json")) == {"scale": "completed", "count": "cached", "add": "completed"}


def with_data_checks(project: Path, *checks: dict[str, Any]) -> None:
    """Make the last step of the pipeline write an evaluation with these data checks."""
    alter(project / "mlops.yaml", "evaluation: evaluation", "evaluation: total")
    alter(project / "add/add.py", "import sys", "import shutil, sys")
    with (project / "add/add.py").open("a") as script:
        script.write("shutil.copy(Path(__file__).with_name('evaluation.json'), total)\n")
    (project / "add/evaluation.json").write_text(json.dumps({**EVALUATION, "data_checks": checks}))


def test_failed_data_check_is_in_the_result(project: Path) -> None:
    failed = {"name": "contract: age", "passed": False, "message": "in_range(0, 120): 3 cases"}
    with_data_checks(project, {"name": "schema", "passed": True, "message": "442 rows"}, failed)

    done = run(project)
    again = run(project, "-o", "json")

    assert done.code == 0, done.err
    assert "data checks: 1 of 2 FAILED\n  contract: age: in_range(0, 120): 3 cases\n" in done.out
    assert [check["passed"] for check in again.document["data_checks"]] == [True, False]
    assert failed in again.document["data_checks"]


def test_passed_data_checks_are_in_the_result(project: Path) -> None:
    with_data_checks(project, {"name": "schema", "passed": True, "message": "442 rows"})

    assert "data checks: 1 passed\n" in run(project).out


def test_unreadable_evaluation_is_reported_and_does_not_fail_the_run(project: Path) -> None:
    with_data_checks(project)
    (project / "add/evaluation.json").write_text("{")

    done = run(project, "-o", "json")

    assert done.code == 0, done.err
    assert done.document["data_checks"] is None
    assert "The data checks cannot be shown" in done.err


def test_result_explains_seconds_outside_of_steps(project: Path) -> None:
    done = run(project)

    assert done.code == 0, done.err
    assert set(record(project).overhead) == {"environment", "mlflow", "digests"}
    assert record(project).overhead["environment"] > 0
    for label in ("environment (uv)", "waiting for MLflow", "hashing files"):
        assert label in done.out


def test_step_without_its_output_fails(project: Path) -> None:
    build_tree(project, {"scale/scale.py": "print('nothing')\n"})
    done = run(project)
    assert done.code == 2
    assert "did not create its outputs: scaled" in done.err


def test_optional_input_without_value_is_left_out(project: Path) -> None:
    run(project)
    counted = record(project).jobs["count"].outputs["counted"].path
    assert (project / counted / "count.txt").read_text() == "3[]"
    alter(project / "pipelines/train.yml", "factor: 2\n", "factor: 2\n  word: two words\n")
    alter(
        project / "pipelines/train.yml",
        'inputs: {numbers: "${{parent.inputs.numbers}}"}',
        'inputs: {numbers: "${{parent.inputs.numbers}}", word: "${{parent.inputs.word}}"}',
    )
    run(project)
    counted = record(project).jobs["count"].outputs["counted"].path
    assert (project / counted / "count.txt").read_text() == "3['--word', 'two words']"


def test_independent_jobs_run_in_parallel(project: Path) -> None:
    meet = """
        import sys, time
        from pathlib import Path
        Path(r"{place}", "{own}").touch()
        until = time.monotonic() + 20
        while not Path(r"{place}", "{other}").exists():
            if time.monotonic() > until:
                raise SystemExit("the other one did not come")
            time.sleep(0.01)
        """
    place = project / "meeting"
    place.mkdir()
    for own, other in (("scale", "count"), ("count", "scale")):
        script = project / own / f"{own}.py"
        text = script.read_text()
        build_tree(project, {f"{own}/{own}.py": meet.format(place=place, own=own, other=other)})
        script.write_text(script.read_text() + text)
    done = run(project)
    assert done.code == 0, done.err


def test_steps_run_one_after_the_other_if_only_one_may_run(project: Path) -> None:
    for name in ("scale", "count"):
        script = project / name / f"{name}.py"
        log = f"open({str(project / 'order')!r}, 'a').write"
        text = f"{log}('start ')\nimport time\ntime.sleep(0.2)\n{script.read_text()}\n{log}('end ')\n"
        script.write_text(text, encoding="utf-8")

    assert run(project, "--parallel", "1").code == 0

    assert (project / "order").read_text() == "start end start end "


def test_chosen_step_runs_again_with_the_cached_outputs_that_it_needs(project: Path) -> None:
    run(project)

    assert states(run(project, "--step", "add", "-o", "json")) == {
        "scale": "cached",
        "count": "cached",
        "add": "completed",
    }
    partial = run(project, "--step", "count", "-o", "json")
    assert states(partial) == {"scale": "skipped", "count": "completed", "add": "skipped"}
    assert partial.document["status"] == "partial"
    assert run(project, "--step", "count", "--dry-run", "-o", "json").document["run"] == ["count"]
    build_tree(project, {"gate.yml": "schema_version: 1\nrules: [{name: clean, data_checks: passed}]\n"})
    gate = run_cli("model", "gate", cwd=project)
    assert gate.code == 5
    assert "ran some steps only" in gate.err
    assert "use the last completed run" in gate.err


def test_steps_after_a_chosen_one_run_again(project: Path) -> None:
    run(project)

    done = run(project, "--from", "scale", "-o", "json")

    assert states(done) == {"scale": "completed", "count": "cached", "add": "completed"}
    assert done.document["status"] == "completed"


def test_choice_of_an_unknown_step_is_refused(project: Path) -> None:
    done = run(project, "--step", "scal")

    assert done.code == 2
    assert "train.yml has no job 'scal'" in done.err
    assert "Did you mean 'scale'?" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="there the parent cannot send a Ctrl-C to one child alone")
def test_interruption_leaves_no_process_and_no_partial_output(project: Path) -> None:
    build_tree(
        project,
        {
            "scale/scale.py": """
                import os, sys, time
                from pathlib import Path
                Path(sys.argv[3]).write_text("half")
                Path(sys.argv[1]).with_name("pid").write_text(str(os.getpid()))
                time.sleep(60)
                """
        },
    )
    with started("-m", "bootstrap", "run", cwd=project) as process:
        pid_file = project / "data/pid"
        until = time.monotonic() + 30
        while not pid_file.exists() or not pid_file.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "run the same command again to continue" in err
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert not list((project / ".mlops/steps").glob("*scale*"))
    interrupted = record(project)
    assert interrupted.status == "interrupted"
    assert (interrupted.jobs["scale"].status, interrupted.jobs["add"].status) == ("interrupted", "skipped")


def test_second_run_at_same_time_waits_and_uses_the_results_of_the_first(project: Path) -> None:
    build_tree(project, {"scale/scale.py": WAITING, "scale/unit.py": "ONE = 1\n"})
    with started("-m", "bootstrap", "run", cwd=project) as first:
        while not (project / "started").exists():
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        with started("-m", "bootstrap", "run", "-o", "json", cwd=project) as second:
            assert second.stderr is not None
            line = second.stderr.readline()
            (project / "go").touch()
            _, err = first.communicate(timeout=60)
            out, _ = second.communicate(timeout=60)

    assert (first.returncode, second.returncode) == (0, 0), err
    assert f"Another run is in progress in {project}. Process {first.pid} has been running since" in line
    assert {job["status"] for job in json.loads(out)["jobs"].values()} == {"cached"}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("pipelines/train.yml", "parent.inputs.factor", "parent.inputs.facto", "train.yml:10:"),
        ("pipelines/train.yml", "jobs.scale.outputs.scaled", "jobs.scale.outputs.scale", "Did you mean 'scaled'?"),
        ("pipelines/train.yml", "jobs.scale.outputs", "jobs.skale.outputs", "no job 'skale'"),
        ("pipelines/train.yml", "factor: 2", "factor: many", "'many' is not an integer"),
        ("pipelines/train.yml", "factor: 2", "factor: 200", "200 is above the maximum, 100"),
        ("pipelines/train.yml", "../data/numbers.txt", "../data/letters.txt", "does not exist"),
        ("pipelines/train.yml", "../data/numbers.txt", "azureml:numbers:1", "--set numbers=PATH"),
        ("pipelines/train.yml", "scaled: ${{parent.jobs.scale.outputs.scaled}}", "", "lacks inputs: scaled"),
        ("pipelines/train.yml", "total: ${{parent.outputs.total}}", "totl: x", "no output 'totl'"),
        ("pipelines/train.yml", "type: pipeline", "type: pipelin", "is not a type of jobs"),
        ("pipelines/train.yml", "type: pipeline", "type: pipeline\nworkers: 3", "unknown key 'workers'"),
        ("scale/component.yml", "outputs.scaled}}", "outputs.scald}}", "outputs.scald, which is not declared"),
        (
            "scale/component.yml",
            "python scale.py",
            "pip install -q x && python scale.py",
            "installs packages (pip install -q x)",
        ),
        ("scale/component.yml", "type: uri_file}", "type: uri_flie}", "component.yml:5:"),
        ("count/component.yml", '$[[--word "${{inputs.word}}"]]', "${{inputs.word}}", "must be inside $[[ ]]"),
        ("add/component.yml", "counted: {type: uri_folder}", "counted: {type: mlflow_model}", "cannot be an input"),
    ],
)
def test_mistake_is_reported_with_position_before_any_step_runs(
    project: Path, file: str, old: str, new: str, message: str
) -> None:
    alter(project / file, old, new)
    done = run(project)
    assert done.code == 2
    assert message in done.err
    assert not (project / ".mlops/runs").exists()


def test_cycle_of_jobs_is_reported(project: Path) -> None:
    alter(project / "count/component.yml", "numbers: {type: uri_file}", "numbers: {type: uri_folder}")
    alter(
        project / "pipelines/train.yml",
        'inputs: {numbers: "${{parent.inputs.numbers}}"}\n',
        'inputs: {numbers: "${{parent.jobs.add.outputs.total}}"}\n',
    )
    done = run(project)
    assert done.code == 2
    assert "depend on each other in a cycle" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "facto=3"], "Did you mean 'factor'?"),
        (["--set", "factor"], "--set needs NAME=VALUE"),
        (["--set", "factor=x"], "'x' is not an integer"),
        (["--set", "numbers=nowhere.txt"], "does not exist"),
        (["nowhere.yml"], "There is no file"),
    ],
)
def test_wrong_arguments_are_reported(project: Path, arguments: list[str], message: str) -> None:
    done = run(project, *arguments)
    assert done.code == 2
    assert message in done.err


def test_outside_of_project_names_command_that_creates_one(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.code == 3
    assert "mlops-bootstrap new" in done.err


def test_manifest_of_newer_format_is_refused(project: Path) -> None:
    alter(project / "mlops.yaml", "schema_version: 1", "schema_version: 2")
    done = run(project)
    assert done.code == 2
    assert "mlops.yaml:1:17: written for a newer mlops-bootstrap" in done.err
    assert not (project / ".mlops").exists()


def test_project_without_lock_names_command_that_creates_it(project: Path) -> None:
    (project / "uv.lock").unlink()
    done = run(project)
    assert done.code == 3
    assert "uv lock" in done.err
    assert not (project / ".mlops").exists()


def test_package_from_a_folder_is_refused_with_its_name_and_the_way_out(project: Path) -> None:
    build_tree(
        project,
        {
            "helpers/pyproject.toml": """
                [project]
                name = "helpers"
                version = "1"
                [build-system]
                requires = []
                build-backend = "nothing"
                """
        },
    )
    alter(project / "pyproject.toml", "dependencies = []", 'dependencies = ["helpers"]')
    for source in ('{ path = "helpers" }', '{ path = "helpers", editable = true }'):
        text = (project / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.uv.sources]")[0]
        (project / "pyproject.toml").write_text(f"{text}[tool.uv.sources]\nhelpers = {source}\n", encoding="utf-8")
        subprocess.run([uv_executable(), "lock", "--quiet", "--offline"], cwd=project, check=True)

        done = run(project)

        assert done.code == 2
        assert "helpers: it is installed from the folder helpers" in done.err
        assert not (project / ".mlops").exists()


def test_run_record_has_digests_of_all_files(project: Path) -> None:
    run(project)
    text = json.loads(max((project / ".mlops/runs").glob("*/run.json")).read_text(encoding="utf-8"))
    assert text["inputs"]["numbers"]["path"] == "data/numbers.txt"
    assert text["inputs"]["factor"] == 2
    assert text["jobs"]["add"]["after"] == ["count", "scale"]
    assert text["jobs"]["add"]["inputs"]["scaled"] == text["jobs"]["scale"]["outputs"]["scaled"]


WAITING = """
    import sys, time
    from pathlib import Path
    numbers, factor, output = sys.argv[1:]
    root = Path(numbers).resolve().parent.parent
    (root / "started").touch()
    while not (root / "go").exists():
        time.sleep(0.02)
    import unit
    Path(output).write_text(str(sum(map(int, Path(numbers).read_text().split())) * unit.ONE))
    """


def run_while(project: Path, change: Callable[[], object]) -> Done:
    """Run the project; change something while its step `scale` is running."""
    build_tree(project, {"scale/scale.py": WAITING, "scale/unit.py": "ONE = 1\n"})
    with started("-m", "bootstrap", "run", cwd=project) as process:
        while not (project / "started").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        change()
        (project / "go").touch()
        out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err)


def kept(project: Path, job: str) -> list[Path]:
    return list((project / ".mlops/steps").glob(f"{job}-*"))


def test_step_fails_if_an_input_changes_while_it_runs(project: Path) -> None:
    data = project / "data/numbers.txt"

    done = run_while(project, lambda: data.write_text("100\n", encoding="utf-8"))

    assert done.code == 2
    assert f"{data} changed while the step ran (numbers.txt): its outputs are not kept" in done.err
    assert kept(project, "scale") == []


def test_step_fails_if_an_input_changes_and_is_restored_while_it_runs(project: Path) -> None:
    data = project / "data/numbers.txt"
    text = data.read_text(encoding="utf-8")

    def change_and_restore() -> None:
        data.write_text("100\n", encoding="utf-8")
        data.write_text(text, encoding="utf-8")

    done = run_while(project, change_and_restore)

    assert done.code == 2
    assert "changed while the step ran" in done.err
    assert kept(project, "scale") == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change of a folder's name")
def test_step_fails_if_the_folder_of_an_input_is_exchanged_and_restored_while_it_runs(project: Path) -> None:
    def exchange_and_restore() -> None:
        (project / "data").rename(project / "away")
        build_tree(project, {"data/numbers.txt": "100\n"})
        (project / "data").rename(project / "other")
        (project / "away").rename(project / "data")

    done = run_while(project, exchange_and_restore)

    assert done.code == 2
    folder = (project / "data").resolve()
    assert f"numbers.txt changed while the step ran ({folder}/): its outputs are not kept" in done.err
    assert kept(project, "scale") == []


def test_step_runs_while_files_are_created_beside_its_input(project: Path) -> None:
    done = run_while(project, lambda: build_tree(project, {"data/others.txt": "10\n", "notes.txt": ""}))

    assert done.code == 0, done.err


def test_step_runs_in_a_copy_of_its_code_that_later_edits_do_not_reach(project: Path) -> None:
    done = run_while(project, lambda: build_tree(project, {"scale/unit.py": "ONE = 100\n"}))

    assert done.code == 0, done.err
    step = record(project).jobs["scale"]
    assert (project / step.outputs["scaled"].path).read_text(encoding="utf-8") == "6"
    assert step.source == "scale"
    assert step.code is not None
    assert (project / step.code.path / "unit.py").read_text(encoding="utf-8") == "ONE = 1\n"
    assert states(run(project, "-o", "json"))["scale"] == "completed"  # not cached: the code is another one now


def test_step_reads_no_content_without_a_digest(project: Path) -> None:
    alter(project / "scale/scale.py", "import sys", "import sys\nimport unit")
    alter(project / "scale/scale.py", "int(factor)", "int(factor) * unit.ONE")
    build_tree(project, {"scale/unit.py": "ONE = 1\n", "other.py": "ONE = 9\n"})
    stat = (project / "scale/unit.py").stat()
    os.utime(project / "other.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    compiled = cache_from_source(str(project / "scale/unit.py"))
    py_compile.compile(str(project / "other.py"), cfile=compiled)  # Python would take it for the one of unit.py
    assert run(project).code == 0
    assert total(project) == "12"

    alter(project / "scale/scale.py", "unit.ONE", "int(Path('.ipynb_checkpoints/one').read_text())")
    build_tree(project, {"scale/.ipynb_checkpoints/one": "5"})
    done = run(project)

    assert done.code == 2
    assert "No such file or directory: '.ipynb_checkpoints/one'" in done.err


def test_linked_folder_in_code_is_refused(project: Path) -> None:
    (project / "scale/linked").symlink_to(project / "add")

    done = run(project)

    assert done.code == 2
    assert "scale/linked is a link to a folder" in done.err


def test_step_may_import_modules_of_an_input(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    (project / "count/count.py").write_text(
        "import sys\nfrom pathlib import Path\nPath(sys.argv[2], 'model.py').write_text('ONE = 1\\n')\n",
        encoding="utf-8",
    )
    alter(project / "add/add.py", "import sys", "import sys\nsys.path.insert(0, sys.argv[2])\nimport model")

    done = run(project)

    assert done.code == 0, done.err
    assert [path for path in (project / ".mlops/steps").rglob("*") if path.name == "__pycache__"] == []


@pytest.mark.parametrize("make", ["os.symlink('.', path)", "os.symlink('nowhere', path)", "os.mkfifo(path)"])
def test_step_fails_if_an_output_has_no_digest(project: Path, make: str) -> None:
    script = f"import os, sys\npath = os.path.join(sys.argv[2], 'x')\n{make}\n"
    (project / "count/count.py").write_text(script, encoding="utf-8")

    done = run(project)

    assert done.code == 2
    assert "so its content has no digest" in done.err
    assert kept(project, "count") == []


def test_pipeline_outside_the_project_is_refused(project: Path) -> None:
    (project / "pipelines/train.yml").rename(project.parent / "train.yml")

    done = run(project, "../train.yml")

    assert done.code == 2
    assert "train.yml leads out of the project" in done.err


@pytest.mark.parametrize("link", [".mlops", ".mlops/steps", ".mlops/runs"])
def test_state_that_leads_out_of_the_project_is_refused(project: Path, tmp_path: Path, link: str) -> None:
    victim = build_tree(tmp_path / "victim", {".hidden/file": "kept"})
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(victim)

    done = run(project)

    assert done.code == 2
    assert "leads out of the project" in done.err
    assert [path.name for path in victim.rglob("*")] == [".hidden", "file"]


def test_leftovers_of_a_killed_step_are_removed_but_nothing_else(project: Path) -> None:
    steps = build_tree(project / ".mlops/steps", {".hidden/file": "kept"})
    script = "import os, pathlib, sys; from bootstrap.files import staging_folder\n"
    script += "with staging_folder(pathlib.Path(sys.argv[1])) as folder: print(folder, flush=True); os._exit(9)"
    killed = subprocess.run([sys.executable, "-c", script, str(steps)], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.is_dir()

    assert run(project).code == 0

    assert not left.exists()
    assert (steps / ".hidden/file").exists()
