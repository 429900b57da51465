"""The arguments that the commands on deployed stacks share."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, complete_stack
from bootstrap.errors import ConflictError, InputError
from bootstrap.processes import shell_line
from bootstrap.terminal.console import can_ask

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
    """The stacks of the platform under the engine.

    Raises:
        ConflictError: The manifests name another backend than this machine uses, and nobody agrees.
        InputError: The environment replaces a provider of the engine.
        MissingError: There is no engine.
    """
    from bootstrap.stack.deploy.backend import refuse_tracked, state_folder
    from bootstrap.stack.deploy.deploy import Deployer, parse_imports
    from bootstrap.stack.deploy.engine import Engine

    platform, found = session.platform(), parse_imports(imports)
    if os.environ.get(_OTHER_PROVIDERS):
        raise InputError(
            f"{_OTHER_PROVIDERS} is set: the engine would deploy to something else than Azure.",
            hint=f"Unset it: unset {_OTHER_PROVIDERS}",
        )
    folder = state_folder(platform.root)
    if backend is None:
        backend = platform.manifests.platform.value.state
        _agree_to_backend(session, platform, folder, backend)
    refuse_tracked(backend)
    return Deployer(platform, folder, Engine(), backend, session.console, parallel, max_failures, found)


_OTHER_PROVIDERS = "PULUMI_DEBUG_PROVIDERS"
"""The variable by which the engine uses a running program as a provider.

https://www.pulumi.com/docs/iac/cli/environment-variables/
"""


def _agree_to_backend(session: Session, platform: "Platform", folder: Path, backend: str) -> None:
    """Ask before the states are those of another backend than this machine used, because a commit says so.

    The engine downloads and runs the plugins that a state names.
    """
    from bootstrap.stack.deploy.backend import place_of, use_place, used_place

    place, used = place_of(platform, backend), used_place(folder)
    if place == used:
        return
    what = f"platform.yaml names another backend than this machine used: {place}, not {used}."
    why = "The engine runs the plugins that its states name, and creates what they lack again."
    if not can_ask():
        raise ConflictError(what, why=why, hint=f"If the change is intended: {shell_line('--backend', backend)}")
    session.console.say(f"{what} {why}")
    ask(session, [("Type yes to use it from now on", "yes")])
    use_place(folder, place)


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
