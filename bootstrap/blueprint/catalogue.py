"""Reads copier.yml without importing Copier, because shell completion must be fast."""

from pathlib import Path
from typing import Any

from bootstrap.blueprint.repository import Snapshot
from bootstrap.errors import InputError
from bootstrap.yaml import parse


def catalogue(snapshot: Snapshot) -> dict[str, str]:
    """The name of each blueprint and its description in one line: the choices of the question `blueprint`.

    Raises:
        InputError: copier.yml has no such question.
    """
    try:
        choices = _copier_yml(snapshot)["blueprint"]["choices"]
        pairs = choices.items() if isinstance(choices, dict) else ((choice, choice) for choice in choices)
        return {str(name): str(label).removeprefix(f"{name}: ") for label, name in pairs}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{snapshot.url} at {snapshot.commit[:12]} has no blueprints.",
            why="Its copier.yml has no question `blueprint` with choices.",
        ) from error


def question_names(snapshot: Snapshot) -> set[str]:
    """The names of all questions."""
    return {name for name in _copier_yml(snapshot) if not name.startswith("_")}


def _copier_yml(snapshot: Snapshot) -> Any:
    return parse(snapshot.read("copier.yml"), Path("copier.yml")).data
