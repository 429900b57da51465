"""The words for resources, components, findings, counts and differences, the same in every form.

The report of a comparison shows only what differs: first the errors and the new warnings, then the resources.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any, Literal

from bootstrap.page.graph import Node
from bootstrap.stack.diff.difference import Action, ResourceDiff, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.yaml import as_yaml_line
from infra.rules.changes import Change
from infra.rules.rule import SEVERITIES, UNKNOWN, Finding, Resource, Severity
from infra.tables.names import TABLE

Tally = Severity | Literal["suppressed"]
"""The categories in which findings are counted."""

_NAME_OF = {rule.type: rule.argument for rule in TABLE.values()}

SIGNS: dict[Action, str] = {"add": "+", "import": "→", "remove": "-", "change": "~", "replace": "±"}
WORDS: dict[Action, str] = {
    "add": "added",
    "import": "imported",
    "remove": "removed",
    "change": "changed",
    "replace": "replaced",
}
_ACTIONS: tuple[Action, ...] = ("add", "change", "replace", "remove")
"""The actions that are counted even where there are none; imports are rare."""

_LONGEST_VALUE = 120
_MOST_ENTRIES = 20
_KNOWN_LATER = "(known after deployment)"


def kind(type_: str) -> str:
    """`azure-native:storage:StorageAccount` as `storage.StorageAccount`."""
    return ".".join(type_.split(":")[1:])


def label(resource: Resource) -> str:
    """The resource's name in Azure where the naming table has its type, else its name in the program.

    The links of a network have one name in all zones, so theirs begins with the zone.
    """
    argument = _NAME_OF.get(resource.type)
    name = resource.inputs.get(argument) if argument is not None else None
    unique = resource.type != "azure-native:monitor:DiagnosticSetting"
    if not unique or not isinstance(name, str) or name == UNKNOWN:
        return resource.name
    zone = resource.inputs.get("privateZoneName") if resource.type.endswith(":VirtualNetworkLink") else None
    return f"{zone}/{name}" if zone is not None else name


def marks(resource: Resource) -> str:
    """`protected`, `imported`, both, or nothing."""
    words = {"protected": resource.protect, "imported": resource.import_id is not None}
    return ", ".join(word for word, applies in words.items() if applies)


def counted(count: int, noun: str) -> str:
    """`1 resource`, `2 resources`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def most_first(counts: "Counter[str]") -> list[tuple[str, int]]:
    """The counts, the highest first, equal ones by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def tally(finding: Finding) -> Tally:
    """What a finding counts as."""
    return "suppressed" if finding.suppressed else finding.severity


def findings_in_words(findings: Iterable[Finding]) -> str:
    """`1 error, 2 notes, 1 suppressed`, the most severe first."""
    return severities_in_words(Counter(map(tally, findings)))


def finding_lines(found: Iterable[tuple[str, Finding]]) -> Iterator[str]:
    """The findings of each rule, each after its prefix, and below them once why the rule exists and what to do.

    Args:
        found: Prefixes and findings, those of one rule one after the other.
    """
    for _, of_rule in itertools.groupby(found, lambda item: item[1].rule):
        items = list(of_rule)
        for prefix, finding in items:
            yield f"  {finding.severity}  {finding.rule}: {prefix}{finding.message}"
            yield f"    in:  {finding.manifest}"
        yield f"    why: {items[-1][1].reason}"
        yield f"    fix: {items[-1][1].fix}"


def severities_in_words(counts: "Counter[Tally]") -> str:
    """The same, of counts."""
    words = [counted(counts[severity], severity) for severity in SEVERITIES if counts[severity]]
    words += [f"{counts['suppressed']:,} suppressed"] if counts["suppressed"] else []
    return ", ".join(words) or "no findings"


def notes(stack: StackPlan) -> list[Finding]:
    """The notes that nothing suppresses; one for equal ones of several resources, with the names of all."""
    names = {resource.urn: resource.name for resource in stack.resources}
    found: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for finding in stack.findings:
        if finding.severity == "note" and finding.suppressed is None:
            subject = names.get(finding.resource or "", stack.name)
            message = finding.message.removeprefix(f"{subject}: ")
            found.setdefault((finding.rule, message), (finding, []))[1].append(subject)
    return [
        dataclasses.replace(finding, message=f"{', '.join(subjects)}: {message}")
        for (_, message), (finding, subjects) in found.items()
    ]


def grave(stack: StackPlan) -> list[Finding]:
    """The errors and warnings that nothing suppresses."""
    return [one for one in stack.findings if one.severity != "note" and one.suppressed is None]


def suppressed(stack: StackPlan) -> Iterator[str]:
    """The suppressed findings, each with the line, the last day and the reason of its suppression."""
    for finding in stack.findings:
        if (by := finding.suppressed) is not None:
            yield f"{finding.rule}: {finding.message} {by.origin}, until {by.until}: {by.reason}"


def components(resources: Sequence[Mapping[str, Any]]) -> dict[str, Node]:
    """Return the components of a stack by URN, in the order in which they are declared.

    A component needs those on which one of its resources depends, without those that it needs through others.

    Args:
        resources: As in the plan's document; parents stand before their children.
    """
    top: dict[str, str] = {}
    for resource in resources:
        top[resource["urn"]] = resource["urn"] if resource["parent"] is None else top[resource["parent"]]
    found = {
        resource["urn"]: resource
        for resource in resources
        if resource["parent"] is None and not resource["type"].startswith(("pulumi:", "azure-native:"))
    }
    counts = Counter(top[one["urn"]] for one in resources if one["type"].startswith("azure-native:"))
    needs: dict[str, set[str]] = {urn: set() for urn in found}
    for resource in resources:
        own = top[resource["urn"]]
        if own in needs:
            needs[own] |= {top[urn] for urn in resource["depends_on"] if top.get(urn) in found} - {own}
    indirect: dict[str, set[str]] = {}
    for urn in TopologicalSorter(needs).static_order():
        indirect[urn] = set().union(*(needs[needed] | indirect[needed] for needed in needs[urn]))
    return {
        urn: Node(
            one["name"],
            one["type"].split(":")[-1],
            counted(counts[urn], "resource"),
            [needed for needed in found if needed in needs[urn] - indirect[urn]],
        )
        for urn, one in found.items()
    }


_MERMAID = str.maketrans({character: f"#{ord(character)};" for character in '"#<>`'})
"""https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters"""


def as_mermaid(resources: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the components as the lines of a Mermaid flowchart."""
    found = components(resources)
    ids = {urn: f"c{number}" for number, urn in enumerate(found)}
    texts = {urn: (one.title.translate(_MERMAID), one.subtitle.translate(_MERMAID)) for urn, one in found.items()}
    nodes = [f'  {ids[urn]}["{title}<br/>{subtitle}"]' for urn, (title, subtitle) in texts.items()]
    edges = [f"  {ids[needed]} --> {ids[urn]}" for urn, one in found.items() for needed in one.needs]
    return ["flowchart LR", *nodes, *edges]


