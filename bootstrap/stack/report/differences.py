"""The comparison of two plans as a tree, a table, Markdown for a pull request, a page and JSON.

Only what differs is told, new findings among it, and why a stack should not be deployed, which comes first.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bootstrap.page import template
from bootstrap.stack.diff.commits import Commit
from bootstrap.stack.diff.difference import Action, Difference, StackDifference
from bootstrap.stack.report.markdown import LONGEST, escaped
from bootstrap.stack.report.words import counted, kind
from bootstrap.terminal.console import table
from infra.rules.changes import Effect, Property
from infra.rules.rule import UNKNOWN, Finding, Severity

Differences = Callable[[Commit, Iterable[StackDifference]], Iterator[str]]
"""A comparison as text, in parts."""

_SIGNS: dict[Action, str] = {"add": "+", "import": "→", "remove": "-", "change": "~", "replace": "±"}
_WORDS: dict[Action, str] = {
    "add": "added",
    "import": "imported",
    "remove": "removed",
    "change": "changed",
    "replace": "replaced",
}
_TOLD_EFFECTS: tuple[Effect, ...] = ("refused", "one way")
"""What Azure does not do, or not undo; what is replaced is counted among the resources."""
_NOT_REFUSED: tuple[Severity, ...] = ("warning", "note")
_LONGEST_VALUE = 120
_MOST_ENTRIES = 20
_KNOWN_LATER = "(known after deployment)"


def as_tree(commit: Commit, stacks: Iterable[StackDifference]) -> Iterator[str]:
    """Each stack that differs, its resources (+ added, → imported, - removed, ~ changed, ± replaced) and properties."""
    yield f"compared with {commit}\n"
    unchanged = 0
    for stack in stacks:
        unchanged += stack.status == "unchanged"
        if _is_told(stack):
            yield f"\n{stack.name}: {stack.status}, {_in_words(stack)}\n"
            yield from (f"  error  {refusal}\n" for refusal in stack.refusals)
            yield from (f"  warning  {finding}\n" for finding in _warnings(stack))
            yield from (f"{line}\n" for resource in stack.resources for line in _lines(stack, resource))
    yield f"\n{counted(unchanged, 'stack')} unchanged\n"


def _lines(stack: StackDifference, resource: Difference) -> Iterator[str]:
    data = "  [loses data]" if resource.loses_data else ""
    yield f"  {_SIGNS[resource.action]} {kind(resource.type)}  {resource.name}  ({resource.manifest}){data}"
    if resource.action == "import":
        yield f"      imported: {resource.import_id}"
    if stack.status == "changed":
        yield from (f"      {one.at}: {_change(one)}" for one in resource.changed)
    yield from (f"      {one.effect}: {one.why} {one.source}" for one in resource.effects)


def as_table(commit: Commit, stacks: Iterable[StackDifference]) -> Iterator[str]:
    """One line for each property that differs, and for each resource that is added or removed."""
    rows: list[list[str]] = []
    found: list[str] = []
    for stack in stacks:
        rows += [row for resource in stack.resources for row in _rows(stack, resource)]
        found += [f"error  {stack.name}: {refusal}\n" for refusal in stack.refusals]
        found += [f"warning  {stack.name}: {finding}\n" for finding in _warnings(stack)]
    yield f"compared with {commit}\n"
    yield from found
    yield table(["stack", "what", "type", "name", "property", "old", "new", "in Azure"], rows) + "\n"


def _rows(stack: StackDifference, resource: Difference) -> Iterator[list[str]]:
    start = [stack.name, _WORDS[resource.action], kind(resource.type), resource.name]
    if not resource.changed:
        yield [*start, "", "", resource.import_id or "" if resource.action == "import" else "", ""]
    yield from ([*start, one.at, *_values(one), _effect(resource, one.at)] for one in resource.changed)


def _effect(resource: Difference, at: str) -> str:
    """What Azure does of a change of that property, where it does not just make it."""
    return next((one.effect for one in resource.effects if f"{at}.".startswith(f"{one.at}.")), "")


def _is_told(stack: StackDifference) -> bool:
    return stack.status != "unchanged" or bool(stack.refusals) or bool(stack.findings)


def _warnings(stack: StackDifference) -> list[Finding]:
    """The new warnings. Errors are among the refusals, whether they are new or not, and notes are only counted."""
    return [one for one in stack.findings if one.severity == "warning"]


def as_markdown(commit: Commit, stacks: Iterable[StackDifference]) -> Iterator[str]:
    """A comment for a pull request, below the forges' limit: why not to deploy, a row for each stack, then details."""
    rows: list[str] = []
    errors: list[str] = []
    warnings: list[str] = []
    details: list[str] = []
    unchanged = 0
    for stack in stacks:
        unchanged += stack.status == "unchanged"
        errors += [f"- **error** `{one.rule}` in `{stack.name}`: {_said(one)}" for one in stack.refusals]
        warnings += [f"- **warning** `{one.rule}` in `{stack.name}`: {_said(one)}" for one in _warnings(stack)]
        if stack.status != "unchanged":
            rows.append(f"| `{stack.name}` | {stack.status} | {_in_words(stack)} |")
            details.append(_details(stack))
    head = f"# Changes against {commit}\n\n"
    same = f"\n{counted(unchanged, 'stack')} unchanged.\n"
    body = ["| Stack | | Resources |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"] if rows else []
    yield from _fitting([head, *(f"{line}\n" for line in (*errors, *warnings)), "\n", *body, same, *details])


