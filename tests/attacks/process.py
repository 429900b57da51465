"""The command line in a forked process: as isolated as a new one, and so fast that thousands are affordable."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from tests.attacks.world import HANG_SECONDS, Answer


def forked(root: Path, arguments: Sequence[str], prepare: Callable[[], None] = lambda: None) -> Answer:
    """Run the command line in `root`. What it imports, the process that forks should have imported before.

    Args:
        prepare: Called in the child before the command.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(root, arguments, out.fileno(), err.fileno(), prepare)
        code = _wait(child)
        seconds = time.monotonic() - started
        return Answer(code, _text(out), _text(err), seconds)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def _run(root: Path, arguments: Sequence[str], out: int, err: int, prepare: Callable[[], None]) -> None:
    """The child's whole life."""
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        os.chdir(root)
        from bootstrap.cli.main import execute

        prepare()
        code = execute(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:  # noqa: BLE001 - the parent judges it
        os.write(2, f"Traceback (most recent call last): {type(error).__name__}: {error}\n".encode())
    os._exit(code)


def _wait(child: int) -> int | None:
    """The exit code of a child; None when it had to be killed, with all that it started."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
