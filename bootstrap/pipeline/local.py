"""Runs a pipeline file of Azure ML on this machine: each step in its own process, independent steps in parallel.

The outputs of a step are cached under a key of everything that they depend on (code, command, content of inputs, lock,
Python version). A step runs in a copy of its code, which is kept with its outputs. They are moved into the cache only
after the step has succeeded and its code and inputs still have their digests, so an interruption leaves no partial
output. Description: docs/run.md.
"""

import contextlib
import math
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bootstrap import __version__
from bootstrap.errors import BootstrapError, InputError, LockedError, MissingError
from bootstrap.files import remove_leftovers, temporary_folder
from bootstrap.lock import hold_lock
from bootstrap.model import registry
from bootstrap.model.locked import digest_of_lock
from bootstrap.model.mlflow_store import MlflowStore, RunStatus, bytecode_folder, has_mlflow
from bootstrap.model.records import Artifact, DataCheck, Evaluation, Run, Step, read_record, read_run, write_record
from bootstrap.pipeline.cache import PreparedRun
from bootstrap.pipeline.check import report_warnings
from bootstrap.pipeline.environment import python_version, shell
from bootstrap.pipeline.expressions import structure_changes, value_text
from bootstrap.pipeline.graph import ARTIFACTS, Job, Sweep, Value
from bootstrap.pipeline.record import cached_record, relative, step_record
from bootstrap.pipeline.step import Steps
from bootstrap.progress import Progress
from bootstrap.project import STATE_FOLDER, Project

_LOG_LINES, _LOG_BYTES = 15, 16 * 2**10
_RUN_TAG = "mlops.run"
"""The tag with our id of the run that all its runs in MLflow have."""
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{7}")
_RUNNING = "running"
"""The file in the folder of a run that has not succeeded: it may have runs in MLflow that still have to end."""
_MLFLOW_STATUS: dict[str, RunStatus] = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


def preview(
    project: Project,
    file: Path,
    given: Mapping[str, str],
    directory: Path,
    *,
    use_cache: bool = True,
    only: Sequence[str] = (),
    start: Sequence[str] = (),
) -> dict[str, bool]:
    """The wanted jobs in order, and whether `run` with the same arguments would take their outputs from the cache.

    A job that follows one without cached outputs counts as not cached. Raises the errors of `run`; changes nothing.
    """
    prepared = PreparedRun.prepare(project, digest_of_lock(project), file, given, directory)
    prepared.select(only, start, use_cache=use_cache)
    cached = prepared.find_cached()
    return {name: name in cached for name in prepared.pipeline.jobs if name in prepared.wanted}


def run(
    project: Project,
    file: Path,
    given: Mapping[str, str],
    directory: Path,
    progress: Progress,
    *,
    use_cache: bool = True,
    only: Sequence[str] = (),
    start: Sequence[str] = (),
    parallel: int | None = None,
    strict: bool = False,
) -> tuple[Run, bool]:
    """Run a pipeline file; return the run, and False if the outputs of all steps were cached.

    While another run is in progress in the project it waits, and uses what that one has made.

    Args:
        project: The project that the pipeline belongs to.
        file: The pipeline file, absolute.
        given: Values for inputs of the pipeline, as text; the others have the values of the file.
        directory: The folder that paths in `given` are relative to.
        progress: Receives the progress of each step.
        use_cache: Use cached outputs of steps that have not changed.
        only: Steps that run, although they may be cached; of the others, only those that they need.
        start: Steps that run, although they may be cached, with all steps after them.
        parallel: How many steps may run at the same time; by default one per core.
        strict: Refuse what is only reported otherwise.

    Raises:
        InputError: The pipeline, a component, an input or uv.lock is wrong, or a step failed (`details` has the end of
            its log).
        MissingError: The project's environment cannot be created.
        RefusedError: The champion's folder has changed since it was registered.
    """
    lock = digest_of_lock(project)
    with _only_run(project, progress):
        remove_leftovers(project.path(f"{STATE_FOLDER}/steps"))
        prepared = PreparedRun.prepare(project, lock, file, given, directory)
        prepared.select(only, start, use_cache=use_cache)
        _report_warnings(prepared, progress, strict=strict)
        with prepared.measured("digests"):
            cached = prepared.find_cached()
        if len(cached) == len(prepared.pipeline.jobs):
            if any(_runs(project).glob(f"*/{_RUNNING}")):
                interpreter = project.python()
                with _mlflow(project, interpreter) as store:
                    _end_killed(project, store)
            return _all_cached(prepared, cached, progress), False
        return _execute(prepared, progress, parallel or os.cpu_count() or 1), True


