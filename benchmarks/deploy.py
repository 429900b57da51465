"""Deployments to the simulated Azure, compared to the Automation API called by hand; rehearsals; ledgers."""

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from benchmarks.platforms import CONTOSO, of_teams
from benchmarks.project import OURS, ROOT
from benchmarks.timing import Promise, Row, Timing, compare, seconds
from bootstrap.manifests.platform import load_platform
from bootstrap.stack.deploy.ledger import Ledger, to_resume
from tests.engine.estate import Estate, new_estate
from tests.engine.executable import find_or_build

STACK = "hub"
LARGE = "vision-prod"
"""An environment of the example with more than 60 resources."""
_STACKS = 10_000
_LINES = 500


def preview(folder: Path) -> Row:
    """`preview` of a stack that is not deployed."""
    return _by_hand(folder, "preview")


def up(folder: Path) -> Row:
    """`up` of a stack that is not deployed, with its preview."""
    return _by_hand(folder, "up", "--yes", "--confirm", STACK)


def _by_hand(folder: Path, operation: str, *options: str) -> Row:
    numbers = itertools.count()

    def estate() -> tuple[Estate, dict[str, str]]:
        made = new_estate(folder / str(next(numbers)))
        path = os.pathsep.join([str(made.root.parent / "bin"), str(find_or_build().parent), os.environ["PATH"]])
        return made, {**made.env, "PATH": path}

    def ours() -> float:
        made, env = estate()
        return seconds([OURS, operation, STACK, *options], made.root, env)

    def peer() -> float:
        made, env = estate()
        state = made.root.parent / "state"
        state.mkdir()
        settings = made.root.parent / "settings.json"
        settings.write_text(load_platform(made.root).stacks[STACK].model_dump_json(), "utf-8")
        env |= {"PULUMI_BACKEND_URL": state.as_uri(), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        return seconds([sys.executable, "-m", "benchmarks.automation", operation, settings], ROOT, env)

    timing = compare(ours, peer, rounds=5)
    return Row(f"`{operation}` of the hub", timing, "the Automation API by hand", Promise(ratio=1.1))


def rehearse(_folder: Path) -> Row:
    """`rehearse` of one environment."""
    times = sorted(seconds([OURS, "rehearse", LARGE, "-C", CONTOSO], ROOT, _with_engine()) for _ in range(3))
    return Row(f"`rehearse {LARGE}` of the example", times[1], None, Promise(seconds=15))


def parallel(folder: Path) -> Row:
    """`preview` of 50 stacks, as many at the same time as there are cores, compared to one after the other."""
    root = of_teams(folder / "platform", 17)
    names = [name for name in load_platform(root).stacks if name != "hub"][:50]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def previewed(at_once: int) -> float:
        options: list[str | Path] = ["--parallel", str(at_once), "-C", root, "--quiet"]
        env = _with_engine({"PULUMI_CONFIG_PASSPHRASE": "for this benchmark only"})
        return seconds([OURS, "preview", *names, *options], ROOT, env)

    timing = compare(lambda: previewed(cores), lambda: previewed(1), rounds=1)
    return Row(f"`preview` of 50 stacks, {cores} at once", timing, "one after the other", Promise(ratio=1.2 / cores))


def ledger(folder: Path) -> Iterator[Row]:
    """A line of a ledger: without and with the wait for the disk. And the place to resume at."""
    values = {"stack": "fraud-dev", "result": "done", "counts": {"add": 40}, "seconds": 12.5}
    with Ledger(folder, operation="up", versions=[], commit=None, stacks=["fraud-dev"], resumes=None) as written:
        with mock.patch("os.fsync"):
            alone = _median(lambda: written.write("stack-ended", **values))
        with_disk = _median(lambda: written.write("stack-ended", **values))
    line = (folder / f"{written.id}.jsonl").read_bytes().splitlines(keepends=True)[1]
    with (folder / "peer").open("ab") as peer:

        def append() -> None:
            peer.write(line)
            peer.flush()
            os.fsync(peer.fileno())

        disk = _median(append)
    yield Row("a line of the ledger, without the disk", alone * 1000, None, Promise(seconds=0.001), "ms")
    timing = Timing(with_disk * 1000, disk * 1000)
    yield Row("a line of the ledger, on the disk", timing, "append and fsync", Promise(ratio=2), "ms")
    yield _resumed(folder / "many")


def _resumed(folder: Path) -> Row:
    names = [f"team-{number}-dev" for number in range(_STACKS)]
    with mock.patch("os.fsync"), Ledger(folder, operation="up", versions=[], commit=None, stacks=names) as written:
        for name in names[:-1]:
            written.write("stack-started", stack=name, digest="0" * 64)
            written.write("stack-ended", stack=name, result="done", counts={"add": 40}, seconds=12.5)
    started = time.perf_counter()
    assert to_resume(folder, "latest").unfinished == names[-1:]
    return Row("the place to resume at, among 10,000 stacks", time.perf_counter() - started, None, Promise(seconds=1))


def _median(work: Callable[[], None]) -> float:
    times = []
    for _ in range(_LINES):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _with_engine(more: dict[str, str] | None = None) -> dict[str, str]:
    return {"PATH": os.pathsep.join([str(find_or_build().parent), os.environ["PATH"]]), **(more or {})}
