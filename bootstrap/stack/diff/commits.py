"""Compare the stacks of a platform with those of an earlier commit.

The commit is checked out in a temporary folder; the working tree and the repository are not touched. Nothing in that
folder is executed: the version that plans the commit (`tool` in its platform.yaml) is installed by `pinned.py`.
There is one exception. Where this program runs from a checkout, and the platform lies in the repository of that
checkout, the commit is planned by its own programs.
"""

import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.digest import digest_tree, is_by_product
from bootstrap.errors import BootstrapError, ExitCode, InputError, RemoteError
from bootstrap.files import temporary_folder
from bootstrap.manifests.locate import FILE_NAME, pinned_tool, stack_names
from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.processes import captured, read_git, shell_line, write_commit
from bootstrap.progress import Progress
from bootstrap.stack.diff.deployed import Deployed, of_deployed
from bootstrap.stack.diff.difference import Commit, StackDiff, difference, made_in, new_findings
from bootstrap.stack.diff.pinned import install_pinned
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.checks import check_change
from bootstrap.stack.plan.model import CODE, StackPlan
from bootstrap.stack.plan.planner import plan_stacks
from infra.settings import SuppressionSettings

_PLANNING = ("infra", "bootstrap/manifests", "bootstrap/stack")
"""The folders of our code that decide what a plan contains."""

_OTHER_COMMIT = "Compare with a commit whose manifests are valid."


