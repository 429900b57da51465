"""A plan as a comment on a pull request: findings first, counts, then each stack with its graph and its resources.

A forge refuses a comment that is too long. What does not fit is left out, the least important first, and a line says
what and how to see it: resources, then graphs, then notes, warnings, rows of stacks, and errors last.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from bootstrap.stack.diff.commits import Commit
from bootstrap.stack.diff.difference import StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.components import as_mermaid
from bootstrap.stack.report.differences import diff_lines, in_words, new_warnings
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
    severities_in_words,
    suppressed,
)
from infra.rules.rule import Finding

LONGEST = 65_536
"""How many characters GitHub takes in a comment; Azure DevOps takes 150,000.
https://github.com/orgs/community/discussions/41331
https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads"""

_RESERVED = 1_200
"""Characters kept for what stands around the parts: headings, tables' heads and the line that says what is missing."""

Part = Literal["error", "stack", "warning", "note", "graph", "resource list"]
_PARTS: tuple[Part, ...] = ("error", "stack", "warning", "note", "graph", "resource list")
"""The kinds of parts, the most important first."""


@dataclass
class _Kept:
    """The parts of one kind, by stack, as far as they can fit at all; and how many there are."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0
    count: int = 0

    def add(self, stack: str, text: str) -> None:
        self.count += 1
        if self.size + len(text) <= LONGEST:
            self.size += len(text) + 1
            self.texts.setdefault(stack, []).append(text)


def render_plan(stacks: Iterable[StackPlan], _: PlanOptions) -> Iterator[str]:
    """The comment, never longer than `LONGEST` characters."""
    kept: dict[Part, _Kept] = {part: _Kept() for part in _PARTS}
    kinds: Counter[str] = Counter()
    severities: Counter[Tally] = Counter()
    for stack in stacks:
        kinds.update(kind(resource.type) for resource in stack.made)
        severities.update("suppressed" if one.suppressed else one.severity for one in stack.findings)
        for part, text in _parts(stack):
            kept[part].add(stack.name, text)
    total = f"{counted(kept['stack'].count, 'stack')}, {counted(sum(kinds.values()), 'resource')}"
    head = f"# Plan\n\n{total}, {severities_in_words(severities)}.\n"
    summary = "\n".join(["| Type | Count |", "| --- | ---: |", *(f"| {name} | {n} |" for name, n in most_first(kinds))])
    fitting, left_out = _fitting(kept, LONGEST - _RESERVED - len(head) - len(summary))
    yield head
    yield from _findings(fitting)
    yield "\n".join(["", "| Stack | Resources | Findings |", "| --- | ---: | --- |", *_all(fitting["stack"])]) + "\n"
    yield f"\n<details><summary>By type</summary>\n\n{summary}\n\n</details>\n"
    yield from (f"\n## `{name}`\n\n" + "\n".join(lines) + "\n" for name, lines in _of_stacks(fitting).items())
    if left_out:
        yield (
            f"\n*Left out, since a comment holds {LONGEST:,} characters: {', '.join(left_out)}. "
            "Everything: `mlops-bootstrap plan --all --output html`.*\n"
        )


def _parts(stack: StackPlan) -> Iterator[tuple[Part, str]]:
    yield "stack", f"| `{stack.name}` | {len(stack.made)} | {findings_in_words(stack.findings)} |"
    yield from ((finding.severity, _finding(stack, finding)) for finding in grave(stack))
    yield from (("note", f"- `{stack.name}` {escaped(line)}") for line in notes_by_rule(stack))
    yield from (("note", f"- `{stack.name}` suppressed: {escaped(line)}") for line in suppressed(stack))
    yield "graph", f"```mermaid\n{as_mermaid(stack.document()['resources'])}\n```\n"
    rows = [f"| {kind(one.type)} | `{label(one)}` | {marks(one)} | `{stack.manifest(one)}` |" for one in stack.made]
    table = "\n".join(["| Type | Name | Marked | Asked for in |", "| --- | --- | --- | --- |", *rows])
    idle = "".join(f"- {bill.count} {bill.what}{escaped(bill.price)}\n" for bill in bills(stack))
    total = f"\nIn all **{stack.prices.text}**.\n" if stack.prices is not None else ""
    billing = f"Bills while idle:\n\n{idle}{total}\n" if idle else ""
    yield "resource list", f"{billing}<details><summary>Resources</summary>\n\n{table}\n\n</details>\n"


def _finding(stack: StackPlan, finding: Finding) -> str:
    told = f"{escaped(finding.message)} {escaped(finding.reason)} *{escaped(finding.fix)}*"
    where = f"`{stack.name}` (`{finding.manifest}`)"
    return f"- **{finding.severity}** [`{finding.rule}`]({finding.link}) in {where}: {told}"


def _fitting(kept: dict[Part, _Kept], room: int) -> tuple[dict[Part, dict[str, list[str]]], list[str]]:
    """The parts that fit, by kind and stack, and in words what is left out."""
    fitting: dict[Part, dict[str, list[str]]] = {}
    left_out: list[str] = []
    for part in _PARTS:
        fitting[part] = {}
        shown = 0
        for stack, texts in kept[part].texts.items():
            for text in texts:
                # A heading comes with a stack's first graph or list.
                needed = len(text) + 1 + (len(stack) + 10 if part in ("graph", "resource list") else 0)
                if needed <= room:
                    room -= needed
                    shown += 1
                    fitting[part].setdefault(stack, []).append(text)
        if shown < kept[part].count:
            left_out.append(counted(kept[part].count - shown, part))
    return fitting, left_out


def _findings(fitting: dict[Part, dict[str, list[str]]]) -> Iterator[str]:
    """Errors of all stacks, then warnings, then the notes, folded."""
    graver: tuple[Part, ...] = ("error", "warning")
    for part in graver:
        if fitting[part]:
            yield "\n" + "\n".join(_all(fitting[part])) + "\n"
    notes = _all(fitting["note"])
    if notes:
        yield f"\n<details><summary>{counted(len(notes), 'note')}</summary>\n\n" + "\n".join(notes) + "\n\n</details>\n"


def _of_stacks(fitting: dict[Part, dict[str, list[str]]]) -> dict[str, list[str]]:
    by_stack: dict[str, list[str]] = {}
    for part in ("graph", "resource list"):
        for stack, texts in fitting[part].items():
            by_stack.setdefault(stack, []).extend(texts)
    return by_stack


def _all(texts: dict[str, list[str]]) -> list[str]:
    return [text for of_stack in texts.values() for text in of_stack]


def escaped(text: str) -> str:
    """Text that a table's cell and a line of Markdown keep as it is."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def render_diff(commit: Commit, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """A comment for a pull request, below the forges' limit: why not to deploy, a row for each stack, then details."""
    rows: list[str] = []
    errors: list[str] = []
    warnings: list[str] = []
    details: list[str] = []
    unchanged = 0
    for stack in stacks:
        unchanged += stack.status == "unchanged"
        errors += [f"- **error** `{one.rule}` in `{stack.name}`: {_finding_line(one)}" for one in stack.refusals]
        warnings += [
            f"- **warning** `{one.rule}` in `{stack.name}`: {_finding_line(one)}" for one in new_warnings(stack)
        ]
        if stack.status != "unchanged":
            rows.append(f"| `{stack.name}` | {stack.status} | {in_words(stack)} |")
            details.append(_details(stack))
    head = f"# Changes against {commit}\n\n"
    same = f"\n{counted(unchanged, 'stack')} unchanged.\n"
    body = ["| Stack | | Resources |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"] if rows else []
    yield from _fitting_parts([head, *(f"{line}\n" for line in (*errors, *warnings)), "\n", *body, same, *details])


def _finding_line(found: Finding) -> str:
    return f"{escaped(found.message)} ({found.manifest})"


def _details(stack: StackDiff) -> str:
    lines = [line for resource in stack.resources for line in diff_lines(stack, resource)]
    marked = [f"{line[2]}{line[3:]}" if line[:2] == "  " and line[2] in "+-" else line for line in lines]
    return "\n".join(
        [
            "",
            f"<details><summary>{stack.name}: {in_words(stack)}</summary>",
            "",
            "```diff",
            *marked,
            "```",
            "",
            "</details>",
        ]
    )


def _fitting_parts(parts: list[str]) -> Iterator[str]:
    """The parts in their order, as many as a comment holds, and a line that says how many are missing."""
    room = LONGEST - 300
    missing = 0
    for part in parts:
        if len(part) <= room:
            room -= len(part)
            yield part
        else:
            missing += 1
    if missing:
        said = f"{counted(missing, 'part')} left out: a comment holds {LONGEST:,} characters"
        yield f"\n\n*{said}. See `--output html`.*\n"
    else:
        yield "\n"
