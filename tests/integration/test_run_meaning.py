"""What commands of Azure ML jobs mean, run on this machine: each case names where Azure documents it.

Cases that only Azure can decide say so. https://learn.microsoft.com/azure/machine-learning is LEARN below.
"""

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.model.records import Run, Step, read_record
from bootstrap.processes import uv_executable
from tests.helpers import Done, build_tree, run_here, started
from tests.tiny import tiny

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands of the cases are those of Linux")

PIPELINE = """
type: pipeline
inputs:
{inputs}
jobs:
  job:
    component: ../job/component.yml
    environment_variables: {{COLOUR: "red;blue"}}
    inputs: {{{bound}}}
"""
COMPONENT = """
type: command
name: job
{code}
inputs: {{{declared}}}
outputs: {{made: {{type: uri_folder}}}}
command: |
{command}
"""


@dataclass(frozen=True)
class World:
    """A project whose environment exists; each case writes its one job."""

    root: Path

    def write(self, command: str, values: Mapping[str, str] | None = None, code: str = "code: .") -> None:
        """Write a job with this command, and inputs with these values: literals, or paths that begin with `../`."""
        values = values or {}
        kinds = {
            name: "string" if not value.startswith("../") else "uri_file" if Path(value).suffix else "uri_folder"
            for name, value in values.items()
        }
        described = {
            name: value if kinds[name] == "string" else f"{{type: {kinds[name]}, path: '{value}'}}"
            for name, value in values.items()
        }
        lines = "\n".join(f"  {line}" for line in command.splitlines())
        declared = ", ".join(f"{name}: {{type: {kind}}}" for name, kind in kinds.items())
        bound = ", ".join(f'{name}: "${{{{parent.inputs.{name}}}}}"' for name in values)
        inputs = "\n".join(f"  {name}: {value}" for name, value in described.items()) or "  unused: 1"
        (self.root / "pipelines/job.yml").write_text(PIPELINE.format(inputs=inputs, bound=bound), encoding="utf-8")
        component = COMPONENT.format(code=code, declared=declared, command=lines)
        (self.root / "job/component.yml").write_text(component, encoding="utf-8")

    def run(self, *arguments: str) -> Done:
        return run_here("run", *arguments, cwd=self.root)

    def record(self) -> Run:
        return read_record(max((self.root / ".mlops/runs").glob("*/run.json")), Run)

    def step(self) -> Step:
        return self.record().jobs["job"]

    def made(self, output: str = "made") -> Path:
        return self.root / self.step().outputs[output].path

    def result(self, command: str, values: Mapping[str, str] | None = None) -> str:
        """What the command writes into the file `result` of its output."""
        self.write(command, values)
        done = self.run()
        assert done.code == 0, done.err
        return (self.made() / "result").read_text(encoding="utf-8")

    def fails(self, command: str, values: Mapping[str, str] | None = None) -> str:
        """The error of a command that fails; nothing of it is kept."""
        self.write(command, values)
        done = self.run()
        assert done.code == 2, done.err
        assert list(self.root.glob(".mlops/steps/*")) == []
        return done.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"data/rows.csv": "a\n1\n", "data/more.csv": "a\n2\n", "gate.yml": ""}
    root = build_tree(tmp_path_factory.mktemp("meaning") / "project", tiny(files, pipeline="pipelines/job.yml"))
    for words in (["lock", "--quiet", "--offline"], ["sync", "--quiet", "--offline"]):
        subprocess.run([uv_executable(), *words], cwd=root, check=True)
    return root


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    build_tree(folder, {"job/step.py": "print('step')\n", "pipelines/job.yml": "", "lib/helper.py": "ONE = 1\n"})
    yield World(folder)
    for path in ("job", "last", "lib", "pipelines", "data", ".mlops"):
        subprocess.run(["rm", "-rf", str(folder / path)], check=True)
    build_tree(folder, {"data/rows.csv": "a\n1\n", "data/more.csv": "a\n2\n"})


