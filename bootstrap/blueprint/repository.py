"""The git repository that contains the blueprints, available without a network under its public URL.

Copier can update only projects that were rendered from a git repository:

- a checkout of mlops-bootstrap uses itself, at its commit, or at a temporary commit with uncommitted edits;
- an installed wheel contains the repository as a git bundle and clones it into a temporary folder.

In both cases the project's answers file has `URL` and a commit: git's `insteadOf`, set in the environment of its child
processes only, maps the URL to the local repository.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bootstrap
from bootstrap.errors import InputError, MissingError
from bootstrap.files import temporary_folder
from bootstrap.processes import NO_HOOKS, git
from bootstrap.yaml import parse

URL = "https://github.com/mlops-bootstrap/mlops-bootstrap.git"
"""The public URL of the blueprints. The answers file of every project contains it: never change it."""

BUNDLE_NAME = "_blueprints.bundle"
"""The bundle's file name in the package; hatch_build.py creates it."""

_PACKAGE = Path(bootstrap.__file__).parent
_BRANCH = "refs/heads/blueprints"
_BLUEPRINT_PATHS = ("copier.yml", "blueprints")


@dataclass(frozen=True)
class Snapshot:
    """The blueprints at one commit.

    Attributes:
        repository: A git repository on this machine that holds the commit.
        commit: The commit's full id.
        url: The public URL of the repository, as projects record it.
        edited: The commit has edits that the checkout has not committed, so other machines do not have it.
    """

    repository: Path
    commit: str
    url: str = URL
    edited: bool = False

    def environment(self) -> dict[str, str]:
        """Variables that map `url` to `repository` for git and run no hook, in addition to the user's own variables."""
        count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
        settings = ((f"url.{self.repository.as_posix()}.insteadOf", self.url), NO_HOOKS)
        variables = {"GIT_CONFIG_COUNT": str(count + len(settings))}
        for number, (key, value) in enumerate(settings, count):
            variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return variables

    def blueprints(self) -> dict[str, str]:
        """The name of each blueprint and its description in one line: the choices of the question `blueprint`.

        Raises:
            InputError: copier.yml has no such question.
        """
        try:
            choices = self._copier_yml()["blueprint"]["choices"]
            pairs = choices.items() if isinstance(choices, dict) else ((choice, choice) for choice in choices)
            return {str(name): str(label).removeprefix(f"{name}: ") for label, name in pairs}
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{self.url} at {self.commit[:12]} has no blueprints.",
                why="Its copier.yml has no question `blueprint` with choices.",
            ) from error

    def question_names(self) -> set[str]:
        """The names of all questions."""
        return {name for name in self._copier_yml() if not name.startswith("_")}

    def _copier_yml(self) -> Any:
        """Its content, read without importing Copier, because shell completion must be fast."""
        return parse(git("show", f"{self.commit}:copier.yml", cwd=self.repository), Path("copier.yml")).data


def installed_blueprints() -> contextlib.AbstractContextManager[Snapshot]:
    """The blueprints of this installation.

    Raises:
        MissingError: There is no git, or the installation has no blueprints.
    """
    checkout, bundle = _PACKAGE.parent, _PACKAGE / BUNDLE_NAME
    if (checkout / ".git").exists() and (checkout / "copier.yml").is_file():
        return snapshot_of(checkout)
    if bundle.is_file():
        return snapshot_of(bundle)
    raise MissingError(
        "This installation of mlops-bootstrap has no blueprints.",
        why=f"{bundle} is missing.",
        hint="Install it again: uv tool install --reinstall mlops-bootstrap",
    )


@contextlib.contextmanager
def snapshot_of(source: Path) -> Iterator[Snapshot]:
    """The blueprints at HEAD of a bundle or a checkout; of a checkout with uncommitted edits, at a commit on top of it.

    A checkout itself does not change: the commit is created in a temporary repository that shares its objects.
    """
    with temporary_folder() as folder:
        repository, is_checkout = folder / "blueprints.git", source.is_dir()
        shared = ["--shared"] if is_checkout else []
        git("clone", "--quiet", "--bare", *shared, str(source), str(repository), cwd=source.parent)
        commit = git("rev-parse", "HEAD", cwd=repository)
        status = ["status", "--porcelain", "--untracked-files=all", "--", *_BLUEPRINT_PATHS]
        edited = is_checkout and bool(git("--no-optional-locks", *status, cwd=source))
        if edited:
            commit = _commit_edits(source, repository, commit)
        # Copier mirrors branches and tags only, and HEAD may be on no branch.
        git("update-ref", _BRANCH, commit, cwd=repository)
        yield Snapshot(repository, commit, edited=edited)


def _commit_edits(checkout: Path, repository: Path, parent: str) -> str:
    """Create a commit in `repository`: `parent` with the blueprints as they are in the work tree now."""
    env: Mapping[str, str] = {
        "GIT_DIR": str(repository),
        "GIT_WORK_TREE": str(checkout),
        "GIT_INDEX_FILE": str(repository / "edits.index"),
        "GIT_AUTHOR_NAME": "mlops-bootstrap",
        "GIT_AUTHOR_EMAIL": "edits@mlops-bootstrap.invalid",
        "GIT_COMMITTER_NAME": "mlops-bootstrap",
        "GIT_COMMITTER_EMAIL": "edits@mlops-bootstrap.invalid",
    }
    git("read-tree", parent, cwd=checkout, env=env)
    git("add", "--all", "--", *_BLUEPRINT_PATHS, cwd=checkout, env=env)
    written = git("write-tree", cwd=checkout, env=env)
    return git("commit-tree", written, "-p", parent, "-m", "Blueprints as edited", cwd=checkout, env=env)
