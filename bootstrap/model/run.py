"""Runs a pipeline file on this machine as Azure ML would: steps in processes of their own, side by side where they can.

A step's outputs are kept under a key of everything that they depend on (code, command, inputs by content, lock,
Python), and reach their place only when the step has succeeded: a second run does only what has changed, and whatever
interrupts a run leaves no half output. docs/run.md tells the rest.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bootstrap import __version__
from bootstrap.digest import digest_file, digest_text, digest_tree
from bootstrap.errors import BootstrapError, InputError, MissingError, RefusedError, did_you_mean
from bootstrap.lock import alone
from bootstrap.model import registry
from bootstrap.model.environment import project_python
from bootstrap.model.mlflow_store import MlflowStore, RunStatus, has_mlflow, mlflow_environment, store_uri
from bootstrap.model.pipeline_file import (
    DATA_TYPES,
    FromInput,
    FromJob,
    Job,
    Pipeline,
    Port,
    Value,
    cast,
    data_problem,
    load_pipeline,
)
from bootstrap.model.records import (
    Artifact,
    Champion,
    GitState,
    JobRecord,
    RunRecord,
    Version,
    read_record,
    write_record,
)
from bootstrap.processes import child, end, git
from bootstrap.progress import Progress
from bootstrap.project import Project

_STEP = "step.json"
_LOG_LINES = 15
_MLFLOW_STATUS: dict[str, RunStatus] = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


@dataclass(frozen=True)
class Data:
    """A file or folder that goes into a step, by path and by content."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        run: The job's names that have to run, in order; those behind them may turn out to be unchanged.
        cached: The jobs whose outputs are there already.
    """

    pipeline: Pipeline
    run: list[str]
    cached: list[str]


def plan(project: Project, file: Path, given: Mapping[str, str], directory: Path) -> Plan:
    """What `run` with the same arguments would do. Raises as `run` does, and changes nothing."""
    work = _Work.prepare(project, file, given, directory)
    kept = work.look_up()
    return Plan(work.pipeline, [name for name in work.pipeline.jobs if name not in kept], list(kept))


def run(
    project: Project,
    file: Path,
    given: Mapping[str, str],
    directory: Path,
    progress: Progress,
    *,
    use_cache: bool = True,
) -> tuple[RunRecord, bool]:
    """Run a pipeline file, and return the record of the run and whether anything had to be done.

    Args:
        project: The project that the pipeline belongs to.
        file: The pipeline file, absolute.
        given: Inputs of the pipeline, as text; the rest is as the file says.
        directory: The folder that paths in `given` are relative to.
        progress: Is told of each job.
        use_cache: Take outputs of earlier runs where nothing has changed.

    Raises:
        InputError: The pipeline, a component or an input is wrong, or a step failed (the end of its log is told).
        MissingError: The project's environment cannot be made.
        LockedError: Another run is at work in this project.
        RefusedError: The champion's folder is not what was registered.
    """
    _check_lock(project)
    with alone(project.state / "lock", f"Another run is at work in {project.root}."):
        for left in (project.state / "steps").glob(".*"):  # half outputs of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        work = _Work.prepare(project, file, given, directory)
        if use_cache:
            kept = work.look_up()
            if len(kept) == len(work.pipeline.jobs):
                return _nothing_to_do(work, kept)
        return _execute(work, progress, use_cache=use_cache), True


@dataclass
class _Work:
    """A pipeline with everything that goes into it, by content, as it was when the run began."""

    project: Project
    pipeline: Pipeline
    file: Data
    git: GitState
    inputs: dict[str, Data | Value]
    champion: Version | None
    lock: str
    code: dict[str, str] = field(default_factory=dict)

    @classmethod
    def prepare(cls, project: Project, file: Path, given: Mapping[str, str], directory: Path) -> "_Work":
        _check_lock(project)
        lock = project.root / "uv.lock"
        champion = registry.champion(project)
        pipeline = load_pipeline(file, given)
        inputs = _inputs(pipeline, given, directory)
        described = Data(file, digest_file(file))
        taken = champion if champion is not None and _takes_champion(project, pipeline) else None
        if taken is not None and not registry.holds(project, taken.model):
            raise RefusedError(
                f"The champion, version {taken.version}, is not what was registered.",
                why=f"{taken.model.path} no longer has the digest {taken.model.sha256}.",
                hint="Restore the folder, or delete it and register another model.",
            )
        return cls(project, pipeline, described, _git_state(project), inputs, taken, digest_file(lock))

    def key(self, job: Job, inputs: Mapping[str, Data | Value], python: str) -> str:
        """The digest of everything that the job's outputs depend on."""
        if job.name not in self.code:
            self.code[job.name] = digest_tree(job.code)
        return digest_text(
            json.dumps(
                {
                    "command": job.command,
                    "environment": dict(job.environment),
                    "outputs": dict(job.outputs),
                    "code": self.code[job.name],
                    "inputs": {
                        name: {"sha256": value.sha256} if isinstance(value, Data) else value
                        for name, value in inputs.items()
                    },
                    "lock": self.lock,
                    "python": python,
                },
                sort_keys=True,
            )
        )

    def job_inputs(self, job: Job, done: Mapping[str, Mapping[str, Data]]) -> dict[str, Data | Value]:
        """What goes into the job, given the outputs of the jobs before it; absent optional inputs are left out."""
        values: dict[str, Data | Value] = {}
        for name, port in job.ports.items():
            source = job.inputs.get(name)
            value: Data | Value | None
            if isinstance(source, FromInput):
                value = self.inputs.get(source.name)
            elif isinstance(source, FromJob):
                value = done[source.job][source.output]
            elif source is None and self.champion and f"{job.name}.{name}" == self.project.manifest.pipeline.champion:
                value = Data(self.project.path(self.champion.model.path), self.champion.model.sha256)
            else:
                value = source
            if value is None:
                value = port.default
            if value is not None:
                values[name] = value if isinstance(value, Data) else cast(value, port)
        return values

    def folder(self, job: Job, key: str) -> Path:
        """Where the outputs of the job lie."""
        return self.project.state / "steps" / f"{job.name}-{key[:16]}"

    def look_up(self) -> dict[str, "_Kept"]:
        """The jobs whose outputs are there already, as far as that can be told without running any."""
        python = _python_version(self.project)
        kept: dict[str, _Kept] = {}
        if python is None:
            return kept
        for name, job in self.pipeline.jobs.items():
            if all(before in kept for before in job.after):
                inputs = self.job_inputs(job, {before: kept[before].outputs for before in job.after})
                key = self.key(job, inputs, python)
                if (found := self.kept(job, key)) is not None:
                    kept[name] = found
        return kept

    def kept(self, job: Job, key: str) -> "_Kept | None":
        """The outputs of an earlier run of the same job, when they are there and are what they were."""
        path = self.folder(job, key) / _STEP
        if not job.deterministic or not path.is_file():
            return None
        try:
            record = read_record(path, JobRecord)
        except InputError:  # damaged: as good as not there
            return None
        outputs = {name: Data(self.project.path(one.path), one.sha256) for name, one in record.outputs.items()}
        intact = record.key == key and all(
            data.path.exists() and digest_tree(data.path) == data.sha256 for data in outputs.values()
        )
        return _Kept(record, outputs) if intact else None


