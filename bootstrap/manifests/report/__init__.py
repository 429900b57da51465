"""Reports of `platform validate`, one module for each form.

Each has `render(stacks, errors, warnings)`: the names of the stacks, and the problems of each severity. To add a form,
add its module and its name here.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bootstrap.errors import Problem

FORMS = ("text", "json", "github", "sarif")
"""The forms, each the name of a module of this package; the first is the default."""


def render(form: str, stacks: Sequence[str], errors: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    """The report of a validation in one of `FORMS`."""
    text: str = import_module(f"{__name__}.{form}").render(stacks, errors, warnings)
    return text


def file_name(problem: Problem) -> str:
    """The problem's file as CI finds it: relative to the current folder, where it is below it, with forward slashes."""
    path, here = problem.position.path, Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def message(problem: Problem) -> str:
    """What is wrong, and what to write instead."""
    return f"{problem.message} {problem.suggestion}".rstrip()
