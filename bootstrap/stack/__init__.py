"""Stacks: plan and its reports. Only planning itself needs the extra `infra`."""

from bootstrap.stack.access import access_as_markdown, access_as_table, access_of
from bootstrap.stack.cache import Cache
from bootstrap.stack.observed import NOTHING, Observed, read_observed
from bootstrap.stack.planned import Finding, Plan, Registration, StackPlan
from bootstrap.stack.planner import plan, plans
from bootstrap.stack.report import as_html, as_json, as_markdown, as_mermaid, as_table, as_tree

__all__ = [
    "NOTHING",
    "Cache",
    "Finding",
    "Observed",
    "Plan",
    "Registration",
    "StackPlan",
    "access_as_markdown",
    "access_as_table",
    "access_of",
    "as_html",
    "as_json",
    "as_markdown",
    "as_mermaid",
    "as_table",
    "as_tree",
    "plan",
    "plans",
    "read_observed",
]
