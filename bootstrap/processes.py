"""Other programs (git, uv, the steps of a pipeline), run without a shell and ended with us."""

import contextlib
import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from bootstrap.errors import InputError, MissingError
from bootstrap.files import is_git_folder

GIT_REPOSITORY_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)
"""The variables by which git tells its hooks their repository; in a hook, they would misdirect our own git."""

_GUARD = Path(__file__).with_name("guard.py")

_ANSWER_SECONDS = 10.0
"""The longest time between two answers of git about a repository. A pipe in place of one of its files, or one that its
configuration includes, would stop git for ever."""

_WORK_SECONDS = 120.0
"""The longest time of a command of git that may change something."""

_GRACE_SECONDS = 5.0
"""The time that a child has to end after SIGTERM, before SIGKILL."""


def shell_line(*words: str) -> str:
    """A command line as the user's shell reads it: cmd.exe and PowerShell on Windows, a POSIX shell elsewhere."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


NO_HOOKS = ("core.hooksPath", os.devnull)
"""The setting by which git runs no hook: neither the user's nor a repository's."""


def git(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run git with the user's configuration but without hooks, and return what it printed, without the last newline.

    Args:
        arguments: What follows `git` on the command line.
        cwd: The folder to run in.
        env: Variables to set on top of our own.

    Raises:
        MissingError: git is not installed.
        InputError: git failed; its own message is in `why`.
        TimeoutError: It did not end; it was killed.
    """
    program = [_git_executable(), "-c", "=".join(NO_HOOKS)]
    return _output(program, arguments, cwd, env, GIT_REPOSITORY_VARIABLES, _WORK_SECONDS)


def _git_executable() -> str:
    return _find("git", "Install git 2.31 or later: https://git-scm.com/downloads")


_LINK = "120000"
"""The mode of a symbolic link in a tree of git."""

_READING = (
    "--no-optional-locks", "--no-replace-objects",
    "-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "=".join(NO_HOOKS),
    "-c", "protocol.allow=never",
)  # fmt: skip
"""Options by which git runs no program that the configuration of a repository names."""

_NO_PROTOCOL = {"GIT_ALLOW_PROTOCOL": ""}
"""Forbids every protocol, `ext::` with a command too, whatever `protocol.NAME.allow` of the repository has: git fetches
missing objects of a partial clone when they are read. https://git-scm.com/docs/git#_environment_variables"""


def read_git(*arguments: str, cwd: Path) -> str:
    """Run a command of git that only reads (`rev-parse`, `ls-tree`, `cat-file`): it runs nothing of the repository.

    Returns what it printed, without the last newline. Raises as `git` does.
    """
    program = [_git_executable(), *_READING]
    return _output(program, arguments, cwd, _NO_PROTOCOL, GIT_REPOSITORY_VARIABLES, _ANSWER_SECONDS)


def repository_around(path: Path) -> Path | None:
    """The work tree that contains `path`, if any: the nearest folder above it with a `.git`.

    A folder that the work tree ignores is not part of it: what is created there becomes a separate repository.
    """
    around = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    return None if around is None or _is_ignored(path, around) else around


def _is_ignored(path: Path, work_tree: Path) -> bool:
    try:
        read_git("check-ignore", "--quiet", str(path), cwd=work_tree)
    except InputError:  # exit code 1: not ignored; 128: not a repository after all
        return False
    return True


SET_IDENTITY = "git config --global user.name NAME; git config --global user.email ADDRESS"
"""The commands by which a person tells git who the author of commits is."""


def first_commit(folder: Path, message: str, identity: Mapping[str, str] | None = None) -> str | None:
    """Make `folder` a git repository with one commit of everything in it, and return the commit's id.

    Args:
        identity: Git's variables with the author. Without it the author is who git is configured for, and when nobody
            is, there is a repository without a commit, and the result is None.

    Raises:
        MissingError: git is not installed.
        InputError: git failed.
    """
    git("init", "--quiet", "--initial-branch=main", cwd=folder)
    # The user's global ignore file may exclude files of the folder (*.lock).
    git("-c", "core.excludesFile=", "add", "--all", cwd=folder)
    if identity is None:
        try:
            git("var", "GIT_AUTHOR_IDENT", cwd=folder)
            git("var", "GIT_COMMITTER_IDENT", cwd=folder)
        except InputError:
            return None
    # Without signing, which may need a passphrase.
    git("-c", "commit.gpgSign=false", "commit", "--quiet", "--message", message, cwd=folder, env=identity)
    return git("rev-parse", "HEAD", cwd=folder)


_MAX_PATH, _MAX_LISTING, _MAX_COMMIT = 4096, 64 * 2**20, 2**30
"""The length of a path, of the list of a commit's files, and of its files: a small repository can have any number.
https://kate.io/blog/git-bomb/"""


