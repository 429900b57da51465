"""The complete inputs of whole stacks, as the engine gets them: a changed constant or a dropped argument shows here.

One stack for each network mode, one that adopts resources, and the hub. `pytest --rewrite-golden` writes the files.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import Resource
from tests.conftest import Golden
from tests.plans import make_plan

GOLDEN = Path(__file__).parent / "golden" / "inputs"


@pytest.mark.parametrize(
    "name",
    [
        "hub",
        "forecasting-prod",  # open
        "fraud-prod",  # managed
        "vision-dev",  # locked
        "forecasting-test",  # adopted
    ],
)
def test_inputs_of_a_stack_change_only_on_purpose(contoso: Platform, golden: Golden, name: str) -> None:
    [stack] = make_plan(contoso, [name], Progress()).stacks

    golden(GOLDEN / f"{name}.yaml", as_yaml(stack))


def as_yaml(stack: StackPlan) -> str:
    """All resources of a stack, sorted by URN, one property a line."""
    resources = {short(resource.urn): described(resource) for resource in stack.resources}
    assert len(resources) == len(stack.resources)
    return str(yaml.dump(resources, Dumper=Readable, sort_keys=True, width=10_000, allow_unicode=True))


def described(resource: Resource) -> dict[str, Any]:
    properties = {
        **{name: short(value) if name == "provider" else value for name, value in resource.options.items()},
        "dependsOn": [short(urn) for urn in resource.depends_on],
        "import": resource.import_id,
        "inputs": resource.inputs,
        "parent": resource.parent and short(resource.parent),
        "protect": resource.protect,
    }
    return {name: value for name, value in properties.items() if value}


def short(urn: str) -> str:
    """The type and the name: what a URN holds after the stack, the project and the types of the parents."""
    types, name = urn.split("::")[2:4]
    return f"{types.rpartition('$')[2]} {name}"


class Readable(yaml.SafeDumper):  # type: ignore[misc]
    """YAML for review: no anchors, texts of several lines as such, and JSON inside of a text indented."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        if text.startswith(("{", "[")):
            text = json.dumps(json.loads(text), indent=1)
        lines = "\n" in text and not any(line.endswith(" ") for line in text.splitlines())
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if lines else None)


Readable.add_representer(str, Readable.represent_text)
