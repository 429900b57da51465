"""Every regular expression that a file of others reaches takes time in proportion to the text, whatever the text is."""

import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bootstrap.model import serve
from bootstrap.pipeline import check, expressions, read
from bootstrap.terminal import markdown, printable
from bootstrap.yaml import parse
from tests.helpers import CONTOSO

_GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/x"
_STARTS = ("", _GROUP, f"{_GROUP}/providers/Microsoft.X", "https://a/", "git+https://a@", "github:", "a@", "${{", '"')
_UNITS = (
    "a",
    "0",
    "-",
    "a-",
    "0.",
    "/a",
    "a.",
    "${{ ",
    "$[[",
    " ",
    "\n",
    "\\",
    '"',
    "a,",
    "1,",
    "a/",
    "*.",
    "::",
    "##",
)
_ENDS = ("", "\x00")
_TIMES = 8000
"""Repetitions. Quadratic time then is about a second, and linear time a millisecond."""


def _published() -> Iterator[tuple[str, re.Pattern[str]]]:
    """The patterns of manifests, as their JSON Schemas publish them: the same that the command line checks."""

    def walk(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            if isinstance(schema.get("pattern"), str):
                yield schema["pattern"]
            yield from itertools.chain.from_iterable(map(walk, schema.values()))
        if isinstance(schema, list):
            yield from itertools.chain.from_iterable(map(walk, schema))

    files = sorted((CONTOSO / ".schemas").glob("*.json"))
    found = [pattern for file in files for pattern in walk(json.loads(file.read_text(encoding="utf-8")))]
    yield from ((pattern[:60], re.compile(pattern, re.ASCII)) for pattern in dict.fromkeys(found))


def _internal() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in (check, expressions, read, serve, markdown, printable, parse):
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield f"{module.__name__}.{name}", value


PATTERNS = dict((*_published(), *_internal()))


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
def test_pattern_takes_linear_time(pattern: re.Pattern[str]) -> None:
    slow = []
    for start, unit, end in itertools.product(_STARTS, _UNITS, _ENDS):
        text = start + unit * _TIMES + end
        if _seconds(pattern, text) > 0.1 and _seconds(pattern, text) > 0.1:  # the first may have been an interruption
            slow.append((start, unit, end))
            break
    assert slow == []


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    started = time.thread_time()
    for _ in itertools.islice(pattern.finditer(text), 1):
        pass
    return time.thread_time() - started
