"""Planned diagnostic settings, alerts and notifications, and the tables about them in docs/monitoring.md."""

import json
import re
import uuid
from pathlib import Path

import pytest

from bootstrap.simulator.kinds import KINDS
from bootstrap.stack.plan.model import StackPlan
from infra import queries
from infra.reference import Reference
from infra.rules.rule import Resource
from infra.tables.alerts import (
    ACCESS_CHANGED,
    ACCESS_DENIED,
    ACCESS_OPERATIONS,
    ENDPOINT_ALERTS,
    METRIC_ALERTS,
    RUNBOOK,
    QueryAlert,
)
from infra.tables.names import TABLE
from tests import worlds
from tests.helpers import ROOT
from tests.worlds import PLATFORM, TEAM, world

PAGE = ROOT / "docs" / "monitoring.md"
ALERTS = (*METRIC_ALERTS, *ACCESS_DENIED, *ENDPOINT_ALERTS, ACCESS_CHANGED)


AZURE_MONITOR: dict[str, tuple[str, ...]] = {
    "microsoft.containerregistry/registries": ("logs", "metrics"),
    "microsoft.devcenter/devcenters": ("logs", "metrics"),
    "microsoft.devopsinfrastructure/pools": ("logs", "metrics"),
    "microsoft.insights/components": ("logs", "metrics"),
    "microsoft.keyvault/vaults": ("logs", "metrics"),
    "microsoft.machinelearningservices/registries": ("logs",),
    "microsoft.machinelearningservices/workspaces": ("logs", "metrics"),
    "microsoft.machinelearningservices/workspaces/onlineendpoints": ("logs", "metrics"),
    "microsoft.network/natgateways": (),
    "microsoft.network/networksecuritygroups": ("logs",),
    "microsoft.network/privatednszones": (),
    "microsoft.network/privateendpoints": (),
    "microsoft.network/publicipaddresses": ("logs", "metrics"),
    "microsoft.network/virtualnetworks": ("logs", "metrics"),
    "microsoft.operationalinsights/workspaces": ("logs", "metrics"),
    "microsoft.storage/storageaccounts": ("metrics",),
    "microsoft.storage/storageaccounts/blobservices": ("logs", "metrics"),
    "microsoft.storage/storageaccounts/fileservices": ("logs", "metrics"),
    "microsoft.storage/storageaccounts/queueservices": ("logs", "metrics"),
    "microsoft.storage/storageaccounts/tableservices": ("logs", "metrics"),
}
"""What diagnostic settings can export, of the kinds that we make: those in Azure Monitor's index, metrics only where
their page says DS Export. The page of a kind is called `microsoft-keyvault-vaults-metrics` or `-logs`.

https://github.com/MicrosoftDocs/azure-monitor-docs/blob/main/articles/azure-monitor/reference/supported-metrics/metrics-index.md
https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-keyvault-vaults-metrics
"""


WITHOUT_DIAGNOSTICS = frozenset(
    {
        # It stores its data in Log Analytics: a setting would store the data twice.
        "azure-native:applicationinsights:Component",
        "azure-native:applicationinsights:Workbook",
        "azure-native:authorization:ManagementLockByScope",
        "azure-native:authorization:PimRoleEligibilitySchedule",
        "azure-native:authorization:PolicyAssignment",
        "azure-native:authorization:RoleAssignment",
        "azure-native:authorization:RoleDefinition",
        "azure-native:consumption:Budget",
        "azure-native:devcenter:Project",
        "azure-native:keyvault:Key",
        "azure-native:machinelearningservices:Compute",
        "azure-native:machinelearningservices:Datastore",
        "azure-native:machinelearningservices:ManagedNetworkSettingsRule",
        "azure-native:managedidentity:FederatedIdentityCredential",
        "azure-native:managedidentity:UserAssignedIdentity",
        "azure-native:monitor:ActionGroup",
        "azure-native:monitor:ActivityLogAlert",
        "azure-native:monitor:DiagnosticSetting",
        "azure-native:monitor:MetricAlert",
        "azure-native:monitor:ScheduledQueryRule",
        # Its metrics cannot be exported: https://github.com/MicrosoftDocs/azure-docs/pull/126397
        "azure-native:network:NatGateway",
        "azure-native:network:PrivateDnsZoneGroup",
        # Its metrics cannot be exported. The service behind it logs the requests.
        "azure-native:network:PrivateEndpoint",
        "azure-native:network:RouteTable",
        "azure-native:network:Subnet",
        "azure-native:network:VirtualNetworkPeering",
        # Its metrics cannot be exported.
        "azure-native:privatedns:PrivateZone",
        "azure-native:privatedns:VirtualNetworkLink",
        "azure-native:resources:ResourceGroup",
        "azure-native:storage:BlobContainer",
        "azure-native:storage:BlobServiceProperties",
    }
)
"""The resource types of the programs without diagnostic settings, by Pulumi's name."""


