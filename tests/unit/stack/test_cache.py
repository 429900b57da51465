"""Plans of earlier runs, and plans by worker processes: the same plan, whichever way it came."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest

from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.plan import planner
from bootstrap.stack.plan.cache import Cache, _versions
from bootstrap.stack.plan.model import Request
from infra.settings import HubSettings
from tests.helpers import CONTOSO, ROOT, build_tree, run_cli
from tests.plans import Plan, make_plan

NAMES = ["hub", "fraud-dev"]


@pytest.fixture(scope="module")
def fresh(contoso: Platform) -> Plan:
    return make_plan(contoso, NAMES, Progress())


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "plans")


def entries(cache: Cache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def never(*_: object) -> None:
    raise AssertionError("planned again")


def test_a_cached_plan_is_the_plan(
    contoso: Platform, fresh: Plan, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_plan(contoso, NAMES, Progress(), cache=cache)
    monkeypatch.setattr(planner, "_packed", never)
    second = make_plan(contoso, NAMES, Progress(), cache=cache)

    assert fresh == first == second


def test_a_stack_whose_settings_changed_is_planned_again(contoso: Platform, cache: Cache) -> None:
    make_plan(contoso, ["hub"], Progress(), cache=cache)
    hub = contoso.stacks["hub"]
    assert isinstance(hub, HubSettings)

    assert cache.find(Request(hub)) is not None
    assert cache.find(Request(hub, "2026-11-24")) is None
    assert cache.find(Request(hub, observed={"/subscriptions/1": {"properties": {}}})) is None
    assert cache.find(Request(hub.model_copy(update={"log_retention_days": 31}))) is None


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of our code that the cache takes for the one that plans; what it knows of versions is forgotten."""
    copied = shutil.copytree(ROOT / "infra", tmp_path / "ours" / "infra")
    planning = shutil.copytree(ROOT / "bootstrap" / "stack", tmp_path / "ours" / "stack")
    monkeypatch.setattr("bootstrap.stack.plan.cache.CODE", copied)
    monkeypatch.setattr("bootstrap.stack.__file__", str(planning / "__init__.py"))
    _versions.cache_clear()
    yield tmp_path / "ours"
    _versions.cache_clear()


def key_now(contoso: Platform, cache: Cache) -> str:
    _versions.cache_clear()
    return cache.key(Request(contoso.stacks["hub"]))


@pytest.mark.parametrize(
    "file",
    ["infra/tables/names.py", "infra/queries/who-was-denied.kql", "infra/components/storage.py", "stack/recorder.py"],
)
def test_a_stack_is_planned_again_when_a_file_of_the_program_changed(
    contoso: Platform, cache: Cache, ours: Path, file: str
) -> None:
    before = key_now(contoso, cache)
    assert key_now(contoso, cache) == before

    with (ours / file).open("a", encoding="utf-8") as program:
        program.write("\n")

    assert key_now(contoso, cache) != before


@pytest.mark.parametrize("package", ["pulumi", "pulumi-azure-native"])
def test_a_stack_is_planned_again_when_another_sdk_is_installed(
    contoso: Platform, cache: Cache, ours: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    before = key_now(contoso, cache)
    installed = {f"{package.replace('-', '_')}-99.0.0.dist-info/METADATA": f"Name: {package}\nVersion: 99.0.0\n"}
    monkeypatch.syspath_prepend(build_tree(ours.parent / "site-packages", installed))

    assert key_now(contoso, cache) != before


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 500])
def test_broken_entries_are_planned_again_and_mended(
    contoso: Platform, fresh: Plan, cache: Cache, damage: bytes
) -> None:
    make_plan(contoso, ["hub"], Progress(), cache=cache)
    [entry] = entries(cache)
    whole = entry.read_bytes()
    entry.write_bytes(damage)

    assert make_plan(contoso, ["hub"], Progress(), cache=cache).stacks == fresh.stacks[:1]
    assert entry.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_no_obstacle(contoso: Platform, fresh: Plan, tmp_path: Path) -> None:
    (tmp_path / "plans").write_text("a file")

    assert make_plan(contoso, ["hub"], Progress(), cache=Cache(tmp_path / "plans")).stacks == fresh.stacks[:1]


def test_entries_unused_for_long_are_removed(contoso: Platform, cache: Cache) -> None:
    make_plan(contoso, ["hub"], Progress(), cache=cache)
    [entry] = entries(cache)
    os.utime(entry, (0, time.time() - 40 * 24 * 3600))

    cache.sweep()

    assert entries(cache) == []


@pytest.mark.slow
def test_worker_processes_make_the_same_plan_in_the_same_order(
    contoso: Platform, fresh: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WORTH_A_WORKER", 1)
    monkeypatch.setattr(planner, "_cores", lambda: 2)
    started: list[int] = []
    by_workers = planner._by_workers

    def started_with(requests: Sequence[Request], workers: int) -> Generator[bytes, None, None]:
        started.append(workers)
        return by_workers(requests, workers)

    monkeypatch.setattr(planner, "_by_workers", started_with)

    assert make_plan(contoso, NAMES, Progress()) == fresh
    assert started[:1] == [2]


@pytest.mark.parametrize(("cores", "stacks", "workers"), [(128, 10_000, 61), (4, 10_000, 4), (128, 45, 2)])
def test_there_are_as_many_workers_as_pay_and_as_windows_takes(
    monkeypatch: pytest.MonkeyPatch, cores: int, stacks: int, workers: int
) -> None:
    monkeypatch.setattr(planner, "_cores", lambda: cores)

    assert planner._workers(stacks) == workers


def test_an_unchanged_second_plan_imports_no_pulumi(tmp_path: Path) -> None:
    cached = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path), "HOME": str(tmp_path)}
    arguments = ["plan", "hub", "-C", str(CONTOSO), "-o", "json"]
    first = run_cli(*arguments, cwd=ROOT, env=cached)
    code = """
import sys
from bootstrap.cli.main import execute
assert execute(sys.argv[1:]) == 0
assert not {"pulumi", "pulumi_azure_native"} & set(sys.modules)
"""
    second = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **cached},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "plan hub: cached" in second.stderr, second.stderr
    assert second.stdout == first.out
