"""A key of the organization that encrypts data in place of Azure's own key."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.reference import Reference


@dataclass(frozen=True)
class CustomerKey:
    """A customer-managed key, and the identity that uses it.

    Attributes:
        vault_id: The resource id of the key's vault.
        key: The key's URL with its version.
        identity: The identity with which services wrap and unwrap their own keys.
        client_id: That identity's client id, known after its creation.
        role_assignments: The identity's roles on the vault, which must exist before a service uses the key.
    """

    vault_id: str
    key: str
    identity: Reference
    client_id: pulumi.Output[str]
    role_assignments: Sequence[pulumi.Resource]

    @property
    def vault_url(self) -> str:
        """The vault's URL."""
        return self.key.partition("/keys/")[0]

    @property
    def name(self) -> str:
        """The key's name in its vault."""
        return self.key.split("/")[4]

    @property
    def url_without_version(self) -> str:
        """The key's URL without a version: a service that uses it follows the key's rotation."""
        return f"{self.vault_url}/keys/{self.name}"