RESULT = '> "${{outputs.made}}/result"'


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        # A command is a line for a shell. LEARN/reference-yaml-job-command; azureml-examples: cli/jobs/basics
        (f"echo one | tr o O {RESULT}", "One\n"),
        (f"true && echo one {RESULT}", "one\n"),
        (f"false || echo other {RESULT}", "other\n"),
        (f"X=5; echo $X {RESULT}", "5\n"),
        (f"echo $((2 + 3)) {RESULT}", "5\n"),
        (f"echo a {RESULT}\necho b >{RESULT}", "a\nb\n"),
        (f"echo a \\\n  b {RESULT}", "a b\n"),
        (f"for i in 1 2; do echo $i; done {RESULT}", "1\n2\n"),
        (f"[[ ab == a* ]] && echo bash {RESULT}", "bash\n"),
        # The exit code is that of the last command, and of the last one of a pipe: `bash -c` without options.
        (f"false; echo on {RESULT}", "on\n"),
        (f"false | echo on {RESULT}", "on\n"),
        # environment_variables are values, no text for the shell. LEARN/reference-yaml-job-command#yaml-syntax
        (f'echo "$COLOUR" {RESULT}', "red;blue\n"),
        # Standard input is empty.
        (f"cat {RESULT}", ""),
    ],
)
def test_command_is_run_by_a_shell(world: World, command: str, expected: str) -> None:
    assert world.result(command) == expected


@pytest.mark.parametrize(
    ("command", "value", "expected"),
    [
        # Values are put into the text. LEARN/reference-yaml-core-syntax
        ("printf '<%s>' ${{inputs.v}}", "two words", "<two><words>"),
        ("printf '<%s>' \"${{inputs.v}}\"", "two words", "<two words>"),
        ("printf '<%s>' '${{inputs.v}}'", "a $b", "<a $b>"),
        ("printf '<%s>' pre-${{ inputs.v }}-post", "x", "<pre-x-post>"),
        ("printf '<%s>' ${{inputs.v}}", "a;printf b", "<a>b"),
        ("printf '<%s>' ${{inputs.v}}", "$((1+1))", "<2>"),
    ],
)
def test_values_are_put_into_the_text_of_the_command(world: World, command: str, value: str, expected: str) -> None:
    assert world.result(f"{{ {command}; }} {RESULT}", {"v": f"'{value}'"}) == expected


def test_value_that_changes_the_command_is_a_warning_and_refused_by_strict(world: World) -> None:
    world.write(f"echo ${{{{inputs.v}}}} {RESULT}", {"v": "a; echo b"})

    strict = world.run("--strict")
    assert strict.code == 2
    assert not (world.root / ".mlops/runs").exists()
    done = world.run()

    for one in (strict, done):
        assert "the value 'a; echo b' of 'v' changes the command of 'job'" in one.err
        assert 'Write "${{inputs.v}}".' in one.err
    assert done.code == 0


def test_folder_names_above_the_data_do_not_split_a_command(folder: Path, world: World, tmp_path: Path) -> None:
    """In Azure ML the folders above an input have no spaces: only its own name comes from the user."""
    place = tmp_path / "my project's"
    world.write("cat ${{inputs.rows}} > ${{outputs.made}}/result", {"rows": "../data/rows.csv"})
    subprocess.run(["cp", "-r", str(folder), str(place)], check=True)
    subprocess.run([uv_executable(), "sync", "--quiet", "--offline", "--reinstall"], cwd=place, check=True)

    done = run_here("run", cwd=place)

    assert done.code == 0, done.err
    assert (World(place).made() / "result").read_text(encoding="utf-8") == "a\n1\n"


def test_wildcards_of_the_shell_find_files_of_an_input(world: World) -> None:
    """A uri_folder is a folder. LEARN/how-to-read-write-data-v2"""
    assert world.result(f"cat ${{{{inputs.data}}}}/*.csv {RESULT}", {"data": "../data"}) == "a\n2\na\n1\n"


def test_python_is_that_of_the_environment(world: World) -> None:
    """The job's environment has the Python. LEARN/concept-environments"""
    command = f"for p in python python3; do $p -c 'import sys; print(sys.prefix)'; done {RESULT}"
    assert world.result(command) == f"{world.root / '.venv'}\n" * 2


@pytest.mark.parametrize(
    "install", ["pip install x", "python -m pip install -r r.txt", "pip3 -q install x", "conda install x"]
)
def test_installation_in_a_command_is_refused_before_anything_runs(world: World, install: str) -> None:
    """Decided here: uv.lock is the environment. In Azure ML a command may install packages."""
    world.write(f"echo && {install}; python step.py")

    done = world.run()

    assert done.code == 2
    assert "component.yml:" in done.err
    assert "steps run in the environment of uv.lock" in done.err
    assert "uv add PACKAGE" in done.err


