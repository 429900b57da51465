"""Little worlds for tests: folders made from a mapping of path to text, real git, and the real command line."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[1]
CONTOSO = ROOT / "examples" / "contoso"


def build_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write `files`, by path below `root`; common indentation is taken off. Returns `root`."""
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return root


def tree(root: Path) -> list[str]:
    """The paths of all files below `root`, sorted, without git's own."""
    files = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(path for path in files if not path.startswith(".git/"))


def git(*arguments: str, cwd: Path) -> str:
    """Run the real git with an author, and return what it printed."""
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *author, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class Done:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


@contextmanager
def started(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """The command line under way, to be interrupted; it has ended when the block is left, whatever happened there."""
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_cli(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
    prefix: Sequence[str] = (),
) -> Done:
    """Run the command line as its users do: a process of its own, with no terminal.

    Args:
        prefix: A command that runs the command line, such as `setpriv` with its options.
    """
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "bootstrap", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def examples() -> dict[str, tuple[str, ...]]:
    """The examples in the help of every command, by the command's words."""
    from bootstrap.cli.command import EXAMPLES
    from bootstrap.cli.main import declare_commands

    declare_commands()
    return EXAMPLES


def run_here(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    """Run the command line in this process: what `run_cli` does, without the start of Python and the imports."""
    from bootstrap.cli.main import execute

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with chdir(cwd), mock.patch.dict(os.environ, env or {}), redirect_stdout(out), redirect_stderr(err):
            code = execute([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, handler)
    for stream in (out, err):
        stream.flush()
    printed, told = (stream.buffer.getvalue().decode("utf-8") for stream in (out, err))
    assert "Traceback" not in told, told
    return Done(code, printed, told)


@contextmanager
def on_a_terminal(
    arguments: str, *, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The command line with a terminal for its input and its talk; its results go to a pipe."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bootstrap", *shlex.split(arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {}), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def wait_for(terminal: int, words: str) -> str:
    """Read what is said on the terminal until these words are there, and return it."""
    import select

    seen = ""
    deadline = time.monotonic() + 30
    while words not in seen:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], seen
        seen += os.read(terminal, 4096).decode("utf-8", "replace")
    return seen


def finish(process: "subprocess.Popen[str]", terminal: int) -> str:
    """What the process printed on standard output; what it says on the terminal is read away, so that it can go on."""

    def drain() -> None:
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:
            return  # closed: the process has ended

    reader = threading.Thread(target=drain)
    reader.start()
    out, _ = process.communicate(timeout=60)
    reader.join(timeout=10)
    return out
