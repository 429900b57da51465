"""A folder made from a description, a command run in it, and what must hold afterwards, whatever the input was."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers import CONTOSO, git

HANG_SECONDS = 20.0
"""No command may take longer on a hostile input."""

ALLOWED = frozenset({0, 2, 3, 4, 5, 6, 7})
"""Exit codes that a hostile input may lead to: 1 is a fault of ours."""

MARKER = "EXECUTED"
"""The file that hostile code writes, beside the world, when something runs it."""


@dataclass(frozen=True)
class Answer:
    """What a command did with a hostile input.

    Attributes:
        code: The exit code; None when it had to be killed.
        wrong: What must never happen and did, each as a phrase.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    wrong: tuple[str, ...] = field(default=())


def build(root: Path, case: Mapping[str, Any]) -> None:
    """Make the world of a case in `root`.

    Keys of a case: `base` (`contoso`, the example's manifests), `files` (path: text, or {hex: …}, {repeat: [text, n]}),
    `links` (path: target), `fifos`, `folders`, `remove` (lists of paths), `git` (commit all, with these files changed
    after it).
    """
    root.mkdir(parents=True, exist_ok=True)
    if case.get("base") == "contoso":
        shutil.copytree(CONTOSO, root, dirs_exist_ok=True)
    for path in case.get("remove", ()):
        (root / path).unlink()
    _write(root, case.get("files", {}))
    for path in case.get("folders", ()):
        (root / path).mkdir(parents=True)
    for path, target in case.get("links", {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    for path in case.get("fifos", ()):
        os.mkfifo(root / path)
    if "git" in case:
        git("init", "--quiet", cwd=root)
        git("add", "--all", "--force", cwd=root)
        git("commit", "--quiet", "--message", "all", cwd=root)
        _write(root, case["git"])


def _write(root: Path, files: Mapping[str, Any]) -> None:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_content(content, root))


def _content(content: Any, root: Path) -> bytes:
    if isinstance(content, dict) and "hex" in content:
        return bytes.fromhex(content["hex"])
    if isinstance(content, dict):
        text, times = content["repeat"]
        return str(content.get("before", "")).encode() + str(text).encode() * int(times)
    return str(content).replace("{MARKER}", str(root.parent / MARKER)).encode()


def run(root: Path, command: str, *, env: Mapping[str, str] | None = None) -> Answer:
    """Run a command line in a world as its users do, in a process of its own, and look for what must never happen."""
    before = digest(root)
    started = time.monotonic()
    # The interpreter's own path must not begin with the hostile folder.
    words = [sys.executable, "-P", "-m", "bootstrap", *shlex.split(command)]
    process = subprocess.Popen(
        words,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=HANG_SECONDS)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = None
    seconds = time.monotonic() - started
    answer = Answer(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), seconds)
    wrong = tuple(_wrong(answer, root, before))
    return Answer(answer.code, answer.out, answer.err, seconds, wrong)


def _wrong(answer: Answer, root: Path, before: str) -> Iterator[str]:
    if answer.code is None:
        yield f"still running after {HANG_SECONDS:.0f} s"
    elif answer.code not in ALLOWED:
        yield f"exit code {answer.code}"
    if "Traceback (most recent call last)" in answer.err:
        yield "a traceback"
    if (root.parent / MARKER).exists():
        yield "code of the input was executed"
    for name, text in (("stdout", answer.out), ("stderr", answer.err)):
        if any(_is_control(character) for character in text):
            yield f"a control character on {name}"
    if answer.code not in (0, None) and digest(root) != before:
        yield "a failed command changed files"


_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reorder what a terminal shows: https://trojansource.codes"""


def _is_control(character: str) -> bool:
    code = ord(character)
    return (code < 0x20 and character not in "\n\t\r") or 0x7F <= code < 0xA0 or character in _BIDI


def digest(root: Path) -> str:
    """A digest of every path below a folder, its kind and its content, without the folders that commands may write."""
    found = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if relative.parts[0] in (".mlops", ".git"):
            continue
        found.update(str(relative).encode("utf-8", "surrogateescape") + b"\0")
        if path.is_symlink():
            found.update(os.readlink(path).encode("utf-8", "surrogateescape"))  # noqa: PTH115 - as it is written
        elif path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()
