"""Registration: the one way in which a model becomes a version, and a version the champion.

A model is registered only by a decision that passed and that the gate still comes to. What is done, in this order, can
be interrupted anywhere and is finished by running it again: the model is copied into the registry's folder by digest;
MLflow's registry gets a version with its lineage as tags (found again by the digest, never made twice); the version's
file makes it the champion; the former champion is retired.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap import __version__
from bootstrap.digest import IGNORED_FOLDERS, digest_file, digest_tree
from bootstrap.errors import ConflictError, MissingError, RefusedError
from bootstrap.lock import alone
from bootstrap.model import gate, registry
from bootstrap.model.mlflow_store import MlflowStore
from bootstrap.model.records import Artifact, Champion, Decision, RunRecord, Version, read_record, write_record
from bootstrap.progress import Progress
from bootstrap.project import Project

DIGEST_TAG = "mlops.model_sha256"
STAGE_TAG = "mlops.stage"


@dataclass(frozen=True)
class Candidate:
    """A model that may be registered.

    Attributes:
        run: The run that made it.
        mlflow_run_id: That run in MLflow; None when it was not recorded there.
        model: The model's folder, as the run left it.
        tags: Its lineage, as the version will carry it.
        existing: The version that already has this very model; None for a new one.
        is_champion: Whether there is nothing to register: that version is the champion already.
    """

    run: str
    mlflow_run_id: str | None
    model: Artifact
    tags: dict[str, str]
    existing: Version | None
    is_champion: bool


def examine(project: Project, run: RunRecord) -> Candidate:
    """What registering the model of `run` would register. Changes nothing.

    Raises:
        MissingError: The gate has not judged this run.
        RefusedError: The gate refused the model, or no longer decides as the decision on disk says.
        InputError: As `gate.judge` raises.
    """
    path = gate.decision_path(project, run.id)
    if not path.exists():
        raise MissingError(
            f"The run {run.id} has not been judged yet.", hint=f"mlops-bootstrap model gate --run {run.id}"
        )
    decision = read_record(path, Decision)
    if not decision.passed:
        raise RefusedError(
            f"The gate refused the model of run {run.id}.",
            details=gate.refusals(decision),
            hint="Only a model that passed is registered.",
        )
    model = gate.model_of(project, run)
    existing = next((known for known in registry.versions(project) if known.model.sha256 == model.sha256), None)
    is_champion = existing is not None and existing == registry.champion(project)
    if not is_champion:
        _verify(project, run, decision)
    return Candidate(run.id, run.mlflow_run_id, model, _lineage(project, run, path), existing, is_champion)


def register(project: Project, run: RunRecord, progress: Progress) -> tuple[Candidate, Version]:
    """Register the model of `run` as the champion, or finish doing so. Returns what was asked and what is registered.

    Raises:
        LockedError: Another registration of this model is at work.
        ConflictError: MLflow's registry and the registry's folder do not tell of the same versions.
        MissingError, RefusedError, InputError: As `examine` raises, with nothing changed.
    """
    with alone(project.state / "registry/lock", f"Another registration is at work in {project.root}."):
        candidate = examine(project, run)
        with MlflowStore(project) as store:  # opened by its first call, so not at all when there is nothing to do
            if candidate.existing is not None and candidate.is_champion:
                version = candidate.existing
            else:
                version = _make_champion(project, store, candidate, progress)
            _retire_others(project, store, version, progress)
        return candidate, version


def _verify(project: Project, run: RunRecord, decision: Decision) -> None:
    """Make sure that the decision is the one to which the same files lead now."""
    again = f"mlops-bootstrap model gate --run {run.id}"
    fresh = gate.judge(project, run)
    if decision.model_copy(update={"decided_at": fresh.decided_at}) == fresh:
        return
    if decision.champion != registry.champion_record(project):
        raise RefusedError(
            "The champion has changed since the gate decided.",
            why=f"The decision knows {_name(decision.champion)}; {_name(fresh.champion)} serves now.",
            hint=f"Train against it and judge again: mlops-bootstrap run, then {again}",
        )
    keys = [key for key in Decision.model_fields if key != "decided_at"]
    differing = [key for key in keys if getattr(decision, key) != getattr(fresh, key)]
    raise RefusedError(
        f"The decision about run {run.id} is not what the gate decides from the same files.",
        why=f"It differs in {', '.join(differing)}: "
        "a file was changed after the gate looked, or the decision itself was.",
        details=gate.refusals(fresh),
        hint=f"Judge again: {again}",
    )


def _name(champion: Champion | None) -> str:
    return f"version {champion.version}" if champion else "no champion"


def _lineage(project: Project, run: RunRecord, decision: Path) -> dict[str, str]:
    """Where a version comes from, as tags: names and digests that `model show` and MLflow's registry both print."""
    pipeline = project.manifest.pipeline
    tags = {
        DIGEST_TAG: run.outputs[pipeline.model].sha256,
        registry.DECISION_TAG: digest_file(decision),
        "mlops.evaluation_sha256": run.outputs[pipeline.evaluation].sha256,
        "mlops.git_commit": run.git.commit or "none",
        "mlops.git_dirty": str(run.git.dirty).lower(),
        "mlops.lock_sha256": run.lock_sha256,
        "mlops.mlflow_run_id": run.mlflow_run_id or "none",
        "mlops.pipeline_sha256": run.pipeline.sha256,
        "mlops.run": run.id,
        "mlops.tool": __version__,
    }
    data = {name: value for name, value in run.inputs.items() if isinstance(value, Artifact)}
    tags |= {f"mlops.input.{name}_sha256": artifact.sha256 for name, artifact in sorted(data.items())}
    return tags


