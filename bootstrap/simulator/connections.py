"""What a resource connects to by private endpoint. Azure accepts one connection to a resource at a time.

https://github.com/Azure/bicep-registry-modules/issues/6001
"""

from collections.abc import Iterator, Mapping
from typing import Any

IN_PROGRESS = 'Status=409 Code="StorageAccountOperationInProgress" Message="Another operation needs exclusive access."'
"""The error of a second connection."""


def targets(type_: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """The ids, in lower case, of what a resource connects to: a managed network to the services of its workspace."""
    match type_.rpartition(":")[2]:
        case "PrivateEndpoint":
            yield from (one["privateLinkServiceId"].lower() for one in inputs["privateLinkServiceConnections"])
        case "ManagedNetworkSettingsRule" if inputs["properties"]["type"] == "PrivateEndpoint":
            yield inputs["properties"]["destination"]["serviceResourceId"].lower()
        case "Workspace" if inputs.get("managedNetwork", {}).get("isolationMode", "Disabled") != "Disabled":
            yield from (inputs[part].lower() for part in ("storageAccount", "keyVault", "containerRegistry"))
