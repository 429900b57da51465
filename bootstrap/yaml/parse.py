"""Reads YAML that people write, strictly: every mistake is reported with its line and column.

PyYAML's parser (libyaml where it is installed) gives events; this module makes plain values of them. Refused are bytes
that are not UTF-8, control characters, empty files, several documents, duplicate keys, keys that are not text, tags
other than those of JSON's types, and documents that are too deep or, with their aliases, too large.

What a plain word means depends on the kind of file: YAML 1.2's core schema for our own files (`no` is text), YAML 1.1
for those of Azure ML, which azure-ai-ml reads so (`no` is false). https://yaml.org/spec/1.2.2/#103-core-schema
"""

import functools
import itertools
import logging
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import InputError, Position, Problem
from bootstrap.files import read_bounded
from bootstrap.terminal.printable import BIDIRECTIONAL
from bootstrap.yaml.messages import shown

Location = tuple[str | int, ...]
"""A path of keys and indexes into a document."""


@dataclass
class Document:
    """A document as plain Python values, with their positions.

    Attributes:
        data: Mappings, lists, strings, numbers, booleans and None.
        keys: The position of each key (or list item), by its location.
        values: The position of each value, by its location.
        ambiguous: Plain words that YAML 1.1 and YAML 1.2 read differently, in a document that is read as YAML 1.1.
    """

    path: Path
    data: Any
    keys: dict[Location, Position] = field(default_factory=dict)
    values: dict[Location, Position] = field(default_factory=dict)
    ambiguous: list[Problem] = field(default_factory=list)

    def position(self, location: Location, *, of_key: bool = False) -> Position:
        """The position of the value (or key) at `location`, or of the nearest value around it that is in the file."""
        positions = self.keys if of_key else self.values
        for length in range(len(location), -1, -1):
            if location[:length] in positions:
                return positions[location[:length]]
            positions = self.values
        return Position(self.path, 1, 1)

    def value(self, location: Location) -> Any:
        """The value at `location`, one of `values`."""
        return functools.reduce(operator.getitem, location, self.data)

    def part(self, location: Location) -> "Document":
        """The value at `location` as a document, whose locations begin there."""
        part = Document(self.path, self.value(location))
        places: list[tuple[Location, Any]] = [((), part.data)]
        for place, value in places:
            for here, there in ((self.keys, part.keys), (self.values, part.values)):
                if (position := here.get((*location, *place))) is not None:
                    there[place] = position
            inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            places += [((*place, key), one) for key, one in inner]
        return part


def invalid(path: Path, problems: Sequence[Problem]) -> InputError:
    """The error that reports all problems of a document."""
    count = "a mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    return InputError(f"{path} has {count}.", problems=problems, hint="Correct the file and run the command again.")


MAX_NODES = 200_000
"""How many values one document may have after its aliases are resolved. More is an attack or a mistake."""

MAX_DEPTH = 100
"""How many levels a document may have."""

Event = Any
"""An event of PyYAML's parser: https://pyyaml.org/wiki/PyYAMLDocumentation#events"""

Node = tuple[Position, Any]
Entry = tuple[Position, Node]

_CONTROL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff{BIDIRECTIONAL}]")
"""Control characters, those that change the order of text, halves of surrogate pairs, and what is no character."""

_REFUSED = re.compile(f"{_CONTROL.pattern}|[\x85\u2028\u2029]")
"""Characters that a file cannot have: also Unicode's line breaks, which PyYAML counts as lines and editors do not."""