def differs(stack: StackDiff) -> bool:
    """Whether a report shows the stack: it changed, or it has findings."""
    return stack.status != "unchanged" or bool(stack.refusals) or bool(stack.findings)


def new_warnings(stack: StackDiff) -> list[Finding]:
    """The new warnings. The refusals have all errors, new or not; notes are only counted."""
    return [one for one in stack.findings if one.severity == "warning"]


def count_changes(stack: StackDiff) -> "Counter[str]":
    """The counts of a stack: its resources by action, the changes that Azure does not make, and its findings."""
    counts: Counter[str] = Counter(resource.action for resource in stack.resources)
    counts["unchanged"] = stack.status == "unchanged"
    counts["losing data"] = sum(resource.loses_data for resource in stack.resources)
    counts.update(one.effect for resource in stack.resources for one in resource.effects if one.effect)
    counts["error"] = len(stack.refusals)
    counts.update(f"new {one.severity}" for one in stack.findings)
    return counts


def in_words(counts: "Counter[str]") -> str:
    """`1 to add, 0 to change, 0 to replace, 0 to remove, 1 error, 2 new notes`."""
    words = [f"{counts[action]:,} to {action}" for action in _ACTIONS]
    words += [f"{counts['import']:,} to import"] if counts["import"] else []
    words += [f"{counts[one]:,} {one}" for one in ("losing data", "refused", "one way") if counts[one]]
    words += [counted(counts[one], one) for one in ("error", "new warning", "new note") if counts[one]]
    return ", ".join(words)


def change_in_words(one: Change) -> str:
    """The old value and the new one on one line."""
    between = " " if _are_lists(one) else " → "
    return between.join(side for side in values(one) if side)


def values(one: Change) -> tuple[str, str]:
    """The old value and the new one, as YAML; of two lists, the entries that are removed and those that are added."""
    if not _are_lists(one):
        return _cut(_text(one.old)), _cut(_text(one.new))
    old, new = (Counter(map(_text, side)) for side in (one.old, one.new))
    return _entries("-", old - new), _entries("+", new - old)


def effect(resource: ResourceDiff, at: str) -> str:
    """`replaced`, `refused` or `one way` for a property that Azure does not change in place; else empty."""
    return next((one.effect or "" for one in resource.effects if f"{at}.".startswith(f"{one.at}.")), "")


def diff_lines(stack: StackDiff, resource: ResourceDiff) -> Iterator[str]:
    """A resource that differs: its sign (+ added, → imported, - removed, ~ changed, ± replaced) and its properties."""
    data = "  [loses data]" if resource.loses_data else ""
    yield f"  {SIGNS[resource.action]} {kind(resource.type)}  {resource.name}  ({resource.manifest}){data}"
    if resource.action == "import":
        yield f"      imported: {resource.import_id}"
    for one in resource.changed if stack.status == "changed" else ():
        mark = f"  [{found}]" if (found := effect(resource, one.at)) else ""
        yield f"      {one.at}: {change_in_words(one)}{mark}"


def _are_lists(one: Change) -> bool:
    return isinstance(one.old, list) and isinstance(one.new, list)


def _entries(sign: str, entries: "Counter[str]") -> str:
    listed = list(entries.elements())
    left_out = len(listed) - _MOST_ENTRIES
    shown = [*map(_cut, listed[:_MOST_ENTRIES]), *([f"and {left_out} more"] if left_out > 0 else [])]
    return f"{sign} {', '.join(shown)}" if shown else ""


def _text(value: Any) -> str:
    return "(none)" if value is None else as_yaml_line(value).replace(UNKNOWN, _KNOWN_LATER)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
