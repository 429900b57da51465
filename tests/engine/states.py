"""Compare what several stacks of an estate have in their states with what the simulated Azure has."""

import json
from collections.abc import Mapping
from typing import Any

from tests.engine.estate import Estate

_VARYING = ("created", "modified", "importID")


def resources(estate: Estate) -> dict[str, dict[str, Any]]:
    """The resources in all states by URN, without times and without the mark of an import."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((estate.root / ".mlops/state/.pulumi/stacks/mlops-bootstrap").glob("*.json")):
        latest = json.loads(path.read_text())["checkpoint"]["latest"] or {}
        for one in [*latest.get("resources", []), *latest.get("pending_operations", [])]:
            urn = one.get("urn") or f"pending {one['type']} {one['resource']['urn']}"
            found[urn] = {key: _comparable(key, value) for key, value in one.items() if key not in _VARYING}
            if one["type"].startswith("pulumi:providers:"):
                found[urn].pop("id")  # random
    return found


def differences(estate: Estate, expected: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs between an estate and the states of one that nothing disturbed, and between its states and Azure.

    Args:
        expected: What `resources` returned for the undisturbed one.
    """
    states = resources(estate)
    wrong = [f"{urn} differs from the undisturbed state" for urn in expected if states.get(urn) != expected[urn]]
    wrong += [f"{urn} is in the state only" for urn in states.keys() - expected.keys()]
    ids = [one["id"] for one in states.values() if one.get("id") and one["type"].startswith("azure-native:")]
    wrong += [f"{id_} is in a state twice" for id_ in ids if ids.count(id_) > 1]
    wrong += [f"{id_} is in Azure only" for id_ in {*estate.azure.ids} - {*ids}]
    wrong += [f"{id_} is not in Azure" for id_ in {*ids} - {*estate.azure.ids}]
    return wrong


def _comparable(key: str, value: Any) -> Any:
    """A value of a resource without the random id of its provider, and without the order of dependencies."""
    if key == "provider":
        return str(value).rpartition("::")[0]
    if key == "propertyDependencies":
        return {name: sorted(urns or ()) for name, urns in value.items()}
    return sorted(value) if key == "dependencies" else value