def read(path: Path, *, within: Path | None = None, yaml_1_1: bool = False) -> Document:
    """Read the YAML file at `path`.

    Args:
        within: The repository that it belongs to, which no symbolic link may leave.

    Raises:
        InputError: That is not possible; with the problems of the document, each at its line and column.
    """
    logging.getLogger(__name__).debug("read %s", path)
    try:
        text = read_bounded(path, within=within).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", hint="Correct the path, or create the file.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        position = Position(path, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        message = f"the file is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}."
        raise invalid(path, [Problem(position, message, "Save the file as UTF-8.")]) from error
    return parse(text, path, yaml_1_1=yaml_1_1)


def parse(text: str, path: Path, *, yaml_1_1: bool = False) -> Document:
    """Read YAML from `text`; `path` is only for positions. Raises as `read` does."""
    if (found := _REFUSED.search(text)) is not None:
        before = text[: found.start()]
        position = Position(path, before.count("\n") + 1, found.start() - before.rfind("\n"))
        raise invalid(path, [Problem(position, f"the character {found[0]!r} is not allowed here.")])
    document = Document(path, None)
    try:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        _Builder(document, events, _plain_1_1 if yaml_1_1 else _plain_1_2).build()
    except yaml.MarkedYAMLError as error:
        raise invalid(path, [_syntax_problem(error, text, path)]) from error
    return document


def _syntax_problem(error: Any, text: str, path: Path) -> Problem:
    mark, rest = error.problem_mark, text.split("\n")[error.problem_mark.line :]
    if error.context_mark and not any(line.strip() for line in rest):
        at, message = error.context_mark, f"{error.problem}, and the file ends here."
    else:
        where = f" ({error.context}, line {error.context_mark.line + 1})" if error.context_mark else ""
        at, message = mark, f"{error.problem}{where}."
    if rest and rest[0][mark.column :].startswith("\t"):
        message = "there is a tab. YAML is indented by spaces."
    elif "escape code" in error.problem:
        message = "the character of this escape code is not allowed here."
    return Problem(Position(path, at.line + 1, at.column + 1), message)


class _Builder:
    """Makes a document of the parser's events: first nodes, in which an alias is the node of its anchor, then values.

    A node is its position and its content: a scalar's value, or a list or a mapping of entries. An entry is the
    position of its key (or list item) and its node. Values of an alias so have the positions of the anchor's.
    """

    def __init__(self, document: Document, events: Iterator[Event], plain: Callable[[str], Any]) -> None:
        self._document = document
        self._events = events
        self._plain = plain
        self._nodes = 0
        self._anchors: dict[str | None, Node | None] = {}
        """The node of each anchor; None while it is being read. Nodes without an anchor have the key None."""

    def build(self) -> None:
        stream = next(self._events)
        if not hasattr(next(self._events), "explicit"):
            raise self._problem(stream, "the file is empty.", "Write it, or restore it from version control.")
        root = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        following = next(self._events)
        if hasattr(following, "explicit"):
            raise self._problem(following, "a second document begins here.", "Write one document in each file.")
        self._document.data = self._value(root, ())

    def _node(self, event: Event, depth: int) -> Node:
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._anchored(event)
        self._nodes += 1
        position = self._position(event)
        self._limit(position, depth, self._nodes)
        self._anchors[event.anchor] = None
        if kind == "ScalarEvent":
            content = self._scalar(event)
        elif event.tag not in (None, "!", _TAG + ("map" if kind == "MappingStartEvent" else "seq")):
            raise self._problem(event, f"the tag {event.tag} is not allowed here.")
        elif kind == "MappingStartEvent":
            content = self._entries(depth + 1)
        else:
            content = [(self._position(item), self._node(item, depth + 1)) for item in self._until("SequenceEndEvent")]
        self._anchors[event.anchor] = position, content
        return position, content

    def _until(self, end: str) -> Iterator[Event]:
        return itertools.takewhile(lambda event: type(event).__name__ != end, self._events)

    def _anchored(self, alias: Event) -> Node:
        if alias.anchor not in self._anchors:
            raise self._problem(alias, f"no anchor &{alias.anchor} is above the alias *{alias.anchor}.")
        node = self._anchors[alias.anchor]
        if node is None:
            raise self._problem(alias, "an alias that contains itself.")
        return node

    def _entries(self, depth: int) -> dict[str, Entry]:
        """The entries of a mapping, with those of its merge key: https://yaml.org/type/merge.html ."""
        entries: dict[str, Entry] = {}
        merge: Event = None
        for event in self._until("MappingEndEvent"):
            if type(event).__name__ != "ScalarEvent":
                raise self._problem(event, "a key must be text.")
            key = self._text(event)
            if event.implicit[0] and key != "<<":
                self._compare(event, key, key)
            if key in entries:
                raise self._problem(event, f"the key {shown(key)} is here twice.")
            merge = event if key == "<<" and event.implicit[0] else merge
            entries[key] = self._position(event), self._node(next(self._events), depth)
        if merge is None:
            return entries
        at, node = entries.pop("<<")
        merged: dict[str, Entry] = {}
        for _, (_, source) in node[1] if isinstance(node[1], list) else [(at, node)]:
            if not isinstance(source, dict):
                raise self._problem(merge, "a merge key (<<) takes a mapping, or a list of mappings.")
            merged |= {key: entry for key, entry in source.items() if key not in entries and key not in merged}
        return merged | entries

    def _value(self, node: Node, at: Location) -> Any:
        """The value of a node, whose positions are noted at a location of the document."""
        position, content = node
        document = self._document
        self._limit(position, len(at), len(document.values) + 1)
        document.values[at] = position
        if not isinstance(content, dict | list):
            return content
        values = {}
        for key, (key_position, inner) in content.items() if isinstance(content, dict) else enumerate(content):
            place = (*at, key)
            document.keys[place] = key_position
            values[key] = self._value(inner, place)
        return values if isinstance(content, dict) else list(values.values())

    def _limit(self, position: Position, depth: int, size: int) -> None:
        if depth > MAX_DEPTH or size > MAX_NODES:
            message = f"the document has more than {MAX_NODES} values, with what its aliases stand for."
            if depth > MAX_DEPTH:
                message = f"the document is nested too deeply: at most {MAX_DEPTH} levels are allowed."
            raise invalid(self._document.path, [Problem(position, message)])

    def _scalar(self, event: Event) -> Any:
        text = self._text(event)
        if event.tag in (None, "!", _TAG + "str"):
            return self._number(event, text) if event.tag is None and event.implicit[0] else text
        kind, words = _TAGS.get(event.tag, (None, ""))
        if kind is None:
            raise self._problem(event, f"the tag {event.tag} is not allowed here.")
        value = self._number(event, text, as_float=kind is float)
        if type(value) is not kind:
            raise self._problem(event, f"{shown(text)} is not {words}.")
        return value

    def _number(self, event: Event, text: str, *, as_float: bool = False) -> Any:
        try:
            value = self._plain(text)
            if type(value) is int:
                str(
                    value
                )  # raises ValueError for more digits than Python writes: hexadecimal ones are read without limit
                value = float(value) if as_float else value
            self._compare(event, text, value)
        except (ArithmeticError, ValueError) as error:
            raise self._problem(event, f"{shown(text)} is not a number that can be read.") from error
        return value

    def _compare(self, event: Event, text: str, value: Any) -> None:
        """Note a plain word that YAML 1.1 and YAML 1.2 read differently."""
        if self._plain is not _plain_1_1:
            return
        old, new = _plain_1_1(text), _plain_1_2(text)
        if (type(old), old) != (type(new), new) and not (old != old and new != new):  # noqa: PLR0124 - nan
            message = f"Azure ML reads {text} as {shown(old)} (YAML 1.1); YAML 1.2 reads {shown(new)}."
            suggestion = "Put it in quotes." if value == text else f"Write {shown(old)}, or put it in quotes."
            self._document.ambiguous.append(Problem(self._position(event), message, suggestion))

    def _text(self, event: Event) -> str:
        # Only an escape in double quotes can make a character that the file itself does not have.
        if event.style == '"' and (found := _CONTROL.search(event.value)) is not None:
            raise self._problem(event, f"the character {found[0]!r} is not allowed here.")
        return str(event.value)

    def _position(self, event: Event) -> Position:
        mark = event.start_mark
        return Position(self._document.path, mark.line + 1, mark.column + 1)

    def _problem(self, event: Event, message: str, suggestion: str = "") -> InputError:
        return invalid(self._document.path, [Problem(self._position(event), message, suggestion)])


_TAG = "tag:yaml.org,2002:"
_TAGS: dict[str, tuple[type, str]] = {
    _TAG + "bool": (bool, "true or false"),
    _TAG + "float": (float, "a number"),
    _TAG + "int": (int, "a whole number"),
    _TAG + "null": (type(None), "null"),
}
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (re.compile("[-+]?[0-9]+"), int),
    (re.compile("0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
"""The spellings of numbers in YAML 1.2's core schema, and how each is read."""


def _plain_1_2(text: str) -> Any:
    """A plain word as YAML 1.2's core schema reads it."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    return next((read_as(text) for spelling, read_as in _NUMBERS if spelling.fullmatch(text)), text)


_LOADER_1_1 = yaml.SafeLoader("")


def _plain_1_1(text: str) -> Any:
    """A plain word as PyYAML's safe loader reads it; dates stay text."""
    tag = _LOADER_1_1.resolve(yaml.ScalarNode, text, (True, False))
    return _LOADER_1_1.construct_object(yaml.ScalarNode(tag, text)) if tag in _TAGS else text
