"""The rules as a page, docs/rules.md."""

from collections.abc import Iterator

from infra.rules.rule import Rule
from infra.rules.rules import RULES

_HEAD = """\
# The rules of a plan

*This page is reference. To begin, read [Getting started](getting-started.md).*

This page is generated from the tables in `infra/rules`; a test compares them. `mlops-bootstrap plan` checks every
planned stack by these rules, and the engine checks deployments by the same ones (see docs/plan.md).

An **error** means: do not deploy. A **warning**: something will not work, or is missing. A **note** is information.
Rules that compare stacks use all related stacks of the platform, also when only some are planned.
"""


def as_page() -> str:
    """The page as Markdown."""
    rows = [f"| [`{rule.id}`](#{rule.id}) | {rule.severity} | {rule.title} |" for rule in RULES.values()]
    table = ["| Rule | Severity | Requirement |", "| --- | --- | --- |", *rows]
    parts = [line for rule in RULES.values() for line in _part(rule)]
    return "\n".join([_HEAD, *table, "", *parts])


def _part(rule: Rule) -> Iterator[str]:
    yield from (f"## {rule.id}", f"{rule.title}. ({rule.severity})", "")
    yield from (f"- Why: {rule.reason}", f"- Fix: {rule.fix}", f"- Source: <{rule.link}>", "")