def _make_champion(project: Project, store: MlflowStore, candidate: Candidate, progress: Progress) -> Version:
    progress.started("copy the model")
    folder = registry.folder(project, candidate.model.sha256)
    _copy(project.path(candidate.model.path), folder / registry.MODEL, candidate.model.sha256)
    shutil.copyfile(gate.decision_path(project, candidate.run), folder / registry.DECISION)
    progress.finished("copy the model")

    progress.started("register in MLflow")
    name = project.manifest.model.name
    tags = {**candidate.tags, STAGE_TAG: "champion"}
    number = store.find_version(name, DIGEST_TAG, candidate.model.sha256)
    if number is None:
        number = store.register_version(name, folder / registry.MODEL, run_id=candidate.mlflow_run_id, tags=tags)
    else:  # an interrupted registration left it, or this model has served before
        store.set_version_tags(name, number, tags)
    progress.finished("register in MLflow", f"version {number}")
    taken = [other for other in registry.versions(project) if other.version == number]
    if any(other.model.sha256 != candidate.model.sha256 for other in taken):
        raise ConflictError(
            f"MLflow's registry calls this model version {number}, which is another model in .mlops/registry.",
            why="The MLflow store was replaced or begun anew while the registry's folder was kept.",
            hint="Bring back the .mlops/mlflow.db that belongs to the folder, or move .mlops/registry away.",
        )
    version = Version(
        schema_version=1,
        name=name,
        version=number,
        stage="champion",
        model=Artifact(
            path=(folder / registry.MODEL).relative_to(project.root).as_posix(), sha256=candidate.model.sha256
        ),
        registered_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        tags=candidate.tags,
    )
    write_record(folder / registry.RECORD, version)
    return version


def _retire_others(project: Project, store: MlflowStore, champion: Version, progress: Progress) -> None:
    """Retire whoever else is marked as champion: the former one, or what an interrupted registration left."""
    for former in registry.versions(project):
        if former.stage == "champion" and former.version != champion.version:
            progress.started(f"retire version {former.version}")
            store.set_version_tags(former.name, former.version, {STAGE_TAG: "retired"})
            path = registry.folder(project, former.model.sha256) / registry.RECORD
            write_record(path, former.model_copy(update={"stage": "retired"}))
            progress.finished(f"retire version {former.version}")


def _copy(source: Path, target: Path, sha256: str) -> None:
    """Copy a model's folder so that `target` is there only with the content that `sha256` names."""
    if target.is_dir() and digest_tree(target) == sha256:
        return
    incoming = target.with_name(target.name + ".new")
    for leftover in (incoming, target):
        if leftover.exists():
            shutil.rmtree(leftover)
    incoming.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, incoming, ignore=shutil.ignore_patterns(*IGNORED_FOLDERS))
    if digest_tree(incoming) != sha256:
        shutil.rmtree(incoming)
        raise RefusedError(f"{source} changed while it was copied.", hint="Run and judge again: mlops-bootstrap run")
    incoming.rename(target)
