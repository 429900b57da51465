"""States of the engine: what `pulumi stack export` prints, and the checkpoints that a backend in a folder keeps.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/core.go
"""

import json
from collections.abc import Mapping
from typing import Any

State = Mapping[str, Any]
"""A state as `pulumi stack export` prints it: `version` and `deployment`."""


def read_state(content: str | bytes) -> State:
    """Read a state. A checkpoint is returned in the form of an export.

    Raises:
        ValueError: It is neither.
    """
    try:
        document = json.loads(content)
        if "checkpoint" in document:
            document = {"version": document["version"], "deployment": document["checkpoint"]["latest"]}
        state = {**document, "deployment": document["deployment"] or {}}
        # What has no URNs was not written by the engine.
        [one["urn"].partition(":") for one in (*resources(state), *(one["resource"] for one in pending(state)))]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("It is no state of the engine.") from error
    return state


def resources(state: State) -> list[Any]:
    """The resources of a state, with components, providers and the stack itself."""
    return list(state["deployment"].get("resources") or ())


def pending(state: State) -> list[Any]:
    """The operations that a deployment began, and whose end is not recorded: `resource` and `type`."""
    return list(state["deployment"].get("pending_operations") or ())
