"""What bills while nothing runs: a table by type and property. What it costs is Azure's to say (`plan --prices`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.pricing import retail
from bootstrap.pricing.retail import Listing, Per, Unlisted
from infra.rules.network import OUTBOUND_RULE
from infra.rules.properties import COMPUTE, IMAGES, MODELS, WORKSPACE, entries
from infra.rules.rule import UNKNOWN, Resource


@dataclass(frozen=True)
class Meter:
    """Something that bills by time.

    Attributes:
        type: The type of resource that brings it.
        what: What bills, in words; `{}` stands for the variant.
        per: What Azure bills it by.
        count: How many of it a resource brings.
        variant: What tells its price, such as a SKU or a size.
        source: Where Azure says that it bills.
        listing: How Azure's price list calls it.
    """

    type: str
    what: str
    per: Per
    source: str
    listing: Callable[[Resource], Listing | Unlisted]
    count: Callable[[Resource], int] = lambda _: 1
    variant: Callable[[Resource], str] = lambda _: ""


@dataclass(frozen=True)
class IdleCost:
    """What a resource of a stack bills while nothing runs.

    Attributes:
        resource: Its URN.
        name: Its name in the program.
        variant: What tells its price, such as a SKU or a size; empty where there is one kind only.
        listing: How Azure's price list calls it.
        location: Where the resource says that it is; empty where it says nothing, or that it is everywhere.
    """

    resource: str
    name: str
    type: str
    what: str
    variant: str
    count: int
    per: Per
    listing: Listing | Unlisted
    location: str

    def document(self) -> dict[str, Any]:
        """The entry in the plan's document."""
        return {"resource": self.resource, "what": self.what, "count": self.count, "per": self.per}


_PRICING = "https://azure.microsoft.com/pricing/details"


def _text(path: str) -> Callable[[Resource], str]:
    return lambda resource: str(resource.at(path) or "")


def _is_compute(kind: str) -> Callable[[Resource], bool]:
    return lambda resource: bool(resource.at("properties.computeType") == kind)


_is_cluster, _is_instance = _is_compute("AmlCompute"), _is_compute("ComputeInstance")


def _least_nodes(resource: Resource) -> int:
    least = resource.at("properties.properties.scaleSettings.minNodeCount")
    return least if _is_cluster(resource) and isinstance(least, int) else 0


def _outbound(kind: str) -> Callable[[Resource], int]:
    return lambda resource: int(resource.at("properties.type") == kind)


def _copies(resource: Resource) -> int:
    return sum(1 for _ in entries(resource.at("regionDetails")))


_tier, _firewall_tier, _size = _text("sku.name"), _text("sku.tier"), _text("properties.properties.vmSize")
_HAS_CLOSED_NETWORK = "AllowOnlyApprovedOutbound"
_FIREWALL = "firewall of the managed network ({})"

METERS: tuple[Meter, ...] = (
    Meter(
        "azure-native:network:PrivateEndpoint", "private endpoint", "hour", f"{_PRICING}/private-link/",
        lambda _: retail.PRIVATE_ENDPOINT,
    ),
    Meter(
        OUTBOUND_RULE, "private endpoint of the managed network", "hour", f"{_PRICING}/private-link/",
        lambda _: retail.PRIVATE_ENDPOINT, count=_outbound("PrivateEndpoint"),
    ),
    Meter(
        IMAGES, "container registry ({})", "day", f"{_PRICING}/container-registry/",
        lambda resource: retail.container_registry(_tier(resource)), variant=_tier,
    ),
    Meter(
        MODELS, "container registry of the model registry (Premium)", "day", f"{_PRICING}/container-registry/",
        lambda resource: retail.model_registry(_copies(resource)), count=_copies, variant=lambda _: "Premium",
    ),
    Meter(
        COMPUTE, "compute instance ({}), unless it is stopped", "hour", f"{_PRICING}/machine-learning/",
        retail.machine_of, count=lambda resource: int(_is_instance(resource)), variant=_size,
    ),
    Meter(
        COMPUTE, "node that a cluster keeps ({})", "hour", f"{_PRICING}/machine-learning/",
        retail.machine_of, count=_least_nodes, variant=_size,
    ),
    Meter(
        "azure-native:network:NatGateway", "NAT gateway", "hour", f"{_PRICING}/azure-nat-gateway/",
        lambda _: retail.NAT_GATEWAY,
    ),
    Meter(
        "azure-native:network:PublicIPAddress", "public address", "hour", f"{_PRICING}/ip-addresses/",
        retail.public_address,
    ),
    Meter(
        "azure-native:network:AzureFirewall", "firewall ({})", "hour", f"{_PRICING}/azure-firewall/",
        lambda resource: retail.firewall(_firewall_tier(resource)), variant=_firewall_tier,
    ),
    Meter(
        "azure-native:privatedns:PrivateZone", "private DNS zone", "month", f"{_PRICING}/dns/",
        lambda _: retail.PRIVATE_ZONE,
    ),
    Meter(
        "azure-native:monitor:MetricAlert", "metric alert", "month", f"{_PRICING}/monitor/",
        lambda _: retail.METRIC_ALERT,
    ),
    Meter(
        "azure-native:monitor:ScheduledQueryRule", "log-search alert", "month", f"{_PRICING}/monitor/",
        lambda _: retail.LOG_ALERT,
    ),
)  # fmt: skip
"""What bills by time, whether it is used or not."""


def idle_costs(resources: Sequence[Resource]) -> list[IdleCost]:
    """What the resources of one stack bill while nothing runs, in the order of the table."""
    found = [
        IdleCost(
            resource.urn,
            resource.name,
            resource.type,
            meter.what.format(meter.variant(resource)),
            meter.variant(resource),
            count,
            meter.per,
            meter.listing(resource),
            _location(resource),
        )
        for meter in METERS
        for resource in resources
        if resource.type == meter.type and (count := meter.count(resource)) > 0
    ]
    return [*_firewalls(resources), *found]


def _firewalls(resources: Sequence[Resource]) -> Iterator[IdleCost]:
    """The firewall that a closed managed network gets with its first rule for a name.

    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#pricing
    """
    by_name = any(rule.type == OUTBOUND_RULE and rule.at("properties.type") == "FQDN" for rule in resources)
    for resource in resources:
        inline = resource.at("managedNetwork.outboundRules")
        rules = entries(list(inline.values()) if isinstance(inline, Mapping) else ())
        named = by_name or any(rule.get("type") == "FQDN" for rule in rules)
        closed = resource.type == WORKSPACE and resource.at("managedNetwork.isolationMode") == _HAS_CLOSED_NETWORK
        if closed and named:
            sku = str(resource.at("managedNetwork.firewallSku") or "Standard")
            what, listing = _FIREWALL.format(sku), retail.firewall(sku)
            where = _location(resource)
            yield IdleCost(resource.urn, resource.name, resource.type, what, sku, 1, "hour", listing, where)


def _location(resource: Resource) -> str:
    said = resource.at("location")
    return said if isinstance(said, str) and said.lower() not in ("global", UNKNOWN) else ""
