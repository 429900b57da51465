"""Rules on networks: what clashes, what is left open, and what a closed one needs."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from infra.rules.properties import (
    COMPUTE,
    IMAGES,
    MODELS,
    ONLINE,
    STORAGE,
    VAULT,
    WORKSPACE,
    entries,
    is_open,
)
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, each

NETWORK = "azure-native:network:VirtualNetwork"
SUBNET = "azure-native:network:Subnet"
RULES = "azure-native:network:NetworkSecurityGroup"
OUTBOUND_RULE = "azure-native:machinelearningservices:ManagedNetworkSettingsRule"

_LEARN = "https://learn.microsoft.com/azure"


def _ranges(prefixes: Iterable[Any]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Those of the prefixes that are address ranges; what is not known yet is none."""
    found = []
    for prefix in prefixes:
        try:
            found.append(ipaddress.ip_network(prefix))
        except ValueError:
            continue
    return found


def _overlap(one: Any, other: Any) -> bool:
    return bool(one.version == other.version and one.overlaps(other))


def _networks(stack: Stack, _found: object) -> list[list[str]]:
    """Each range of each network of the stack, with the network's URN and name."""
    return [
        [network.urn, network.name, prefix]
        for network in stack.of(NETWORK)
        for prefix in network.at("addressSpace.addressPrefixes") or ()
    ]


