"""A folder made from a description, a command run in it, and what must hold afterwards, whatever the input was."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bootstrap.model import gate
from tests.attacks import deployed
from tests.attacks.environment import prefix, variables
from tests.helpers import CONTOSO, git
from tests.unit.model.worlds import World, evaluation, register_by_hand

HANG_SECONDS = 20.0
"""No command may take longer on a hostile input, on a machine with nothing else to do, but for those of the engine."""


def hang_seconds(seconds: float = HANG_SECONDS) -> float:
    """The time after which a command counts as hanging, longer on a busy machine."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * max(1.0, busy)


ALLOWED = frozenset({0, 2, 3, 4, 5, 6, 7})
"""Exit codes that a hostile input may lead to: 1 is a fault of ours."""

MARKER = "EXECUTED"
"""The file that hostile code writes, beside the world, when something runs it."""

KINDS = ("traceback", "exit 1", "hang", "write outside", "code executed", "false registration", "unexpected")
"""What must never happen. A phrase in `Answer.wrong` begins with one of these and a colon."""


@dataclass(frozen=True)
class Answer:
    """What a command did with a hostile input.

    Attributes:
        code: The exit code; None when it had to be killed.
        wrong: What must never happen and did: one of `KINDS`, a colon, and a phrase.
        skipped: Why there was no attack: this machine does not have the environment.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    wrong: tuple[str, ...] = field(default=())
    skipped: str = ""


def build(root: Path, case: Mapping[str, Any]) -> None:
    """Make the world of a case in `root`.

    Keys of a case: `base` (`contoso`, the example's manifests; `project`, see `_project`; `platform`, a small one;
    `deployed`, that one with its hub, see tests/attacks/deployed.py), `files` (path: text, {fifo: true}, {hex: …}, or
    {before: text, repeat: [text, n], after: text or [text, n]}), `json` (path: changes, see `_change`),
    `links` (path: target), `fifos`, `folders`, `remove` (lists of paths), `git` (commit all, with these files changed
    after it).
    """
    root.mkdir(parents=True, exist_ok=True)
    for folder in (root.parent / "home", root.parent / "tmp"):
        folder.mkdir(exist_ok=True)
    if "base" in case:
        _BASES[case["base"]](root, case)
    for path in case.get("remove", ()):
        (root / path).unlink()
    _write(root, case.get("files", {}))
    for path, changes in case.get("json", {}).items():
        document = json.loads((root / path).read_text(encoding="utf-8"))
        _change(document, changes)
        (root / path).write_text(json.dumps(document), encoding="utf-8")
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


def _project(root: Path, case: Mapping[str, Any]) -> None:
    """A project with a completed run. Unlike the other keys, these change it as somebody does who corrects the digests.

    Keys: `evaluation` and `record` (changes of evaluation.json and run.json), `losses` ([old, new] in the table),
    `judged` (the gate has decided), `champion` (a version is registered).
    """
    world = World(root)
    if case.get("champion"):
        world.evaluation = evaluation(register_by_hand(root))
    _change(world.evaluation, case.get("evaluation", {}))
    world.losses = world.losses.replace(*case.get("losses", ["\n", "\n"]))
    world.run = case.get("record", {})
    project = world.write()
    if case.get("judged"):
        gate.write_decision(project, gate.decide(project, gate.find_run(project)))


_BASES: Mapping[str, Callable[[Path, Mapping[str, Any]], object]] = {
    "contoso": lambda root, _: shutil.copytree(CONTOSO, root, dirs_exist_ok=True),
    "project": _project,
    "platform": lambda root, _: deployed.platform(root, deployed=False),
    "deployed": lambda root, _: deployed.platform(root, deployed=True),
}


def _change(document: Any, changes: Mapping[str, Any]) -> None:
    """Set values by their dotted paths; null removes a key."""
    for place, value in changes.items():
        *around, last = place.split(".")
        inner = document
        for key in around:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value


def _write(root: Path, files: Mapping[str, Any]) -> None:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict) and "fifo" in content:
            target.unlink(missing_ok=True)
            os.mkfifo(target)
        else:
            target.write_bytes(_content(content, root))


def _content(content: Any, root: Path) -> bytes:
    if isinstance(content, dict) and "hex" in content:
        return bytes.fromhex(content["hex"])
    if isinstance(content, dict):
        parts = (content.get("before", ""), content["repeat"], content.get("after", ""))
        return "".join(str(part[0]) * int(part[1]) if isinstance(part, list) else part for part in parts).encode()
    return str(content).replace("{MARKER}", str(root.parent / MARKER)).encode()


def attack(root: Path, case: Mapping[str, Any], start: Callable[[Path, Sequence[str]], Answer] | None = None) -> Answer:
    """Make the world of a case, run its command, and compare the answer with what the case expects.

    Other keys of a case: `run` (the command line) or `arguments` (its words, `\\udcff` for bytes that are not UTF-8),
    `environment` (see tests/attacks/environment.py), `exit` (a code or several), `words` and `never` (on stdout or
    stderr), `slow` (only `make attack` runs it), `seconds` (how long it may take).

    Args:
        start: Runs the command line; by default in a process of its own and in the case's environment.

    Raises:
        ImpossibleHereError: This machine does not have the case's environment.
    """
    build(root, case)
    before = digest(root)
    words = case["arguments"] if "arguments" in case else shlex.split(case["run"])
    environment = dict(case.get("environment", {}))
    if case.get("base") in ("platform", "deployed"):
        environment["variables"] = deployed.variables(root.parent) | environment.get("variables", {})
    answer = start(root, words) if start else run(root, words, environment, case.get("seconds", HANG_SECONDS))
    return replace(answer, wrong=(*answer.wrong, *_left(root, answer, before), *_unexpected(answer, case)))


def _unexpected(answer: Answer, case: Mapping[str, Any]) -> Iterator[str]:
    expected = case["exit"] if isinstance(case["exit"], list) else [case["exit"]]
    printed = answer.out + answer.err
    if answer.code not in expected:
        yield f"unexpected: exit code {answer.code} instead of {case['exit']}: {printed[-1500:]}"
    yield from (
        f"unexpected: no {word!r} in {printed[-1500:]}" for word in case.get("words", ()) if word not in printed
    )
    yield from (f"unexpected: {word!r} in {printed[-1500:]}" for word in case.get("never", ()) if word in printed)


def run(
    root: Path,
    arguments: Sequence[str],
    environment: Mapping[str, Any] = MappingProxyType({}),
    seconds: float = HANG_SECONDS,
) -> Answer:
    """Run a command line in a world as its users do, in a process of its own.

    Its home and its folder for temporary files are `home` and `tmp` beside the world: it may write nowhere else.
    """
    for folder in (root.parent / "home", root.parent / "tmp"):
        folder.mkdir(exist_ok=True)
    # The interpreter's own path must not begin with the hostile folder.
    words = [*prefix(environment, root), sys.executable, "-P", "-m", "bootstrap", *arguments]
    env = variables(
        {"variables": {"PYTHONPATH": str(Path(__file__).parents[2]), **environment.get("variables", {})}}, root.parent
    )
    started = time.monotonic()
    process = subprocess.Popen(
        words,
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=hang_seconds(seconds))
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        code = None
    taken = time.monotonic() - started
    answer = Answer(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), taken)
    return replace(answer, wrong=tuple(problems(answer)))


def problems(answer: Answer) -> Iterator[str]:
    """What is wrong with an answer by itself, whatever the input was."""
    if answer.code is None:
        yield f"hang: still running after {answer.seconds:.0f} s"
    elif answer.code not in ALLOWED:
        kind = "exit 1" if answer.code == 1 else "unexpected"
        yield f"{kind}: exit code {answer.code}: {answer.err[-500:]}"
    if "Traceback (most recent call last)" in answer.err:
        yield f"traceback: {answer.err[-500:]}"
    for name, text in (("stdout", answer.out), ("stderr", answer.err)):
        if any(_is_control(character) for character in text):
            yield f"unexpected: a control character on {name}"


_OURS = (".cache/mlops-bootstrap", ".local/state", ".local/share/uv")
"""Where the command, and the uv that it runs, may write below the user's home."""


def _left(root: Path, answer: Answer, before: str) -> Iterator[str]:
    """What a command must not leave behind, in the world and beside it."""
    beside = root.parent
    if (beside / MARKER).exists():
        yield "code executed: code of the input was executed"
    if answer.code not in (0, None) and digest(root) != before:
        yield "unexpected: a failed command changed files"
    ours = {root.name, MARKER, "home", "tmp", deployed.AZURE}
    others = [path.name for path in beside.iterdir() if path.name not in ours]
    home = [path.relative_to(beside / "home").as_posix() for path in (beside / "home").rglob("*") if path.is_file()]
    for name in [*others, *(path for path in home if not path.startswith(_OURS))]:
        yield f"write outside: {name}"
    for path in (beside / "tmp").iterdir():
        if not path.name.startswith("uv-"):  # uv's own locks
            yield f"unexpected: left in the temporary folder: {path.name}"


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
