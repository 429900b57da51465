"""The networks that the manifests configure: which are created, which are refused and why, and which ranges overlap.

The ranges of networks that exist already are not known here.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from bootstrap.errors import Position
from bootstrap.manifests.layers import BUILT_IN, Layers, Manifests, Sourced, innermost
from bootstrap.manifests.schema import Adopt, HubVnet, Outbound, Vnet
from infra.settings import (
    ExistingSubnet,
    HubPeering,
    NetworkSettings,
    NewVnet,
    OutboundKind,
    OutboundSettings,
    RunnerSettings,
)
from infra.tables import outbound_rules
from infra.tables.network_modes import DEFAULT_MODE, MODES, AccessMode, Ci, Mode, Network, Service
from infra.tables.private_endpoints import (
    ENDPOINTS,
    HUB_ENDPOINTS,
    PRIVATE_LINK_SCOPE,
    REGISTRY_ENDPOINTS,
    Endpoint,
    zones_of,
)
from infra.tables.sizes import builds_images

MAX_SUBNET_PREFIX = 27
"""The longest prefix of a subnet: 32 addresses. Azure reserves five, and an environment's endpoints take a dozen.
https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq"""

MAX_GATEWAY_PREFIX = 27
"""The longest prefix of a gateway's subnet, as Microsoft recommends it.
https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways#gwsub"""

RESERVED_ADDRESSES = 5
"""Addresses that Azure reserves in every subnet."""


def hub_vnet(manifests: Manifests) -> NewVnet | ExistingSubnet | None:
    """The hub's network: half of it for private endpoints, a quarter for runners, and a quarter for a gateway.

    A quarter that is not used stays free, so that runners or a gateway can be added later without moving anything.
    """
    hub = manifests.organization.hub
    if hub.vnet is None:
        return None
    source = manifests.platform.get("hub", "vnet")
    scope = [PRIVATE_LINK_SCOPE] if hub.private_link_scope is not None else []
    _check_zones(manifests, [*REGISTRY_ENDPOINTS, *scope, *(() if public_registry(manifests) else HUB_ENDPOINTS)])
    whole = _created_range(manifests, source)
    if whole is None:
        return _existing(manifests, source)
    if whole.prefixlen > MAX_SUBNET_PREFIX - 1:
        _report(
            manifests,
            source,
            "address_space",
            f"{whole} is too small: the endpoints' half must be /{MAX_SUBNET_PREFIX} at least",
        )
        return None
    endpoints, rest = whole.subnets(1)
    runner_subnet, gateway = rest.subnets(1)
    _report(
        manifests,
        source,
        "address_space",
        f"{whole} is too small for a gateway, whose quarter must be /{MAX_GATEWAY_PREFIX} at least",
        when=hub.vnet.gateway and gateway.prefixlen > MAX_GATEWAY_PREFIX,
    )
    return NewVnet(
        address_space=str(whole),
        endpoint_subnet=str(endpoints),
        runner_subnet=str(runner_subnet) if hub.runners is not None else None,
        gateway_subnet=str(gateway) if hub.vnet.gateway else None,
        dns_servers=tuple(hub.vnet.dns_servers),
        next_hop=hub.vnet.next_hop,
        origin=manifests.origin(source.position),
    )


def runners(manifests: Manifests) -> RunnerSettings | None:
    """The runners in the hub's network."""
    hub = manifests.organization.hub
    if hub.runners is None:
        return None
    at = manifests.platform.at("hub", "runners")
    created = hub.vnet.address_space if hub.vnet is not None else None
    existing = hub.runners.subnet_id
    free = ipaddress.IPv4Network(created).num_addresses // 4 - RESERVED_ADDRESSES if created is not None else 0
    manifests.report(
        at,
        "hub.runners need a network of the hub: add hub.vnet, or runners.subnet_id.",
        when=created is None and existing is None,
    )
    manifests.report(
        at,
        "hub.runners: subnet_id is for a network that exists already, and hub.vnet creates one.",
        "Leave one of the two out.",
        when=created is not None and existing is not None,
    )
    manifests.report(
        at,
        f"hub.runners: their quarter of {created} has room for {free}, and max_runners is more.",
        when=created is not None and existing is None and free < hub.runners.max_runners,
    )
    return RunnerSettings(**dict(hub.runners), origin=manifests.origin(at))


