"""What is in Azure already, exported to a file: no account is asked.

The file holds what `az resource show --ids ID...` or Azure's REST API answered: a resource, or a list of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError
from bootstrap.files import read_bounded
from infra.settings import EnvironmentSettings, StackSettings

Observed = Mapping[str, Mapping[str, Any]]
"""Resources as Azure describes them, by id in lower case."""

NOTHING: Observed = {}
"""Where nothing is known of what is there."""

_HINT = "Export it with: az resource show --ids ID... > FILE"


def read_observed(path: Path) -> Observed:
    """The resources that a file describes.

    Raises:
        InputError: It cannot be read, is no JSON, or holds something else than resources as Azure describes them.
    """
    try:
        content = json.loads(read_bounded(path).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=f"{error.strerror}.") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"{path} is no JSON.", why=f"{error}.", hint=_HINT) from error
    if isinstance(content, dict) and isinstance(content.get("value"), list):
        content = content["value"]  # a page of Azure's REST API
    resources = content if isinstance(content, list) else [content]
    if not resources:
        raise InputError(f"{path} holds nothing.", hint=_HINT)
    for number, resource in enumerate(resources, start=1):
        if not _is_described(resource):
            raise InputError(
                f"{path} holds something else than resources as Azure describes them.",
                why=f"Number {number} has no id that begins with /subscriptions/, or no properties.",
                hint=f"{_HINT} (a template, or what az ml prints, tells other things).",
            )
    return {resource["id"].lower(): resource for resource in resources}


def adopted(settings: StackSettings, observed: Observed) -> Observed:
    """Of what was observed, what a stack adopts."""
    if not isinstance(settings, EnvironmentSettings) or settings.adopted is None:
        return {}
    return {id_.lower(): observed[id_.lower()] for id_ in settings.adopted.ids.values() if id_.lower() in observed}


def _is_described(resource: Any) -> bool:
    return (
        isinstance(resource, dict)
        and isinstance(resource.get("id"), str)
        and resource["id"].lower().startswith("/subscriptions/")
        and isinstance(resource.get("properties"), dict)
    )
