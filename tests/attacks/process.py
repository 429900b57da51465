"""The command line in a forked process: as isolated as a new one, and so fast that thousands are affordable."""

import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from tests.attacks.environment import variables
from tests.attacks.world import HANG_SECONDS, Answer, hang_seconds, problems


def forked(
    root: Path,
    arguments: Sequence[str],
    prepare: Callable[[], None] = lambda: None,
    seconds: float = HANG_SECONDS,
    *,
    killed_after: float = math.inf,
) -> Answer:
    """Run the command line in `root`. What it imports, the process that forks should have imported before.

    Args:
        prepare: Called in the child before the command.
        seconds: How long it may take.
        killed_after: Seconds after which the child is killed, without what it started; its code is -9 then.
    """
    for folder in (root.parent / "home", root.parent / "tmp"):
        folder.mkdir(exist_ok=True)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as outside:
        sys.stdout.flush()
        sys.stderr.flush()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(root, arguments, (out.fileno(), err.fileno(), outside.fileno()), prepare)
        code = _wait(child, seconds, killed_after)
        answer = Answer(code, _text(out), _text(err), time.monotonic() - started)
        outsides = [f"write outside: {line}" for line in dict.fromkeys(_text(outside).splitlines())]
        return replace(answer, wrong=(*problems(answer), *outsides))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"})
"""Audit events before a change: https://docs.python.org/3/library/audit_events.html. `os.replace` raises os.rename."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def changed_path(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The path that an audit event is about to change; None for other events, and for devices."""
    if event in CHANGES:
        path = os.fsdecode(arguments[1 if event in ("os.rename", "os.link", "os.symlink") else 0])
    elif event == "open" and _writes(arguments):
        path = os.fsdecode(arguments[0])
    else:
        return None
    return None if path.startswith(("/dev/", "/proc/")) else path


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    if isinstance(path, int):
        return False
    return bool(flags & _WRITING) if isinstance(flags, int) else "r" not in (mode or "r")


def _watch(root: Path, report: int) -> None:
    """Report the changes of this process outside of a world and its sandbox. Changes of other programs are not seen."""
    allowed = tuple(os.path.realpath(folder) for folder in (root, root.parent / "home", root.parent / "tmp"))

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        path = changed_path(event, arguments)
        if path is not None and not path.endswith(".pyc") and "__pycache__" not in path:
            real = os.path.realpath(path)
            # A path below a folder's descriptor is relative: only `shutil.rmtree` does that, with names that it found.
            if Path(path).is_absolute() and not real.startswith(allowed):
                os.write(report, f"{event} {real}\n".encode("utf-8", "replace"))

    sys.addaudithook(watch)


def _run(root: Path, arguments: Sequence[str], streams: tuple[int, int, int], prepare: Callable[[], None]) -> None:
    """The child's whole life."""
    out, err, outside = streams
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        os.chdir(root)
        environment = variables({}, root.parent)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None
        from bootstrap.cli.main import execute

        _watch(root, outside)

        prepare()
        code = execute(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:  # noqa: BLE001 - the parent judges it
        os.write(2, f"Traceback (most recent call last): {type(error).__name__}: {error}\n".encode())
    os._exit(code)


def _wait(child: int, seconds: float, killed_after: float) -> int | None:
    """The exit code of a child; None when it had to be killed, with all that it started."""
    began = time.monotonic()
    deadline = began + hang_seconds(seconds)
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        left = began + killed_after - time.monotonic()
        if left <= 0:
            os.kill(child, signal.SIGKILL)
        time.sleep(min(0.002, max(left, 0.0001)))
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
