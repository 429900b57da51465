"""The real engine makes what `plan` says: every stack of the example, from its preview to its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.platform.platform import load_platform
from bootstrap.progress import Silent
from bootstrap.stack import plan
from infra.policies.rule import UNKNOWN
from tests.engine.stacks import Life, live

PLATFORM = load_platform(Path(__file__).parents[2] / "examples" / "contoso")
_STACK = "pulumi:pulumi:Stack"


@pytest.mark.parametrize("name", PLATFORM.stacks)
def test_the_engine_makes_what_the_plan_says(engine: Path, tmp_path: Path, name: str) -> None:
    planned = _planned(name)

    life = live(engine, tmp_path / "engine", PLATFORM.stacks[name])

    assert _differences(planned, _described(life.previewed)) == {}
    assert _surprises(planned, life) == {}
    everything = len(planned) + 1  # and the stack itself
    assert (life.made, life.again) == ({"create": everything}, {"same": everything})
    assert life.ended == {"delete": everything}


def _planned(name: str) -> dict[str, dict[str, Any]]:
    """The resources of a stack's plan, by URN."""
    [stack] = plan(PLATFORM, [name], Silent()).stacks
    return {
        resource.urn: {
            "type": resource.type,
            "custom": resource.custom,
            "parent": resource.parent,
            "protect": resource.protect,
            "depends_on": list(resource.depends_on),
            "inputs": dict(resource.inputs),
        }
        for resource in stack.resources
    }


def _described(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The resources that the engine tells of, in the plan's words."""
    stack = next(urn for urn, resource in resources.items() if resource["type"] == _STACK)
    return {
        urn: {
            "type": resource["type"],
            "custom": resource["custom"],
            "parent": None if resource["parent"] == stack else resource["parent"],
            "protect": resource.get("protect", False),
            "depends_on": sorted(resource.get("dependencies", [])),
            # The engine's own notes about a provider.
            "inputs": {key: value for key, value in resource.get("inputs", {}).items() if key != "__internal"},
        }
        for urn, resource in resources.items()
        if urn != stack
    }


def _differences(planned: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """What the plan and the engine tell differently, by URN: the plan's word and the engine's."""
    return {
        urn: (planned.get(urn), described.get(urn))
        for urn in planned.keys() | described.keys()
        if planned.get(urn) != described.get(urn)
    }


def _surprises(planned: Mapping[str, Any], life: Life) -> dict[str, Any]:
    """What the plan knew, and what came out otherwise."""
    return {
        urn: (resource["inputs"], made)
        for urn, resource in planned.items()
        if not _came_true(resource["inputs"], made := _described(life.state)[urn]["inputs"])
    }


def _came_true(planned: Any, real: Any) -> bool:
    """Whether what was planned is what it became; what was unknown must be known."""
    if planned == UNKNOWN:
        return real not in (UNKNOWN, None, "")
    if isinstance(planned, dict):
        return planned.keys() == real.keys() and all(_came_true(planned[key], real[key]) for key in planned)
    if isinstance(planned, list):
        return len(planned) == len(real) and all(map(_came_true, planned, real))
    return bool(planned == real)
