"""What bills while nothing runs, and what does not."""

import pytest

from infra.policies.idle import METERS, idle_costs
from infra.policies.network import OUTBOUND_RULE
from infra.policies.properties import COMPUTE, IMAGES, MODELS, WORKSPACE
from infra.policies.rule import Resource
from tests.unit.infra.policies.sides import APPROVED_ONLY, compute, resource, under


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


def test_every_meter_says_where_azure_says_that_it_bills() -> None:
    assert all(meter.source.startswith("https://azure.microsoft.com/pricing/") for meter in METERS)
