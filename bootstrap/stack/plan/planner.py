"""Planning: what stacks would contain, with no account, no engine and no network.

A few stacks are planned in this process, many by worker processes; either way they come one after the other, in order,
and none is kept here. A stack whose plan is in the cache costs no more than reading it: Pulumi is not even imported.
"""

import contextlib
import os
import signal
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from bootstrap.errors import InputError, MissingError
from bootstrap.manifests.platform import Platform
from bootstrap.pricing.price import Prices
from bootstrap.progress import Progress
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.checks import check_platform
from bootstrap.stack.plan.model import Plan, StackPlan
from bootstrap.stack.plan.observed import NOTHING, Observed, adopted
from bootstrap.stack.plan.request import Order
from bootstrap.stack.plan.serialization import pack, summary, unpack

if TYPE_CHECKING:
    from bootstrap.pricing.price_list import PriceList

_WORTH_A_WORKER = 20
"""How many stacks a worker must have to plan before it pays for its start: it imports Pulumi for itself."""

_MOST_WORKERS = 61
"""More are refused on Windows: https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor"""

_AHEAD = 3
"""How many stacks are given to each worker before the first of them is asked for."""


def make_plan(
    platform: Platform,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None = None,
    cache: Cache | None = None,
    observed: Observed = NOTHING,
) -> Plan:
    """Plan stacks, and keep them all in memory: for a few. The arguments and errors are those of `plan_stacks`."""
    return Plan(list(plan_stacks(platform, names, progress, as_of, cache, observed)), as_of)


def with_prices(stacks: Iterable[StackPlan], prices: "PriceList") -> Iterator[StackPlan]:
    """The stacks, each with the prices of what it costs while nothing runs."""
    for stack in stacks:
        costs = [replace(cost, price=prices.price(cost)) for cost in stack.idle]
        yield replace(stack, prices=Prices(prices.currency, costs))


def plan_stacks(
    platform: Platform,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None = None,
    cache: Cache | None = None,
    observed: Observed = NOTHING,
) -> Iterator[StackPlan]:
    """Plan stacks, and give them away one after the other, in their order.

    Args:
        names: The stacks; all of the platform's when empty.
        as_of: The day by which what ends on a day is judged, `YYYY-MM-DD`; by default nothing has ended. The machine's
            clock is never asked, so that a plan of the same manifests is the same tomorrow.
        cache: Where plans of earlier runs are; None plans everything anew.
        observed: What is there already, as far as it is known, for stacks that adopt something.

    Raises:
        InputError: There is no such stack, or none of them adopts anything that was observed.
        MissingError: Pulumi's packages are not installed.
    """
    stacks = platform.selected(list(names))
    orders = [Order(settings, as_of, adopted(settings, observed)) for settings in stacks]
    if observed and not any(order.observed for order in orders):
        raise InputError(
            "Nothing that was observed is adopted by these stacks.",
            why=f"It is {', '.join(sorted(observed)[:3])}{', ...' if len(observed) > 3 else ''}.",  # noqa: PLR2004
            hint="Export the ids that the manifests name: mlops-bootstrap platform show STACK",
        )
    facts: dict[str, Mapping[str, Any]] = {}
    # Only all of them together can be judged together, so they wait in a file.
    with tempfile.TemporaryFile() as waiting:
        lengths = []
        for settings, packed in zip(stacks, _all_packed(orders, progress, cache), strict=True):
            facts[settings.stack] = summary(packed).facts
            lengths.append(waiting.write(packed))
        by_name = {settings.stack: settings for settings in stacks}
        found = check_platform(by_name, facts, as_of, every=len(stacks) == len(platform.stacks))
        waiting.seek(0)
        for settings, length in zip(stacks, lengths, strict=True):
            yield unpack(waiting.read(length), settings, found.get(settings.stack, ()))


def _all_packed(orders: Sequence[Order], progress: Progress, cache: Cache | None) -> Iterator[bytes]:
    keys = [cache.key(order) if cache is not None else "" for order in orders]
    missing = [order for order, key in zip(orders, keys, strict=True) if cache is None or key not in cache]
    planned_anew = {order.settings.stack for order in missing}
    workers = _workers(len(missing))
    fresh = _by_workers(missing, workers) if workers > 1 else _here(missing)
    if cache is not None and missing:
        cache.sweep()
    with contextlib.closing(fresh):
        for order, key in zip(orders, keys, strict=True):
            stack = order.settings.stack
            task = f"plan {stack}"
            progress.started(task)
            found = cache.find(key) if cache is not None and stack not in planned_anew else None
            if found is not None:
                progress.finished(task, "cached")
                yield found
                continue
            try:
                # What was in the cache and broken is planned here: there is little of it.
                packed = next(fresh if stack in planned_anew else _here([order]))
            except BaseException:
                progress.finished(task, "failed")
                raise
            if cache is not None:
                cache.keep(key, packed)
            progress.finished(task, f"{summary(packed).made} resources")
            yield packed


def _here(orders: Iterable[Order]) -> Generator[bytes, None, None]:
    """Plan in this process."""
    for order in orders:
        yield _packed(order)


def _by_workers(orders: Sequence[Order], workers: int) -> Generator[bytes, None, None]:
    """Plan in worker processes. They are started afresh, not forked: Pulumi has threads, and Windows has no fork."""
    with ProcessPoolExecutor(workers, get_context("spawn"), _leave_interruption_to_parent) as pool:
        under_way: deque[Future[bytes]] = deque()
        try:
            for order in orders:
                under_way.append(pool.submit(_packed, order))
                if len(under_way) >= workers * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _packed(order: Order) -> bytes:
    try:
        from bootstrap.stack.plan.program import plan_stack
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("pulumi", "pulumi_azure_native"):
            raise
        raise MissingError(
            "plan needs Pulumi's Python packages, which are not installed.",
            why=f"There is no module {error.name}.",
            hint="Install them: uv tool install 'mlops-bootstrap[infra]'",
        ) from error
    return pack(plan_stack(order))


def _leave_interruption_to_parent() -> None:
    """A terminal's Ctrl-C reaches the whole group: the parent ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _workers(stacks: int) -> int:
    """How many workers are worth their start for so many stacks."""
    return min(_cores(), _MOST_WORKERS, stacks // _WORTH_A_WORKER)


def _cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
