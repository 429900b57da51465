"""`platform init` as a person uses it: prompts, interruptions, and mistakes in options."""

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from bootstrap.manifests.scaffold import QUESTIONS, validated
from tests.helpers import finish, on_a_terminal, run_here, wait_for


def test_all_wrong_options_are_named_at_once_with_what_was_probably_meant(tmp_path: Path) -> None:
    options = ["--organization", "Contoso", "--location", "West Europe", "--tenant", "1234", "--email", "nobody"]

    done = run_here("platform", "init", "acme", "--defaults", *options, cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "error: 4 options have wrong values." in done.err
    assert "  --organization must be 2 to 20 lower-case letters and digits" in done.err
    assert "(found 'Contoso'). Did you mean 'contoso'?" in done.err
    assert "(found 'West Europe'). Did you mean 'westeurope'?" in done.err
    assert "  --tenant must be a GUID" in done.err
    assert "  --email must be a mail address" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_location_is_a_warning(tmp_path: Path) -> None:
    done = run_here("platform", "init", "acme", "--defaults", "--location", "westeurop", "--dry-run", cwd=tmp_path)

    assert done.code == ExitCode.DONE
    assert "warning: the location 'westeurop' is not in the list of Azure's regions" in done.err
    assert "Did you mean 'westeurope'?" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_an_interrupted_init_writes_nothing_and_prints_the_command_that_continues(tmp_path: Path) -> None:
    with on_a_terminal("platform init acme --organization acme", cwd=tmp_path) as (process, terminal):
        wait_for(terminal, "Azure location [westeurope]")
        os.write(terminal, b"\r")
        wait_for(terminal, "Azure subscription")
        process.send_signal(signal.SIGINT)  # as Ctrl-C does in the terminal that controls the process
        wait_for(terminal, "mlops-bootstrap platform init acme --organization acme --location westeurope")
        finish(process, terminal)

    assert process.returncode == ExitCode.INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def test_prompts_fit_a_terminal_of_80_columns() -> None:
    for name, question in QUESTIONS.items():
        assert len(f"{question.text} [{question.example}]: ") <= 80
        assert validated({name: question.example}) == {name: question.example}


def test_the_error_without_a_terminal_shows_examples_that_are_accepted(tmp_path: Path) -> None:
    done = run_here("platform", "init", "acme", cwd=tmp_path)

    lines = [line.strip() for line in done.err.splitlines() if line.startswith("  --")]
    options = [(line.split(":")[0], line.rpartition("such as ")[2]) for line in lines]
    assert len(options) == len(QUESTIONS)
    arguments = shlex.split(" ".join(f"{option} {example}" for option, example in options))
    assert run_here("platform", "init", "acme", *arguments, cwd=tmp_path).code == ExitCode.DONE