def resolve(platform: Platform, ref: str) -> Commit:
    """Find a commit of the platform's repository.

    Raises:
        InputError: There is no such commit, or the platform is not in a git repository.
        MissingError: git is not installed.
    """
    try:
        read_git("rev-parse", "--show-toplevel", cwd=platform.root)
    except InputError as error:
        raise InputError(
            f"{platform.root} is not in a git repository.",
            why=error.why,
            hint="Create one with a first commit: git init, git add --all, git commit. Or work in a clone (-C DIR).",
        ) from error
    try:
        arguments = ["--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        return Commit(ref, read_git("rev-parse", *arguments, cwd=platform.root))
    except InputError as error:
        raise InputError(
            f"There is no commit {ref!r} in the repository of {platform.root}.",
            hint=f"{ref!r} is a stack: {shell_line('mlops-bootstrap', 'diff', 'REF', ref)}"
            if ref in platform.stacks
            else "Name a branch, tag or commit of this clone; git fetch gets those of the remote.",
        ) from error


def compare(
    platform: Platform,
    commit: Commit,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None = None,
    cache: Cache | None = None,
    trusted: Callable[[str], bool] = lambda _: False,
    deployed: Deployed = lambda _: None,
) -> Iterator[StackDiff]:
    """Compare the platform's stacks, as its files are now, with those of an earlier commit.

    Args:
        names: The stacks; all of both sides when empty.
        as_of: As for `plan_stacks`.
        cache: As for `plan_stacks`.
        trusted: As for `install_pinned`.
        deployed: What is deployed of the earlier commit: the rest of it counts as if it were not there.

    Raises:
        InputError: Neither side has a stack of that name, or the manifests of the earlier commit are not valid.
        RefusedError: The version that the commit pins is not trusted.
        RemoteError: That version cannot be installed, or fails.
    """
    with checked_out(platform, commit) as (root, own):
        earlier = {
            stack["name"]: zlib.compress(json.dumps(stack).encode(), 1)
            for stack in _plan_earlier(commit, own, root, names, progress, as_of, cache, trusted)
        }
        current = [name for name in names if name in platform.stacks or name not in earlier]
        for planned in plan_stacks(platform, current, progress, as_of, cache) if current or not names else ():
            yield _difference(planned.name, commit, _take(earlier, planned.name), planned, as_of, deployed)
        for name in [name for name in earlier if not names or name in names]:
            team, _, environment = name.rpartition("-")
            suppressions = platform.suppressions_of_removed(team, environment)
            yield _difference(name, commit, _take(earlier, name), None, as_of, deployed, suppressions)


@contextmanager
def checked_out(platform: Platform, commit: Commit) -> Iterator[tuple[Path, Path | None]]:
    """The platform's folder in a temporary checkout of a commit; and the checkout, if it has our code too, and another.

    Raises:
        InputError: The commit has no platform there.
    """
    repository = Path(read_git("rev-parse", "--show-toplevel", cwd=platform.root)).resolve()
    with temporary_folder() as folder:
        tree = folder / "tree"
        tree.mkdir()
        own = repository == CODE.parent.resolve()
        if not platform.root.resolve().is_relative_to(repository):
            raise InputError(
                f"{platform.root} is not in the work tree of its repository, {repository}.",
                hint="Remove core.worktree from the repository's configuration.",
            )
        inner = platform.root.resolve().relative_to(repository)
        # Manifests are in one folder, and no link leads out of it; our programs are elsewhere.
        write_commit(repository, commit.id, tree, "" if own or inner == Path() else inner.as_posix())
        root = tree / inner
        if not (root / FILE_NAME).is_file():
            raise InputError(f"There is no {(root / FILE_NAME).relative_to(tree).as_posix()} in {commit}.")
        yield root, tree if own and not _is_running_code(tree) else None


def version_of(
    commit: Commit, root: Path, own: Path | None, progress: Progress, trusted: Callable[[str], bool]
) -> tuple[list[str], dict[str, str], str]:
    """The command of the version that works on a commit, its environment variables, and what messages call it.

    The command is empty where that is the running version.

    Args:
        root, own: As `checked_out` gives them.
        trusted: As for `install_pinned`, with its errors.
    """
    env = dict(os.environ)
    if own is not None:
        # -P: the current folder, the platform's in the commit, is not searched for modules.
        return [sys.executable, "-P", "-m", "bootstrap"], {**env, "PYTHONPATH": str(own)}, "the programs of the commit"
    if (pinned := pinned_tool(root)) is not None:
        return install_pinned(*pinned, str(commit), progress, trusted), env, f"mlops-bootstrap {pinned[0]}"
    return [], env, ""


def _take(earlier: dict[str, bytes], name: str) -> Any:
    """Remove a stack of the earlier commit from `earlier`, and return it; None where the commit does not have it."""
    packed = earlier.pop(name, None)
    return json.loads(zlib.decompress(packed)) if packed is not None else None


def _difference(
    name: str,
    commit: Commit,
    old: Mapping[str, Any] | None,
    planned: StackPlan | None,
    as_of: str | None,
    deployed: Deployed,
    suppressions: Sequence[SuppressionSettings] = (),
) -> StackDiff:
    """How a stack differs, with its new findings and the errors that refuse its deployment."""
    existing = of_deployed(old, deployed(name))
    found = difference(name, existing, planned.document() if planned is not None else None, commit.ref)
    lines = {one.urn: one.manifest for one in found.resources}
    before = {one["urn"]: one["inputs"] for one in made_in(existing)}
    changes = check_change(name, planned, before, as_of, suppressions)
    return replace(
        found,
        refusals=[
            *(planned.refusals if planned is not None else ()),
            *(replace(one, manifest=lines[one.resource or ""]) for one in changes if one.refuses),
        ],
        findings=new_findings(old, planned) if planned is not None else (),
    )


def _plan_earlier(
    commit: Commit,
    own: Path | None,
    root: Path,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None,
    cache: Cache | None,
    trusted: Callable[[str], bool],
) -> Iterator[Mapping[str, Any]]:
    """Plan the earlier commit, by the version that it pins, or in this process where that is the running version.

    Args:
        own: The checkout of our code that plans it instead.
        root: The platform's folder in the commit.
    """
    command, env, by = version_of(commit, root, own, progress, trusted)
    with errors_of(commit, root):
        platform = load_platform(root) if not command else None
        known = platform.stacks if platform is not None else stack_names(root)
    wanted = [name for name in names if name in known]
    if names and not wanted:
        return
    task = f"plan {commit}"
    progress.started(task)
    if platform is not None:
        yield from (stack.document() for stack in plan_stacks(platform, wanted, Progress(), as_of, cache))
    else:
        options = ["plan", *wanted, "--output", "json", "-C", str(root), *(["--as-of", as_of] if as_of else [])]
        try:
            yield from _stacks_by([*command, *options], env, commit, root, f"It was planned by {by}.")
        except BootstrapError:
            progress.finished(task, "failed")
            raise
    progress.finished(task)


@contextmanager
def errors_of(commit: Commit, root: Path) -> Iterator[None]:
    """Report an error of the block as one of the commit."""
    try:
        yield
    except BootstrapError as error:
        raise InputError(
            f"The manifests of {commit} are not valid.",
            details=[detail.replace(str(root), commit.ref) for detail in (error.details or (str(error),))],
            hint=_OTHER_COMMIT,
        ) from error


def _is_running_code(tree: Path) -> bool:
    """Whether the programs in a checkout of ours plan as this process does; a commit before there were any counts."""
    own = CODE.parent
    return not (tree / "bootstrap/__main__.py").is_file() or all(
        digest_tree(tree / folder, is_by_product) == digest_tree(own / folder, is_by_product) for folder in _PLANNING
    )


def _stacks_by(
    command: Sequence[str], env: Mapping[str, str], commit: Commit, root: Path, why: str
) -> list[Mapping[str, Any]]:
    """The stacks in the document that another version's `plan` prints.

    Args:
        why: What errors say about that version.
    """
    done = captured(command, cwd=root, env=env)
    if done.returncode != 0:
        lines = _last_lines(done.stderr, commit, root)
        if done.returncode == ExitCode.INPUT:
            raise InputError(
                f"The version that plans {commit} reports errors in its manifests.",
                details=lines,
                why=why,
                hint=_OTHER_COMMIT,
            )
        raise RemoteError(
            f"The version that plans {commit} failed with exit code {done.returncode}.",
            details=lines,
            why=why,
            hint="Compare with a commit that pins a version that works here.",
        )
    document = json.loads(done.stdout)
    if document["schema_version"] != 1:
        raise InputError(
            f"The version that plans {commit} prints a newer format (schema_version {document['schema_version']}).",
            why=why,
            hint="Update this version: uv tool upgrade mlops-bootstrap",
        )
    stacks: list[Mapping[str, Any]] = document["stacks"]
    return stacks


def _last_lines(text: bytes, commit: Commit, root: Path) -> list[str]:
    """The end of what another program printed, with the commit instead of its temporary folder."""
    return [line.replace(str(root), commit.ref) for line in text.decode(errors="replace").strip().splitlines()[-20:]]
