"""Plain `pulumi` in a checkout, as docs/plan.md tells.

The language host, the program that starts Python for `pulumi`, is not a Python package and does not come with the
engine. Here the Automation API stands in for it: it runs the same `infra/__main__.py` for the same project file and the
same configuration.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pulumi import automation

from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.provider import Provider, serving
from bootstrap.stack.plan.program import PROJECT
from tests.engine.comparison import described, differences, planned
from tests.engine.stacks import command, counted, environment, previewed
from tests.helpers import CONTOSO

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What plain Pulumi uses of a checkout."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    return tmp_path


def documented() -> list[str]:
    """The commands in docs/plan.md."""
    section = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8").partition("## Plain Pulumi")[2]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return block.group(1).splitlines()


@contextmanager
def prepared(engine: Path, checkout: Path, provider: Provider | None = None) -> Iterator[automation.Stack]:
    """The stack after the documented commands before `pulumi preview`."""

    def as_the_language_host_does() -> None:
        runpy.run_path(str(checkout / "infra"), run_name="__main__")

    *prepare, preview = documented()
    assert preview == "pulumi preview"
    with serving(provider) as port:
        variables = environment(checkout / "engine", port)
        path = os.pathsep.join([str(engine.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
        for line in prepare:
            shell = line.replace("PLATFORM", str(CONTOSO))
            subprocess.run(shell, shell=True, check=True, cwd=checkout, env={**os.environ, **variables, "PATH": path})
        yield automation.select_stack(
            "fraud-dev",
            project_name=PROJECT,
            program=as_the_language_host_does,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(checkout), env_vars=variables, pulumi_command=command(engine)
            ),
        )


def test_documented_pulumi_commands_preview_the_planned_resources(engine: Path, checkout: Path) -> None:
    with prepared(engine, checkout) as stack:
        resources = previewed(stack)

    assert differences(planned(load_platform(CONTOSO), "fraud-dev"), described(resources)) == {}


def test_plain_up_retries_what_needs_a_new_role(engine: Path, checkout: Path, waits: list[float]) -> None:
    azure = Provider(role_delay=25, clock=lambda: sum(waits))

    with prepared(engine, checkout, azure) as stack:
        created = counted(stack.up())

    assert set(created) == {"create"}
    assert waits == [10, 20]
