"""Stacks: plan and its reports. Importing this needs the extra `infra`."""

from bootstrap.stack.checks import Finding
from bootstrap.stack.planner import Plan, StackPlan, plan
from bootstrap.stack.report import as_markdown, as_mermaid, as_table, as_tree

__all__ = ["Finding", "Plan", "StackPlan", "as_markdown", "as_mermaid", "as_table", "as_tree", "plan"]