@dataclass(frozen=True)
class _Kept:
    record: JobRecord
    outputs: dict[str, Data]


def _check_lock(project: Project) -> None:
    if not (project.root / "uv.lock").is_file():
        raise MissingError(f"{project.root} has no uv.lock.", hint="Make it: uv lock")


def _cached(kept: _Kept, job: Job) -> JobRecord:
    return kept.record.model_copy(update={"status": "cached", "seconds": 0.0, "after": job.after})


def _takes_champion(project: Project, pipeline: Pipeline) -> bool:
    """Whether the pipeline has the optional input of a job that `mlops.yaml` names for the champion.

    Raises InputError when the project's own pipeline has not; others need not judge models.
    """
    named = project.manifest.pipeline.champion
    job, _, name = named.partition(".")
    port = pipeline.jobs[job].ports.get(name) if job in pipeline.jobs else None
    if port is not None and port.optional and port.type in DATA_TYPES:
        return True
    if pipeline.path != project.path(project.manifest.pipeline.file).resolve():
        return False
    optional = [
        f"{job.name}.{name}" for job in pipeline.jobs.values() for name, port in job.ports.items() if port.optional
    ]
    raise InputError(
        f"The champion has no way into {project.manifest.pipeline.file}.",
        why=f"mlops.yaml says pipeline.champion: {named}, which is no optional input of a job.",
        hint=did_you_mean(named, optional),
    )