# --- Isolation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ignore_files", "expected"),
    [
        ({}, "big.bin component.yml keep/a.log keep/b.log step.py"),
        ({".amlignore": "*.bin\nkeep/\n"}, ".amlignore component.yml step.py"),
        ({".gitignore": "*.bin\n"}, ".gitignore component.yml keep/a.log keep/b.log step.py"),
        # .amlignore is used instead of .gitignore, not with it.
        ({".amlignore": "keep\n", ".gitignore": "*\n"}, ".amlignore .gitignore big.bin component.yml step.py"),
        # The last pattern that matches counts, also for a file in an ignored folder: azure-ai-ml matches files.
        ({".amlignore": "keep\n!keep/b.log\n"}, ".amlignore big.bin component.yml keep/b.log step.py"),
        # Ignore files below the code folder have no effect.
        ({"keep/.amlignore": "*\n"}, "big.bin component.yml keep/.amlignore keep/a.log keep/b.log step.py"),
    ],
)  # fmt: skip
def test_code_is_copied_as_azure_ml_uploads_it(world: World, ignore_files: dict[str, str], expected: str) -> None:
    """LEARN/how-to-save-write-experiment-files#storage-limits-of-experiment-snapshots"""
    build_tree(world.root / "job", {"big.bin": "x", "keep/a.log": "", "keep/b.log": "", **ignore_files})
    build_tree(world.root / "job", {"__pycache__/step.cpython-311.pyc": "x"})

    listing = world.result(f"find . -type f | sort | cut -c3- | tr '\\n' ' ' {RESULT}")

    assert sorted(listing.split()) == sorted(expected.split())


def test_ignored_files_do_not_make_a_step_run_again(world: World) -> None:
    build_tree(world.root / "job", {".amlignore": "*.log\n", "a.log": "1"})
    world.result(f"ls {RESULT}")
    build_tree(world.root / "job", {"a.log": "2"})

    assert world.run("-o", "json").document["jobs"]["job"]["status"] == "cached"
    build_tree(world.root / "job", {"b.txt": "2"})
    assert world.run("-o", "json").document["jobs"]["job"]["status"] == "completed"


def test_ignored_folder_may_have_links_and_is_not_read(world: World) -> None:
    build_tree(world.root / "job", {".amlignore": ".venv/\n", ".venv/lib/x": ""})
    (world.root / "job/.venv/lib64").symlink_to("lib")

    assert ".venv" not in world.result(f"ls -A {RESULT}")


def test_unreadable_ignore_file_is_refused(world: World) -> None:
    (world.root / "job/.amlignore").write_bytes(b"\xff\n")
    world.write("ls")

    done = world.run()

    assert done.code == 2
    assert "job/.amlignore cannot be read" in done.err


def test_folders_beside_the_code_cannot_be_imported(world: World) -> None:
    error = world.fails("ls ../lib ../../lib; PYTHONPATH=../lib python -c 'import helper' 2>&1 | grep Error; exit 1")

    assert "No module named 'helper'" in error
    assert "cannot access '../lib'" in error


def test_job_without_code_has_an_empty_working_folder(world: World) -> None:
    """LEARN/reference-yaml-component-command: code is what is uploaded."""
    world.write(f"find . -type f {RESULT}", code="")

    assert world.run().code == 0
    assert (world.made() / "result").read_text(encoding="utf-8") == ""


def test_additional_includes_can_be_imported(world: World) -> None:
    """LEARN/reference-yaml-component-command"""
    code = "code: .\nadditional_includes: [../lib]"
    world.write(f"python -c 'from lib import helper; print(helper.ONE)' {RESULT}", code=code)

    assert world.run().code == 0
    assert (world.made() / "result").read_text(encoding="utf-8") == "1\n"
    build_tree(world.root, {"lib/helper.py": "ONE = 2\n"})
    assert world.run("-o", "json").document["jobs"]["job"]["status"] == "completed"


def test_step_may_write_into_its_working_folder_and_nothing_of_it_stays(world: World) -> None:
    """The working folder is a fresh copy on the node, which ends with the job."""
    command = f"echo changed > step.py; echo new > new.txt; mkdir -m 0 locked; cat step.py new.txt {RESULT}"

    assert world.result(command) == "changed\nnew\n"

    step = world.step()
    assert step.code is not None
    kept = world.root / step.code.path
    assert sorted(path.name for path in kept.iterdir()) == ["component.yml", "step.py"]
    assert (kept / "step.py").read_text(encoding="utf-8") == "print('step')\n"
    assert (world.root / "job/step.py").read_text(encoding="utf-8") == "print('step')\n"
    assert not (world.root / "job/new.txt").exists()
    assert [path.name for path in (world.root / ".mlops/steps").iterdir()] == [kept.parent.name]
    assert world.run("-o", "json").document["jobs"]["job"]["status"] == "cached"


