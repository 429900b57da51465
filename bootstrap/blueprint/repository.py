"""The git repository that blueprints are rendered from, found without a network under its public URL.

Copier can only update a project that was rendered from a git repository, so that is what rendering starts from, always:

- a checkout of ours uses itself, at its commit, or at a snapshot of it when blueprints were edited;
- an installed wheel carries the repository as a git bundle and unpacks it once into the user's cache.

Either way the project's answers file names `URL` and a commit of it: git is told by `insteadOf`, in the environment of
its processes alone, that the URL is found on this machine.
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
"""Where the blueprints are published. Every project's answers file says so, for ever: never change it."""

BUNDLE_NAME = "_blueprints.bundle"
"""The bundle's file name in the package; hatch_build.py puts it there."""

_PACKAGE = Path(bootstrap.__file__).parent
_BRANCH = "refs/heads/blueprints"
_BLUEPRINT_PATHS = ("copier.yml", "blueprints")

_LONGEST_UNPACKING = 120.0
"""How many seconds another process may take to unpack before we give up waiting for it."""


@dataclass(frozen=True)
class Snapshot:
    """The blueprints at one commit.

    Attributes:
        repository: A git repository on this machine that holds the commit.
        commit: The commit's full id.
        url: The public URL of the repository, which projects remember.
        edited: The commit holds edits that are in no commit of the checkout, so nobody else can find it.
    """

    repository: Path
    commit: str
    url: str = URL
    edited: bool = False

    def environment(self) -> dict[str, str]:
        """Variables under which git finds `url` in `repository`, beside whatever the user's own variables say."""
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
def our_blueprints() -> Iterator[Snapshot]:
    """The blueprints that came with this installation.

    Raises:
        MissingError: There is no git, or the installation has no blueprints.
    """
    checkout, bundle = _PACKAGE.parent, _PACKAGE / BUNDLE_NAME
    if (checkout / ".git").exists() and (checkout / "copier.yml").is_file():
        with snapshot_of(checkout) as snapshot:
            yield snapshot
    elif bundle.is_file():
        yield unpack(bundle)
    else:
        raise MissingError(
            "This installation of mlops-bootstrap has no blueprints.",
            why=f"{bundle} is not there.",
            hint="Install it again: uv tool install --reinstall mlops-bootstrap",
        )


@contextlib.contextmanager
def snapshot_of(checkout: Path) -> Iterator[Snapshot]:
    """The blueprints of a checkout: its commit, or, when they were edited since, a commit on top of it.

    The checkout's work tree, index and object store stay as they are: the commit is made in a temporary repository that
    borrows the checkout's objects.
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
    """The blueprints in a git bundle, unpacked into the user's cache when they are not there, or not whole.

    Several processes may ask at once: one unpacks, beside the place where it belongs, and the others wait for it.

    Args:
        bundle: A bundle whose HEAD is the commit to use.
        cache: The folder that keeps unpacked bundles; that of this user when left out.
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
    """Unpack beside `home`, and put the result in the place of what is there."""
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
    """Whether an unpacked repository is there and has the very files that were unpacked."""
    try:
        return (home / "sha256").read_text(encoding="utf-8") == digest_tree(home / "blueprints.git")
    except OSError:
        return False


def _commit_edits(checkout: Path, repository: Path, parent: str) -> str:
    """A commit in `repository` of the checkout's commit plus its blueprints as they are on disk now."""
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
