"""Every component is in the example platform, so that documentation, tests and benchmarks show it."""

import importlib
import pkgutil
from pathlib import Path

import pulumi

import infra.components
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.planner import make_plan

CONTOSO = Path(__file__).parents[3] / "examples" / "contoso"


def test_every_component_is_used_by_a_stack_of_the_example_and_called_as_its_class() -> None:
    declared = set()
    for module in pkgutil.iter_modules(infra.components.__path__):
        found = vars(importlib.import_module(f"infra.components.{module.name}")).values()
        classes = [kind for kind in found if isinstance(kind, type) and issubclass(kind, pulumi.ComponentResource)]
        declared |= {f"bootstrap:{kind.__module__.rpartition('.')[2]}:{kind.__name__}" for kind in classes
                     if kind.__module__.startswith("infra.")}  # fmt: skip

    used = {
        resource.type
        for stack in make_plan(load_platform(CONTOSO), [], Progress()).stacks
        for resource in stack.resources
    }

    assert {kind for kind in used if kind.startswith("bootstrap:")} == declared
