"""`platform init`: a new platform repository, written whole or not at all."""

import contextlib
import datetime as dt
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from bootstrap import __version__
from bootstrap.errors import ConflictError, InputError, MissingError
from bootstrap.files import remove_tree, staging_folder
from bootstrap.forge import FORGES
from bootstrap.manifests.locate import FILE_NAME, LINKS, TEAMS
from bootstrap.manifests.locations import unknown_location
from bootstrap.manifests.schema import FOLDER, Email, Guid, Location, Organization, ToolSource, schema_files
from bootstrap.processes import SET_IDENTITY, first_commit, repository_around, shell_line
from bootstrap.progress import Progress
from bootstrap.tool import PYPI, uvx_arguments
from bootstrap.yaml.messages import in_words
from infra.settings import EXAMPLE_EMAIL, EXAMPLE_SUBSCRIPTION, EXAMPLE_TENANT
from infra.tables.network_modes import MODES
from infra.tables.regions import is_known

EXAMPLE = "EXAMPLE: replace before you deploy"
"""Marks a value that was not given."""


@dataclass(frozen=True)
class Question:
    """A value of a new platform or team.

    Attributes:
        option: The option that gives it.
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
"""The values that a new platform needs."""

CHOICES: dict[str, Question] = {
    "forge": Question("--forge", "Where its repository is", "github", Literal[tuple(forge.name for forge in FORGES)]),
    "tool_source": Question("--tool-source", "Where mlops-bootstrap is installed from", PYPI, ToolSource),
}
"""The values that are only taken from options, and otherwise are their examples."""


def validated(
    answers: Mapping[str, str], questions: Mapping[str, Question] = MappingProxyType({**QUESTIONS, **CHOICES})
) -> dict[str, Any]:
    """The answers, by the names of their questions. Raises InputError that lists all that are not of the right form."""
    valid, mistakes = {}, []
    for name, answer in answers.items():
        try:
            valid[name] = TypeAdapter(questions[name].type).validate_python(answer.strip())
            if name == "location" and not is_known(valid[name]):
                mistakes.append(f"{questions[name].option}: {' '.join(unknown_location(valid[name]))}".rstrip())
        except ValidationError as error:
            message, suggestion = in_words([error.errors()[0]])
            mistakes.append(f"{questions[name].option} {message}. {suggestion}".rstrip())
    if mistakes:
        what = "An option has a wrong value." if len(mistakes) == 1 else f"{len(mistakes)} options have wrong values."
        raise InputError(what, details=mistakes, hint="Correct them and run the command again.")
    return valid


Repository = Literal["created", "existing", "none"]
"""What `init` did about git: created a repository with a first commit; found one, or could not create one."""


def init(
    destination: Path,
    answers: Mapping[str, str],
    today: dt.date,
    progress: Progress,
    *,
    example: bool = False,
    dry_run: bool = False,
) -> tuple[list[str], Repository]:
    """Write a platform repository, and return the paths of its files below the folder, sorted, and what git has.

    Run again with the same answers, it writes what is missing and changes nothing. In an existing repository nothing
    is committed; in a folder of one there are no CI files, because forges look for them in its root.

    Args:
        destination: The folder to create; an existing one may hold only what would be written, and `.git`.
        answers: Answers to `QUESTIONS` and `CHOICES`, by their names; where one of `QUESTIONS` is missing, its example
            is written and marked.
        today: Budgets start on the first day of its month.
        progress: Hears why there is no new git repository.
        example: Write an example of a team.
        dry_run: Write nothing.

    Raises:
        InputError: An answer is not of the right form.
        OSError: The folder cannot be written.
        ConflictError: There are other files in the folder.
    """
    place = destination.resolve()
    around = place if (place / ".git").exists() else None
    with contextlib.suppress(MissingError):  # without git, nobody works in a repository here
        around = around or repository_around(place)
    files = _files(validated(answers), today, example=example, with_ci=around in (None, place))
    _refuse_others(destination, files)
    repository: Repository = "created" if around is None else "existing"
    if around is not None:
        progress.say(
            f"{destination} is in a repository, {around}, so none was created: commit the files there."
            if around != place
            else f"{destination} is a git repository already: commit the files."
        )
    if not dry_run:
        try:
            repository = _write(destination, files, repository, progress)
        except OSError as error:  # it names the temporary folder
            raise OSError(error.errno, error.strerror, str(destination)) from error
    return sorted(files), repository


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


def _write(destination: Path, files: Mapping[str, str], repository: Repository, progress: Progress) -> Repository:
    """Write into a temporary folder first, so that a new destination appears as a whole, with its repository."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(destination.parent) as folder:
        made = folder / "new"
        for relative, text in files.items():
            path = made / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        if repository == "created" and not _commit(made, destination, progress):
            repository = "none"
        if not destination.exists():
            with contextlib.suppress(OSError):  # another process was faster: its files are compared with ours
                made.rename(destination)
                return repository
        _create_first(made / FILE_NAME, destination / FILE_NAME)
        _refuse_others(destination, files)
        for relative in files:
            (destination / relative).parent.mkdir(parents=True, exist_ok=True)
            (made / relative).replace(destination / relative)
        if repository == "created":
            with contextlib.suppress(OSError):  # another process was faster: its repository has the same files
                (made / ".git").rename(destination / ".git")
    return repository


