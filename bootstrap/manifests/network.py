"""The networks that the manifests ask for: what can be had, what is refused and why, and which ranges meet.

Ranges are those of networks that we make. What is in a network of the organization's, Azure alone knows.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.errors import Position, Problem
from bootstrap.manifests.layers import NOWHERE, Layers, Said, Written
from bootstrap.manifests.schema import Adopt, Hub, Outbound, PlatformManifest, Vnet
from infra.settings import (
    Ci,
    GivenSubnet,
    HubVnet,
    MadeVnet,
    Network,
    Networking,
    OutboundKind,
    OutboundSettings,
    RegistryAccess,
    RunnerSettings,
)
from infra.tables.network_modes import MODES, REFUSED, Mode
from infra.tables.private_endpoints import DOORS, HUB_DOORS, REGISTRY_DOORS, ZONES, Door

SMALLEST = 27
"""The longest prefix of a subnet: 32 addresses, of which Azure keeps five and an environment's endpoints take a dozen.
https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq"""

SMALLEST_GATEWAY = 27
"""Likewise of the subnet of a gateway, as Microsoft recommends it.
https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways#gwsub"""

KEPT = 5
"""Addresses that Azure keeps of every subnet."""

TAKEN = (
    "storage-queue", "storage-table", "storage-blob", "storage-file", "key-vault", "container-registry",
    "model-registry",
)  # fmt: skip
"""The names of the outbound rules that we make."""

Origin = Callable[[Position], str]


@dataclass(frozen=True)
class Range:
    """A range of addresses that a network of ours has, and where it was said."""

    stack: str
    addresses: str
    position: Position


def overlaps(ranges: Sequence[Range]) -> Iterator[Problem]:
    """Ranges that meet: networks that are peered with the hub must be apart from it, and those of others stay free."""
    # Two ranges meet when one lies in the other; sorted like this, the one that others lie in stands before them.
    placed = sorted(
        ((ipaddress.IPv4Network(item.addresses), number) for number, item in enumerate(ranges)),
        key=lambda pair: (int(pair[0].network_address), pair[0].prefixlen, pair[1]),
    )
    pairs = []
    outer: tuple[ipaddress.IPv4Network, int] | None = None
    for addresses, number in placed:
        if outer is not None and addresses.subnet_of(outer[0]):
            pairs.append(sorted((outer[1], number)))
        else:
            outer = addresses, number
    for first, second in sorted(pairs, key=lambda pair: (pair[1], pair[0])):
        item, owner = ranges[second], ranges[first]
        message = f"{item.addresses} of {item.stack} overlaps {owner.addresses} of {owner.stack}"
        yield Problem(item.position, f"{message} ({owner.position.path.name}:{owner.position.line}).")


