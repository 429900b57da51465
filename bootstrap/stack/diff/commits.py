"""Two commits of a platform repository planned, and compared stack by stack.

The earlier commit is unpacked beside, and planned by the version of this tool that it pins. Neither the working tree
nor the repository is touched. In a checkout of mlops-bootstrap itself, the programs of that commit plan it.
"""

import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bootstrap.digest import digest_tree
from bootstrap.errors import BootstrapError, ExitCode, InputError, RemoteError
from bootstrap.manifests.locate import FILE_NAME, pinned_tool, stack_names
from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.processes import captured, git, uv_executable
from bootstrap.progress import Progress
from bootstrap.stack.diff.difference import StackDiff, difference, made_in, new_findings
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.checks import check_change
from bootstrap.stack.plan.model import CODE, StackPlan
from bootstrap.stack.plan.planner import plan_stacks
from bootstrap.tool import uvx_arguments
from infra.settings import SuppressionSettings

_OURS = ("bootstrap/__main__.py", "infra/programs/__init__.py")
"""What is in a checkout of mlops-bootstrap."""

_PLANNING = ("infra", "bootstrap/manifests", "bootstrap/stack")
"""The folders of our code that decide what a plan says."""


@dataclass(frozen=True)
class Commit:
    """What a platform is compared with.

    Attributes:
        ref: As it was asked for.
        id: The commit's whole id.
    """

    ref: str
    id: str

    def __str__(self) -> str:
        return f"{self.ref} ({self.id[:10]})"