def _clashes(told: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[tuple[str, Violation]]:
    # In the order of the addresses only neighbours can be the first to overlap, so a thousand networks are quick.
    ranges = sorted(
        (
            (network, stack, urn, name)
            for stack, rows in told.items()
            for urn, name, prefix in rows
            for network in _ranges([prefix])
        ),
        key=lambda row: (row[0].version, int(row[0].network_address), row[0].prefixlen),
    )
    widest = None
    for row in ranges:
        if widest is not None and widest[2] != row[2] and _overlap(widest[0], row[0]):
            said = f"{row[3]}: {row[0]} overlaps with {widest[0]} of {widest[3]} in {widest[1]}."
            yield row[1], (row[2], said)
        if widest is None or int(row[0].broadcast_address) > int(widest[0].broadcast_address):
            widest = row


def _subnets(stack: Stack) -> Iterator[tuple[Resource, str, Mapping[str, Any]]]:
    """Each subnet: the resource that says it, its network's name, and its properties."""
    for network in stack.of(NETWORK):
        for subnet in network.at("subnets") or ():
            yield network, str(network.at("virtualNetworkName")), subnet
    for resource in stack.of(SUBNET):
        yield resource, str(resource.at("virtualNetworkName")), resource.inputs


def _prefixes(subnet: Mapping[str, Any]) -> list[Any]:
    return _ranges([*(subnet.get("addressPrefixes") or ()), subnet.get("addressPrefix")])


def _subnets_outside(stack: Stack) -> Iterator[Violation]:
    spaces = {
        str(network.at("virtualNetworkName")): _ranges(network.at("addressSpace.addressPrefixes") or ())
        for network in stack.of(NETWORK)
    }
    placed = [(resource, name, prefix) for resource, name, subnet in _subnets(stack) for prefix in _prefixes(subnet)]
    for resource, name, prefix in placed:
        inside = spaces.get(name)
        if inside and not any(space.version == prefix.version and prefix.subnet_of(space) for space in inside):
            yield (resource.urn, f"{resource.name}: {prefix} is not within {', '.join(map(str, inside))}.")
    for one, other in combinations(placed, 2):
        if one[1] == other[1] and _overlap(one[2], other[2]):
            yield (other[0].urn, f"{other[0].name}: {other[2]} overlaps with {one[2]} of the same network.")


def _default_outbound(stack: Stack) -> Iterator[Violation]:
    for resource, _, subnet in _subnets(stack):
        if subnet.get("defaultOutboundAccess") is None:
            yield (resource.urn, f"{resource.name}: defaultOutboundAccess is not set.")


def _is_locked(resource: Resource) -> bool:
    """Whether it is a workspace that reaches what is approved only, or a model registry without a public address."""
    if resource.type == MODELS:
        return bool(resource.at("publicNetworkAccess") == "Disabled")
    return bool(resource.at("managedNetwork.isolationMode") == "AllowOnlyApprovedOutbound")


def _open_doors(stack: Stack) -> Iterator[Violation]:
    if not any(map(_is_locked, stack.of(WORKSPACE, MODELS))):
        return
    for resource in stack.of(STORAGE, VAULT, IMAGES, WORKSPACE, MODELS, ONLINE):
        if is_open(resource):
            yield (resource.urn, f"{resource.name}: it can be reached from the internet.")
    for cluster in stack.of(COMPUTE):
        of_cluster = cluster.at("properties.computeType") == "AmlCompute"
        if of_cluster and cluster.at("properties.properties.enableNodePublicIp") not in (False, UNKNOWN):
            yield (cluster.urn, f"{cluster.name}: enableNodePublicIp is not False, and that is the SDK's default.")


_ANYWHERE = ("*", "internet", "0.0.0.0/0", "::/0")
"""What a security rule calls the whole internet, in lower case."""


def _let_in(group: Resource) -> Iterable[str]:
    for rule in entries(group.at("securityRules")):
        sources = [rule.get("sourceAddressPrefix"), *(rule.get("sourceAddressPrefixes") or ())]
        inwards = rule.get("direction") == "Inbound" and rule.get("access") == "Allow"
        if inwards and any(str(source).lower() in _ANYWHERE for source in sources):
            yield f"its rule {rule.get('name')} lets the whole internet in."


def _image_builder(stack: Stack) -> Iterator[Violation]:
    if any(not is_open(images) for images in stack.of(IMAGES)):
        for workspace in stack.of(WORKSPACE):
            if not workspace.at("imageBuildCompute"):
                yield (workspace.urn, f"{workspace.name}: imageBuildCompute is not set.")


def _premium(images: Resource) -> Iterable[str]:
    if not is_open(images) and images.at("sku.name") not in ("Premium", UNKNOWN):
        yield f"its SKU is {images.at('sku.name')}, and its public access is off or narrowed."


def _provisioned(workspace: Resource) -> Iterable[str]:
    mode = workspace.at("managedNetwork.isolationMode")
    if mode not in (None, "Disabled", UNKNOWN) and workspace.at("provisionNetworkNow") not in (True, UNKNOWN):
        yield "provisionNetworkNow is not set."


def _said_twice(stack: Stack) -> Iterator[Violation]:
    rules = list(stack.of(OUTBOUND_RULE))
    for workspace in stack.of(WORKSPACE):
        if rules and workspace.at("managedNetwork.outboundRules") not in (None, {}, UNKNOWN):
            yield (workspace.urn, f"{workspace.name}: outboundRules is set, and {rules[0].name} is one too.")


NETWORK_RULES: tuple[Rule, ...] = (
    Rule(
        "address-clash", "error", "No two networks have the same addresses",
        "Networks that overlap can never be connected, and addresses cannot be changed under what runs there.",
        "Give one of them another address space.",
        f"{_LEARN}/virtual-network/virtual-network-peering-overview",
        scope="platform", facts=_networks, compare=_clashes,
    ),
    Rule(
        "subnet-inside", "error", "Subnets lie within their network, side by side",
        "Azure refuses them, halfway through a deployment.",
        "Give the subnet a range of its own within the network's.",
        f"{_LEARN}/virtual-network/virtual-network-manage-subnet",
        _subnets_outside,
    ),
    Rule(
        "subnet-outbound", "warning", "Every subnet says whether it has outbound access by default",
        "Newer versions of Azure's API give none, older ones give it, and what runs there notices too late.",
        "Set default_outbound_access=False, and route what has to go out.",
        f"{_LEARN}/virtual-network/ip-services/default-outbound-access",
        _default_outbound,
    ),
    Rule(
        "locked-is-closed", "error", "Where the network is locked, nothing comes in from the internet",
        "A door that is left open makes the rest of the network useless; the states of all stacks lie in the hub.",
        "Set public_network_access to Disabled, and make a private endpoint; nodes need no address. A hub gets one "
        "with hub.vnet; or say hub.network: open.",
        f"{_LEARN}/machine-learning/how-to-managed-network",
        _open_doors,
    ),
    Rule(
        "inbound-from-internet", "error", "No security rule lets the whole internet into a network",
        "An open port is tried by everybody.",
        "Name the addresses or the service tag that has to come in.",
        f"{_LEARN}/virtual-network/network-security-groups-overview",
        each({RULES}, _let_in), "resource",
    ),
    Rule(
        "image-builder", "error", "A workspace whose container registry is closed or narrowed has an image builder",
        "Azure's own build agents do not reach the registry, and no environment can be built.",
        "Set image_build_compute to a cluster of the workspace.",
        f"{_LEARN}/container-registry/manage-network-bypass-policy-for-tasks",
        _image_builder,
    ),
    Rule(
        "private-images-premium", "error", "A container registry that is private or narrowed is Premium",
        "Other SKUs have no private endpoints and no lists of addresses.",
        "Set the SKU to Premium.",
        f"{_LEARN}/container-registry/container-registry-private-link",
        each({IMAGES}, _premium), "resource",
    ),
    Rule(
        "network-first", "warning", "A managed network is made with its workspace",
        "Else the first cluster or endpoint waits half an hour for it, and serverless jobs fail.",
        "Set provision_network_now=True.",
        f"{_LEARN}/machine-learning/how-to-managed-network",
        each({WORKSPACE}, _provisioned), "resource",
    ),
    Rule(
        "outbound-rules-once", "error", "Outbound rules are resources of their own, or the workspace's, never both",
        "Each update of the one deletes the other.",
        "Leave outbound_rules out of the workspace.",
        "https://github.com/pulumi/pulumi-azure-native/issues/3768",
        _said_twice,
    ),
)  # fmt: skip
"""The rules on networks."""
