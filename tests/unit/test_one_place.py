"""One new file is enough for a new command, report form or forge; no list has to be changed."""

import re
import shutil
from pathlib import Path

import pytest

from tests.helpers import ROOT, Done, run_cli


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to add modules to."""
    return shutil.copytree(ROOT / "bootstrap", tmp_path / "code" / "bootstrap")


def run(package: Path, *arguments: str | Path) -> Done:
    return run_cli(*arguments, cwd=package.parent.parent, env={"PYTHONPATH": str(package.parent)})


def test_module_that_declares_a_command_adds_it(package: Path) -> None:
    (package / "cli" / "deploy.py").write_text(
        "from bootstrap.cli.command import app\n"
        "from bootstrap.cli.command import Session, command\n\n\n"
        "@command(app, 'deploy', examples=['mlops-bootstrap deploy'])\n"
        "def deploy(session: Session) -> None:\n"
        "    'Deploy stacks.'\n"
        "    session.console.result('deployed', {})\n"
    )

    assert run(package, "deploy") == Done(0, "deployed\n", "")
    listed = re.findall(r"^  ([a-z]+)  ", run(package, "--help").out, re.MULTILINE)
    assert listed == ["demo", "new", "run", "plan", "diff", "deploy", "model", "platform", "blueprint"]
