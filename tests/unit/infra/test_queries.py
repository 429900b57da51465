"""Every query, parsed by Microsoft's parser of the Kusto query language, against the columns of the tables."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import queries
from infra.components.workbook import SECTIONS, page
from infra.tables.alerts import ACCESS_DENIED, ENDPOINT_ALERTS
from tests import node

KQL = Path(__file__).parents[2] / "kql"
LOGS = "/subscriptions/a/resourceGroups/b/providers/Microsoft.OperationalInsights/workspaces/c"
GROUP = "/subscriptions/a/resourcegroups/rg-contoso-fraud-dev"


@pytest.fixture(scope="module")
def parser() -> Path:
    """The script that parses, with what it needs installed as the lock file says."""
    node.install(KQL)
    return KQL / "check.cjs"


def mistakes(parser: Path, texts: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """What the parser finds wrong in each text; nothing where it is right."""
    tables = json.loads((KQL / "tables.json").read_text())["tables"]
    found: dict[str, list[dict[str, Any]]] = node.answer(parser, {"tables": tables, "queries": dict(texts)})
    assert set(found) == set(texts)
    return {name: wrong for name, wrong in found.items() if wrong}


def test_every_query_is_valid(parser: Path) -> None:
    assert mistakes(parser, {name: queries.text(name) for name in queries.names()}) == {}


def test_workbook_queries_are_valid_with_a_team_filter(parser: Path) -> None:
    shown = {
        item["name"]: item["content"]["query"].replace("{Team}", f"{GROUP},{GROUP}-2")
        for item in page(LOGS)["items"]
        if item["type"] == 3
    }
    assert set(shown) == set(SECTIONS)
    assert mistakes(parser, shown) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AZKVAuditLogs | were HttpStatusCode == 403", "Query operator expected."),
        ("AZKVAuditLogs | where HttpStatus == 403", "The name 'HttpStatus' does not refer to any known column"),
        ("AZKVAuditLog", "The name 'AZKVAuditLog' does not refer to any known column, table"),
        ("AZKVAuditLogs | where HttpStatusCode has 'x'", "The operator 'has' is not defined for the operand types int"),
    ],
)
def test_invalid_query_is_reported(parser: Path, text: str, message: str) -> None:
    found = mistakes(parser, {"wrong": text})["wrong"]

    assert any(message in mistake["message"] for mistake in found), found


def test_alert_queries_return_the_columns_of_their_alerts(parser: Path) -> None:
    """By projecting them: the parser knows every column that a query gives."""
    alerts = (*ACCESS_DENIED, *ENDPOINT_ALERTS)
    columns = {alert.name: [alert.dimension, *([alert.measure] if alert.measure else [])] for alert in alerts}
    texts = {
        alert.name: f"{queries.text(alert.query)}\n| project TimeGenerated, {', '.join(columns[alert.name])}"
        for alert in alerts
    }
    assert mistakes(parser, texts) == {}


def test_access_changes_are_read_from_start_and_success_events() -> None:
    """The request stands in the event of the start only, the deleted assignment in that of the success.

    https://learn.microsoft.com/azure/role-based-access-control/role-assignments-alert
    """
    statements = queries.text("who-changed-access").split(";\n")
    [asked] = [statement for statement in statements if "requestbody" in statement]
    [done] = [statement for statement in statements if "responseBody" in statement]

    assert '"Start"' in asked
    assert '"Success"' not in asked
    assert '"Success"' in done
    assert "join kind=leftouter asked on CorrelationId" in done


@pytest.mark.parametrize("name", [name for name in queries.names() if "Storage" in queries.text(name)])
def test_storage_requests_are_grouped_without_the_port(name: str) -> None:
    """https://learn.microsoft.com/azure/azure-monitor/reference/tables/storagebloblogs says address and port."""
    text = queries.text(name)
    counted = re.findall(r"\n    by (.*)", text)

    assert not any("CallerIpAddress" in by for by in counted) or 'replace_regex(CallerIpAddress, @":' in text


@pytest.mark.parametrize("name", queries.names())
def test_a_query_begins_with_its_question_and_its_logs(name: str) -> None:
    lines = queries.text(name).splitlines()

    assert queries.question(name).endswith("?")
    assert lines[1].startswith("// Source: ")


def test_a_query_is_limited_to_resource_groups() -> None:
    narrowed = queries.for_groups("who-ran-jobs", GROUP)

    assert f'let groups = "{GROUP}";' in narrowed
    assert narrowed.count("\n") == queries.text("who-ran-jobs").count("\n")


def test_only_the_query_on_shared_models_is_not_limited_to_resource_groups() -> None:
    unlimited = [name for name in SECTIONS if queries.for_groups(name, GROUP) == queries.text(name)]

    assert unlimited == ["who-shared-models"]


def test_the_workbook_shows_every_question_of_who_did_what() -> None:
    assert set(SECTIONS) == {name for name in queries.names() if name.startswith("who-")}
