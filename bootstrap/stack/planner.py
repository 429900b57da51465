"""Planning: what stacks would contain, with no account, no engine and no network.

A few stacks are planned in this process, many by worker processes; either way they come one after the other, in order,
and none is kept here. A stack whose plan is in the cache costs no more than reading it: Pulumi is not even imported.
"""

import contextlib
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from bootstrap.errors import MissingError
from bootstrap.platform.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.cache import Cache
from bootstrap.stack.packed import pack, unpack
from bootstrap.stack.planned import Plan, StackPlan
from infra.settings import StackSettings

_WORTH_A_WORKER = 20
"""How many stacks a worker must have to plan before it pays for its start: it imports Pulumi for itself."""

_AHEAD = 3
"""How many stacks are given to each worker before the first of them is asked for."""


def plan(platform: Platform, names: Sequence[str], progress: Progress, cache: Cache | None = None) -> Plan:
    """Plan stacks, and keep them all in memory: for a few.

    Args:
        names: The stacks; all of the platform's when empty.
        cache: Where plans of earlier runs are; None plans everything anew.

    Raises:
        InputError: There is no such stack.
        MissingError: Pulumi's packages are not installed.
    """
    return Plan(list(plans(platform.selected(list(names)), progress, cache)))


def plans(stacks: Sequence[StackSettings], progress: Progress, cache: Cache | None = None) -> Iterator[StackPlan]:
    """Plan stacks one after the other, in their order, each given away as soon as it is there.

    Raises:
        MissingError: Pulumi's packages are not installed.
    """
    missing = deque(stacks if cache is None else (settings for settings in stacks if settings not in cache))
    workers = min(_cores(), len(missing) // _WORTH_A_WORKER)
    fresh = _by_workers(list(missing), workers) if workers > 1 else _here(list(missing))
    if cache is not None and missing:
        cache.sweep()
    with contextlib.closing(fresh):
        for settings in stacks:
            is_missing = bool(missing) and missing[0] is settings
            if is_missing:
                missing.popleft()
            yield _one(settings, fresh if is_missing else None, progress, cache)


def _one(
    settings: StackSettings, fresh: Iterator[StackPlan] | None, progress: Progress, cache: Cache | None
) -> StackPlan:
    task = f"plan {settings.stack}"
    progress.started(task)
    found = cache.find(settings) if cache is not None and fresh is None else None
    if found is not None:
        progress.finished(task, "cached")
        return found
    try:
        made = next(fresh) if fresh is not None else next(_here([settings]))
    except BaseException:
        progress.finished(task, "failed")
        raise
    if cache is not None:
        cache.keep(made)
    progress.finished(task, f"{len(made.made)} resources")
    return made


def _here(stacks: Iterable[StackSettings]) -> Generator[StackPlan, None, None]:
    """Plan in this process."""
    for settings in stacks:
        yield _plan_stack(settings)


def _by_workers(stacks: Sequence[StackSettings], workers: int) -> Generator[StackPlan, None, None]:
    """Plan in worker processes. They are started afresh, not forked: Pulumi has threads, and Windows has no fork."""
    with ProcessPoolExecutor(workers, get_context("spawn"), _leave_interruption_to_parent) as pool:
        under_way: deque[tuple[StackSettings, Future[bytes]]] = deque()
        try:
            for settings in stacks:
                under_way.append((settings, pool.submit(_packed, settings)))
                if len(under_way) >= workers * _AHEAD:
                    yield _result(*under_way.popleft())
            while under_way:
                yield _result(*under_way.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _result(settings: StackSettings, planned: "Future[bytes]") -> StackPlan:
    return unpack(planned.result(), settings)


def _packed(settings: StackSettings) -> bytes:
    return pack(_plan_stack(settings))


def _plan_stack(settings: StackSettings) -> StackPlan:
    try:
        from bootstrap.stack.single import plan_stack
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("pulumi", "pulumi_azure_native"):
            raise
        raise MissingError(
            "plan needs Pulumi's Python packages, which are not installed.",
            why=f"There is no module {error.name}.",
            hint="Install them: uv tool install 'mlops-bootstrap[infra]'",
        ) from error
    return plan_stack(settings)


def _leave_interruption_to_parent() -> None:
    """A terminal's Ctrl-C reaches the whole group: the parent ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
