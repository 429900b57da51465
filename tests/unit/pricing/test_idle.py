"""What bills while nothing runs, and what does not."""

import pytest

from bootstrap.pricing import retail
from bootstrap.pricing.idle import METERS, idle_costs
from bootstrap.pricing.retail import Listing, Unlisted
from infra.rules.network import OUTBOUND_RULE
from infra.rules.properties import COMPUTE, IMAGES, MODELS, WORKSPACE
from infra.rules.rule import UNKNOWN, Resource
from tests.unit.infra.rules.sides import APPROVED_ONLY, compute, resource, under


def told(*resources: Resource) -> list[tuple[str, int, str]]:
    return [(cost.what, cost.count, cost.per) for cost in idle_costs(resources)]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (resource(IMAGES, under("sku.name", "Premium")), ("container registry (Premium)", 1, "day")),
        (
            resource(MODELS, {"regionDetails": [{"location": "a"}, {"location": "b"}]}),
            ("container registry of the model registry (Premium)", 2, "day"),
        ),
        (
            resource(COMPUTE, compute("ComputeInstance", vmSize="Standard_D4ds_v5")),
            ("compute instance (Standard_D4ds_v5), unless it is stopped", 1, "hour"),
        ),
        (
            resource(COMPUTE, compute("AmlCompute", vmSize="a", scaleSettings={"minNodeCount": 2})),
            ("node that a cluster keeps (a)", 2, "hour"),
        ),
        (
            resource(OUTBOUND_RULE, under("properties.type", "PrivateEndpoint")),
            ("private endpoint of the managed network", 1, "hour"),
        ),
        (resource("azure-native:network:PrivateEndpoint", {}), ("private endpoint", 1, "hour")),
        (resource("azure-native:privatedns:PrivateZone", {}), ("private DNS zone", 1, "month")),
    ],
)
def test_what_bills_by_time_is_listed(made: Resource, wanted: tuple[str, int, str]) -> None:
    assert told(made) == [wanted]


def test_what_scales_to_nothing_is_not_listed() -> None:
    idle = compute("AmlCompute", vmSize="a", scaleSettings={"minNodeCount": 0})

    assert told(resource(COMPUTE, idle), resource(COMPUTE, compute("Kubernetes")), resource(WORKSPACE, {})) == []


@pytest.mark.parametrize("regions", [UNKNOWN, [UNKNOWN], None])
def test_what_is_unknown_of_a_model_registrys_locations_is_not_counted(regions: object) -> None:
    """In an engine's preview the whole list is one string of 36 characters."""
    assert told(resource(MODELS, {"regionDetails": regions})) == []


def test_an_unknown_rule_of_a_closed_network_brings_no_firewall() -> None:
    rules = {"isolationMode": "AllowOnlyApprovedOutbound", "outboundRules": {"a": UNKNOWN}}

    assert told(resource(WORKSPACE, under("managedNetwork", rules))) == []


def test_a_closed_network_bills_a_firewall_with_its_first_rule_for_a_name() -> None:
    workspace = resource(
        WORKSPACE, under("managedNetwork", {**APPROVED_ONLY["managedNetwork"], "firewallSku": "Basic"})
    )
    by_name = resource(OUTBOUND_RULE, under("properties.type", "FQDN"))
    by_tag = resource(OUTBOUND_RULE, under("properties.type", "ServiceTag"))
    inline = resource(WORKSPACE, under("managedNetwork", {"isolationMode": "AllowOnlyApprovedOutbound",
                                                          "outboundRules": {"a": {"type": "FQDN"}}}))  # fmt: skip

    assert told(workspace, by_tag) == []
    assert told(workspace, by_name, by_name) == [("firewall of the managed network (Basic)", 1, "hour")]
    assert told(inline) == [("firewall of the managed network (Standard)", 1, "hour")]


def test_every_listing_says_where_its_names_are_published() -> None:
    listings = [
        listing
        for listing in (
            *(one for one in vars(retail).values() if isinstance(one, Listing)),
            *map(retail.container_registry, ("Basic", "Standard", "Premium")),
            *map(retail.firewall, ("Basic", "Standard", "Premium")),
            retail.machine("Standard_D4ds_v5"),
        )
        if isinstance(listing, Listing)
    ]

    assert len(listings) == 11
    assert all(listing.source.startswith("https://github.com/") for listing in listings)
    assert all({"serviceName"} < set(listing.names) for listing in listings)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (resource(COMPUTE, compute("AmlCompute", vmSize="a", scaleSettings={"minNodeCount": 1})), Listing),
        (
            resource(
                COMPUTE, compute("AmlCompute", vmSize="a", vmPriority="LowPriority", scaleSettings={"minNodeCount": 1})
            ),
            Unlisted,
        ),
        (resource("azure-native:network:PublicIPAddress", {"sku": {"name": "Basic"}}), Unlisted),
        (
            resource(
                "azure-native:network:PublicIPAddress",
                {"sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"},
            ),
            Listing,
        ),
        (resource(IMAGES, under("sku.name", UNKNOWN)), Unlisted),
        (resource(MODELS, {"regionDetails": [{"location": "a"}]}), Listing),
        (resource(MODELS, {"regionDetails": [{"location": "a"}, {"location": "b"}]}), Unlisted),
    ],
)
def test_what_nobody_can_look_up_says_so(made: Resource, wanted: type[Listing | Unlisted]) -> None:
    [cost] = idle_costs([made])

    assert isinstance(cost.listing, wanted)


@pytest.mark.parametrize(
    ("said", "wanted"), [("northeurope", "northeurope"), ("global", ""), (UNKNOWN, ""), (None, "")]
)
def test_a_resource_says_where_it_is_if_it_is_in_one_place(said: str | None, wanted: str) -> None:
    [cost] = idle_costs([resource("azure-native:network:PrivateEndpoint", {"location": said})])

    assert cost.location == wanted


def test_every_meter_says_where_azure_says_that_it_bills() -> None:
    assert all(meter.source.startswith("https://azure.microsoft.com/pricing/") for meter in METERS)
