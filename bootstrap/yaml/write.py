"""Writes YAML: plain data as a document, and one more entry in a document that a person wrote.

`with_entry` changes the text where the entry stands and nowhere else, so that comments, order, blank lines and quotes
stay as they are.
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import InputError
from bootstrap.yaml.parse import parse

_INDENT = 2

_DUMPER: Any = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
"""PyYAML's dumper, which quotes what YAML 1.1 would not read as text; here also what YAML 1.2 would not."""

_NUMBER_1_2 = re.compile(r"[-+]?(?:0o[0-7]+|\.?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)\Z")
yaml.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER_1_2, list("-+.0123456789"), None, _DUMPER)

_LINE_DUMPER: Any = type("LineDumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})
"""PyYAML's fast dumper, which writes text with line breaks in double quotes: on one line."""


def _represent_text(dumper: Any, text: str) -> Any:
    style = '"' if len(f"{text}.".splitlines()) > 1 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


yaml.add_representer(str, _represent_text, _LINE_DUMPER)


def as_yaml(data: Any) -> str:
    """Plain data as YAML, which `parse` reads back."""
    text: str = yaml.dump(data, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.removesuffix("...\n").rstrip("\n")


def as_yaml_line(data: Any) -> str:
    """Plain data as one line of YAML, for messages: `8`, `westeurope`, `{name: cpu, size: Standard_D4ds_v5}`."""
    text: str = yaml.dump(
        data, Dumper=_LINE_DUMPER, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31 - 1
    )
    return text.removesuffix("\n").removesuffix("\n...")


def with_entry(text: str, path: Path, location: Sequence[str], value: Mapping[str, Any]) -> str:
    """The text of a document with a mapping at `location`, added or changed; everything else as it was.

    Args:
        text: The document; empty for a new one.
        path: Only for messages.

    Raises:
        InputError: The document is not valid, or cannot be changed without touching other entries of it.
    """
    data = parse(text, path).data if re.search(r"^[ \t]*[^#\s]", text, re.MULTILINE) else {}  # or comments only
    expected = _merged(data, location, value)
    if data == expected:
        return text
    if expected is not None:
        with contextlib.suppress(InputError, yaml.YAMLError):
            changed = text
            for key, new in value.items():
                changed = _changed(changed, [*location, key], new)
            if not value:
                changed = _changed(changed, location, {})
            if parse(changed, path).data == expected:
                return changed
    raise InputError(
        f"{path} cannot be changed without touching other entries.",
        why="An anchor, an alias, a tag or a value that is no mapping is in the way.",
        hint="Add the entry by hand.",
        details=_block(location, dict(value), 0).split("\n"),
    )


def _merged(data: Any, location: Sequence[str], value: Mapping[str, Any]) -> Any:
    """What the document must mean afterwards; None when something that is no mapping is in the way."""
    if data is not None and not isinstance(data, dict):
        return None
    if not location:
        return {**(data or {}), **value}
    inner = _merged((data or {}).get(location[0]), location[1:], value)
    return None if inner is None else {**(data or {}), location[0]: inner}


def _changed(text: str, location: Sequence[str], value: Any) -> str:
    """The text with one value added or changed."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return _append(text, len(text), _block(location, value, 0))
    key_node, in_block = node, True
    for depth, key in enumerate(location):
        found = next((entry for entry in node.value if entry[0].value == key), None) if node.id == "mapping" else None
        if found is None:
            return _inserted(text, key_node, node, location[depth:], value, in_block=in_block)
        in_block = not node.flow_style
        key_node, node = found
    if node.value == value:
        return text
    return text[: node.start_mark.index] + _quoted(value) + text[node.end_mark.index :]


def _inserted(text: str, key_node: Any, node: Any, location: Sequence[str], value: Any, *, in_block: bool) -> str:
    """The text with a new entry in the mapping `node`, which is the value at `key_node`."""
    flow = _quoted(value)
    for key in reversed(location[1:]):
        flow = f"{{{key}: {flow}}}"
    flow = f"{location[0]}: {flow}"
    if node.id == "mapping" and node.value and node.flow_style:
        end = node.value[-1][1].end_mark.index
        return text[:end] + ", " + flow + text[end:]
    if node.id == "mapping" and node.value:
        return _append(text, _content_end(node, text), _block(location, value, node.value[0][0].start_mark.column))
    start, end = node.start_mark.index, node.end_mark.index
    if "#" in text[start:end]:
        start = text.index("{", start) + 1
        return text[:start] + flow + text[start:]
    before = text[:start].rstrip(" ")
    if not in_block:
        return before + " {" + flow + "}" + text[end:]
    indent = 0 if key_node is node else key_node.start_mark.column + _INDENT
    return _append(before + text[end:], len(before), _block(location, value, indent))


def _block(location: Sequence[str], value: Any, indent: int) -> str:
    for key in reversed(location):
        value = {key: value}
    return "\n".join(" " * indent + line for line in as_yaml(value).split("\n"))


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else as_yaml_line(value)


def _content_end(node: Any, text: str) -> int:
    """Where the last value of a block mapping ends; a block's own end is where the next key begins."""
    while node.id != "scalar" and node.value and not node.flow_style:
        node = node.value[-1][1] if node.id == "mapping" else node.value[-1]
    return len(text[: node.end_mark.index].rstrip())


def _append(text: str, at: int, lines: str) -> str:
    """The text with new lines after the line of a place."""
    newline = "\r\n" if "\r\n" in text else "\n"
    end = text.find("\n", at)
    before, after = (text, "") if end < 0 else (text[: end + 1], text[end + 1 :])
    if before and not before.endswith("\n"):
        before += newline
    return before + lines.replace("\n", newline) + newline + after
