"""The root of the command line, its groups, and how a command of them is declared.

A command is a plain Typer function whose first parameter is a `Session`. `command` registers it and adds `-C`,
`--output`, `--quiet` and `--verbose`, so that they are the same everywhere and written once. Arguments that several
commands share stand at the end. A parameter whose type is a dataclass stands for several arguments: its fields.
"""

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperArgument, TyperCommand

from bootstrap import __version__
from bootstrap.errors import BootstrapError, ExitCode, InputError
from bootstrap.terminal.console import Console, can_ask

if TYPE_CHECKING:
    from bootstrap.manifests.platform import Platform
    from bootstrap.project import Project


# Help pages are plain, because importing Rich takes longer than the rest of a help page.
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

app = typer.Typer(
    help="From nothing to governed machine learning on Azure, and kept there.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=_CONTEXT,
)
model_group = typer.Typer(help="The model's life: gate, register, serve.", rich_markup_mode=None, no_args_is_help=True)
platform_group = typer.Typer(help="The manifests of your platform.", rich_markup_mode=None, no_args_is_help=True)
team_group = typer.Typer(help="The teams of your platform.", rich_markup_mode=None, no_args_is_help=True)
environment_group = typer.Typer(help="The environments of a team.", rich_markup_mode=None, no_args_is_help=True)
blueprint_group = typer.Typer(help="The catalogue of project blueprints.", rich_markup_mode=None, no_args_is_help=True)
runs_group = typer.Typer(help="The runs of a project's pipelines.", rich_markup_mode=None, no_args_is_help=True)
deployments_group = typer.Typer(help="What was deployed, and how it went.", rich_markup_mode=None, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlops-bootstrap {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From nothing to governed machine learning on Azure, and kept there."""


app.add_typer(runs_group, name="runs")
app.add_typer(model_group, name="model")
app.add_typer(platform_group, name="platform")
platform_group.add_typer(team_group, name="team")
platform_group.add_typer(environment_group, name="environment")
app.add_typer(blueprint_group, name="blueprint")
app.add_typer(deployments_group, name="deployments")


@dataclass(frozen=True)
class Session:
    """The first argument of every command.

    Attributes:
        directory: The folder that the command works in (`-C`, else the current one), absolute.
        output: The form of the result, one of the command's `outputs`.
        console: The output of the command; also the `Progress` of the services that it calls.
    """

    directory: Path
    output: str
    console: Console

    def project(self) -> "Project":
        """The project that contains the folder. Raises as `find_project` does."""
        from bootstrap.project import find_project

        return find_project(self.directory)

    def platform(self) -> "Platform":
        """The platform that contains the folder, with its manifests. Raises as `find_platform` does."""
        from bootstrap.manifests.platform import find_platform

        return find_platform(self.directory)


EXAMPLES: dict[str, tuple[str, ...]] = {}
"""The examples in the help of each command, by the command's words ("model gate"); filled as commands are declared."""


COMMON_OPTIONS = ("-C", "--output", "-o", "--quiet", "-q", "--verbose", "-v")
"""The options that every command has; the groups have none of them."""


class _Command(TyperCommand):
    """A command whose help page is plain: whole summaries, and arguments without their Python types."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                parameter.display_type_rich = lambda **_: None  # type: ignore[method-assign]

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - the group's page wraps the text
        return (self.help or "").partition("\n\n")[0].replace("\n", " ")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        pieces = super().collect_usage_pieces(ctx)
        return [piece.strip("{}").replace("...]...", "...]") for piece in pieces]


def command(
    app: typer.Typer,
    words: str,
    *,
    examples: Sequence[str],
    outputs: Sequence[str] = ("text", "json"),
    interrupted: str = "",
    **typer_options: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register the decorated function, whose first parameter is a `Session`, as a command of `app`.

    Args:
        app: The group that the command belongs to.
        words: What the user types after `mlops-bootstrap`: the group's name, if any, and the command's.
        examples: Whole command lines for the help; tests run each of them.
        outputs: The forms of the result that `--output` chooses from; the first is the default.
        interrupted: What an interruption leaves behind and how to continue, as the message after Ctrl-C says it; empty
            where there is nothing to continue. A command whose purpose is to run until Ctrl-C catches it itself.
        typer_options: Passed on to Typer.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        declared = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        groups: dict[str, Any] = {one.name: one.annotation for one in declared if is_dataclass(one.annotation)}
        own = [one for parameter in declared for one in _arguments(parameter)]

        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            directory, output = arguments.pop("directory"), arguments.pop("output")
            console = Console(
                json_output=output == "json", quiet=arguments.pop("quiet"), verbose=arguments.pop("verbose")
            )
            for name, group in groups.items():
                arguments[name] = group(**{one.name: arguments.pop(one.name) for one in fields(group)})
            try:
                function(Session(Path(directory).resolve(), output, console), **arguments)
            except (KeyboardInterrupt, typer.Abort):
                console.close()
                sys.stderr.write(f"interrupted{': ' if interrupted else ''}{interrupted}.\n")
                raise typer.Exit(ExitCode.INTERRUPTED) from None
            finally:
                console.close()

        parameters = [*own, *_common_parameters(tuple(outputs))]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__
        EXAMPLES[words] = tuple(examples)
        # Typer keeps the lines of a paragraph that begins with \b as they are.
        epilog = "\n".join(["Examples:", "", "\b", *(f"  {example}" for example in examples)])
        app.command(words.rsplit(maxsplit=1)[-1], cls=_Command, epilog=epilog, **typer_options)(run)
        return function

    return register


def listed(app: typer.Typer, summaries: Mapping[str, str]) -> typer.Typer:
    """The commands of `summaries` and the groups of `app`, for the page that lists them: no command is imported."""
    page = copy.copy(app)
    page.registered_commands = [
        typer.models.CommandInfo(name, cls=_Command, help=summary, callback=_nothing)
        for name, summary in summaries.items()
    ]
    page.registered_groups = [
        typer.models.TyperInfo(
            typer.Typer(help=one.typer_instance.info.help, rich_markup_mode=None, callback=_nothing), name=one.name
        )
        for one in app.registered_groups
        if one.typer_instance is not None
    ]
    return page


def _nothing() -> None:
    """The callback of what is only listed."""


def _arguments(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """The arguments on the command line for a parameter: the fields of its dataclass, or itself."""
    if not is_dataclass(parameter.annotation):
        yield parameter
        return
    for one in fields(parameter.annotation):
        kind = inspect.Parameter.KEYWORD_ONLY
        yield inspect.Parameter(one.name, kind, default=one.default, annotation=one.type)


def _common_parameters(outputs: tuple[str, ...]) -> list[inspect.Parameter]:
    options: dict[str, tuple[Any, Any]] = {
        "directory": (
            Annotated[
                Path, typer.Option("-C", metavar="DIR", help="Work in this folder.", exists=True, file_okay=False)
            ],
            Path(),
        ),
        "output": (
            Annotated[Literal[outputs], typer.Option("--output", "-o", help="The form of the result.")],
            outputs[0],
        ),
        "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")], False),
        "verbose": (
            Annotated[
                bool,
                typer.Option("--verbose", "-v", help="Also print files read and programs run."),
            ],
            False,
        ),
    }
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]


def complete_stack(context: typer.Context, incomplete: str) -> list[str]:
    """The stacks whose names start with `incomplete`, for the shell's completion. Imports no Pulumi."""
    from bootstrap.manifests.locate import stack_names

    try:
        names = stack_names(Path(context.params.get("directory") or ".").resolve())
    except BootstrapError:
        # A shell cannot show messages while it completes; the command itself reports the error.
        return []
    return [name for name in names if name.startswith(incomplete)]


def trust(session: Session, trust_pins: bool) -> Callable[[str], bool]:
    """Whether the user agrees to another major version that a commit pins, by what is asked."""

    def trusted(question: str) -> bool:
        from bootstrap.terminal.printable import printable

        if trust_pins or not can_ask():
            return trust_pins
        session.console.close()
        return typer.confirm(printable(question), err=True)

    return trusted


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
TrustPins = Annotated[
    bool,
    typer.Option(
        "--trust-pins",
        help="Install and run the version that the commit pins also when its major version is another one. "
        "Without it, a terminal asks, and CI refuses.",
    ),
]
Currency = Annotated[
    str, typer.Option(metavar="CODE", envvar="MLOPS_BOOTSTRAP_CURRENCY", help="The currency of --prices, such as EUR.")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Ignore the cached plans of earlier runs.")]
