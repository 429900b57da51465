"""Rehearse a deployment: the real engine, against a simulated Azure, in a temporary folder.

The simulation knows which resources exist, what is required, and what only Azure decides (bootstrap/simulator). It
knows no rights, quotas or policies.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import RefusedError
from bootstrap.files import temporary_folder
from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.simulator.provider import install
from bootstrap.simulator.store import Store
from bootstrap.stack.deploy.deploy import Deployer
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.ledger import deployment
from bootstrap.stack.deploy.operations import Preview

_OTHERS = ("ARM_", "AZURE_", "PULUMI_")
"""The prefixes of environment variables that must not reach a rehearsal: credentials, and another backend."""


@dataclass(frozen=True)
class Rehearsal:
    """What happened to a stack.

    Attributes:
        created: How many resources the first deployment created.
        changed_again: How many a second one changed; none, if the program declares the same twice.
        drifted: Whether the change behind its back was found, and nothing else.
        removed: How many resources were removed at the end.
        seconds: The time of the first deployment.
    """

    created: int
    changed_again: int
    drifted: bool
    removed: int
    seconds: float

    @property
    def faults(self) -> list[str]:
        """What did not go as it must."""
        found = [f"{self.changed_again} resources changed again"] if self.changed_again else []
        found += [] if self.drifted else ["the drift was not found"]
        return found + ([f"{self.created} created and {self.removed} removed"] if self.created != self.removed else [])


def rehearse(platform: Platform, names: Sequence[str], progress: Progress, parallel: int) -> dict[str, Rehearsal]:
    """Deploy stacks twice, look for drift, and destroy them.

    Raises:
        RefusedError: The plan of a stack has errors, or resources are left at the end.
        RemoteError: The engine fails, as it would in Azure.
    """
    with temporary_folder() as folder:
        install(folder / "bin", folder / "azure.sqlite")
        azure = Store(folder / "azure.sqlite")
        work = Deployer(
            platform, folder, Engine(_environment(folder)), "file", progress, parallel, max_failures=len(names)
        )
        ids = {"up": _deployed(work.up(work.preview(names)))}
        again = work.preview(names)
        drifted = _drifted(work, again, azure)
        ids["destroy"] = _deployed(work.destroy(work.preview_destroy(names)))
        if left := azure.ids:
            raise RefusedError(f"{len(left)} resources are left after the rehearsal.", details=left[:10])
        done = {operation: deployment(work.ledgers, id_).stacks for operation, id_ in ids.items()}
        return {
            name: Rehearsal(
                created=done["up"][name]["counts"].get("add", 0),
                changed_again=len(again[name].diff.resources),
                drifted=drifted[name],
                removed=done["destroy"][name]["counts"].get("remove", 0),
                seconds=done["up"][name]["seconds"],
            )
            for name in again
        }


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return {
        **kept,
        "PATH": os.pathsep.join([str(folder / "bin"), kept.get("PATH", "")]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _deployed(done: tuple[str, Sequence[Exception]]) -> str:
    id_, errors = done
    for error in errors:
        raise error
    return id_


def _drifted(work: Deployer, stacks: Mapping[str, Preview], azure: Store) -> dict[str, bool]:
    """Change the tags of one resource of each stack behind its back: is that found, and nothing else?"""
    changed: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, stack in stacks.items():
        urn, id_, inputs = next(
            (urn, id_, inputs)
            for urn, id_ in stack.ids.items()
            if (inputs := azure.get(id_)) is not None and "tags" in inputs
        )
        azure.put(id_, {**inputs, "tags": {"changed": "behind its back"}})
        changed[name] = urn, {"id": id_, "inputs": inputs}
    found = work.drift(list(stacks))
    for _, before in changed.values():
        azure.put(before["id"], before["inputs"])
    return {name: [one.urn for one in found[name].resources] == [urn] for name, (urn, _) in changed.items()}