def test_each_run_has_a_fresh_working_folder(world: World) -> None:
    command = f"ls {RESULT}; touch left"
    first = world.result(command)

    assert world.run("--no-cache").code == 0
    assert (world.made() / "result").read_text(encoding="utf-8") == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("echo 9 >> ${{inputs.rows}}", "rows.csv"),
        ("rm ${{inputs.rows}}", "rows.csv was removed"),
        ("echo 9 > ${{inputs.rows}}.new; mv ${{inputs.rows}}.new ${{inputs.rows}}", "rows.csv"),
        ("cp ${{inputs.rows}} x; echo 9 >> ${{inputs.rows}}; cp x ${{inputs.rows}}", "rows.csv"),
        ("touch ${{inputs.data}}/extra.csv", "extra.csv"),
    ],
)
def test_step_that_changes_an_input_fails_and_the_file_is_shown(world: World, change: str, named: str) -> None:
    """Inputs are mounted read-only. LEARN/how-to-read-write-data-v2#modes; here it may be noticed afterwards only."""
    error = world.fails(f"{change}; echo done {RESULT}", {"rows": "../data/rows.csv", "data": "../data"})

    assert named in error
    assert "Read-only file system" in error or "its outputs are not kept" in error


def test_kept_outputs_have_read_only_files_in_writable_folders(world: World) -> None:
    world.result(f"mkdir ${{{{outputs.made}}}}/inner; touch ${{{{outputs.made}}}}/inner/x; echo {RESULT}")

    modes = {path.name: path.stat().st_mode & 0o222 for path in world.made().rglob("*")}

    assert modes["result"] == modes["x"] == 0
    assert modes["inner"] != 0


@pytest.mark.parametrize("name", ["outputs", "logs"])
def test_files_below_outputs_and_logs_are_kept_as_artifacts(world: World, name: str) -> None:
    """./outputs and ./logs exist and are kept. LEARN/how-to-save-write-experiment-files#where-to-write-files

    The output of this name: azureml://jobs/NAME/outputs/artifacts/paths/ in LEARN/how-to-manage-models.
    """
    world.result(f"mkdir {name}/deep; echo x > {name}/deep/x.txt; echo {RESULT}")

    assert (world.made("artifacts") / name / "deep/x.txt").read_text(encoding="utf-8") == "x\n"
    assert [path.name for path in world.made("artifacts").iterdir()] == [name]
    assert world.run("-o", "json").document["jobs"]["job"]["status"] == "cached"
    (world.made("artifacts") / name / "deep/x.txt").unlink()
    assert world.run("-o", "json").document["jobs"]["job"]["status"] == "completed"


def test_variables_of_azure_ml_are_set(world: World) -> None:
    """Data: LEARN/how-to-train-with-rest. Literals: azure.ai.ml.entities.CommandJob. LEARN/how-to-log-view-metrics"""
    command = (
        """echo "$AZUREML_RUN_ID|$AZUREML_PARAMETER_word|$(cat $AZURE_ML_INPUT_rows)" > $AZURE_ML_OUTPUT_made/result"""
    )

    result = world.result(command, {"word": "hello", "rows": "../data/rows.csv"})

    assert result == f"{world.record().id}-job|hello|a\n1\n"


