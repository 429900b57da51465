"""Plan stacks, without an account, an engine or a network.

A few stacks are planned in this process, many by worker processes. They are returned one after the other, in order;
only their packed form is kept. Pulumi is not imported when all plans are in the cache.
"""

import contextlib
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

from bootstrap.errors import InputError, MissingError
from bootstrap.manifests.platform import Platform
from bootstrap.pricing.idle import machine_prices
from bootstrap.pricing.price import Prices
from bootstrap.progress import Progress
from bootstrap.stack.plan.cache import Cache, header, pack, unpack
from bootstrap.stack.plan.checks import check_platform, with_price_findings
from bootstrap.stack.plan.model import Request, StackPlan
from bootstrap.stack.plan.observed import NOTHING, Observed, used
from infra.rules.rules import related_stacks

if TYPE_CHECKING:
    from bootstrap.pricing.price_list import PriceList

_WORTH_A_WORKER = 20
"""The number of stacks that justifies the start of one worker, which imports Pulumi for itself."""

_MOST_WORKERS = 61
"""The most workers that Windows allows: https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor"""

_AHEAD = 3
"""The number of stacks that are queued for each worker before the first result is awaited."""


def with_prices(stacks: Iterable[StackPlan], prices: "PriceList", as_of: str | None = None) -> Iterator[StackPlan]:
    """The stacks, each with the prices of what it costs while nothing runs, and with what the rules find by prices."""
    for stack in stacks:
        costs = [replace(cost, price=prices.price(cost)) for cost in stack.idle]
        priced = replace(stack, prices=Prices(prices.currency, costs))
        yield with_price_findings(priced, machine_prices(stack.settings, prices), as_of)


def plan_stacks(
    platform: Platform,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None = None,
    cache: Cache | None = None,
    observed: Observed = NOTHING,
) -> Iterator[StackPlan]:
    """Plan stacks and yield them in the order of `names`.

    Args:
        names: The stacks; all stacks of the platform when empty.
        as_of: The date, `YYYY-MM-DD`, for rules that depend on one; None: nothing has ended yet. The machine's clock is
            never used, so that a plan of the same manifests is the same tomorrow.
        cache: The plans of earlier runs; None ignores them.
        observed: The existing resources, as far as they are known, for stacks that use some.

    Raises:
        InputError: There is no such stack, or none of the stacks uses an observed resource.
        MissingError: Pulumi's packages are not installed.
    """
    stacks = platform.selected(list(names))
    requests = [Request(settings, as_of, used(settings, observed)) for settings in stacks]
    if observed and not any(request.observed for request in requests):
        raise InputError(
            "These stacks use none of the observed resources.",
            why=f"Observed: {', '.join(sorted(observed)[:3])}{', ...' if len(observed) > 3 else ''}.",  # noqa: PLR2004
            hint="Export the resources whose ids the manifests have: mlops-bootstrap platform show STACK",
        )
    # Rules that compare stacks need the facts of all of them, so the stacks wait.
    waiting = _all_packed(requests, progress, cache)
    facts = {name: header(packed)["facts"] for name, packed in waiting.items()}
    related = related_stacks(platform.stacks, facts)
    others = [Request(settings, as_of) for name, settings in platform.stacks.items() if name in related]
    facts |= {name: header(packed)["facts"] for name, packed in _all_packed(others, progress, cache).items()}
    found = check_platform(platform.stacks, facts, as_of)
    for settings in stacks:
        yield unpack(waiting.pop(settings.stack), settings, found.get(settings.stack, ()))


def _all_packed(requests: Sequence[Request], progress: Progress, cache: Cache | None) -> dict[str, bytes]:
    """The packed stacks by name, from the cache or planned."""
    plans = {request.settings.stack: cache.find(request) if cache is not None else None for request in requests}
    missing = [request for request in requests if plans[request.settings.stack] is None]
    workers = _workers(len(missing))
    fresh = _by_workers(missing, workers) if workers > 1 else (_packed(request) for request in missing)
    if cache is not None and missing:
        cache.sweep()
    done: dict[str, bytes] = {}
    with contextlib.closing(fresh):
        for request in requests:
            stack = request.settings.stack
            task = f"plan {stack}"
            progress.started(task)
            packed = plans[stack]
            if packed is not None:
                progress.finished(task, "cached")
            else:
                try:
                    packed = next(fresh)
                except BaseException:
                    progress.finished(task, "failed")
                    raise
                if cache is not None:
                    cache.keep(request, packed)
                progress.finished(task, f"{header(packed)['made']} resources")
            done[stack] = packed
    return done


def _by_workers(requests: Sequence[Request], workers: int) -> Generator[bytes, None, None]:
    """Plan in worker processes, which are spawned: Pulumi has threads, and Windows has no fork."""
    # Workers ignore Ctrl-C: a terminal sends it to the whole process group, and the parent ends its workers.
    ignore_interruption = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, ignore_interruption) as pool:
        under_way: deque[Future[bytes]] = deque()
        try:
            for request in requests:
                under_way.append(pool.submit(_packed, request))
                if len(under_way) >= workers * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _packed(request: Request) -> bytes:
    try:
        from bootstrap.stack.plan.program import plan_stack
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("pulumi", "pulumi_azure_native"):
            raise
        raise MissingError(
            "Plans need Pulumi's Python packages, which are not installed.",
            why=f"There is no module {error.name}.",
            hint="Install them: uv tool install 'mlops-bootstrap[infra]'",
        ) from error
    return pack(plan_stack(request))


def _workers(stacks: int) -> int:
    """The number of workers for so many stacks."""
    return min(_cores(), _MOST_WORKERS, stacks // _WORTH_A_WORKER)


def _cores() -> int:
    """The number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
