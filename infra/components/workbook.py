"""The Azure Monitor workbook: one page for all teams, with a filter by team."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_azure_native import applicationinsights

from infra import queries
from infra.components.context import Component, StackContext
from infra.reference import Reference

_SCHEMA = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"
_LOG_QUERY, _GRAPH_QUERY = 0, 1
_TEXT, _QUERY, _PARAMETERS = 1, 3, 9
_DROP_DOWN, _TIME_RANGE = 2, 4
_DAY_MS = 24 * 60 * 60 * 1000


SECTIONS = {
    "who-ran-jobs": "Jobs",
    "who-called-endpoints": "Endpoints",
    "who-changed-models": "Models",
    "who-shared-models": "Models of all teams",
    "who-changed-access": "Changes of access",
    "who-was-denied": "Refused requests",
    "who-changed-resources": "Changes in Azure",
    "who-read-secrets": "Secrets",
    "who-read-data": "Data",
}
"""The queries of the page, from top to bottom, and their headings."""


def create_workbook(name: str, *, context: StackContext, logs: Reference, opts: pulumi.ResourceOptions) -> None:
    """Create the workbook, for everybody who may read the logs.

    Args:
        logs: The Log Analytics workspace that it queries.
    """
    with Component("workbook:Workbook", name, opts) as parent:
        applicationinsights.Workbook(
            name,
            resource_group_name=context.group.name_output,
            # Azure requires a UUID. One that follows from the resource group is the same on every machine.
            resource_name_=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{context.group.id}|{name}".lower())),
            location=context.location,
            kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
            category="workbook",
            display_name=f"Machine learning at {context.names.organization}",
            source_id=logs.id_output,
            version="Notebook/1.0",
            serialized_data=logs.id_output.apply(lambda logs_id: json.dumps(page(logs_id))),
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )


def page(logs: str) -> dict[str, Any]:
    """The content of the workbook, in Azure Monitor's format.

    Args:
        logs: The resource id of the Log Analytics workspace.
    """
    return {
        "version": "Notebook/1.0",
        "items": [
            _parameters(),
            *(item for name, heading in SECTIONS.items() for item in _section(name, heading, logs)),
        ],
        "fallbackResourceIds": [logs],
        "$schema": _SCHEMA,
    }


def _parameters() -> dict[str, Any]:
    days: Sequence[int] = (1, 7, 30, 90)
    team = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, "workbook/Team")),
        "version": "KqlParameterItem/1.0",
        "name": "Team",
        "type": _DROP_DOWN,
        "isRequired": True,
        "multiSelect": True,
        "quote": "",
        "delimiter": ",",
        # The label is the team's name. The value is the resource groups of the team's workspaces.
        "query": queries.text("workbook-teams"),
        "queryType": _GRAPH_QUERY,
        "resourceType": "microsoft.resourcegraph/resources",
        "crossComponentResources": ["value::all"],
        "typeSettings": {"additionalResourceOptions": ["value::all"], "selectAllValue": "*"},
        "value": ["value::all"],
    }
    time = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, "workbook/Time")),
        "version": "KqlParameterItem/1.0",
        "name": "Time",
        "type": _TIME_RANGE,
        "isRequired": True,
        "value": {"durationMs": 7 * _DAY_MS},
        "typeSettings": {"selectableValues": [{"durationMs": day * _DAY_MS} for day in days], "allowCustom": True},
    }
    return {
        "type": _PARAMETERS,
        "name": "parameters",
        "content": {"version": "KqlParameterItem/1.0", "parameters": [team, time], "style": "pills"},
    }


def _section(name: str, heading: str, logs: str) -> list[dict[str, Any]]:
    return [
        {
            "type": _TEXT,
            "name": f"{name}-heading",
            "content": {"json": f"## {heading}\n{queries.question(name)}"},
        },
        {
            "type": _QUERY,
            "name": name,
            "content": {
                "version": "KqlItem/1.0",
                "query": queries.for_groups(name, "{Team}"),
                "queryType": _LOG_QUERY,
                "resourceType": "microsoft.operationalinsights/workspaces",
                "crossComponentResources": [logs],
                "timeContextFromParameter": "Time",
                "visualization": "table",
                "noDataMessage": "Nothing.",
            },
        },
    ]
