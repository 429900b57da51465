"""`platform init` as a person uses it: prompts, interruptions, mistakes in options, and the login of the Azure CLI."""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

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


def test_a_location_that_azure_does_not_have_is_refused(tmp_path: Path) -> None:
    done = run_here("platform", "init", "acme", "--defaults", "--location", "westeurop", cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "--location: the location 'westeurop' is not in the list of Azure's regions" in done.err
    assert "Did you mean 'westeurope'?" in done.err
    assert list(tmp_path.iterdir()) == []


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
        if name in ("subscription", "tenant"):
            assert len(f"{question.text} (from az) [{question.example}]: ") <= 80
        assert validated({name: question.example}) == {name: question.example}


def test_the_error_without_a_terminal_shows_examples_that_are_accepted(tmp_path: Path) -> None:
    done = run_here("platform", "init", "acme", cwd=tmp_path)

    lines = [line.strip() for line in done.err.splitlines() if line.startswith("  --")]
    options = [(line.split(":")[0], line.rpartition("such as ")[2]) for line in lines]
    assert len(options) == len(QUESTIONS)
    arguments = shlex.split(" ".join(f"{option} {example}" for option, example in options))
    assert run_here("platform", "init", "acme", *arguments, cwd=tmp_path).code == ExitCode.DONE


ACCOUNT: dict[str, Any] = {
    "environmentName": "AzureCloud",
    "homeTenantId": "66666666-7777-8888-9999-000000000000",
    "id": "11111111-2222-3333-4444-555555555555",
    "isDefault": True,
    "managedByTenants": [],
    "name": "Machine learning",
    "state": "Enabled",
    "tenantId": "66666666-7777-8888-9999-000000000000",
    "user": {"name": "anna@contoso.example", "type": "user"},
}
NOT_LOGGED_IN = "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1"
"""Answers of `az account show` as Microsoft's page and the source of the Azure CLI have them: the account, and the
message and exit code without a login. Azure itself is not asked.
https://learn.microsoft.com/cli/azure/manage-azure-subscriptions-azure-cli
https://github.com/Azure/azure-cli/blob/dev/src/azure-cli-core/azure/cli/core/_profile.py"""


def az(folder: Path, script: str) -> dict[str, str]:
    """A real executable `az` on PATH, before others: it accepts `account show --output json`, and runs the script."""
    program = folder / "bin" / "az"
    program.parent.mkdir()
    known = 'test "$*" = "account show --output json" || { echo "unknown: $*" >&2; exit 2; }'
    program.write_text(f"#!/bin/sh\n{known}\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": os.pathsep.join([str(program.parent), os.environ["PATH"]])}


def prints(account: object) -> str:
    return f"cat <<'END'\n{json.dumps(account)}\nEND"


posix = pytest.mark.skipif(sys.platform == "win32", reason="the program is a script of a POSIX shell")


@posix
def test_subscription_and_tenant_of_the_azure_cli_are_defaults_of_prompts(tmp_path: Path) -> None:
    words = "platform init acme --organization acme --location westeurope --email ml@acme.example -o json"
    with on_a_terminal(words, cwd=tmp_path, env=az(tmp_path, prints(ACCOUNT))) as (process, terminal):
        for name in ("id", "tenantId"):
            wait_for(terminal, f"(from az) [{ACCOUNT[name]}]")
            os.write(terminal, b"\r")
        finish(process, terminal)

    text = (tmp_path / "acme/platform.yaml").read_text(encoding="utf-8")
    assert f'tenant_id: "{ACCOUNT["tenantId"]}"\nsubscription_id: "{ACCOUNT["id"]}"\n' in text


@posix
@pytest.mark.parametrize(
    ("script", "why"),
    [
        (NOT_LOGGED_IN, "Please run 'az login' to setup account."),
        (prints({**ACCOUNT, "id": ACCOUNT["tenantId"], "name": "N/A(tenant level account)"}), "without a subscription"),
        (prints({**ACCOUNT, "environmentName": "AzureChinaCloud"}), "another cloud than Azure's public one"),
        (prints({**ACCOUNT, "id": "$(touch x)"}), "something else than an account"),
        (prints({**ACCOUNT, "tenantId": 7}), "something else than an account"),
        (prints([]), "something else than an account"),
        ("echo no JSON", "something else than an account"),
        ("printf '\\377\\376\\000'", "something else than an account"),
        ("sleep 60", "did not answer within 5 seconds"),
    ],
    ids=lambda value: value[:20],
)
def test_failure_of_the_azure_cli_is_silent_unless_verbose(tmp_path: Path, script: str, why: str) -> None:
    words = "platform init acme --organization acme --location westeurope --email ml@acme.example --verbose"
    env, prompt = az(tmp_path, script), "Id of the Azure subscription\r\n  (such as"
    began = time.monotonic()
    with on_a_terminal(words, cwd=tmp_path, env=env) as (_, terminal):
        assert why in wait_for(terminal, prompt)
    assert time.monotonic() - began < 25, "az has a deadline"
    with on_a_terminal(words.removesuffix(" --verbose"), cwd=tmp_path, env=env) as (_, terminal):
        assert wait_for(terminal, prompt).startswith(prompt)


@posix
def test_azure_cli_is_asked_without_a_terminal_on_request_only(tmp_path: Path) -> None:
    words = ["platform", "init", "acme", "--organization", "acme", "--location", "westeurope", "--email", "a@b.example"]
    env = az(tmp_path, f"touch {tmp_path}/asked\n{prints(ACCOUNT)}")

    without = run_here(*words, cwd=tmp_path, env=env)
    asked = (tmp_path / "asked").exists()
    done = run_here(*words, "--from-az", cwd=tmp_path, env=env)

    assert (without.code, asked) == (ExitCode.INPUT, False)
    assert done.code == ExitCode.DONE, done.err
    assert ACCOUNT["id"] in (tmp_path / "acme/platform.yaml").read_text(encoding="utf-8")


@posix
def test_azure_cli_that_is_no_program_is_an_error(tmp_path: Path) -> None:
    env = az(tmp_path, "")
    Path(env["PATH"].split(os.pathsep)[0], "az").write_text("no program", encoding="utf-8")

    done = run_here("platform", "init", "acme", "--from-az", "--defaults", cwd=tmp_path, env=env)

    assert done.code == ExitCode.MISSING
    assert "bin/az cannot be run" in done.err


@posix
def test_azure_cli_that_was_requested_and_fails_is_an_error(tmp_path: Path) -> None:
    env = az(tmp_path, NOT_LOGGED_IN)

    done = run_here("platform", "init", "acme", "--defaults", "--from-az", cwd=tmp_path, env=env)

    assert (done.code, done.out) == (ExitCode.MISSING, "")
    assert "error: az account show gives no subscription.\n  why: ERROR: Please run 'az login'" in done.err
    assert not (tmp_path / "acme").exists()
