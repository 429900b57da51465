"""A plan for people: as a tree, as a table, as Markdown for a pull request, and as Mermaid graphs."""

from collections import Counter
from collections.abc import Iterator, Mapping

from bootstrap.console import table
from bootstrap.stack.checks import Finding
from bootstrap.stack.planner import Plan, StackPlan
from bootstrap.stack.recorder import Registration
from infra.naming import TABLE
from infra.policies.rule import UNKNOWN

_NAME_OF = {rule.type: rule.argument for rule in TABLE.values()}


def as_tree(plan: Plan) -> str:
    """Each stack with its components, what they make, and where in the manifests that was asked for."""
    return "\n\n".join("\n".join(_tree(stack)) for stack in plan.stacks)


def as_table(plan: Plan) -> str:
    """One line for each resource that Azure would hold."""
    rows = [
        [
            stack.name,
            _kind(resource.type),
            _label(resource),
            "yes" if resource.protect else "",
            stack.manifest(resource),
        ]
        for stack in plan.stacks
        for resource in stack.made
    ]
    return table(["stack", "type", "name", "protected", "manifest"], rows)


def as_markdown(plan: Plan) -> str:
    """The plan for a pull request: counts and findings first, a graph, the resources folded."""
    rows = [f"| `{stack.name}` | {len(stack.made)} | {_findings_in_words(stack)} |" for stack in plan.stacks]
    head = ["# Plan", "", "| Stack | Resources | Findings |", "| --- | ---: | --- |", *rows, ""]
    return "\n".join(head + [line for stack in plan.stacks for line in _markdown(stack)])


def as_mermaid(stack: StackPlan) -> str:
    """A stack's components and which needs which, as the text of a Mermaid flowchart."""
    components = [resource for resource in stack.resources if resource.parent is None and not resource.custom]
    ids = {component.urn: f"c{number}" for number, component in enumerate(components)}
    top = _tops(stack)
    counts = Counter(top[resource.urn] for resource in stack.made)
    nodes = [
        f'  {ids[component.urn]}["{component.name}<br/>{_counted(counts[component.urn], "resource")}"]'
        for component in components
    ]
    needed_by: dict[str, set[str]] = {urn: set() for urn in ids}
    for resource in stack.resources:
        for needed in resource.depends_on:
            if needed in top and top[needed] != top[resource.urn]:
                needed_by[top[needed]].add(top[resource.urn])
    edges = [
        f"  {ids[needed]} --> {ids[urn]}"
        for needed in ids
        for urn in ids
        if urn in needed_by[needed] and not _leads_to(needed_by, needed_by[needed] - {urn}, urn)
    ]
    return "\n".join(["flowchart LR", *nodes, *edges])


def _leads_to(needed_by: Mapping[str, set[str]], starts: set[str], goal: str) -> bool:
    """Whether a way leads from one of the starts to the goal: then a direct edge says nothing new."""
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        urn = waiting.pop()
        if urn == goal:
            return True
        if urn not in seen:
            seen.add(urn)
            waiting.extend(needed_by[urn])
    return False


def _tree(stack: StackPlan) -> Iterator[str]:
    yield f"{stack.name}: {len(stack.made)} resources, {_findings_in_words(stack)}"
    children: dict[str | None, list[Registration]] = {}
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
            protected = "  [protected]" if resource.protect else ""
            yield f"{stem}{branch} {_kind(resource.type)}  {_label(resource)}{protected}"
    yield "by type:"
    yield from (f"  {count:3}  {kind}" for kind, count in _counts(stack))
    if stack.findings:
        yield "findings:"
    for finding in _counted_findings(stack):
        if finding.severity != "note":
            yield f"  {finding.severity}  {finding.rule}: {finding.message}"
            yield f"    why: {finding.reason}"
            yield f"    fix: {finding.fix}"
    yield from (f"  note  {line}" for line in _notes(stack))
    yield from (f"  suppressed  {line}" for line in _suppressed(stack))


def _counts(stack: StackPlan) -> list[tuple[str, int]]:
    counts = Counter(_kind(resource.type) for resource in stack.made)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _notes(stack: StackPlan) -> list[str]:
    """The notes, those of one rule in one line: what most resources share should not hide what few have."""
    names = {resource.urn: resource.name for resource in stack.resources}
    by_rule: dict[tuple[str, str], list[str]] = {}
    for finding in _counted_findings(stack):
        if finding.severity == "note":
            subject = names.get(finding.resource or "", stack.name)
            by_rule.setdefault((finding.rule, finding.message.removeprefix(f"{subject}: ")), []).append(subject)
    return [f"{rule}: {', '.join(subjects)}: {message}" for (rule, message), subjects in by_rule.items()]


def _counted_findings(stack: StackPlan) -> list[Finding]:
    return [finding for finding in stack.findings if finding.suppressed is None]


def _suppressed(stack: StackPlan) -> Iterator[str]:
    """What the manifests let the stack break, why, and until when."""
    for finding in stack.findings:
        if (said := finding.suppressed) is not None:
            yield f"{finding.rule}: {finding.message} {said.origin}, until {said.until}: {said.reason}"


def _row(stack: StackPlan, resource: Registration) -> list[str]:
    return [_kind(resource.type), _label(resource), "yes" if resource.protect else "", stack.manifest(resource)]


def _markdown(stack: StackPlan) -> Iterator[str]:
    yield from (f"## `{stack.name}`", "")
    for finding in _counted_findings(stack):
        if finding.severity != "note":
            told = f"{_escape(finding.message)} {_escape(finding.reason)} *{_escape(finding.fix)}*"
            yield f"- **{finding.severity}** [`{finding.rule}`]({finding.link}): {told}"
    yield from (f"- note {_escape(line)}" for line in _notes(stack))
    yield from (f"- suppressed {_escape(line)}" for line in _suppressed(stack))
    yield from ("", "| Type | Count |", "| --- | ---: |")
    yield from (f"| {kind} | {count} |" for kind, count in _counts(stack))
    yield from ("", "```mermaid", as_mermaid(stack), "```", "")
    yield from ("<details><summary>Resources</summary>", "", "| Type | Name | Protected | Asked for in |")
    yield "| --- | --- | --- | --- |"
    for resource in stack.made:
        kind, label, protected, manifest = _row(stack, resource)
        yield f"| {kind} | `{label}` | {protected} | `{manifest}` |"
    yield from ("", "</details>", "")


def _findings_in_words(stack: StackPlan) -> str:
    counts = Counter(finding.severity for finding in _counted_findings(stack))
    words = [_counted(count, severity) for severity, count in counts.items()]
    suppressed = len(stack.findings) - counts.total()
    words += [f"{suppressed} suppressed"] if suppressed else []
    return ", ".join(words) or "no findings"


def _kind(type_: str) -> str:
    """`azure-native:storage:StorageAccount` as `storage.StorageAccount`."""
    return ".".join(type_.split(":")[1:])


def _label(resource: Registration) -> str:
    """The name that the resource has in Azure where it is one of ours, else its name in the program."""
    argument = _NAME_OF.get(resource.type)
    name = resource.inputs.get(argument) if argument is not None else None
    unique = resource.type != "azure-native:monitor:DiagnosticSetting"
    return name if unique and isinstance(name, str) and name != UNKNOWN else resource.name


def _tops(stack: StackPlan) -> dict[str, str]:
    """The outermost component of every resource, by URN; parents are declared before what belongs to them."""
    tops: dict[str, str] = {}
    for resource in stack.resources:
        tops[resource.urn] = resource.urn if resource.parent is None else tops[resource.parent]
    return tops


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
