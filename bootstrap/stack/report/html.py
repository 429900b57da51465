"""A plan as one HTML file that needs nothing else: findings first, then each stack with its graph and its resources.

Search and filters work on the file itself, opened from a disk. The stacks wait in a file until all are there, since
the head of the page tells how many there are of everything.
"""

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, Any

from bootstrap.page import template
from bootstrap.stack.diff.commits import Commit
from bootstrap.stack.diff.difference import StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.components import as_drawing
from bootstrap.stack.report.differences import WORDS, differs, in_words, new_warnings, values
from bootstrap.stack.report.interface import PlanOptions
from bootstrap.stack.report.words import (
    Tally,
    bills,
    counted,
    findings_in_words,
    grave,
    kind,
    label,
    marks,
    most_first,
    notes_by_rule,
    suppressed,
)
from infra.rules.rule import SEVERITIES, Resource

_WITH_INPUTS = 50
"""Stacks whose resources are shown with their inputs; of a thousand stacks a browser would not show them in time."""


_TALLIES: tuple[Tally, ...] = (*SEVERITIES, "suppressed")
"""In the order in which findings are shown, whichever stack they are of."""


def render_plan(stacks: Iterable[StackPlan], _: PlanOptions) -> Iterator[str]:
    """The page."""
    from markupsafe import Markup

    part = template("bootstrap.stack.report", "plan.html.j2").module
    organization = ""
    kinds: Counter[str] = Counter()
    severities: Counter[Tally] = Counter()
    count = 0
    with contextlib.ExitStack() as files:
        findings = {severity: files.enter_context(_waiting()) for severity in _TALLIES}
        sections = files.enter_context(_waiting())
        for stack in stacks:
            organization = stack.settings.organization
            count += 1
            kinds.update(kind(resource.type) for resource in stack.made)
            severities.update("suppressed" if one.suppressed else one.severity for one in stack.findings)
            for severity, file in findings.items():
                found = [one for one in _findings(stack) if one["severity"] == severity]
                file.write(part.findings(stack.name, found))
            sections.write(part.stack(_stack(stack, with_inputs=count <= _WITH_INPUTS), drawing=Markup))
        total = counted(count, "stack"), counted(sum(kinds.values()), "resource")
        yield str(
            part.head(organization, total, [(one, severities[one]) for one in SEVERITIES], most_first(kinds))
        ).lstrip()
        yield part.before_findings(any(severities.values()))
        for file in findings.values():
            yield from _read(file)
        yield part.before_stacks(any(severities.values()))
        yield from _read(sections)
        yield part.tail(_WITH_INPUTS if count > _WITH_INPUTS else None)


def _stack(stack: StackPlan, *, with_inputs: bool) -> dict[str, Any]:
    broken: dict[str, set[str]] = {}
    for finding in stack.findings:
        broken.setdefault(finding.resource or "", set()).add(finding.rule)
    return {
        "name": stack.name,
        "program": stack.settings.program,
        "origin": stack.settings.origin,
        "count": len(stack.made),
        "findings": findings_in_words(stack.findings),
        "gravest": next((one.severity for one in stack.findings if one.suppressed is None), ""),
        "bills": bills(stack),
        "total": stack.prices.text if stack.prices is not None else "",
        "graph": as_drawing(stack.document()["resources"]),
        "resources": [_resource(stack, one, broken, with_inputs=with_inputs) for one in stack.made],
    }


def _resource(
    stack: StackPlan, resource: Resource, broken: dict[str, set[str]], *, with_inputs: bool
) -> dict[str, Any]:
    return {
        "kind": kind(resource.type),
        "label": label(resource),
        "name": resource.name,
        "marks": marks(resource),
        "rules": sorted(broken.get(resource.urn, ())),
        "manifest": stack.manifest(resource),
        "inputs": json.dumps(resource.inputs, indent=2, ensure_ascii=False) if with_inputs else None,
    }


def _findings(stack: StackPlan) -> list[dict[str, str]]:
    """The findings of a stack, the notes of one rule in one."""
    found = [
        {"severity": one.severity, "rule": one.rule, "link": one.link, "what": f"{one.message} {one.reason}"}
        | {"fix": one.fix}
        for one in grave(stack)
    ]
    rules = {one.rule: one for one in stack.findings}
    for line in notes_by_rule(stack):
        rule, what = line.split(": ", 1)
        found.append({"severity": "note", "rule": rule, "link": rules[rule].link, "what": what, "fix": rules[rule].fix})
    for line in suppressed(stack):
        rule, what = line.split(": ", 1)
        found.append({"severity": "suppressed", "rule": rule, "link": rules[rule].link, "what": what, "fix": ""})
    return found


def _waiting() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="")


def _read(file: IO[str]) -> Iterator[str]:
    file.seek(0)
    while text := file.read(1 << 16):
        yield text


def render_diff(commit: Commit, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """A page that needs nothing else."""
    told = []
    unchanged = 0
    for stack in stacks:
        unchanged += stack.status == "unchanged"
        if differs(stack):
            told.append(stack)
    page: str = template("bootstrap.stack.report", "diff.html.j2").render(
        commit=commit,
        stacks=told,
        unchanged=unchanged,
        in_words=in_words,
        kind=kind,
        values=values,
        words=WORDS,
        warnings=new_warnings,
    )
    yield page + "\n"
