"""A key of the organization's that data is encrypted with instead of Azure's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.reference import Reference


@dataclass(frozen=True)
class CustomerKey:
    """A key in a vault of the organization's, and who uses it.

    Attributes:
        vault_id: The vault's resource id.
        key: The key's address with its version.
        identity: Whom services act as when they wrap and unwrap with it.
        client_id: That identity's, known once it is made.
        after: The identity's rights on the vault, which must be there before.
    """

    vault_id: str
    key: str
    identity: Reference
    client_id: pulumi.Output[str]
    after: Sequence[pulumi.Resource]

    @property
    def vault(self) -> str:
        """The vault's address."""
        return self.key.partition("/keys/")[0]

    @property
    def name(self) -> str:
        """The key's name in its vault."""
        return self.key.split("/")[4]

    @property
    def newest(self) -> str:
        """The key's address without a version: who takes it follows the key when it is rotated."""
        return f"{self.vault}/keys/{self.name}"
