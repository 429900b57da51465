"""Rehearse a deployment: the real engine, against a simulated Azure, in a temporary folder.

The simulation knows what its tables say (bootstrap/simulator), and tells what it does not know. It knows no rights of
the login, no Azure policies, and nothing that exists outside of the rehearsed stacks.

A change is rehearsed over what an earlier commit deploys, or over a copy of the real states.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bootstrap.errors import RefusedError, RemoteError
from bootstrap.files import temporary_folder
from bootstrap.manifests.locate import FILE_NAME, stack_names
from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.processes import captured
from bootstrap.progress import Progress
from bootstrap.simulator.facts import tables
from bootstrap.simulator.provider import ROLE_DELAY, install
from bootstrap.simulator.store import Store
from bootstrap.stack.deploy.backend import states_in
from bootstrap.stack.deploy.deploy import Deployer
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.ledger import deployment
from bootstrap.stack.deploy.operations import Preview
from bootstrap.stack.diff.commits import checked_out, errors_of, version_of
from bootstrap.stack.diff.difference import Commit, StackDiff
from bootstrap.stack.state import read_state, resources
from bootstrap.yaml import read
from infra.components import propagation
from infra.settings import StackSettings

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


def rehearse(
    platform: Platform, names: Sequence[str], progress: Progress, parallel: int
) -> tuple[dict[str, Rehearsal], list[str]]:
    """Deploy stacks twice, look for drift, and destroy them. Returns the results, and what the simulation did not know.

    Raises:
        RefusedError: The plan of a stack has errors, or resources are left at the end.
        RemoteError: The engine fails, as it would in Azure.
    """
    with _simulated(platform, progress, parallel, len(names)) as (work, azure):
        _delay_roles(azure)
        ids = {"up": _deployed(work.up(work.preview(names), _agreed))}
        again = work.preview(names)
        drifted = _drifted(work, again, azure)
        _unlock(azure)
        ids["destroy"] = _deployed(work.destroy(work.preview_destroy(names), _agreed))
        if left := azure.ids:
            raise RefusedError(f"{len(left)} resources are left after the rehearsal.", details=left[:10])
        done = {operation: deployment(work.ledgers, id_).stacks for operation, id_ in ids.items()}
        results = {
            name: Rehearsal(
                created=done["up"][name]["counts"].get("add", 0),
                changed_again=len(again[name].diff.resources),
                drifted=drifted[name],
                removed=done["destroy"][name]["counts"].get("remove", 0),
                seconds=done["up"][name]["seconds"],
            )
            for name in again
        }
        return results, azure.notes


Start = Callable[[Deployer, Store], None]
"""Deploys to a simulated Azure what a rehearsal changes."""


def rehearse_change(
    platform: Platform,
    names: Sequence[str],
    start: Start,
    report: Callable[[Sequence[StackDiff]], None],
    allowed: Sequence[str],
    progress: Progress,
    parallel: int,
) -> list[str]:
    """Deploy stacks over what is deployed already. Returns what the simulation did not know.

    Args:
        report: Is called with what will change, before that is refused or made.
        allowed: As for `Deployer.up`.

    Raises:
        ConflictError: A change would lose data, or be one that Azure never reverts.
        RefusedError: The plan of a stack has errors, or a second deployment would change something.
        RemoteError: The engine fails, as it would in Azure.
    """
    with _simulated(platform, progress, parallel, len(names)) as (work, azure):
        start(work, azure)
        _delay_roles(azure)
        previews = work.preview(names)
        report([one.diff for one in previews.values()])
        _deployed(work.up(previews, _agreed, allowed=allowed))
        again = [name for name, one in work.preview(names).items() if one.diff.resources]
        if again:
            raise RefusedError(
                f"A second deployment would change {', '.join(again)} again.", hint="Report it: that is ours."
            )
        return azure.notes


def start_at_state(states: Mapping[str, str]) -> Start:
    """Start with the resources that states have, in the simulated Azure too.

    Args:
        states: What `Deployer.states` read.
    """

    def start(work: Deployer, azure: Store) -> None:
        work.take_over(states)
        for state in states.values():
            for one in resources(read_state(state)):
                if one.get("custom") and not one["type"].startswith("pulumi:"):
                    azure.put(one["id"], _plain(one.get("inputs", {})))

    return start


def start_at_commit(platform: Platform, commit: Commit, names: Sequence[str], trusted: Callable[[str], bool]) -> Start:
    """Start with what an earlier commit of the platform deploys, by the version of this tool that it pins.

    Args:
        trusted: As for `install_pinned`, with its errors.
    """

    def start(work: Deployer, _: Store) -> None:
        with checked_out(platform, commit) as (root, own):
            command, variables, by = version_of(commit, root, own, work.progress, trusted)
            if not command:
                with errors_of(commit, root):
                    old = load_platform(root)
                if known := [name for name in names if name in old.stacks]:
                    earlier = replace(work, platform=old)
                    _deployed(earlier.up(earlier.preview(known), _agreed))
            elif known := [name for name in names if name in stack_names(root)]:
                state = states_in(work.folder)
                state.mkdir()
                # The version of the commit has its own words for everything else: it deploys by its command line.
                confirmed = [word for name in ("hub", *_environments(root)) for word in ("--confirm", name)]
                options = ["--yes", *confirmed, "--backend", state.as_uri(), "-C", str(root)]
                env = {**work.engine.environment, "PYTHONPATH": variables.get("PYTHONPATH", "")}
                task = f"deploy {commit}"
                work.progress.started(task)
                done = captured([*command, "up", *known, *options], cwd=root, env=env)
                work.progress.finished(task, "failed" if done.returncode else "done")
                if done.returncode:
                    raise RemoteError(
                        f"{by} could not deploy {commit}: exit code {done.returncode}.",
                        details=done.stderr.decode(errors="replace").strip().splitlines()[-20:],
                        hint="Rehearse the upgrade from a commit whose version deploys here.",
                    )

    return start


def _environments(root: Path) -> list[str]:
    """The environments of a platform, whose manifests another version wrote."""
    data = read(root / FILE_NAME, within=root).data
    found = data.get("environments") if isinstance(data, dict) else None
    return [str(name) for name in found] if isinstance(found, dict) else []


_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key that marks a secret
"""https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""


