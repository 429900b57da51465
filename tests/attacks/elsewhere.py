"""The campaigns as another user runs them: without rights, or from a wheel in a clean environment."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap.processes import uv_executable
from tests.attacks.environment import unprivileged
from tests.engine.executable import NoEngineError, find_or_build
from tests.helpers import ROOT


def run(arguments: Sequence[str], folder: Path, *, nobody: bool, wheel: bool) -> int:
    """Run `python -m tests.attacks` with these arguments, and return its exit code.

    Args:
        folder: An empty folder for the environment, and for the home and the temporary files of the user.
        nobody: Run it as a user without rights; only root can become one.
        wheel: Run the commands of a wheel of this checkout; the campaigns are a copy, with the example beside it.
    """
    folder.chmod(0o755)
    python, place = (_clean_environment(folder), folder / "campaigns") if wheel else (Path(sys.executable), ROOT)
    prefix = unprivileged() if nobody else []
    home = folder / "home"
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if nobody:
        for own in (home, folder / "tmp"):
            own.mkdir(mode=0o700)
            shutil.chown(own, "nobody", "nogroup") if prefix else None
        # The checkout belongs to another user, whom this one trusts.
        trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        env |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "TMPDIR": str(folder / "tmp"), **trust}
    with contextlib.suppress(NoEngineError):  # the campaigns skip what needs it
        env["PATH"] = os.pathsep.join([str(find_or_build().parent), env["PATH"]])
    words = [*prefix, str(python), "-m", "tests.attacks", *arguments]
    return subprocess.run(words, cwd=place, env=env, check=False).returncode


def _clean_environment(folder: Path) -> Path:
    """The Python of an environment with the wheel, what it needs, and what the edits of manifests need, as locked."""
    environment, python = folder / "environment", folder / "environment/bin/python"
    locked = folder / "locked.txt"
    export = ["export", "--frozen", "--all-extras", "--no-emit-project", "--no-hashes", "--output-file"]
    for words in (
        ["build", "--wheel", "--out-dir", str(folder / "wheel")],
        [*export, str(locked)],
        ["venv", "--python", sys.executable, str(environment)],
    ):
        _uv(*words)
    [wheel] = (folder / "wheel").glob("*.whl")
    install = ["pip", "install", "--python", str(python), "--constraint", str(locked), "--compile-bytecode"]
    _uv(*install, f"{wheel}[all]", "ruamel.yaml")
    for name in ("tests", "examples"):
        shutil.copytree(ROOT / name, folder / "campaigns" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return python


def _uv(*arguments: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([uv_executable(), *arguments, "--quiet"], cwd=ROOT, env=env, check=True)
