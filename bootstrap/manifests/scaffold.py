"""`platform init`: a new platform repository, written whole or not at all."""

import contextlib
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bootstrap import __version__
from bootstrap.errors import ConflictError, InputError
from bootstrap.files import staging_folder
from bootstrap.manifests.locate import FILE_NAME, LINKS, TEAMS
from bootstrap.manifests.schema import FOLDER, Email, Guid, Location, Organization, schema_files
from bootstrap.yaml.messages import in_words
from infra.settings import EXAMPLE_EMAIL, EXAMPLE_SUBSCRIPTION, EXAMPLE_TENANT
from infra.tables.network_modes import MODES

EXAMPLE = "EXAMPLE: replace before you deploy"
"""Marks a value that was not given."""


@dataclass(frozen=True)
class Question:
    """A value that a new platform needs.

    Attributes:
        option: The option of `platform init` that gives it.
        text: What is asked for, short enough for a terminal of 80 columns with its example.
        example: What `--defaults` writes, and what a prompt shows.
        default: Whether a prompt accepts the example as it is.
    """

    option: str
    text: str
    example: str
    type: Any
    default: bool = False


QUESTIONS: dict[str, Question] = {
    "organization": Question(
        "--organization", "Organization, a short word in every Azure name", "example", Organization
    ),
    "location": Question("--location", "Azure location", "westeurope", Location, default=True),
    "subscription": Question("--subscription", "Id of the Azure subscription", EXAMPLE_SUBSCRIPTION, Guid),
    "tenant": Question("--tenant", "Id of the Entra tenant", EXAMPLE_TENANT, Guid),
    "email": Question("--email", "Mail address for alerts and budgets", EXAMPLE_EMAIL, Email),
}


def validated(answers: Mapping[str, str]) -> dict[str, str]:
    """The answers, by the names of their questions. Raises InputError that lists all that are not of the right form."""
    valid, mistakes = {}, []
    for name, answer in answers.items():
        try:
            valid[name] = TypeAdapter(QUESTIONS[name].type).validate_python(answer.strip())
        except ValidationError as error:
            message, suggestion = in_words([error.errors()[0]])
            mistakes.append(f"{QUESTIONS[name].option} {message}. {suggestion}".rstrip())
    if mistakes:
        what = "An option has a wrong value." if len(mistakes) == 1 else f"{len(mistakes)} options have wrong values."
        raise InputError(what, details=mistakes, hint="Correct them and run the command again.")
    return valid


def init(destination: Path, answers: Mapping[str, str], today: dt.date, *, dry_run: bool) -> list[str]:
    """Write a platform repository, and return the paths of its files below the folder, sorted.

    Run again with the same answers, it writes what is missing and changes nothing.

    Args:
        destination: The folder to create; an existing one may hold only what would be written, and `.git`.
        answers: Answers to `QUESTIONS`, by their names; where one is missing, its example is written and marked.
        today: Budgets start on the first day of its month.
        dry_run: Write nothing.

    Raises:
        InputError: An answer is not of the right form.
        OSError: The folder cannot be written.
        ConflictError: There are other files in the folder.
    """
    files = _files(validated(answers), today)
    _refuse_others(destination, files)
    if not dry_run:
        try:
            _write(destination, files)
        except OSError as error:  # it names the temporary folder
            raise OSError(error.errno, error.strerror, str(destination)) from error
    return sorted(files)


def _refuse_others(destination: Path, files: Mapping[str, str]) -> None:
    if destination.exists() and not destination.is_dir():
        raise ConflictError(f"{destination} is a file.", hint="Name a folder that does not exist yet.")
    folders = sorted({parent.as_posix() for file in files for parent in PurePosixPath(file).parents} - {"."})
    differing = [path for path in folders if not _is_free_or(destination / path, None)]
    differing += [path for path, text in sorted(files.items()) if not _is_free_or(destination / path, text)]
    inside = (
        path.relative_to(destination).as_posix()
        for folder in (".", *folders)
        if (destination / folder).is_dir()
        for path in sorted((destination / folder).iterdir())
    )
    other = next((path for path in inside if path not in {".git", *folders, *files}), None)
    if differing or other is not None:
        raise ConflictError(
            f"{destination} is not empty.",
            details=differing,
            why="These files differ from those that would be written, and init overwrites nothing."
            if differing
            else f"It has files that are not of a new platform, for example {other}.",
            hint="Name a folder that does not exist yet.",
        )


def _is_free_or(path: Path, text: str | None) -> bool:
    """Whether nothing has this path, or only a folder (without `text`) or a file with this text."""
    if not path.exists() and not path.is_symlink():
        return True
    if text is None:
        return path.is_dir() and not path.is_symlink()
    return path.is_file() and path.read_bytes() == text.encode()