def private_link_scope(manifests: Manifests) -> tuple[AccessMode, AccessMode] | None:
    """The access modes of the hub's Azure Monitor Private Link Scope, for ingestion and for queries."""
    hub = manifests.organization.hub
    if hub.private_link_scope is None:
        return None
    manifests.report(
        manifests.platform.at("hub", "private_link_scope"),
        "hub.private_link_scope needs a network of the hub for its private endpoint.",
        _HUB_HINT,
        when=hub.vnet is None,
    )
    return hub.private_link_scope.get("ingestion", "open"), hub.private_link_scope.get("queries", "open")


def check_flow_logs(manifests: Manifests, stacks: Sequence[str]) -> None:
    """Report settings of flow logs that have no effect.

    Args:
        stacks: The environments whose networks the platform creates.
    """
    hub = manifests.organization.hub
    in_hub = hub.vnet is not None and hub.vnet.address_space is not None
    manifests.report(
        manifests.platform.at("hub", "flow_log_days"),
        "hub.flow_log_days: the platform creates no network whose traffic could be recorded.",
        "Networks that exist already are recorded by those who own them.",
        when=hub.flow_log_days is not None and not in_hub and not stacks,
    )
    manifests.report(
        manifests.platform.at("hub", "traffic_analytics"),
        "hub.traffic_analytics evaluates the flow logs of the hub's own network, and there are none.",
        "Add flow_log_days, and a vnet with address_space; or leave traffic_analytics out.",
        when=hub.traffic_analytics and (hub.flow_log_days is None or not in_hub),
    )


def public_registry(manifests: Manifests) -> bool:
    """Whether the model registry has a public address."""
    organization = manifests.organization
    return not MODES[organization.hub.network or organization.network or DEFAULT_MODE].private_hub


def environment_network(
    manifests: Manifests,
    stack: str,
    layers: Layers,
    at: Position,
    own_rules: Sequence[OutboundSettings],
    adopt: Adopt | None = None,
) -> tuple[Network, NetworkSettings]:
    """The network mode of an environment and what belongs to it.

    Args:
        at: The position of the environment's key.
        own_rules: The outbound rules of its datastores and connections.
        adopt: A workspace that exists already. One that is only referred to has what its mode needs.
    """
    created = adopt is None or adopt.mode == "manage"
    network: Network = innermost(layers, "network").value
    mode, registry = MODES[network], public_registry(manifests)
    ci: Ci = innermost(layers, "ci").value or mode.default_ci
    source = innermost(layers, "ci" if innermost(layers, "ci").value is not None else "network")
    where = source.position if source.document is not BUILT_IN.document else at
    if (reason := mode.refused_ci.get(ci)) is not None:
        manifests.report(where, f"{stack}: network {network} with ci {ci} is refused: {reason}.")
        return network, NetworkSettings()
    manifests.report(
        where,
        f"{stack}: network {network} is refused: {mode.refused_with_private_registry}.",
        when=mode.refused_with_private_registry is not None and not registry,
    )
    ips = tuple(innermost(layers, "allow_ips").value or ())
    clusters = innermost(layers, "compute").value or ()
    builds = any(builds_images(cluster.size, low_priority=cluster.low_priority) for cluster in clusters)
    manifests.report(
        at,
        f"{stack} needs a compute cluster of a CPU size that is not low_priority: images are built on one, since no "
        "public service reaches the registry.",
        when=created and not builds and not mode.public_access("container registry", ci, ips).unrestricted,
    )
    hub, private = manifests.organization.hub, mode.private_services(ci)
    return network, NetworkSettings(
        ci=ci,
        firewall_sku=innermost(layers, "firewall_sku").value,
        allow_ips=ips,
        dns=hub.dns,
        vnet=_vnet(manifests, stack, layers, at, private)
        if private and (created or innermost(layers, "vnet").value is not None)
        else None,
        hub_vnet=_hub_peering(hub.vnet),
        outbound=_outbound(manifests, stack, layers, mode, own_rules),
        public_registry=registry,
        runners=hub.runners is not None,
        private_link_scope=hub.private_link_scope is not None,
        flow_log_days=hub.flow_log_days,
    )


