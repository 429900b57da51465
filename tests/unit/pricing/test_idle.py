"""What Azure bills while nothing runs."""

from collections.abc import Mapping
from typing import Any

import pytest

from bootstrap.pricing.idle import METERS, idle_costs
from infra.rules.rule import UNKNOWN, Resource
from infra.tables.resource_types import COMPUTE, FLOW_LOG, IMAGES, MODELS, OUTBOUND_RULE, REPLICA, WORKSPACE


def resource(type_: str, inputs: Mapping[str, Any], name: str = "it") -> Resource:
    return Resource(f"urn:pulumi:fraud-dev::mlops-bootstrap::{type_}::{name}", type_, name, inputs)


def under(path: str, value: Any) -> dict[str, Any]:
    """Nested inputs: `under("a.b", 1)` is `{"a": {"b": 1}}`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def compute(kind: str, **properties: Any) -> dict[str, Any]:
    return {"properties": {"computeType": kind, "properties": properties}}


APPROVED_ONLY = under("managedNetwork.isolationMode", "AllowOnlyApprovedOutbound")


def listed(*resources: Resource) -> list[tuple[str, int, str]]:
    return [(cost.what, cost.count, cost.per) for cost in idle_costs(resources, "westeurope")]


@pytest.mark.parametrize(
    ("costly", "wanted"),
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
        (resource(REPLICA, {}), ("replica of the container registry (Premium)", 1, "day")),
        (resource(FLOW_LOG, {}), ("flow log, by its volume", 1, "month")),
        (resource("azure-native:network:PrivateEndpoint", {}), ("private endpoint", 1, "hour")),
        (resource("azure-native:privatedns:PrivateZone", {}), ("private DNS zone", 1, "month")),
    ],
)
def test_resource_that_bills_by_time_is_listed(costly: Resource, wanted: tuple[str, int, str]) -> None:
    assert listed(costly) == [wanted]


def test_cluster_that_scales_to_zero_is_not_listed() -> None:
    idle = compute("AmlCompute", vmSize="a", scaleSettings={"minNodeCount": 0})

    assert listed(resource(COMPUTE, idle), resource(COMPUTE, compute("Kubernetes")), resource(WORKSPACE, {})) == []


@pytest.mark.parametrize("regions", [UNKNOWN, [UNKNOWN], None])
def test_unknown_locations_of_a_model_registry_are_not_counted(regions: object) -> None:
    """In an engine's preview the whole list is one string of 36 characters."""
    assert listed(resource(MODELS, {"regionDetails": regions})) == []


def test_unknown_outbound_rule_adds_no_firewall() -> None:
    rules = {"isolationMode": "AllowOnlyApprovedOutbound", "outboundRules": {"a": UNKNOWN}}

    assert listed(resource(WORKSPACE, under("managedNetwork", rules))) == []


def test_first_fqdn_rule_of_a_closed_network_adds_a_firewall() -> None:
    workspace = resource(
        WORKSPACE, under("managedNetwork", {**APPROVED_ONLY["managedNetwork"], "firewallSku": "Basic"})
    )
    by_name = resource(OUTBOUND_RULE, under("properties.type", "FQDN"))
    by_tag = resource(OUTBOUND_RULE, under("properties.type", "ServiceTag"))
    inline = resource(WORKSPACE, under("managedNetwork", {"isolationMode": "AllowOnlyApprovedOutbound",
                                                          "outboundRules": {"a": {"type": "FQDN"}}}))  # fmt: skip

    assert listed(workspace, by_tag) == []
    assert listed(workspace, by_name, by_name) == [("firewall of the managed network (Basic)", 1, "hour")]
    assert listed(inline) == [("firewall of the managed network (Standard)", 1, "hour")]


@pytest.mark.parametrize(
    ("priority", "location", "wanted"),
    [
        (None, None, {"armSkuName": "Standard_D4ds_v5", "armRegionName": "swedencentral"}),
        (None, "northeurope", {"armSkuName": "Standard_D4ds_v5", "armRegionName": "northeurope"}),
        (None, UNKNOWN, {"armSkuName": "Standard_D4ds_v5", "armRegionName": "swedencentral"}),
        ("LowPriority", None, {}),
    ],
)
def test_machine_is_looked_up_by_its_size_and_location(
    priority: str | None, location: str | None, wanted: dict[str, str]
) -> None:
    inputs = compute("AmlCompute", vmSize="standard_d4ds_v5", vmPriority=priority, scaleSettings={"minNodeCount": 1})

    [cost] = idle_costs([resource(COMPUTE, {**inputs, "location": location})], "swedencentral")

    assert dict(cost.names) == (wanted and {"serviceName": "Virtual Machines", **wanted})


def test_metric_alert_is_looked_up_without_a_location() -> None:
    alert = resource("azure-native:monitor:MetricAlert", {"location": "global"})

    [cost] = idle_costs([alert], "swedencentral")

    assert cost.names == {"serviceName": "Azure Monitor", "meterName": "Alerts Metric Monitored"}


def test_what_microsoft_does_not_name_is_not_looked_up() -> None:
    registry = resource(IMAGES, under("sku.name", "Premium"))
    endpoint = resource("azure-native:network:PrivateEndpoint", {})

    assert [cost.names for cost in idle_costs([registry, endpoint], "swedencentral")] == [{}, {}]


def test_every_meter_has_microsofts_page_about_its_price() -> None:
    assert all(meter.source.startswith("https://azure.microsoft.com/pricing/") for meter in METERS)
