"""Writes YAML: plain data as a document, and one more entry in a document that a person wrote.

`with_entry` changes the text where the entry stands and nowhere else, so that comments, order, blank lines and quotes
stay as they are.
"""

import contextlib
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError
from bootstrap.yaml.parse import parse

_INDENT = 2


def as_yaml(data: Any) -> str:
    """Plain data as YAML, which `parse` reads back."""
    import yaml

    text: str = yaml.dump(data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.removesuffix("...\n").rstrip("\n")


def as_yaml_line(data: Any) -> str:
    """Plain data as one line of YAML, for messages: `8`, `westeurope`, `{name: cpu, size: Standard_D4ds_v5}`."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(
        data, Dumper=dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    return text.removesuffix("\n").removesuffix("\n...")


@functools.cache
def _dumper() -> Any:
    """PyYAML's dumper, which quotes what YAML 1.1 would not read as text; here also what YAML 1.2 would not."""
    import yaml

    dumper = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    number = re.compile(r"[-+]?(?:0o[0-7]+|\.?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)")
    yaml.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"), None, dumper)
    return dumper


def with_entry(text: str, path: Path, location: Sequence[str], value: Mapping[str, str]) -> str:
    """The text of a document with a mapping at `location`, added or changed; everything else as it was.

    Args:
        text: The document; empty for a new one.
        path: Only for messages.

    Raises:
        InputError: The document is not valid, or cannot be changed without touching other entries of it.
    """
    import yaml

    data = parse(text, path).data if _has_content(text) else {}
    expected = _merged(data, location, value)
    if data == expected:
        return text
    if expected is not None:
        root = yaml.compose(text, Loader=yaml.SafeLoader) if _has_content(text) else None
        block = _block(location, value, 0)
        changed = _append(text, len(text), block) if root is None else _changed(text, root, location, value)
        with contextlib.suppress(InputError):
            if parse(changed, path).data == expected:
                return changed
    raise InputError(
        f"{path} cannot be changed without touching other entries.",
        why="An anchor, an alias, a tag or a value that is no mapping is in the way.",
        hint="Add the entry by hand.",
        details=_block(location, value, 0).split("\n"),
    )


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _merged(data: Any, location: Sequence[str], value: Mapping[str, str]) -> Any:
    """What the document must mean afterwards; None when something that is no mapping is in the way."""
    if data is not None and not isinstance(data, dict):
        return None
    if not location:
        return {**(data or {}), **value}
    inner = _merged((data or {}).get(location[0]), location[1:], value)
    return None if inner is None else {**(data or {}), location[0]: inner}


def _block(location: Sequence[str], value: Mapping[str, str], indent: int) -> str:
    nested: Any = dict(value)
    for key in reversed(location):
        nested = {key: nested}
    return "\n".join(" " * indent + line for line in as_yaml(nested).split("\n"))


def _changed(text: str, node: Any, location: Sequence[str], value: Mapping[str, str]) -> str:
    key_node, in_block = node, True
    for depth, key in enumerate(location):
        found = _entry(node, key)
        if found is None:
            return _inserted(text, key_node, node, location[depth:], value, in_block=in_block)
        in_block = not node.flow_style
        key_node, node = found
    for key, new in value.items():
        found = _entry(node, key)
        if found is None:
            return _inserted(text, key_node, node, (), value, in_block=in_block)
        if found[1].value != new:
            # One change moves what comes after it: go on with the document as it is now.
            start, end = found[1].start_mark.index, found[1].end_mark.index
            import yaml

            text = text[:start] + yaml.dump(new, default_style='"', width=1_000_000).rstrip("\n") + text[end:]
            return _changed(text, yaml.compose(text, Loader=yaml.SafeLoader), location, value)
    return text


def _entry(node: Any, key: str) -> Any:
    """The key and the value at a key of a mapping; None when there is none."""
    entries = node.value if node.id == "mapping" else []
    return next((entry for entry in entries if entry[0].value == key), None)


def _inserted(
    text: str, key_node: Any, node: Any, location: Sequence[str], value: Mapping[str, str], *, in_block: bool
) -> str:
    """The text with a new entry in the mapping `node`, which is the value at `key_node`."""
    if node.id == "mapping" and node.value and node.flow_style:
        end = node.value[-1][1].end_mark.index
        return text[:end] + ", " + _flow(location, value) + text[end:]
    if node.id == "mapping" and node.value:
        lines = _block(location, value, node.value[0][0].start_mark.column)
        return _append(text, _content_end(node, text), lines)
    start, end = node.start_mark.index, node.end_mark.index
    if "#" in text[start:end]:
        start = text.index("{", start) + 1
        return text[:start] + _flow(location, value) + text[start:]
    if not in_block:
        return text[:start].rstrip(" ") + " {" + _flow(location, value) + "}" + text[end:]
    indent = 0 if key_node is node else key_node.start_mark.column + _INDENT
    return _append(
        text[:start].rstrip(" ") + text[end:], len(text[:start].rstrip(" ")), _block(location, value, indent)
    )


def _flow(location: Sequence[str], value: Mapping[str, str]) -> str:
    import json

    nested = "{" + ", ".join(f"{key}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()) + "}"
    for key in reversed(location):
        nested = f"{{{key}: {nested}}}"
    return nested[1:-1]


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
