"""The words of comparisons, the same in every form.

A report shows only what differs: errors first, then new warnings, then resources.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bootstrap.stack.diff.difference import Action, ResourceDiff, StackDiff
from bootstrap.stack.report.words import counted, kind
from infra.rules.changes import Effect, Property
from infra.rules.rule import UNKNOWN, Finding, Severity

SIGNS: dict[Action, str] = {"add": "+", "import": "→", "remove": "-", "change": "~", "replace": "±"}
WORDS: dict[Action, str] = {
    "add": "added",
    "import": "imported",
    "remove": "removed",
    "change": "changed",
    "replace": "replaced",
}
_SHOWN_EFFECTS: tuple[Effect, ...] = ("refused", "one way")
"""What Azure does not do, or not undo; what is replaced is counted among the resources."""
_NOT_REFUSED: tuple[Severity, ...] = ("warning", "note")
_LONGEST_VALUE = 120
_MOST_ENTRIES = 20
_KNOWN_LATER = "(known after deployment)"


def differs(stack: StackDiff) -> bool:
    """Whether a report shows the stack: it changed, or something was found."""
    return stack.status != "unchanged" or bool(stack.refusals) or bool(stack.findings)


def new_warnings(stack: StackDiff) -> list[Finding]:
    """The new warnings. Errors are among the refusals, whether they are new or not, and notes are only counted."""
    return [one for one in stack.findings if one.severity == "warning"]


def in_words(stack: StackDiff) -> str:
    """The counts of a stack: what happens to its resources, and what was found."""
    counts = Counter(resource.action for resource in stack.resources)
    words = [f"{counts[action]} {word}" for action, word in WORDS.items() if counts[action]]
    losses = sum(resource.loses_data for resource in stack.resources)
    words += [f"{losses} losing data"] if losses else []
    effects = Counter(one.effect for resource in stack.resources for one in resource.effects)
    words += [f"{effects[effect]} {effect}" for effect in _SHOWN_EFFECTS if effects[effect]]
    words += [counted(len(stack.refusals), "error")] if stack.refusals else []
    severities = Counter(one.severity for one in stack.findings)
    words += [counted(severities[one], f"new {one}") for one in _NOT_REFUSED if severities[one]]
    return ", ".join(words) or "nothing in Azure"


def change_in_words(one: Property) -> str:
    """The old value and the new one on one line."""
    between = " " if _are_lists(one) else " → "
    return between.join(side for side in values(one) if side)


def values(one: Property) -> tuple[str, str]:
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


def diff_lines(stack: StackDiff, resource: ResourceDiff) -> Iterator[str]:
    """A resource that differs: its sign (+ added, → imported, - removed, ~ changed, ± replaced) and its properties."""
    data = "  [loses data]" if resource.loses_data else ""
    yield f"  {SIGNS[resource.action]} {kind(resource.type)}  {resource.name}  ({resource.manifest}){data}"
    if resource.action == "import":
        yield f"      imported: {resource.import_id}"
    if stack.status == "changed":
        yield from (f"      {one.at}: {change_in_words(one)}" for one in resource.changed)
    yield from (f"      {one.effect}: {one.why} {one.source}" for one in resource.effects)
