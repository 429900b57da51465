"""What Azure bills by time, whether it is used or not: a table by type of resource."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.pricing.price import IdleCost, Per
from infra.rules.rule import UNKNOWN, Resource, entries
from infra.tables.resource_types import COMPUTE, IMAGES, MODELS, OUTBOUND_RULE, WORKSPACE
from infra.tables.sizes import spelled_by_azure


@dataclass(frozen=True)
class Meter:
    """A row of the table.

    Attributes:
        type: The type of the resources that have it.
        what: The billed thing in words; `{}` is replaced by the variant.
        per: The period of the price: an hour, a day or a month.
        source: Microsoft's page about this price.
        count: The number of billed units of a resource; its second argument is all resources of the stack.
        variant: The SKU or size of a resource.
        names: The names of the price in Azure's price list, by resource and location, as in `IdleCost`.
    """

    type: str
    what: str
    per: Per
    source: str
    count: Callable[[Resource, Sequence[Resource]], int] = lambda _resource, _stack: 1
    variant: Callable[[Resource], str] = lambda _: ""
    names: Callable[[Resource, str], Mapping[str, str]] = lambda _resource, _location: {}


def idle_costs(resources: Sequence[Resource], location: str) -> list[IdleCost]:
    """What the resources of one stack cost while nothing runs, in the order of the table.

    Args:
        location: The location of resources that have none of their own.
    """
    return [
        IdleCost(
            resource.urn,
            meter.what.format(meter.variant(resource)),
            count,
            meter.per,
            meter.names(resource, _location(resource) or location),
        )
        for meter in METERS
        for resource in resources
        if resource.type == meter.type and (count := meter.count(resource, resources)) > 0
    ]


def _location(resource: Resource) -> str:
    location = resource.at("location")
    return location if isinstance(location, str) and location.lower() not in ("global", UNKNOWN) else ""


def _text(path: str, default: str = "") -> Callable[[Resource], str]:
    return lambda resource: str(resource.at(path) or default)


def _firewalls(workspace: Resource, stack: Sequence[Resource]) -> int:
    """Azure creates a firewall in a managed network with approved outbound only, with its first rule for a name.

    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#pricing
    """
    inline = workspace.at("managedNetwork.outboundRules")
    kinds = [rule.get("type") for rule in entries(list(inline.values()) if isinstance(inline, Mapping) else ())]
    kinds += [rule.at("properties.type") for rule in stack if rule.type == OUTBOUND_RULE]
    closed = workspace.at("managedNetwork.isolationMode") == "AllowOnlyApprovedOutbound"
    return int(closed and "FQDN" in kinds)


def _least_nodes(compute: Resource, _: Sequence[Resource]) -> int:
    least = compute.at("properties.properties.scaleSettings.minNodeCount")
    is_cluster = compute.at("properties.computeType") == "AmlCompute"
    return least if is_cluster and isinstance(least, int) else 0


def _machine(compute: Resource, location: str) -> Mapping[str, str]:
    """Azure ML bills its machines as virtual machines; for low priority, Microsoft does not publish the meter.

    https://azure.microsoft.com/pricing/details/machine-learning/
    https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices#api-examples
    """
    if compute.at("properties.properties.vmPriority") == "LowPriority":
        return {}
    size = spelled_by_azure(_size(compute))
    return {"serviceName": "Virtual Machines", "armSkuName": size, "armRegionName": location}


_tier, _size = _text("sku.name"), _text("properties.properties.vmSize")
_PRICING = "https://azure.microsoft.com/pricing/details"

METERS: tuple[Meter, ...] = (
    Meter(
        WORKSPACE, "firewall of the managed network ({})", "hour", f"{_PRICING}/azure-firewall/",
        count=_firewalls, variant=_text("managedNetwork.firewallSku", "Standard"),
    ),
    Meter("azure-native:network:PrivateEndpoint", "private endpoint", "hour", f"{_PRICING}/private-link/"),
    Meter(
        OUTBOUND_RULE, "private endpoint of the managed network", "hour", f"{_PRICING}/private-link/",
        count=lambda rule, _: int(rule.at("properties.type") == "PrivateEndpoint"),
    ),
    Meter(IMAGES, "container registry ({})", "day", f"{_PRICING}/container-registry/", variant=_tier),
    Meter(
        MODELS, "container registry of the model registry (Premium)", "day", f"{_PRICING}/container-registry/",
        count=lambda registry, _: sum(1 for _ in entries(registry.at("regionDetails"))),
    ),
    Meter(
        COMPUTE, "compute instance ({}), unless it is stopped", "hour", f"{_PRICING}/machine-learning/",
        count=lambda compute, _: int(compute.at("properties.computeType") == "ComputeInstance"),
        variant=_size, names=_machine,
    ),
    Meter(
        COMPUTE, "node that a cluster keeps ({})", "hour", f"{_PRICING}/machine-learning/",
        count=_least_nodes, variant=_size, names=_machine,
    ),
    Meter("azure-native:network:NatGateway", "NAT gateway", "hour", f"{_PRICING}/azure-nat-gateway/"),
    Meter("azure-native:network:PublicIPAddress", "public address", "hour", f"{_PRICING}/ip-addresses/"),
    Meter("azure-native:privatedns:PrivateZone", "private DNS zone", "month", f"{_PRICING}/dns/"),
    Meter(
        "azure-native:monitor:MetricAlert", "metric alert", "month", f"{_PRICING}/monitor/",
        # One price in all locations: https://learn.microsoft.com/azure/azure-monitor/fundamentals/cost-meters
        names=lambda _resource, _location: {"serviceName": "Azure Monitor", "meterName": "Alerts Metric Monitored"},
    ),
    Meter("azure-native:monitor:ScheduledQueryRule", "log-search alert", "month", f"{_PRICING}/monitor/"),
)  # fmt: skip
"""What Azure bills by time, whether it is used or not."""
