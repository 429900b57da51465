"""Text for the terminal: a summary of stacks, trees of their resources, the changes of a comparison."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bootstrap.pricing.price import grouped
from bootstrap.stack.diff.difference import Baseline, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.interface import Show
from bootstrap.stack.report.words import (
    Tally,
    count_changes,
    counted,
    diff_lines,
    differs,
    finding_lines,
    findings_in_words,
    grave,
    in_words,
    kind,
    label,
    marks,
    most_first,
    new_warnings,
    notes,
    severities_in_words,
    suppressed,
    tally,
)
from infra.rules.rule import SEVERITIES, Finding, Resource, Severity

LISTS_ERRORS = True


def render_plan(stacks: Iterable[StackPlan], _as_of: str | None, show: Show) -> Iterator[str]:
    """The stacks as `show` says: a summary of all, each with its resources, or the findings only."""
    count = 0
    kinds: Counter[str] = Counter()
    severities: Counter[Tally] = Counter()
    rules: Counter[tuple[Severity, str]] = Counter()
    found: list[tuple[str, Finding]] = []
    others: list[str] = []
    for stack in stacks:
        count += 1
        kinds.update(kind(resource.type) for resource in stack.made)
        severities.update(map(tally, stack.findings))
        if show == "resources":
            rules.update((one.severity, one.rule) for one in stack.findings if one.suppressed is None)
            yield ("\n" if count > 1 else "") + "\n".join(_stack(stack)) + "\n"
            continue
        found += [(_prefix(stack, finding.message), finding) for finding in (*grave(stack), *notes(stack))]
        others += [f"suppressed  {_with_stack(stack, line)}" for line in suppressed(stack)]
        if show == "summary":
            yield f"{_heading(stack)}\n"
    lines = [
        f"in all: {counted(count, 'stack')}, {counted(kinds.total(), 'resource')}, {severities_in_words(severities)}"
    ]
    if show == "resources":
        by_severity = sorted(rules.items(), key=lambda item: (SEVERITIES.index(item[0][0]), item[0][1]))
        lines += [f"  {number:3}  {severity}  {rule}" for (severity, rule), number in by_severity]
        yield "\n" + "\n".join(lines) + "\n" if count > 1 else ""
        return
    if show == "summary":
        lines += ["", "by type:", *(f"  {number:3}  {name}" for name, number in most_first(kinds)), ""]
    found.sort(key=lambda item: (SEVERITIES.index(item[1].severity), item[1].rule))
    yield "\n".join([*lines, *_findings(found, sorted(others))]).rstrip() + "\n"


def render_diff(baseline: Baseline, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """Each stack that differs, its errors and new warnings, its resources with their properties; then the total."""
    yield f"compared with {baseline}\n"
    total: Counter[str] = Counter()
    for stack in stacks:
        counts = count_changes(stack)
        total += counts
        if differs(stack):
            lines = [f"{stack.name}: {stack.status}, {in_words(counts)}"]
            lines += finding_lines(("", finding) for finding in (*stack.refusals, *new_warnings(stack)))
            lines += [line for resource in stack.resources for line in diff_lines(stack, resource)]
            yield "\n" + "\n".join(lines) + "\n"
    yield f"\nin all: {in_words(total)}, {counted(total['unchanged'], 'stack')} unchanged\n"


def _heading(stack: StackPlan) -> str:
    price = f", {stack.prices.text} while idle" if stack.prices is not None else ""
    return f"{stack.name}: {counted(len(stack.made), 'resource')}, {findings_in_words(stack.findings)}{price}"


def _stack(stack: StackPlan) -> Iterator[str]:
    yield _heading(stack)
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
            mark = f"  [{words}]" if (words := marks(resource)) else ""
            yield f"{stem}{branch} {kind(resource.type)}  {label(resource)}{mark}"
    yield "by type:"
    yield from (f"  {count:3}  {name}" for name, count in most_first(Counter(kind(one.type) for one in stack.made)))
    if stack.idle:
        yield "bills while idle:"
    yield from (f"  {cost.count:3}  {cost.text}" for cost in grouped(stack.idle))
    if stack.prices is not None:
        yield f"       in all: {stack.prices.text}"
    yield from _findings(
        [("", finding) for finding in (*grave(stack), *notes(stack))],
        [f"suppressed  {line}" for line in suppressed(stack)],
    )


def _prefix(stack: StackPlan, text: str) -> str:
    """The stack's name before a text that does not begin with it."""
    return "" if text.startswith(f"{stack.name}: ") else f"{stack.name}: "


def _with_stack(stack: StackPlan, line: str) -> str:
    rule, _, text = line.partition(": ")
    return f"{rule}: {_prefix(stack, text)}{text}"


def _findings(found: Sequence[tuple[str, Finding]], others: Sequence[str]) -> Iterator[str]:
    if found or others:
        yield "findings:"
    yield from finding_lines(found)
    yield from (f"  {line}" for line in others)
