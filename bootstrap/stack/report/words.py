"""The words for resources, counts and findings, the same in every form."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import SEVERITIES, UNKNOWN, Finding, Resource, Severity
from infra.tables.names import TABLE

Tally = Severity | Literal["suppressed"]
"""The categories in which findings are counted."""

_NAME_OF = {rule.type: rule.argument for rule in TABLE.values()}


def kind(type_: str) -> str:
    """`azure-native:storage:StorageAccount` as `storage.StorageAccount`."""
    return ".".join(type_.split(":")[1:])


def label(resource: Resource) -> str:
    """The resource's name in Azure where the naming table has its type, else its name in the program."""
    argument = _NAME_OF.get(resource.type)
    name = resource.inputs.get(argument) if argument is not None else None
    unique = resource.type != "azure-native:monitor:DiagnosticSetting"
    return name if unique and isinstance(name, str) and name != UNKNOWN else resource.name


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