def _plain(value: Any) -> Any:
    """A value of a state whose secrets are in the clear, without their marks."""
    if isinstance(value, dict):
        if _SECRET in value and "plaintext" in value:
            return _plain(json.loads(value["plaintext"]))
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


@contextmanager
def _simulated(
    platform: Platform, progress: Progress, parallel: int, max_failures: int
) -> Iterator[tuple[Deployer, Store]]:
    """The stacks of a platform before a simulated Azure, in a temporary folder."""
    with temporary_folder() as folder:
        install(folder / "bin", folder / "azure.sqlite")
        azure = Store(folder / "azure.sqlite")
        with _on_the_clock_of(azure):
            engine = Engine(_environment(folder))
            yield Deployer(platform, folder, engine, "file", progress, parallel, max_failures), azure


@contextmanager
def _on_the_clock_of(azure: Store) -> Iterator[None]:
    """Have the programs wait for roles on the clock of the simulated Azure."""

    async def wait(seconds: float) -> None:
        azure.advance(seconds)

    propagation.wait = wait
    try:
        yield
    finally:
        propagation.wait = asyncio.sleep


def _unlock(azure: Store) -> None:
    """Remove the locks, as a person does before: Azure deletes no role assignment on a locked resource.

    docs/guardrails.md describes it. The lock on the model registry is the hub's, and the roles on it are the teams'.
    """
    for id_, _ in azure.of_type("microsoft.authorization/locks"):
        azure.delete(id_)


def _delay_roles(azure: Store) -> None:
    """Let roles that are assigned from now on be effective after as long as Azure may take."""
    [delay] = tables()["delays"]
    # Those of before are effective. A deployment by another version of ours would wait in real time.
    azure.advance(delay["seconds"])
    azure.set_number(ROLE_DELAY, delay["seconds"])


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return {
        **kept,
        "PATH": os.pathsep.join([str(folder / "bin"), kept.get("PATH", "")]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _agreed(_: Sequence[StackSettings]) -> None:
    """Nobody is asked: nothing but the simulated Azure is changed."""


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
