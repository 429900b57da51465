"""Every component is in the example platform, so that documentation, tests and benchmarks show it."""

import re
from pathlib import Path

import pytest

import infra.components
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from tests.helpers import CONTOSO
from tests.plans import make_plan

SOURCES = Path(infra.components.__path__[0])
NOT_IN_THE_EXAMPLE = {
    "bootstrap:data:Connection",  # tests/unit/stack/test_connections.py
    # tests/unit/stack/test_hub_switches.py
    "bootstrap:guardrails:DefenderPlans",
    "bootstrap:monitoring:PrivateLinkScope",
    "bootstrap:monitoring:ScopedResource",
    "bootstrap:network:FlowLog",
}


@pytest.fixture(scope="module")
def stacks() -> list[StackPlan]:
    return list(make_plan(load_platform(CONTOSO), [], Progress()).stacks)


def test_every_component_is_in_a_stack_of_the_example(stacks: list[StackPlan]) -> None:
    token = re.compile(r'(?:Component|__init__)\("(\w+:\w+)"')
    declared = {f"bootstrap:{type_}" for path in SOURCES.glob("*.py") for type_ in token.findall(path.read_text())}

    used = {resource.type for stack in stacks for resource in stack.resources}

    assert len(declared) > 25
    assert {type_ for type_ in used if type_.startswith("bootstrap:")} == declared - NOT_IN_THE_EXAMPLE


def test_the_source_of_a_component_is_the_code_that_defines_it(stacks: list[StackPlan]) -> None:
    for stack in stacks:
        for resource in stack.resources:
            if resource.type.startswith("bootstrap:"):
                assert resource.code is not None
                path, _, line = resource.code.partition(":")
                source = (SOURCES.parents[1] / path).read_text().splitlines()[int(line) - 1 : int(line) + 1]
                assert any(resource.type.removeprefix("bootstrap:") in text for text in source), (resource.type, path)
