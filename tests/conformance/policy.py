"""Built-in policies of Azure by their published definitions, evaluated over planned request bodies.

Only the parts of the policy language that the assigned policies use are here; another part raises an error.
https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Body = Mapping[str, Any]

_ALIASES = {
    # An alias names a property of the body; where it is not simply below `properties`, its path is here.
    "Microsoft.MachineLearningServices/workspaces/computes/idleTimeBeforeShutdown": (
        "properties.properties.idleTimeBeforeShutdown"
    ),
}


def definition(folder: Path, policy_id: str) -> Mapping[str, Any]:
    """The published definition of a built-in policy."""
    content = json.loads((folder / "policies" / f"{policy_id}.json").read_bytes())
    found: Mapping[str, Any] = content.get("properties", content)
    return found


def effect(policy: Mapping[str, Any], assigned: Mapping[str, Any], type_: str, body: Body) -> str | None:
    """What the policy does with a resource: its effect, as `Deny`; None where the resource complies.

    Args:
        assigned: The assignment's parameters, `{name: {value: …}}`; the definition's defaults hold for the others.
        type_: The ARM type, as `Microsoft.MachineLearningServices/workspaces`.
        body: The resource's request body. What Azure adds to it (connections of private endpoints, diagnostic
            settings) stands there too: `properties.privateEndpointConnections`, `diagnosticSettings`.
    """
    parameters = {name: one.get("defaultValue") for name, one in policy["parameters"].items()}
    parameters |= {name: one["value"] for name, one in assigned.items()}
    unknown = parameters.keys() - policy["parameters"].keys()
    if unknown:
        raise ValueError(f"the definition has no parameter {', '.join(sorted(unknown))}")
    allowed = policy["parameters"]["effect"].get("allowedValues")
    if allowed is not None and parameters["effect"] not in allowed:
        raise ValueError(f"the effect {parameters['effect']} is not one of {', '.join(allowed)}")
    rule = policy["policyRule"]
    resource = {**body, "type": type_}
    if parameters["effect"] == "Disabled" or not _holds(rule["if"], resource, parameters):
        return None
    exists = rule["then"].get("details", {}).get("existenceCondition")
    if exists is not None and any(_holds(exists, one, parameters) for one in body.get("diagnosticSettings", ())):
        return None
    return str(parameters["effect"])


def _holds(condition: Any, resource: Body, parameters: Mapping[str, Any]) -> bool:
    if "allOf" in condition:
        return all(_holds(one, resource, parameters) for one in condition["allOf"])
    if "anyOf" in condition:
        return any(_holds(one, resource, parameters) for one in condition["anyOf"])
    if "not" in condition:
        return not _holds(condition["not"], resource, parameters)
    if "count" in condition:
        return _compared(_count(condition["count"], resource, parameters), condition, parameters)
    if "field" in condition:
        return _compared(_field(condition["field"], resource), condition, parameters)
    return _compared(_function(condition["value"], resource), condition, parameters)


def _count(counted: Mapping[str, Any], resource: Body, parameters: Mapping[str, Any]) -> int:
    """How many items of a list pass a condition, in which the item's fields are written with the list's name."""
    listed = counted["field"].removesuffix("[*]")
    where = json.loads(re.sub(rf"{re.escape(listed)}(\[\*\])?\.", f"{_ITEM}.", json.dumps(counted["where"])))
    return sum(_holds(where, {**resource, _ITEM: item}, parameters) for item in _field(listed, resource) or [])


_ITEM = "@"
"""How a condition names the item of the list that is counted."""


def _field(name: str, resource: Body) -> Any:
    path = _ALIASES.get(name, f"properties.{name.rsplit('/', 1)[-1]}" if "/" in name else name)
    value: Any = resource
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _function(expression: str, resource: Body) -> Any:
    found = re.fullmatch(r"\[empty\(field\('([^']+)'\)\)\]", expression)
    if found is None:
        raise ValueError(f"{expression}: a function that is not evaluated here")
    return _field(found.group(1), resource) in (None, "", [], {})


def _compared(value: Any, condition: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether a value passes the one comparison of a condition. Text is compared in any case, as Azure does."""
    operators = condition.keys() - {"field", "value", "count"}
    (operator,) = operators
    wanted = condition[operator]
    named = re.fullmatch(r"\[parameters\('([^']+)'\)\]", wanted) if isinstance(wanted, str) else None
    wanted = parameters[named.group(1)] if named else wanted
    match operator:
        case "exists":
            return (value is not None) == (_text(wanted) == "true")
        case "equals":
            return _text(value) == _text(wanted)
        case "notEquals":
            return _text(value) != _text(wanted)
        case "in":
            return _text(value) in [_text(one) for one in _listed(wanted)]
        case "less":
            return bool(value < wanted)
        case "greaterOrEquals":
            return bool(value >= wanted)
        case _:
            raise ValueError(f"{operator}: a comparison that is not evaluated here")


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower()
