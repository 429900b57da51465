"""Work that only one process at a time may do. The system gives a lock back even when its holder is killed."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.errors import LockedError


@contextlib.contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` for as long as the block lasts; its folder is made when it is not there.

    Args:
        what: What somebody else is doing when the lock is taken: "Another run is at work in ...".

    Raises:
        LockedError: Somebody else holds it; `why` says which process, since when.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        who = holder.read_text(encoding="utf-8") if holder.is_file() else "It has only just begun"
        raise LockedError(
            what, why=f"{who}.", hint="Wait until it has ended, and run the same command again."
        ) from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(f"Process {os.getpid()} has been at work since {since}", "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