@contextlib.contextmanager
def _only_run(project: Project, progress: Progress) -> Iterator[None]:
    """Hold the lock of the project's runs; wait for another run."""
    path, message = project.state / "lock", f"Another run is in progress in {project.root}."
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(path, message))
        except LockedError as error:
            progress.say(f"{error.what} {error.why} Waiting until it has ended: its results are used.")
            stack.enter_context(hold_lock(path, message, seconds=math.inf))
        yield


def _report_warnings(work: PreparedRun, progress: Progress, *, strict: bool) -> None:
    """Report what Azure ML would read or do in another way, and values that a shell would read as a part of a command.

    Raises InputError for them if `strict`.
    """
    found = [str(warning) for warning in work.pipeline.warnings] + [
        f"{relative(work.project, job.component)}: the value {value_text(inputs[name])!r} of {name!r} changes the"
        f" command of {job.name!r}, because a shell reads special characters in it. {advice}"
        for job in work.pipeline.jobs.values()
        for inputs in [work.known_values(job)]
        for name, advice in structure_changes(job.command, inputs)
    ]
    report_warnings(work.pipeline, found, progress, strict=strict)


def _execute(work: PreparedRun, progress: Progress, parallel: int) -> Run:
    """Run the steps that are not cached, and write the run's record, also after a failure or an interruption."""
    project, bash = work.project, shell()
    progress.started("environment")
    with work.measured("environment"):
        interpreter = project.python()
    progress.finished("environment")
    python = python_version(project)
    if python is None:
        raise MissingError(
            f"{interpreter} is not in an environment that uv created.", hint="Delete .venv and run the command again."
        )
    # Compiled modules of earlier steps and models; those of the environment's packages stay.
    shutil.rmtree(bytecode_folder(interpreter).joinpath(*project.state.parts[1:]), ignore_errors=True)
    sweeps = [name for name, job in work.pipeline.jobs.items() if job.sweep is not None and name in work.wanted]
    if sweeps and not has_mlflow(interpreter):
        raise MissingError(
            f"The trials of {', '.join(sweeps)} are compared by a metric in MLflow, and the project has no MLflow.",
            hint="Add it to the project: uv add mlflow-skinny sqlalchemy alembic",
        )
    run_id = _new_id()
    folder = _runs(project) / run_id
    (folder / "logs").mkdir(parents=True)
    with _mlflow(project, interpreter) as store:
        _end_killed(project, store)
        (folder / _RUNNING).touch()
        with temporary_folder() as links:
            steps = Steps(work, folder, interpreter, bash, links)
            record = _Execution(work, run_id, folder, steps, python, store, progress, parallel).go()
    (folder / _RUNNING).unlink()
    return record


def _runs(project: Project) -> Path:
    return project.path(f"{STATE_FOLDER}/runs")


def _mlflow(project: Project, interpreter: Path) -> contextlib.AbstractContextManager[MlflowStore | None]:
    """The project's MLflow store; None if its environment has no MLflow."""
    return MlflowStore(project, interpreter) if has_mlflow(interpreter) else contextlib.nullcontext()


def _end_killed(project: Project, store: MlflowStore | None) -> None:
    """Set the final status of what earlier runs, which did not succeed, left running in MLflow. The lock is held.

    Also removes what they left in the folder for temporary files.
    """
    for marker in _runs(project).glob(f"*/{_RUNNING}"):
        if store is not None and _ID.fullmatch(marker.parent.name):
            store.end_runs(_RUN_TAG, marker.parent.name, "KILLED")
        remove_leftovers(marker.parent)
        remove_leftovers(Path(tempfile.gettempdir()))
        marker.unlink()