def _write(destination: Path, files: Mapping[str, str]) -> None:
    """Write into a temporary folder first, so that a new destination appears as a whole."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(destination.parent) as folder:
        made = folder / "new"
        for relative, text in files.items():
            path = made / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        if not destination.exists():
            with contextlib.suppress(OSError):  # another process was faster: its files are compared with ours
                made.rename(destination)
                return
        _create_first(made / FILE_NAME, destination / FILE_NAME)
        _refuse_others(destination, files)
        for relative in files:
            (destination / relative).parent.mkdir(parents=True, exist_ok=True)
            (made / relative).replace(destination / relative)


def _create_first(made: Path, path: Path) -> None:
    """Create the only file with answers, if it is not there: of two processes one does, and the other one sees it."""
    with contextlib.suppress(OSError):  # it is there, or this file system has no links: it is written with the others
        path.hardlink_to(made)


def _files(answers: Mapping[str, str], today: dt.date) -> dict[str, str]:
    def line(name: str) -> str:
        # Quoted, so that an organization called `null` is one too.
        if name in answers:
            return json.dumps(answers[name])
        return f"{json.dumps(QUESTIONS[name].example)} # {EXAMPLE}"

    return {
        FILE_NAME: f"""\
# yaml-language-server: $schema={FOLDER}/platform.schema.json
schema_version: 1
tool: "{".".join(__version__.split(".")[:2])}.*" # the version of mlops-bootstrap that everybody uses here
organization: {line("organization")}
location: {line("location")}
tenant_id: {line("tenant")}
subscription_id: {line("subscription")}
network: managed # one of {", ".join(MODES)}: docs/network.md of mlops-bootstrap
budget_start: {today.replace(day=1)} # budgets count from here; Azure never lets it change
tags:
  owner: {line("email")}

environments:
  dev: {{ring: 0}}
  prod: {{ring: 1, protect: true}} # best with a subscription_id of its own

hub:
  log_retention_days: 90
  budget: 300
  alert_emails:
    - {line("email")}
""",
        f"{TEAMS}/example.yaml": _TEAM,
        LINKS: _LINKS,
        "README.md": _README,
        ".gitignore": "# State of stacks that are kept on this machine\n.mlops/\n",
        ".vscode/settings.json": _EDITOR,
        **schema_files(),
    }


_TEAM = f"""\
# yaml-language-server: $schema=../{FOLDER}/team.schema.json
# A team. Copy this file for each of yours; its name is the team's name.
name: example
# groups: # object ids of Entra groups
#   data_scientists: 11111111-1111-1111-1111-111111111111
#   engineers: 22222222-2222-2222-2222-222222222222
environments:
  dev:
    budget: 500 # per month, in the currency of the subscription
    compute:
      - {{name: cpu, size: Standard_D4ds_v5, max_nodes: 4}}
  prod:
    budget: 1000
    compute:
      - {{name: cpu, size: Standard_D4ds_v5, max_nodes: 2}}
projects: []
#  - {{name: churn, repository: github:OWNER/churn}}
"""

_LINKS = f"""\
# yaml-language-server: $schema={FOLDER}/links.schema.json
# Issuer and subject of the forges' tokens, by team, project and environment. Read them from the forge: they cannot be
# computed from names (docs/platform.md of mlops-bootstrap shows how). With the subject of another repository, that one
# could log in; without a link the project's CI cannot, and the plan reports it.
schema_version: 1
teams: {{}}
#  example:
#    churn:
#      dev: {{issuer: https://token.actions.githubusercontent.com, subject: "repo:OWNER/churn:environment:dev"}}
"""

_EDITOR = (
    json.dumps(
        {
            "yaml.schemas": {
                f"./{FOLDER}/platform.schema.json": FILE_NAME,
                f"./{FOLDER}/team.schema.json": f"{TEAMS}/*.yaml",
                f"./{FOLDER}/links.schema.json": LINKS,
            }
        },
        indent=2,
    )
    + "\n"
)

_README = f"""\
# Platform

The source of truth of our machine learning platform on Azure, kept with
[mlops-bootstrap](https://github.com/mlops-bootstrap/mlops-bootstrap).

- `{FILE_NAME}`: the organization, its environments, and what all teams share
- `{TEAMS}/`: one file per team
- `{LINKS}`: how the CI of each project logs in

```
mlops-bootstrap platform validate   # are the manifests right?
mlops-bootstrap plan                # everything that Azure would hold; no account needed
mlops-bootstrap plan --check        # in CI: exit code 5 when something must not be deployed
mlops-bootstrap plan example-dev -o markdown
```

Add a team: copy `{TEAMS}/example.yaml` to `{TEAMS}/NAME.yaml` and set `name: NAME`.
"""
