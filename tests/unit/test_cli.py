"""The command line's foundation: exit codes, messages, start-up, faults."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootstrap import __version__
from bootstrap.cli.main import COMMANDS, execute
from bootstrap.errors import BootstrapError, ConflictError, ExitCode, InputError, MissingError, did_you_mean
from tests.helpers import CONTOSO, examples, on_a_terminal, run_cli, run_here, started, wait_for


def test_version(tmp_path: Path) -> None:
    done = run_cli("--version", cwd=tmp_path)
    assert (done.code, done.out) == (0, f"mlops-bootstrap {__version__}\n")


def test_an_unknown_command_suggests_the_nearest_one(tmp_path: Path) -> None:
    done = run_cli("modle", cwd=tmp_path)
    assert done.code == ExitCode.INPUT
    assert "error: No such command 'modle'." in done.err
    assert "Did you mean 'model'?" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        ("validate", "Did you mean 'platform validate'?"),
        ("init", "Did you mean 'platform init'?"),
        ("register --dry-run", "Did you mean 'model register'?"),
        ("list", "Did you mean 'blueprint list' or 'deployments list' or 'model list' or 'runs list'?"),
        ("platform plan", "mlops-bootstrap platform --help"),
        ("-C platform plan", "-C comes after the command: mlops-bootstrap COMMAND -C ..."),
        ("platform -C . validate", "-C comes after the command: mlops-bootstrap COMMAND -C ..."),
        ("--outputs json plan", "mlops-bootstrap --help"),
    ],
)
def test_wrong_order_of_words_has_a_next_step(tmp_path: Path, arguments: str, step: str) -> None:
    done = run_cli(*arguments.split(), cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert done.err.endswith(f"  next: {step}\n")


def test_usage_has_arguments_in_upper_case_with_one_pair_of_brackets(tmp_path: Path) -> None:
    usages = {words: run_here(*words.split(), "--help", cwd=tmp_path).out.splitlines()[0] for words in examples()}

    for words, usage in usages.items():
        arguments = usage.partition("[OPTIONS]")[2]
        assert arguments == arguments.upper(), words
        assert "[[" not in arguments, words
    assert usages["new"] == "Usage: mlops-bootstrap new [OPTIONS] [BLUEPRINT] [DEST]"
    assert "Missing argument 'STACK'" in run_here("platform", "show", cwd=tmp_path).err


def test_the_first_page_lists_every_command_as_its_own_page_begins(tmp_path: Path) -> None:
    own = {
        words: run_here(words, "--help", cwd=tmp_path).out.split("\n\n")[1] for words in examples() if " " not in words
    }

    assert {name: " ".join(text.split()) for name, text in own.items()} == COMMANDS
    page = " ".join(run_here("--help", cwd=tmp_path).out.partition("Commands:")[2].split())
    assert page.startswith(" ".join(f"{name} {summary}" for name, summary in COMMANDS.items()))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("pl", ["plan", "platform"]),
        ("plan fr", ["fraud-dev", "fraud-test", "fraud-prod"]),
        ("platform tea", ["team"]),
        ("plan --fin", ["--findings"]),
    ],
)
def test_shell_completes_commands_arguments_and_options(words: str, found: list[str]) -> None:
    line = f"mlops-bootstrap {words}"
    variables = {
        "_MLOPS_BOOTSTRAP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1),
    }  # fmt: skip

    assert run_cli(cwd=CONTOSO, env=variables).out.split() == found


def test_an_unknown_option_suggests_the_nearest_one(tmp_path: Path) -> None:
    done = run_cli("plan", "--al", cwd=tmp_path)
    assert done.code == ExitCode.INPUT
    assert "--all" in done.err


def test_unknown_output_form_is_refused_with_the_known_forms(tmp_path: Path) -> None:
    done = run_cli("plan", "-o", "xml", cwd=tmp_path)
    assert done.code == ExitCode.INPUT
    assert "'xml' is not one of" in done.err
    assert "Value error" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals there")
def test_usage_error_has_the_colour_of_errors_on_a_terminal(tmp_path: Path) -> None:
    with on_a_terminal("platform plan", cwd=tmp_path, env={"NO_COLOR": ""}) as (_, terminal):
        wait_for(terminal, "\x1b[1;31merror\x1b[0m: No such command 'plan'")


def test_no_command_shows_the_help(tmp_path: Path) -> None:
    done = run_cli(cwd=tmp_path)
    assert "Usage: mlops-bootstrap" in done.out + done.err


def test_a_folder_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    done = run_cli("run", "-C", "nowhere", cwd=tmp_path)
    assert done.code == ExitCode.INPUT
    assert "nowhere" in done.err


def test_error_has_message_reason_and_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    from bootstrap.terminal.console import print_error

    print_error(InputError("It broke.", why="It was glass.", hint="Buy steel.", details=["a:1:2: crack."]))
    assert capsys.readouterr().err == "error: It broke.\n  a:1:2: crack.\n  why: It was glass.\n  next: Buy steel.\n"


def test_every_kind_of_error_has_its_own_exit_code() -> None:
    codes = [kind.exit_code for kind in BootstrapError.__subclasses__()]
    assert sorted(codes) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("kind", [InputError, MissingError, ConflictError])
def test_errors_of_services_become_exit_codes(
    kind: type[BootstrapError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(start: Path) -> None:
        raise kind("No.")

    monkeypatch.setattr("bootstrap.project.find_project", fail)
    assert execute(["model", "list"]) == kind.exit_code
    assert capsys.readouterr().err == "error: No.\n"


def test_internal_error_prints_one_line_and_writes_a_report_without_user_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(start: Path) -> None:
        raise ZeroDivisionError("the password is hunter2")

    monkeypatch.setattr("bootstrap.project.find_project", fail)
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    assert execute(["model", "list", "-C", str(folder)]) == ExitCode.FAULT
    message = capsys.readouterr().err
    assert "ZeroDivisionError" in message
    assert "Traceback" not in message
    [path] = tmp_path.glob("*.json")
    assert str(path) in message
    text = path.read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert "secret-folder" not in text
    report = json.loads(text)
    assert report["command"] == ["model", "list"]
    assert report["exceptions"][0]["type"] == "builtins.ZeroDivisionError"
    assert any("cli/model.py" in frame for frame in report["exceptions"][0]["frames"])


def test_fault_is_reported_when_its_report_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(start: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bootstrap.project.find_project", fail)
    (tmp_path / "file").touch()
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path / "file")

    assert execute(["model", "list"]) == ExitCode.FAULT

    assert '"type": "builtins.ZeroDivisionError"' in capsys.readouterr().err


def test_suggestions() -> None:
    assert did_you_mean("fraud-dve", ["fraud-dev", "hub"]) == "Did you mean 'fraud-dev'?"
    assert did_you_mean("x", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("x", []) == ""


def test_help_loads_no_heavy_library(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from bootstrap.cli.main import execute\n"
        "execute(['--help'])\n"
        "heavy = {'pulumi', 'pydantic', 'copier', 'azure', 'mlflow', 'rich', 'ruamel', 'yaml', 'questionary',\n"
        "         'httpx'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path.cwd(), capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there the parent cannot send a Ctrl-C to one child alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_exits_130_without_a_traceback(tmp_path: Path, number: int) -> None:
    script = (
        "import sys, time, bootstrap.project\n"
        "from bootstrap.cli.main import execute\n"
        "def wait(start):\n"
        "    print('up', flush=True)\n"
        "    time.sleep(60)\n"
        "bootstrap.project.find_project = wait\n"
        "sys.exit(execute(['model', 'list']))\n"
    )
    with started("-c", script, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(0.1)
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
    assert process.returncode == ExitCode.INTERRUPTED
    assert err == "interrupted.\n", "model list leaves nothing to continue"


def test_interrupted_command_prints_how_to_continue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(start: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bootstrap.project.find_project", interrupt)

    assert execute(["run"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == (
        "interrupted: finished steps are kept; run the same command again to continue.\n"
    )


def test_help_pages_have_whole_summaries_and_no_python_types(tmp_path: Path) -> None:
    narrow = {"COLUMNS": "80"}
    pages = {words: run_cli(*words, "--help", cwd=tmp_path, env=narrow).out for words in [(), ("platform",), ("diff",)]}

    assert all("..." not in page.partition("Commands:")[2] for page in pages.values())
    assert "Usage: mlops-bootstrap diff [OPTIONS] REF [STACK...]\n" in pages["diff",]
    assert "<list" not in pages["diff",]
    assert "    mlops-bootstrap diff origin/main --check --output markdown\n" in pages["diff",]


def test_verbose_prints_files_and_programs(tmp_path: Path) -> None:
    contoso = Path(__file__).parents[2] / "examples" / "contoso"

    quiet = run_cli("platform", "validate", "-C", contoso, cwd=tmp_path)
    verbose = run_cli("platform", "validate", "-v", "-C", contoso, cwd=tmp_path)

    assert quiet.out == verbose.out
    assert f"  read {contoso / 'platform.yaml'}\n" in verbose.err
    assert "read" not in quiet.err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGPIPE there")
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
@pytest.mark.parametrize("arguments", [["--version"], ["plan", "--help"], ["no-such-command"], ["plan"]])
def test_closed_pipe_ends_the_command_without_an_error(tmp_path: Path, closed: str, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    out, err = (write if closed in (stream, "both") else subprocess.PIPE for stream in ("stdout", "stderr"))
    command = [sys.executable, "-m", "bootstrap", *arguments]
    done = subprocess.run(command, cwd=tmp_path, stdout=out, stderr=err, text=True, check=False)
    os.close(write)

    prints = "stdout" if arguments[-1].startswith("--") else "stderr"
    unread = closed in (prints, "both")
    assert (done.returncode == ExitCode.UNREAD) is unread
    assert done.returncode != ExitCode.FAULT
    assert "Traceback" not in (done.stderr or "")
    assert "BrokenPipe" not in (done.stderr or "")
