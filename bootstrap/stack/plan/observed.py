"""Existing resources of Azure, exported to a file: no account is needed.

The file has the output of `az resource show --ids ID...` or of Azure's REST API: a resource, or a list of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError
from bootstrap.files import read_bounded
from infra.rules.adopted import ELIGIBILITY_TYPE
from infra.settings import EnvironmentSettings, StackSettings

Observed = Mapping[str, Mapping[str, Any]]
"""Resources as Azure describes them, by id in lower case."""

NOTHING: Observed = {}
"""No existing resource is known."""

_TYPES: Mapping[tuple[str, ...], type] = {
    ("location",): str,
    ("tags",): dict,
    ("identity",): dict,
    ("sku",): dict,
    ("properties", "storageAccount"): str,
    ("properties", "keyVault"): str,
    ("properties", "containerRegistry"): str,
    ("properties", "applicationInsights"): str,
    ("properties", "scope"): str,
    ("properties", "principalId"): str,
    ("properties", "roleDefinitionId"): str,
    ("properties", "endDateTime"): str,
    ("properties", "managedNetwork"): dict,
    ("properties", "managedNetwork", "isolationMode"): str,
    ("tenantId",): str,
    ("identity", "tenantId"): str,
    ("properties", "isHnsEnabled"): bool,
    ("properties", "publicNetworkAccess"): str,
    ("properties", "networkAcls"): dict,
    ("properties", "networkAcls", "defaultAction"): str,
}
"""The types of what rules read by name; each may also be missing or null.
https://learn.microsoft.com/rest/api/azureml/workspaces/get
https://learn.microsoft.com/rest/api/authorization/role-eligibility-schedules/get"""

_NAMES: Mapping[type, str] = {str: "text", dict: "a mapping", bool: "true or false"}

_HINT = "Export it with: az resource show --ids ID... > FILE"


def read_observed(path: Path) -> Observed:
    """The resources that a file describes.

    Raises:
        InputError: The file cannot be read, is not JSON, or has something other than descriptions of resources.
    """
    try:
        content = json.loads(read_bounded(path).decode("utf-8-sig"))
        # NaN and halves of surrogate pairs, which Python accepts, are in no JSON document; reports cannot contain them.
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=f"{error.strerror}.", hint=_HINT) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"{path} is not JSON.", why=f"{error}.", hint=_HINT) from error
    if isinstance(content, dict) and isinstance(content.get("value"), list):
        content = content["value"]  # a page of Azure's REST API
    resources = content if isinstance(content, list) else [content]
    if not resources:
        raise InputError(f"{path} is empty.", hint=_HINT)
    for number, resource in enumerate(resources, start=1):
        if not _is_described(resource):
            raise InputError(
                f"{path} has something other than resources as Azure describes them.",
                why=f"Entry {number} has no id that begins with /subscriptions/, or no properties.",
                hint=f"{_HINT} (templates and the output of az ml have another format).",
            )
        for place, expected in _TYPES.items():
            if not isinstance(found := _at(resource, place), expected | None):
                raise InputError(
                    f"{path} has something other than resources as Azure describes them.",
                    why=f"{'.'.join(place)} of entry {number} is {json.dumps(found)[:80]}, not {_NAMES[expected]}.",
                    hint=_HINT,
                )
    return {resource["id"].lower(): resource for resource in resources}


def used(settings: StackSettings, observed: Observed) -> Observed:
    """The observed resources that a stack adopts, the accounts of its datastores, and all eligibilities.

    Only a plan can tell apart by stack to which one an eligibility belongs.
    """
    wanted: set[str] = set()
    if isinstance(settings, EnvironmentSettings):
        adopted = settings.adopted.ids.values() if settings.adopted is not None else ()
        data = (*settings.datastores, *([settings.feature_store] if settings.feature_store is not None else []))
        wanted = {id_.lower() for id_ in (*adopted, *(one.storage_id for one in data)) if id_ is not None}
    return {id_: one for id_, one in observed.items() if id_ in wanted or ELIGIBILITY_TYPE in id_}


def _is_described(resource: Any) -> bool:
    return (
        isinstance(resource, dict)
        and isinstance(resource.get("id"), str)
        and resource["id"].lower().startswith("/subscriptions/")
        and isinstance(resource.get("properties"), dict)
    )


def _at(value: Any, place: tuple[str, ...]) -> Any:
    """The value at a place; None where there is none."""
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value
