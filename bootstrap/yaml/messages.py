"""Pydantic's errors in plain words, without its own terms and without the names of our classes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.errors import nearest

_LONGEST = 80
"""Characters of a value that are shown."""

_MAPPING, _LIST, _TEXT = "a mapping of keys to values", "a list", "text"

_WANTED: dict[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": _MAPPING,
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "list_type": _LIST,
    "literal_error": "{expected}",
    "model_type": _MAPPING,
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "string_type": _TEXT,
}
"""What a value must be, by the kind of Pydantic's error. A test goes through all that our documents can meet.
https://docs.pydantic.dev/latest/errors/validation_errors/"""


SECRET = "secret"  # noqa: S105 - the type of an error, not a secret
"""The type of the error about a secret; its value is not shown."""

UNKNOWN_KEY = "unknown key {}."
"""The message about a key of a manifest that no model has; `in_words` has the one about a record."""


def in_words(items: Sequence[Mapping[str, Any]], key: str = "") -> tuple[str, str]:
    """What is wrong with one value, and what to write instead; the latter may be empty.

    Args:
        items: Pydantic's errors about it: several, where it may have one of several types.
        key: The key of the value, where it has one.
    """
    item = items[0]
    kind, value = item["type"], item["input"]
    if kind == "missing":
        return "is missing", ""
    if kind == "extra_forbidden":
        return "is an unknown key", ""
    if kind in ("too_short", "too_long"):
        limit = item["ctx"].get("min_length") or item["ctx"]["max_length"]
        return f"must have {limit} or {'more' if kind == 'too_short' else 'fewer'} entries", ""
    wanted = [_WANTED[one["type"]].format(**one.get("ctx", {})) for one in items if one["type"] in _WANTED]
    if not wanted:
        found = " (found ***)" if kind == SECRET else _found(value)
        return item["msg"].removeprefix("Value error, ") + found, item.get("ctx", {}).get("suggestion", "")
    words = " or ".join(dict.fromkeys(wanted))
    if value is None:
        empty = {_MAPPING: "{}", _LIST: "[]"}.get(words)
        return f"is empty, and must be {words}", f"Write `{key}: {empty}` for an empty one." if key and empty else ""
    return f"must be {words}{_found(value)}", _instead(item, words, key)


def _instead(item: Mapping[str, Any], words: str, key: str) -> str:
    value = item["input"]
    if item["type"] == "literal_error" and isinstance(value, str):
        near = nearest(value, re.findall(r"'([^']*)'", words))
        return f"Did you mean {near!r}?" if near is not None else ""
    if words == _TEXT and isinstance(value, int | float):
        return "Put it in quotes."
    if item["type"] == "dict_type" and key and isinstance(value, bool):
        return f"Write `{key}: {{}}` for an empty one."
    if words == "a whole number" and isinstance(value, str) and value.isdecimal():
        return "Write it without quotes."
    if words == _LIST and key and isinstance(value, str):
        return f"Write `{key}: [{value}]`." if len(value) <= _LONGEST else "Put it in brackets."
    return ""


def shown(value: object) -> str:
    """A value as a message shows it: as YAML spells it, quoted where it is text, and of a long one both ends."""
    spelled = str(value).lower() if isinstance(value, bool) else repr(value)
    half = _LONGEST // 2
    return spelled if len(spelled) <= _LONGEST else f"{spelled[:half]}...{spelled[-half:]}"


_SECRET_PART = re.compile(
    r"\b(?:sig|AccountKey|SharedAccessKey|password|pwd|secret|token)\s*=|://[^/\s]*@", re.IGNORECASE
)
"""A part of an address or a connection string that gives access: its text is not shown."""


def _found(value: Any) -> str:
    if isinstance(value, str) and _SECRET_PART.search(value):
        return " (found ***)"
    return f" (found {shown(value)})" if isinstance(value, str | int | float) else ""
