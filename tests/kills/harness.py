"""A command killed at any time, or by Python's audit events at its Nth change of files or start of a program."""

import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.attacks.process import changed_path, forked
from tests.attacks.world import HANG_SECONDS, Answer

_MARK = "MLOPS_BOOTSTRAP_KILLED"
"""The environment variable by which the processes that a killed command has started are found."""

_END_SECONDS = 15.0
"""How long what a killed command has started may go on: git, uv and MLflow finish what they are at."""


def import_all() -> None:
    """Import in this process what its forks need, so that they start at once."""
    import bootstrap.blueprint.create
    import bootstrap.demo.page
    import bootstrap.manifests.scaffold
    import bootstrap.model.register
    import bootstrap.model.serve
    import bootstrap.pipeline.local
    import bootstrap.stack.deploy.deploy
    import bootstrap.stack.deploy.rehearse
    import bootstrap.stack.diff.commits
    import bootstrap.stack.plan.program
    import bootstrap.stack.report.tree  # noqa: F401
    from bootstrap.cli.main import declare_commands

    declare_commands()


def nothing(_root: Path) -> None:
    """No preparation."""


def run(
    root: Path,
    arguments: Sequence[str],
    prepare: Callable[[Path], None] = nothing,
    seconds: float = HANG_SECONDS,
    *,
    change: int = 0,
    killed_after: float = math.inf,
) -> Answer:
    """Run a command; if it is killed, its code is -9.

    Args:
        prepare: Called in the command's process before it.
        seconds: How long it may take.
        change: Kill it just before its change with this number, from 1.
        killed_after: Kill it after these seconds.
    """

    def armed() -> None:
        prepare(root)
        os.environ[_MARK] = str(root)
        _arm(change)

    return forked(root, arguments, armed, seconds, killed_after=killed_after)


def changes(
    root: Path,
    arguments: Sequence[str],
    prepare: Callable[[Path], None] = nothing,
    seconds: float = HANG_SECONDS,
) -> tuple[list[str], Answer]:
    """Run a command; what it changed and which programs it started, in order, and its answer."""
    with tempfile.TemporaryFile() as seen:

        def write_down(event: str, values: tuple[Any, ...]) -> None:
            if _is_change(event, values):
                os.write(seen.fileno(), f"{event} {values[:2]!r}".replace("\n", " ").encode("utf-8", "replace") + b"\n")

        def watched() -> None:
            prepare(root)
            sys.addaudithook(write_down)

        answer = forked(root, arguments, watched, seconds)
        seen.seek(0)
        return seen.read().decode().splitlines(), answer


def _arm(number: int) -> None:
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if _is_change(event, arguments):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _is_change(event: str, arguments: tuple[Any, ...]) -> bool:
    return event == "subprocess.Popen" or changed_path(event, arguments) is not None


def outlived(root: Path) -> list[str]:
    """The processes that a killed command started, and that go on although they had time to end."""
    until = time.monotonic() + _END_SECONDS
    while (running := _started_in(root)) and time.monotonic() < until:
        time.sleep(0.02)
    return running


def _started_in(root: Path) -> list[str]:
    """The command lines of the processes with the mark of this world; known on Linux only."""
    mark, found = f"{_MARK}={root}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:  # it has ended
            continue
    return found


def content(root: Path, ignored: Callable[[str], bool] = lambda _path: False) -> Mapping[str, bytes]:
    """Every file below a folder with its content; folders that are empty too."""
    found: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).as_posix()
        if not ignored(relative) and (path.is_file() or not any(path.iterdir())):
            found[relative] = path.read_bytes() if path.is_file() else b"(an empty folder)"
    return found
