"""Changes of a document that keep most of its structure: the same for the same number, on every machine."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import yaml

from tests.edits import SCALARS

Path = tuple[str | int, ...]

_TEXTS = (
    "",
    "\x00",
    "\u202e",
    "\x1b[2J",
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\x",
    "a" * 5000,
    "-",
    "--help",
    "=1+1",
)
_NUMBERS = (-1, 0, 1, 2**31, 2**63, 10**400, 1e308, float("inf"), float("nan"), -0.0)


def mutated(text: str, number: int) -> bytes:
    """A document (YAML or JSON) after one to three changes: of its structure, its bytes or its lines."""
    random = Random(number)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = _read(text)
        if data is not None and random.random() < 0.7:
            text = _structure(data, text, random)
        else:
            text = random.choice(_BYTES)(text, random)
    return text.encode("utf-8", "surrogateescape")


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in "{[" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def _structure(data: Any, text: str, random: Random) -> str:
    """Change one value, key or item, and write the document again in the form that it had."""
    places = [place for place in _places(data) if place]
    if not places:
        return text
    *around, last = random.choice(places)
    inner = data
    for part in around:
        inner = inner[part]
    action = random.choice(("remove", "replace", "replace", "retype", "rename", "nest", "repeat"))
    old = inner[last]
    if action == "remove":
        del inner[last]
    elif action == "rename" and isinstance(inner, dict):
        inner[random.choice((f"{last}x", "", " ", "schema_version", "__class__", "\u202e"))] = inner.pop(last)
    elif action == "nest":
        inner[last] = [old] if random.random() < 0.5 else {"a": old}
    elif action == "repeat" and isinstance(old, list):
        inner[last] = old * random.choice((2, 1000))
    elif action == "retype":
        inner[last] = random.choice((None, True, [], {}, str(old), 0, "0", [None], {"": None}))
    else:
        inner[last] = random.choice((*_TEXTS, *_NUMBERS))
    if text.lstrip()[:1] in "{[":
        return json.dumps(data, indent=2)
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def _places(value: Any, at: Path = ()) -> Iterator[Path]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*at, key))


def _truncate(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _flip(text: str, random: Random) -> str:
    raw = bytearray(text.encode("utf-8", "surrogateescape"))
    if raw:
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    return raw.decode("utf-8", "surrogateescape")


def _insert(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice((*SCALARS, "\x00", "\t", "\r\n", "\ufeff", "\u2028")) + text[at:]


def _repeat_line(text: str, random: Random) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    return "\n".join([*lines[: at + 1], *lines[at:]])


def _swap_halves(text: str, _random: Random) -> str:
    return text[len(text) // 2 :] + text[: len(text) // 2]


_BYTES: tuple[Callable[[str, Random], str], ...] = (_truncate, _flip, _insert, _insert, _repeat_line, _swap_halves)
