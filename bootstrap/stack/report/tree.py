"""A plan as a tree: each stack with its components, what they make, and where in the manifests that was asked for."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from bootstrap.stack.diff.commits import Commit
from bootstrap.stack.diff.difference import StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.differences import diff_lines, differs, in_words, new_warnings
from bootstrap.stack.report.interface import PlanOptions
from bootstrap.stack.report.words import (
    Tally,
    bills,
    by_kind,
    counted,
    findings_in_words,
    grave,
    kind,
    label,
    marks,
    notes_by_rule,
    severities_in_words,
    suppressed,
)
from infra.rules.rule import SEVERITIES, Resource, Severity


def render_plan(stacks: Iterable[StackPlan], _: PlanOptions) -> Iterator[str]:
    """The tree, a part for each stack; after several, what is in all of them."""
    count = resources = 0
    severities: Counter[Tally] = Counter()
    rules: Counter[tuple[Severity, str]] = Counter()
    for stack in stacks:
        yield ("\n" if count else "") + "\n".join(_stack(stack)) + "\n"
        count += 1
        resources += len(stack.made)
        severities.update("suppressed" if one.suppressed else one.severity for one in stack.findings)
        rules.update((one.severity, one.rule) for one in stack.findings if one.suppressed is None)
    if count > 1:
        total = f"{counted(count, 'stack')}, {counted(resources, 'resource')}, {severities_in_words(severities)}"
        gravest_first = sorted(rules.items(), key=lambda item: (SEVERITIES.index(item[0][0]), item[0][1]))
        lines = [f"  {number:3}  {severity}  {rule}" for (severity, rule), number in gravest_first]
        yield "\n" + "\n".join([f"in all: {total}", *lines]) + "\n"


def _stack(stack: StackPlan) -> Iterator[str]:
    yield f"{stack.name}: {counted(len(stack.made), 'resource')}, {findings_in_words(stack.findings)}"
    children: dict[str | None, list[Resource]] = {}
    for resource in stack.resources:
        children.setdefault(resource.parent, []).append(resource)
    shown = [resource for resource in children.get(None, []) if not resource.type.startswith("pulumi:")]
    for component in shown:
        last = component is shown[-1]
        made = children.get(component.urn, [])
        yield f"{'└─' if last else '├─'} {component.name}  ({stack.manifest(component)})"
        for resource in made:
            stem = "   " if last else "│  "
            branch = "└─" if resource is made[-1] else "├─"
            marked = f"  [{said}]" if (said := marks(resource)) else ""
            yield f"{stem}{branch} {kind(resource.type)}  {label(resource)}{marked}"
    yield "by type:"
    yield from (f"  {count:3}  {name}" for name, count in by_kind(stack.made))
    if stack.idle:
        yield "bills while idle:"
    yield from (f"  {bill.count:3}  {bill.what}{bill.price}" for bill in bills(stack))
    if stack.prices is not None:
        yield f"       in all {stack.prices.text}"
    yield from _findings(stack)


def _findings(stack: StackPlan) -> Iterator[str]:
    if stack.findings:
        yield "findings:"
    for _, of_rule in itertools.groupby(grave(stack), lambda finding: finding.rule):
        found = list(of_rule)
        for finding in found:
            yield f"  {finding.severity}  {finding.rule}: {finding.message}"
            yield f"    in:  {finding.manifest}"
        yield f"    why: {found[-1].reason}"
        yield f"    fix: {found[-1].fix}"
    yield from (f"  note  {line}" for line in notes_by_rule(stack))
    yield from (f"  suppressed  {line}" for line in suppressed(stack))


def render_diff(commit: Commit, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """Each stack that differs, its resources (+ added, → imported, - removed, ~ changed, ± replaced) and properties."""
    yield f"compared with {commit}\n"
    unchanged = 0
    for stack in stacks:
        unchanged += stack.status == "unchanged"
        if differs(stack):
            yield f"\n{stack.name}: {stack.status}, {in_words(stack)}\n"
            yield from (f"  error  {refusal}\n" for refusal in stack.refusals)
            yield from (f"  warning  {finding}\n" for finding in new_warnings(stack))
            yield from (f"{line}\n" for resource in stack.resources for line in diff_lines(stack, resource))
    yield f"\n{counted(unchanged, 'stack')} unchanged\n"