def check_overlaps(manifests: Manifests, stacks: Iterable[tuple[str, Sourced]]) -> None:
    """Report ranges that overlap: networks that are peered with the hub must not, and the others stay free for it.

    Args:
        stacks: The name of each stack that may have a network, with the source of its `vnet`.
    """
    ranges = [(stack, vnet) for stack, vnet in stacks if vnet.value is not None and vnet.value.address_space]
    # Two ranges overlap when one lies in the other; in this order, the one that others lie in comes before them.
    ordered = sorted(
        ((ipaddress.IPv4Network(vnet.value.address_space), number) for number, (_, vnet) in enumerate(ranges)),
        key=lambda pair: (int(pair[0].network_address), pair[0].prefixlen, pair[1]),
    )
    outer: tuple[ipaddress.IPv4Network, int] | None = None
    for addresses, number in ordered:
        if outer is not None and addresses.subnet_of(outer[0]):
            (owner, taken), (stack, vnet) = (ranges[at] for at in sorted((outer[1], number)))
            other = taken.at("address_space")
            manifests.report(
                vnet.at("address_space"),
                f"{vnet.value.address_space} of {stack} overlaps {taken.value.address_space} of {owner} "
                f"({manifests.origin(other)}).",
                "Azure does not peer networks that overlap: set vnet in each environment, with a range of its own.",
            )
        else:
            outer = addresses, number


def _hub_peering(vnet: HubVnet | None) -> HubPeering | None:
    if vnet is None:
        return None
    return HubPeering(
        vnet_id=vnet.subnet_id.rsplit("/subnets/", 1)[0] if vnet.subnet_id is not None else None, gateway=vnet.gateway
    )


def _vnet(
    manifests: Manifests, stack: str, layers: Layers, at: Position, private: Sequence[Service]
) -> NewVnet | ExistingSubnet | None:
    source, hub = innermost(layers, "vnet"), manifests.organization.hub
    if source.value is None:
        manifests.report(at, f"{stack} has private endpoints, and no vnet is set for them.", _VNET_HINT)
        manifests.report(
            manifests.platform.at("hub"),
            "the hub has no vnet, with which networks that are created for environments are peered.",
            _HUB_HINT,
            when=hub.vnet is None,
        )
        return None
    _check_zones(manifests, (endpoint for endpoint in ENDPOINTS if endpoint.service in private))
    vnet: Vnet = source.value
    whole = _created_range(manifests, source)
    if whole is None:
        return _existing(manifests, source)
    manifests.report(
        source.at("address_space"),
        f"vnet.address_space: {stack} could not be reached: the hub has no vnet to peer it with.",
        _HUB_HINT,
        when=hub.vnet is None,
    )
    subnet = ipaddress.IPv4Network(vnet.subnet or whole)
    key, within = "subnet" if vnet.subnet else "address_space", subnet.subnet_of(whole)
    _report(manifests, source, key, f"{subnet} is not within {whole}", when=not within)
    _report(
        manifests,
        source,
        key,
        f"{subnet} is too small for the private endpoints: at least /{MAX_SUBNET_PREFIX}",
        when=within and subnet.prefixlen > MAX_SUBNET_PREFIX,
    )
    return NewVnet(
        address_space=str(whole),
        endpoint_subnet=str(subnet),
        dns_servers=tuple(vnet.dns_servers),
        next_hop=vnet.next_hop,
        origin=manifests.origin(source.position),
    )


def _created_range(manifests: Manifests, source: Sourced) -> ipaddress.IPv4Network | None:
    """The range of a network to be created, None for one that exists already; a problem, when it is both or neither."""
    vnet = source.value
    created = sorted({"address_space", "subnet", "dns_servers", "next_hop"} & vnet.model_fields_set)
    _report(
        manifests,
        source,
        "subnet_id",
        f"the network of this subnet exists already, so leave out {', '.join(created)}",
        when=vnet.subnet_id is not None and bool(created),
    )
    manifests.report(
        source.position,
        "vnet: set address_space, or subnet_id for a network that exists already.",
        when=vnet.subnet_id is None and vnet.address_space is None,
    )
    return ipaddress.IPv4Network(vnet.address_space) if not vnet.subnet_id and vnet.address_space else None


