"""What a deployment that was killed leaves in the state of a stack, and how it is repaired.

A lock of the engine stays. The state has operations that were begun. It can be damaged, or missing, by a fault of the
disk.
"""

import os
import re
import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.errors import LockedError
from bootstrap.stack.deploy.backend import Backend
from bootstrap.stack.deploy.copies import copied_states, cut_off_attributes
from bootstrap.stack.deploy.operations import EngineStack
from bootstrap.stack.state import read_state, resources


@dataclass(frozen=True)
class Repair:
    """Something in the state of a stack that a killed deployment left.

    Attributes:
        found: What it is.
        step: What `apply` does, or what happens next.
        apply: Repairs it; None where there is nothing to repair.
    """

    found: str
    step: str
    apply: Callable[[], None] | None = None


def find_repairs(stack: EngineStack, backend: Backend, planned: Collection[str]) -> list[Repair]:
    """What must be repaired in the state of a stack, in the order of the repairs.

    Args:
        planned: The URNs of the resources that the manifests configure.

    Raises:
        LockedError: The process that holds the lock is running on this machine.
        RemoteError: The engine or the backend fails.
    """
    if (attributes := cut_off_attributes(backend, stack.settings.stack)) is not None:
        found = f"An engine was killed while it wrote this file, without which the state can be read: {attributes}"
        step = "Remove it: the state is as it was before. For locks and interrupted operations, run recover again."
        # Looking for locks would replace the state by an empty one: the engine finds no stack there.
        return [Repair(found, step, attributes.unlink)]
    damage = stack.damage()
    if damage or not stack.state:
        # The import of a copy removes the interrupted operations in it.
        repairs = _state(stack, backend, damage)
        # Where there is no stack, looking for locks creates and removes one, with its history, which has the copies.
        return repairs if repairs and not damage else [*_locks(stack), *repairs]
    return [*_locks(stack), *_operations(stack, planned)]


def release_ended(stack: EngineStack) -> str:
    """Release the locks of engines of this machine that have ended. Returns them; empty if there are others."""
    locks = stack.locks()
    if not locks or not all(_ended_here(lock) for lock in locks):
        return ""
    stack.release(locks)
    return "; ".join(locks)


def _locks(stack: EngineStack) -> Iterator[Repair]:
    locks = stack.locks()
    for lock in locks:
        if _ended_here(lock) is False:
            raise LockedError(
                f"An operation on {stack.settings.stack} is under way.",
                why=f"{lock}: this process is running.",
                hint="Wait until it has ended, and run the same command again.",
            )
    if locks:
        yield Repair(
            f"It is locked: {'; '.join(locks)}",
            "Remove the lock. Make sure that nobody deploys this stack now.",
            lambda: stack.release(locks),
        )


def _ended_here(lock: str) -> bool | None:
    """Whether the engine that holds a lock has ended; None if it runs on another machine."""
    holder = re.search(r"created by .*@(.*) \(pid (\d+)\)", lock)
    return None if holder is None or holder[1] != socket.gethostname() else not _is_engine(int(holder[2]))


def _is_engine(process: int) -> bool:
    """Whether a process of this machine runs, and is an engine as far as the system tells."""
    command = Path(f"/proc/{process}/cmdline")
    if command.parent.parent.joinpath("self").exists():
        # A process that has ended and was not waited for has an empty command line.
        return command.exists() and b"pulumi" in command.read_bytes()
    if os.name == "nt":
        return False  # there, os.kill would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _state(stack: EngineStack, backend: Backend, damage: str) -> list[Repair]:
    found = f"Its state is damaged: {damage}" if damage else "Its state is missing."
    copy = next(copied_states(backend, stack.settings.stack), None)
    if copy is None:
        step = "This machine has no copy of it: restore it from a backup of the backend."
        return [Repair(found, step)] if damage else []
    path, state = copy
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(" ", timespec="seconds")
    count = len(resources(read_state(state)))
    step = (
        f"Restore the copy of {written}, with {count} resources: {path}. The next up names resources that were created "
        "later, and how to import them."
    )
    return [Repair(found, step, lambda: stack.restore(state))]


def _operations(stack: EngineStack, planned: Collection[str]) -> list[Repair]:
    expected = {urn for urn in stack.unrecorded if urn in planned}
    repairs = []
    for operation in stack.interrupted:
        urn, kind = operation["resource"]["urn"], operation["type"]
        if urn in expected:
            step = "The next up imports the resource if Azure has it, and otherwise creates it."
        elif kind != "creating":
            step = "The next up repeats it if the manifests still ask for it; until then, drift shows it."
        elif urn in stack.unrecorded:
            step = "The manifests no longer configure the resource. If Azure has it, delete it there."
        else:
            step = "The state has the resource."
        # All are removed at once, so they stay until none is needed.
        apply = None if expected else stack.forget
        repairs.append(Repair(f"It was interrupted while {kind} {urn}.", step, apply))
    return repairs
