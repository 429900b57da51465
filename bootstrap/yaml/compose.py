"""YAML text as a tree of nodes, each with its tag and its place; `bootstrap.yaml.documents` makes values of them.

ruamel.yaml is the judge of what is YAML 1.2. It is also slow: a thousand manifests take it most of ten seconds. So text
of everyday characters is read by libyaml first, which is forty times as fast, with ruamel's rules for what a plain word
means; what libyaml refuses, and every text with more than that in it, ruamel reads.
"""

import functools
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ruamel.yaml import YAML

Node = Any
"""A node of either library: `id` ("mapping", "sequence", "scalar"), `tag`, `value`, `start_mark`."""

_EVERYDAY = re.compile(r"[\n !-;=?-~\u00a1-\u2027\u2030-\ud7ff]*")
"""Text that libyaml, if it accepts it, reads as ruamel does: no tabs, no `<` of merges."""

_UNUSUAL = re.compile(r"(?:^|[\s,\[{(:])[!%?|>&*]|^(?:---|\.\.\.)", re.MULTILINE)
"""Tags, directives, block texts, aliases, keys in question form, several documents: where the two differ in details."""

_DEEP = 1_000
"""As many levels are no document that anybody wrote."""


def compose(text: str, yaml: "YAML") -> Node | None:
    """The root node of a document, None for an empty one. Raises ruamel's `YAMLError`, ValueError or RecursionError."""
    if _EVERYDAY.fullmatch(text) and not _UNUSUAL.search(text):
        root = _by_libyaml(text)
        if root is not None:
            return root
    from ruamel.yaml.error import ReusedAnchorWarning

    with warnings.catch_warnings():
        # YAML lets an anchor be said again: an alias means the nearest one above it.
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        return yaml.compose(text)


def _by_libyaml(text: str) -> Node | None:
    from yaml import YAMLError

    loader = _loader()
    if loader is None:
        return None
    try:
        if _is_deep(text, loader):
            return None
        reading = loader(text)
        try:
            return reading.get_single_node()
        finally:
            reading.dispose()
    except YAMLError:
        return None  # ruamel tells what is wrong, or knows better


def _is_deep(text: str, loader: Any) -> bool:
    """Whether something is nested so deeply that libyaml's nodes, which are made in C, could overflow the stack."""
    from yaml.events import CollectionEndEvent, CollectionStartEvent

    # Each level takes a bracket, or a column more.
    if text.count("[") + text.count("{") + max(map(len, text.split("\n"))) < _DEEP:
        return False
    reading = loader(text)
    depth = 0
    try:
        while (event := reading.get_event()) is not None and depth < _DEEP:
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
    finally:
        reading.dispose()
    return depth >= _DEEP


@functools.cache
def _loader() -> Any:
    """A loader of libyaml's with the plain words of YAML 1.2 (`no` is a string); None where PyYAML came without it."""
    try:
        from yaml.cyaml import CParser
    except ImportError:
        return None
    from ruamel.yaml.resolver import implicit_resolvers
    from yaml.resolver import BaseResolver

    class Loader(CParser, BaseResolver):  # type: ignore[misc] # both untyped
        def __init__(self, stream: str) -> None:
            CParser.__init__(self, stream)
            BaseResolver.__init__(self)

    for versions, tag, pattern, first in implicit_resolvers:
        if (1, 2) in versions:
            Loader.add_implicit_resolver(tag, pattern, first)
    return Loader
