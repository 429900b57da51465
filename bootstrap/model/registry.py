"""Reads the registered versions of a project's model from their `version.json` files, without MLflow.

The champion is the version whose `version.json` has this stage. `bootstrap.model.register` writes the files.
"""

import contextlib
import re
from pathlib import Path

from bootstrap.digest import digest_file, digest_tree
from bootstrap.errors import InputError, MissingError, did_you_mean
from bootstrap.model.records import Artifact, Champion, Decision, Version, read_record
from bootstrap.project import STATE_FOLDER, Project

RECORD = "version.json"
DECISION = "decision.json"
MODEL = "model"

DECISION_TAG = "mlops.decision_sha256"
"""The tag of a version with the digest of its decision."""


def version_folder(project: Project, sha256: str) -> Path:
    """The folder of the version with this model digest; it contains the model and `version.json`."""
    return project.path(f"{_root(project)}/{sha256}")


def versions(project: Project) -> list[Version]:
    """All registered versions, oldest first.

    Raises:
        InputError: A `version.json` is invalid, from a newer mlops-bootstrap, or does not belong to its folder.
    """
    found = [_read(project, path) for path in project.path(_root(project)).glob(f"*/{RECORD}")]
    return sorted(found, key=lambda version: int(version.version))


def champion(project: Project) -> Version | None:
    """The current champion; None before the first registration.

    An interrupted registration can leave two versions with this stage; the one that was registered last counts.
    """
    serving = [version for version in versions(project) if version.stage == "champion"]
    return max(serving, key=lambda version: (version.registered_at, int(version.version)), default=None)


def champion_record(project: Project) -> Champion | None:
    """The current champion as runs and decisions record it."""
    return recorded(champion(project))


def recorded(champion: Version | None) -> Champion | None:
    """A champion as runs and decisions record it."""
    return Champion(version=champion.version, sha256=champion.model.sha256) if champion else None


def version(project: Project, name: str | None) -> Version:
    """The version with the number `name`; for None, the champion.

    Raises:
        MissingError: Nothing is registered yet.
        InputError: There is no such version.
    """
    found = versions(project)
    if not found:
        raise MissingError(
            f"No version of {project.manifest.model.name} is registered yet.",
            hint=f"Train and register a model: {project.command('run')}, then model gate, then model register.",
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


def is_intact(project: Project, artifact: Artifact) -> bool:
    """Whether the folder still exists with the same content."""
    path = project.path(artifact.path)
    with contextlib.suppress(InputError):  # content without a digest: it was not there when this one was made
        return path.is_dir() and digest_tree(path) == artifact.sha256
    return False


def decision(project: Project, registered: Version) -> Decision | None:
    """The decision that accepted this version; None if the file is missing or does not have the digest in the tag."""
    path = version_folder(project, registered.model.sha256) / DECISION
    if not path.is_file() or digest_file(path) != registered.tags.get(DECISION_TAG):
        return None
    return read_record(path, Decision)


def _root(project: Project) -> str:
    return f"{STATE_FOLDER}/registry/{project.manifest.model.name}"


def _read(project: Project, path: Path) -> Version:
    record = read_record(path, Version)
    expected = Artifact(path=f"{_root(project)}/{path.parent.name}/{MODEL}", sha256=record.model.sha256)
    if (record.name, record.model) != (project.manifest.model.name, expected) or expected.sha256 != path.parent.name:
        raise InputError(
            f"{path} does not belong to its folder.",
            why=f"It is about the model {record.name} in {record.model.path} with the digest {record.model.sha256}.",
            hint="Restore .mlops/registry from a copy, or delete the folder of this version.",
        )
    if not re.fullmatch(r"[1-9][0-9]{0,8}", record.version):
        raise InputError(f"{path}: {record.version!r} is not a version number.")
    return record
