"""`blueprint`: the catalogue."""

from typing import Annotated

import typer

from bootstrap.cli.app import blueprint as group
from bootstrap.cli.command import Session, command
from bootstrap.cli.new import complete_blueprint


@command(group, "blueprint list", examples=["mlops-bootstrap blueprint list"])
def list_(session: Session) -> None:
    """List the blueprints that `new` can start from."""
    from bootstrap.blueprint import catalogue, our_blueprints
    from bootstrap.terminal.table import table

    with our_blueprints() as snapshot:
        blueprints = catalogue(snapshot)
    document = {
        "schema_version": 1,
        "repository": snapshot.url,
        "commit": snapshot.commit,
        "blueprints": [{"name": name, "description": label} for name, label in blueprints.items()],
    }
    session.console.result(table(["blueprint", "what it is"], [[*item] for item in blueprints.items()]), document)


@command(group, "blueprint show", examples=["mlops-bootstrap blueprint show tabular"])
def show(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="BLUEPRINT", autocompletion=complete_blueprint)],
) -> None:
    """Show what a blueprint asks for, with the defaults."""
    from dataclasses import asdict
    from pathlib import Path

    from bootstrap.blueprint import catalogue, opened, our_blueprints
    from bootstrap.errors import InputError, did_you_mean
    from bootstrap.terminal.table import table

    with our_blueprints() as snapshot:
        blueprints = catalogue(snapshot)
        if name not in blueprints:
            raise InputError(f"There is no blueprint {name!r}.", hint=did_you_mean(name, blueprints))
        with opened(snapshot, Path(name)) as template:
            questions = template.questions({"blueprint": name})
            commit = template.commit
    document = {
        "schema_version": 1,
        "blueprint": name,
        "description": blueprints[name],
        "commit": commit,
        "questions": [asdict(question) for question in questions],
    }
    rows = [
        [
            question.name,
            question.type,
            "(required)" if question.required else str(question.default),
            " | ".join(question.choices) or question.help.splitlines()[0] if question.help else "",
        ]
        for question in questions
    ]
    text = f"{name} {commit}: {blueprints[name]}\n\n" + table(["question", "type", "default", "what"], rows)
    session.console.result(text, document)
