"""Locks on work that only one process at a time may do. The system releases a lock when its process ends."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.errors import LockedError
from bootstrap.files import create_file


@contextlib.contextmanager
def hold_lock(path: Path, message: str, *, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path` until the block ends; its folder is created if needed.

    Args:
        seconds: How long to wait for another process.
        message: The error when another process holds it: "Another run is at work in ...".

    Raises:
        LockedError: Another process holds it; `why` names the process and its start.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        why = "It has just started"
        with contextlib.suppress(OSError, ValueError):  # it ends at this moment
            why = holder.read_text(encoding="utf-8")
        raise LockedError(
            message, why=f"{why}.", hint="Wait until it has ended, and run the same command again."
        ) from error
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        with create_file(holder) as file:
            file.write(f"Process {os.getpid()} has been running since {started}".encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
