"""The hub's part of private networking: DNS zones, a network, private endpoints of what all teams share.

Imported only where it is needed: see infra.programs.environment_network.
"""

import hashlib
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import authorization

from infra.components.access import Principal, create_role_assignments
from infra.components.context import StackContext
from infra.components.flow_logs import create_flow_log
from infra.components.network import (
    Outbound,
    Subnet,
    VirtualNetwork,
    create_dns_zones,
    create_private_endpoints,
    link_dns_zones,
)
from infra.components.registries import ModelRegistry
from infra.components.runners import SERVICE, create_runner_pool
from infra.hub import Hub
from infra.reference import Reference, references
from infra.settings import ExistingSubnet, HubSettings, NewVnet, RunnerSettings
from infra.tables.private_endpoints import (
    HUB_ENDPOINTS,
    MODEL_REGISTRY,
    MODEL_REGISTRY_FILES,
    MODEL_REGISTRY_IMAGES,
    PRIVATE_LINK_SCOPE,
    Endpoint,
    zones_of,
)
from infra.tables.roles import RUNNERS, Target

_RUNNERS = "runners"


def create_hub_network(
    settings: HubSettings,
    hub: Hub,
    context: StackContext,
    models: ModelRegistry,
    targets: Mapping[Target, Reference],
    logs: Reference,
    opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Create the hub's DNS zones, its network, and the private endpoints in it.

    The model registry always has endpoints; state storage and key vault have them in a hub without public addresses.
    Returns the resources with logs or metrics, by the last part of the setting's name.

    Args:
        logs: The Log Analytics workspace of Traffic Analytics.
    """
    linked = {
        f"names-{hashlib.sha256(vnet_id.lower().encode()).hexdigest()[:8]}": Reference(vnet_id)
        for vnet_id in settings.linked_vnets
    }
    diagnostic_sources: dict[str, Reference] = {}
    subnet: Reference | None = None
    match settings.vnet:
        case NewVnet() as vnet:
            network = _create_network(vnet, context, opts)
            linked["names"] = network.vnet
            subnet, diagnostic_sources = network.subnets["endpoints"], network.diagnostic_sources
            if settings.flow_log_days is not None:
                diagnostic_sources["flow-log"] = create_flow_log(
                    "flow-log",
                    context=context,
                    vnet=network.vnet,
                    days=settings.flow_log_days,
                    analytics=logs if settings.traffic_analytics else None,
                    origin=vnet.origin,
                    opts=opts,
                )
            if settings.runners is not None:
                runner_subnet = network.subnets[_RUNNERS]
                diagnostic_sources |= _create_runners(settings.runners, context, runner_subnet, network.vnet, opts)
        case ExistingSubnet() as vnet:
            subnet = Reference(vnet.subnet_id)
            if settings.runners is not None and settings.runners.subnet_id is not None:
                runner_subnet = Reference(settings.runners.subnet_id)
                diagnostic_sources |= _create_runners(settings.runners, context, runner_subnet, None, opts)
    zones = references(hub.dns_zone_ids)
    if settings.dns == "hub":
        names = zones_of(private_link_scope=settings.private_link_scope is not None)
        zones = _create_dns_zones(context, names, linked, opts)
    if subnet is not None and settings.vnet is not None:
        endpoints = _endpoints(settings, models, targets)
        create_private_endpoints(
            "endpoints",
            context=context,
            subnet=subnet,
            targets=endpoints,
            zones=zones,
            origin=settings.vnet.origin,
            opts=opts,
        )
    return diagnostic_sources


def _endpoints(
    settings: HubSettings, models: ModelRegistry, targets: Mapping[Target, Reference]
) -> dict[tuple[str, ...], tuple[Endpoint, pulumi.Input[str]]]:
    """The private endpoints of the hub's services and the ids that they lead to, by the last parts of their names."""
    endpoints: dict[tuple[str, ...], tuple[Endpoint, pulumi.Input[str]]] = {
        (MODEL_REGISTRY.key,): (MODEL_REGISTRY, models.registry.id_output)
    }
    for location, storage_id in models.storage_ids.items():
        endpoints[MODEL_REGISTRY_FILES.key, location] = (MODEL_REGISTRY_FILES, storage_id)
    endpoints[MODEL_REGISTRY_IMAGES.key,] = (MODEL_REGISTRY_IMAGES, models.container_registry_id)
    others = [PRIVATE_LINK_SCOPE] if settings.private_link_scope is not None else []
    for endpoint in (*others, *(HUB_ENDPOINTS if settings.private_state else ())):
        endpoints[endpoint.key,] = (endpoint, targets[endpoint.service].id_output)
    return endpoints


def _create_dns_zones(
    context: StackContext, names: Sequence[str], linked: Mapping[str, Reference], opts: pulumi.ResourceOptions
) -> dict[str, Reference]:
    """Create the hub's DNS zones. Returns them by name.

    Args:
        linked: The networks that they are linked to, by the names of the link components.
    """
    zones = create_dns_zones("zones", context=context, zones=names, opts=opts)
    for name, vnet in linked.items():
        link_name = context.name("dns_link", *name.split("-")[1:])
        link_dns_zones(name, link_name=link_name, zones=zones, vnet=vnet, tags=context.tags, opts=opts)
    return zones


def _create_network(vnet: NewVnet, context: StackContext, opts: pulumi.ResourceOptions) -> VirtualNetwork:
    outbound: Outbound = "firewall" if vnet.next_hop else "none"
    subnets = [Subnet("endpoints", vnet.endpoint_subnet, outbound, accepts_https=True)]
    if vnet.runner_subnet is not None:
        outbound = "firewall" if vnet.next_hop else "nat"
        subnets.append(Subnet(_RUNNERS, vnet.runner_subnet, outbound, accepts_https=False, delegated_to=SERVICE))
    return VirtualNetwork("network", context=context, settings=vnet, subnets=subnets, opts=opts)


def _create_runners(
    runners: RunnerSettings,
    context: StackContext,
    subnet: Reference,
    vnet: Reference | None,
    opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Create a pool of runners. In the hub's own network `vnet`, the service that creates the machines gets its roles.

    Returns the resources with logs or metrics, by the last part of the setting's name.
    """
    role_assignments: list[pulumi.Resource] = []
    if vnet is not None:
        role_assignments = create_role_assignments(
            "runners-access",
            principal=Principal(
                runners.principal_id, runners.principal_id, authorization.PrincipalType.SERVICE_PRINCIPAL
            ),
            entitlements=RUNNERS,
            targets={"hub network": vnet},
            names=context.names,
            origin=runners.origin,
            opts=opts,
        )
    return create_runner_pool(
        _RUNNERS, context=context, subnet=subnet, runners=runners, role_assignments=role_assignments, opts=opts
    )