@dataclass
class Networks:
    """The networks of one platform.

    Attributes:
        platform: The organization's manifest.
        origin: How the settings spell a place.
        problems: Filled as settings are made.
        ranges: The ranges of the networks that are made; filled likewise.
    """

    platform: Written
    origin: Origin
    problems: list[Problem]
    ranges: list[Range]

    def hub_vnet(self) -> MadeVnet | GivenSubnet | None:
        """The hub's network: half of it for private endpoints, a quarter for runners, and one for a gateway.

        A quarter that nobody needs stays free, so that runners or a gateway that come later move nothing.
        """
        hub = self._hub
        if hub.vnet is None:
            return None
        said = self.platform.said(hub.vnet, "hub", "vnet")
        self._zones([*REGISTRY_DOORS, *(HUB_DOORS if self.registry_access == "private" else ())])
        if not self._is_one(said) or hub.vnet.address_space is None:
            return self._given(said)
        whole = ipaddress.IPv4Network(hub.vnet.address_space)
        if whole.prefixlen > SMALLEST - 1:
            self._problem(
                said, "address_space", f"{whole} is too small: the endpoints' half must be /{SMALLEST} at least"
            )
            return None
        endpoints, rest = whole.subnets(1)
        runners, gateway = rest.subnets(1)
        if hub.vnet.gateway and gateway.prefixlen > SMALLEST_GATEWAY:
            message = f"{whole} is too small for a gateway, whose quarter must be /{SMALLEST_GATEWAY} at least"
            self._problem(said, "address_space", message)
        self.ranges.insert(0, Range("hub", str(whole), said.keys["address_space"]))
        return MadeVnet(
            address_space=str(whole),
            endpoint_subnet=str(endpoints),
            runner_subnet=str(runners) if hub.runners is not None else None,
            gateway_subnet=str(gateway) if hub.vnet.gateway else None,
            dns_servers=tuple(hub.vnet.dns_servers),
            next_hop=hub.vnet.next_hop,
            origin=self.origin(said.position),
        )

    def runners(self) -> RunnerSettings | None:
        """The runners in the hub's network."""
        runners, vnet = self._hub.runners, self._hub.vnet
        if runners is None:
            return None
        at = self.platform.at("hub", "runners")
        made = vnet.address_space if vnet is not None else None
        if made is None and runners.subnet_id is None:
            self._add(at, "hub.runners need a network of the hub's: add hub.vnet, or runners.subnet_id.")
        elif made is not None and runners.subnet_id is not None:
            self._add(at, "hub.runners: subnet_id is for a network of yours, and hub.vnet is one of ours.")
        elif made is not None and (free := ipaddress.IPv4Network(made).num_addresses // 4 - KEPT) < runners.max_runners:
            self._add(at, f"hub.runners: their quarter of {made} has room for {free}, and max_runners is more.")
        return RunnerSettings(**dict(runners), origin=self.origin(at))

    @property
    def registry_access(self) -> RegistryAccess:
        """Whether the shared model registry has a public address."""
        manifest: PlatformManifest = self.platform.manifest
        return "private" if (self._hub.network or manifest.network) == "locked" else "public"

    def environment(
        self, stack: str, layers: Layers, at: Position, adopt: Adopt | None = None
    ) -> tuple[Network, Networking]:
        """The network mode of an environment and what belongs to it.

        Args:
            at: Where the environment is named.
            adopt: A workspace that is there already. One that is only referred to has what its mode needs.
        """
        made = adopt is None or adopt.mode == "manage"
        network: Network = layers.value("network")
        ci: Ci = layers.value("ci") or ("private" if network == "locked" else "public")
        said = layers.said("ci") or layers.said("network")
        where = said.position if said is not None and said.position.path != NOWHERE else at
        if (reason := REFUSED.get((network, ci))) is not None:
            self._add(where, f"{stack}: network {network} with ci {ci} is refused: {reason}.")
            return network, Networking()
        mode = MODES[network, ci]
        if network == "open" and self.registry_access == "private":
            reason = "its jobs have no network of their own, and could not reach the model registry, which is private"
            self._add(where, f"{stack}: network open is refused: {reason}.")
        ips = tuple(layers.value("allow_ips") or ())
        lasting = [cluster for cluster in layers.value("compute") or () if not cluster.low_priority]
        if made and not lasting and not mode.inbound("container registry", ips).everywhere:
            reason = "images are built on one, since no public service reaches the registry"
            self._add(at, f"{stack} needs a compute cluster that is not low_priority: {reason}.")
        return network, Networking(
            ci=ci,
            firewall_sku=layers.value("firewall_sku"),
            allow_ips=ips,
            dns=self._hub.dns,
            vnet=self._vnet(stack, layers, at, mode) if mode.private and (made or layers.said("vnet")) else None,
            hub_vnet=self._hubs(),
            outbound=self._outbound(stack, layers, mode),
            registry_access=self.registry_access,
            runners=self._hub.runners is not None,
        )

    @property
    def _hub(self) -> Hub:
        manifest: PlatformManifest = self.platform.manifest
        return manifest.hub

    def _hubs(self) -> HubVnet | None:
        vnet = self._hub.vnet
        if vnet is None:
            return None
        given = vnet.subnet_id.rsplit("/subnets/", 1)[0] if vnet.subnet_id is not None else None
        return HubVnet(vnet_id=given, gateway=vnet.gateway)

    def _vnet(self, stack: str, layers: Layers, at: Position, mode: Mode) -> MadeVnet | GivenSubnet | None:
        said = layers.said("vnet")
        if said is None:
            self._add(at, f"{stack} has private endpoints, and nothing says the vnet that they lie in.", _VNET_HINT)
            if self._hub.vnet is None:
                told = "the hub has no vnet, with which those that are made for environments are peered."
                self._add(self.platform.at("hub"), told, _HUB_HINT)
            return None
        self._zones(door for door in DOORS if door.service not in mode.public)
        vnet: Vnet = said.value
        if not self._is_one(said) or vnet.address_space is None:
            return self._given(said)
        if self._hub.vnet is None:
            self._problem(said, "address_space", f"nobody could reach {stack}: the hub has no vnet to peer it with")
        whole, subnet = (
            ipaddress.IPv4Network(vnet.address_space),
            ipaddress.IPv4Network(vnet.subnet or vnet.address_space),
        )
        key = "subnet" if vnet.subnet else "address_space"
        if not subnet.subnet_of(whole):
            self._problem(said, key, f"{subnet} is not within {whole}")
        elif subnet.prefixlen > SMALLEST:
            self._problem(said, key, f"{subnet} is too small for the private endpoints: at least /{SMALLEST}")
        self.ranges.append(Range(stack, str(whole), said.keys["address_space"]))
        return MadeVnet(
            address_space=str(whole),
            endpoint_subnet=str(subnet),
            dns_servers=tuple(vnet.dns_servers),
            next_hop=vnet.next_hop,
            origin=self.origin(said.position),
        )

    def _is_one(self, said: Said) -> bool:
        """Whether a network is either made or given; a problem, when it is both or neither."""
        made = {"address_space", "subnet", "dns_servers", "next_hop"} & said.value.model_fields_set
        given = said.value.subnet_id is not None
        if given and made:
            names = ", ".join(sorted(made))
            self._problem(said, "subnet_id", f"a network that is given is yours: {names} cannot be said here")
        elif not given and said.value.address_space is None:
            self._add(said.position, "vnet: address_space or subnet_id must be said.")
        else:
            return True
        return False

    def _given(self, said: Said) -> GivenSubnet | None:
        subnet: str | None = said.value.subnet_id
        return GivenSubnet(subnet_id=subnet, origin=self.origin(said.position)) if subnet is not None else None

    def _zones(self, doors: Iterable[Door]) -> None:
        dns = self._hub.dns
        if isinstance(dns, str):
            return
        needed = {zone for door in doors for zone in door.zones}
        at = self.platform.at("hub", "dns")
        for zone in sorted(needed - set(dns)):
            self._add(at, f"hub.dns: the zone {zone} is needed and not given.")
        for zone in sorted(set(dns) - set(ZONES)):
            self._add(self.platform.at("hub", "dns", zone), f"hub.dns: no private endpoint of ours uses {zone}.")

    def _outbound(self, stack: str, layers: Layers, mode: Mode) -> tuple[OutboundSettings, ...]:
        said = layers.said("outbound")
        if said is None:
            return ()
        made: dict[str, OutboundSettings] = {}
        for rule, position in zip(said.value, said.items, strict=True):
            settings = self._rule(rule, position)
            if rule.name in (*TAKEN, *made):
                self._add(position, f"there is an outbound rule called {rule.name!r} already.")
            elif settings is not None and settings.kind == "private_endpoint" and not mode.managed:
                reason = "its jobs have no network of their own that a private endpoint could be in"
                self._add(position, f"{stack} has network open: {reason}.")
            elif settings is not None:
                made[rule.name] = settings
        return tuple(made.values())

    def _rule(self, rule: Outbound, position: Position) -> OutboundSettings | None:
        kinds: Mapping[OutboundKind, str | None] = {
            "fqdn": rule.fqdn,
            "service_tag": rule.service_tag,
            "private_endpoint": rule.resource_id,
        }
        said = [(kind, destination) for kind, destination in kinds.items() if destination is not None]
        if len(said) != 1:
            self._add(position, f"outbound rule {rule.name}: say one of fqdn, service_tag and resource_id.")
            return None
        kind, destination = said[0]
        if (kind == "private_endpoint") != (rule.group is not None):
            self._add(position, f"outbound rule {rule.name}: group goes with resource_id, and resource_id with group.")
            return None
        return OutboundSettings(
            name=rule.name,
            kind=kind,
            destination=destination,
            protocol=rule.protocol,
            ports=rule.ports,
            group=rule.group,
            origin=self.origin(position),
        )

    def _problem(self, said: Said, key: str, message: str) -> None:
        self._add(said.keys[key], f"vnet.{key}: {message}.")

    def _add(self, position: Position, message: str, suggestion: str = "") -> None:
        # Stacks of several layers meet the same mistake again.
        problem = Problem(position, message, suggestion)
        if problem not in self.problems:
            self.problems.append(problem)


_VNET_HINT = (
    "Add vnet: {address_space: 10.20.0.0/24} there, a range of its own, or vnet: {subnet_id: ...}, one of yours."
)
_HUB_HINT = "Add vnet: {address_space: 10.40.0.0/24} to hub, unless all environments lie in subnets of yours."
