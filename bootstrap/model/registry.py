"""The registered versions of a project's model, as their `version.json` files tell. Opens no MLflow, so it is quick.

Who serves is said here and nowhere else: the champion is the version whose file says so. `bootstrap.model.register`
writes these files.
"""

import re
from pathlib import Path

from bootstrap.digest import digest_file, digest_tree
from bootstrap.errors import InputError, MissingError, did_you_mean
from bootstrap.model.records import Artifact, Champion, Decision, Version, read_record
from bootstrap.project import Project

RECORD = "version.json"
DECISION = "decision.json"
MODEL = "model"

DECISION_TAG = "mlops.decision_sha256"
"""The tag of a version that names its decision."""


def folder(project: Project, sha256: str) -> Path:
    """Where the version with this model digest lies: its model and its `version.json`."""
    return _root(project) / sha256


def versions(project: Project) -> list[Version]:
    """All registered versions, oldest first.

    Raises:
        InputError: A `version.json` is broken, from a newer mlops-bootstrap, or of another model than its folder names.
    """
    found = [_read(path) for path in _root(project).glob(f"*/{RECORD}")]
    return sorted(found, key=lambda version: int(version.version))


def champion(project: Project) -> Version | None:
    """The version that serves now; None before the first registration.

    A registration that was interrupted after the new version's file was written and before the former champion's was
    leaves two; the one that was registered last serves.
    """
    serving = [version for version in versions(project) if version.stage == "champion"]
    return max(serving, key=lambda version: (version.registered_at, int(version.version)), default=None)


def champion_record(project: Project) -> Champion | None:
    """The champion in the form in which runs and decisions name it."""
    serving = champion(project)
    return Champion(version=serving.version, sha256=serving.model.sha256) if serving else None


def version(project: Project, name: str | None) -> Version:
    """The version with this number, or the champion when no number is given.

    Raises:
        MissingError: Nothing is registered yet.
        InputError: There is no such version.
    """
    found = versions(project)
    if not found:
        raise MissingError(
            f"No version of {project.manifest.model.name} is registered yet.",
            hint="Train, judge and register one: mlops-bootstrap run, then model gate, then model register.",
        )
    if name is None:
        return champion(project) or found[-1]
    for candidate in found:
        if candidate.version == name:
            return candidate
    raise InputError(
        f"There is no version {name} of {project.manifest.model.name}.",
        hint=did_you_mean(name, [candidate.version for candidate in found]),
    )


def holds(project: Project, artifact: Artifact) -> bool:
    """Whether the project still holds this folder with this content."""
    path = project.path(artifact.path)
    return path.is_dir() and digest_tree(path) == artifact.sha256


def decision(project: Project, registered: Version) -> Decision | None:
    """The decision that let this version in, kept beside it; None when it is gone or is not the one its tag names."""
    path = folder(project, registered.model.sha256) / DECISION
    if not path.is_file() or digest_file(path) != registered.tags.get(DECISION_TAG):
        return None
    return read_record(path, Decision)


def _root(project: Project) -> Path:
    return project.state / "registry" / project.manifest.model.name


def _read(path: Path) -> Version:
    record = read_record(path, Version)
    if record.model.sha256 != path.parent.name:
        raise InputError(
            f"{path} does not belong to the folder that it lies in.",
            why=f"It names the model {record.model.sha256}; the folder is {path.parent.name}.",
            hint="Restore the registry's folder from a copy, or delete this version's folder.",
        )
    if not re.fullmatch(r"[1-9][0-9]{0,8}", record.version):
        raise InputError(f"{path}: {record.version!r} is no version number.")
    return record
