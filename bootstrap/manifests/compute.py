"""The compute that the manifests configure: clusters, instances and attached Kubernetes clusters."""

from bootstrap.manifests.layers import Layers, Manifests, Sourced, innermost
from infra.settings import ClusterSettings, InstanceSettings, KubernetesSettings
from infra.tables.network_modes import MODES


def clusters(manifests: Manifests, layers: Layers) -> tuple[ClusterSettings, ...]:
    """The compute clusters of an environment."""
    return tuple(
        ClusterSettings(**item.value.model_dump(exclude={"subnet_id"}), origin=manifests.origin(item.position))
        for item in innermost(layers, "compute").items()
    )


def instances(manifests: Manifests, stack: str, layers: Layers) -> tuple[InstanceSettings, ...]:
    """The compute instances of an environment; none where people only read."""
    items = list(innermost(layers, "instances").items())
    if items and innermost(layers, "protect").value:
        manifests.report(
            items[0].position,
            f"{stack} is protected: people only read there, and a compute instance is for a person who works.",
            f"Set instances where people work, or instances: [] in {stack}.",
        )
    return tuple(InstanceSettings(**dict(item.value), origin=manifests.origin(item.position)) for item in items)


def kubernetes(manifests: Manifests, stack: str, layers: Layers) -> tuple[KubernetesSettings, ...]:
    """The Kubernetes clusters that an environment attaches."""
    items = list(innermost(layers, "kubernetes").items())
    network = innermost(layers, "network").value
    if items and (reason := MODES[network].refused_kubernetes) is not None:
        manifests.report(items[0].position, f"{stack}: kubernetes is refused in network {network}: {reason}.")
    for item in items:
        cluster, by_arc = item.value, "/Microsoft.Kubernetes/" in item.value.cluster_id
        manifests.report(
            item.position,
            f"kubernetes {cluster.name}: Azure Arc connects this cluster, so relay_id is needed.",
            "Add relay_id: Azure ML's extension created the relay in the cluster's resource group.",
            when=by_arc and cluster.relay_id is None,
        )
        manifests.report(
            item.position,
            f"kubernetes {cluster.name}: relay_id is for clusters of Azure Arc; this one is in AKS.",
            when=not by_arc and cluster.relay_id is not None,
        )
    return tuple(KubernetesSettings(**dict(item.value), origin=manifests.origin(item.position)) for item in items)


def check_names(manifests: Manifests, layers: Layers) -> None:
    """Report compute of one workspace that has the same name."""
    owners: dict[str, tuple[str, Sourced]] = {}
    for key in ("compute", "instances", "kubernetes"):
        for item in innermost(layers, key).items():
            owner, first = owners.setdefault(item.value.name, (key, item))
            manifests.report(
                item.position,
                f"{key}: {owner} already has the name {item.value.name!r} in the same workspace.",
                when=first is not item,
            )