def planned(root: Path, platform: str = PLATFORM, team: str = TEAM) -> dict[str, StackPlan]:
    return worlds.planned(world(root, platform, team))


def of_type(stack: StackPlan, suffix: str) -> list[Resource]:
    return [resource for resource in stack.made if resource.type.endswith(f":{suffix}")]


def action_groups(alert: Resource) -> list[str]:
    """The last parts of the ids of the action groups that an alert or a budget calls."""
    return re.findall(r"actionGroups/([\w-]+)", json.dumps(alert.inputs))


def test_every_resource_with_logs_or_metrics_has_a_diagnostic_setting(stacks: dict[str, StackPlan]) -> None:
    argument = {rule.type: rule.argument for rule in TABLE.values()}
    for stack in stacks.values():
        kept = {setting.inputs["resourceUri"] for setting in of_type(stack, "DiagnosticSetting")}
        for resource in stack.made:
            if resource.type not in WITHOUT_DIAGNOSTICS:
                name = resource.inputs[argument[resource.type]]
                assert any(uri.endswith(f"/{name}") for uri in kept), resource.urn


def test_diagnostic_settings_export_exactly_what_azure_supports(
    stacks: dict[str, StackPlan],
) -> None:
    """Azure refuses a setting for metrics that a kind does not have, and with it the whole deployment."""
    asked: dict[str, set[tuple[str, ...]]] = {}
    for stack in stacks.values():
        for setting in of_type(stack, "DiagnosticSetting"):
            if kind := Reference(setting.inputs["resourceUri"]).azure_type.lower():
                parts = tuple(part for part in ("logs", "metrics") if setting.inputs[part])
                asked.setdefault(kind, set()).add(parts)

    unasked = {"microsoft.insights/components", "microsoft.machinelearningservices/workspaces/onlineendpoints"}
    assert asked == {kind: {parts} for kind, parts in AZURE_MONITOR.items() if parts and kind not in unasked}


def test_exempt_resource_types_have_nothing_to_export() -> None:
    """Application Insights keeps it in the same Log Analytics workspace ; a blob service's is its account's."""
    exempt = {Reference(KINDS[type_].id).azure_type.lower() for type_ in WITHOUT_DIAGNOSTICS}

    assert {kind for kind in exempt if AZURE_MONITOR.get(kind)} == {
        "microsoft.insights/components", "microsoft.storage/storageaccounts/blobservices",
    }  # fmt: skip
    assert exempt >= {kind for kind, parts in AZURE_MONITOR.items() if not parts}


def test_each_storage_service_has_a_diagnostic_setting(stacks: dict[str, StackPlan]) -> None:
    settings = [
        setting
        for setting in of_type(stacks["fraud-dev"], "DiagnosticSetting")
        if "/storageAccounts/" in setting.inputs["resourceUri"]
    ]
    logs = {setting.inputs["resourceUri"].split("/", 9)[-1]: setting.inputs["logs"] for setting in settings}
    everything = [{"categoryGroup": "allLogs", "enabled": True}]

    assert len(logs) == 5
    assert [path for path, kept in logs.items() if kept == everything] == [
        "blobServices/default", "fileServices/default", "queueServices/default", "tableServices/default",
    ]  # fmt: skip
    assert all(setting.inputs["metrics"] == [{"category": "AllMetrics", "enabled": True}] for setting in settings)


def test_vault_logs_go_to_dedicated_tables(stacks: dict[str, StackPlan]) -> None:
    (vault,) = [
        setting
        for setting in of_type(stacks["fraud-dev"], "DiagnosticSetting")
        if "/vaults/" in setting.inputs["resourceUri"]
    ]
    assert vault.inputs["logAnalyticsDestinationType"] == "Dedicated"


def test_hub_exports_the_activity_log_of_every_subscription(stacks: dict[str, StackPlan]) -> None:
    bound = {
        resource.inputs["subscriptionId"]
        for stack in stacks.values()
        for resource in stack.resources
        if resource.type == "pulumi:providers:azure-native"
    }
    kept = {setting.inputs["resourceUri"]: setting for setting in of_type(stacks["hub"], "DiagnosticSetting")}

    for subscription in bound:
        logs = kept[f"/subscriptions/{subscription}"].inputs["logs"]
        assert {"category": "Administrative", "enabled": True} in logs


def test_log_retention_is_configured(tmp_path: Path) -> None:
    stacks = planned(tmp_path, PLATFORM + "  log_retention_days: 365\n")

    assert of_type(stacks["hub"], "Workspace")[0].inputs["retentionInDays"] == 365


