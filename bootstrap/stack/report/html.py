"""A plan or a comparison as one HTML file that loads nothing.

The page of a plan shows the findings by rule, then each stack with its components and resources. Stacks are kept in a
temporary file until the last one is planned, since the page begins with the totals.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from bootstrap.page import template
from bootstrap.page.graph import levels
from bootstrap.pricing.price import grouped
from bootstrap.stack.diff.difference import Baseline, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.words import (
    WORDS,
    Tally,
    components,
    count_changes,
    counted,
    differs,
    findings_in_words,
    in_words,
    kind,
    label,
    marks,
    most_first,
    new_warnings,
    tally,
    values,
)
from infra.rules.rule import SEVERITIES, Finding

LISTS_ERRORS = False

_WITH_INPUTS = 50
"""The number of stacks whose resources are shown with inputs. Browsers are slow with those of a thousand stacks."""

_TALLIES: tuple[Tally, ...] = (*SEVERITIES, "suppressed")
"""The order of findings on the page."""


def render_plan(stacks: Iterable[StackPlan], _as_of: str | None, _show: str) -> Iterator[str]:
    """Render the page of a plan."""
    part: Any = template("bootstrap.stack.report", "plan.html.j2").module
    organization = ""
    kinds: Counter[str] = Counter()
    count = 0
    found: dict[tuple[Tally, str], list[tuple[str, Finding]]] = {}
    with tempfile.SpooledTemporaryFile(1 << 16, "w+", encoding="utf-8", newline="") as sections:
        for stack in stacks:
            organization = stack.settings.organization
            count += 1
            kinds.update(kind(resource.type) for resource in stack.made)
            for one in stack.findings:
                found.setdefault((tally(one), one.rule), []).append((stack.name, one))
            sections.write(part.stack(_stack(stack, with_inputs=count <= _WITH_INPUTS)))
        total = counted(count, "stack"), counted(sum(kinds.values()), "resource")
        severities = Counter(counts_as for (counts_as, _), entries in found.items() for _ in entries)
        yield str(
            part.head(organization, total, [(one, severities[one]) for one in SEVERITIES], most_first(kinds))
        ).lstrip()
        for key in sorted(found, key=lambda key: (_TALLIES.index(key[0]), key[1])):
            in_stacks = counted(len({name for name, _ in found[key]}), "stack")
            yield part.of_rule(key[0], found[key], in_stacks)
        yield part.before_stacks(bool(found))
        sections.seek(0)
        yield from sections
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
        "bills": grouped(stack.idle),
        "total": stack.prices.text if stack.prices is not None else "",
        "graph": levels(components(stack.document()["resources"])),
        "resources": [
            {
                "kind": kind(one.type),
                "label": label(one),
                "name": one.name,
                "marks": marks(one),
                "rules": sorted(broken.get(one.urn, ())),
                "manifest": stack.manifest(one),
                "inputs": json.dumps(one.inputs, indent=2, ensure_ascii=False) if with_inputs else None,
            }
            for one in stack.made
        ],
    }


def render_diff(baseline: Baseline, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """Render the page of a comparison."""
    every = list(stacks)
    page: str = template("bootstrap.stack.report", "diff.html.j2").render(
        baseline=baseline,
        stacks=[stack for stack in every if differs(stack)],
        total=in_words(sum(map(count_changes, every), Counter())),
        unchanged=counted(sum(stack.status == "unchanged" for stack in every), "stack"),
        in_words=lambda stack: in_words(count_changes(stack)),
        kind=kind,
        values=values,
        words=WORDS,
        warnings=new_warnings,
    )
    yield page + "\n"
