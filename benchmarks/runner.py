"""The runner of steps, with steps that do nothing: compared to a pool of the same subprocesses, and to its peers."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.project import OURS, UV
from benchmarks.timing import Promise, Row, Timing, compare, seconds
from bootstrap.digest import digest_tree
from bootstrap.files import copy_file
from tests.helpers import build_tree
from tests.tiny import MLFLOW, tiny

PEERS = ("dvc==3.67.1", "snakemake==9.27.1", "kedro==1.7.0")

_COMPONENT = """
type: command
name: {name}
code: .
inputs: {inputs}
outputs: {{made: {{type: uri_folder}}}}
command: {command}
"""
_FIRST = 'python -c pass && echo one > "{made}/result"'
_LAST = 'python -c pass && cat "{made_before}/result" > "{made}/result"'

_SNAKEFILE = """
rule all:
    input: expand("last/{{n}}/result", n=range({pairs}))
rule first:
    output: "first/{{n}}/result"
    shell: "python -c pass && echo one > {{output}}"
rule last:
    input: "first/{{n}}/result"
    output: "last/{{n}}/result"
    shell: "python -c pass && cat {{input}} > {{output}}"
"""
_KEDRO = """
import subprocess
from pathlib import Path
from kedro.io import DataCatalog
from kedro.pipeline import node, pipeline
from kedro.runner import ThreadRunner

def made(name):
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "result"

def first(n):
    def run():
        out = made(f"first/{{n}}")
        subprocess.run(["bash", "-c", f"python -c pass && echo one > {{out}}"], check=True)
        return str(out)
    return node(run, None, f"a{{n}}", name=f"first{{n}}")

def last(n):
    def run(before):
        out = made(f"last/{{n}}")
        subprocess.run(["bash", "-c", f"python -c pass && cat {{before}} > {{out}}"], check=True)
        return str(out)
    return node(run, f"a{{n}}", f"b{{n}}", name=f"last{{n}}")

