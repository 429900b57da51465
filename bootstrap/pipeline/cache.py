"""What a run depends on: the digests of its pipeline, code and inputs, and the outputs that are cached under them."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.digest import digest_file, digest_files, digest_text, digest_tree
from bootstrap.errors import InputError, RefusedError, did_you_mean
from bootstrap.model import registry
from bootstrap.model.code import code_files
from bootstrap.model.git_state import git_state
from bootstrap.model.records import Artifact, GitState, Step, Version, read_record
from bootstrap.pipeline.check import cast, input_values
from bootstrap.pipeline.environment import python_version
from bootstrap.pipeline.graph import ARTIFACTS, DATA_TYPES, FromInput, FromJob, Job, Pipeline, Value
from bootstrap.pipeline.read import load_pipeline
from bootstrap.pipeline.record import artifact, relative
from bootstrap.project import STATE_FOLDER, Project

STEP = "step.json"
CODE = "step-code"
"""The folder with a step's copy of its code, beside its outputs; no output can have this name."""


@dataclass
class PreparedRun:
    """A pipeline and the digests of everything that goes into it.

    Attributes:
        champion: The champion, if the pipeline has an input for it.
        files: The files of the code of each job, by their paths in its working folder.
        code: Their digests.
        wanted: The names of the jobs that are asked for, with those that they need.
        again: The names of the jobs that run although their outputs may be cached.
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
    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    wanted: Set[str] = frozenset()
    again: Set[str] = frozenset()
    overhead: dict[str, float] = field(default_factory=lambda: {"environment": 0.0, "mlflow": 0.0, "digests": 0.0})
    _adding: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def prepare(
        cls, project: Project, lock: str, file: Path, given: Mapping[str, str], directory: Path
    ) -> "PreparedRun":
        started = time.monotonic()
        champion = registry.champion(project)
        pipeline = load_pipeline(project.path(str(file)), given, project)
        inputs = {
            name: artifact(project, value, digest_tree(value)) if isinstance(value, Path) else value
            for name, value in input_values(pipeline, given, directory).items()
        }
        described = artifact(project, file, digest_file(file))
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

    def select(self, only: Sequence[str], start: Sequence[str], *, use_cache: bool) -> None:
        """Choose the jobs that are wanted, and those that run again; by default all are wanted, and none runs again.

        With `settings.force_rerun` all that are wanted run again:
        https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline#attributes-of-the-settings-key

        Args:
            only: The names of jobs that run again; of the others, only those that they need are wanted.
            start: The names of jobs that run again, with all that follow them.
            use_cache: False if all run again.

        Raises InputError for a name that the pipeline does not have.
        """
        jobs = self.pipeline.jobs
        for name in (*only, *start):
            if name not in jobs:
                raise InputError(
                    f"{self.pipeline.path.name} has no job {name!r}.", hint=did_you_mean(name, jobs) or "Choose a job."
                )
        needed, following = set(only), set(start)
        for name in reversed(list(jobs)):  # each follows those that it needs
            needed |= set(jobs[name].after) if name in needed else set()
        for name, job in jobs.items():
            following |= {name} if following & set(job.after) else set()
        self.wanted = needed if only else jobs.keys()
        self.again = {*only, *following} if use_cache and not self.pipeline.force_rerun else self.wanted

    def known_values(self, job: Job) -> dict[str, Value | Path]:
        """The values of the job's inputs that are known before a job runs; files and folders as paths."""
        values: dict[str, Value | Path] = {}
        for name, port in job.ports.items():
            source = job.inputs.get(name)
            if not isinstance(source, FromJob):
                found = self.inputs.get(source.name) if isinstance(source, FromInput) else source
                value = port.default if found is None else found
                if value is not None:
                    values[name] = Path(Path(value.path).name) if isinstance(value, Artifact) else cast(value, port)
        return values

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
            self.files[job.name] = code_files(job.code, job.includes)
            self.code[job.name] = digest_files(self.files[job.name])
        sweep = job.sweep
        return digest_text(
            json.dumps(
                {
                    "component": relative(self.project, job.component),
                    "command": job.command,
                    "environment": dict(job.environment),
                    "outputs": dict(job.outputs),
                    "code": self.code[job.name],
                    "inputs": {
                        name: {"sha256": value.sha256, "name": Path(value.path).name}
                        if isinstance(value, Artifact)
                        else value
                        for name, value in inputs.items()
                    },
                    "lock": self.lock,
                    "python": python,
                    **({} if sweep is None else {"trials": sweep.trials, "goal": [sweep.metric, sweep.maximize]}),
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
        python = python_version(self.project)
        found: dict[str, Step] = {}
        if python is None:
            return found
        for name, job in self.pipeline.jobs.items():
            if name in self.wanted and all(before in found for before in job.after):
                inputs = self.job_inputs(job, {before: found[before].outputs for before in job.after})
                if (step := self.cached(job, self.key(job, inputs, python))) is not None:
                    found[name] = step
        return found

    def cached(self, job: Job, key: str) -> Step | None:
        """The record of the job's cached outputs, if they exist and still have their digests."""
        folder = self.folder(job, key)
        if not job.deterministic or job.name in self.again or not (folder / STEP).is_file():
            return None
        try:
            record = read_record(folder / STEP, Step)
            kept = {name: self._kept(folder / name, one.sha256) for name, one in record.outputs.items()}
            code = self._kept(folder / CODE, self.code[job.name])
            if (record.key, record.outputs, record.code) != (key, kept, code) or not (
                job.outputs.keys() <= kept.keys() <= job.outputs.keys() | {ARTIFACTS}
            ):
                return None
            paths = {self.project.path(one.path): one.sha256 for one in (code, *kept.values())}
            return record if all(path.exists() and digest_tree(path) == was for path, was in paths.items()) else None
        except InputError:  # damaged: the step runs again
            return None

    def _kept(self, path: Path, sha256: str) -> Artifact:
        return artifact(self.project, path, sha256)


def _takes_champion(project: Project, pipeline: Pipeline) -> bool:
    """Whether the pipeline has the optional input that `pipeline.champion` of mlops.yaml names.

    Raises InputError if the pipeline that mlops.yaml names has no such input; other pipelines need none.
    """
    named = project.manifest.pipeline.champion
    job, _, name = named.rpartition(".")
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
