"""Copies of the states of stacks, taken before each deployment, and the ones that the backend itself keeps.

They are as the engine exports them: secrets in them are encrypted.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bootstrap.files import write_atomically
from bootstrap.stack.deploy.backend import Backend
from bootstrap.stack.plan.program import PROJECT
from bootstrap.stack.state import read_state, resources

_KEPT = 10
"""How many copies of a stack's state are kept."""


def keep_copy(backend: Backend, deployment: str, state: str) -> None:
    """Write a copy of a state; the oldest ones are removed. Raises OSError.

    Args:
        deployment: The id of the deployment that changes the state.
    """
    backend.copies.mkdir(parents=True, exist_ok=True)
    write_atomically(backend.copies / f"{deployment}.json", state)
    for path in sorted(backend.copies.glob("*.json"))[:-_KEPT]:
        path.unlink()


def copies_of(backend: Backend) -> list[Path]:
    """The copies on this machine, the latest first."""
    return sorted(backend.copies.glob("*.json"), reverse=True)


def copied_states(backend: Backend, stack: str) -> Iterator[tuple[Path, str]]:
    """All copies of a stack's state that can be read, the latest first, as the engine imports them.

    A backend in a folder keeps the state before the last write, and the state after each operation:
    https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/state.go
    """
    paths = copies_of(backend)
    if (folder := _folder(backend)) is not None:
        paths += (folder / "history" / PROJECT / stack).glob("*.checkpoint.json")
        paths += (folder / "stacks" / PROJECT).glob(f"{stack}.json.bak")
    for path in sorted(paths, key=lambda one: one.stat().st_mtime, reverse=True):
        with contextlib.suppress(ValueError):  # the damaged one, too
            if resources(state := read_state(path.read_bytes())):
                yield path, json.dumps(state)


def cut_off_attributes(backend: Backend, stack: str) -> Path | None:
    """The file of attributes beside a stack's state, if an engine was killed before it had written it; else None.

    It is written in place, and before the new state replaces the earlier one. Cut off, it stops every reader; without
    it, the state is read: https://github.com/google/go-cloud/blob/master/blob/fileblob/attrs.go
    """
    if (folder := _folder(backend)) is None:
        return None
    path = folder / "stacks" / PROJECT / f"{stack}.json.attrs"
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return path
    return None


def _folder(backend: Backend) -> Path | None:
    """The folder of a backend that is one."""
    if not backend.url.startswith("file:"):
        return None
    return Path(url2pathname(urlsplit(backend.url).path)) / ".pulumi"
