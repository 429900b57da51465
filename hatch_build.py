"""Puts the blueprints into what hatchling builds: this repository, as a git bundle.

An installed wheel renders projects from that bundle, so it needs no network (bootstrap/blueprint/repository.py). The
bundle holds HEAD with its history, and the release tags: the commits that projects remember must be the published ones,
so none can be left out. Built from an sdist, which has no git, the bundle of the sdist is passed on. An editable
install needs none: it renders from the checkout itself.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = "bootstrap/_blueprints.bundle"


class BlueprintsHook(BuildHookInterface[Any]):
    """Adds the bundle to wheels and source distributions."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundle, or find the one that an sdist brought along."""
        if version == "editable":
            return
        root = Path(self.root)
        if (root / ".git").exists():
            self._folder = TemporaryDirectory(prefix="mlops-bootstrap-")
            bundle = Path(self._folder.name) / "blueprints.bundle"
            _make_bundle(root, bundle)
        elif (root / BUNDLE).is_file():
            bundle = root / BUNDLE
        else:
            raise RuntimeError(
                f"{root} is neither a git checkout nor a source distribution of mlops-bootstrap, so there are no "
                "blueprints to build in. Build from a clone: git clone https://github.com/mlops-bootstrap/mlops-bootstrap"
            )
        build_data["force_include"][str(bundle)] = BUNDLE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what `initialize` made."""
        folder: TemporaryDirectory[str] | None = getattr(self, "_folder", None)
        if folder is not None:
            folder.cleanup()


def _make_bundle(root: Path, bundle: Path) -> None:
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise RuntimeError(
            f"{root} is a shallow clone: the bundle would lack the history that projects are updated with. "
            "Run git fetch --unshallow (in GitHub Actions: fetch-depth: 0) and build again."
        )
    _git(root, "bundle", "create", "--quiet", str(bundle), "HEAD", "--tags")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError("git is not installed, and the blueprints are bundled with it.") from error
    if done.returncode != 0:
        raise RuntimeError(f"The blueprints cannot be bundled: {done.stderr.strip()}")
    return done.stdout.strip()