def _existing(manifests: Manifests, source: Sourced) -> ExistingSubnet | None:
    subnet: str | None = source.value.subnet_id
    return ExistingSubnet(subnet_id=subnet, origin=manifests.origin(source.position)) if subnet is not None else None


def _check_zones(manifests: Manifests, endpoints: Iterable[Endpoint]) -> None:
    dns = manifests.organization.hub.dns
    if isinstance(dns, str):
        return
    source = manifests.platform.get("hub", "dns")
    for zone in sorted({zone for endpoint in endpoints for zone in endpoint.zones} - set(dns)):
        manifests.report(source.position, f"hub.dns: the zone {zone} is needed and is not listed.")
    used = zones_of(private_link_scope=manifests.organization.hub.private_link_scope is not None)
    for zone in sorted(set(dns) - set(used)):
        manifests.report(source.at(zone), f"hub.dns: no private endpoint uses the zone {zone}.")


def _outbound(
    manifests: Manifests, stack: str, layers: Layers, mode: Mode, own_rules: Sequence[OutboundSettings]
) -> tuple[OutboundSettings, ...]:
    rules: dict[str, OutboundSettings] = {}
    if mode.has_managed_network:
        for rule in own_rules:
            rules.setdefault(rule.name, rule)  # several datastores can be in one account
    reached = {(rule.destination.lower(), rule.group): rule for rule in rules.values()}
    for item in innermost(layers, "outbound").items():
        settings = _outbound_rule(manifests, item)
        name = item.value.name
        if name in (*outbound_rules.RESERVED, *outbound_rules.APPROVED, *rules):
            manifests.report(item.position, f"there already is an outbound rule with the name {name!r}.")
        elif settings is not None and settings.kind == "private_endpoint" and not mode.has_managed_network:
            reason = "its jobs have no network of their own that a private endpoint could be in"
            manifests.report(item.position, f"{stack} has network {innermost(layers, 'network').value}: {reason}.")
        elif settings is not None and (other := reached.get((settings.destination.lower(), settings.group))):
            message = f"outbound rule {name}: {other.origin} already adds a rule to the same service."
            manifests.report(item.position, message, "Remove the outbound rule.")
        elif settings is not None:
            rules[name] = settings
    return tuple(rules.values())


def _outbound_rule(manifests: Manifests, source: Sourced) -> OutboundSettings | None:
    rule: Outbound = source.value
    kinds: Mapping[OutboundKind, str | None] = {
        "fqdn": rule.fqdn,
        "service_tag": rule.service_tag,
        "private_endpoint": rule.resource_id,
    }
    set_kinds = [(kind, destination) for kind, destination in kinds.items() if destination is not None]
    if len(set_kinds) != 1:
        manifests.report(source.position, f"outbound rule {rule.name}: set one of fqdn, service_tag and resource_id.")
        return None
    kind, destination = set_kinds[0]
    if (kind == "private_endpoint") != (rule.group is not None):
        manifests.report(
            source.position, f"outbound rule {rule.name}: group goes with resource_id, and resource_id with group."
        )
        return None
    return OutboundSettings(
        name=rule.name,
        kind=kind,
        destination=destination,
        protocol=rule.protocol,
        ports=rule.ports,
        group=rule.group,
        origin=manifests.origin(source.position),
    )


def _report(manifests: Manifests, vnet: Sourced, key: str, message: str, *, when: bool = True) -> None:
    manifests.report(vnet.at(key), f"vnet.{key}: {message}.", when=when)


_VNET_HINT = (
    "Add vnet: {address_space: 10.20.0.0/24} there with a range of its own, or vnet: {subnet_id: ...} with a subnet "
    "that exists already."
)
_HUB_HINT = "Add vnet: {address_space: 10.40.0.0/24} to hub, unless all environments use subnets that exist already."