def write_commit(repository: Path, commit: str, folder: Path, within: str = "") -> None:
    """Write the files of a commit below `folder`, as the objects are: no filter, attribute or hook is applied.

    Symbolic links are written as they are, wherever they lead. Submodules are left out.

    Args:
        within: Write only what is in this folder of the repository.

    Raises:
        InputError: git cannot read the commit, it is too large, or a path of it would leave `folder`.
        MissingError: git is not installed.
        TimeoutError: git gives no answer; it was killed.
    """
    files = committed_files(repository, commit, within)
    left = _MAX_COMMIT
    with _reader(["cat-file", "--batch"], repository, subprocess.PIPE) as (process, answered):
        assert process.stdin is not None
        assert process.stdout is not None
        for is_link, id_, path in files:
            answered.set()
            with contextlib.suppress(BrokenPipeError):  # git has ended: it gives no answer then
                process.stdin.write(id_.encode() + b"\n")
                process.stdin.flush()
            answer = process.stdout.readline().split()
            if answer[1:2] != [b"blob"]:
                raise InputError(
                    f"{repository} does not have the file {path} of the commit {commit}.",
                    why="The clone is partial, or it is damaged.",
                    hint="Get all files: git fetch --refetch --no-filter",
                )
            left -= int(answer[2])
            if left < 0:
                raise InputError(
                    f"The commit {commit} has more than {_MAX_COMMIT // 2**30} GiB, so it is not read.",
                    why=f"The file {path} exceeds the limit.",
                )
            content = process.stdout.read(int(answer[2]))
            process.stdout.read(1)  # a newline ends each object
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(os.fsdecode(content)) if is_link else target.write_bytes(content)


def committed_files(repository: Path, commit: str, within: str = "") -> list[tuple[bool, str, str]]:
    """The files of a commit: whether each is a symbolic link, its object's id and its path. Submodules are left out.

    Raises InputError as `write_commit` does.
    """
    # check-ignore does not accept the option.
    arguments = [
        "--literal-pathspecs",
        "ls-tree",
        "-r",
        "-z",
        "--full-tree",
        commit,
        *([f"{within}/"] if within else []),
    ]
    with _reader(arguments, repository, subprocess.DEVNULL) as (process, _):
        assert process.stdout is not None
        listing = process.stdout.read(_MAX_LISTING + 1)
        if len(listing) > _MAX_LISTING:
            raise InputError(f"The commit {commit} has too many files, so it is not read.")
        if process.wait() != 0:
            raise InputError(f"The commit {commit} in {repository} cannot be read.")
    found = []
    for entry in os.fsdecode(listing).split("\0")[:-1]:
        about, _, path = entry.partition("\t")
        mode, kind, id_ = about.split()
        if kind == "blob":
            found.append((mode == _LINK, id_, path))
    _check_paths(commit, found)
    return found


@contextlib.contextmanager
def _reader(
    arguments: Sequence[str], repository: Path, stdin: int
) -> Iterator[tuple["subprocess.Popen[bytes]", threading.Event]]:
    """A command of git that only reads, under way; it is killed when the event is not set for `_ANSWER_SECONDS`.

    Raises:
        TimeoutError: It was killed, so that the block raised InputError.
    """
    command, env = [_git_executable(), *_READING, *arguments], _environment(GIT_REPOSITORY_VARIABLES) | _NO_PROTOCOL
    answered, over, late = (threading.Event() for _ in range(3))
    with (
        child(
            command, cwd=repository, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process,
        process,
    ):

        def watch() -> None:
            while answered.wait(_ANSWER_SECONDS):
                if over.is_set():
                    return
                answered.clear()
            late.set()
            process.kill()

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield process, answered
        except InputError as error:
            if late.is_set():
                raise _no_answer("git", repository, _ANSWER_SECONDS) from error
            raise
        finally:
            over.set()
            answered.set()


def _no_answer(program: str, cwd: Path, seconds: float) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, f"{program} gave no answer for {seconds:.0f} s", str(cwd))


def _check_paths(commit: str, files: Sequence[tuple[bool, str, str]]) -> None:
    """Raise InputError when a path of a commit would be written outside of its folder, on any file system."""
    paths = [path for _, _, path in files]
    if (longest := max(map(len, paths), default=0)) > _MAX_PATH:
        raise InputError(f"The commit {commit} has a path of {longest} characters, so it is not read.")
    around = {path[:at] for path in paths for at, character in enumerate(path) if character == "/"}
    through = {path.casefold() for path in around} & {path.casefold() for is_link, _, path in files if is_link}
    if through or len(set(paths)) < len(paths) or not around.isdisjoint(paths):
        raise InputError(f"The commit {commit} has paths that lead through a link or a file.")
    for path in paths:
        parts = path.split("/")
        leaves = any(part in ("", ".", "..") or is_git_folder(part) or "\\" in part for part in parts)
        if leaves or (sys.platform == "win32" and any(_WINDOWS_NAMES.search(part) for part in parts)):
            raise InputError(f"The commit {commit} has a path that leaves its folder: {path!r}.")


