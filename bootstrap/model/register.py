"""Registers the model of a run that passed the gate as a new version, which becomes the champion.

The gate must still come to the same decision. `decision.json` is read once: what was compared is what is registered.
The steps, in this order: copy the model into the registry's folder by digest; create a version in MLflow's registry
with the lineage as tags (a version with the same digest is reused); write `version.json`; retire the former champion.
After an interruption the same command completes them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap import __version__
from bootstrap.digest import copy_tree, digest_bytes, digest_tree
from bootstrap.errors import ConflictError, MissingError, RefusedError
from bootstrap.files import remove_leftovers, remove_tree, staging_folder, write_atomically
from bootstrap.lock import hold_lock
from bootstrap.model import gate, registry
from bootstrap.model.mlflow_store import MlflowStore
from bootstrap.model.records import (
    Artifact,
    Champion,
    Decision,
    Run,
    Version,
    parse_record,
    read_bytes,
    write_record,
)
from bootstrap.progress import Progress
from bootstrap.project import STATE_FOLDER, Project

DIGEST_TAG = "mlops.model_sha256"
STAGE_TAG = "mlops.stage"


@dataclass(frozen=True)
class Challenger:
    """The model of a run that may be registered.

    Attributes:
        decision: The content of `decision.json`.
        tags: The lineage.
        existing: The version that was registered from the same model; None for a new model.
        is_champion: That version is the champion, so there is nothing to register.
    """

    decision: bytes
    tags: dict[str, str]
    existing: Version | None
    is_champion: bool


def find_challenger(project: Project, run: Run) -> Challenger:
    """The model of `run`, if it may be registered. Changes nothing.

    Raises:
        MissingError: There is no decision about this run yet.
        RefusedError: The run did not complete, the gate refused the model, or the gate comes to another decision now.
        InputError: As `gate.decide` raises.
    """
    gate.require_completed(project, run)
    path = gate.decision_path(project, run.id)
    if not path.exists():
        raise MissingError(
            f"There is no decision about the model of run {run.id} yet.",
            hint=f"Let the gate decide first: {project.command(f'model gate --run {run.id}')}",
        )
    content = read_bytes(path)
    decision = parse_record(content, path, Decision)
    if not decision.passed:
        raise RefusedError(
            f"The gate refused the model of run {run.id}.",
            details=gate.failed_rules(decision),
            hint=f"Only a model that passed the gate can be registered. Improve it, then: {project.command('run')}",
        )
    model = gate.model_of(project, run)
    existing = next((known for known in registry.versions(project) if known.model.sha256 == model.sha256), None)
    is_champion = existing is not None and existing == registry.champion(project)
    if not is_champion:
        _verify(project, run, decision)
    return Challenger(content, _lineage(project, run, content), existing, is_champion)


def register(project: Project, run: Run, progress: Progress) -> tuple[Challenger, Version]:
    """Register the model of `run` as the champion, or complete an interrupted registration.

    Raises:
        LockedError: Another registration is in progress in this project.
        ConflictError: MLflow's registry and the registry's folder have different versions.
        MissingError, RefusedError, InputError: As `find_challenger` raises; nothing has changed then.
    """
    with hold_lock(
        project.path(f"{STATE_FOLDER}/registry/lock"), f"Another registration is in progress in {project.root}."
    ):
        remove_leftovers(project.path(f"{STATE_FOLDER}/registry"))
        challenger = find_challenger(project, run)
        with MlflowStore(project) as store:  # its first call opens it: with nothing to register, it is not opened
            if challenger.existing is not None and challenger.is_champion:
                version = challenger.existing
            else:
                version = _create_champion(project, store, run, challenger, progress)
            _retire_others(project, store, version, progress)
        return challenger, version


def _verify(project: Project, run: Run, decision: Decision) -> None:
    """Raise RefusedError unless the gate comes to the same decision now."""
    again = project.command(f"model gate --run {run.id}")
    fresh = gate.decide(project, run)
    ignored = {"decided_at", "edited_code"}  # the run's own copies of its code count
    if decision.model_dump(exclude=ignored) == fresh.model_dump(exclude=ignored):
        return
    if decision.champion != registry.champion_record(project):
        raise RefusedError(
            "The champion has changed since the decision of the gate.",
            why=f"The decision is about {_name(decision.champion)}; now the champion is {_name(fresh.champion)}.",
            hint=f"Compare with the new champion: {project.command('run')}, then {again}",
        )
    new = fresh.model_dump()
    differing = [key for key, value in decision.model_dump(exclude=ignored).items() if value != new[key]]
    raise RefusedError(
        f"The gate now comes to another decision about run {run.id} than its decision.json has.",
        why=f"It differs in {', '.join(differing)}: a file was changed after the decision, or decision.json was.",
        details=gate.failed_rules(fresh),
        hint=f"Let the gate decide again: {again}",
    )


def _name(champion: Champion | None) -> str:
    return f"version {champion.version}" if champion else "none"


def _lineage(project: Project, run: Run, decision: bytes) -> dict[str, str]:
    """The lineage of a version as tags, for `version.json` and MLflow's registry."""
    pipeline = project.manifest.pipeline
    return {
        DIGEST_TAG: run.outputs[pipeline.model].sha256,
        registry.DECISION_TAG: digest_bytes(decision),
        "mlops.evaluation_sha256": run.outputs[pipeline.evaluation].sha256,
        "mlops.git_commit": run.git.commit or "none",
        "mlops.git_dirty": str(run.git.dirty).lower(),
        "mlops.lock_sha256": run.lock_sha256,
        "mlops.mlflow_run_id": run.mlflow_run_id or "none",
        "mlops.pipeline": run.pipeline.path,
        "mlops.pipeline_sha256": run.pipeline.sha256,
        "mlops.run": run.id,
        "mlops.tool": __version__,
        **{
            f"mlops.input.{name}_sha256": value.sha256
            for name, value in sorted(run.inputs.items())
            if isinstance(value, Artifact)
        },
    }


