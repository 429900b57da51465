"""The workbook: one page for all teams, with a choice of the team."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import applicationinsights

from infra import queries
from infra.components.place import Place
from infra.reference import Reference

_SCHEMA = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"
_LOG_QUERY, _GRAPH_QUERY = 0, 1
_TEXT, _QUERY, _PARAMETERS = 1, 3, 9
_DROP_DOWN, _TIME_RANGE = 2, 4
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Section:
    """A heading, and the query whose rows stand under it.

    Attributes:
        narrowed: Whether it shows what belongs to the chosen teams; what all share belongs to none.
    """

    heading: str
    query: str
    narrowed: bool = True


SECTIONS = (
    Section("Jobs", "who-ran-jobs"),
    Section("Endpoints", "who-called-endpoints"),
    Section("Models", "who-changed-models"),
    Section("Models of all teams", "who-shared-models", narrowed=False),
    Section("Changes of access", "who-changed-access"),
    Section("Refused requests", "who-was-denied"),
    Section("Changes in Azure", "who-changed-resources"),
    Section("Secrets", "who-read-secrets"),
    Section("Data", "who-read-data"),
)
"""What the page shows, from top to bottom."""


@dataclass(frozen=True)
class WorkbookArgs:
    """Where the workbook lies, and the Log Analytics workspace that it asks."""

    place: Place
    logs: Reference


class Workbook(pulumi.ComponentResource):
    """The page, for who may read the logs."""

    def __init__(self, name: str, args: WorkbookArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:workbook:Workbook", name, None, opts)
        place = args.place
        applicationinsights.Workbook(
            name,
            resource_group_name=place.group.name_when_made,
            # Azure wants a UUID: one that follows from the group is the same on every machine.
            resource_name_=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place.group.id}|{name}".lower())),
            location=place.location,
            kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
            category="workbook",
            display_name=f"Machine learning at {place.names.organization}",
            source_id=args.logs.id_when_made,
            version="Notebook/1.0",
            serialized_data=args.logs.id_when_made.apply(lambda logs: json.dumps(page(logs))),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def page(logs: str) -> dict[str, Any]:
    """The page as Azure Monitor reads it.

    Args:
        logs: The resource id of the Log Analytics workspace.
    """
    return {
        "version": "Notebook/1.0",
        "items": [_parameters(), *(item for section in SECTIONS for item in _section(section, logs))],
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
        # The label is the team's name; the value, the resource groups of the team's workspaces.
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


def _section(section: Section, logs: str) -> list[dict[str, Any]]:
    name = section.query
    return [
        {
            "type": _TEXT,
            "name": f"{name}-heading",
            "content": {"json": f"## {section.heading}\n{queries.question(name)}"},
        },
        {
            "type": _QUERY,
            "name": name,
            "content": {
                "version": "KqlItem/1.0",
                "query": queries.of_groups(name, "{Team}") if section.narrowed else queries.text(name),
                "queryType": _LOG_QUERY,
                "resourceType": "microsoft.operationalinsights/workspaces",
                "crossComponentResources": [logs],
                "timeContextFromParameter": "Time",
                "visualization": "table",
                "noDataMessage": "Nothing.",
            },
        },
    ]
