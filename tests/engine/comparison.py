"""A stack in two forms, the plan's and the engine's, told in the same words; and what is wrong with a state."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from infra.rules.rule import UNKNOWN
from tests.plans import make_plan

Told = Mapping[str, Mapping[str, Any]]
"""Resources by URN."""

_STACK = "pulumi:pulumi:Stack"
_GROUP = "azure-native:resources:ResourceGroup"


def planned(platform: Platform, name: str) -> Told:
    """The resources of a stack's plan."""
    [stack] = make_plan(platform, [name], Progress()).stacks
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


def described(resources: Told) -> Told:
    """The resources that the engine tells of, in the plan's words; the stack itself is left out."""
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


def differences(by_plan: Told, by_engine: Told) -> dict[str, Any]:
    """What the plan and the engine tell differently: the plan's word and the engine's, by URN."""
    return {
        urn: (by_plan.get(urn), by_engine.get(urn))
        for urn in by_plan.keys() | by_engine.keys()
        if by_plan.get(urn) != by_engine.get(urn)
    }


def surprises(by_plan: Told, made: Told) -> dict[str, Any]:
    """The inputs that the plan knew and that came out otherwise, or that nobody knows even now."""
    return {
        urn: (resource["inputs"], made[urn]["inputs"])
        for urn, resource in by_plan.items()
        if not _came_true(resource["inputs"], made[urn]["inputs"])
    }


def _came_true(expected: Any, real: Any) -> bool:
    if expected == UNKNOWN:
        return real not in (UNKNOWN, None, "")
    if isinstance(expected, dict):
        return expected.keys() == real.keys() and all(_came_true(expected[key], real[key]) for key in expected)
    if isinstance(expected, list):
        return len(expected) == len(real) and all(map(_came_true, expected, real))
    return bool(expected == real)


def loose_ends(state: Told) -> dict[str, list[str]]:
    """The ids in a resource's inputs that lie in the stack's own groups and that it cannot rely on, by URN.

    Either nothing in the stack has that id, nor one that it lies in; or the resource that has it may be made later.
    """
    urns = {resource["id"].lower(): urn for urn, resource in state.items() if resource.get("id", "").startswith("/")}
    groups = [resource["id"].lower() for resource in state.values() if resource["type"] == _GROUP]
    found = {}
    for urn, resource in state.items():
        before = _made_before(state, urn)
        ids = [id_ for id_ in _ids(resource.get("inputs", {})) if any(_within(id_, group) for group in groups)]
        loose = [id_ for id_ in ids if (needed := _made_by(id_, urns, groups)) is None or needed not in before]
        if loose:
            found[urn] = loose
    return found


def _made_by(id_: str, urns: Mapping[str, str], groups: list[str]) -> str | None:
    """The resource with that id, or the one that it lies in, as a container lies in its storage; not only the group."""
    if id_.endswith("/default"):
        # Azure makes an account's own service, as blobServices/default, together with the account.
        id_ = id_.rsplit("/", 2)[0]
    while id_ not in urns and id_.count("/") > 1:
        id_ = id_.rsplit("/", 1)[0]
        if id_ in groups:
            return None
    return urns.get(id_)


def _made_before(state: Told, urn: str) -> set[str]:
    """Everything that the engine makes before it begins with a resource."""
    seen: set[str] = set()
    waiting = [urn]
    while waiting:
        dependencies = state[waiting.pop()].get("dependencies", [])
        waiting += [needed for needed in dependencies if needed not in seen]
        seen.update(dependencies)
    return seen


def _within(id_: str, outer: str) -> bool:
    return id_ == outer or id_.startswith(f"{outer}/")


def _ids(value: Any) -> Iterator[str]:
    """The resource ids in inputs, in lower case, since Azure makes no difference."""
    if isinstance(value, str) and value.startswith("/subscriptions/"):
        yield value.lower()
    elif isinstance(value, dict):
        for item in value.values():
            yield from _ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)