def _commit(folder: Path, destination: Path, progress: Progress) -> bool:
    """Make a folder that becomes `destination` a git repository with a first commit, if git can; else say why not."""
    message, next_ = "The platform, by mlops-bootstrap platform init", ""
    try:
        if first_commit(folder, message) is not None:
            return True
        why, next_ = "git has no user.name and user.email.", f"{SET_IDENTITY}; "
    except MissingError as error:
        why, next_ = error.what, "install git; "
    except InputError as error:
        why = f"{error.what} {error.why}"
    remove_tree(folder / ".git")
    git = [
        shell_line("git", "-C", str(destination), *words)
        for words in (["init", "--initial-branch=main"], ["add", "--all"], ["commit", "--message", message])
    ]
    progress.say(f"The files are written, without a git repository: {why}\nNext: {next_}{'; '.join(git)}")
    return False


def _create_first(made: Path, path: Path) -> None:
    """Create the only file with answers, if it is not there: of two processes one does, and the other one sees it."""
    with contextlib.suppress(OSError):  # it is there, or this file system has no links: it is written with the others
        path.hardlink_to(made)


def _files(answers: Mapping[str, str], today: dt.date, *, example: bool, with_ci: bool) -> dict[str, str]:
    def line(name: str) -> str:
        # Quoted, so that an organization called `null` is one too.
        if name in answers:
            return json.dumps(answers[name])
        return f"{json.dumps(QUESTIONS[name].example)} # {EXAMPLE}"

    version, source = ".".join(__version__.split(".")[:2]) + ".*", answers.get("tool_source")
    tool = shlex.join(["uvx", *uvx_arguments(version, source, extra="infra"), "mlops-bootstrap"])
    forge = next(forge for forge in FORGES if forge.name == answers.get("forge", CHOICES["forge"].example))
    sourced = f"tool_source: {json.dumps(source)}\n" if source is not None else ""
    return {
        FILE_NAME: f"""\
# yaml-language-server: $schema={FOLDER}/platform.schema.json
schema_version: 1
tool: "{version}" # the version of mlops-bootstrap, for everybody here
{sourced}organization: {line("organization")}
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
        **({f"{TEAMS}/example.yaml": _TEAM} if example else {}),
        LINKS: _LINKS,
        "README.md": _README,
        ".gitignore": "# State of stacks that are kept on this machine\n.mlops/\n",
        ".vscode/settings.json": _EDITOR,
        **schema_files(),
        **(forge.platform_ci(tool) if with_ci else {}),
    }


_TEAM = f"""\
# yaml-language-server: $schema=../{FOLDER}/team.schema.json
# An example of a team. Remove it when you have added your own: mlops-bootstrap platform team add NAME
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
#  fraud:
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
mlops-bootstrap platform team add NAME   # a team, in all environments
mlops-bootstrap platform validate        # are the manifests right?
mlops-bootstrap plan                     # everything that Azure would hold; no account needed
mlops-bootstrap diff HEAD                # what a change of the manifests does in Azure
```
"""
