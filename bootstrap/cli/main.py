"""The entry point. Only this module turns errors into messages and exit codes."""

import contextlib
import os
import re
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import typer

from bootstrap.cli.command import COMMON_OPTIONS, EXAMPLES, app, listed
from bootstrap.errors import BootstrapError, ExitCode, InputError
from bootstrap.files import file_error, modules_of
from bootstrap.terminal.console import print_error

COMMANDS = {
    "demo": "Run the tour: platform, plan, project, pipeline, gate, registry, serving, and write a page with the "
    "results.",
    "new": "Create a project from a blueprint: a repository that trains, tests, gates and serves a model.",
    "run": "Run the project's Azure ML pipeline on this machine. Steps that have not changed do not run again.",
    "plan": "Show what stacks would contain, and the rules that they violate. Needs no account and no engine.",
    "diff": "Show how stacks differ from those of an earlier commit of the platform. Needs no account and no engine.",
    "rehearse": "Deploy stacks with the Pulumi engine to a simulated Azure, in a temporary folder. Needs no account.",
    "preview": "Show what a deployment would change in Azure. Needs the Pulumi engine and a login; changes nothing.",
    "up": "Deploy stacks with the Pulumi engine, ring by ring: the hub first. Shows the changes and asks first.",
    "drift": "Show how Azure differs from what was deployed, with the manifest lines. Changes nothing, also not the "
    "state.",
    "outputs": "Print the outputs of a stack's last deployment. Secrets are masked.",
    "recover": "Repair the states of stacks after a deployment that was killed. Shows what is wrong and asks first.",
    "destroy": "Remove all resources of stacks, and their data. The hub comes last, and only when nothing uses it.",
    "doctor": "Show what deployments need on this machine, and what is missing. Exit code 3 if something is.",
}
"""The commands that are in no group, in the order of the help page, with what their own pages begin with."""

_COMPLETION = "_MLOPS_BOOTSTRAP_COMPLETE"
"""The environment variable that the shell's completion sets; the words are not in the arguments then."""


def declare_commands(name: str = "") -> None:
    """Import the modules of this package that declare commands: those of the command or group `name`, if there is one.

    The module `up` declares the command `up`; `platform` and `platform_team` declare those of the group `platform`.
    """
    names = modules_of(__file__)
    chosen = [one for one in names if one.partition("_")[0] == name] or names
    for one in sorted(chosen, key=lambda one: (*COMMANDS, one).index(one)):
        import_module(f"bootstrap.cli.{one}")


def main() -> NoReturn:
    """Run the command line and exit with one of `bootstrap.errors.ExitCode`."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: list[str]) -> int:
    """Run the command line in this process and return its exit code."""
    if not _open_streams():
        sys.stderr.write("error: Standard output is closed, so that no result can be printed.\n")
        sys.stderr.write("  next: Print it to a file, or to the null device: > FILE\n")
        return ExitCode.INPUT
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding does not have must not fail a command that has succeeded.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) has ended. Python flushes the streams at exit, which would fail again.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return ExitCode.UNREAD
    return code


def _open_streams() -> bool:
    """Open the null device in place of closed standard streams. Returns whether standard output was open."""
    printable = sys.stdout is not None
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It gets the lowest free number, so that no file that is opened later is taken for the stream.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - a device, kept open
    return printable


def _run(arguments: list[str]) -> int:
    """Run the command line, print its error, and return the exit code. Raises BrokenPipeError."""
    named = next((one for one in arguments if not one.startswith("-")), "")
    lists = not named and _COMPLETION not in os.environ
    if not lists:
        declare_commands(named)
    try:
        result = typer.main.get_command(listed(app, COMMANDS) if lists else app).main(
            arguments, prog_name="mlops-bootstrap", standalone_mode=False
        )
        return result if isinstance(result, int) else ExitCode.DONE
    except BootstrapError as error:
        print_error(error)
        return error.exit_code
    except typer.TyperException as error:
        return _wrong_usage(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as stopped:
        if isinstance(stopped.__context__, BrokenPipeError):  # Typer exits with 1; ours is another code
            raise stopped.__context__ from None
        raise
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort, so that no user ever sees a traceback
        from bootstrap.cli.crash_report import write_report

        if isinstance(error, OSError) and (refused := file_error(error)) is not None:
            print_error(refused)
            return refused.exit_code
        hint = f"attach {write_report(error, arguments)} to an issue; it holds no data of yours."
        print_error(BootstrapError(f"{type(error).__name__}: a fault of mlops-bootstrap, not yours.", hint=hint))
        return ExitCode.FAULT


def _wrong_usage(error: typer.TyperException) -> int:
    details: Any = error  # the class with these methods is private in Typer
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        details.show()  # no command: print the help page
    else:
        path = context.command_path if context else "mlops-bootstrap"
        declare_commands()
        unknown = re.match(r"No such command '([^']+)'", details.format_message())
        option, step = getattr(error, "option_name", ""), f"{path} --help"
        if found := [words for words in sorted(EXAMPLES) if unknown and words.endswith(f" {unknown[1]}")]:
            step = f"Did you mean {' or '.join(map(repr, found))}?"
        elif option in COMMON_OPTIONS:
            step = f"{option} comes after the command: mlops-bootstrap COMMAND {option} ..."
        # Typer checks choices with Pydantic, whose messages begin with the name of a class.
        message = details.format_message().replace("Value error, ", "")
        print_error(InputError(message, hint=step))
    return ExitCode.INPUT


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
