"""Markdown for a comment on a pull request.

Forges refuse long comments. Parts that do not fit are left out, the least important first; a line names them and the
command that prints everything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bootstrap.pricing.price import grouped
from bootstrap.processes import shell_line
from bootstrap.stack.diff.difference import Baseline, StackDiff
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.words import (
    Tally,
    as_mermaid,
    count_changes,
    counted,
    diff_lines,
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
from bootstrap.terminal.markdown import code, escaped, fenced
from infra.rules.rule import Finding

LISTS_ERRORS = True

LONGEST = 65_536
"""The most characters in a comment of GitHub; Azure DevOps allows 150,000.
https://github.com/orgs/community/discussions/41331
https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads"""

_RESERVED = 1_200
"""Characters reserved for headings, heads of tables and the line that lists what is left out."""

_PARTS = ("error", "stack", "warning", "note", "graph", "resource list")
"""The parts of a plan, the most important first."""

_DIFF_PARTS = ("error", "stack", "warning", "change list")
"""The parts of a comparison, the most important first."""

_Texts = dict[str, list[tuple[str, str]]]
"""The texts of each part, each with the name of its stack."""


def render_plan(stacks: Iterable[StackPlan], _as_of: str | None, _show: str) -> Iterator[str]:
    """The comment, never longer than `LONGEST` characters."""
    texts: _Texts = {part: [] for part in _PARTS}
    kinds: Counter[str] = Counter()
    severities: Counter[Tally] = Counter()
    for stack in stacks:
        kinds.update(kind(resource.type) for resource in stack.made)
        severities.update(map(tally, stack.findings))
        for part, text in _parts(stack):
            texts[part].append((stack.name, text))
    total = f"{counted(len(texts['stack']), 'stack')}, {counted(sum(kinds.values()), 'resource')}"
    head = f"# Plan\n\n{total}, {severities_in_words(severities)}.\n"
    types = [f"| {escaped(name)} | {n} |" for name, n in most_first(kinds)]
    summary = "\n".join(["| Type | Count |", "| --- | ---: |", *types])
    fitting, left_out = _fitting(texts, LONGEST - _RESERVED - len(head) - len(summary))
    yield head
    yield from _findings(fitting)
    yield "\n".join(["", "| Stack | Resources | Findings |", "| --- | ---: | --- |", *_all(fitting["stack"])]) + "\n"
    yield f"\n<details><summary>By type</summary>\n\n{summary}\n\n</details>\n"
    yield from (f"\n## {code(name)}\n\n" + "\n".join(lines) + "\n" for name, lines in _of_stacks(fitting).items())
    if left_out:
        yield _left_out(left_out, "mlops-bootstrap plan --all --output html")


def render_diff(baseline: Baseline, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """The comment: the total, errors with their fix, a row for each stack, new warnings, then details."""
    texts: _Texts = {part: [] for part in _DIFF_PARTS}
    total: Counter[str] = Counter()
    for stack in stacks:
        counts = count_changes(stack)
        total += counts
        for finding in (*stack.refusals, *new_warnings(stack)):
            part = "error" if finding.refuses else "warning"
            texts[part].append((stack.name, _finding(stack.name, finding)))
        if stack.status != "unchanged":
            texts["stack"].append((stack.name, f"| {code(stack.name)} | {stack.status} | {in_words(counts)} |"))
            texts["change list"].append((stack.name, _details(stack, in_words(counts))))
    against = escaped(str(baseline))
    head = f"# Changes against {against}\n\n{in_words(total)}, {counted(total['unchanged'], 'stack')} unchanged.\n"
    fitting, left_out = _fitting(texts, LONGEST - _RESERVED - len(head))
    yield head
    yield from _findings(fitting)
    if fitting["stack"]:
        yield "\n" + "\n".join(["| Stack | | Resources |", "| --- | --- | --- |", *_all(fitting["stack"])]) + "\n"
    yield from (f"\n{text}\n" for text in _all(fitting["change list"]))
    if left_out:
        yield _left_out(left_out, shell_line("mlops-bootstrap", *baseline.command, "--output", "html"))


def _parts(stack: StackPlan) -> Iterator[tuple[str, str]]:
    yield "stack", f"| {code(stack.name)} | {len(stack.made)} | {findings_in_words(stack.findings)} |"
    yield from ((finding.severity, _finding(stack.name, finding)) for finding in grave(stack))
    yield from (("note", f"- {code(stack.name)} {escaped(f'{one.rule}: {one.message}')}") for one in notes(stack))
    yield from (("note", f"- {code(stack.name)} suppressed: {escaped(line)}") for line in suppressed(stack))
    yield "graph", f"{fenced('mermaid', as_mermaid(stack.document()['resources']))}\n"
    rows = [
        f"| {escaped(kind(one.type))} | {code(label(one))} | {marks(one)} | {code(stack.manifest(one))} |"
        for one in stack.made
    ]
    table = "\n".join(["| Type | Name | Marked | Manifest |", "| --- | --- | --- | --- |", *rows])
    idle = "".join(f"- {cost.count} {escaped(cost.text)}\n" for cost in grouped(stack.idle))
    total = f"\nIn all **{escaped(stack.prices.text)}**.\n" if stack.prices is not None else ""
    billing = f"Bills while idle:\n\n{idle}{total}\n" if idle else ""
    yield "resource list", f"{billing}<details><summary>Resources</summary>\n\n{table}\n\n</details>\n"


def _finding(stack: str, finding: Finding) -> str:
    text = f"{escaped(finding.message)} {escaped(finding.reason)} *{escaped(finding.fix)}*"
    where = f"{code(stack)} ({code(finding.manifest)})"
    return f"- **{finding.severity}** [{code(finding.rule)}]({finding.link}) in {where}: {text}"


def _fitting(texts: _Texts, room: int) -> tuple[_Texts, list[str]]:
    """The texts that fit, and the counts of those that do not."""
    fitting: _Texts = {part: [] for part in texts}
    for part, of_part in texts.items():
        for stack, text in of_part:
            # A heading comes with a stack's first graph or list.
            needed = len(text) + 1 + (len(stack) + 10 if part in ("graph", "resource list") else 0)
            if needed <= room:
                room -= needed
                fitting[part].append((stack, text))
    missing = {part: len(of_part) - len(fitting[part]) for part, of_part in texts.items()}
    return fitting, [counted(count, part) for part, count in missing.items() if count]


def _findings(fitting: _Texts) -> Iterator[str]:
    """Errors of all stacks, then warnings, then the notes, folded."""
    for part in ("error", "warning"):
        if fitting[part]:
            yield "\n" + "\n".join(_all(fitting[part])) + "\n"
    if folded := _all(fitting.get("note", [])):
        summary = f"<summary>{counted(len(folded), 'note')}</summary>"
        yield f"\n<details>{summary}\n\n" + "\n".join(folded) + "\n\n</details>\n"


def _details(stack: StackDiff, counts: str) -> str:
    lines = [line for resource in stack.resources for line in diff_lines(stack, resource)]
    marked = [line[2:] if line[:2] == "  " and line[2] in "+-" else line for line in lines]
    return f"<details><summary>{escaped(stack.name)}: {counts}</summary>\n\n{fenced('diff', marked)}\n\n</details>"


def _left_out(parts: Sequence[str], command: str) -> str:
    listed = ", ".join(parts)
    return f"\n*Left out, since a comment holds {LONGEST:,} characters: {listed}. Everything: {code(command)}.*\n"


def _of_stacks(fitting: _Texts) -> dict[str, list[str]]:
    by_stack: dict[str, list[str]] = {}
    for stack, text in (*fitting["graph"], *fitting["resource list"]):
        by_stack.setdefault(stack, []).append(text)
    return by_stack


def _all(texts: Sequence[tuple[str, str]]) -> list[str]:
    return [text for _, text in texts]
