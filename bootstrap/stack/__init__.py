"""Stacks: plan and its reports. Only planning itself needs the extra `infra`."""

from bootstrap.stack.access import access_as_markdown, access_as_table, access_of
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.checks import collect_refusals, refuse
from bootstrap.stack.plan.model import Plan, StackPlan
from bootstrap.stack.plan.observed import NOTHING, Observed, read_observed
from bootstrap.stack.plan.planner import make_plan, plan_stacks, with_prices
from bootstrap.stack.report import as_html, as_json, as_markdown, as_mermaid, as_table, as_tree
from infra.rules.rule import Finding, Resource

__all__ = [
    "NOTHING",
    "Cache",
    "Finding",
    "Observed",
    "Plan",
    "Resource",
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
    "collect_refusals",
    "make_plan",
    "plan_stacks",
    "read_observed",
    "refuse",
    "with_prices",
]
