"""Virtual networks, private endpoints in them, and the DNS zones that lead to those."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import network, privatedns

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.tables.private_endpoints import Door

_EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class _Inwards:
    """A rule for what comes in; a lower number counts first."""

    name: str
    priority: int
    access: network.SecurityRuleAccess
    protocol: network.SecurityRuleProtocol
    source: str
    port: str


_HTTPS_FROM_THE_NETWORK = _Inwards(
    "https-from-the-network", 100, network.SecurityRuleAccess.ALLOW, network.SecurityRuleProtocol.TCP,
    "VirtualNetwork", "443",
)  # fmt: skip
_NOTHING_ELSE = _Inwards(
    "nothing-else", 4096, network.SecurityRuleAccess.DENY, network.SecurityRuleProtocol.ASTERISK, "*", "*"
)


@dataclass(frozen=True)
class Subnet:
    """A part of a virtual network.

    Attributes:
        word: What tells it from the others.
        addresses: Its range.
        out: How traffic leaves it: by the firewall at the network's next hop, by a NAT gateway, or not at all. Azure
            gives new subnets no way out of its own.
        serves: Whether something in it is called from elsewhere, by HTTPS.
        delegated_to: The Azure service that has it for itself.
    """

    word: str
    addresses: str
    out: Literal["firewall", "nat", "nothing"]
    serves: bool
    delegated_to: str | None = None


@dataclass(frozen=True)
class VirtualNetworkArgs:
    """A virtual network.

    Attributes:
        address_space: Its range.
        dns_servers: Who answers names in it; Azure, when there are none.
        next_hop: The address of the firewall that subnets with the way out `firewall` use.
        subnets: Made one after the other: Azure answers 429 to two writes at once on one network.
        gateway: The range of the subnet of a VPN or ExpressRoute gateway; None for none.
    """

    place: Place
    address_space: str
    dns_servers: Sequence[str]
    next_hop: str | None
    subnets: Sequence[Subnet]
    origin: str
    gateway: str | None = None


class VirtualNetwork(pulumi.ComponentResource):
    """A virtual network whose subnets have rules, routes and a way out that are said.

    Attributes:
        subnets: By their words.
        reporting: What of it has logs or metrics.
    """

    vnet: Reference
    subnets: dict[str, Reference]
    reporting: dict[str, Reference]

    def __init__(self, name: str, args: VirtualNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:network:VirtualNetwork", name, None, opts)
        asked_for_by(self, args.origin)
        place = args.place
        vnet_name = place.names.of("virtual_network", *place.words)
        vnet = network.VirtualNetwork(
            name,
            resource_group_name=place.group.name_when_made,
            virtual_network_name=vnet_name,
            location=place.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[args.address_space]),
            dhcp_options=network.DhcpOptionsArgs(dns_servers=list(args.dns_servers)),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.vnet = place.group.within(f"providers/Microsoft.Network/virtualNetworks/{vnet_name}", vnet)
        self.subnets = {}
        self.reporting = {name: self.vnet}
        before: list[pulumi.Resource] = []
        for subnet in args.subnets:
            made = self._subnet(f"{name}-{subnet.word}", args, subnet, before)
            self.subnets[subnet.word] = made
            before = [made.made_by] if made.made_by is not None else []
        if args.gateway is not None:
            self._gateway_subnet(f"{name}-gateway", args.place, args.gateway, before)
        self.register_outputs({"id": self.vnet.id})

    def _gateway_subnet(self, name: str, place: Place, addresses: str, before: list[pulumi.Resource]) -> None:
        """The subnet that Azure puts gateways into, known by its name. It takes no rules and no route to everywhere.

        https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways#gwsub
        """
        network.Subnet(
            name,
            resource_group_name=place.group.name_when_made,
            virtual_network_name=self.vnet.name_when_made,
            subnet_name="GatewaySubnet",
            address_prefix=addresses,
            default_outbound_access=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _subnet(self, name: str, args: VirtualNetworkArgs, subnet: Subnet, before: list[pulumi.Resource]) -> Reference:
        place = args.place
        subnet_name = place.names.of("subnet", *place.words, subnet.word)
        made = network.Subnet(
            name,
            resource_group_name=place.group.name_when_made,
            virtual_network_name=self.vnet.name_when_made,
            subnet_name=subnet_name,
            address_prefix=subnet.addresses,
            default_outbound_access=False,
            delegations=[network.DelegationArgs(name="delegation", service_name=subnet.delegated_to)]
            if subnet.delegated_to is not None
            else None,
            nat_gateway=network.SubResourceArgs(id=self._nat_gateway(name, place, subnet).id_when_made)
            if subnet.out == "nat"
            else None,
            network_security_group=network.NetworkSecurityGroupArgs(id=self._rules(name, place, subnet).id_when_made),
            # Without this, rules and routes do not count for private endpoints.
            private_endpoint_network_policies=network.VirtualNetworkPrivateEndpointNetworkPolicies.ENABLED,
            route_table=network.RouteTableArgs(id=self._routes(name, args, subnet).id_when_made),
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        return self.vnet.within(f"subnets/{subnet_name}", made)

    def _rules(self, name: str, place: Place, subnet: Subnet) -> Reference:
        group_name = place.names.of("network_security_group", *place.words, subnet.word)
        inwards = [_HTTPS_FROM_THE_NETWORK, _NOTHING_ELSE] if subnet.serves else [_NOTHING_ELSE]
        group = network.NetworkSecurityGroup(
            f"{name}-rules",
            resource_group_name=place.group.name_when_made,
            network_security_group_name=group_name,
            location=place.location,
            security_rules=[
                network.SecurityRuleArgs(
                    name=rule.name,
                    priority=rule.priority,
                    direction=network.SecurityRuleDirection.INBOUND,
                    access=rule.access,
                    protocol=rule.protocol,
                    source_address_prefix=rule.source,
                    source_port_range="*",
                    destination_address_prefix="*",
                    destination_port_range=rule.port,
                )
                for rule in inwards
            ],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return self._reports(f"{name}-rules", place, f"networkSecurityGroups/{group_name}", group)

    def _routes(self, name: str, args: VirtualNetworkArgs, subnet: Subnet) -> Reference:
        place = args.place
        table_name = place.names.of("route_table", *place.words, subnet.word)
        ways = {
            "firewall": [
                network.RouteArgs(
                    name="out",
                    address_prefix=_EVERYWHERE,
                    next_hop_type=network.RouteNextHopType.VIRTUAL_APPLIANCE,
                    next_hop_ip_address=args.next_hop,
                )
            ],
            "nat": [],
            "nothing": [
                network.RouteArgs(
                    name="nothing-out", address_prefix=_EVERYWHERE, next_hop_type=network.RouteNextHopType.NONE
                )
            ],
        }
        table = network.RouteTable(
            f"{name}-routes",
            resource_group_name=place.group.name_when_made,
            route_table_name=table_name,
            location=place.location,
            disable_bgp_route_propagation=False,
            routes=ways[subnet.out],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return place.group.within(f"providers/Microsoft.Network/routeTables/{table_name}", table)

    def _nat_gateway(self, name: str, place: Place, subnet: Subnet) -> Reference:
        address_name = place.names.of("public_ip", *place.words, subnet.word)
        address = network.PublicIPAddress(
            f"{name}-address",
            resource_group_name=place.group.name_when_made,
            public_ip_address_name=address_name,
            location=place.location,
            sku=network.PublicIPAddressSkuArgs(name=network.PublicIPAddressSkuName.STANDARD),
            public_ip_allocation_method=network.IPAllocationMethod.STATIC,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        made = self._reports(f"{name}-address", place, f"publicIPAddresses/{address_name}", address)
        gateway_name = place.names.of("nat_gateway", *place.words, subnet.word)
        gateway = network.NatGateway(
            f"{name}-nat",
            resource_group_name=place.group.name_when_made,
            nat_gateway_name=gateway_name,
            location=place.location,
            sku=network.NatGatewaySkuArgs(name=network.NatGatewaySkuName.STANDARD),
            public_ip_addresses=[network.SubResourceArgs(id=made.id_when_made)],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return place.group.within(f"providers/Microsoft.Network/natGateways/{gateway_name}", gateway)

    def _reports(self, word: str, place: Place, path: str, made: pulumi.Resource) -> Reference:
        self.reporting[word] = place.group.within(f"providers/Microsoft.Network/{path}", made)
        return self.reporting[word]


@dataclass(frozen=True)
class PeeringArgs:
    """One direction of a peering; traffic flows when both are there.

    Attributes:
        name: The peering's name.
        source: The network that it is written on.
        target: The network that is reached.
        gateway: Whether the source lends its gateway to the target, or uses the target's.
        after: What must be there before.
    """

    name: str
    source: Reference
    target: Reference
    gateway: Literal["lends", "uses", "none"]
    after: Sequence[pulumi.Resource] = ()


class Peering(pulumi.ComponentResource):
    """What one network needs to reach another."""

    def __init__(self, name: str, args: PeeringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:network:Peering", name, None, opts)
        network.VirtualNetworkPeering(
            name,
            resource_group_name=args.source.resource_group,
            virtual_network_name=args.source.name_when_made,
            virtual_network_peering_name=args.name,
            remote_virtual_network=network.SubResourceArgs(id=args.target.id_when_made),
            allow_virtual_network_access=True,
            allow_forwarded_traffic=True,
            allow_gateway_transit=args.gateway == "lends",
            use_remote_gateways=args.gateway == "uses",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({})


@dataclass(frozen=True)
class ZonesArgs:
    """The zones' names."""

    place: Place
    zones: Sequence[str]


