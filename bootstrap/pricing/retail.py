"""How Azure's public price list calls what bills while nothing runs: a table, each row with where its names were seen.

The list is the Retail Prices API: https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices.
What it calls something does not follow from the resource, so a row stands here only if what the list answers is
published. What has no such row is `Unlisted`, with the reason, and gets no price. Nothing here asks the list.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from infra.rules.rule import Resource
from infra.tables.sizes import spelled_by_azure

Per = Literal["hour", "day", "month"]


def _every_item(_: Mapping[str, str]) -> bool:
    return True


@dataclass(frozen=True)
class Listing:
    """Something that the price list has.

    Attributes:
        names: What all its items say, by the list's names of properties. The list minds the case.
        per: What it must be sold by.
        source: Where it is published that the list has these names.
        region: What its items say of their region; None: the location of what is priced.
        means: Whether an item is meant that has these names; for what no equality says.
    """

    names: Mapping[str, str]
    per: Per
    source: str
    region: str | None = None
    means: Callable[[Mapping[str, str]], bool] = _every_item


@dataclass(frozen=True)
class Unlisted:
    """Something that nobody can look up.

    Attributes:
        reason: Why, as a sentence.
    """

    reason: str


_GLOBAL = "Global"
"""One price for all locations of the public cloud; asked for by a location, the list has none."""
_NO_REGION = ""
"""The same, where the list leaves the region empty."""

_INFRACOST = "https://github.com/infracost/infracost/blob/master/internal"
_CALCULATOR = (
    "https://github.com/ahmadabdalla/azure-cost-calculator/blob/main/skills/azure-cost-calculator/references/services"
)


def _names(service: str, product: str, sku: str, meter: str) -> dict[str, str]:
    return {"serviceName": service, "productName": product, "skuName": sku, "meterName": meter}


PRIVATE_ENDPOINT = Listing(
    _names("Virtual Network", "Virtual Network Private Link", "Standard", "Standard Private Endpoint"), "hour",
    "https://github.com/api-evangelist/microsoft-azure-private-link/blob/main/plans/"
    "microsoft-azure-private-link-plans-pricing.yml", _GLOBAL,
)  # fmt: skip
NAT_GATEWAY = Listing(
    _names("NAT Gateway", "NAT Gateway", "Standard", "Standard Gateway"), "hour",
    f"{_CALCULATOR}/networking/nat-gateway.md", _GLOBAL,
)  # fmt: skip
PRIVATE_ZONE = Listing(
    _names("Azure DNS", "Azure DNS", "Private", "Private Zone"), "month",
    f"{_CALCULATOR}/networking/private-dns.md", _NO_REGION,
)  # fmt: skip
METRIC_ALERT = Listing(
    {"serviceName": "Azure Monitor", "meterName": "Alerts Metric Monitored"}, "month",
    f"{_INFRACOST}/resources/azure/monitor_metric_alert.go",
)  # fmt: skip
"""For each time series that is watched. An alert of ours watches one."""

LOG_ALERT = Unlisted("It bills by the time series that its query finds, which only Azure knows.")


def public_address(resource: Resource) -> Listing | Unlisted:
    """The hours of an address."""
    kind = resource.at("sku.name"), resource.at("publicIPAllocationMethod"), resource.at("publicIPAddressVersion")
    if kind not in (("Standard", "Static", None), ("Standard", "Static", "IPv4")):
        return Unlisted("Only static IPv4 addresses of the SKU Standard are known by their name in the price list.")
    names = _names("Virtual Network", "IP Addresses", "Standard", "Standard IPv4 Static Public IP")
    return Listing(names, "hour", f"{_INFRACOST}/providers/terraform/azure/public_ip.go")


def container_registry(tier: str) -> Listing | Unlisted:
    """The daily unit of a container registry."""
    if tier not in ("Basic", "Standard", "Premium"):
        return Unlisted(f"The tier {tier!r} is none that we know by its name in the price list.")
    names = _names("Container Registry", "Container Registry", tier, f"{tier} Registry Unit")
    return Listing(names, "day", f"{_CALCULATOR}/containers/container-registry.md")


def model_registry(locations: int) -> Listing | Unlisted:
    """The container registry that Azure makes for a model registry."""
    if locations > 1:
        return Unlisted("By which meters its copies in other locations bill is not published.")
    return container_registry("Premium")


def firewall(tier: str) -> Listing | Unlisted:
    """The hours of a firewall. That of a managed network bills as any other.

    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#pricing
    """
    if tier not in ("Basic", "Standard", "Premium"):
        return Unlisted(f"The tier {tier!r} is none that we know by its name in the price list.")
    names = _names("Azure Firewall", "Azure Firewall", tier, f"{tier} Deployment")
    return Listing(names, "hour", f"{_CALCULATOR}/networking/azure-firewall.md")


def machine(size: str, *, low_priority: bool = False) -> Listing | Unlisted:
    """The hours of a machine with Linux: Azure ML bills its machines as virtual machines.

    https://azure.microsoft.com/pricing/details/machine-learning/
    """
    if low_priority:
        return Unlisted("By which meter Azure ML bills machines of low priority is not published.")
    names = {"serviceName": "Virtual Machines", "armSkuName": spelled_by_azure(size)}
    return Listing(names, "hour", f"{_INFRACOST}/resources/azure/linux_virtual_machine.go", means=_is_linux_on_demand)


_LINUX = re.compile(r"\bSeries( Linux)?$", re.IGNORECASE)
_NOT_ON_DEMAND = re.compile(r"\b(Spot|Low Priority|Expired|Free)$", re.IGNORECASE)


def _is_linux_on_demand(names: Mapping[str, str]) -> bool:
    """Windows and Cloud Services are other products of the same size; Spot and low priority are other meters."""
    meters = (names["skuName"], names["meterName"])
    return bool(_LINUX.search(names["productName"])) and not any(map(_NOT_ON_DEMAND.search, meters))


def machine_of(resource: Resource) -> Listing | Unlisted:
    """That of a cluster or an instance of Azure ML."""
    at = "properties.properties"
    size, priority = resource.at(f"{at}.vmSize"), resource.at(f"{at}.vmPriority")
    return machine(str(size or ""), low_priority=priority == "LowPriority")
