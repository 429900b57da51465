"""The commands of the tour, run one after the other as a user would type them, each with its time and result."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError, ConflictError, ExitCode, MissingError
from bootstrap.files import PREFIX, remove_leftovers, write_atomically
from bootstrap.processes import git, guarded_child, shell_line
from bootstrap.progress import Progress

PLATFORM, TEAM, PROJECT, PAGE = "platform", "health", "disease-progression", "report.html"


@dataclass(frozen=True)
class CommandResult:
    """The result of a command of the tour.

    Attributes:
        words: The command's words: "model gate".
        command: The command line that does the same in the tour's folder.
        why: The purpose of the command, in a sentence.
        seconds: The duration, with the start of the process.
        document: The JSON document that the command printed.
    """

    words: str
    command: str
    why: str
    seconds: float
    document: dict[str, Any]


def take(folder: Path, progress: Progress) -> list[CommandResult]:
    """Run the tour in `folder`, which is created when it does not exist, and return the results.

    An existing platform and project are kept, so that a second tour compares the retrained model with the first one.

    Raises:
        ConflictError: `folder` has other files.
        MissingError: Something that a later command needs is missing; nothing has been created.
        BootstrapError: A command failed; the error has its exit code.
    """
    _check(folder)
    _check_tools()
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for words, arguments, why in _itinerary(folder):
        if words != "platform init" and not (folder / PLATFORM / "teams" / f"{TEAM}.yaml").is_file():
            write_team(folder / PLATFORM)
        results.append(_run(words, arguments, why, folder, progress))
    return results


def _itinerary(folder: Path) -> Iterator[tuple[str, list[str], str]]:
    in_platform, in_project = ["-C", PLATFORM], ["-C", PROJECT]
    if not (folder / PLATFORM / "platform.yaml").is_file():
        yield (
            "platform init",
            [PLATFORM, "--organization", "contoso", "--defaults"],
            f"Creates the organization's manifests; the tour adds the team {TEAM}.",
        )
    yield "plan", ["--all", *in_platform], "Lists everything that Azure would contain, without an account."
    yield "platform access", in_platform, "Lists all role assignments."
    if not (folder / PROJECT / "mlops.yaml").is_file():
        yield (
            "new",
            ["tabular", PROJECT, "--data", f"team={TEAM}", "--defaults"],
            "Creates a project that trains, tests, gates and serves.",
        )
    yield "run", in_project, "Runs the Azure ML pipeline on this machine, on real data."
    yield "run", in_project, "Nothing changed, so that no job runs."
    yield "model gate", in_project, "Decides whether the new model may replace the one that serves."
    yield "model register", in_project, "Registers the model that passed, with its lineage."
    yield "model list", in_project, "Lists the versions, and which of them serves."
    yield "model serve", ["--check", *in_project], "Tests the managed endpoint's scoring script."


def write_team(platform: Path) -> None:
    """Write the team of the tour, which owns its project, into a new platform."""
    text = resources.files("bootstrap.demo").joinpath(f"{TEAM}.yaml").read_text(encoding="utf-8")
    write_atomically(platform / "teams" / f"{TEAM}.yaml", text)


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{folder} is a file.", hint="Name a folder: mlops-bootstrap demo DIR")
    if folder.exists():
        remove_leftovers(folder)
    others = [
        path.name
        for path in folder.glob("*")
        if path.name not in {PLATFORM, PROJECT, PAGE} and not path.name.startswith(PREFIX)
    ]
    if others:
        raise ConflictError(
            f"{folder} has files that are not of the demo.",
            why=f"Found: {', '.join(sorted(others)[:3])}.",
            hint="Name another folder: mlops-bootstrap demo DIR",
        )


def _check_tools() -> None:
    """Check that the tools of all commands are installed, before the first one."""
    git("version", cwd=Path.cwd())
    if importlib.util.find_spec("pulumi_azure_native") is None:
        raise MissingError(
            "The tour plans a platform, and that needs Pulumi's Python packages, which are not installed.",
            hint="Install them: uv tool install 'mlops-bootstrap[infra]', or in a checkout: uv sync --all-extras",
        )


def _run(words: str, arguments: list[str], why: str, folder: Path, progress: Progress) -> CommandResult:
    command = shell_line(*["mlops-bootstrap", *words.split(), *arguments])
    progress.started(command)
    started = time.monotonic()
    line = [sys.executable, "-m", "bootstrap", *words.split(), *arguments, "--output", "json"]
    with guarded_child(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process, process:
        result, talk = (output.decode(errors="replace") for output in process.communicate())
    seconds = time.monotonic() - started
    if process.returncode != ExitCode.DONE:
        progress.finished(command, f"failed with exit code {process.returncode}")
        raise _failure(command, process.returncode, talk)
    progress.finished(command)
    return CommandResult(words, command, why, seconds, json.loads(result))


def _failure(command: str, code: int, talk: str) -> BaseException:
    """An error with the exit code and the message of the command that failed."""
    kinds: dict[int, type[BootstrapError]] = {kind.exit_code: kind for kind in BootstrapError.__subclasses__()}
    if code not in kinds:
        return subprocess.CalledProcessError(code, command, stderr=talk)
    message = talk.partition("error: ")[2].strip() or talk.strip()
    return kinds[code](f"{command} ended with exit code {code}.", why=message)
