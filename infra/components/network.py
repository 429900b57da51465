"""Virtual networks, private endpoints, private DNS zones and peerings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import network, privatedns

from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.settings import NewVnet
from infra.tables.private_endpoints import Endpoint

Outbound = Literal["firewall", "nat", "none"]

_ALL_ADDRESSES = "0.0.0.0/0"


@dataclass(frozen=True)
class Subnet:
    """A subnet of a virtual network.

    Attributes:
        key: The last part of its name.
        addresses: Its address range.
        outbound: How traffic leaves it: through the firewall at the network's next hop, through a NAT gateway, or not
            at all. New subnets have no default outbound access in Azure.
        accepts_https: Whether other parts of the network connect to it by HTTPS.
        delegated_to: The Azure service that it is delegated to.
    """

    key: str
    addresses: str
    outbound: Outbound
    accepts_https: bool
    delegated_to: str | None = None


class VirtualNetwork(Component):
    """A virtual network whose subnets have security rules, routes and an explicit way out.

    Attributes:
        subnets: By their keys.
        diagnostic_sources: Its resources with logs or metrics, by the last part of the setting's name.
    """

    vnet: Reference
    subnets: dict[str, Reference]
    diagnostic_sources: dict[str, Reference]

    def __init__(
        self,
        name: str,
        *,
        context: StackContext,
        settings: NewVnet,
        subnets: Sequence[Subnet],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Create the network.

        Args:
            subnets: Created one after the other: Azure answers 429 to two writes at once on one network.
        """
        super().__init__("network:VirtualNetwork", name, opts, settings.origin)
        vnet = network.VirtualNetwork(
            name,
            resource_group_name=context.group.name_output,
            virtual_network_name=context.name("virtual_network"),
            location=context.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[settings.address_space]),
            dhcp_options=network.DhcpOptionsArgs(dns_servers=list(settings.dns_servers)),
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.vnet = context.reference(vnet, "virtual_network")
        self.subnets = {}
        self.diagnostic_sources = {name: self.vnet}
        previous: list[pulumi.Resource] = []
        for subnet in subnets:
            created = self._create_subnet(f"{name}-{subnet.key}", context, subnet, settings.next_hop, previous)
            self.subnets[subnet.key] = self.vnet.child(f"subnets/{context.name('subnet', subnet.key)}", created)
            previous = [created]
        if settings.gateway_subnet is not None:
            # Azure requires this name for the subnet of gateways, and allows neither rules nor a default route in it.
            # https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways#gwsub
            network.Subnet(
                f"{name}-gateway",
                resource_group_name=context.group.name_output,
                virtual_network_name=self.vnet.name_output,
                subnet_name="GatewaySubnet",
                address_prefix=settings.gateway_subnet,
                default_outbound_access=False,
                opts=pulumi.ResourceOptions(parent=self, depends_on=previous),
            )
        self.register_outputs({})

    def _create_subnet(
        self, name: str, context: StackContext, subnet: Subnet, next_hop: str | None, depends_on: list[pulumi.Resource]
    ) -> pulumi.Resource:
        return network.Subnet(
            name,
            resource_group_name=context.group.name_output,
            virtual_network_name=self.vnet.name_output,
            subnet_name=context.name("subnet", subnet.key),
            address_prefix=subnet.addresses,
            default_outbound_access=False,
            delegations=[network.DelegationArgs(name="delegation", service_name=subnet.delegated_to)]
            if subnet.delegated_to is not None
            else None,
            nat_gateway=network.SubResourceArgs(id=self._create_nat_gateway(name, context, subnet).id_output)
            if subnet.outbound == "nat"
            else None,
            network_security_group=network.NetworkSecurityGroupArgs(
                id=self._create_security_group(name, context, subnet).id_output
            ),
            # Without this, security rules and routes do not apply to private endpoints.
            private_endpoint_network_policies=network.VirtualNetworkPrivateEndpointNetworkPolicies.ENABLED,
            route_table=network.RouteTableArgs(id=self._create_route_table(name, context, subnet, next_hop).id_output),
            opts=pulumi.ResourceOptions(parent=self, depends_on=depends_on),
        )

    def _create_security_group(self, name: str, context: StackContext, subnet: Subnet) -> Reference:
        allow, deny = network.SecurityRuleAccess.ALLOW, network.SecurityRuleAccess.DENY
        tcp, any_protocol = network.SecurityRuleProtocol.TCP, network.SecurityRuleProtocol.ASTERISK
        rules = [("nothing-else", 4096, deny, any_protocol, "*", "*")]
        if subnet.accepts_https:
            rules.insert(0, ("https-from-the-network", 100, allow, tcp, "VirtualNetwork", "443"))
        group = network.NetworkSecurityGroup(
            f"{name}-rules",
            resource_group_name=context.group.name_output,
            network_security_group_name=context.name("network_security_group", subnet.key),
            location=context.location,
            security_rules=[
                network.SecurityRuleArgs(
                    name=rule,
                    priority=priority,
                    direction=network.SecurityRuleDirection.INBOUND,
                    access=access,
                    protocol=protocol,
                    source_address_prefix=source,
                    source_port_range="*",
                    destination_address_prefix="*",
                    destination_port_range=port,
                )
                for rule, priority, access, protocol, source, port in rules
            ],
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        reference = context.reference(group, "network_security_group", subnet.key)
        self.diagnostic_sources[f"{name}-rules"] = reference
        return reference

    def _create_route_table(self, name: str, context: StackContext, subnet: Subnet, next_hop: str | None) -> Reference:
        routes = {
            "firewall": [
                network.RouteArgs(
                    name="out",
                    address_prefix=_ALL_ADDRESSES,
                    next_hop_type=network.RouteNextHopType.VIRTUAL_APPLIANCE,
                    next_hop_ip_address=next_hop,
                )
            ],
            "nat": [],
            "none": [
                network.RouteArgs(
                    name="nothing-out", address_prefix=_ALL_ADDRESSES, next_hop_type=network.RouteNextHopType.NONE
                )
            ],
        }
        table = network.RouteTable(
            f"{name}-routes",
            resource_group_name=context.group.name_output,
            route_table_name=context.name("route_table", subnet.key),
            location=context.location,
            disable_bgp_route_propagation=False,
            routes=routes[subnet.outbound],
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return context.reference(table, "route_table", subnet.key)

    def _create_nat_gateway(self, name: str, context: StackContext, subnet: Subnet) -> Reference:
        address = network.PublicIPAddress(
            f"{name}-address",
            resource_group_name=context.group.name_output,
            public_ip_address_name=context.name("public_ip", subnet.key),
            location=context.location,
            sku=network.PublicIPAddressSkuArgs(name=network.PublicIPAddressSkuName.STANDARD),
            public_ip_allocation_method=network.IPAllocationMethod.STATIC,
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.diagnostic_sources[f"{name}-address"] = context.reference(address, "public_ip", subnet.key)
        gateway = network.NatGateway(
            f"{name}-nat",
            resource_group_name=context.group.name_output,
            nat_gateway_name=context.name("nat_gateway", subnet.key),
            location=context.location,
            sku=network.NatGatewaySkuArgs(name=network.NatGatewaySkuName.STANDARD),
            public_ip_addresses=[
                network.SubResourceArgs(id=self.diagnostic_sources[f"{name}-address"].id_output),
            ],
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return context.reference(gateway, "nat_gateway", subnet.key)


def create_peering(
    name: str,
    *,
    peering_name: str,
    source: Reference,
    target: Reference,
    gateway: Literal["provided", "used", "none"],
    depends_on: Sequence[pulumi.Resource] = (),
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Create one direction of a peering; traffic flows when both directions exist.

    Args:
        peering_name: Its name in Azure.
        source: The network that has the peering.
        target: The network that it connects to.
        gateway: Whether the source provides its gateway to the target, or uses the target's gateway.
        depends_on: Resources that must exist first.
    """
    with Component("network:Peering", name, opts) as parent:
        network.VirtualNetworkPeering(
            name,
            resource_group_name=source.resource_group,
            virtual_network_name=source.name_output,
            virtual_network_peering_name=peering_name,
            remote_virtual_network=network.SubResourceArgs(id=target.id_output),
            allow_virtual_network_access=True,
            allow_forwarded_traffic=True,
            allow_gateway_transit=gateway == "provided",
            use_remote_gateways=gateway == "used",
            opts=pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on)),
        )
    return parent


def create_dns_zones(
    name: str, *, context: StackContext, zones: Sequence[str], opts: pulumi.ResourceOptions
) -> dict[str, Reference]:
    """Create private DNS zones. Returns them by name."""
    with Component("network:Zones", name, opts) as parent:
        created = {
            zone: privatedns.PrivateZone(
                f"{name}-{zone}",
                resource_group_name=context.group.name_output,
                private_zone_name=zone,
                location="global",
                tags=context.tags,
                opts=pulumi.ResourceOptions(parent=parent),
            )
            for zone in zones
        }
    return {
        zone: context.group.child(f"providers/Microsoft.Network/privateDnsZones/{zone}", resource)
        for zone, resource in created.items()
    }


def link_dns_zones(
    name: str,
    *,
    link_name: str,
    zones: Mapping[str, Reference],
    vnet: Reference,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Link private DNS zones to a network, which then resolves their names.

    Args:
        link_name: The name of each link in Azure. A zone has at most one link to a network.
    """
    with Component("network:ZoneLinks", name, opts) as parent:
        for zone, reference in zones.items():
            privatedns.VirtualNetworkLink(
                f"{name}-{zone}",
                resource_group_name=reference.resource_group,
                private_zone_name=reference.name_output,
                virtual_network_link_name=link_name,
                location="global",
                registration_enabled=False,
                virtual_network=privatedns.SubResourceArgs(id=vnet.id_output),
                tags=tags,
                opts=pulumi.ResourceOptions(parent=parent),
            )


def create_private_endpoints(
    name: str,
    *,
    context: StackContext,
    subnet: Reference,
    targets: Mapping[tuple[str, ...], tuple[Endpoint, pulumi.Input[str]]],
    zones: Mapping[str, Reference] | None,
    origin: str,
    depends_on: Sequence[pulumi.Resource] = (),
    opts: pulumi.ResourceOptions,
) -> dict[tuple[str, ...], Reference]:
    """Create private endpoints, and their records in private DNS zones. Returns the endpoints by the keys of `targets`.

    Those to one service are created one after the other: Azure refuses two connections to a resource at once with
    `StorageAccountOperationInProgress` and the like. https://github.com/Azure/bicep-registry-modules/issues/6001

    Args:
        subnet: The subnet of their addresses.
        targets: The endpoints and the ids of the resources that they lead to, by the last parts of their names.
        zones: The DNS zones by name; None where an Azure policy of the organization writes the records.
        origin: The manifest line that configures the network.
        depends_on: Resources that must exist first, such as others that connect to the same targets.
    """
    created = {}
    previous: dict[str, pulumi.Resource] = {}
    with Component("network:PrivateEndpoints", name, opts, origin) as parent:
        for parts, (target, resource_id) in targets.items():
            key = "-".join([name, *parts])
            endpoint_name = context.name("private_endpoint", *parts)
            endpoint = network.PrivateEndpoint(
                key,
                resource_group_name=context.group.name_output,
                private_endpoint_name=endpoint_name,
                location=context.location,
                subnet=network.SubnetArgs(id=subnet.id_output),
                private_link_service_connections=[
                    network.PrivateLinkServiceConnectionArgs(
                        name=endpoint_name,
                        private_link_service_id=resource_id,
                        group_ids=[target.group],
                    )
                ],
                tags=context.tags,
                opts=pulumi.ResourceOptions(
                    parent=parent,
                    depends_on=[*depends_on, *([previous[target.service]] if target.service in previous else [])],
                ),
            )
            previous[target.service] = endpoint
            created[parts] = context.reference(endpoint, "private_endpoint", *parts)
            if zones is None:
                continue
            network.PrivateDnsZoneGroup(
                f"{key}-names",
                resource_group_name=context.group.name_output,
                private_endpoint_name=created[parts].name_output,
                private_dns_zone_group_name="default",
                private_dns_zone_configs=[
                    network.PrivateDnsZoneConfigArgs(
                        name=zone.replace(".", "-"), private_dns_zone_id=zones[zone].id_output
                    )
                    for zone in target.zones
                ],
                opts=pulumi.ResourceOptions(parent=parent),
            )
    return created
