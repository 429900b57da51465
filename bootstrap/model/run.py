"""Runs a pipeline file of Azure ML on this machine: each step in its own process, independent steps in parallel.

The outputs of a step are cached under a key of everything that they depend on (code, command, content of inputs, lock,
Python version). A step runs in a copy of its code, which is kept with its outputs. They are moved into the cache only
after the step has succeeded and its code and inputs still have their digests, so an interruption leaves no partial
output. Description: docs/run.md.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bootstrap import __version__
from bootstrap.digest import NOT_CODE, copy_tree, digest_file, digest_text, digest_tree, stamps
from bootstrap.errors import BootstrapError, InputError, MissingError, RefusedError, did_you_mean
from bootstrap.files import remove_leftovers, remove_tree, staging_folder
from bootstrap.lock import hold_lock
from bootstrap.model import registry
from bootstrap.model.git_state import git_state
from bootstrap.model.locked import digest_of_lock
from bootstrap.model.mlflow_store import (
    MlflowStore,
    RunStatus,
    bytecode_folder,
    has_mlflow,
    mlflow_environment,
    store_uri,
)
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
    DataCheck,
    Evaluation,
    GitState,
    Run,
    Step,
    Version,
    read_record,
    read_run,
    write_record,
)
from bootstrap.processes import end, guarded_child
from bootstrap.progress import Progress
from bootstrap.project import STATE_FOLDER, Project

_STEP = "step.json"
_CODE = "step-code"
"""The folder with a step's copy of its code, beside its outputs; no output can have this name."""
_LOG_LINES = 15
_RUN_TAG = "mlops.run"
"""The tag with our id of the run that all its runs in MLflow have."""
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{7}")
_RUNNING = "running"
"""The file in the folder of a run that has not succeeded: it may have runs in MLflow that still have to end."""
_MLFLOW_STATUS: dict[str, RunStatus] = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


def preview(project: Project, file: Path, given: Mapping[str, str], directory: Path) -> dict[str, bool]:
    """The pipeline's jobs in order, and whether `run` with the same arguments would take their outputs from the cache.

    A job that follows one without cached outputs counts as not cached. Raises the errors of `run`; changes nothing.
    """
    prepared = _PreparedRun.prepare(project, digest_of_lock(project), file, given, directory)
    cached = prepared.find_cached()
    return {name: name in cached for name in prepared.pipeline.jobs}


def run(
    project: Project,
    file: Path,
    given: Mapping[str, str],
    directory: Path,
    progress: Progress,
    *,
    use_cache: bool = True,
) -> tuple[Run, bool]:
    """Run a pipeline file; return the run, and False if the outputs of all steps were cached.

    Args:
        project: The project that the pipeline belongs to.
        file: The pipeline file, absolute.
        given: Values for inputs of the pipeline, as text; the others have the values of the file.
        directory: The folder that paths in `given` are relative to.
        progress: Receives the progress of each step.
        use_cache: Use cached outputs of steps that have not changed.

    Raises:
        InputError: The pipeline, a component, an input or uv.lock is wrong, or a step failed (`details` has the end of
            its log).
        MissingError: The project's environment cannot be created.
        LockedError: Another run is in progress in this project.
        RefusedError: The champion's folder has changed since it was registered.
    """
    lock = digest_of_lock(project)
    with hold_lock(project.state / "lock", f"Another run is in progress in {project.root}."):
        remove_leftovers(project.path(f"{STATE_FOLDER}/steps"))
        prepared = _PreparedRun.prepare(project, lock, file, given, directory)
        if use_cache:
            with prepared.measured("digests"):
                cached = prepared.find_cached()
            if len(cached) == len(prepared.pipeline.jobs):
                if any(_runs(project).glob(f"*/{_RUNNING}")):
                    interpreter = project.python()
                    with _mlflow(project, interpreter) as store:
                        _end_killed(project, store)
                return _all_cached(prepared, cached, progress), False
        return _execute(prepared, progress, use_cache=use_cache), True


