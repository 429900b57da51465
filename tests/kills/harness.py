"""A command killed at its Nth change of the file system, by Python's audit events."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.attacks.process import forked
from tests.attacks.world import Answer

_CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"})
"""Audit events before a change: https://docs.python.org/3/library/audit_events.html. `os.replace` raises os.rename."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def killed_at(root: Path, arguments: Sequence[str], number: int) -> Answer:
    """Run a command that is killed just before its change number `number`, from 1; its code is -9 then."""
    return forked(root, arguments, lambda: _arm(number))


def _arm(number: int) -> None:
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in _CHANGES or (event == "open" and _writes(arguments)):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    outside = isinstance(path, int) or str(path).startswith(("/dev/", "/proc/"))
    return not outside and (bool(flags & _WRITING) if isinstance(flags, int) else "r" not in (mode or "r"))


def content(root: Path, ignored: Callable[[str], bool] = lambda _path: False) -> Mapping[str, bytes]:
    """Every file below a folder with its content; folders that are empty too."""
    found: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).as_posix()
        if not ignored(relative) and (path.is_file() or not any(path.iterdir())):
            found[relative] = path.read_bytes() if path.is_file() else b"(an empty folder)"
    return found