def resolve(platform: Platform, ref: str) -> Commit:
    """The commit that `ref` means in the repository of the platform.

    Raises:
        InputError: There is no such commit, or the platform is in no git repository.
        MissingError: There is no git.
    """
    try:
        git("rev-parse", "--show-toplevel", cwd=platform.root)
    except InputError as error:
        raise InputError(f"{platform.root} is in no git repository.", why=error.why) from error
    try:
        arguments = ["--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        return Commit(ref, git("rev-parse", *arguments, cwd=platform.root))
    except InputError as error:
        raise InputError(
            f"There is no commit {ref!r} in the repository of {platform.root}.",
            hint="Name a branch, a tag or a commit that is here: git fetch brings what is not.",
        ) from error


def compare(
    platform: Platform,
    commit: Commit,
    names: Sequence[str],
    progress: Progress,
    as_of: str | None = None,
    cache: Cache | None = None,
) -> Iterator[StackDiff]:
    """How the platform's stacks, as its files say now, differ from those of an earlier commit.

    Args:
        names: The stacks; all of both when empty.
        as_of, cache: As for `bootstrap.stack.plan_stacks`.

    Raises:
        InputError: There is no such stack on either side, or the earlier commit has mistakes; the message says so.
        RemoteError: The version of this tool that the commit pins cannot be had or fails.
    """
    with _unpacked(platform, commit) as old_root, _Shelf() as shelf:
        _plan_earlier(commit, old_root, names, shelf, progress, as_of, cache)
        ours = [name for name in names if name in platform.stacks or name not in shelf]
        planned = plan_stacks(platform, ours, progress, as_of, cache) if ours or not names else ()
        for stack in planned:
            yield _judged(stack.name, commit, shelf.take(stack.name), stack, as_of)
        for name in shelf.left(names):
            team, _, environment = name.rpartition("-")
            suppressions = platform.suppressions_of_removed(team, environment)
            yield _judged(name, commit, shelf.take(name), None, as_of, suppressions)


def _judged(
    name: str,
    commit: Commit,
    old: Mapping[str, Any] | None,
    stack: StackPlan | None,
    as_of: str | None,
    suppressions: Sequence[SuppressionSettings] = (),
) -> StackDiff:
    """How a stack differs, what is newly found, and what speaks against it: its errors, and what the change does."""
    found = difference(name, old, stack.document() if stack is not None else None, commit.ref)
    lines = {one.urn: one.manifest for one in found.resources}
    before = {one["urn"]: one["inputs"] for one in made_in(old)}
    changes = check_change(name, stack, before, as_of, suppressions)
    return replace(
        found,
        refusals=[
            *(stack.refusals if stack is not None else ()),
            *(replace(one, manifest=lines[one.resource or ""]) for one in changes if one.refuses),
        ],
        findings=new_findings(old, stack) if stack is not None else (),
    )


@contextmanager
def _unpacked(platform: Platform, commit: Commit) -> Iterator[Path]:
    """The platform's folder as it was in the commit."""
    top = Path(git("rev-parse", "--show-toplevel", cwd=platform.root))
    below = platform.root.resolve().relative_to(top.resolve())
    with tempfile.TemporaryDirectory(prefix="mlops-bootstrap-") as folder:
        # An index and a working tree of its own: `git archive` would leave out or rewrite what attributes say.
        tree = Path(folder, "tree")
        tree.mkdir()
        beside = {"GIT_INDEX_FILE": str(Path(folder, "index")), "GIT_WORK_TREE": str(tree)}
        git("read-tree", commit.id, cwd=top, env=beside)
        git("checkout-index", "--all", "--quiet", cwd=top, env=beside)
        if not (tree / below / FILE_NAME).is_file():
            raise InputError(f"There is no {(below / FILE_NAME).as_posix()} in {commit}.")
        yield tree / below


def _plan_earlier(
    commit: Commit,
    root: Path,
    names: Sequence[str],
    shelf: "_Shelf",
    progress: Progress,
    as_of: str | None,
    cache: Cache | None,
) -> None:
    """Put the stacks of the earlier commit on the shelf: all, or those with these names that it has."""
    tree = next((folder for folder in (root, *root.parents) if all((folder / file).is_file() for file in _OURS)), None)
    if tree is not None and not _is_this_code(tree):
        command, env = [sys.executable, "-m", "bootstrap"], {**os.environ, "PYTHONPATH": str(tree)}
        _by_another(command, env, commit, root, names, shelf, progress, as_of)
        return
    pinned = pinned_tool(root)
    if pinned is not None:
        command = [uv_executable(), "tool", "run", *uvx_arguments(*pinned, extra="infra"), "mlops-bootstrap"]
        # A path to other code, as of a checkout of ours, must not stand before the code of that version.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        _fetch(command, env, pinned[0], commit, root, progress)
        _by_another(command, env, commit, root, names, shelf, progress, as_of)
        return
    with _mistakes_told_as_of(commit, root):
        platform = load_platform(root)
    wanted = [name for name in names if name in platform.stacks]
    for stack in plan_stacks(platform, wanted, _Of(commit, progress), as_of, cache) if wanted or not names else ():
        shelf.put(stack.document())


@contextmanager
def _mistakes_told_as_of(commit: Commit, root: Path) -> Iterator[None]:
    try:
        yield
    except BootstrapError as error:
        raise InputError(
            f"The manifests of {commit} have mistakes.",
            details=[detail.replace(str(root), commit.ref) for detail in (error.details or (str(error),))],
            hint="Compare with a commit whose manifests are right.",
        ) from error


def _is_this_code(tree: Path) -> bool:
    """Whether a checkout of ours plans as this process does."""
    own = CODE.parent
    return all(digest_tree(tree / folder) == digest_tree(own / folder) for folder in _PLANNING)


def _fetch(
    command: Sequence[str], env: Mapping[str, str], pin: str, commit: Commit, root: Path, progress: Progress
) -> None:
    """Let uv get the pinned version before it is asked for a plan."""
    task = f"get mlops-bootstrap {pin}"
    progress.started(task)
    done = captured([*command, "--version"], cwd=root, env=env)
    if done.returncode != 0:
        progress.finished(task, "failed")
        raise RemoteError(
            f"mlops-bootstrap {pin} cannot be had, and {commit} pins it.",
            details=_last_words(done.stderr, commit, root),
            why=f"uv was asked for {command[-2]}, as `tool` in the {FILE_NAME} of that commit says.",
            hint="Compare where the package index can be reached, or with a commit that pins a version that is there.",
        )
    progress.finished(task)


def _by_another(
    command: Sequence[str],
    env: Mapping[str, str],
    commit: Commit,
    root: Path,
    names: Sequence[str],
    shelf: "_Shelf",
    progress: Progress,
    as_of: str | None,
) -> None:
    """Plan the earlier commit by another version, in a process of its own."""
    with _mistakes_told_as_of(commit, root):
        known = stack_names(root)
    wanted = [name for name in names if name in known]
    if names and not wanted:
        return
    task = f"plan {commit}"
    progress.started(task)
    options = ["plan", *wanted, "--output", "json", "-C", str(root), *(["--as-of", as_of] if as_of else [])]
    done = captured([*command, *options], cwd=root, env=env)
    said, why = _last_words(done.stderr, commit, root), f"It was planned by {' '.join(command[-3:])}."
    if done.returncode != 0:
        progress.finished(task, "failed")
    if done.returncode == ExitCode.INPUT:
        hint = "Compare with a commit whose manifests are right."
        raise InputError(f"{commit} is refused by the version that it is planned by.", details=said, why=why, hint=hint)
    if done.returncode != 0:
        what = f"The version that {commit} is planned by failed with exit code {done.returncode}."
        raise RemoteError(
            what, details=said, why=why, hint="Compare with a commit that pins a version that works here."
        )
    document = json.loads(done.stdout)
    if document["schema_version"] != 1:
        progress.finished(task, "failed")
        what = f"The version that {commit} is planned by writes its plans in a newer form."
        raise InputError(what, why=why, hint="Update this one: uv tool upgrade mlops-bootstrap")
    for stack in document["stacks"]:
        shelf.put(stack)
    progress.finished(task)


def _last_words(said: str, commit: Commit, root: Path) -> list[str]:
    """The end of what another program said, with the commit's name for the folder that it was unpacked in."""
    return [line.replace(str(root), commit.ref) for line in said.strip().splitlines()[-20:]]


@dataclass(frozen=True)
class _Of(Progress):
    """Progress whose tasks say that they are the earlier commit's."""

    commit: Commit
    progress: Progress

    def started(self, task: str) -> None:
        self.progress.started(f"{task} of {self.commit.ref}")

    def finished(self, task: str, outcome: str = "done") -> None:
        self.progress.finished(f"{task} of {self.commit.ref}", outcome)

    def say(self, message: str) -> None:
        self.progress.say(message)


class _Shelf:
    """The stacks of one plan, kept in a file until each is asked for by its name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the shelf is left
        self._places: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> "_Shelf":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def put(self, stack: Mapping[str, Any]) -> None:
        packed = zlib.compress(json.dumps(stack).encode(), 1)
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(packed)
        self._places[stack["name"]] = (start, len(packed))

    def take(self, name: str) -> Any:
        """The stack of that name, which is not there any more afterwards; None when there is none."""
        if name not in self._places:
            return None
        start, length = self._places.pop(name)
        self._file.seek(start)
        return json.loads(zlib.decompress(self._file.read(length)))

    def left(self, names: Sequence[str]) -> list[str]:
        """The names of the stacks that are still there, of those that were asked for."""
        return [name for name in self._places if not names or name in names]