ThreadRunner().run(pipeline([make(n) for n in range({pairs}) for make in (first, last)]), DataCatalog())
"""


def unchanged(folder: Path) -> Iterator[Row]:
    """An unchanged `run` of many steps."""
    for steps, limit in ((3, 0.5), (300, 2.0)):
        project = _independent(folder / f"{steps}", steps)
        seconds([OURS, "run", "--quiet"], project)
        times = sorted(seconds([OURS, "run", "--quiet"], project) for _ in range(5))
        yield Row(f"unchanged `run` of {steps} steps", times[2], None, Promise(seconds=limit))


def pool(folder: Path, steps: int = 1000) -> Iterator[Row]:
    """The first `run` of steps that do nothing, compared to a thread pool that starts the same subprocesses."""
    for what, dependencies, limit in (("", (), 1.5), (" with MLflow", MLFLOW, 2.5)):
        project = _independent(folder / f"pool{len(dependencies)}", steps, dependencies)
        ours = seconds([OURS, "run", "--quiet", "--no-cache"], project)
        timing = Timing(ours, _in_a_pool(project, steps))
        yield Row(f"`run` of {steps} steps{what}", timing, "a thread pool", Promise(ratio=limit))


def hashing(folder: Path) -> Row:
    """The digest of a large file, compared to `sha256sum`."""
    large = _large(folder)

    def ours() -> float:
        began = time.perf_counter()
        digest_tree(large)
        return time.perf_counter() - began

    timing = compare(ours, lambda: seconds(["sha256sum", large], folder), rounds=5)
    return Row("digest of 1 GB", timing, "`sha256sum`", Promise(ratio=1.25))


def isolation(folder: Path) -> Row:
    """The copy of 1 GB of code that a step works in: no bytes are copied where the file system has reflinks."""
    large = _large(folder)
    copies = [folder / f"copy-{number}" for number in range(5)]
    times = sorted(_copied(large, copy) for copy in copies)
    return Row("copy of 1 GB of code for a step", times[2], None, Promise(seconds=0.3))


def _copied(source: Path, target: Path) -> float:
    began = time.perf_counter()
    copy_file(source, target)
    return time.perf_counter() - began


def peers(folder: Path, pairs: int = 10) -> Iterator[Row]:
    """All steps, and then an unchanged run, of one graph of pairs of steps in each tool, with two at a time."""
    seconds([UV, "venv", "--quiet", "peers"], folder)
    programs = folder / "peers/bin"
    seconds([UV, "pip", "install", "--quiet", "--python", programs / "python", *PEERS], folder)
    project = _pairs(folder / "ours", pairs)
    seconds([OURS, "run", "--quiet"], project)
    path = {"PATH": os.pathsep.join([str(project / ".venv/bin"), str(programs), os.environ["PATH"]])}
    build_tree(
        folder, {"snakemake/Snakefile": _SNAKEFILE.format(pairs=pairs), "kedro/flow.py": _KEDRO.format(pairs=pairs)}
    )
    build_tree(folder, {"dvc/dvc.yaml": _dvc(pairs)})
    seconds([programs / "dvc", "init", "--quiet", "--no-scm"], folder / "dvc", path)
    ours: list[str | Path] = [OURS, "run", "--quiet", "--parallel", "2"]
    all_steps: dict[str, Sequence[str | Path]] = {
        "dvc": [programs / "dvc", "repro", "--quiet", "--force"],
        "snakemake": [programs / "snakemake", "--quiet", "all", "--cores", "2", "--forceall"],
        "kedro": [programs / "python", "flow.py"],
    }
    again: dict[str, Sequence[str | Path]] = {
        "dvc": [programs / "dvc", "repro", "--quiet"],
        "snakemake": [programs / "snakemake", "--quiet", "all", "--cores", "2"],
    }
    for what, commands, own in (("`run` of", all_steps, [*ours, "--no-cache"]), ("unchanged `run` of", again, ours)):
        for name, command in commands.items():
            timing = _against(own, project, command, folder / name, path)
            yield Row(f"{what} {2 * pairs} steps", timing, name, Promise(ratio=1.0))


def _against(
    own: Sequence[str | Path], project: Path, command: Sequence[str | Path], place: Path, env: dict[str, str]
) -> Timing:
    return compare(lambda: seconds(own, project), lambda: seconds(command, place, env), rounds=3)


def _independent(folder: Path, steps: int, dependencies: Sequence[str] = ()) -> Path:
    """A project with steps that do nothing and one file of code, and its environment."""
    jobs = "".join(f"  step{number}: {{component: step/component.yml}}\n" for number in range(steps))
    component = "type: command\nname: step\ncode: .\ncommand: python -c pass\n"
    return _project(folder, jobs, {"step/component.yml": component, "step/step.py": ""}, dependencies)


def _pairs(folder: Path, pairs: int) -> Path:
    jobs = "".join(
        f"  first{number}: {{component: first/component.yml}}\n  last{number}:\n    component: last/component.yml\n"
        f"    inputs: {{before: '${{{{parent.jobs.first{number}.outputs.made}}}}'}}\n"
        for number in range(pairs)
    )
    made, before = "${{outputs.made}}", "${{inputs.before}}"
    first, last = _FIRST.format(made=made), _LAST.format(made=made, made_before=before)
    files = {
        "first/component.yml": _COMPONENT.format(name="first", inputs="{}", command=first),
        "last/component.yml": _COMPONENT.format(name="last", inputs="{before: {type: uri_folder}}", command=last),
    }
    return _project(folder, jobs, files)


def _project(folder: Path, jobs: str, files: dict[str, str], dependencies: Sequence[str] = ()) -> Path:
    pipeline = f"type: pipeline\nsettings: {{default_compute: azureml:cpu}}\njobs:\n{jobs}"
    build_tree(folder, tiny({"pipeline.yml": pipeline, "gate.yml": "", **files}, dependencies=dependencies))
    seconds([UV, "lock", "--quiet"], folder)
    seconds([UV, "sync", "--quiet"], folder)
    return folder


def _in_a_pool(project: Path, steps: int) -> float:
    """The seconds of the subprocesses of the steps, started by one thread for each core."""
    bash = shutil.which("bash") or "bash"
    environment = {**os.environ, "PATH": os.pathsep.join([str(project / ".venv/bin"), os.environ["PATH"]])}
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        commands = [
            threads.submit(subprocess.run, [bash, "-c", "python -c pass"], cwd=project, env=environment, check=True)
            for _ in range(steps)
        ]
    for command in commands:
        command.result()
    return time.perf_counter() - began


def _dvc(pairs: int) -> str:
    """The same graph for DVC."""
    stages = "".join(
        f"  first{n}:\n    cmd: mkdir -p first/{n} && python -c pass && echo one > first/{n}/result\n"
        f"    outs: [first/{n}/result]\n"
        f"  last{n}:\n    cmd: mkdir -p last/{n} && python -c pass && cat first/{n}/result > last/{n}/result\n"
        f"    deps: [first/{n}/result]\n    outs: [last/{n}/result]\n"
        for n in range(pairs)
    )
    return f"stages:\n{stages}"


def _large(folder: Path) -> Path:
    """A file of 1 GB."""
    folder.mkdir(exist_ok=True)
    block = os.urandom(2**20)
    with (folder / "large").open("wb") as file:
        for _ in range(1000):
            file.write(block)
    return folder / "large"