def _champion(work: _Work) -> Champion | None:
    version = work.champion
    return Champion(version=version.version, sha256=version.model.sha256) if version else None


def _inputs(pipeline: Pipeline, given: Mapping[str, str], directory: Path) -> dict[str, Data | Value]:
    problems = [
        f"the pipeline has no input {name!r}. {did_you_mean(name, pipeline.inputs)}"
        for name in given
        if name not in pipeline.inputs
    ]
    values: dict[str, Data | Value] = {}
    for name, port in pipeline.inputs.items():
        try:
            value = _input(_declared(pipeline, name, port), given.get(name), directory)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        if value is not None:
            values[name] = value
    if problems:
        raise InputError(
            f"The inputs of {pipeline.path.name} are wrong.",
            details=problems,
            hint=f"Its inputs stand in {pipeline.path}, with their defaults; --set NAME=VALUE gives others.",
        )
    return values


def _declared(pipeline: Pipeline, name: str, port: Port) -> Port:
    """The port itself, or for a literal of the pipeline file the one that it goes into."""
    if port.type is not None:
        return port
    for job in pipeline.jobs.values():
        for input_name, source in job.inputs.items():
            if source == FromInput(name):
                target = job.ports[input_name]
                return Port(target.type, False, port.default, target.minimum, target.maximum, target.choices)
    return port


def _input(port: Port, text: str | None, directory: Path) -> Data | Value | None:
    if port.type is None or port.type not in DATA_TYPES:
        value = text if text is not None else port.default
        return None if value is None else cast(value, port)
    path = (directory / text).resolve() if text is not None else port.path
    if path is None:
        return None
    if problem := data_problem(path, port.type):
        raise ValueError(problem)
    return Data(path, digest_tree(path))


def _execute(work: _Work, progress: Progress, *, use_cache: bool) -> RunRecord:
    """Run what has to be run, side by side where the graph allows, and write the run's record whatever happens."""
    project = work.project
    progress.started("environment")
    interpreter = project_python(project)
    progress.finished("environment")
    python = _python_version(project)
    if python is None:
        raise MissingError(f"{interpreter} is not in an environment made by uv.", hint="Delete .venv and run again.")
    run_id = _new_id()
    folder = project.state / "runs" / run_id
    (folder / "logs").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(MlflowStore(project, interpreter)) if has_mlflow(interpreter) else None
        if store is not None:
            store.begin()
        execution = _Execution(work, run_id, folder, interpreter, python, store, progress, use_cache=use_cache)
        return execution.go()


