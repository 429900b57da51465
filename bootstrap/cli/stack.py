"""The arguments that the commands on deployed stacks share."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, complete_stack
from bootstrap.errors import ConflictError, InputError

if TYPE_CHECKING:
    from bootstrap.manifests.platform import Platform
    from bootstrap.stack.deploy.deploy import Deployer
    from infra.settings import StackSettings


@dataclass(frozen=True)
class Selection:
    """The arguments that select stacks. Each is the argument of `selected` of the same name."""

    stacks: Annotated[
        list[str] | None, typer.Argument(metavar="STACK...", help="The stacks.", autocompletion=complete_stack)
    ] = None
    every: Annotated[bool, typer.Option("--all", help="All stacks of the platform.")] = False
    ring: Annotated[int | None, typer.Option("--ring", metavar="N", help="The stacks of this ring.")] = None
    team: Annotated[str | None, typer.Option("--team", metavar="NAME", help="The stacks of this team.")] = None
    environment: Annotated[
        str | None, typer.Option("--environment", metavar="NAME", help="The stacks of this environment.")
    ] = None

    def of(self, platform: "Platform") -> list[str]:
        """The names of the selected stacks. Raises as `selected` does."""
        from bootstrap.stack.deploy.rings import selected

        return selected(
            platform, self.stacks or [], every=self.every, ring=self.ring, team=self.team, environment=self.environment
        )


Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="file|hub|URL",
        envvar="MLOPS_BOOTSTRAP_BACKEND",
        help="Where the states are: the folder .mlops of the platform repository, the hub's storage account, or a URL; "
        "by default `state` of platform.yaml.",
    ),
]
Parallel = Annotated[int, typer.Option("--parallel", metavar="N", min=1, max=32, help="Stacks at the same time.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Confirm = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="ENVIRONMENT", help="Confirm changes of a protected environment. Repeatable."),
]


AllowReplace = Annotated[
    list[str] | None,
    typer.Option(metavar="URN", help="Allow that this resource loses its data or is changed for good. Repeatable."),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import", metavar="URN=ID", help="Import a resource that exists and that the state does not have. Repeatable."
    ),
]


def deployer(
    session: Session, backend: str | None, parallel: int, max_failures: int = 1, imports: Sequence[str] = ()
) -> "Deployer":
    """The stacks of the platform under the engine. Raises MissingError when there is no engine."""
    from bootstrap.stack.deploy.backend import refuse_tracked, state_folder
    from bootstrap.stack.deploy.deploy import Deployer, parse_imports
    from bootstrap.stack.deploy.engine import Engine

    platform, found = session.platform(), parse_imports(imports)
    folder = state_folder(platform.root)
    backend = backend or platform.manifests.platform.value.state
    refuse_tracked(backend)
    return Deployer(platform, folder, Engine(), backend, session.console, parallel, max_failures, found)


def consent(session: Session, *, yes: bool, confirmed: Sequence[str]) -> "Callable[[Sequence[StackSettings]], None]":
    """Ask before stacks are changed; for protected environments the answer is the environment's name."""

    def ask_for(settings: "Sequence[StackSettings]") -> None:
        protected = {getattr(one, "environment", one.stack) for one in settings if one.protect}
        waiting = sorted(protected - {*confirmed})
        questions = [(f"Type {name} to change this protected environment", name) for name in waiting]
        if not yes and not protected:
            questions = [("Type yes to make these changes", "yes")]
        ask(session, questions)

    return ask_for


def ask(session: Session, questions: Sequence[tuple[str, str]]) -> None:
    """Ask questions, each with the answer that is consent.

    Raises:
        ConflictError: Another answer is given.
        InputError: There is nobody to ask.
    """
    if questions and not sys.stdin.isatty():
        options = " ".join(f"--confirm {answer}" for _, answer in questions if answer != "yes") or "--yes"
        raise InputError("Nobody can be asked: this is no terminal.", hint=f"Once you agree, add: {options}")
    session.console.close()
    for question, answer in questions:
        if typer.prompt(question, err=True).strip() != answer:
            raise ConflictError("Nothing was changed.", why=f"The answer was not {answer}.")