@dataclass
class _PreparedRun:
    """A pipeline and the digests of everything that goes into it.

    Attributes:
        champion: The champion, if the pipeline has an input for it.
        overhead: Seconds outside of the steps, by activity (`Run.overhead`).
    """

    project: Project
    pipeline: Pipeline
    file: Artifact
    git: GitState
    inputs: dict[str, Artifact | Value]
    champion: Version | None
    lock: str
    started: float
    code: dict[str, str] = field(default_factory=dict)
    overhead: dict[str, float] = field(default_factory=lambda: {"environment": 0.0, "mlflow": 0.0, "digests": 0.0})
    _adding: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def prepare(
        cls, project: Project, lock: str, file: Path, given: Mapping[str, str], directory: Path
    ) -> "_PreparedRun":
        started = time.monotonic()
        champion = registry.champion(project)
        pipeline = load_pipeline(project.path(str(file)), given)
        inputs = _inputs(project, pipeline, given, directory)
        described = _artifact(project, file, digest_file(file))
        taken = champion if champion is not None and _takes_champion(project, pipeline) else None
        if taken is not None and not registry.is_intact(project, taken.model):
            raise RefusedError(
                f"The champion, version {taken.version}, has changed since it was registered.",
                why=f"{taken.model.path} no longer has the digest {taken.model.sha256}.",
                hint="Restore the folder, or delete it and register another model.",
            )
        prepared = cls(project, pipeline, described, git_state(project.root), inputs, taken, lock, started)
        prepared.overhead["digests"] = time.monotonic() - started
        return prepared

    @contextlib.contextmanager
    def measured(self, activity: str) -> Iterator[None]:
        """Add the time of the `with` block to the overhead of `activity`."""
        began = time.monotonic()
        try:
            yield
        finally:
            with self._adding:
                self.overhead[activity] += time.monotonic() - began

    def key(self, job: Job, inputs: Mapping[str, Artifact | Value], python: str) -> str:
        """The digest of everything that the job's outputs depend on."""
        if job.name not in self.code:
            self.code[job.name] = digest_tree(job.code, NOT_CODE)
        return digest_text(
            json.dumps(
                {
                    "command": job.command,
                    "environment": dict(job.environment),
                    "outputs": dict(job.outputs),
                    "code": self.code[job.name],
                    "inputs": {
                        name: {"sha256": value.sha256} if isinstance(value, Artifact) else value
                        for name, value in inputs.items()
                    },
                    "lock": self.lock,
                    "python": python,
                },
                sort_keys=True,
            )
        )

    def job_inputs(self, job: Job, done: Mapping[str, Mapping[str, Artifact]]) -> dict[str, Artifact | Value]:
        """The values of the job's inputs. Optional inputs without a value are left out.

        Args:
            done: The outputs of the jobs before it.
        """
        values: dict[str, Artifact | Value] = {}
        for name, port in job.ports.items():
            source = job.inputs.get(name)
            value: Artifact | Value | None
            if isinstance(source, FromInput):
                value = self.inputs.get(source.name)
            elif isinstance(source, FromJob):
                value = done[source.job][source.output]
            elif source is None and self.champion and f"{job.name}.{name}" == self.project.manifest.pipeline.champion:
                value = self.champion.model
            else:
                value = source
            if value is None:
                value = port.default
            if value is not None:
                values[name] = value if isinstance(value, Artifact) else cast(value, port)
        return values

    def folder(self, job: Job, key: str) -> Path:
        """The cache folder of the job's outputs."""
        return self.project.path(f"{STATE_FOLDER}/steps/{job.name}-{key[:16]}")

    def find_cached(self) -> dict[str, Step]:
        """The jobs with cached outputs whose preceding jobs have cached outputs, too."""
        python = _python_version(self.project)
        found: dict[str, Step] = {}
        if python is None:
            return found
        for name, job in self.pipeline.jobs.items():
            if all(before in found for before in job.after):
                inputs = self.job_inputs(job, {before: found[before].outputs for before in job.after})
                if (step := self.cached(job, self.key(job, inputs, python))) is not None:
                    found[name] = step
        return found

    def cached(self, job: Job, key: str) -> Step | None:
        """The record of the job's cached outputs, if they exist and still have their digests."""
        folder = self.folder(job, key)
        if not job.deterministic or not (folder / _STEP).is_file():
            return None
        try:
            record = read_record(folder / _STEP, Step)
            kept = {name: self._kept(folder / name, one.sha256) for name, one in record.outputs.items()}
            code = self._kept(folder / _CODE, self.code[job.name])
            if (record.key, record.outputs, record.code) != (key, kept, code) or kept.keys() != job.outputs.keys():
                return None
            paths = {self.project.path(one.path): one.sha256 for one in (code, *kept.values())}
            return record if all(path.exists() and digest_tree(path) == was for path, was in paths.items()) else None
        except InputError:  # damaged: the step runs again
            return None

    def _kept(self, path: Path, sha256: str) -> Artifact:
        return _artifact(self.project, path, sha256)