class _Execution:
    """One run under way: which jobs wait, which are at work, and what became of the others."""

    def __init__(
        self,
        work: _Work,
        run_id: str,
        folder: Path,
        interpreter: Path,
        python: str,
        store: MlflowStore | None,
        progress: Progress,
        *,
        use_cache: bool,
    ) -> None:
        self._work, self._id, self._folder = work, run_id, folder
        self._interpreter, self._python = interpreter, python
        self._store, self._progress, self._use_cache = store, progress, use_cache
        self._started = time.monotonic()
        self._started_at = _now()
        self._parent: str | None = None
        self._records: dict[str, JobRecord] = {}
        self._outputs: dict[str, Mapping[str, Data]] = {}
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def go(self) -> RunRecord:
        status: RunStatus = "KILLED"
        try:
            if self._store is not None:
                pipeline = self._work.pipeline
                experiment = pipeline.experiment or self._work.project.manifest.name
                self._parent = self._store.start_run(experiment, self._id, tags={"mlops.run": self._id})
            self._all_jobs()
            failed = [name for name, record in self._records.items() if record.status == "failed"]
            status = "FAILED" if failed else "FINISHED"
            record = self._write("failed" if failed else "completed")
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self._write("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
        finally:
            if self._store is not None and self._parent is not None:
                self._store.end_run(self._parent, status)
        if failed:
            raise self._failure(failed)
        return record

    def _all_jobs(self) -> None:
        jobs = self._work.pipeline.jobs
        waiting = dict(jobs)
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="job") as pool:
            try:
                while waiting or running:
                    for name in [one for one in waiting if all(before in self._outputs for before in jobs[one].after)]:
                        running.add(pool.submit(self._job, waiting.pop(name)))
                    if not running:
                        break
                    # In slices, because Windows does not interrupt a wait without end.
                    done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        running.remove(future)
                        future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._stop()
                raise

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            processes = list(self._processes)
        with ThreadPoolExecutor(max_workers=len(processes) or 1) as pool:  # each may take its time to end
            list(pool.map(end, processes))

    def _job(self, job: Job) -> None:
        """Run a job, or take what it made before, and note what became of it."""
        inputs = self._work.job_inputs(job, self._outputs)
        key = self._work.key(job, inputs, self._python)
        if self._use_cache and (kept := self._work.kept(job, key)) is not None:
            self._progress.started(job.name)
            self._progress.finished(job.name, "cached")
            self._records[job.name] = _cached(kept, job)
            self._outputs[job.name] = kept.outputs
            return
        self._progress.started(job.name)
        began = time.monotonic()
        run_id = self._child_run(job)
        record, outputs = self._step(job, key, inputs, run_id, began)
        if self._store is not None and run_id is not None:
            self._store.end_run(run_id, _MLFLOW_STATUS[record.status])
        self._progress.finished(job.name, "done" if record.status == "completed" else record.status)
        self._records[job.name] = record
        if record.status == "completed":
            self._outputs[job.name] = outputs

    def _child_run(self, job: Job) -> str | None:
        if self._store is None:
            return None
        experiment = self._work.pipeline.experiment or self._work.project.manifest.name
        return self._store.start_run(experiment, job.name, parent=self._parent)

    def _step(
        self, job: Job, key: str, inputs: Mapping[str, Data | Value], run_id: str | None, began: float
    ) -> tuple[JobRecord, dict[str, Data]]:
        """Run the job's command, and move its outputs into place when it has succeeded."""
        place = self._work.folder(job, key)
        scratch = place.with_name(f".{place.name}-{self._id}")
        scratch.mkdir(parents=True)
        log = self._folder / "logs" / f"{job.name}.log"
        try:
            made = {name: scratch / name for name in job.outputs}
            for name, type_ in job.outputs.items():
                if type_ != "uri_file":
                    made[name].mkdir()
            problem = self._command(job, inputs, made, run_id, log)
            outputs = (
                {name: Data(place / name, digest_tree(path)) for name, path in made.items()} if not problem else {}
            )
            record = _record(
                job,
                "completed" if not problem else "interrupted" if self._stopping else "failed",
                {name: self._artifact(data) for name, data in outputs.items()},
                seconds=round(time.monotonic() - began, 3),
                key=key,
                inputs={name: self._artifact(one) if isinstance(one, Data) else one for name, one in inputs.items()},
                log=log.relative_to(self._work.project.root).as_posix(),
                mlflow_run_id=run_id,
            )
            if not problem:
                write_record(scratch / _STEP, record)
                if place.exists():  # damaged, or not wanted (--no-cache)
                    shutil.rmtree(place)
                scratch.rename(place)
            return record, outputs
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _command(
        self, job: Job, inputs: Mapping[str, Data | Value], outputs: Mapping[str, Path], run_id: str | None, log: Path
    ) -> str | None:
        """Run the command with its log, and return what went wrong, if anything."""
        values = {name: one.path if isinstance(one, Data) else one for name, one in inputs.items()}
        arguments = job.arguments(values, outputs)
        program = _program(arguments[0], self._interpreter)
        environment = _step_environment(self._work.project, self._interpreter, self._work.pipeline, run_id)
        environment |= job.environment
        with log.open("wb") as file:
            if program is None:
                problem = f"The program {arguments[0]} is neither in the project's environment nor on PATH."
                file.write(problem.encode() + b"\n")
                return problem
            with child(
                [program, *arguments[1:]], cwd=job.code, env=environment, stdout=file, stderr=subprocess.STDOUT
            ) as process:
                with self._lock:
                    self._processes.add(process)
                    stopping = self._stopping
                code = process.wait() if not stopping else -1
                with self._lock:
                    self._processes.discard(process)
            missing = [name for name, path in outputs.items() if not path.exists()]
            problem = f"The command ended with exit code {code}." if code else ""
            if not problem and missing:
                problem = f"The command ended without its outputs: {', '.join(missing)}."
            file.write(f"\n{problem}\n".encode() if problem else b"")
        return problem or None

    def _artifact(self, data: Data) -> Artifact:
        return _artifact(self._work.project, data)

    def _write(self, status: str) -> RunRecord:
        work = self._work
        outputs = {
            name: self._artifact(self._outputs[source.job][source.output])
            for name, source in work.pipeline.outputs.items()
            if source.job in self._outputs
        }
        record = _run_record(
            work,
            id=self._id,
            status=status,
            started_at=self._started_at,
            seconds=round(time.monotonic() - self._started, 3),
            jobs={
                name: self._records.get(name) or _record(job, "skipped", {}, seconds=0.0, key="")
                for name, job in work.pipeline.jobs.items()
            },
            outputs=outputs,
            python=self._python,
            mlflow_run_id=self._parent,
        )
        write_record(self._folder / "run.json", record)
        return record

    def _failure(self, failed: Sequence[str]) -> BootstrapError:
        details: list[str] = []
        for name in failed:
            log = self._folder / "logs" / f"{name}.log"
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
            details += [f"{name}, the end of {log}:", *(f"  {line}" for line in lines)]
        kept = [name for name, record in self._records.items() if record.status in ("completed", "cached")]
        return InputError(
            f"{'The step' if len(failed) == 1 else 'The steps'} {', '.join(failed)} failed.",
            details=details,
            why=f"What the others made is kept: {', '.join(kept)}." if kept else "",
            hint="Correct the step and run the same command again: only what depends on it runs.",
        )


