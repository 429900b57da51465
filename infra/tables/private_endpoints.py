"""Azure's private endpoints and their private DNS zones, as tables.

https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from dataclasses import dataclass
from typing import Literal

from infra.tables.network_modes import Service

_API = "privatelink.api.azureml.ms"
_NOTEBOOKS = "privatelink.notebooks.azure.net"
_BLOB = "privatelink.blob.core.windows.net"
_IMAGES = "privatelink.azurecr.io"


@dataclass(frozen=True)
class Endpoint:
    """A private endpoint of a service.

    Attributes:
        group: The sub-resource that it leads to, as Azure names it.
        zones: The DNS zones with its records.
    """

    service: Service | Literal["model registry", "private link scope"]
    group: str
    zones: tuple[str, ...]

    @property
    def key(self) -> str:
        """What distinguishes it from the other endpoints of a stack."""
        return f"{self.service}-{self.group}".lower().replace(" ", "-")


STORAGE_BLOB = Endpoint("storage", "blob", (_BLOB,))
STORAGE_FILE = Endpoint("storage", "file", ("privatelink.file.core.windows.net",))
# Parallel jobs and batch endpoints distribute their work with a queue and a table.
STORAGE_QUEUE = Endpoint("storage", "queue", ("privatelink.queue.core.windows.net",))
STORAGE_TABLE = Endpoint("storage", "table", ("privatelink.table.core.windows.net",))
KEY_VAULT = Endpoint("key vault", "vault", ("privatelink.vaultcore.azure.net",))
CONTAINER_REGISTRY = Endpoint("container registry", "registry", (_IMAGES,))

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("workspace", "amlworkspace", (_API, _NOTEBOOKS)),
    STORAGE_BLOB,
    STORAGE_FILE,
    STORAGE_QUEUE,
    STORAGE_TABLE,
    KEY_VAULT,
    CONTAINER_REGISTRY,
)
"""The endpoints of an environment."""

HUB_ENDPOINTS: tuple[Endpoint, ...] = (STORAGE_BLOB, KEY_VAULT)
"""The endpoints of the hub's state storage and key vault, where the hub has no public addresses."""

MODEL_REGISTRY = Endpoint("model registry", "amlregistry", (_API,))
MODEL_REGISTRY_FILES = Endpoint("model registry", "blob", (_BLOB,))
MODEL_REGISTRY_IMAGES = Endpoint("model registry", "registry", (_IMAGES,))
REGISTRY_ENDPOINTS: tuple[Endpoint, ...] = (MODEL_REGISTRY, MODEL_REGISTRY_FILES, MODEL_REGISTRY_IMAGES)
"""The endpoints of the hub's model registry: its own; those of its storage accounts, one in each location; and that of
its container registry, which leads to all replicas. Azure creates and names the accounts and the container registry.

https://learn.microsoft.com/azure/machine-learning/how-to-registry-network-isolation
https://learn.microsoft.com/azure/container-registry/container-registry-private-link
"""

PRIVATE_LINK_SCOPE = Endpoint(
    "private link scope",
    "azuremonitor",
    (
        "privatelink.monitor.azure.com",
        "privatelink.oms.opinsights.azure.com",
        "privatelink.ods.opinsights.azure.com",
        "privatelink.agentsvc.azure-automation.net",
        _BLOB,
    ),
)
"""The endpoint of an Azure Monitor Private Link Scope.

https://learn.microsoft.com/azure/azure-monitor/logs/private-link-configure#review-your-endpoints-dns-settings
"""


def zones_of(*, private_link_scope: bool) -> tuple[str, ...]:
    """All DNS zones of a platform's endpoints."""
    endpoints = (*ENDPOINTS, *REGISTRY_ENDPOINTS, *((PRIVATE_LINK_SCOPE,) if private_link_scope else ()))
    return tuple(sorted({zone for endpoint in endpoints for zone in endpoint.zones}))
