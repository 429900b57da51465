"""The compute that the manifests ask for: what is made of it, and what is refused with its reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import Position, Problem
from bootstrap.manifests.layers import Layers
from bootstrap.manifests.schema import Cluster, Instance, Kubernetes
from infra.settings import ClusterSettings, InstanceSettings, KubernetesSettings
from infra.tables.network_modes import NO_KUBERNETES

Origin = Callable[[Position], str]


@dataclass
class Compute:
    """The compute of one platform's environments.

    Attributes:
        origin: How the settings spell a place.
        problems: Filled as settings are made.
    """

    origin: Origin
    problems: list[Problem]

    def clusters(self, layers: Layers) -> tuple[ClusterSettings, ...]:
        """The clusters of an environment. Names are one workspace's, so here they are compared with all others."""
        self._named_once(layers)
        items: Iterator[tuple[Cluster, Position]] = _items(layers, "compute")
        return tuple(
            ClusterSettings(
                name=cluster.name,
                size=cluster.size,
                max_nodes=cluster.max_nodes,
                low_priority=cluster.low_priority,
                origin=self.origin(at),
            )
            for cluster, at in items
        )

    def instances(self, stack: str, layers: Layers) -> tuple[InstanceSettings, ...]:
        """The instances of an environment; none where people only read."""
        items: list[tuple[Instance, Position]] = list(_items(layers, "instances"))
        if items and layers.value("protect"):
            message = f"{stack} is protected: people only read there, and an instance is for one who works."
            self._add(items[0][1], message, f"Say them where people work, or instances: [] in {stack}.")
        return tuple(InstanceSettings(**dict(instance), origin=self.origin(at)) for instance, at in items)

    def kubernetes(self, stack: str, layers: Layers) -> tuple[KubernetesSettings, ...]:
        """The Kubernetes clusters that an environment attaches."""
        items: list[tuple[Kubernetes, Position]] = list(_items(layers, "kubernetes"))
        network = layers.value("network")
        if items and (reason := NO_KUBERNETES.get(network)) is not None:
            self._add(items[0][1], f"{stack}: kubernetes is refused in network {network}: {reason}.")
        for cluster, at in items:
            by_arc = "/Microsoft.Kubernetes/" in cluster.cluster_id
            if by_arc and cluster.relay_id is None:
                hint = "Add relay_id: Azure ML's extension made the relay in the cluster's resource group."
                self._add(at, f"kubernetes {cluster.name}: Azure Arc connects it, and nothing says its relay.", hint)
            if not by_arc and cluster.relay_id is not None:
                self._add(at, f"kubernetes {cluster.name}: relay_id is for clusters of Azure Arc; this one is in AKS.")
        return tuple(KubernetesSettings(**dict(cluster), origin=self.origin(at)) for cluster, at in items)

    def _named_once(self, layers: Layers) -> None:
        named: dict[str, str] = {}
        for key in ("compute", "instances", "kubernetes"):
            for item, at in _items(layers, key):
                if item.name in named:
                    self._add(at, f"{key}: {named[item.name]} has a {item.name!r} already, in the same workspace.")
                named.setdefault(item.name, key)

    def _add(self, position: Position, message: str, suggestion: str = "") -> None:
        # Stacks of several layers meet the same mistake again.
        problem = Problem(position, message, suggestion)
        if problem not in self.problems:
            self.problems.append(problem)


def _items(layers: Layers, key: str) -> Iterator[tuple[Any, Position]]:
    """What a list says, with the place of each item."""
    said = layers.said(key)
    if said is not None:
        yield from zip(said.value, said.items, strict=True)
