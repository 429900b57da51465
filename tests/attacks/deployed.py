"""A platform whose hub is deployed by the real engine to a simulated Azure: made once, then copied for each attack."""

import functools
import os
import shutil
import tempfile
from pathlib import Path

from bootstrap.simulator.provider import install
from tests.attacks.environment import ImpossibleHereError
from tests.engine.executable import NoEngineError, find_or_build
from tests.helpers import run_cli
from tests.worlds import world

AZURE = "azure"
"""The folder beside a world with what the engine needs: the simulated Azure, and the engine's own home."""


def platform(root: Path, *, deployed: bool) -> None:
    """Write a small platform into `root`, and its Azure beside it.

    Raises:
        ImpossibleHereError: There is no engine.
    """
    if deployed:
        shutil.copytree(_deployed() / "world", root, dirs_exist_ok=True)
        shutil.copytree(_deployed() / AZURE, root.parent / AZURE)
    else:
        world(root)
    install_azure(root.parent)


def install_azure(sandbox: Path) -> None:
    """Write the provider's program: it has the path of its Azure in it."""
    install(sandbox / AZURE / "bin", sandbox / AZURE / "azure.sqlite")


def variables(sandbox: Path) -> dict[str, str]:
    """The environment variables by which commands find the engine and that Azure. Raises ImpossibleHereError."""
    folder = sandbox / AZURE
    return {
        "PATH": os.pathsep.join([str(folder / "bin"), str(_engine().parent), os.environ.get("PATH", os.defpath)]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "for this test only",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


@functools.cache
def _deployed() -> Path:
    folder = Path(_keep().name)
    platform(folder / "world", deployed=False)
    done = run_cli("up", "hub", "--yes", "--confirm", "hub", cwd=folder / "world", env=variables(folder))
    if done.code != 0:
        raise RuntimeError(done.err)
    return folder


@functools.cache
def _keep() -> "tempfile.TemporaryDirectory[str]":
    """A folder that is removed when this process ends."""
    return tempfile.TemporaryDirectory()


@functools.cache
def _engine() -> Path:
    try:
        return find_or_build()
    except NoEngineError as error:
        raise ImpossibleHereError(str(error)) from error
