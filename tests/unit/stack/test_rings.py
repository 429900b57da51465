"""Stacks are deployed ring by ring: the order, the limits, and what a failure or an interruption stops."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import BootstrapError, InputError, RemoteError
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.deploy.rings import for_each, in_rings, selected
from infra.settings import StackSettings
from tests.helpers import CONTOSO, examples

PLATFORM = load_platform(CONTOSO)
STACKS = list(PLATFORM.stacks.values())


class StoppedEngine:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def interrupt(self) -> None:
        self.asked.append("interrupt")

    def kill(self) -> None:
        self.asked.append("kill")


def deploy(
    work: Any, rings: Any = None, *, parallel: int = 4, max_failures: int = 1
) -> tuple[dict[str, Any], dict[str, BootstrapError]]:
    engine: Any = StoppedEngine()
    return for_each(
        list(in_rings(STACKS)) if rings is None else rings,
        work,
        engine=engine,
        progress=Progress(),
        parallel=parallel,
        max_failures=max_failures,
    )


def test_hub_comes_before_all_rings() -> None:
    rings = [[one.stack for one in members] for members in in_rings(STACKS)]

    assert rings[0] == ["hub"]
    assert [name.rsplit("-", 1)[-1] for name in rings[1]] == ["dev"] * 3
    assert [name.rsplit("-", 1)[-1] for name in rings[-1]] == ["prod"] * 3


def test_stacks_are_destroyed_in_the_opposite_order() -> None:
    rings = [[one.stack for one in members] for members in in_rings(STACKS, last_first=True)]

    assert rings[-1] == ["hub"]
    assert {name.rsplit("-", 1)[-1] for name in rings[0]} == {"prod"}


def test_ring_waits_for_the_one_before() -> None:
    running: set[str] = set()
    met: list[set[str]] = []
    lock = threading.Lock()

    def work(settings: StackSettings) -> None:
        ring = settings.stack.rsplit("-", 1)[-1]
        with lock:
            running.add(settings.stack)
            met.append({name.rsplit("-", 1)[-1] for name in running} | {ring})
        time.sleep(0.02)
        with lock:
            running.discard(settings.stack)

    results, errors = deploy(work)

    assert errors == {}
    assert set(results) == set(PLATFORM.stacks)
    assert all(len(rings) == 1 for rings in met)


@pytest.mark.parametrize("parallel", [1, 2])
def test_no_more_stacks_than_allowed_are_under_way(parallel: int) -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def work(_: StackSettings) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1

    deploy(work, parallel=parallel)

    assert most == parallel


def test_failure_starts_no_further_stack_and_no_further_ring() -> None:
    started: list[str] = []

    def work(settings: StackSettings) -> None:
        started.append(settings.stack)
        if settings.stack.endswith("-dev"):
            raise RemoteError(f"{settings.stack} failed")

    results, errors = deploy(work, parallel=1)

    assert list(results) == ["hub"]
    assert len(errors) == 1
    assert started == ["hub", next(iter(errors))]


def test_failures_up_to_the_limit_do_not_stop_their_ring() -> None:
    def work(settings: StackSettings) -> None:
        if settings.stack.endswith("-dev"):
            raise RemoteError("failed")

    results, errors = deploy(work, parallel=1, max_failures=3)

    assert list(results) == ["hub"]
    assert len(errors) == 3


def test_faults_are_passed_on() -> None:
    def work(_: StackSettings) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deploy(work)


@pytest.mark.parametrize(
    ("choice", "stacks"),
    [
        ({"names": ["fraud-dev", "hub"]}, ["fraud-dev", "hub"]),
        ({"every": True}, list(PLATFORM.stacks)),
        ({"team": "fraud"}, ["fraud-dev", "fraud-test", "fraud-prod"]),
        ({"team": "fraud", "environment": "prod"}, ["fraud-prod"]),
        ({"ring": 0}, ["forecasting-dev", "fraud-dev", "vision-dev"]),
    ],
)
def test_stacks_are_selected_by_name_or_by_what_they_are(choice: dict[str, Any], stacks: list[str]) -> None:
    assert selected(PLATFORM, choice.pop("names", []), **choice) == stacks


@pytest.mark.parametrize("choice", [{}, {"every": True, "ring": 0}, {"team": "nobody"}])
def test_selection_of_nothing_or_in_two_ways_is_an_error(choice: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        selected(PLATFORM, [], **choice)


def test_examples_of_the_commands_name_stacks_of_the_example() -> None:
    words = ("destroy", "drift", "outputs", "preview", "recover", "rehearse", "up")
    named = {
        word for one in words for example in examples()[one] for word in example.split() if word.startswith("fraud-")
    }

    assert named
    assert named <= PLATFORM.stacks.keys()
    assert Path(CONTOSO).is_dir()