class Zones(pulumi.ComponentResource):
    """Private DNS zones."""

    zones: dict[str, Reference]

    def __init__(self, name: str, args: ZonesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:network:Zones", name, None, opts)
        self.zones = {}
        for zone in args.zones:
            made = privatedns.PrivateZone(
                f"{name}-{zone}",
                resource_group_name=args.place.group.name_when_made,
                private_zone_name=zone,
                location="global",
                tags=args.place.tags,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.zones[zone] = args.place.group.within(f"providers/Microsoft.Network/privateDnsZones/{zone}", made)
        self.register_outputs({})


@dataclass(frozen=True)
class ZoneLinksArgs:
    """Zones, and the network in which their names are to be found.

    Attributes:
        name: The links' name; one network has one link to a zone.
    """

    name: str
    zones: Mapping[str, Reference]
    vnet: Reference
    tags: Mapping[str, str]


class ZoneLinks(pulumi.ComponentResource):
    """Links of DNS zones to a network."""

    def __init__(self, name: str, args: ZoneLinksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:network:ZoneLinks", name, None, opts)
        for zone, reference in args.zones.items():
            privatedns.VirtualNetworkLink(
                f"{name}-{zone}",
                resource_group_name=reference.resource_group,
                private_zone_name=reference.name_when_made,
                virtual_network_link_name=args.name,
                location="global",
                registration_enabled=False,
                virtual_network=privatedns.SubResourceArgs(id=args.vnet.id_when_made),
                tags=args.tags,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


@dataclass(frozen=True)
class Entrance:
    """A door of a service, and the id of the resource that it leads to.

    Attributes:
        location: Where that lies, if the service has one in each of several locations.
    """

    door: Door
    target: pulumi.Input[str]
    location: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What tells it from the others of a stack."""
        return (self.door.word, self.location) if self.location is not None else (self.door.word,)


@dataclass(frozen=True)
class PrivateEndpointsArgs:
    """Private endpoints.

    Attributes:
        subnet: Where they get their addresses.
        zones: The DNS zones by name; None where a policy of the organization's writes the records.
    """

    place: Place
    subnet: Reference
    entrances: Sequence[Entrance]
    zones: Mapping[str, Reference] | None
    origin: str


class PrivateEndpoints(pulumi.ComponentResource):
    """A private endpoint for each entrance, with its names in the DNS zones.

    Attributes:
        endpoints: By the words of their doors.
    """

    endpoints: dict[str, Reference]

    def __init__(self, name: str, args: PrivateEndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:network:PrivateEndpoints", name, None, opts)
        asked_for_by(self, args.origin)
        self.endpoints = {}
        for entrance in args.entrances:
            self._endpoint("-".join([name, *entrance.words]), args, entrance)
        self.register_outputs({})

    def _endpoint(self, name: str, args: PrivateEndpointsArgs, entrance: Entrance) -> None:
        place, door = args.place, entrance.door
        endpoint_name = place.names.of("private_endpoint", *place.words, *entrance.words)
        endpoint = network.PrivateEndpoint(
            name,
            resource_group_name=place.group.name_when_made,
            private_endpoint_name=endpoint_name,
            location=place.location,
            subnet=network.SubnetArgs(id=args.subnet.id_when_made),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=endpoint_name,
                    private_link_service_id=entrance.target,
                    group_ids=[door.group],
                )
            ],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.endpoints[door.word] = place.group.within(
            f"providers/Microsoft.Network/privateEndpoints/{endpoint_name}", endpoint
        )
        if args.zones is None:
            return
        network.PrivateDnsZoneGroup(
            f"{name}-names",
            resource_group_name=place.group.name_when_made,
            private_endpoint_name=self.endpoints[door.word].name_when_made,
            private_dns_zone_group_name="default",
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(
                    name=zone.replace(".", "-"), private_dns_zone_id=args.zones[zone].id_when_made
                )
                for zone in door.zones
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
