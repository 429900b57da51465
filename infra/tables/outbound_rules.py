"""The outbound rules of a managed network beside those of the manifests and those that Azure ML adds itself: a table.

https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#list-of-required-rules
"""

from collections.abc import Mapping
from typing import Literal

from infra.tables.network_modes import PublicAccess
from infra.tables.private_endpoints import (
    CONTAINER_REGISTRY,
    KEY_VAULT,
    MODEL_REGISTRY,
    STORAGE_BLOB,
    STORAGE_FILE,
    STORAGE_QUEUE,
    STORAGE_TABLE,
    Endpoint,
)

RESTRICTED_STORAGE: Mapping[str, Endpoint] = {STORAGE_QUEUE.key: STORAGE_QUEUE, STORAGE_TABLE.key: STORAGE_TABLE}
"""Where the storage account does not answer the whole internet: parallel jobs use its queues and tables."""

SELECTED_STORAGE: Mapping[str, Endpoint] = {STORAGE_BLOB.key: STORAGE_BLOB, STORAGE_FILE.key: STORAGE_FILE}
"""Where it answers allowed addresses and the model registry only, and jobs reach the internet: in such a network,
Azure ML creates endpoints only to services whose public access is disabled."""

ALLOWED_ADDRESSES: Mapping[str, Endpoint] = {"key-vault": KEY_VAULT, "container-registry": CONTAINER_REGISTRY}
"""Where vault and registry answer allowed addresses only, for the same reason: jobs have no allowed address."""

SHARED_REGISTRY: Mapping[str, Endpoint] = {"model-registry": MODEL_REGISTRY}
"""Where jobs reach the shared model registry by a private endpoint."""

APPROVED: Mapping[str, tuple[Literal["fqdn", "service_tag"], str]] = {}
"""Where jobs reach approved destinations only: what they reach in every workspace whatever the manifests declare, as
`"packages": ("fqdn", "pypi.org")`. The first host name adds Azure Firewall to each workspace, which bills."""

RESERVED = (*RESTRICTED_STORAGE, *SELECTED_STORAGE, *ALLOWED_ADDRESSES, *SHARED_REGISTRY)
"""The names of the private endpoints, which a rule of a manifest cannot have."""


def required_rules(storage: PublicAccess, *, approved_only: bool, shared_registry: bool) -> dict[str, Endpoint]:
    """The private endpoints that a managed network needs, by the names of their rules.

    Args:
        storage: From where the public address of the storage account can be reached.
        approved_only: Whether jobs reach only the destinations of outbound rules.
        shared_registry: Whether jobs reach the shared model registry by a private endpoint.
    """
    return {
        **(RESTRICTED_STORAGE if not storage.unrestricted else {}),
        **(SELECTED_STORAGE if not (storage.unrestricted or approved_only) else {}),
        **(ALLOWED_ADDRESSES if storage.allowed_ips else {}),
        **(SHARED_REGISTRY if shared_registry else {}),
    }
