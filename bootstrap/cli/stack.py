"""The arguments that the commands on deployed stacks share."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, complete_stack
from bootstrap.errors import ConflictError, InputError

if TYPE_CHECKING:
    from bootstrap.stack.deploy.deploy import Deployer
    from infra.settings import StackSettings

SelectedStacks = Annotated[
    list[str] | None, typer.Argument(metavar="STACK...", help="The stacks.", autocompletion=complete_stack)
]
All = Annotated[bool, typer.Option("--all", help="All stacks of the platform.")]
Ring = Annotated[int | None, typer.Option("--ring", metavar="N", help="The stacks of this ring.")]
Team = Annotated[str | None, typer.Option("--team", metavar="NAME", help="The stacks of this team.")]
Environment = Annotated[
    str | None, typer.Option("--environment", metavar="NAME", help="The stacks of this environment.")
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="file|hub|URL",
        envvar="MLOPS_BOOTSTRAP_BACKEND",
        help="Where the states are: the folder .mlops of the platform repository, the hub's storage account, or a URL.",
    ),
]
Parallel = Annotated[int, typer.Option("--parallel", metavar="N", min=1, max=32, help="Stacks at the same time.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Confirm = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="ENVIRONMENT", help="Confirm changes of a protected environment. Repeatable."),
]


Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import", metavar="URN=ID", help="Import a resource that exists and that the state does not have. Repeatable."
    ),
]


def deployer(
    session: Session, backend: str, parallel: int, max_failures: int = 1, imports: Sequence[str] = ()
) -> "Deployer":
    """The stacks of the platform under the engine. Raises MissingError when there is no engine."""
    from bootstrap.stack.deploy.backend import state_folder
    from bootstrap.stack.deploy.deploy import Deployer, parse_imports
    from bootstrap.stack.deploy.engine import Engine

    platform, found = session.platform(), parse_imports(imports)
    folder = state_folder(platform.root)
    return Deployer(platform, folder, Engine(), backend, session.console, parallel, max_failures, found)


def confirm(session: Session, settings: Iterable["StackSettings"], *, yes: bool, confirmed: Sequence[str]) -> None:
    """Ask before stacks are changed; for protected environments the answer is the environment's name.

    Raises:
        ConflictError: The answer is no.
        InputError: There is nobody to ask.
    """
    protected = {getattr(one, "environment", one.stack) for one in settings if one.protect}
    waiting = sorted(protected - {*confirmed})
    questions = [(f"Type {name} to change this protected environment", name) for name in waiting]
    if not yes and not protected:
        questions = [("Type yes to make these changes", "yes")]
    if questions and not sys.stdin.isatty():
        options = " ".join(f"--confirm {answer}" for _, answer in questions if answer != "yes") or "--yes"
        raise InputError("Nobody can be asked: this is no terminal.", hint=f"Once you agree, add: {options}")
    session.console.close()
    for question, answer in questions:
        if typer.prompt(question, err=True).strip() != answer:
            raise ConflictError("Nothing was changed.", why=f"The answer was not {answer}.")
