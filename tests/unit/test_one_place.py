"""One new file is enough for a new command, report form or forge; no list has to be changed."""

import re
import shutil
from pathlib import Path

import pytest

from tests.helpers import CONTOSO, ROOT, Done, run_cli
from tests.worlds import TEAM, world


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to add modules to."""
    return shutil.copytree(ROOT / "bootstrap", tmp_path / "code" / "bootstrap")


def run(package: Path, *arguments: str | Path) -> Done:
    return run_cli(*arguments, cwd=package.parent.parent, env={"PYTHONPATH": str(package.parent)})


def test_module_that_declares_a_command_adds_it_and_a_line_of_main_lists_it(package: Path) -> None:
    (package / "cli" / "hello.py").write_text(
        "from bootstrap.cli.command import app\n"
        "from bootstrap.cli.command import Session, command\n\n\n"
        "@command(app, 'hello', examples=['mlops-bootstrap hello'])\n"
        "def hello(session: Session) -> None:\n"
        "    'Say hello.'\n"
        "    session.console.result('hello', {})\n"
    )

    assert run(package, "hello") == Done(0, "hello\n", "")
    main = package / "cli" / "main.py"
    text = main.read_text()
    assert "COMMANDS = {\n" in text
    main.write_text(text.replace("COMMANDS = {\n", 'COMMANDS = {\n    "hello": "Say hello.",\n'))
    listed = re.findall(r"^  ([a-z]+)  ", run(package, "--help").out, re.MULTILINE)
    assert listed == [
        "hello", "demo", "new", "run", "plan", "diff", "rehearse", "preview", "up", "drift", "outputs", "recover",
        "destroy", "doctor",
        "runs", "model", "platform", "blueprint", "deployments",
    ]  # fmt: skip


def test_module_with_a_report_form_adds_it(package: Path) -> None:
    (package / "stack" / "report" / "names.py").write_text(
        "LISTS_ERRORS = False\n\n\n"
        "def render_plan(stacks, *_):\n"
        "    yield from (f'{stack.name}\\n' for stack in stacks)\n\n\n"
        "def render_diff(commit, stacks):\n"
        "    yield from (f'{stack.name}\\n' for stack in stacks)\n"
    )

    assert run(package, "plan", "hub", "-C", CONTOSO, "-o", "names").out == "hub\n"
    assert "<tree|table|markdown|html|json|names>" in run(package, "diff", "--help").out


def test_module_with_a_forge_adds_it(package: Path) -> None:
    text = (package / "forge" / "azure_devops.py").read_text(encoding="utf-8")
    (package / "forge" / "gitlab.py").write_text(text.replace('"azure-devops"', '"gitlab"'), encoding="utf-8")
    platform = package.parent / "platform"
    world(platform, team=TEAM + "projects: [{name: churn, repository: gitlab:a/b/c}, {name: b, repository: git:a/b}]\n")

    err = run(package, "platform", "validate", "-C", platform).err
    assert "azure-devops:ORGANIZATION/PROJECT/REPOSITORY or gitlab:ORGANIZATION/PROJECT/REPOSITORY" in err
    assert err.count("must be github:OWNER/REPOSITORY or ") == 1
