"""The blueprints that there are, read without starting Copier: a shell that completes a word does not wait."""

from pathlib import Path

from bootstrap.blueprint.repository import Snapshot
from bootstrap.errors import InputError
from bootstrap.yaml import parse


def catalogue(snapshot: Snapshot) -> dict[str, str]:
    """The name of each blueprint, and its description in a line: the choices of copier.yml's question `blueprint`.

    Raises:
        InputError: copier.yml has no such question.
    """
    document = parse(snapshot.read("copier.yml"), Path("copier.yml"))
    try:
        choices = document.data["blueprint"]["choices"]
        pairs = choices.items() if isinstance(choices, dict) else ((choice, choice) for choice in choices)
        return {str(name): str(label).removeprefix(f"{name}: ") for label, name in pairs}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{snapshot.url} at {snapshot.commit[:12]} has no blueprints.",
            why="Its copier.yml has no question `blueprint` with choices.",
        ) from error
