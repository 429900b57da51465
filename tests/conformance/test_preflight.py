"""What `doctor STACK --live` tells Azure Policy of a resource has its properties where Azure's types have them."""

from collections.abc import Mapping
from typing import Any

from bootstrap.stack.deploy.preflight import _arm_type, _content
from tests.conformance.arm import Definitions
from tests.helpers import CONTOSO
from tests.worlds import planned


def names(content: Mapping[str, Any]) -> dict[str, set[str]]:
    """The names of the properties outside of `properties`, and in it. Our copy of the types lacks descriptions."""
    inside, known = content.get("properties", {}), {"type", "properties", "description"}
    return {
        "outside": {key.lower() for key in content} - known,
        "properties": {key.lower() for key in inside} - {"description"},
    }


def test_properties_are_where_azure_has_them(azure: Definitions) -> None:
    made = [
        resource
        for stack in planned(CONTOSO).values()
        for resource in stack.made
        if "location" in resource.inputs and _arm_type(resource) and azure.knows(resource.type)
    ]

    assert len({resource.type for resource in made}) > 10
    for resource in made:
        assert names(_content(resource)) == names(azure.body(resource.type, resource.inputs)), resource.type