def test_existing_log_analytics_workspace_is_used(tmp_path: Path) -> None:
    """Nothing is written on them: their retention, their diagnostics and who may use them are the organization's."""
    existing = f"/subscriptions/{'0' * 8}-0000-0000-0000-0000000000cc/resourceGroups/rg-logs/providers"
    existing += "/Microsoft.OperationalInsights/workspaces/log-all"
    stacks = planned(tmp_path, PLATFORM + f"  log_analytics_id: {existing}\n")

    assert not [made for made in stacks["hub"].made if made.type == "azure-native:operationalinsights:Workspace"]
    for stack in stacks.values():
        settings = of_type(stack, "DiagnosticSetting")
        assert {setting.inputs["workspaceId"] for setting in settings} == {existing}
        assert existing not in {setting.inputs["resourceUri"] for setting in settings}
        assert existing not in {assignment.inputs["scope"] for assignment in of_type(stack, "RoleAssignment")}
    assert of_type(stacks["hub"], "Workbook")[0].inputs["sourceId"] == existing


def test_every_environment_has_all_alerts_of_the_tables(stacks: dict[str, StackPlan]) -> None:
    for name, stack in stacks.items():
        if name != "hub":
            metrics = [(a.inputs["severity"], a.inputs["description"]) for a in of_type(stack, "MetricAlert")]
            rules = [(a.inputs["severity"], a.inputs["description"]) for a in of_type(stack, "ScheduledQueryRule")]
            (activity,) = of_type(stack, "ActivityLogAlert")

            assert metrics == [(alert.severity, alert.text) for alert in METRIC_ALERTS]
            assert rules == [(alert.severity, alert.text) for alert in (*ACCESS_DENIED, *ENDPOINT_ALERTS)]
            assert activity.inputs["description"] == ACCESS_CHANGED.text


def test_quota_alert_splits_by_family_and_priority(stacks: dict[str, StackPlan]) -> None:
    """Each has a quota of its own, and an average over all of them hides the one that is used up.

    https://learn.microsoft.com/azure/machine-learning/monitor-azure-machine-learning-reference
    """
    alerts = {one.name: one for one in stacks["fraud-dev"].made if one.type.endswith(":MetricAlert")}
    [criterion] = alerts["alerts-quota"].inputs["criteria"]["allOf"]

    assert criterion["dimensions"] == [
        {"name": "VmFamilyName", "operator": "Include", "values": ["*"]},
        {"name": "VmPriority", "operator": "Include", "values": ["*"]},
    ]


@pytest.mark.parametrize("alert", ENDPOINT_ALERTS, ids=lambda alert: alert.name)
def test_endpoint_alerts_exist_before_endpoints_and_split_by_endpoint(
    stacks: dict[str, StackPlan], alert: QueryAlert
) -> None:
    (rule,) = [
        rule
        for rule in of_type(stacks["fraud-prod"], "ScheduledQueryRule")
        if rule.inputs["ruleName"].endswith(alert.name)
    ]
    (condition,) = rule.inputs["criteria"]["allOf"]

    assert condition["query"] == queries.text(alert.query)
    assert condition["dimensions"] == [{"name": "EndpointName", "operator": "Include", "values": ["*"]}]
    assert (condition["metricMeasureColumn"], condition["threshold"]) == (alert.measure, alert.threshold)
    assert rule.inputs["skipQueryValidation"] is True, "without endpoints there is no table to validate against"
    (scope,) = rule.inputs["scopes"]
    assert scope.endswith("/resourceGroups/rg-contoso-fraud-prod"), "no endpoint is named"


def test_access_denied_alerts_count_by_resource(stacks: dict[str, StackPlan]) -> None:
    rules = [rule.inputs for rule in of_type(stacks["fraud-dev"], "ScheduledQueryRule")]
    counted = [rule["criteria"]["allOf"][0] for rule in rules if "access-denied" in rule["ruleName"]]

    assert [(condition["timeAggregation"], condition["dimensions"][0]["name"]) for condition in counted] == [
        ("Count", "_ResourceId"), ("Count", "_ResourceId"),
    ]  # fmt: skip


def test_access_changes_raise_an_activity_alert(stacks: dict[str, StackPlan]) -> None:
    for stack in stacks.values():
        (alert,) = of_type(stack, "ActivityLogAlert")
        category, status, operations = alert.inputs["condition"]["allOf"]

        assert (category["equals"], status["equals"]) == ("Administrative", "Succeeded")
        assert [leaf["equals"] for leaf in operations["anyOf"]] == list(ACCESS_OPERATIONS)
        assert alert.inputs["scopes"][0].endswith(f"/resourceGroups/{alert.inputs['resourceGroupName']}")


