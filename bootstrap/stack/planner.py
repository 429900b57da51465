"""Planning: what stacks would contain, with no account, no engine and no network."""

import contextlib
import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import infra
from bootstrap.platform.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.checks import Finding, check, check_together, in_order
from bootstrap.stack.recorder import Registration, record
from infra.origin import origin_of
from infra.programs import declare
from infra.settings import StackSettings

PROJECT = "mlops-bootstrap"
"""The Pulumi project's name, as in Pulumi.yaml; it is part of every URN."""

_CODE = Path(infra.__file__).parent


@dataclass(frozen=True)
class StackPlan:
    """What one stack would contain.

    Attributes:
        resources: Components and what they make, in the order in which the program declares them.
        findings: What to know or to change, the gravest first.
        told: What the rules that judge stacks together have to know of it, as plain data.
    """

    settings: StackSettings
    resources: Sequence[Registration]
    findings: Sequence[Finding]
    told: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.settings.stack

    @property
    def made(self) -> list[Registration]:
        """The resources that Azure would hold: without components and providers."""
        return [resource for resource in self.resources if resource.custom and not resource.type.startswith("pulumi:")]

    def manifest(self, resource: Registration) -> str:
        """The line of the manifests that asked for a resource: its own, or the one that asked for the stack."""
        return resource.origin or self.settings.origin

    def document(self) -> dict[str, Any]:
        """The stack's part of the plan's document."""
        return {
            "name": self.name,
            "program": self.settings.program,
            "resources": [
                {
                    "urn": resource.urn,
                    "type": resource.type,
                    "name": resource.name,
                    "parent": resource.parent,
                    "inputs": dict(resource.inputs),
                    "depends_on": list(resource.depends_on),
                    "protect": resource.protect,
                    "source": {"manifest": self.manifest(resource), "code": _line(resource)},
                }
                for resource in self.resources
            ],
            "findings": [finding.document() for finding in self.findings],
        }


@dataclass(frozen=True)
class Plan:
    """What some stacks of a platform would contain.

    Attributes:
        as_of: The day by which what ends on a day was judged, `YYYY-MM-DD`; None when it was by no day.
    """

    stacks: Sequence[StackPlan]
    as_of: str | None = None

    def document(self) -> dict[str, Any]:
        """The plan as JSON, version 1: docs/plan.md."""
        return {"schema_version": 1, "as_of": self.as_of, "stacks": [stack.document() for stack in self.stacks]}


def plan(platform: Platform, names: Sequence[str], progress: Progress, as_of: str | None = None) -> Plan:
    """Plan stacks.

    Args:
        names: The stacks; all of the platform's when empty.
        as_of: The day by which what ends on a day is judged, `YYYY-MM-DD`; by default nothing has ended. The machine's
            clock is never asked, so that a plan of the same manifests is the same tomorrow.

    Raises:
        InputError: There is no such stack.
    """
    with _garbage_left_lying():
        first, *others = platform.selected(list(names))
        planned = [_plan_stack(first, progress, as_of)]
    planned += [_plan_stack(settings, progress, as_of) for settings in others]
    return Plan(_judged_together(platform, planned, as_of), as_of)


def _judged_together(platform: Platform, planned: Sequence[StackPlan], as_of: str | None) -> list[StackPlan]:
    """The stacks with the findings added that only several of them together tell."""
    found = check_together(
        {stack.name: stack.settings for stack in planned},
        {stack.name: stack.told for stack in planned},
        as_of,
        every=len(planned) == len(platform.stacks),
    )
    return [
        replace(stack, findings=in_order([*stack.findings, *found[stack.name]])) if stack.name in found else stack
        for stack in planned
    ]


@contextlib.contextmanager
def _garbage_left_lying() -> Iterator[None]:
    """Collect no garbage in the block, and never look again at what is alive at its end.

    The first plan imports the provider's modules: hundreds of thousands of objects that stay. Going through them again
    and again is a fifth of the time of a plan, and half of each one after it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _plan_stack(settings: StackSettings, progress: Progress, as_of: str | None) -> StackPlan:
    task = f"plan {settings.stack}"
    progress.started(task)
    try:
        resources = record(PROJECT, settings.stack, lambda: declare(settings), origin_of=origin_of, code=_CODE)
    except BaseException:
        progress.finished(task, "failed")
        raise
    checked = check(settings, resources, as_of)
    planned = StackPlan(settings, resources, checked.findings, checked.told)
    progress.finished(task, f"{len(planned.made)} resources")
    return planned


def _line(resource: Registration) -> str | None:
    if resource.code is None:
        return None
    path, line = resource.code
    return f"{path.relative_to(_CODE.parent).as_posix()}:{line}"
