"""The arguments that commands on stacks share."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.errors import BootstrapError, InputError


def complete_stack(context: typer.Context, incomplete: str) -> list[str]:
    """The stacks whose names start with `incomplete`, for the shell's completion. Imports no Pulumi."""
    from bootstrap.manifests.locate import stack_names

    try:
        names = stack_names(Path(context.params.get("directory") or ".").resolve())
    except BootstrapError:
        # A shell cannot show messages while it completes; the command itself reports the error.
        return []
    return [name for name in names if name.startswith(incomplete)]


def day(text: str) -> str:
    """The day in the form `YYYY-MM-DD`. Raises InputError."""
    import datetime as dt

    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(
            "--as-of must be a day of the calendar.",
            why=f"The value is {text!r}.",
            hint="Write it as: --as-of 2026-11-24",
        ) from error


Stacks = Annotated[
    list[str] | None,
    typer.Argument(metavar="STACK...", help="The stacks; all stacks by default.", autocompletion=complete_stack),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="YYYY-MM-DD",
        parser=day,
        help="The day for rules with dates: suppressions, retired sizes. Without it no date has passed.",
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Ignore the cached plans of earlier runs.")]
