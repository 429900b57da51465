"""The policy pack under the real engine: it lets the example through, and stops what breaks a rule."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
from pulumi import automation
from pulumi_azure_native import machinelearningservices, resources

from bootstrap.manifests.platform import load_platform
from infra.programs import create_resources
from infra.rules import PACK_FOLDER
from tests.engine.stacks import Program, under_engine
from tests.helpers import CONTOSO

_PATIENCE = 30
"""Seconds that a program has to notice that the engine is gone."""

EXECUTABLE = "pulumi-analyzer-policy-mlops-bootstrap"


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The executable is installed beside Python's, where a shell that has the environment finds it."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.fixture(autouse=True)
def loops_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The Automation API leaves its event loop open when a command fails, and a program may still be running in one."""
    made: list[asyncio.AbstractEventLoop] = []
    new_loop = asyncio.new_event_loop

    def remembered() -> asyncio.AbstractEventLoop:
        made.append(new_loop())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", remembered)
    yield
    deadline = time.monotonic() + _PATIENCE
    while any(loop.is_running() for loop in made) and time.monotonic() < deadline:
        time.sleep(0.05)
    for loop in made:
        loop.close()


def previewed(engine: Path, folder: Path, name: str, program: Program) -> str:
    """What the engine printed of a preview that the pack judged. Raises CommandError when the pack refused."""
    with under_engine(engine, folder, name, program) as stack:
        return stack.preview(policy_packs=[str(PACK_FOLDER)]).stdout


def test_policy_pack_accepts_a_stack_of_the_example(engine: Path, tmp_path: Path) -> None:
    settings = load_platform(CONTOSO).stacks["fraud-dev"]

    printed = previewed(engine, tmp_path / "engine", settings.stack, lambda: create_resources(settings))

    assert "mlops-bootstrap" in printed.split("Policies:")[1]
    assert "[mandatory]" not in printed


def test_violated_rule_stops_the_engine(engine: Path, tmp_path: Path) -> None:
    def program() -> None:
        group = resources.ResourceGroup("group", resource_group_name="rg", location="westeurope")
        machinelearningservices.Compute(
            "cluster",
            resource_group_name="rg",
            workspace_name="mlw",
            compute_name="cpu",
            properties=machinelearningservices.AmlComputeArgs(
                compute_type="AmlCompute",
                properties=machinelearningservices.AmlComputePropertiesArgs(vm_size="Standard_NC6s_v3"),
            ),
            opts=pulumi.ResourceOptions(depends_on=[group]),
        )

    with pytest.raises(automation.CommandError) as caught:
        previewed(engine, tmp_path / "engine", "careless", program)

    assert "size-retired" in str(caught.value)
    assert "Standard_NC6s_v3 was retired on 2025-09-30" in str(caught.value)
