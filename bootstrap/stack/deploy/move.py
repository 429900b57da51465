"""Move the state of a stack to another backend, as `platform bootstrap-state` does.

The state goes through pipes from one command of the engine to another one, with its secrets in the clear: only the
memory of this process has them. It is removed where it comes from when the other one was read and is the same, so the
move can be interrupted at any time and repeated.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from bootstrap.errors import ConflictError, MissingError
from bootstrap.processes import shell_line
from bootstrap.stack.deploy.backend import Backend
from bootstrap.stack.deploy.copies import keep_copy
from bootstrap.stack.deploy.operations import EngineStack
from bootstrap.stack.state import read_state, resources
from infra.hub import state_store_of
from infra.settings import HUB, StackSettings

Moved = Literal["moved", "moved before", "not deployed"]


def require_stores(hub: EngineStack, stacks: Iterable[StackSettings]) -> None:
    """Raise MissingError when the hub's state has no container or key for the state of one of the stacks."""
    ids = [str(one.get("id", "")).lower() for one in hub.resources()]
    for settings in stacks:
        store = state_store_of(settings)
        for part in (
            f"/storageAccounts/{store.account}/blobServices/default/containers/{store.container}",
            f"/vaults/{store.vault}/keys/{store.key}",
        ):
            if not any(id_.endswith(part.lower()) for id_ in ids):
                raise MissingError(
                    f"The hub has no place for the state of {settings.stack}.",
                    why=f"No resource in the hub's state has an id that ends with {part}.",
                    hint=f"Deploy the hub as the manifests are now: {shell_line('mlops-bootstrap', 'up', HUB)}",
                )


def move_state(source: EngineStack, target: EngineStack, backend: Backend) -> Moved:
    """Move the state of a stack.

    Args:
        backend: That of `source`. A copy of the state is kept on this machine, as before each deployment.

    Raises:
        ConflictError: Both backends have a state of the stack, and it is not one that this function copied; operations
            are interrupted; or the state changed while it was moved.
        LockedError: An operation on the stack is under way.
        RemoteError: The engine or a backend fails.
    """
    name, before = source.settings.stack, source.state
    if not before:
        return "moved before" if target.state else "not deployed"
    if source.interrupted:
        raise ConflictError(
            f"The state of {name} has operations of which the end is not recorded.",
            why="The engine does not move them.",
            hint=f"Complete them: {shell_line('mlops-bootstrap', 'up', name)}",
        )
    state = source.decrypted()
    if not target.state or not resources(read_state(target.state)):
        target.take_over(state)
    elif _secrets(target.state) == _secrets(before):
        raise ConflictError(
            f"Both backends have the same state of {name}.",
            why="They are one backend with two URLs, or the state was copied by hand.",
            hint="Name the backend that has the states (--backend), and another one (--to).",
        )
    if _comparable(target.decrypted()) != _comparable(state):
        raise ConflictError(
            f"Both backends have a state of {name}, and they differ. Nothing was removed.",
            why="A deployment used the one or the other since an earlier move was interrupted.",
            hint="Find out which of them describes what Azure has (drift --backend), and remove the other one: "
            f"PULUMI_BACKEND_URL=URL pulumi stack rm --force {name}",
        )
    source.reread()
    if source.state != before:
        target.remove(force=True)
        raise ConflictError(
            f"The state of {name} changed while it was moved. It is where it was.",
            why="Another operation changed it in the meantime.",
            hint="Run the same command again when nobody deploys.",
        )
    keep_copy(backend, f"{datetime.now(UTC):%Y%m%d-%H%M%S}-moved", before)
    source.remove(force=True)
    return "moved"


def _secrets(state: str) -> Any:
    """How the secrets of a state are encrypted: with a key or a salt that is random for each stack of each backend."""
    return read_state(state)["deployment"].get("secrets_providers")


def _comparable(state: str) -> Any:
    """A state without the time of its last write, and without what encrypts its secrets."""
    of_backend = ("manifest", "metadata", "secrets_providers")
    return {key: value for key, value in read_state(state)["deployment"].items() if key not in of_backend}
