"""The real engine for the tests that ask for it. They come last: none of the others waits while it is built."""

import os
from pathlib import Path

import pytest

from infra.components import propagation
from tests.engine.estate import STACKS, Estate, estate
from tests.engine.executable import NoEngineError, find_or_build
from tests.helpers import run_here
from tests.worlds import TEAM, changed, world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    waiting = [item for item in items if "engine" in getattr(item, "fixturenames", ())]
    items[:] = [item for item in items if item not in waiting] + waiting


@pytest.fixture(scope="session")
def engine() -> Path:
    """The `pulumi` executable."""
    return found_or_skipped()


def found_or_skipped() -> Path:
    """The `pulumi` executable. Without one the test is skipped, but on CI it fails."""
    try:
        return find_or_build()
    except NoEngineError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of the program, in seconds. They take no time."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(propagation, "wait", wait)
    return waited


@pytest.fixture
def engine_on_path(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(engine.parent), os.environ["PATH"]]))


@pytest.fixture(scope="session")
def original(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """A platform whose hub and development environment are deployed."""
    folder = tmp_path_factory.mktemp("deployed")
    world(folder / "platform", team=changed(TEAM, ("dev: {}", "dev: {}\n  prod: {}")))
    deployed = estate(folder)
    path = os.pathsep.join([str(engine.parent), str(folder / "bin"), os.environ["PATH"]])
    assert (
        run_here("up", *STACKS, "--yes", "--confirm", "hub", cwd=deployed.root, env={**deployed.env, "PATH": path}).code
        == 0
    )
    return deployed


@pytest.fixture
def deployed(original: Estate, tmp_path: Path) -> Estate:
    """That platform, to be changed."""
    return original.copy(tmp_path / "estate")
