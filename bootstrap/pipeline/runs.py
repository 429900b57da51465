"""The recorded runs of a project: which there are, how two of them differ, and which are no longer needed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bootstrap.errors import InputError, MissingError, did_you_mean
from bootstrap.files import remove_leftovers, remove_tree, staging_folder
from bootstrap.lock import hold_lock
from bootstrap.model import registry
from bootstrap.model.records import Artifact, Run, Step, read_run
from bootstrap.progress import Progress
from bootstrap.project import STATE_FOLDER, Project


def recorded_runs(project: Project, progress: Progress) -> list[Run]:
    """The runs that have a record, the latest first; records that cannot be read are reported."""
    found: list[Run] = []
    for path in sorted(project.path(f"{STATE_FOLDER}/runs").glob("*/run.json"), reverse=True):
        try:
            found.append(read_run(path))
        except InputError as error:
            progress.say(f"{error.what} It is left out.")
    return found


def recorded_run(project: Project, id_: str | None) -> Run:
    """The run with this id; by default the latest. Raises MissingError or InputError if there is none."""
    paths = {path.parent.name: path for path in project.path(f"{STATE_FOLDER}/runs").glob("*/run.json")}
    if not paths:
        raise MissingError("There is no run yet.", hint=f"Run the pipeline: {project.command('run')}")
    if id_ is not None and id_ not in paths:
        hint = did_you_mean(id_, paths) or f"List the runs: {project.command('runs list')}"
        raise InputError(f"There is no run {id_}.", hint=hint)
    return read_run(paths[id_ or max(paths)])


def differences(before: Run, after: Run) -> Iterator[tuple[str, str, str]]:
    """What differs between two runs: its name, and how it was in each."""
    plain = ("pipeline", "lock_sha256", "python", "tool", "champion")
    values = [({name: getattr(run, name) for name in plain}, run.inputs, run.outputs) for run in (before, after)]
    for prefix, one, other in zip(("", "input ", "output "), *values, strict=True):
        yield from _differing(prefix, one, other)
    yield from _differing("", {"commit": before.git.commit}, {"commit": after.git.commit})
    for name in dict.fromkeys([*before.jobs, *after.jobs]):
        steps = [_described(run.jobs.get(name)) for run in (before, after)]
        yield from _differing(f"{name}: ", *steps)


def _described(step: Step | None) -> Mapping[str, object]:
    """What a step's outputs depend on, and its outputs; a step is the same if it was cached."""
    if step is None:
        return {"status": "no such step"}
    return {
        "status": "completed" if step.status == "cached" else step.status,
        "code": step.code,
        **{f"input {name}": value for name, value in step.inputs.items()},
        **{f"output {name}": value for name, value in step.outputs.items()},
    }


def _differing(
    prefix: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if isinstance(one, Artifact) and isinstance(other, Artifact) and one.sha256 == other.sha256:
            continue
        if one != other:
            yield f"{prefix}{name}", _shown(one), _shown(other)


def _shown(value: object) -> str:
    if isinstance(value, Artifact):
        return f"{value.path} ({value.sha256[:12]})"
    return "none" if value is None else str(value)


def clean(
    project: Project, progress: Progress, keep: int, *, dry_run: bool = False
) -> tuple[list[str], list[str], int]:
    """Remove all runs but the latest ones and those of registered versions, and the steps that only they used.

    Returns the names of the runs and of the folders of steps, and their size in bytes.

    Raises LockedError while a run is in progress.
    """
    with hold_lock(project.state / "lock", f"A run is in progress in {project.root}."):
        runs = recorded_runs(project, progress)
        registered = {version.tags.get("mlops.run") for version in registry.versions(project)}
        kept = [run for place, run in enumerate(runs) if place < keep or run.id in registered]
        used = {_folder(artifact) for run in kept for step in run.jobs.values() for artifact in _artifacts(step)}
        ids = {run.id for run in runs} - {run.id for run in kept}
        folders = sorted(project.path(f"{STATE_FOLDER}/runs/{id_}") for id_ in ids)
        steps = [path for path in sorted(project.path(f"{STATE_FOLDER}/steps").glob("[!.]*")) if path.name not in used]
        size = sum(map(_size, [*folders, *steps]))
        if not dry_run:
            for path in steps:
                remove_tree(path)
            # Moved away first: of a run, all is there or nothing.
            remove_leftovers(project.path(f"{STATE_FOLDER}/runs"))
            for path in folders:
                with staging_folder(path.parent) as removed:
                    path.rename(removed / path.name)
        return [path.name for path in folders], [path.name for path in steps], size


def _artifacts(step: Step) -> list[Artifact]:
    return [*step.outputs.values(), *([step.code] if step.code else [])]


def _folder(artifact: Artifact) -> str:
    """The folder of the step in `.mlops/steps` that the artifact belongs to."""
    return Path(artifact.path).parent.name


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