def test_variables_of_another_job_around_the_run_are_not_inherited(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_ML_INPUT_other", "x")
    monkeypatch.setenv("BASH_ENV", str(world.root / "evil.sh"))
    build_tree(world.root, {"evil.sh": "echo evil; exit 1\n"})

    assert world.result(f'echo "[$AZURE_ML_INPUT_other]" {RESULT}') == "[]\n"


# --- What a step leaves ----------------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process that leaves its group is not found")
@pytest.mark.parametrize(
    "start", ["sleep 300 &", "setsid sleep 300 &", "(setsid bash -c 'trap \"\" TERM; sleep 300; :' &)"]
)
def test_processes_that_a_step_leaves_are_ended_with_it(world: World, start: str) -> None:
    """A job ends with its command."""
    began = time.monotonic()
    world.result(f'{start}\nps -e -o pid=,args= | grep "[s]leep 300" {RESULT}')

    pids = [int(line.split()[0]) for line in (world.made() / "result").read_text(encoding="utf-8").splitlines()]
    assert pids
    assert [pid for pid in pids if alive(pid)] == []
    assert time.monotonic() - began < 20


def test_step_that_ignores_sigterm_is_ended_by_an_interruption(world: World) -> None:
    world.write("trap '' TERM; touch ${{inputs.data}}/../started; sleep 300; sleep 300; sleep 300", {"data": "../data"})
    with started("-m", "bootstrap", "run", cwd=world.root) as process:
        until = time.monotonic() + 60
        while not (world.root / "started").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    (world.root / "started").unlink()

    assert process.returncode == 130, err
    assert world.record().status == "interrupted"
    assert list((world.root / ".mlops/steps").iterdir()) == []


def test_binary_and_long_output_of_a_failed_step_is_shown_at_its_end(world: World) -> None:
    error = world.fails("head -c 3000000 /dev/urandom; printf '\\n\\033[31mred\\033[0m \\377\\000 last\\n'; exit 3")

    assert "last" in error
    assert "failed with exit code 3" in error
    assert "\x1b" not in error
    assert len(error) < 200_000


def test_full_disk_fails_the_run_and_keeps_nothing(world: World) -> None:
    """A small file system in place of the project's .mlops."""
    state = world.root / ".mlops"
    state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(state)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount")
    try:
        world.write("head -c 5000000 /dev/zero > ${{outputs.made}}/zeros")
        done = world.run()
        left = [path.name for path in (state / "steps").iterdir()]
        world.write(f"echo {RESULT}")
        again = world.run()
    finally:
        subprocess.run(["umount", str(state)], check=True)

    assert done.code == 2
    assert re.search("No space left on device", done.err)
    assert left == []
    assert again.code == 0, again.err


# --- The cache -------------------------------------------------------------------------------------------------------


def test_renamed_input_file_runs_a_step_again(world: World) -> None:
    """A command may use the name of a file: the same content under another name is another input."""
    command = f"basename ${{{{inputs.rows}}}} {RESULT}"
    assert world.result(command, {"rows": "../data/rows.csv"}) == "rows.csv\n"
    (world.root / "data/rows.csv").rename(world.root / "data/lines.csv")

    assert world.result(command, {"rows": "../data/lines.csv"}) == "lines.csv\n"


def test_mode_bits_of_code_reach_the_step(world: World) -> None:
    build_tree(world.root / "job", {"go.sh": "#!/bin/sh\necho went\n"})
    (world.root / "job/go.sh").chmod(0o755)

    assert world.result(f"./go.sh {RESULT}") == "went\n"


GRAPH = """
type: pipeline
inputs: {rows: {type: uri_file, path: ../data/rows.csv}}
jobs:
  first: {component: ../job/component.yml, inputs: {rows: "${{parent.inputs.rows}}"}}
  other: {component: ../job/component.yml, inputs: {rows: "${{parent.inputs.rows}}"}}
  last: {component: ../last/component.yml, inputs: {one: "${{parent.jobs.first.outputs.made}}"}}
outputs: {}
"""
LAST = """
type: command
name: last
code: .
inputs: {one: {type: uri_folder}}
outputs: {made: {type: uri_folder}}
command: |
"""


def write_graph(world: World, upstream: str, last: str) -> None:
    """Two jobs of one component, and one that follows the first of them."""
    world.write(upstream, {"rows": "../data/rows.csv"})
    build_tree(world.root, {"pipelines/job.yml": GRAPH, "last/component.yml": LAST})
    with (world.root / "last/component.yml").open("a", encoding="utf-8") as file:
        file.writelines(f"  {line}\n" for line in last.splitlines())


def result_of(world: World, job: str) -> str:
    return (world.root / world.record().jobs[job].outputs["made"].path / "result").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "tamper",
    [
        "echo bad > {root}/.mlops/steps/first-*/made/result",  # another step's output
        "chmod u+w {root}/.mlops/steps/other-*/made/result; echo bad > {root}/.mlops/steps/other-*/made/result",
        "echo bad > {root}/.mlops/steps/first-*/step-code/step.py",  # its kept code
        "echo bad > {root}/data/rows.csv",  # the user's data
        "echo 'print(1)' > {root}/job/step.py",  # the user's code
    ],
)
def test_nothing_that_a_step_has_tampered_with_is_served(world: World, tamper: str) -> None:
    good = f"cat ${{{{inputs.rows}}}} {RESULT}"
    write_graph(world, good, f"{tamper.format(root=world.root)}; cat ${{{{inputs.one}}}}/result {RESULT}")
    world.run()
    build_tree(world.root, {"data/rows.csv": "a\n1\n"})
    write_graph(world, good, f"cat ${{{{inputs.one}}}}/result {RESULT}")

    done = world.run()

    assert done.code == 0, done.err
    assert [result_of(world, job) for job in ("first", "other", "last")] == ["a\n1\n"] * 3


