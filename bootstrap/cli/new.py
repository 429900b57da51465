"""`new`: a project from a blueprint."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.errors import InputError, MissingError
from bootstrap.files import relative_path
from bootstrap.processes import shell_line
from bootstrap.terminal.console import can_ask

if TYPE_CHECKING:
    from bootstrap.blueprint.create import NewProject


def complete_blueprint(incomplete: str) -> list[tuple[str, str]]:
    """The blueprints whose names start with `incomplete`, for shell completion."""
    from bootstrap.blueprint.repository import installed_blueprints

    with installed_blueprints() as snapshot:
        return [(name, label) for name, label in snapshot.blueprints().items() if name.startswith(incomplete)]


@command(
    app,
    "new",
    examples=[
        "mlops-bootstrap new tabular churn --defaults",
        "mlops-bootstrap new tabular fraud-score --data problem=classification --data team=fraud --defaults",
        "mlops-bootstrap new tabular spam --defaults --dry-run",
        "mlops-bootstrap new tabular risk --platform platform --defaults",
    ],
    interrupted="no files were created",
)
def new(
    session: Session,
    blueprint: Annotated[
        str | None,
        typer.Argument(
            metavar="BLUEPRINT",
            help="The kind of project: see `blueprint list`.",
            autocompletion=complete_blueprint,
        ),
    ] = None,
    destination: Annotated[
        Path | None, typer.Argument(metavar="DEST", help="The folder to create; default: the project's name.")
    ] = None,
    *,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="NAME=VALUE", help="The answer to a question; repeatable."),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Answers in a YAML file; --data overrides it.")
    ] = None,
    platform: Annotated[
        Path | None,
        typer.Option(
            "--platform",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Use the team, environments and locations of this platform repository; default: the one around the "
            "current folder.",
        ),
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Use the default answer to all other questions.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files that would be created.")] = False,
) -> None:
    """Create a project from a blueprint: a repository that trains, tests, gates and serves a model."""
    from bootstrap.blueprint.create import create
    from bootstrap.blueprint.repository import installed_blueprints

    path = Path(os.path.normpath(session.directory / destination)) if destination is not None else None
    given = _given(session, blueprint, data or [], answers)
    with installed_blueprints() as snapshot:
        taken = _from_platform(session, platform, path, given, snapshot.question_names())
        created = create(
            snapshot,
            taken | given,
            session.console,
            directory=session.directory,
            destination=path,
            ask=not defaults and can_ask(),
            defaults=defaults,
            dry_run=dry_run,
        )
        if snapshot.edited:
            session.console.say(
                "The blueprints of this checkout have uncommitted edits. The project contains them, but it can be "
                "updated only from a committed version."
            )
    if created.relocked:
        session.console.say("uv.lock was created again for your package index, with the blueprint's versions.")
    if created.written and not created.repository:
        session.console.say("The project is inside an existing git repository, so nothing was committed.")
    session.console.result(
        _text(created, session.directory),
        {
            "schema_version": 1,
            "project": created.project,
            "path": str(created.path),
            "blueprint": created.blueprint,
            "commit": created.commit,
            "files": created.files,
            "relocked": created.relocked,
            "from_platform": taken,
        },
    )


def _from_platform(
    session: Session, root: Path | None, destination: Path | None, given: dict[str, Any], questions: set[str]
) -> dict[str, str]:
    """Answers to `questions` from the platform repository in `root`, or from one around the current folder, if any."""
    from bootstrap.manifests.locate import find_root

    try:
        folder = find_root(session.directory / (root or ""))
    except MissingError:
        if root is not None:
            raise
        return {}
    from bootstrap.blueprint.from_platform import answers_from_platform
    from bootstrap.manifests.platform import load_platform

    platform = load_platform(folder)
    project = str(given.get("project_name") or (destination.name if destination else ""))
    destination = destination or session.directory / (project or "project")
    team = str(given["team"]) if "team" in given else None
    taken = answers_from_platform(platform, project, team, destination)
    taken = {name: value for name, value in taken.items() if name in questions - given.keys()}
    session.console.say(
        f"Answers from the platform repository {platform.root} (--data overrides them):\n"
        + "\n".join(f"  {name}: {value}" for name, value in taken.items())
    )
    return taken


def _given(session: Session, blueprint: str | None, data: list[str], answers: Path | None) -> dict[str, Any]:
    """The answers from --answers, overridden by those from --data."""
    given: dict[str, Any] = {}
    if answers is not None:
        from bootstrap.yaml import read

        content = read(session.directory / answers).data
        if not isinstance(content, dict):
            raise InputError(
                f"{answers} has no answers.", why="It must be a mapping with a line `question: answer` each."
            )
        # In a project's .copier-answers.yml, keys that begin with _ are Copier's own.
        given = {name: value for name, value in content.items() if not name.startswith("_")}
    wrong = [item for item in data if "=" not in item or item.startswith("=")]
    if wrong:
        raise InputError(
            f"--data needs NAME=VALUE, not {', '.join(map(repr, wrong))}.",
            hint="List the questions: mlops-bootstrap blueprint show BLUEPRINT",
        )
    given |= dict(item.split("=", 1) for item in data)
    if blueprint is not None:
        if given.get("blueprint", blueprint) != blueprint:
            raise InputError(
                f"There are two blueprints: {blueprint!r} is the argument, {given['blueprint']!r} is an answer."
            )
        given["blueprint"] = blueprint
    return given


def _text(created: "NewProject", directory: Path) -> str:
    if not created.written:
        head = (
            f"{len(created.files)} files from {created.blueprint} {created.commit} would be created in {created.path}:"
        )
        return "\n".join([head, *(f"  {file}" for file in created.files)])
    folder = relative_path(created.path, directory)
    steps = ([shell_line("cd", folder)] if folder != "." else []) + ["uv sync", "mlops-bootstrap run"]
    head = f"{created.project}: {len(created.files)} files from {created.blueprint} {created.commit} in {created.path}"
    return "\n".join([head, "Next:", *(f"  {step}" for step in steps)])