def _cached_record(cached: Step, job: Job) -> Step:
    return cached.model_copy(update={"status": "cached", "seconds": 0.0, "after": job.after})


def _takes_champion(project: Project, pipeline: Pipeline) -> bool:
    """Whether the pipeline has the optional input that `pipeline.champion` of mlops.yaml names.

    Raises InputError if the pipeline that mlops.yaml names has no such input; other pipelines need none.
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
        f"{project.manifest.pipeline.file} has no input for the champion.",
        why=f"pipeline.champion of mlops.yaml is {named}, which is not an optional input of a job with data.",
        hint=did_you_mean(named, optional),
    )


def _inputs(
    project: Project, pipeline: Pipeline, given: Mapping[str, str], directory: Path
) -> dict[str, Artifact | Value]:
    problems = [
        f"the pipeline has no input {name!r}. {did_you_mean(name, pipeline.inputs)}"
        for name in given
        if name not in pipeline.inputs
    ]
    values: dict[str, Artifact | Value] = {}
    for name, port in pipeline.inputs.items():
        try:
            value = _input(project, _declared(pipeline, name, port), given.get(name), directory)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        if value is not None:
            values[name] = value
    if problems:
        raise InputError(
            f"Inputs of {pipeline.path.name} are wrong.",
            details=problems,
            hint=f"{pipeline.path} declares the inputs and their defaults; --set NAME=VALUE sets a value.",
        )
    return values


def _declared(pipeline: Pipeline, name: str, port: Port) -> Port:
    """The port itself; for a literal of the pipeline file, the port of the job's input that it is bound to."""
    bound = (
        job.ports[input_name]
        for job in pipeline.jobs.values()
        for input_name, source in job.inputs.items()
        if source == FromInput(name)
    )
    target = next(bound, None) if port.type is None else None
    return port if target is None else replace(target, optional=False, default=port.default)


def _input(project: Project, port: Port, text: str | None, directory: Path) -> Artifact | Value | None:
    if port.type is None or port.type not in DATA_TYPES:
        value = text if text is not None else port.default
        return None if value is None else cast(value, port)
    path = (directory / text).resolve() if text is not None else port.path
    if path is None:
        return None
    if problem := data_problem(path, port.type):
        raise ValueError(problem)
    return _artifact(project, path, digest_tree(path))


def _execute(work: _PreparedRun, progress: Progress, *, use_cache: bool) -> Run:
    """Run the steps that are not cached, and write the run's record, also after a failure or an interruption."""
    project = work.project
    progress.started("environment")
    with work.measured("environment"):
        interpreter = project.python()
    progress.finished("environment")
    python = _python_version(project)
    if python is None:
        raise MissingError(
            f"{interpreter} is not in an environment that uv created.", hint="Delete .venv and run the command again."
        )
    # Compiled modules of earlier steps and models; those of the environment's packages stay.
    shutil.rmtree(bytecode_folder(interpreter).joinpath(*project.state.parts[1:]), ignore_errors=True)
    run_id = _new_id()
    folder = _runs(project) / run_id
    (folder / "logs").mkdir(parents=True)
    with _mlflow(project, interpreter) as store:
        _end_killed(project, store)
        (folder / _RUNNING).touch()
        execution = _Execution(work, run_id, folder, interpreter, python, store, progress, use_cache=use_cache)
        record = execution.go()
    (folder / _RUNNING).unlink()
    return record