def test_two_jobs_of_one_component_at_once_have_outputs_of_their_own(world: World) -> None:
    write_graph(world, f"echo $AZUREML_RUN_ID {RESULT}; sleep 0.2", f"cat ${{{{inputs.one}}}}/result {RESULT}")

    assert world.run().code == 0

    run_id = world.record().id
    assert [result_of(world, job) for job in ("first", "other", "last")] == [
        f"{run_id}-first\n",
        f"{run_id}-other\n",
        f"{run_id}-first\n",
    ]


def test_corrected_step_replaces_what_followed_from_the_wrong_one(world: World) -> None:
    last = f"cat ${{{{inputs.one}}}}/result {RESULT}"
    write_graph(world, f"echo wrong {RESULT}", last)
    assert world.run().code == 0
    write_graph(world, f"echo right {RESULT}", last)

    done = world.run("-o", "json")

    assert [job["status"] for job in done.document["jobs"].values()] == ["completed"] * 3
    assert result_of(world, "last") == "right\n"
    write_graph(world, f"echo wrong {RESULT}", last)
    assert {job["status"] for job in world.run("-o", "json").document["jobs"].values()} == {"cached"}


def write_jobs(world: World, settings: str, commands: Mapping[str, str], extra: str = "") -> None:
    """Write independent jobs with these commands and a pipeline with these settings."""
    jobs = "".join(
        f"  {name}:\n    type: command\n    command: {command!r}\n    environment: azureml:e@latest\n{extra}"
        for name, command in commands.items()
    )
    text = f"type: pipeline\nsettings: {{default_compute: azureml:c{settings}}}\njobs:\n{jobs}"
    (world.root / "pipelines/job.yml").write_text(text, encoding="utf-8")


def statuses(world: World) -> dict[str, str]:
    return {name: step.status for name, step in world.record().jobs.items()}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", {"first": "failed", "second": "completed", "third": "completed"}),
        (", continue_on_step_failure: true", {"first": "failed", "second": "completed", "third": "completed"}),
        (", continue_on_step_failure: false", {"first": "failed", "second": "interrupted", "third": "skipped"}),
    ],
)
def test_failed_step_ends_the_others_only_without_continue_on_step_failure(
    world: World, settings: str, expected: dict[str, str]
) -> None:
    """LEARN/reference-yaml-job-pipeline#attributes-of-the-settings-key: true by default; false cancels the others."""
    duration = 30 if "false" in settings else 1
    write_jobs(world, settings, {"first": "sleep 0.5; false", "second": f"sleep {duration}", "third": "true"})
    began = time.monotonic()

    done = world.run("--parallel", "2")

    assert done.code == 2
    assert "The step first failed" in done.err
    assert statuses(world) == expected
    assert time.monotonic() - began < 20


def test_steps_run_again_with_force_rerun(world: World) -> None:
    """LEARN/reference-yaml-job-pipeline#attributes-of-the-settings-key"""
    write_jobs(world, "", {"first": "true"})
    world.run()
    write_jobs(world, ", force_rerun: true", {"first": "true"})

    world.run()

    assert statuses(world) == {"first": "completed"}
    assert "would run" in world.run("--dry-run").out


def test_step_is_ended_after_its_timeout(world: World) -> None:
    """LEARN/reference-yaml-job-command#attributes-of-the-limits-key"""
    write_jobs(world, "", {"first": "sleep 30"}, extra="    limits: {timeout: 1}\n")
    began = time.monotonic()

    done = world.run()

    assert done.code == 2
    assert "The command was ended after 1 s, its limits.timeout." in done.err
    assert time.monotonic() - began < 20


def test_component_that_is_not_deterministic_runs_again(world: World) -> None:
    """LEARN/reference-yaml-component-command"""
    world.write(f"date {RESULT}", code="is_deterministic: false")
    world.run()

    world.run()

    assert world.step().status == "completed"
    assert len(list((world.root / ".mlops/runs").glob("*/run.json"))) == 2
