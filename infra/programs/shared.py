"""The hub's part of private networking: DNS zones, a network, endpoints of what all teams share.

Imported only where it is needed: see infra.programs.private.
"""

import hashlib
from collections.abc import Mapping
from typing import Literal

import pulumi
from pulumi_azure_native import authorization

from infra.components.access import Access, AccessArgs, Principal
from infra.components.network import (
    Entrance,
    PrivateEndpoints,
    PrivateEndpointsArgs,
    Subnet,
    VirtualNetwork,
    VirtualNetworkArgs,
    ZoneLinks,
    ZoneLinksArgs,
    Zones,
    ZonesArgs,
)
from infra.components.place import Place
from infra.components.registries import ModelRegistry
from infra.components.runners import SERVICE, RunnerPool, RunnerPoolArgs
from infra.reference import Reference
from infra.settings import Dns, GivenSubnet, HubSettings, MadeVnet, RunnerSettings
from infra.tables.private_endpoints import HUB_DOORS, REGISTRY_DOOR, REGISTRY_FILES_DOOR, REGISTRY_IMAGES_DOOR, ZONES
from infra.tables.roles import RUNNERS, Target

_RUNNERS = "runners"


def shared_network(
    settings: HubSettings,
    place: Place,
    models: ModelRegistry,
    targets: Mapping[Target, Reference],
    opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Declare the hub's zones, its network, and private endpoints in it: the model registry's, and in a closed hub all.

    Returns what of it has logs or metrics, by words.
    """
    linked = {f"names-{_word(vnet_id)}": Reference(vnet_id) for vnet_id in settings.linked_vnets}
    reporting: dict[str, Reference] = {}
    subnet: Reference | None = None
    match settings.vnet:
        case MadeVnet() as vnet:
            made = _network(vnet, place, opts)
            linked["names"] = made.vnet
            subnet, reporting = made.subnets["endpoints"], made.reporting
            if settings.runners is not None:
                reporting |= _runners(settings.runners, place, made.subnets[_RUNNERS], made.vnet, opts)
        case GivenSubnet() as vnet:
            subnet = Reference(vnet.subnet_id)
            if settings.runners is not None and settings.runners.subnet_id is not None:
                reporting |= _runners(settings.runners, place, Reference(settings.runners.subnet_id), None, opts)
    zones = _zones(settings.dns, place, linked, opts)
    if subnet is not None and settings.vnet is not None:
        entrances = [
            Entrance(REGISTRY_DOOR, models.registry.id_when_made),
            *(Entrance(REGISTRY_FILES_DOOR, files, location) for location, files in models.files.items()),
            Entrance(REGISTRY_IMAGES_DOOR, models.images),
        ]
        if settings.closed:
            entrances += [Entrance(door, targets[door.service].id_when_made) for door in HUB_DOORS]
        args = PrivateEndpointsArgs(place, subnet, entrances, zones, settings.vnet.origin)
        PrivateEndpoints("endpoints", args, opts)
    return reporting


def _zones(
    dns: Dns, place: Place, linked: Mapping[str, Reference], opts: pulumi.ResourceOptions
) -> Mapping[str, Reference] | None:
    """The DNS zones by name; None where a policy of the organization's writes the records.

    Zones of our own are found in the networks `linked`, by the words for their links.
    """
    if dns == "policy":
        return None
    if dns != "hub":
        return {name: Reference(zone) for name, zone in dns.items()}
    zones = Zones("zones", ZonesArgs(place, ZONES), opts).zones
    for word, vnet in linked.items():
        link = place.names.of("dns_link", *place.words, *word.split("-")[1:])
        ZoneLinks(word, ZoneLinksArgs(link, zones, vnet, place.tags), opts)
    return zones


def _word(resource_id: str) -> str:
    """A word that tells a resource from others."""
    return hashlib.sha256(resource_id.lower().encode()).hexdigest()[:8]


def _network(vnet: MadeVnet, place: Place, opts: pulumi.ResourceOptions) -> VirtualNetwork:
    out: Literal["firewall", "nothing"] = "firewall" if vnet.next_hop else "nothing"
    subnets = [Subnet("endpoints", vnet.endpoint_subnet, out, serves=True)]
    if vnet.runner_subnet is not None:
        way_out: Literal["firewall", "nat"] = "firewall" if vnet.next_hop else "nat"
        subnets.append(Subnet(_RUNNERS, vnet.runner_subnet, way_out, serves=False, delegated_to=SERVICE))
    args = VirtualNetworkArgs(
        place, vnet.address_space, vnet.dns_servers, vnet.next_hop, subnets, vnet.origin, vnet.gateway_subnet
    )
    return VirtualNetwork("network", args, opts)


def _runners(
    runners: RunnerSettings, place: Place, subnet: Reference, vnet: Reference | None, opts: pulumi.ResourceOptions
) -> dict[str, Reference]:
    """A pool of runners; on a network of ours, the service that makes them gets its rights."""
    rights: list[pulumi.Resource] = []
    if vnet is not None:
        service = Principal(runners.principal_id, runners.principal_id, authorization.PrincipalType.SERVICE_PRINCIPAL)
        args = AccessArgs(service, RUNNERS, {"hub network": vnet}, place.names, runners.origin)
        rights = Access("runners-access", args, opts).assignments
    return RunnerPool(_RUNNERS, RunnerPoolArgs(place, subnet, runners, rights), opts).reporting