def _nothing_to_do(work: _Work, kept: Mapping[str, _Kept]) -> tuple[RunRecord, bool]:
    """The record of the earlier run that made all of this, or a new one when the outputs come from several runs."""
    jobs = {name: _cached(one, work.pipeline.jobs[name]) for name, one in kept.items()}
    keys = {name: record.key for name, record in jobs.items()}
    for path in sorted((work.project.state / "runs").glob("*/run.json"), reverse=True):
        try:
            run = read_record(path, RunRecord)
        except InputError:  # damaged, or of a newer version: as good as not there
            continue
        if run.pipeline.path != _relative(work.project, work.pipeline.path):
            continue
        same = run.status == "completed" and {name: job.key for name, job in run.jobs.items()} == keys
        same = same and run.inputs == _recorded_inputs(work)
        if same and run.champion == _champion(work) and run.git.commit == work.git.commit:
            return run.model_copy(update={"jobs": jobs}), False
        break
    record = _run_record(
        work,
        id=_new_id(),
        status="completed",
        started_at=_now(),
        seconds=0.0,
        jobs=jobs,
        outputs={
            name: _artifact(work.project, kept[source.job].outputs[source.output])
            for name, source in work.pipeline.outputs.items()
        },
        python=_python_version(work.project) or "",
        mlflow_run_id=None,
    )
    write_record(work.project.state / "runs" / record.id / "run.json", record)
    return record, False


