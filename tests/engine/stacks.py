"""Stacks under the real engine and a simulated Azure, from the preview to the end."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from bootstrap.simulator.provider import Provider, serving
from bootstrap.stack.deploy.backend import Backend
from bootstrap.stack.plan.program import PROJECT
from infra.programs import create_resources
from infra.settings import StackSettings
from infra.tables.resource_types import LOCK

Program = Callable[[], None]
Counts = Mapping[str, int]
"""How many resources were created, left the same, updated, deleted."""


@dataclass(frozen=True)
class Life:
    """The results of the engine for a stack, step by step.

    Attributes:
        previewed: The resources of the preview, by URN.
        created: The counts of the first `up`.
        state: The resources in the state after that, by URN.
        again: The counts of a second `up` of the same program.
        ended: How many resources `destroy` deleted.
    """

    previewed: Mapping[str, Mapping[str, Any]]
    created: Counts
    state: Mapping[str, Mapping[str, Any]]
    again: Counts
    ended: Counts


def live(executable: Path, folder: Path, settings: StackSettings) -> Life:
    """Preview, create, update and destroy a stack in `folder`."""
    program = without_aliases(lambda: create_resources(settings))
    with under_engine(executable, folder, settings.stack, program) as stack:
        preview = previewed(stack)
        created = stack.up()
        state = json.loads((folder / "state/.pulumi/stacks" / PROJECT / f"{settings.stack}.json").read_text())
        again = stack.up()
        if settings.protect:
            run(stack, "state", "unprotect", "--all", "--yes")
        # Azure removes no role below a lock.
        locks = [one["urn"] for one in state["checkpoint"]["latest"]["resources"] if one["type"] == LOCK]
        ended = [stack.destroy(target=locks)] if locks else []
        ended.append(stack.destroy())
    return Life(
        previewed=preview,
        created=counted(created),
        state={resource["urn"]: resource for resource in state["checkpoint"]["latest"]["resources"]},
        again=counted(again),
        ended={"delete": sum(counted(one).get("delete", 0) for one in ended)},
    )


@contextmanager
def under_engine(
    executable: Path, folder: Path, name: str, program: Program, provider: Provider | None = None
) -> Iterator[automation.Stack]:
    """A new stack whose state lies in `folder`, and whose resources a provider makes, by default one of its own."""
    with serving(provider) as port:
        options = automation.LocalWorkspaceOptions(
            env_vars=environment(folder, port),
            project_settings=automation.ProjectSettings(name=PROJECT, runtime="python"),
            pulumi_command=command(executable),
            work_dir=str(folder),
        )
        yield automation.create_stack(name, project_name=PROJECT, program=program, opts=options)


@contextmanager
def backend_before(
    provider: Provider, executable: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Backend]:
    """A backend in `folder` for deployments to the simulated Azure of a provider; sets environment variables."""
    with serving(provider) as port:
        variables = environment(folder / "engine", port)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", os.pathsep.join([str(executable.parent), os.environ["PATH"]]))
        yield Backend(variables["PULUMI_BACKEND_URL"], None, folder / "work")


def environment(folder: Path, port: int) -> dict[str, str]:
    """Environment variables that keep the engine's state in `folder` and lead it to the provider on `port`."""
    state = folder / "state"
    state.mkdir(parents=True)
    return {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "for this test only",
        "PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Write the state once, at the end, and not after each resource.
        "PULUMI_EXPERIMENTAL": "true",
        "PULUMI_SKIP_CHECKPOINTS": "true",
    }


def command(executable: Path) -> automation.PulumiCommand:
    """The executable as the Automation API takes it: the folder that holds `bin/pulumi`, or what is on PATH."""
    return automation.PulumiCommand(root=str(executable.parents[1]) if executable.parent.name == "bin" else None)


def previewed(stack: automation.Stack) -> Mapping[str, Mapping[str, Any]]:
    """The resources that `pulumi preview` would make, by URN."""
    steps = json.loads(stack.preview(json=True).stdout)["steps"]
    return {step["urn"]: step["newState"] for step in steps}


def run(stack: automation.Stack, *arguments: str) -> str:
    """Run a command of `pulumi` that the Automation API has no call for, and return what it printed."""
    workspace = stack.workspace
    command = [*arguments, "--stack", stack.name]
    return workspace.pulumi_command.run(command, workspace.work_dir, workspace.env_vars).stdout


def without_aliases(program: Program) -> Program:
    """The same resources without the names that older versions gave them, which take half of the program's time.

    The test of plain Pulumi previews a stack with them.
    """

    def clear(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        args.opts.aliases = None
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    def run_without() -> None:
        pulumi.runtime.register_stack_transformation(clear)
        program()

    return run_without


def counted(result: automation.UpResult | automation.DestroyResult) -> Counts:
    return {str(kind): count for kind, count in (result.summary.resource_changes or {}).items()}
