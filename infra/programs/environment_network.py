"""The private network of an environment: private endpoints, their subnet, and DNS.

Imported only where it is needed: the provider's network module takes as long to load as all others together.
"""

from collections.abc import Mapping, Sequence

import pulumi

from infra.components.access import Principal, create_role_assignments
from infra.components.context import StackContext
from infra.components.flow_logs import create_flow_log
from infra.components.network import (
    Outbound,
    Subnet,
    VirtualNetwork,
    create_peering,
    create_private_endpoints,
    link_dns_zones,
)
from infra.hub import Hub
from infra.reference import Reference, references
from infra.settings import EnvironmentSettings, ExistingSubnet, HubPeering, NewVnet
from infra.tables.network_modes import MODES
from infra.tables.private_endpoints import ENDPOINTS, MODEL_REGISTRY, STORAGE_BLOB, STORAGE_FILE
from infra.tables.roles import IDENTITIES, Target


def create_environment_network(
    settings: EnvironmentSettings,
    vnet: NewVnet | ExistingSubnet,
    context: StackContext,
    targets: Mapping[Target, Reference],
    hub: Hub,
    workspace: Principal | None,
    connected: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
    hub_opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Create a private endpoint for each service without a public address, and the network, unless it exists.

    Returns the resources with logs or metrics, by the last part of the setting's name.

    Args:
        workspace: The workspace's identity, if this stack creates it.
        connected: What connects the managed network to the same services; the endpoints are created afterwards.
        hub_opts: The options of resources in the hub's subscription.
    """
    zones = references(hub.dns_zone_ids)
    diagnostic_sources: dict[str, Reference] = {}
    match vnet:
        case NewVnet():
            network = _create_network(settings, vnet, zones, context, hub, opts, hub_opts)
            subnet, diagnostic_sources = network.subnets["endpoints"], network.diagnostic_sources
            if settings.networking.flow_log_days is not None:
                diagnostic_sources["flow-log"] = create_flow_log(
                    "flow-log",
                    context=context,
                    vnet=network.vnet,
                    days=settings.networking.flow_log_days,
                    origin=vnet.origin,
                    opts=opts,
                )
        case ExistingSubnet():
            subnet = Reference(vnet.subnet_id)
    private = MODES[settings.network].private_services(settings.networking.ci)
    endpoints = create_private_endpoints(
        "endpoints",
        context=context,
        subnet=subnet,
        targets={
            (endpoint.key,): (endpoint, targets[endpoint.service].id_output)
            for endpoint in ENDPOINTS
            # An existing workspace may have no container registry.
            if endpoint.service in private and endpoint.service in targets
        },
        zones=zones,
        origin=vnet.origin,
        depends_on=connected,
        opts=opts,
    )
    registry_is_private = not settings.networking.public_registry
    if registry_is_private and "workspace" in private and settings.networking.dns != "policy":
        # Azure ML reads a private registry for a private workspace only where both have endpoints in one subnet. The
        # name of the registry keeps the address of its endpoint in the hub: a zone holds one address for a name.
        # https://github.com/MicrosoftDocs/azure-ai-docs/pull/245
        create_private_endpoints(
            "registry-endpoints",
            context=context,
            subnet=subnet,
            targets={(MODEL_REGISTRY.key,): (MODEL_REGISTRY, hub.model_registry_id)},
            zones=None,
            origin=vnet.origin,
            depends_on=connected,
            opts=opts,
        )
    if workspace is not None:
        create_role_assignments(
            "workspace-endpoints",
            principal=workspace,
            entitlements=IDENTITIES["workspace, private storage"],
            targets={
                "storage blob endpoint": endpoints[STORAGE_BLOB.key,],
                "storage file endpoint": endpoints[STORAGE_FILE.key,],
            },
            names=context.names,
            origin=settings.origin,
            opts=opts,
        )
    return diagnostic_sources


def _create_network(
    settings: EnvironmentSettings,
    vnet: NewVnet,
    zones: Mapping[str, Reference] | None,
    context: StackContext,
    hub: Hub,
    opts: pulumi.ResourceOptions,
    hub_opts: pulumi.ResourceOptions,
) -> VirtualNetwork:
    """Create the environment's own network, and peer it with the hub's."""
    outbound: Outbound = "firewall" if vnet.next_hop else "none"
    endpoints = Subnet("endpoints", vnet.endpoint_subnet, outbound, accepts_https=True)
    network = VirtualNetwork("network", context=context, settings=vnet, subnets=[endpoints], opts=opts)
    if settings.networking.dns == "hub" and zones is not None:
        link_dns_zones(
            "names",
            link_name=context.name("dns_link"),
            zones=zones,
            vnet=network.vnet,
            tags=context.tags,
            opts=hub_opts,
        )
    if settings.networking.hub_vnet is not None:
        _create_peerings(settings.networking.hub_vnet, network, context, hub, opts, hub_opts)
    return network


def _create_peerings(
    hub_vnet: HubPeering,
    network: VirtualNetwork,
    context: StackContext,
    hub: Hub,
    opts: pulumi.ResourceOptions,
    hub_opts: pulumi.ResourceOptions,
) -> None:
    """Create both directions of the peering; the hub's first, because Azure checks that it provides its gateway.

    The organization creates the direction of a network of its own.
    """
    depends_on = [subnet.resource for subnet in network.subnets.values() if subnet.resource is not None]
    target = Reference(hub_vnet.vnet_id or hub.vnet_id)
    if hub_vnet.vnet_id is None:
        from_hub = create_peering(
            "from-hub",
            peering_name=context.name("peering"),
            source=target,
            target=network.vnet,
            gateway="provided" if hub_vnet.gateway else "none",
            depends_on=depends_on,
            opts=hub_opts,
        )
        depends_on = [from_hub]
    create_peering(
        "to-hub",
        peering_name=context.names.of("peering", "hub"),
        source=network.vnet,
        target=target,
        gateway="used" if hub_vnet.gateway else "none",
        depends_on=depends_on,
        opts=opts,
    )