class _Execution:
    """A run in progress: its steps, their processes and results."""

    def __init__(
        self,
        work: PreparedRun,
        run_id: str,
        folder: Path,
        steps: Steps,
        python: str,
        store: MlflowStore | None,
        progress: Progress,
        parallel: int,
    ) -> None:
        self._work, self._id, self._folder = work, run_id, folder
        self._python, self._steps = python, steps
        self._store, self._progress, self._parallel = store, progress, parallel
        self._started_at = _now()
        self._parent: str | None = None
        self._records: dict[str, Step] = {}
        self._outputs: dict[str, Mapping[str, Artifact]] = {}

    def go(self) -> Run:
        status: RunStatus = "KILLED"
        try:
            self._parent = self._start_run(self._id)
            self._all_jobs()
            failed = [name for name, record in self._records.items() if record.status == "failed"]
            status = "FAILED" if failed else "FINISHED"
            done = "completed" if self._work.wanted == self._work.pipeline.jobs.keys() else "partial"
            record = self._write("failed" if failed else done)
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
        waiting = {name: job for name, job in jobs.items() if name in self._work.wanted}
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(max_workers=self._parallel, thread_name_prefix="job") as pool:
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
                self._steps.stop()
                raise

    def _job(self, job: Job) -> None:
        """Run a job or use its cached outputs, and store the result; a failure ends the others if the file says so.

        https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline#attributes-of-the-settings-key
        """
        if self._steps.stopping:
            return
        with self._work.measured("digests"):
            inputs = self._work.job_inputs(job, self._outputs)
            key = self._work.key(job, inputs, self._python)
            cached = self._work.cached(job, key)
        self._progress.started(job.name)
        if cached is not None:
            self._progress.finished(job.name, "cached")
            self._records[job.name] = cached_record(cached, job)
            self._outputs[job.name] = cached.outputs
            return
        run_id = self._start_run(job.name)
        if job.sweep is not None and run_id is not None:
            record = self._sweep(job, job.sweep, key, inputs, run_id)
        else:
            record = self._steps.run(job, key, inputs, run_id)
        if self._store is not None and run_id is not None:
            if ARTIFACTS in record.outputs and job.keeps_artifacts:
                self._store.log_artifacts(run_id, self._work.project.path(record.outputs[ARTIFACTS].path))
            self._store.end_run(run_id, _MLFLOW_STATUS[record.status])
        self._progress.finished(job.name, "done" if record.status == "completed" else record.status)
        self._records[job.name] = record
        if record.status == "completed":
            self._outputs[job.name] = record.outputs
        elif not self._work.pipeline.continue_on_failure:
            self._steps.stop()

    def _sweep(
        self, job: Job, sweep: Sweep, key: str, inputs: Mapping[str, Artifact | Value], run_id: str
    ) -> Step:  # fmt: skip
        """Run the trials of a sweep; the outputs of the best one are the job's.

        Each trial is cached as a step of its own. A failed one does not end the others. The best one has the best of
        all values that a trial logged for the metric, as in Azure ML:
        https://learn.microsoft.com/python/api/azureml-train-core/azureml.train.hyperdrive.hyperdriverun
        """
        began = time.monotonic()
        deadline = began + (math.inf if sweep.timeout is None else sweep.timeout)
        best: tuple[float, Job, Step] | None = None
        log = self._folder / "logs" / f"{job.name}.log"
        with (
            log.open("x", encoding="utf-8") as file,
            ThreadPoolExecutor(min(sweep.concurrent or self._parallel, self._parallel)) as pool,
        ):
            trials = [replace(job, name=f"{job.name}.trial_{n + 1}", sweep=None) for n in range(len(sweep.trials))]
            runs = [
                pool.submit(self._trial, job, trial, {**inputs, **values}, run_id, deadline)
                for trial, values in zip(trials, sweep.trials, strict=True)
            ]
            for trial, values, future in zip(trials, sweep.trials, runs, strict=True):
                record = future.result()
                value = None if record is None else self._best_value(record, sweep)
                status = "not started: limits.timeout" if record is None else record.status
                found = f"{sweep.metric}={value}" if value is not None else f"no {sweep.metric}"
                file.write(f"{trial.name}: {status}, {found}: {dict(values)}\n")
                file.flush()
                if record is not None and value is not None:
                    sign = 1 if sweep.maximize else -1
                    if best is None or sign * value > sign * best[0]:
                        best = value, trial, record
            seconds = round(time.monotonic() - began, 3)
            if best is not None and not self._steps.stopping:
                file.write(f"the best one is {best[1].name}\n")
                return self._steps.adopt(job, key, best[1], best[2], seconds=seconds, log=log)
            file.write(f"no trial completed and logged the metric {sweep.metric!r} in MLflow; logs: {log.parent}\n")
        return step_record(
            self._work.project, job, "interrupted" if self._steps.stopping else "failed", {}, seconds=seconds, key=key,
            inputs=inputs, log=log.relative_to(self._work.project.root).as_posix(), mlflow_run_id=run_id,
        )  # fmt: skip

    def _best_value(self, record: Step, sweep: Sweep) -> float | None:
        """The best value of the metric that a trial logged; None if it did not complete, or logged none."""
        if self._store is None or record.mlflow_run_id is None or record.status not in ("completed", "cached"):
            return None
        values = [one for one in self._store.metric_values(record.mlflow_run_id, sweep.metric) if not math.isnan(one)]
        return (max if sweep.maximize else min)(values, default=None)

    def _trial(
        self, job: Job, trial: Job, inputs: Mapping[str, Artifact | Value], parent: str, deadline: float
    ) -> Step | None:  # fmt: skip
        """Run a trial of the sweep `job`, or use its cached outputs; None if there is no time left for it."""
        left = deadline - time.monotonic()
        if left <= 0 or self._steps.stopping:
            return None
        with self._work.measured("digests"):
            self._work.files[trial.name], self._work.code[trial.name] = (
                self._work.files[job.name], self._work.code[job.name],
            )  # fmt: skip
            key = self._work.key(trial, inputs, self._python)
            cached = None if job.name in self._work.again else self._work.cached(trial, key)
        self._progress.started(trial.name)
        if cached is not None:
            self._progress.finished(trial.name, "cached")
            return cached_record(cached, trial)
        limit = min(left, math.inf if job.timeout is None else job.timeout)
        run_id = self._start_run(trial.name, parent)
        record = self._steps.run(replace(trial, timeout=None if math.isinf(limit) else limit), key, inputs, run_id)
        if self._store is not None and run_id is not None:
            self._store.end_run(run_id, _MLFLOW_STATUS[record.status])
        self._progress.finished(trial.name, "done" if record.status == "completed" else record.status)
        return record

    def _start_run(self, name: str, parent: str | None = None) -> str | None:
        """Start a run in MLflow, below `parent` or that of the pipeline if it has started; None without MLflow."""
        if self._store is None:
            return None
        experiment = self._work.pipeline.experiment or self._work.project.manifest.name
        with self._work.measured("mlflow"):
            return self._store.start_run(experiment, name, parent=parent or self._parent, tags={_RUN_TAG: self._id})

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
                name: self._records.get(name) or step_record(work.project, job, "skipped", {}, seconds=0.0, key="")
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
            with log.open("rb") as file:  # which may be long
                file.seek(max(0, log.stat().st_size - _LOG_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()[-_LOG_LINES:]
            details += [f"{name}, the end of {log}:", *(f"  {line}" for line in lines)]
        cached = [name for name, record in self._records.items() if record.status in ("completed", "cached")]
        return InputError(
            f"{'The step' if len(failed) == 1 else 'The steps'} {', '.join(failed)} failed.",
            details=details,
            why=f"The outputs of other steps are cached: {', '.join(cached)}." if cached else "",
            hint="Correct the step and run the same command again: only this step and those after it run.",
        )


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


def _all_cached(work: PreparedRun, cached: Mapping[str, Step], progress: Progress) -> Run:
    """The earlier run with the same outputs, or a new run record if the outputs come from several runs."""
    jobs = {name: cached_record(one, work.pipeline.jobs[name]) for name, one in cached.items()}
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
        python=python_version(work.project) or "",
        mlflow_run_id=None,
        data_checks=_data_checks(work.project, outputs, progress),
    )
    write_record(_runs(work.project) / record.id / "run.json", record)
    return record


def _run_record(work: PreparedRun, **fields: object) -> Run:
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


def _new_id() -> str:
    """A run id that sorts after all earlier ones: runs of one project do not overlap."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}{secrets.token_hex(2)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
