"""`blueprint`: the catalogue."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, blueprint_group, command
from bootstrap.cli.new import complete_blueprint
from bootstrap.errors import InputError, did_you_mean
from bootstrap.terminal.table import table


@command(blueprint_group, "blueprint list", examples=["mlops-bootstrap blueprint list"])
def list_(session: Session) -> None:
    """List the blueprints that `new` can use."""
    from bootstrap.blueprint.repository import installed_blueprints

    with installed_blueprints() as snapshot:
        blueprints = snapshot.blueprints()
    session.console.result(
        table(["blueprint", "what it is"], [[*item] for item in blueprints.items()]),
        {
            "schema_version": 1,
            "repository": snapshot.url,
            "commit": snapshot.commit,
            "blueprints": [{"name": name, "description": label} for name, label in blueprints.items()],
        },
    )


@command(blueprint_group, "blueprint show", examples=["mlops-bootstrap blueprint show tabular"])
def show(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="BLUEPRINT", autocompletion=complete_blueprint)],
) -> None:
    """Show the questions of a blueprint, with their defaults."""
    from bootstrap.blueprint import repository, template

    with repository.installed_blueprints() as snapshot:
        blueprints = snapshot.blueprints()
        if name not in blueprints:
            raise InputError(f"There is no blueprint {name!r}.", hint=did_you_mean(name, blueprints))
        with template.open_template(snapshot, Path(name)) as opened:
            questions = opened.questions({"blueprint": name})
            commit = opened.commit
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
