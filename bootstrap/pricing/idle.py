"""What Azure bills by time, whether it is used or not: a table by type of resource."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from bootstrap.pricing.price import IdleCost, Per, Price
from infra.rules.rule import UNKNOWN, Resource, entries
from infra.settings import EnvironmentSettings, StackSettings
from infra.tables.resource_types import (
    COMPUTE,
    FLOW_LOG,
    IMAGES,
    MODELS,
    OUTBOUND_RULE,
    REPLICA,
    TEMPLATE_DEPLOYMENT,
    WORKSPACE,
)
from infra.tables.sizes import spelled_by_azure

if TYPE_CHECKING:
    from bootstrap.pricing.price_list import PriceList


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


def machine_prices(settings: StackSettings, prices: "PriceList") -> dict[str, tuple[Decimal, str]]:
    """The price of an hour of the sizes of a stack's clusters, with its currency, by the size in lower case.

    Only a stack with a budget is looked up. Sizes without a price are left out.
    """
    if not isinstance(settings, EnvironmentSettings) or settings.budget is None:
        return {}
    found = {}
    for size in dict.fromkeys(cluster.size for cluster in settings.clusters if not cluster.low_priority):
        price = prices.price(IdleCost("", f"node ({size})", 1, "hour", _machine_names(size, settings.location)))
        if isinstance(price, Price):
            found[size.lower()] = (price.amount, price.currency)
    return found


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
    return _machine_names(_size(compute), location)


def _machine_names(size: str, location: str) -> Mapping[str, str]:
    return {"serviceName": "Virtual Machines", "armSkuName": spelled_by_azure(size), "armRegionName": location}


def _defender_plans(deployment: Resource) -> list[str]:
    """The Microsoft Defender plans that a template turns on."""
    written = entries(deployment.at("properties.template.resources"))
    return [str(plan["name"]) for plan in written if plan["properties"]["pricingTier"] == "Standard"]


def _analysed(flow_log: Resource) -> str:
    analytics = flow_log.at("flowAnalyticsConfiguration.networkWatcherFlowAnalyticsConfiguration.enabled")
    return " with Traffic Analytics" if analytics is True else ""


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
    Meter(REPLICA, "replica of the container registry (Premium)", "day", f"{_PRICING}/container-registry/"),
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
    # By the gigabyte of logs, beyond five in a month, and by what the storage keeps.
    Meter(FLOW_LOG, "flow log{}, by its volume", "month", f"{_PRICING}/network-watcher/", variant=_analysed),
    # By the accounts, vaults, images and calls of a whole subscription.
    Meter(
        TEMPLATE_DEPLOYMENT, "Microsoft Defender plans of a subscription, by what they watch ({})", "month",
        f"{_PRICING}/defender-for-cloud/",
        count=lambda deployment, _: len(_defender_plans(deployment)),
        variant=lambda deployment: ", ".join(_defender_plans(deployment)),
    ),
)  # fmt: skip
"""What Azure bills by time, whether it is used or not."""
