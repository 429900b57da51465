"""Compare the resources of a plan with those of the engine, and check the references in a state."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from infra.rules.rule import UNKNOWN
from tests.plans import make_plan

Resources = Mapping[str, Mapping[str, Any]]
"""Resources by URN."""

_STACK = "pulumi:pulumi:Stack"
_GROUP = "azure-native:resources:ResourceGroup"


def planned(platform: Platform, name: str) -> Resources:
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


def described(resources: Resources) -> Resources:
    """The engine's resources in the form of the plan's, without the stack itself."""
    stack = next(urn for urn, resource in resources.items() if resource["type"] == _STACK)
    return {
        urn: {
            "type": resource["type"],
            "custom": resource["custom"],
            "parent": None if resource["parent"] == stack else resource["parent"],
            "protect": resource.get("protect", False),
            "depends_on": sorted(resource.get("dependencies", [])),
            # Without internal values of the engine for a provider.
            "inputs": {key: value for key, value in resource.get("inputs", {}).items() if key != "__internal"},
        }
        for urn, resource in resources.items()
        if urn != stack
    }


def differences(by_plan: Resources, by_engine: Resources) -> dict[str, Any]:
    """The resources that differ between plan and engine, both versions, by URN."""
    return {
        urn: (by_plan.get(urn), by_engine.get(urn))
        for urn in by_plan.keys() | by_engine.keys()
        if by_plan.get(urn) != by_engine.get(urn)
    }


def wrong_predictions(by_plan: Resources, created: Resources) -> dict[str, Any]:
    """The inputs that differ from the plan's, or that are unknown even after the deployment, by URN."""
    return {
        urn: (resource["inputs"], created[urn]["inputs"])
        for urn, resource in by_plan.items()
        if not _as_predicted(resource["inputs"], created[urn]["inputs"])
    }


def _as_predicted(expected: Any, real: Any) -> bool:
    if expected == UNKNOWN:
        return real not in (UNKNOWN, None, "")
    if isinstance(expected, dict):
        return expected.keys() == real.keys() and all(_as_predicted(expected[key], real[key]) for key in expected)
    if isinstance(expected, list):
        return len(expected) == len(real) and all(map(_as_predicted, expected, real))
    return bool(expected == real)


def unsafe_references(state: Resources) -> dict[str, list[str]]:
    """The ids in a resource's inputs that are in the stack's own resource groups and may not exist yet, by URN.

    Either no resource of the stack has that id or is its parent, or the resource is not a dependency.
    """
    urns = {resource["id"].lower(): urn for urn, resource in state.items() if resource.get("id", "").startswith("/")}
    groups = [resource["id"].lower() for resource in state.values() if resource["type"] == _GROUP]
    found = {}
    for urn, resource in state.items():
        dependencies = _dependencies(state, urn)
        ids = [id_ for id_ in _ids(resource.get("inputs", {})) if any(_within(id_, group) for group in groups)]
        loose = [id_ for id_ in ids if (needed := _created_by(id_, urns, groups)) is None or needed not in dependencies]
        if loose:
            found[urn] = loose
    return found


def _created_by(id_: str, urns: Mapping[str, str], groups: list[str]) -> str | None:
    """The resource with that id, or its parent such as the account of a container, but not only the resource group."""
    while id_ not in urns or id_.endswith("/default"):
        # Azure creates an account's services, such as blobServices/default, together with the account.
        id_ = id_.rsplit("/", 2 if id_.endswith("/default") else 1)[0]
        if id_ in groups or id_.count("/") <= 1:
            return None
    return urns[id_]


def _dependencies(state: Resources, urn: str) -> set[str]:
    """All direct and indirect dependencies of a resource."""
    seen: set[str] = set()
    waiting = [urn]
    while waiting:
        direct = state[waiting.pop()].get("dependencies", [])
        waiting += [needed for needed in direct if needed not in seen]
        seen.update(direct)
    return seen


def _within(id_: str, outer: str) -> bool:
    return id_ == outer or id_.startswith(f"{outer}/")


def _ids(value: Any) -> Iterator[str]:
    """The resource ids in inputs, in lower case, because Azure compares them without case."""
    if isinstance(value, str) and value.startswith("/subscriptions/"):
        yield value.lower()
    elif isinstance(value, dict):
        for item in value.values():
            yield from _ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)
