"""The example platform, planned once in a process: tests change copies."""

import pytest

from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from tests.helpers import CONTOSO
from tests.plans import Plan, make_plan


@pytest.fixture(scope="session")
def contoso() -> Platform:
    return load_platform(CONTOSO)


@pytest.fixture(scope="session")
def contoso_plan(contoso: Platform) -> Plan:
    return make_plan(contoso, [], Progress())


@pytest.fixture(scope="session")
def stacks(contoso_plan: Plan) -> dict[str, StackPlan]:
    """The planned stacks of the example, by name."""
    return {stack.name: stack for stack in contoso_plan.stacks}
