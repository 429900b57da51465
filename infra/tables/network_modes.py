"""The network modes, one row each: which services have a public address, and what jobs reach.

To add a mode, add its name to `Network` and its row to `MODES`. No other code compares the names of modes;
tests/unit/manifests/test_compute.py does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Network = Literal["open", "managed", "locked"]
"""The names of the network modes, as manifests have them."""

HubNetwork = Literal["open", "locked"]
"""The network modes of the hub."""

Ci = Literal["public", "private"]
"""Where CI runs: anywhere, or inside the network, so that storage, vault and registry need no public address."""

AccessMode = Literal["open", "private_only"]
"""What networks with an Azure Monitor Private Link Scope reach: all of Azure Monitor, or the resources of the scope."""

Service = Literal["workspace", "storage", "key vault", "container registry"]
"""A service of an environment that people, CI and jobs connect to."""

SERVICES: tuple[Service, ...] = ("workspace", "storage", "key vault", "container registry")

Isolation = Literal["Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"]
"""The isolation mode of a workspace's managed network, as Azure spells it.
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"""


@dataclass(frozen=True)
class PublicAccess:
    """From where a service's public address can be reached. Callers need an Entra login and a role as well.

    Attributes:
        enabled: Whether the service has a public address. Without one, it is reached by private endpoint.
        allowed_ips: The ranges that may use the public address; the whole internet when empty.
    """

    enabled: bool
    allowed_ips: tuple[str, ...] = ()

    @property
    def unrestricted(self) -> bool:
        """Whether the whole internet can reach the service's login."""
        return self.enabled and not self.allowed_ips


@dataclass(frozen=True)
class Mode:
    """A network mode.

    Attributes:
        meaning: What it is, in a few words, for the help of manifests.
        isolation: What jobs and endpoints reach.
        public: The services with a public address, for each place where CI can run in this mode.
        default_ci: Where CI runs unless a manifest configures it.
        refused_ci: The reasons against the other places.
        ip_rules: The services whose public address `allow_ips` restricts. The SDK has no such list for a workspace.
            Services that jobs use can be restricted only if the jobs run in a managed network, since nodes outside of
            one have arbitrary addresses.
        private_hub: For a mode of the hub: whether the hub's services have no public address.
        refused_with_private_registry: Why an environment cannot use a model registry without a public address; None
            if it can.
        refused_kubernetes: Why an environment attaches no Kubernetes cluster; None if it can.
        refused_feature_store: Why an environment is no feature store; None if it can be one.
    """

    meaning: str
    isolation: Isolation
    public: Mapping[Ci, frozenset[Service]]
    default_ci: Ci
    refused_ci: Mapping[Ci, str]
    ip_rules: frozenset[Service]
    private_hub: bool
    refused_with_private_registry: str | None
    refused_kubernetes: str | None
    refused_feature_store: str | None = None

    @property
    def has_managed_network(self) -> bool:
        """Whether jobs run in the workspace's managed network."""
        return self.isolation != "Disabled"

    @property
    def approved_outbound_only(self) -> bool:
        """Whether jobs reach only the destinations of outbound rules."""
        return self.isolation == "AllowOnlyApprovedOutbound"

    @property
    def public_workspace(self) -> bool:
        """Whether the workspace has a public address, at least for some place of CI."""
        return any("workspace" in services for services in self.public.values())

    def private_services(self, ci: Ci) -> tuple[Service, ...]:
        """The services without a public address, which have private endpoints."""
        return tuple(service for service in SERVICES if service not in self.public[ci])

    def public_access(self, service: Service, ci: Ci, allow_ips: tuple[str, ...]) -> PublicAccess:
        """From where a service can be reached, with the manifests' `allow_ips`."""
        public = service in self.public[ci]
        return PublicAccess(public, allow_ips if public and service in self.ip_rules else ())


_ALL = frozenset(SERVICES)

MODES: Mapping[Network, Mode] = {
    "open": Mode(
        meaning="no managed network",
        isolation="Disabled",
        public={"public": _ALL},
        default_ci="public",
        refused_ci={
            "private": "jobs of an open workspace have no network of their own, and could not reach private storage"
        },
        ip_rules=frozenset({"key vault"}),
        private_hub=False,
        refused_with_private_registry=(
            "its jobs have no network of their own, and could not reach the private model registry"
        ),
        refused_kubernetes=None,
    ),
    "managed": Mode(
        meaning="the workspace's managed network",
        isolation="AllowInternetOutbound",
        public={"public": _ALL, "private": frozenset({"workspace"})},
        default_ci="public",
        refused_ci={},
        ip_rules=frozenset({"storage", "key vault", "container registry"}),
        private_hub=False,
        refused_with_private_registry=None,
        refused_kubernetes=(
            "an attached cluster is outside of the workspace's managed network, and Azure ML does not support both"
        ),
    ),
    "locked": Mode(
        meaning="approved destinations only, and no public addresses",
        isolation="AllowOnlyApprovedOutbound",
        public={"private": frozenset()},
        default_ci="private",
        refused_ci={"public": "in a locked environment nothing has a public address that CI could reach"},
        ip_rules=frozenset(),
        private_hub=True,
        refused_with_private_registry=None,
        refused_kubernetes=(
            "an attached cluster is outside of the workspace's managed network, and could reach anything"
        ),
        # https://learn.microsoft.com/azure/machine-learning/tutorial-network-isolation-for-feature-store
        refused_feature_store=(
            "Azure ML supports feature stores in managed networks that reach the internet only, as in network managed"
        ),
    ),
}
"""The network modes. Compute in a subnet of the organization is not among them: it has neither managed online endpoints
nor serverless compute. https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"""

DEFAULT_MODE: Network = "open"
"""The network mode unless a manifest configures it."""
