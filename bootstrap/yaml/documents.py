"""The YAML that people write, read strictly: every mistake is named with its file, line and column.

Manifests, `mlops.yaml`, gate rules, answers and pipelines all come through `load` or `read`. What is refused: bytes
that are not UTF-8, broken or empty YAML, duplicate keys, keys that are not strings, tags that would make objects,
documents that expand to more than `MAX_NODES` values, and, against a Pydantic model, unknown keys and wrong values. All
mistakes of a document are told at once.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from bootstrap.errors import InputError, did_you_mean
from bootstrap.yaml.compose import Node, compose
from bootstrap.yaml.messages import in_words, shown

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    Model = TypeVar("Model", bound=BaseModel)

_SCHEMA_VERSION = 1
"""The version of all our documents."""

MAX_NODES = 200_000
"""How many values one document may hold after its aliases are followed; more is an attack or a mistake."""

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)

_TEXT = "tag:yaml.org,2002:str"

_KINDS = {
    "bool": "true or false", "float": "a number", "int": "a whole number", "null": "null", "timestamp": "a day"
}  # fmt: skip
"""What a value has to be, by the end of its tag."""

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""What an escape can write and no text has: control characters, which a terminal would obey, and halves of others."""

Location = tuple[str | int, ...]
"""A path of keys and indexes into a document."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; line and column count from 1. A thousand manifests have a hundred thousand of them."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass
class Document:
    """A document as plain Python values, and where each of them stands.

    Attributes:
        data: Mappings, lists, strings, numbers, booleans and None.
        keys: The position of each key (or list item), by its location.
        values: The position of each value, by its location.
    """

    path: Path
    data: Any
    keys: dict[Location, Position] = field(default_factory=dict)
    values: dict[Location, Position] = field(default_factory=dict)

    def position(self, location: Location, *, of_key: bool = False) -> Position:
        """Where the value (or key) at `location` stands, or the nearest thing around it that is in the file."""
        positions = self.keys if of_key else self.values
        for length in range(len(location), -1, -1):
            if location[:length] in positions:
                return positions[location[:length]]
            positions = self.values
        return Position(self.path, 1, 1)


@dataclass(frozen=True)
class Problem:
    """One mistake, with the place where it stands."""

    position: Position
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.position}: {self.message}" + (f" {self.suggestion}" if self.suggestion else "")


def load(path: Path, model: "type[Model]") -> "Model":
    """Read the YAML file at `path` into a Pydantic model.

    Raises:
        InputError: The file cannot be read, or has mistakes: all of them, each with line and column, in `details`.
    """
    return validated(read(path), model)


def validated(document: Document, model: "type[Model]") -> "Model":
    """The document as an instance of `model`. Raises InputError, with all mistakes in `details`."""
    value, problems = check(document, model)
    if value is None:
        raise invalid(document.path, problems)
    return value


def check(document: Document, model: "type[Model]") -> "tuple[Model | None, list[Problem]]":
    """The document as an instance of `model`, or None and every mistake in it."""
    from pydantic import ValidationError

    version = document.data.get("schema_version") if isinstance(document.data, dict) else None
    if "schema_version" in model.model_fields and isinstance(version, int) and version > _SCHEMA_VERSION:
        # Its other mistakes are only what this version does not know yet.
        at = document.position(("schema_version",))
        message = f"written for a newer mlops-bootstrap: it says {version}, and this one reads {_SCHEMA_VERSION}."
        return None, [Problem(at, message, "Update it: uv tool upgrade mlops-bootstrap")]
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, list(_problems(document, model, error.errors(include_url=False)))


def invalid(path: Path, problems: Iterable[Problem]) -> InputError:
    """The error that tells all mistakes of a document."""
    details = [str(problem) for problem in problems]
    count = "a mistake" if len(details) == 1 else f"{len(details)} mistakes"
    return InputError(f"{path} has {count}.", details=details, hint="Correct the file and run the command again.")


def read(path: Path) -> Document:
    """Read the YAML file at `path`. Raises InputError when it cannot be read or is not strict YAML."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text.",
            why=f"Byte {error.start} is {error.object[error.start]:#04x}.",
            hint="Save the file as UTF-8.",
        ) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """Read YAML from `text`; `path` is only named in positions. Raises as `read` does."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True, plug_ins=[])
    document = Document(path, None)
    try:
        root = compose(text, yaml)
        if root is None:
            raise InputError(f"{path} is empty.", hint="Write the document, or restore the file from version control.")
        _Reader(yaml, document).read(root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(path, mark.line + 1, mark.column + 1) if mark else Position(path, 1, 1)
        raise invalid(path, [Problem(position, f"{_in_words(error)}.")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        why = "It is nested too deeply." if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{path} is not valid YAML.", why=why) from error
    return document


def as_yaml(data: Any) -> str:
    """Plain data as YAML, which `parse` reads back."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True, plug_ins=[])
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = _NEVER_FOLDED
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue().removesuffix("...\n").rstrip("\n")


