"""docs/getting-started.md: its commands, run in order as a new user would, give the output that the page shows."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from bootstrap.processes import uv_executable
from tests.integration.wheels import locked

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
PLACE = "In a checkout of this repository:\n\n"
"""The words before the one block whose commands belong into a checkout; all others belong into an empty folder."""


class Step(NamedTuple):
    """A command with the output that the page shows, or a file with its content."""

    kind: Literal["command", "file"]
    name: str
    text: str
    in_checkout: bool


def steps() -> Iterator[Step]:
    """What the page tells its reader to do, in order: `$ ` begins a command; a file's path is before its text."""
    for block in re.finditer(r"^```(console|yaml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        language, text = block.groups()
        in_checkout = PAGE[: block.start()].endswith(PLACE)
        if language == "yaml":
            path = re.findall(r"`([\w./-]+\.yaml)`", PAGE[: block.start()])[-1]
            yield Step("file", path, text, in_checkout)
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n", " ").partition("\n")
            yield Step("command", command, output, in_checkout)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home of a user's own, with uv and git but without this project; the locked versions are installed."""
    home = tmp_path_factory.mktemp("home")
    programs = home / "bin"
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "XDG_", "MLOPS_"))},
        "PATH": os.pathsep.join([str(programs), str(Path(uv_executable()).parent), *_path_without_ours()]),
        "UV_TOOL_DIR": str(home / "tools"),
        "UV_TOOL_BIN_DIR": str(programs),
        "UV_CONSTRAINT": str(locked(home / "locked.txt")),
        "UV_PYTHON": sys.executable,
        "XDG_CACHE_HOME": str(home / "cache"),
        "UV_CACHE_DIR": _uv_cache(),
        "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com",
    }  # fmt: skip


def _path_without_ours() -> list[str]:
    return [entry for entry in os.get_exec_path() if Path(entry) != Path(sys.executable).parent]


def _uv_cache() -> str:
    """The user's own cache of packages, so that nothing is downloaded twice."""
    return subprocess.run([uv_executable(), "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()


def matches(shown: str, printed: str) -> bool:
    """Whether the page shows what was printed; `…` stands for anything, and lines may end with spaces."""
    tidy = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    pattern = ".*?".join(map(re.escape, shown.strip().split("…")))
    return re.fullmatch(pattern, tidy, re.DOTALL) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="the page's commands are for a POSIX shell")
def test_commands_print_what_the_page_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    """Where the page shows an error, the command exits with 2; else with 0."""
    for step in steps():
        folder = ROOT if step.in_checkout else tmp_path
        if step.kind == "file":
            (folder / step.name).write_text(step.text, encoding="utf-8")
            continue
        done = subprocess.run(
            ["/bin/sh", "-c", step.name],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        fails = step.text.startswith("error: ")
        assert done.returncode == (2 if fails else 0), (step.name, done.stderr)
        printed = done.stderr if fails else done.stdout
        assert matches(step.text, printed), f"$ {step.name}\n{printed}"


def test_page_has_commands_for_all_steps() -> None:
    """A page that is not understood would pass without a command."""
    commands = [shlex.split(step.name)[:3] for step in steps() if step.kind == "command"]

    for words in ("platform init", "platform validate", "plan", "diff", "new", "run", "model gate", "model register"):
        assert any(command[1 : 1 + len(words.split())] == words.split() for command in commands), words