def _recorded_inputs(work: _Work) -> dict[str, Artifact | Value]:
    return {name: _artifact(work.project, one) if isinstance(one, Data) else one for name, one in work.inputs.items()}


def _run_record(work: _Work, **fields: object) -> RunRecord:
    return RunRecord.model_validate(
        {
            "schema_version": 1,
            "project": work.project.manifest.name,
            "pipeline": _artifact(work.project, work.file),
            "inputs": _recorded_inputs(work),
            "champion": _champion(work),
            "git": work.git,
            "lock_sha256": work.lock,
            "tool": __version__,
            **fields,
        }
    )


def _record(
    job: Job, status: str, outputs: Mapping[str, Artifact], *, seconds: float, key: str, **more: object
) -> JobRecord:
    fields = {
        "component": job.component.name if job.component.parent == job.code else job.component.as_posix(),
        "status": status,
        "seconds": seconds,
        "key": key,
        "after": job.after,
        "inputs": {},
        "outputs": outputs,
    }
    return JobRecord.model_validate({**fields, **more})


def _artifact(project: Project, data: Data) -> Artifact:
    return Artifact(path=_relative(project, data.path), sha256=data.sha256)


def _relative(project: Project, path: Path) -> str:
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.as_posix()


def _git_state(project: Project) -> GitState:
    try:
        commit = git("rev-parse", "--verify", "HEAD", cwd=project.root)
        dirty = git("status", "--porcelain", "--", ".", cwd=project.root)
    except BootstrapError:  # no git, no repository or no commit yet: then there is nothing to name
        return GitState(commit=None, dirty=True)
    return GitState(commit=commit, dirty=bool(dirty))


def _python_version(project: Project) -> str | None:
    """The version of the Python in the project's environment, as uv wrote it down; None when there is none yet."""
    path = project.root / ".venv" / "pyvenv.cfg"
    if not path.is_file():
        return None
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "version_info"), None)


def _program(name: str, interpreter: Path) -> str | None:
    if name in ("python", "python3"):
        return str(interpreter)
    return shutil.which(name, path=os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", "")]))


def _step_environment(project: Project, interpreter: Path, pipeline: Pipeline, run_id: str | None) -> dict[str, str]:
    """Our environment, with the project's Python first and MLflow's variables as Azure ML sets them."""
    environment = mlflow_environment()
    environment["PATH"] = os.pathsep.join([str(interpreter.parent), environment.get("PATH", "")])
    environment["VIRTUAL_ENV"] = str(interpreter.parents[1])
    for name in ("PYTHONPATH", "PYTHONHOME", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        environment.pop(name, None)
    environment["PYTHONUNBUFFERED"] = "1"
    if run_id is not None:
        environment["MLFLOW_TRACKING_URI"] = store_uri(project)
        environment["MLFLOW_RUN_ID"] = run_id
        environment["MLFLOW_EXPERIMENT_NAME"] = pipeline.experiment or project.manifest.name
    return environment


def _new_id() -> str:
    """An id that sorts after all earlier ones: runs of one project begin one after the other."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}{secrets.token_hex(2)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