def _runs(project: Project) -> Path:
    return project.path(f"{STATE_FOLDER}/runs")


def _mlflow(project: Project, interpreter: Path) -> contextlib.AbstractContextManager[MlflowStore | None]:
    """The project's MLflow store; None if its environment has no MLflow."""
    return MlflowStore(project, interpreter) if has_mlflow(interpreter) else contextlib.nullcontext()


def _end_killed(project: Project, store: MlflowStore | None) -> None:
    """Set the final status of what earlier runs, which did not succeed, left running in MLflow. The lock is held."""
    for marker in _runs(project).glob(f"*/{_RUNNING}"):
        if store is not None and _ID.fullmatch(marker.parent.name):
            store.end_runs(_RUN_TAG, marker.parent.name, "KILLED")
        remove_leftovers(marker.parent)
        marker.unlink()


class _Execution:
    """A run in progress: its steps, their processes and results."""

    def __init__(
        self,
        work: _PreparedRun,
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
        self._started_at = _now()
        self._parent: str | None = None
        self._records: dict[str, Step] = {}
        self._outputs: dict[str, Mapping[str, Artifact]] = {}
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def go(self) -> Run:
        status: RunStatus = "KILLED"
        try:
            self._parent = self._start_run(self._id)
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
                    # With a timeout, because Windows does not interrupt a wait without one.
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
        with ThreadPoolExecutor(max_workers=len(processes) or 1) as pool:  # each may need some seconds to end
            list(pool.map(end, processes))

    def _job(self, job: Job) -> None:
        """Run a job or use its cached outputs, and store the result."""
        with self._work.measured("digests"):
            inputs = self._work.job_inputs(job, self._outputs)
            key = self._work.key(job, inputs, self._python)
            cached = self._work.cached(job, key) if self._use_cache else None
        self._progress.started(job.name)
        if cached is not None:
            self._progress.finished(job.name, "cached")
            self._records[job.name] = _cached_record(cached, job)
            self._outputs[job.name] = cached.outputs
            return
        run_id = self._start_run(job.name)
        record = self._step(job, key, inputs, run_id)
        if self._store is not None and run_id is not None:
            self._store.end_run(run_id, _MLFLOW_STATUS[record.status])
        self._progress.finished(job.name, "done" if record.status == "completed" else record.status)
        self._records[job.name] = record
        if record.status == "completed":
            self._outputs[job.name] = record.outputs

    def _start_run(self, name: str) -> str | None:
        """Start a run in MLflow, below that of the pipeline if there is one already; None without MLflow."""
        if self._store is None:
            return None
        experiment = self._work.pipeline.experiment or self._work.project.manifest.name
        with self._work.measured("mlflow"):
            return self._store.start_run(experiment, name, parent=self._parent, tags={_RUN_TAG: self._id})

    def _step(self, job: Job, key: str, inputs: Mapping[str, Artifact | Value], run_id: str | None) -> Step:
        """Run the job's command; if it succeeds, move its outputs into the cache."""
        project = self._work.project
        place = self._work.folder(job, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        log = self._folder / "logs" / f"{job.name}.log"
        with staging_folder(place.parent) as staging:
            scratch = staging / job.name
            code, code_sha256 = scratch / _CODE, self._work.code[job.name]
            written = {name: scratch / name for name in job.outputs}
            used = {project.root / one.path: one.sha256 for one in inputs.values() if isinstance(one, Artifact)}
            used[code] = code_sha256
            with self._work.measured("digests"):
                copied = copy_tree(job.code, code, NOT_CODE)
                before = {path: stamps(path, project.root) for path in used}
            for name, type_ in job.outputs.items():
                if type_ != "uri_file":
                    written[name].mkdir()
            began = time.monotonic()
            digests: dict[str, str] = {}
            with log.open("xb") as file:
                if copied == code_sha256:
                    problem = self._command(job, code, inputs, written, run_id, file)
                else:
                    problem = f"{job.code} changed after the run had started. Run again."
                seconds = time.monotonic() - began
                if not problem:
                    with self._work.measured("digests"):
                        problem, digests = _results(project.root, used, before, written)
                file.write(f"\n{problem}\n".encode() if problem else b"")
            record = _record(
                project,
                job,
                "completed" if not problem else "interrupted" if self._stopping else "failed",
                {name: _artifact(project, place / name, sha256) for name, sha256 in digests.items()},
                seconds=round(seconds, 3),
                key=key,
                inputs=inputs,
                code=None if problem else _artifact(project, place / _CODE, code_sha256),
                log=log.relative_to(project.root).as_posix(),
                mlflow_run_id=run_id,
            )
            if not problem:
                write_record(scratch / _STEP, record)
                remove_tree(place)  # damaged, or ignored because of --no-cache
                scratch.rename(place)
            return record

    def _command(
        self, job: Job, code: Path, inputs: Mapping[str, Artifact | Value], outputs: Mapping[str, Path],
        run_id: str | None, log: BinaryIO,
    ) -> str:  # fmt: skip
        """Run the command with its output in `log`; return the problem, empty if it succeeded."""
        root = self._work.project.root
        values = {name: root / one.path if isinstance(one, Artifact) else one for name, one in inputs.items()}
        arguments = job.arguments(values, outputs)
        program = _program(arguments[0], self._interpreter)
        environment = _step_environment(self._work.project, self._interpreter, self._work.pipeline, run_id)
        environment |= job.environment
        if program is None:
            return f"The program {arguments[0]} is not in the project's environment and not on PATH."
        with guarded_child(
            [program, *arguments[1:]], cwd=code, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as process:
            with self._lock:
                self._processes.add(process)
                stopping = self._stopping
            exit_code = process.wait() if not stopping else -1
            with self._lock:
                self._processes.discard(process)
        missing = [name for name, path in outputs.items() if not path.exists() or path.is_symlink()]
        if exit_code:
            return f"The command failed with exit code {exit_code}."
        return f"The command did not create its outputs: {', '.join(missing)}." if missing else ""

    def _write(self, status: str) -> Run:
        work = self._work
        outputs = {
            name: self._outputs[source.job][source.output]
            for name, source in work.pipeline.outputs.items()
            if source.job in self._outputs
        }
        record = _run_record(
            work,
            id=self._id,
            status=status,
            started_at=self._started_at,
            seconds=round(time.monotonic() - work.started, 3),
            overhead={activity: round(seconds, 3) for activity, seconds in work.overhead.items()},
            data_checks=_data_checks(work.project, outputs, self._progress),
            jobs={
                name: self._records.get(name) or _record(work.project, job, "skipped", {}, seconds=0.0, key="")
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
        cached = [name for name, record in self._records.items() if record.status in ("completed", "cached")]
        return InputError(
            f"{'The step' if len(failed) == 1 else 'The steps'} {', '.join(failed)} failed.",
            details=details,
            why=f"The outputs of other steps are cached: {', '.join(cached)}." if cached else "",
            hint="Correct the step and run the same command again: only this step and those after it run.",
        )


def _results(
    root: Path, used: Mapping[Path, str], before: Mapping[Path, Mapping[str, object]], written: Mapping[str, Path]
) -> tuple[str, dict[str, str]]:
    """The digests of what a step wrote; none, but the problem, if its code or an input changed while it ran.

    Args:
        used: The digests of the step's code and inputs.
        before: Their stamps before it ran.
    """
    try:
        for path, sha256 in used.items():
            differing = {name for name, _ in before[path].items() ^ stamps(path, root).items()}
            if differing or digest_tree(path) != sha256:
                # A new file changes its folder, too: folders are named only where no file differs.
                files = {name for name in differing if not name.endswith("/")}
                named = ", ".join(sorted(files or differing)[:6])
                return (
                    f"{path} changed while the step ran ({named}): its outputs are not kept. A step writes only"
                    " into its outputs or into temporary folders."
                ), {}
        return "", {name: digest_tree(path) for name, path in written.items()}
    except InputError as error:  # a link or a pipe
        return error.what, {}
    except FileNotFoundError as error:
        return f"{error.filename} was removed while the step ran: its outputs are not kept.", {}


def _data_checks(project: Project, outputs: Mapping[str, Artifact], progress: Progress) -> list[DataCheck] | None:
    """The checks of the data in the evaluation; None if there is no evaluation, or it cannot be read (reported)."""
    evaluation = outputs.get(project.manifest.pipeline.evaluation)
    if evaluation is None:
        return None
    try:
        return read_record(project.path(evaluation.path) / "evaluation.json", Evaluation).data_checks
    except InputError as error:
        progress.say(f"The data checks cannot be shown: {error}")
        return None


def _all_cached(work: _PreparedRun, cached: Mapping[str, Step], progress: Progress) -> Run:
    """The earlier run with the same outputs, or a new run record if the outputs come from several runs."""
    jobs = {name: _cached_record(one, work.pipeline.jobs[name]) for name, one in cached.items()}
    keys = {name: record.key for name, record in jobs.items()}
    for path in sorted(_runs(work.project).glob("*/run.json"), reverse=True):
        try:
            run = read_run(path)
        except InputError:  # damaged, or from a newer version: ignored
            continue
        if run.pipeline.path == work.file.path:
            if (
                run.status == "completed"
                and {name: job.key for name, job in run.jobs.items()} == keys
                and run.inputs == work.inputs
                and run.champion == registry.recorded(work.champion)
                and run.git.commit == work.git.commit
            ):
                return run.model_copy(update={"jobs": jobs})
            break
    outputs = {name: cached[source.job].outputs[source.output] for name, source in work.pipeline.outputs.items()}
    record = _run_record(
        work,
        id=_new_id(),
        status="completed",
        started_at=_now(),
        seconds=0.0,
        jobs=jobs,
        outputs=outputs,
        python=_python_version(work.project) or "",
        mlflow_run_id=None,
        data_checks=_data_checks(work.project, outputs, progress),
    )
    write_record(_runs(work.project) / record.id / "run.json", record)
    return record


def _run_record(work: _PreparedRun, **fields: object) -> Run:
    return Run.model_validate(
        {
            "schema_version": 1,
            "project": work.project.manifest.name,
            "model": work.project.manifest.model.name,
            "pipeline": work.file,
            "inputs": work.inputs,
            "champion": registry.recorded(work.champion),
            "git": work.git,
            "lock_sha256": work.lock,
            "tool": __version__,
            **fields,
        }
    )


def _record(
    project: Project, job: Job, status: str, outputs: Mapping[str, Artifact], *, seconds: float, key: str,
    **more: object,
) -> Step:  # fmt: skip
    fields = {
        "component": job.component.name if job.component.parent == job.code else job.component.as_posix(),
        "status": status,
        "seconds": seconds,
        "key": key,
        "after": job.after,
        "inputs": {},
        "outputs": outputs,
        "source": _relative(project, job.code) if job.code.is_relative_to(project.root) else None,
        "code": None,
    }
    return Step.model_validate({**fields, **more})


def _artifact(project: Project, path: Path, sha256: str) -> Artifact:
    return Artifact(path=_relative(project, path), sha256=sha256)


def _relative(project: Project, path: Path) -> str:
    return (path.relative_to(project.root) if path.is_relative_to(project.root) else path).as_posix()


def _python_version(project: Project) -> str | None:
    """The Python version of the project's environment, from its pyvenv.cfg; None if there is no environment yet."""
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
    """This process's environment variables, with the project's Python first, and MLflow's as Azure ML sets them."""
    environment = mlflow_environment(interpreter)
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
    """A run id that sorts after all earlier ones: runs of one project do not overlap."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}{secrets.token_hex(2)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
