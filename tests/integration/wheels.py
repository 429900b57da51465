"""Builds and installs wheels of this checkout with uv."""

import os
import shutil
import subprocess
from pathlib import Path

import bootstrap
from bootstrap.processes import uv_executable
from tests.unit.blueprint.worlds import blueprints

ROOT = Path(bootstrap.__file__).parent.parent


def uv(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run uv outside of any environment."""
    inherited = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    return subprocess.run(
        [uv_executable(), *arguments], cwd=cwd, env={**inherited, **env}, capture_output=True, text=True, check=False
    )


def checkout(root: Path) -> Path:
    """Copy this checkout, with uncommitted changes and small blueprints, into a repository at `root`; return `root`."""
    ignored = shutil.ignore_patterns("__pycache__", "*.bundle")
    for folder in ("bootstrap", "infra"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for file in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / file, root / file)
    blueprints(root)
    return root


def locked(file: Path) -> Path:
    """Write the locked versions of all dependencies as constraints, and return the file."""
    selection = ["--all-extras", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet"]
    done = uv("export", "--frozen", *selection, "--output-file", str(file), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return file
