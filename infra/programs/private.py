"""What an environment is given where its services have no public address: a network, endpoints in it, names for them.

Imported only where it is needed: the provider's network module takes as long to load as all others together.
"""

from collections.abc import Mapping
from typing import Literal

import pulumi

from infra.components.access import Access, AccessArgs, Principal
from infra.components.network import (
    Entrance,
    Peering,
    PeeringArgs,
    PrivateEndpoints,
    PrivateEndpointsArgs,
    Subnet,
    VirtualNetwork,
    VirtualNetworkArgs,
    ZoneLinks,
    ZoneLinksArgs,
)
from infra.components.place import Place
from infra.programs.hub import Provided
from infra.programs.subscription import in_hubs_subscription
from infra.reference import Reference
from infra.settings import Dns, EnvironmentSettings, GivenSubnet, HubVnet, MadeVnet
from infra.tables.network_modes import Mode
from infra.tables.private_endpoints import DOORS
from infra.tables.roles import WORKSPACE_PRIVATE_STORAGE, Target


def private_network(
    settings: EnvironmentSettings,
    place: Place,
    mode: Mode,
    targets: Mapping[Target, Reference],
    hub: Provided,
    workspace: Principal | None,
    opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Declare private endpoints for every service without a public address, and the network that they lie in.

    Returns what of it has logs or metrics, by words.

    Args:
        workspace: The identity of ours that the workspace acts as; None where it acts as another.
    """
    vnet = settings.networking.vnet
    if vnet is None:
        raise ValueError(f"{settings.stack}: services without a public address need a network")
    reporting: dict[str, Reference] = {}
    match vnet:
        case MadeVnet():
            made = _made(settings, vnet, place, hub, opts)
            subnet, reporting = made.subnets["endpoints"], made.reporting
        case GivenSubnet():
            subnet = Reference(vnet.subnet_id)
    entrances = [
        Entrance(door, targets[door.service].id_when_made)
        for door in DOORS
        # A workspace that is adopted may have no container registry.
        if door.service not in mode.public and door.service in targets
    ]
    zones = zones_of(settings.networking.dns, hub)
    made_endpoints = PrivateEndpoints(
        "endpoints", PrivateEndpointsArgs(place, subnet, entrances, zones, vnet.origin), opts
    ).endpoints
    if workspace is not None:
        on: dict[Target, Reference] = {
            "storage blob endpoint": made_endpoints["storage-blob"],
            "storage file endpoint": made_endpoints["storage-file"],
        }
        args = AccessArgs(workspace, WORKSPACE_PRIVATE_STORAGE, on, place.names, settings.origin)
        Access("workspace-endpoints", args, opts)
    return reporting


def zones_of(dns: Dns, hub: Provided) -> Mapping[str, Reference] | None:
    """The DNS zones by name; None where a policy of the organization's writes the records."""
    if dns == "policy":
        return None
    if dns == "hub":
        return hub.zones
    return {name: Reference(zone) for name, zone in dns.items()}


def _made(
    settings: EnvironmentSettings, vnet: MadeVnet, place: Place, hub: Provided, opts: pulumi.ResourceOptions
) -> VirtualNetwork:
    """A network of the environment's own, peered with the hub's."""
    out: Literal["firewall", "nothing"] = "firewall" if vnet.next_hop else "nothing"
    endpoints = Subnet("endpoints", vnet.endpoint_subnet, out, serves=True)
    args = VirtualNetworkArgs(place, vnet.address_space, vnet.dns_servers, vnet.next_hop, [endpoints], vnet.origin)
    made = VirtualNetwork("network", args, opts)
    on_hub = in_hubs_subscription(settings)
    if settings.networking.dns == "hub":
        link = place.names.of("dns_link", *place.words)
        ZoneLinks("names", ZoneLinksArgs(link, hub.zones, made.vnet, place.tags), on_hub)
    if settings.networking.hub_vnet is not None:
        _peer(settings.networking.hub_vnet, made, place, hub, opts, on_hub)
    return made


def _peer(
    hub_vnet: HubVnet,
    made: VirtualNetwork,
    place: Place,
    hub: Provided,
    opts: pulumi.ResourceOptions,
    on_hub: pulumi.ResourceOptions,
) -> None:
    """Both directions, the hub's first, since only a gateway that is lent can be used.

    Nothing is written on a network of the organization's: its side of the peering is theirs.
    """
    written = [subnet.made_by for subnet in made.subnets.values() if subnet.made_by is not None]
    uses: Literal["uses", "none"] = "uses" if hub_vnet.gateway else "none"
    to_hub = place.names.of("peering", "hub")
    if hub_vnet.vnet_id is not None:
        Peering("to-hub", PeeringArgs(to_hub, made.vnet, Reference(hub_vnet.vnet_id), uses, written), opts)
        return
    lends: Literal["lends", "none"] = "lends" if hub_vnet.gateway else "none"
    from_hub = Peering(
        "from-hub", PeeringArgs(place.names.of("peering", *place.words), hub.vnet, made.vnet, lends, written), on_hub
    )
    Peering("to-hub", PeeringArgs(to_hub, made.vnet, hub.vnet, uses, [from_hub]), opts)