def _create_champion(
    project: Project, store: MlflowStore, run: Run, challenger: Challenger, progress: Progress
) -> Version:
    model = gate.model_of(project, run)
    progress.started("copy the model")
    folder = registry.version_folder(project, model.sha256)
    _copy(project, project.path(model.path), folder / registry.MODEL, model.sha256)
    write_atomically(folder / registry.DECISION, challenger.decision)
    progress.finished("copy the model")

    progress.started("register in MLflow")
    name = project.manifest.model.name
    tags = {**challenger.tags, STAGE_TAG: "champion"}
    # There is a version after an interrupted registration, or if this model was the champion before.
    number = store.register_version(
        name, folder / registry.MODEL, run_id=run.mlflow_run_id, digest_tag=DIGEST_TAG, tags=tags
    )
    progress.finished("register in MLflow", f"version {number}")
    taken = [other for other in registry.versions(project) if other.version == number]
    if any(other.model.sha256 != model.sha256 for other in taken):
        raise ConflictError(
            f"Version {number} in MLflow's registry is this model; in .mlops/registry it is another model.",
            why="The MLflow store was replaced or created again, but .mlops/registry was not.",
            hint="Restore the .mlops/mlflow.db that belongs to .mlops/registry, or move .mlops/registry away.",
        )
    version = Version(
        schema_version=1,
        name=name,
        version=number,
        stage="champion",
        model=Artifact(path=(folder / registry.MODEL).relative_to(project.root).as_posix(), sha256=model.sha256),
        registered_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        tags=challenger.tags,
    )
    write_record(folder / registry.RECORD, version)
    return version


def _retire_others(project: Project, store: MlflowStore, champion: Version, progress: Progress) -> None:
    """Set the stage of all other champions to "retired": the former one, or one from an interrupted registration."""
    for former in registry.versions(project):
        if former.stage == "champion" and former.version != champion.version:
            progress.started(f"retire version {former.version}")
            store.set_version_tags(former.name, former.version, {STAGE_TAG: "retired"})
            path = registry.version_folder(project, former.model.sha256) / registry.RECORD
            write_record(path, former.model_copy(update={"stage": "retired"}))
            progress.finished(f"retire version {former.version}")


def _copy(project: Project, source: Path, target: Path, sha256: str) -> None:
    """Copy a model's folder; `target` appears only with the content of the digest `sha256`."""
    if target.is_dir() and not target.is_symlink() and digest_tree(target) == sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(project.path(f"{STATE_FOLDER}/registry")) as staging:
        if copy_tree(source, staging / target.name) != sha256:
            raise RefusedError(
                f"{source} changed while it was copied.",
                hint="Run the pipeline again, then `model gate` and `model register`.",
            )
        remove_tree(target)
        (staging / target.name).rename(target)
