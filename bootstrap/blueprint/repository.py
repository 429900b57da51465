"""The git repository that contains the blueprints, available without a network under its public URL.

Copier can update only projects that were rendered from a git repository:

- a checkout of mlops-bootstrap uses itself, at its commit, or at a temporary commit with uncommitted edits;
- an installed wheel contains the repository as a git bundle and unpacks it once into the user's cache.

In both cases the project's answers file has `URL` and a commit: git's `insteadOf`, set in the environment of its child
processes only, maps the URL to the local repository.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import bootstrap
from bootstrap.digest import digest_file, digest_tree
from bootstrap.errors import BootstrapError, MissingError
from bootstrap.processes import git

URL = "https://github.com/mlops-bootstrap/mlops-bootstrap.git"
"""The public URL of the blueprints. The answers file of every project contains it: never change it."""

BUNDLE_NAME = "_blueprints.bundle"
"""The bundle's file name in the package; hatch_build.py creates it."""

_PACKAGE = Path(bootstrap.__file__).parent
_BRANCH = "refs/heads/blueprints"
_BLUEPRINT_PATHS = ("copier.yml", "blueprints")

_LONGEST_UNPACKING = 120.0
"""How many seconds to wait for another process that unpacks the same bundle."""


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
        """Variables that map `url` to `repository` for git, in addition to the user's own variables."""
        count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
        return {
            "GIT_CONFIG_COUNT": str(count + 1),
            f"GIT_CONFIG_KEY_{count}": f"url.{self.repository.as_posix()}.insteadOf",
            f"GIT_CONFIG_VALUE_{count}": self.url,
        }

    def read(self, path: str) -> str:
        """The text of a file of the repository."""
        return git("show", f"{self.commit}:{path}", cwd=self.repository)


@contextlib.contextmanager
def installed_blueprints() -> Iterator[Snapshot]:
    """The blueprints of this installation.

    Raises:
        MissingError: There is no git, or the installation has no blueprints.
    """
    checkout, bundle = _PACKAGE.parent, _PACKAGE / BUNDLE_NAME
    if (checkout / ".git").exists() and (checkout / "copier.yml").is_file():
        with snapshot_of_checkout(checkout) as snapshot:
            yield snapshot
    elif bundle.is_file():
        yield unpack(bundle)
    else:
        raise MissingError(
            "This installation of mlops-bootstrap has no blueprints.",
            why=f"{bundle} is missing.",
            hint="Install it again: uv tool install --reinstall mlops-bootstrap",
        )


@contextlib.contextmanager
def snapshot_of_checkout(checkout: Path) -> Iterator[Snapshot]:
    """The blueprints of a checkout: its commit, or with uncommitted edits a commit on top of it.

    The checkout itself does not change: the commit is created in a temporary repository that shares its objects.
    """
    with TemporaryDirectory(prefix="mlops-bootstrap-") as folder:
        repository = Path(folder) / "blueprints.git"
        git("clone", "--quiet", "--bare", "--shared", str(checkout), str(repository), cwd=checkout)
        commit = git("rev-parse", "HEAD", cwd=checkout)
        status = ["status", "--porcelain", "--untracked-files=all", "--", *_BLUEPRINT_PATHS]
        edited = bool(git("--no-optional-locks", *status, cwd=checkout))
        if edited:
            commit = _commit_edits(checkout, repository, commit)
        # Copier mirrors branches and tags only, and the checkout may be on no branch.
        git("update-ref", _BRANCH, commit, cwd=repository)
        yield Snapshot(repository, commit, edited=edited)


def unpack(bundle: Path, cache: Path | None = None) -> Snapshot:
    """The blueprints in a git bundle, unpacked into the user's cache if they are missing or damaged there.

    Of several concurrent processes one unpacks, and the others wait.

    Args:
        bundle: A bundle whose HEAD is the commit to use.
        cache: The folder for unpacked bundles; None is the user's cache folder.
    """
    if cache is None:
        from platformdirs import user_cache_path

        cache = user_cache_path("mlops-bootstrap", appauthor=False) / "blueprints"
    home = cache / digest_file(bundle)[:32]
    if not _is_whole(home):
        _unpack(bundle, home)
    commit = (home / "commit").read_text(encoding="utf-8")
    return Snapshot(home / "blueprints.git", commit)


def _unpack(bundle: Path, home: Path) -> None:
    from filelock import FileLock

    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home.parent / f".{home.name}.lock", timeout=_LONGEST_UNPACKING):
            if not _is_whole(home):  # else another process was faster
                _replace(bundle, home)
    except (OSError, BootstrapError) as error:
        if isinstance(error, MissingError):
            raise
        raise MissingError(
            f"The blueprints cannot be unpacked into {home.parent}.",
            why=str(error),
            hint="Make that folder writable, or choose another one by the variable XDG_CACHE_HOME (on Linux).",
        ) from error


def _replace(bundle: Path, home: Path) -> None:
    """Unpack into a temporary folder, and replace `home` by it."""
    with TemporaryDirectory(prefix=".unpacking-", dir=home.parent) as folder:
        fresh, damaged = Path(folder) / "fresh", Path(folder) / "damaged"
        repository = fresh / "blueprints.git"
        repository.mkdir(parents=True)
        git("init", "--quiet", "--bare", cwd=repository)
        git("fetch", "--quiet", str(bundle), f"+HEAD:{_BRANCH}", "+refs/tags/*:refs/tags/*", cwd=repository)
        git("symbolic-ref", "HEAD", _BRANCH, cwd=repository)
        commit = git("rev-parse", "HEAD", cwd=repository)
        (fresh / "commit").write_text(commit, encoding="utf-8")
        (fresh / "sha256").write_text(digest_tree(repository), encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            home.rename(damaged)
        fresh.rename(home)


def _is_whole(home: Path) -> bool:
    """Whether the unpacked repository exists and has the digest that it had after unpacking."""
    try:
        return (home / "sha256").read_text(encoding="utf-8") == digest_tree(home / "blueprints.git")
    except OSError:
        return False


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