_NEVER_FOLDED = 1_000_000


def _in_words(error: "MarkedYAMLError") -> str:
    said = str(error.problem or error.context or "broken YAML")
    if said.startswith("but found"):
        said = f"{error.context}, {said}"
    return "there is a tab, and YAML is indented by spaces" if r"'\t'" in said else said


class _Reader:
    """Turns the parser's nodes into plain values, noting where each stands."""

    def __init__(self, yaml: "YAML", document: Document) -> None:
        self._yaml = yaml
        self._document = document
        self._count = 0
        self._open: set[int] = set()

    def read(self, root: Node) -> None:
        self._document.data = self._value(root, ())

    def _value(self, node: Node, at: Location) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise InputError(
                f"{self._document.path} expands to more than {MAX_NODES} values.", why="Its aliases multiply."
            )
        if id(node) in self._open:
            raise self._mistake(node, "an alias that contains itself.")
        if str(node.tag) not in _PLAIN_TAGS:
            raise self._mistake(node, f"the tag {node.tag} is not allowed here.")
        self._document.values[at] = self._position(node)
        self._open.add(id(node))
        try:
            if node.id == "mapping":
                return self._mapping(node, at)
            if node.id == "sequence":
                return [self._item(item, (*at, index)) for index, item in enumerate(node.value)]
            return self._scalar(node)
        finally:
            self._open.discard(id(node))

    def _item(self, node: Node, at: Location) -> Any:
        self._document.keys[at] = self._position(node)
        return self._value(node, at)

    def _mapping(self, node: Node, at: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if str(key_node.tag) == "tag:yaml.org,2002:merge":
                merged |= self._merge(value_node, at)
                continue
            key = self._key(key_node)
            if key in result:
                raise self._mistake(key_node, f"the key {shown(key)} is here twice.")
            place = (*at, key)
            self._document.keys[place] = self._position(key_node)
            result[key] = self._value(value_node, place)
        return {**{key: value for key, value in merged.items() if key not in result}, **result}

    def _merge(self, node: Node, at: Location) -> dict[str, Any]:
        sources = node.value if node.id == "sequence" else [node]
        merged: dict[str, Any] = {}
        for source in sources:
            value = self._value(source, at)
            if not isinstance(value, dict):
                raise self._mistake(node, "a merge key (<<) takes a mapping.")
            merged = {**value, **merged}
        return merged

    def _key(self, node: Node) -> str:
        if node.id != "scalar":
            raise self._mistake(node, "a key must be a word.")
        return self._text(node)

    def _scalar(self, node: Node) -> Any:
        if str(node.tag) == _TEXT:
            return self._text(node)
        try:
            value = self._yaml.constructor.construct_object(_scalar_node(node))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # What a tag promises and the text does not keep (`!!int ""`), ruamel finds out in many ways.
            kind = str(node.tag).rpartition(":")[2]
            raise self._mistake(node, f"{shown(node.value)} is not {_KINDS.get(kind, kind)}.") from error
        # Dates and binary data are rare where people mean text ("2026-01-01"): keep what they wrote.
        return value if isinstance(value, str | int | float | bool) or value is None else str(node.value)

    def _text(self, node: Node) -> str:
        if (found := _NO_TEXT.search(node.value)) is not None:
            raise self._mistake(node, f"the character {found.group()!r} is not allowed here.")
        return str(node.value)

    def _position(self, node: Node) -> Position:
        return Position(self._document.path, node.start_mark.line + 1, node.start_mark.column + 1)

    def _mistake(self, node: Node, message: str) -> InputError:
        return invalid(self._document.path, [Problem(self._position(node), message)])


def _scalar_node(node: Node) -> Node:
    """The node as ruamel's constructor wants it: libyaml's nodes are of another class."""
    from ruamel.yaml.nodes import ScalarNode

    return node if isinstance(node, ScalarNode) else ScalarNode(str(node.tag), node.value, node.start_mark)


def _problems(document: Document, model: "type[BaseModel]", items: "Sequence[ErrorDetails]") -> Iterator[Problem]:
    """Pydantic's errors as mistakes in the document: one for each value, however many things it could have been."""
    by_value: dict[Location, list[ErrorDetails]] = {}
    for item in items:
        by_value.setdefault(_place(document, item), []).append(item)
    for location, errors in by_value.items():
        first = errors[0]
        inner = any(other[: len(location)] == location for other in by_value if len(other) > len(location))
        if inner and first["type"].endswith("_type"):
            continue  # it could have been another thing, too; what is wrong within it says more
        if first["type"] == "extra_forbidden":
            key = str(location[-1])
            suggestion = did_you_mean(key, _known_keys(model, first["loc"][:-1]))
            yield Problem(document.position(location, of_key=True), f"unknown key {shown(key)}.", suggestion)
            continue
        key = location[-1] if location and isinstance(location[-1], str) else ""
        message, suggestion = in_words(errors, key)
        place = ".".join(str(part) for part in location)
        of_key = first["loc"][-1:] == (_KEY,)
        told = f"{place}: {message}." if place else f"{message}."
        yield Problem(document.position(location, of_key=of_key), told, suggestion)


_KEY = "[key]"
"""How Pydantic says that it speaks of a key, and not of its value."""


def _place(document: Document, item: "ErrorDetails") -> Location:
    """Where in the document an error stands, without what else Pydantic puts into a path: types that it tried."""
    value = document.data
    place: Location = ()
    for part in item["loc"]:
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inner, dict) and part in inner:
            value = inner[part]
            place += (part,)
    return (*place, item["loc"][-1]) if item["type"] == "missing" else place


def _known_keys(model: "type[BaseModel]", location: Location) -> set[str]:
    """The keys that the mapping at `location` of a document of type `model` may have."""
    from pydantic import BaseModel

    types: list[Any] = [model]
    for part in location:
        following: list[Any] = []
        for candidate in types:
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                fields = {(info.alias or name): info.annotation for name, info in candidate.model_fields.items()}
                following += _unfold(fields[str(part)]) if str(part) in fields else []
            else:  # a dict's or list's arguments: the last is that of its values; a union's tag is passed by
                arguments = get_args(candidate)
                following += _unfold(arguments[-1]) if arguments else []
        types = following or types
    models = [candidate for candidate in types if isinstance(candidate, type) and issubclass(candidate, BaseModel)]
    return {info.alias or name for candidate in models for name, info in candidate.model_fields.items()}


def _unfold(annotation: Any) -> list[Any]:
    """The alternatives of a union, without `Annotated` around them."""
    import types
    import typing

    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _unfold(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [single for argument in get_args(annotation) for single in _unfold(argument)]
    return [annotation]
