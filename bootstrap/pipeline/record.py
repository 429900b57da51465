"""Writes down what a run and its steps did: docs/formats.md."""

from collections.abc import Mapping
from pathlib import Path

from bootstrap.model.records import Artifact, Step
from bootstrap.pipeline.graph import Job
from bootstrap.project import Project


def cached_record(cached: Step, job: Job) -> Step:
    """The record of a step whose outputs another run created."""
    return cached.model_copy(update={"status": "cached", "seconds": 0.0, "after": job.after})


def step_record(
    project: Project, job: Job, status: str, outputs: Mapping[str, Artifact], *, seconds: float, key: str,
    **more: object,
) -> Step:  # fmt: skip
    """The record of a step of this run."""
    fields = {
        "component": job.component.name if job.component.parent == job.code else job.component.as_posix(),
        "status": status,
        "seconds": seconds,
        "key": key,
        "after": job.after,
        "inputs": {},
        "outputs": outputs,
        "source": relative(project, job.code) if job.code and job.code.is_relative_to(project.root) else None,
        "includes": [relative(project, include) for include in job.includes],
        "code": None,
    }
    return Step.model_validate({**fields, **more})


def artifact(project: Project, path: Path, sha256: str) -> Artifact:
    """A file or folder by its path in the project, with its digest."""
    return Artifact(path=relative(project, path), sha256=sha256)


def relative(project: Project, path: Path) -> str:
    """The path in the project; an absolute one outside of it."""
    return (path.relative_to(project.root) if path.is_relative_to(project.root) else path).as_posix()
