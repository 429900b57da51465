"""Manifests changed by commands: read, changed, checked with all others, and written, by one command at a time."""

import contextlib
import difflib
import os
from collections.abc import Callable
from pathlib import Path

from bootstrap.files import path_inside, read_bounded, write_atomically
from bootstrap.lock import hold_lock
from bootstrap.manifests.platform import check_edited
from bootstrap.project import STATE_FOLDER
from bootstrap.yaml import read

_WAIT_SECONDS = 15.0
"""How long a command waits for others that change manifests: each takes about a second."""


def edit(
    root: Path, name: str, change: Callable[[str | None], str | None], what: str, done: str, *, dry_run: bool
) -> str:
    """Change a manifest of the platform in `root`, and return the difference in unified form; empty without one.

    From reading to writing, no other command changes the manifests, so that none is lost or checked against old ones.

    Args:
        name: The manifest, relative to `root`.
        change: The new text from the present one; None stands for no file. May raise what this function raises.
        what: As for `check_edited`.
        done: As for `check_edited`.
        dry_run: Write nothing.

    Raises:
        InputError: As `check_edited`, or the file is not valid YAML.
        LockedError: Another command is changing the manifests.
        OSError: The file cannot be written.
    """
    path = root / name
    lock = path_inside(root, f"{STATE_FOLDER}/manifests.lock", "platform repository")
    locked = hold_lock(lock, f"{path} is being changed.", seconds=_WAIT_SECONDS)
    with contextlib.nullcontext() if dry_run else locked:
        before = None
        if os.path.lexists(path):
            read(path, within=root)  # reports invalid YAML, and a link that leads nowhere or out of the repository
            before = read_bounded(path, within=root).decode()
        after = change(before)
        check_edited(root, {path: after}, what, done)
        if after is None:
            if not dry_run:
                path.unlink(missing_ok=True)
        elif after != before and not dry_run:
            write_atomically(path.resolve(), after)
    old, new = (text.splitlines() if text is not None else [] for text in (before, after))
    was, will_be = (name if text is not None else "/dev/null" for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, was, will_be, lineterm=""))
