"""The steps of the tour: real command lines, run one after the other, each with its time and its result."""

import importlib.util
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError, ConflictError, ExitCode, MissingError
from bootstrap.processes import child, git
from bootstrap.progress import Progress

PLATFORM, PROJECT, PAGE = "platform", "churn", "report.html"


@dataclass(frozen=True)
class Step:
    """A command of the tour that was run.

    Attributes:
        words: The command's words: "model gate".
        command: What a user types for the same, in the tour's folder.
        why: What the step is for, in a sentence.
        seconds: How long it took, start of the process included.
        document: What it printed with `--output json`.
    """

    words: str
    command: str
    why: str
    seconds: float
    document: dict[str, Any]


def take(folder: Path, progress: Progress) -> list[Step]:
    """Run the tour in `folder`, made when it is not there, and return its steps.

    What an earlier tour left is gone on with: an existing platform and project are kept, so that a second tour judges
    the retrained model against the first one's.

    Raises:
        ConflictError: `folder` holds something else.
        MissingError: Something that a later step needs is not here; nothing has been done then.
        BootstrapError: A step failed; the error has that step's exit code.
    """
    _check(folder)
    _check_tools()
    folder.mkdir(parents=True, exist_ok=True)
    return [_run(words, arguments, why, folder, progress) for words, arguments, why in _itinerary(folder)]


def _itinerary(folder: Path) -> Iterator[tuple[str, list[str], str]]:
    in_platform, in_project = ["-C", PLATFORM], ["-C", PROJECT]
    if not (folder / PLATFORM / "platform.yaml").is_file():
        yield "platform init", [PLATFORM, "--defaults"], "The organization's source of truth: two short YAML files."
    yield "plan", ["--all", *in_platform], "Everything that Azure would hold, with no account and no engine."
    if not (folder / PROJECT / "mlops.yaml").is_file():
        yield "new", ["tabular", PROJECT, "--defaults"], "A project that trains, tests, gates and serves."
    yield "run", in_project, "The Azure ML pipeline, on this machine, on real data."
    yield "run", in_project, "Nothing changed, so nothing runs."
    yield "model gate", in_project, "May the new model replace the one that serves?"
    yield "model register", in_project, "Only a model that passed gets a version, with its lineage."
    yield "model list", in_project, "The versions, and which of them serves."
    yield "model serve", ["--check", *in_project], "The managed endpoint's own scoring script answers requests."


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{folder} is a file.", hint="Name a folder: mlops-bootstrap demo DIR")
    strangers = [path.name for path in folder.glob("*") if path.name not in {PLATFORM, PROJECT, PAGE}]
    if strangers:
        raise ConflictError(
            f"{folder} holds something else than a demo.",
            why=f"It has {', '.join(sorted(strangers)[:3])}.",
            hint="Name another folder: mlops-bootstrap demo DIR",
        )


def _check_tools() -> None:
    """Ask beforehand for what the later steps need."""
    git("version", cwd=Path.cwd())
    if importlib.util.find_spec("pulumi_azure_native") is None:
        raise MissingError(
            "The tour plans a platform, and that needs Pulumi's Python packages, which are not installed.",
            hint="Install them: uv tool install 'mlops-bootstrap[infra]', or in a checkout: uv sync --all-extras",
        )


def _run(words: str, arguments: list[str], why: str, folder: Path, progress: Progress) -> Step:
    command = shlex.join(["mlops-bootstrap", *words.split(), *arguments])
    progress.started(command)
    started = time.monotonic()
    line = [sys.executable, "-m", "bootstrap", *words.split(), *arguments, "--output", "json"]
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        child(line, cwd=folder, stdout=out, stderr=err) as process,
    ):
        code = process.wait()
        out.seek(0)
        err.seek(0)
        result, talk = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    seconds = time.monotonic() - started
    if code != ExitCode.DONE:
        progress.finished(command, f"failed with exit code {code}")
        raise _failure(command, code, talk)
    progress.finished(command)
    return Step(words, command, why, seconds, json.loads(result))


def _failure(command: str, code: int, talk: str) -> BaseException:
    """The step's own failure as ours: same exit code, its own words."""
    kinds: dict[int, type[BootstrapError]] = {kind.exit_code: kind for kind in BootstrapError.__subclasses__()}
    if code not in kinds:
        return subprocess.CalledProcessError(code, command, stderr=talk)
    said = talk.partition("error: ")[2].strip() or talk.strip()
    return kinds[code](f"{command} ended with exit code {code}.", why=said)
