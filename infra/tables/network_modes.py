"""What a network mode means: who reaches each service, and what jobs reach, as tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infra.settings import Ci, Network

Service = Literal["workspace", "storage", "key vault", "container registry"]
"""A service of an environment that people, CI and jobs talk to."""

SERVICES: tuple[Service, ...] = ("workspace", "storage", "key vault", "container registry")

Isolation = Literal["Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"]
"""What the workspace's managed network lets out, as Azure spells it.
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"""


@dataclass(frozen=True)
class Inbound:
    """From where a service can be reached; who reaches it still needs an Entra login and a role.

    Attributes:
        public: Whether it has an address on the internet. Without one, it is reached by a private endpoint.
        ips: The ranges that may use the public address; everybody when empty.
    """

    public: bool
    ips: tuple[str, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Whether the whole internet gets to the login."""
        return self.public and not self.ips


@dataclass(frozen=True)
class Mode:
    """A network mode.

    Attributes:
        isolation: What jobs and endpoints reach.
        public: The services that have a public address.
        listed: Those of them that `allow_ips` narrows. The SDK has no list for a workspace. What jobs use can only be
            narrowed where they run in a managed network, since nodes without one come from any address.
    """

    isolation: Isolation
    public: frozenset[Service]
    listed: frozenset[Service]

    @property
    def managed(self) -> bool:
        """Whether jobs run in the workspace's managed network."""
        return self.isolation != "Disabled"

    @property
    def approved_only(self) -> bool:
        """Whether jobs reach nothing but what a rule names."""
        return self.isolation == "AllowOnlyApprovedOutbound"

    @property
    def private(self) -> bool:
        """Whether some service can only be reached by a private endpoint."""
        return self.public != frozenset(SERVICES)

    def inbound(self, service: Service, ips: tuple[str, ...]) -> Inbound:
        """From where a service can be reached, with the manifest's `allow_ips`."""
        return Inbound(service in self.public, ips if service in self.public & self.listed else ())


MODES: Mapping[tuple[Network, Ci], Mode] = {
    ("open", "public"): Mode("Disabled", frozenset(SERVICES), frozenset({"key vault"})),
    ("managed", "public"): Mode(
        "AllowInternetOutbound", frozenset(SERVICES), frozenset({"storage", "key vault", "container registry"})
    ),
    ("managed", "private"): Mode("AllowInternetOutbound", frozenset({"workspace"}), frozenset()),
    ("locked", "private"): Mode("AllowOnlyApprovedOutbound", frozenset(), frozenset()),
}
"""What can be had. Own-VNet compute is not among it: it has no managed online endpoints and no serverless compute.
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"""

REFUSED: Mapping[tuple[Network, Ci], str] = {
    ("open", "private"): (
        "jobs of an open workspace have no network of their own, and could not reach storage that is private"
    ),
    ("locked", "public"): "in a locked environment nothing has a public address that CI could reach",
}
"""What cannot be had, and why."""


NO_KUBERNETES: Mapping[Network, str] = {
    "managed": "an attached cluster is outside of the workspace's managed network, and the two do not go together",
    "locked": "an attached cluster is outside of the workspace's managed network, and could reach anything",
}
"""The modes that attach no Kubernetes cluster, and why.
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"""


def mode_of(network: Network, ci: Ci) -> Mode:
    """The mode. Raises KeyError where the manifests refuse the combination: see `REFUSED`."""
    return MODES[network, ci]