_WINDOWS_NAMES = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)', re.IGNORECASE)
"""Names that Windows does not allow, or that are devices or streams:
https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""


def uv(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run the uv that is installed with this product, and return what it printed. Raises as `git` does."""
    env = {**(env or {}), "UV_NO_PROGRESS": "1"}
    return _output([uv_executable()], arguments, cwd, env, ("VIRTUAL_ENV",))  # it waits for networks as it is set up


def uv_executable() -> str:
    """The path of the uv that is installed with this product."""
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError:
        return _find("uv", "Reinstall mlops-bootstrap, or install uv: https://docs.astral.sh/uv/")


def _log(message: str, *values: object) -> None:
    import logging  # takes 2 ms, which a help page does not need

    logging.getLogger(__name__).debug(message, *values)


@contextlib.contextmanager
def child(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A child in a process group of its own. When the block ends, for whatever reason, the whole group is ended.

    Ctrl-C in a terminal does not reach the child: it interrupts this process, and the end of the block ends the child.

    Args:
        env: The child's whole environment; this process's by default.
    """
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    _log("%s: started (%s)", shlex.join(command), cwd)
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, **group)
    try:
        yield process
    finally:
        end(process)


@contextlib.contextmanager
def guarded_child(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    read_only: Sequence[Path] = (),
    writable: Sequence[Path] = (),
) -> Iterator["subprocess.Popen[bytes]"]:
    """As `child`, for programs of others: when it ends or this process is killed, all that it started is killed too.

    It has no standard input. When a signal ends it, its exit code is 128 and the number of the signal.

    Args:
        read_only: Files and folders that it cannot write: on Linux, if users may create namespaces, and not for root.
        writable: Folders inside of these that it can write.
    """
    paths = [f"--read-only={path}" for path in read_only] + [f"--writable={path}" for path in writable]
    guard = [sys.executable, "-I", "-S", str(_GUARD), *paths, *command]
    with child(guard, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr) as process:
        pipe, process.stdin = process.stdin, None  # kept open until here: its end would end the child
        assert pipe is not None
        try:
            yield process
        finally:
            end(process)
            _signal_group(process, kill=True)  # of what the child has left, which may ignore SIGTERM
            pipe.close()


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a child made by `child` and all that it started: by SIGTERM, and after a few seconds by SIGKILL."""
    _signal_group(process, kill=False)
    try:
        process.wait(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(process, kill=True)
        process.wait()


def _signal_group(process: "subprocess.Popen[bytes]", *, kill: bool) -> None:
    if sys.platform == "win32":
        if process.poll() is None:
            force = ["/F"] if kill else []
            subprocess.run(["taskkill", "/T", *force, "/PID", str(process.pid)], capture_output=True, check=False)
        return
    # The group may outlive its leader: it gets the signal even when the child itself has ended.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)


def captured(
    command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, seconds: float | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run another program, and return its exit code and what it printed.

    Args:
        env: The program's whole environment; this process's by default.
        seconds: How long it may take.

    Raises:
        TimeoutError: It took longer, and was killed.
    """
    start = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise _no_answer(Path(command[0]).stem, cwd, error.timeout) from error
    seconds = time.monotonic() - start
    _log("%s: exit code %d in %.1f s (%s)", shlex.join(command), done.returncode, seconds, cwd)
    return done


def _output(
    program: Sequence[str],
    arguments: Sequence[str],
    cwd: Path,
    env: Mapping[str, str] | None,
    drop: Sequence[str],
    seconds: float | None = None,
) -> str:
    """What a program printed, without the last newline; paths are decoded as the system does."""
    done = captured([*program, *arguments], cwd, _environment(drop) | dict(env or {}), seconds)
    if done.returncode != 0:
        raise InputError(
            f"{Path(program[0]).stem} {arguments[0]} failed with exit code {done.returncode} in {cwd}.",
            why=(done.stderr or done.stdout).decode(errors="replace").strip(),
        )
    return os.fsdecode(done.stdout).rstrip("\r\n")


def _environment(drop: Sequence[str]) -> dict[str, str]:
    """The variables of this process without some of them."""
    return {key: value for key, value in os.environ.items() if key not in drop}


def _find(program: str, hint: str) -> str:
    path = shutil.which(program)
    # Windows looks in the current folder first, and that may be somebody's repository.
    if path is None or Path(path).parent == Path():
        raise MissingError(f"{program} is not installed, or not on PATH.", hint=hint)
    return path
