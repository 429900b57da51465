"""A command killed at its Nth change of the file system, by Python's audit events."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.attacks.process import changed_path, forked
from tests.attacks.world import Answer


def killed_at(root: Path, arguments: Sequence[str], number: int) -> Answer:
    """Run a command that is killed just before its change number `number`, from 1; its code is -9 then."""
    return forked(root, arguments, lambda: _arm(number))


def _arm(number: int) -> None:
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if changed_path(event, arguments) is not None:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def content(root: Path, ignored: Callable[[str], bool] = lambda _path: False) -> Mapping[str, bytes]:
    """Every file below a folder with its content; folders that are empty too."""
    found: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).as_posix()
        if not ignored(relative) and (path.is_file() or not any(path.iterdir())):
            found[relative] = path.read_bytes() if path.is_file() else b"(an empty folder)"
    return found