def _said(found: Finding) -> str:
    return f"{escaped(found.message)} ({found.manifest})"


def _details(stack: StackDifference) -> str:
    lines = [line for resource in stack.resources for line in _lines(stack, resource)]
    marked = [f"{line[2]}{line[3:]}" if line[:2] == "  " and line[2] in "+-" else line for line in lines]
    return "\n".join(
        [
            "",
            f"<details><summary>{stack.name}: {_in_words(stack)}</summary>",
            "",
            "```diff",
            *marked,
            "```",
            "",
            "</details>",
        ]
    )


def _fitting(parts: list[str]) -> Iterator[str]:
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


def as_html(commit: Commit, stacks: Iterable[StackDifference]) -> Iterator[str]:
    """A page that needs nothing else."""
    told = []
    unchanged = 0
    for stack in stacks:
        unchanged += stack.status == "unchanged"
        if _is_told(stack):
            told.append(stack)
    page: str = template("bootstrap.stack.report", "differences.html.j2").render(
        commit=commit,
        stacks=told,
        unchanged=unchanged,
        in_words=_in_words,
        kind=kind,
        values=_values,
        words=_WORDS,
        warnings=_warnings,
    )
    yield page + "\n"


def as_json(commit: Commit, stacks: Iterable[StackDifference]) -> Iterator[str]:
    """The document: docs/plan.md."""
    against = json.dumps({"ref": commit.ref, "commit": commit.id})
    yield f'{{\n  "schema_version": 1,\n  "against": {against},\n  "stacks": ['
    between = "\n    "
    for stack in stacks:
        yield between + json.dumps(stack.document(), indent=2, ensure_ascii=False).replace("\n", "\n    ")
        between = ",\n    "
    yield "\n  ]\n}\n"


def _in_words(stack: StackDifference) -> str:
    counts = Counter(resource.action for resource in stack.resources)
    words = [f"{counts[action]} {word}" for action, word in _WORDS.items() if counts[action]]
    losses = sum(resource.loses_data for resource in stack.resources)
    words += [f"{losses} losing data"] if losses else []
    effects = Counter(one.effect for resource in stack.resources for one in resource.effects)
    words += [f"{effects[effect]} {effect}" for effect in _TOLD_EFFECTS if effects[effect]]
    words += [counted(len(stack.refusals), "error")] if stack.refusals else []
    severities = Counter(one.severity for one in stack.findings)
    words += [counted(severities[one], f"new {one}") for one in _NOT_REFUSED if severities[one]]
    return ", ".join(words) or "nothing in Azure"


def _change(one: Property) -> str:
    between = " " if _are_lists(one) else " → "
    return between.join(side for side in _values(one) if side)


def _values(one: Property) -> tuple[str, str]:
    """The old value and the new one; of two lists, the entries that go and those that come."""
    if not _are_lists(one):
        return _cut(_text(one.old)), _cut(_text(one.new))
    old, new = (Counter(map(_text, side)) for side in (one.old, one.new))
    return _entries("-", old - new), _entries("+", new - old)


def _are_lists(one: Property) -> bool:
    return isinstance(one.old, list) and isinstance(one.new, list)


def _entries(sign: str, entries: "Counter[str]") -> str:
    listed = list(entries.elements())
    left_out = len(listed) - _MOST_ENTRIES
    shown = [*map(_cut, listed[:_MOST_ENTRIES]), *([f"and {left_out} more"] if left_out > 0 else [])]
    return f"{sign} {', '.join(shown)}" if shown else ""


def _text(value: Any) -> str:
    text = "(none)" if value is None else json.dumps(value, ensure_ascii=False)
    return text.replace(json.dumps(UNKNOWN), _KNOWN_LATER).replace(UNKNOWN, _KNOWN_LATER)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
