"""Many stacks, ring by ring: the hub first, then the environments in the order of their rings, some at a time."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from bootstrap.errors import BootstrapError, InputError
from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.deploy.engine import Engine
from infra.settings import EnvironmentSettings, StackSettings

T = TypeVar("T")


def ring(settings: StackSettings) -> int:
    """The ring of a stack; the hub's comes before all others."""
    return settings.ring if isinstance(settings, EnvironmentSettings) else -1


def selected(
    platform: Platform,
    stacks: Sequence[str],
    *,
    every: bool = False,
    ring: int | None = None,
    team: str | None = None,
    environment: str | None = None,
) -> list[str]:
    """The names of the stacks that are named, or that are in a ring, of a team, and in an environment.

    Raises:
        InputError: Nothing is selected, or there is no such stack.
    """
    filters = {"ring": ring, "team": team, "environment": environment}
    wanted = {key: value for key, value in filters.items() if value is not None}
    if bool(stacks) + every + bool(wanted) != 1:
        raise InputError(
            "Which stacks?" if not (stacks or every or wanted) else "The stacks are selected in two ways.",
            hint="Name stacks; or write --all; or any of --ring, --team and --environment.",
        )
    found = [
        settings.stack
        for settings in platform.selected(list(stacks))
        if all(getattr(settings, key, None) == value for key, value in wanted.items())
    ]
    if not found:
        raise InputError(
            f"There is no stack with {', '.join(f'{key} {value}' for key, value in wanted.items())}.",
            why=f"Stacks: {', '.join(platform.stacks)}.",
        )
    return found


def in_rings(stacks: Sequence[StackSettings], *, last_first: bool = False) -> Iterator[list[StackSettings]]:
    """The stacks of each ring, in the order in which rings are deployed, or the opposite one."""
    ordered = sorted(stacks, key=ring, reverse=last_first)
    for _, members in itertools.groupby(ordered, ring):
        yield list(members)


def for_each(
    rings: Sequence[Sequence[StackSettings]],
    work: Callable[[StackSettings], T],
    *,
    engine: Engine,
    progress: Progress,
    parallel: int,
    max_failures: int,
) -> tuple[dict[str, T], dict[str, BootstrapError]]:
    """Do the work for each stack of one ring after the other, and return results and errors by stack.

    A ring waits until all of the one before have ended. After `max_failures` errors no further stack starts, and no
    further ring starts after any. On Ctrl-C no further stack starts; the second one interrupts the engines, the third
    one kills them. Exceptions other than BootstrapError are passed on.

    Raises:
        KeyboardInterrupt: It was interrupted, and all that was under way has ended.
    """
    results: dict[str, T] = {}
    errors: dict[str, BootstrapError] = {}
    stops = _Stops(engine, progress)
    for members in rings:
        waiting = list(members)
        under_way: dict[Future[T], str] = {}
        with ThreadPoolExecutor(parallel) as pool:
            while waiting or under_way:
                while waiting and len(under_way) < parallel and len(errors) < max_failures and not stops.count:
                    settings = waiting.pop(0)
                    under_way[pool.submit(work, settings)] = settings.stack
                if not under_way:
                    break
                for ended in stops.first_of(under_way):
                    name = under_way.pop(ended)
                    try:
                        results[name] = ended.result()
                    except BootstrapError as error:
                        errors[name] = error
        if stops.count:
            raise KeyboardInterrupt
        if errors:
            break
    return results, errors


class _Stops:
    """Counts the interruptions, and does what each of them asks for."""

    def __init__(self, engine: Engine, progress: Progress) -> None:
        self.count = 0
        self._engine = engine
        self._progress = progress

    def first_of(self, under_way: dict[Future[T], str]) -> list[Future[T]]:
        """Wait for work to end; none when an interruption came first."""
        try:
            return list(wait(under_way, return_when=FIRST_COMPLETED).done)
        except KeyboardInterrupt:
            self.count += 1
        names = ", ".join(sorted(under_way.values()))
        if self.count == 1:
            self._progress.say(f"No further stack starts; waiting for {names}. Press Ctrl-C again to interrupt them.")
        elif self.count == 2:  # noqa: PLR2004 - the second one
            self._progress.say(f"Interrupting {names}: each finishes what Azure works on. Ctrl-C again kills them.")
            self._engine.interrupt()
        else:
            self._engine.kill()
        return []
