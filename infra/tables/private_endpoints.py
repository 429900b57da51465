"""Azure's private endpoints and the DNS zones that lead to them, as tables.

https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from dataclasses import dataclass
from typing import Literal

from infra.tables.network_modes import Service

_API = "privatelink.api.azureml.ms"
_NOTEBOOKS = "privatelink.notebooks.azure.net"
_BLOB = "privatelink.blob.core.windows.net"
_IMAGES = "privatelink.azurecr.io"

Private = Service | Literal["model registry"]
"""A service that can be had by a private endpoint."""


@dataclass(frozen=True)
class Door:
    """A private endpoint of a service.

    Attributes:
        group: The part of the service that it leads to, as Azure calls it.
        zones: The DNS zones in which its names are.
    """

    service: Private
    group: str
    zones: tuple[str, ...]

    @property
    def word(self) -> str:
        """What tells it from the others of a stack."""
        return f"{self.service}-{self.group}".lower().replace(" ", "-")


_STORAGE_BLOBS = Door("storage", "blob", (_BLOB,))
_VAULT = Door("key vault", "vault", ("privatelink.vaultcore.azure.net",))

DOORS: tuple[Door, ...] = (
    Door("workspace", "amlworkspace", (_API, _NOTEBOOKS)),
    _STORAGE_BLOBS,
    Door("storage", "file", ("privatelink.file.core.windows.net",)),
    # Parallel jobs and batch endpoints hand out their work through a queue and a table.
    Door("storage", "queue", ("privatelink.queue.core.windows.net",)),
    Door("storage", "table", ("privatelink.table.core.windows.net",)),
    _VAULT,
    Door("container registry", "registry", (_IMAGES,)),
)
"""The doors of an environment."""

HUB_DOORS: tuple[Door, ...] = (_STORAGE_BLOBS, _VAULT)
"""The doors of the hub's state storage and key vault, where the hub is closed."""

REGISTRY_DOOR = Door("model registry", "amlregistry", (_API,))
REGISTRY_FILES_DOOR = Door("model registry", "blob", (_BLOB,))
REGISTRY_IMAGES_DOOR = Door("model registry", "registry", (_IMAGES,))
"""The doors of the hub's model registry: its own; those of where it keeps files, one in each of its locations; and that
of where it keeps images, one container registry whose endpoint leads to all its replicas. Azure makes and names both.

https://learn.microsoft.com/azure/machine-learning/how-to-registry-network-isolation
https://learn.microsoft.com/azure/container-registry/container-registry-private-link
"""
REGISTRY_DOORS: tuple[Door, ...] = (REGISTRY_DOOR, REGISTRY_FILES_DOOR, REGISTRY_IMAGES_DOOR)

ZONES: tuple[str, ...] = tuple(sorted({zone for door in (*DOORS, *REGISTRY_DOORS) for zone in door.zones}))
"""Every DNS zone that a door needs."""
