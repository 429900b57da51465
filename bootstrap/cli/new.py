"""`new`: a project from a blueprint."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.cli.app import app
from bootstrap.cli.command import Session, command
from bootstrap.errors import InputError

if TYPE_CHECKING:
    from bootstrap.blueprint import Created


def complete_blueprint(incomplete: str) -> list[tuple[str, str]]:
    """The blueprints whose names start with what was typed, for the shell. Imports no Copier."""
    from bootstrap.blueprint import catalogue, our_blueprints

    with our_blueprints() as snapshot:
        return [(name, label) for name, label in catalogue(snapshot).items() if name.startswith(incomplete)]


@command(
    app,
    "new",
    examples=[
        "mlops-bootstrap new tabular churn --defaults",
        "mlops-bootstrap new tabular fraud-score --data problem=classification --data team=fraud --defaults",
        "mlops-bootstrap new tabular spam --defaults --dry-run",
    ],
)
def new(
    session: Session,
    blueprint: Annotated[
        str | None,
        typer.Argument(help="The kind of project: see `blueprint list`.", autocompletion=complete_blueprint),
    ] = None,
    destination: Annotated[
        Path | None, typer.Argument(metavar="[DEST]", help="The folder to make; by default the project's name.")
    ] = None,
    *,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="NAME=VALUE", help="The answer to a question; repeatable."),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Answers in a YAML file; --data wins over it.")
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Take the default of every other question.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files that would be made, and stop.")] = False,
) -> None:
    """Create a project from a blueprint: a folder that trains, tests, gates and serves a model."""
    from bootstrap.blueprint import Order, create, our_blueprints

    order = Order(
        directory=session.directory,
        destination=session.directory / os.path.normpath(destination) if destination is not None else None,
        given=_given(session, blueprint, data or [], answers),
        ask=not defaults and sys.stdin.isatty() and sys.stderr.isatty(),
        defaults=defaults,
        dry_run=dry_run,
    )
    with our_blueprints() as snapshot:
        created = create(order, snapshot, session.console)
        if snapshot.edited:
            session.console.say(
                "The blueprints of this checkout have edits that are not committed. They are in the project, "
                "but it can be updated only from a commit that others can find."
            )
    if created.relocked:
        session.console.say("uv.lock was made anew for your package index; the versions in it are the blueprint's.")
    if created.written and not created.repository:
        session.console.say("The project lies in a git repository already, so nothing was committed: that is yours.")
    session.console.result(_text(created, session.directory), created.document())


def _given(session: Session, blueprint: str | None, data: list[str], answers: Path | None) -> dict[str, Any]:
    """The answers from the command line, over those from the file."""
    given: dict[str, Any] = {}
    if answers is not None:
        from bootstrap.yaml import read

        content = read(session.directory / answers).data
        if not isinstance(content, dict):
            raise InputError(f"{answers} holds no answers.", why="It must be a mapping: one `question: answer` a line.")
        # A project's own answers file serves as well: what begins with _ there is Copier's.
        given = {name: value for name, value in content.items() if not name.startswith("_")}
    wrong = [item for item in data if "=" not in item or item.startswith("=")]
    if wrong:
        raise InputError(f"--data takes NAME=VALUE, not {', '.join(map(repr, wrong))}.")
    given |= dict(item.split("=", 1) for item in data)
    if blueprint is not None:
        if given.get("blueprint", blueprint) != blueprint:
            raise InputError(
                f"Two blueprints are named: {blueprint!r} as the argument, {given['blueprint']!r} as an answer."
            )
        given["blueprint"] = blueprint
    return given


def _text(created: "Created", directory: Path) -> str:
    if not created.written:
        head = f"{created.path} would get {len(created.files)} files from {created.blueprint} {created.commit}:"
        return "\n".join([head, *(f"  {file}" for file in created.files)])
    folder = os.path.relpath(created.path, directory)
    quoted = subprocess.list2cmdline([folder]) if sys.platform == "win32" else shlex.quote(folder)
    steps = ([f"cd {quoted}"] if folder != "." else []) + ["uv sync", "mlops-bootstrap run"]
    head = f"{created.project}: {len(created.files)} files from {created.blueprint} {created.commit} in {created.path}"
    return "\n".join([head, "Next:", *(f"  {step}" for step in steps)])