def test_team_without_addresses_uses_the_hub_action_group(tmp_path: Path) -> None:
    stack = planned(tmp_path)["fraud-dev"]

    assert of_type(stack, "ActionGroup") == []
    for kind in ("MetricAlert", "ScheduledQueryRule", "ActivityLogAlert"):
        assert {tuple(action_groups(alert)) for alert in of_type(stack, kind)} == {("ag-contoso-hub",)}


def test_team_is_notified_of_its_alerts_and_budget(tmp_path: Path) -> None:
    team = TEAM + "alert_emails: [fraud@contoso.example]\nbudget: 5\nbudget_start: 2026-11-01\n"
    stack = planned(tmp_path, team=team)["fraud-dev"]

    (group,) = of_type(stack, "ActionGroup")
    assert [receiver["emailAddress"] for receiver in group.inputs["emailReceivers"]] == ["fraud@contoso.example"]
    assert group.inputs["groupShortName"] == "ml-fraud"
    for kind in ("MetricAlert", "ScheduledQueryRule"):
        assert {tuple(action_groups(alert)) for alert in of_type(stack, kind)} == {("ag-contoso-fraud-dev",)}
    (activity,) = of_type(stack, "ActivityLogAlert")
    assert action_groups(activity) == ["ag-contoso-fraud-dev", "ag-contoso-hub"]
    for notification in of_type(stack, "Budget")[0].inputs["notifications"].values():
        assert notification["contactEmails"] == ["fraud@contoso.example"]
        assert notification["contactGroups"][0].endswith("ag-contoso-fraud-dev")


def test_environment_addresses_replace_those_of_the_team(tmp_path: Path) -> None:
    team = "name: fraud\nalert_emails: [a@x.example]\nenvironments: {dev: {alert_emails: [b@x.example]}}\n"
    (group,) = of_type(planned(tmp_path, team=team)["fraud-dev"], "ActionGroup")

    assert [receiver["emailAddress"] for receiver in group.inputs["emailReceivers"]] == ["b@x.example"]


def test_short_names_of_action_groups_are_cut(tmp_path: Path) -> None:
    team = "name: a-very-long-name-of-team\nalert_emails: [a@x.example]\nenvironments: {dev: {}}\n"
    name = "a-very-long-name-of-team-dev"
    stack = worlds.planned(world(tmp_path, more={"teams/a-very-long-name-of-team.yaml": team}), [name])[name]

    assert of_type(stack, "ActionGroup")[0].inputs["groupShortName"] == "ml-a-very-lo"


def test_one_workbook_has_a_filter_by_team(stacks: dict[str, StackPlan]) -> None:
    books = {name: of_type(stack, "Workbook") for name, stack in stacks.items()}
    (book,) = books["hub"]
    shown = json.loads(book.inputs["serializedData"])
    team, time = shown["items"][0]["content"]["parameters"]
    asked = [item["content"]["query"] for item in shown["items"] if item["type"] == 3]

    assert [name for name, made in books.items() if made] == ["hub"]
    assert str(uuid.UUID(book.inputs["resourceName"])) == book.inputs["resourceName"]
    assert (team["name"], team["query"]) == ("Team", queries.text("workbook-teams"))
    assert sum('let groups = "{Team}";' in query for query in asked) == len(asked) - 1
    assert {item["content"]["timeContextFromParameter"] for item in shown["items"] if item["type"] == 3} == {
        time["name"]
    }


def test_docs_list_the_alerts() -> None:
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \| (\d) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)

    assert [(name, anchor, severity) for name, anchor, severity, _, _ in rows] == [
        (alert.name, alert.name, str(alert.severity)) for alert in ALERTS
    ]
    thresholds = {name: threshold for name, _, _, _, threshold in rows}
    for alert in (*METRIC_ALERTS, *ACCESS_DENIED, *ENDPOINT_ALERTS):
        assert re.search(rf"\b{alert.threshold:g}\b", thresholds[alert.name]), alert.name


def test_every_alert_links_to_an_existing_runbook() -> None:
    headings = re.findall(r"^### `?([\w-]+)`?$", PAGE.read_text(), re.MULTILINE)

    for alert in ALERTS:
        assert alert.text.endswith(f"{RUNBOOK}#{alert.name}")
        assert alert.name in headings


def test_docs_list_the_queries_for_people() -> None:
    listed = dict(re.findall(r"^\| \[`(who-[\w-]+)`\]\([\w./-]+\) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE))

    assert listed == {name: queries.question(name) for name in queries.names() if name.startswith("who-")}
