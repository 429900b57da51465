"""The layers that can speak about a stack, and what each of them says, with its place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from bootstrap.errors import Position
from bootstrap.manifests.schema import Layer
from bootstrap.yaml import Document, Location
from infra.settings import SuppressionSettings


@dataclass(frozen=True)
class Said:
    """A value and where it was said; for a list, where each item stands; for a section, where each of its keys does."""

    value: Any
    position: Position
    items: Sequence[Position] = ()
    keys: Mapping[str, Position] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """A manifest with the document that it was read from."""

    manifest: Any
    document: Document

    def at(self, *location: str | int) -> Position:
        """Where the key or item at `location` stands."""
        return self.document.position(location, of_key=True)

    def said(self, value: Any, *location: str | int) -> Said:
        """The value at `location`, with its place and those of what is in it."""
        items = [self.at(*location, index) for index in range(len(value))] if isinstance(value, list) else ()
        fields = type(value).model_fields if isinstance(value, BaseModel) else ()
        return Said(value, self.at(*location), items, {name: self.at(*location, name) for name in fields})


LayerName = Literal["built-in", "organization", "environment", "team", "team's environment"]


@dataclass(frozen=True)
class Placed:
    """A layer, and its place in the document that says it."""

    name: LayerName
    layer: Layer
    written: Written
    location: Location = ()


BUILT_IN = Layer(network="open", firewall_sku="Standard", protect=False, self_service=True)
"""What holds where no manifest says anything: the outermost layer."""

NOWHERE = Path("built-in")
"""The file that built-in values are said to come from."""

OUTERMOST = Placed("built-in", BUILT_IN, Written(BUILT_IN, Document(NOWHERE, {})))
"""The layer of what is built in, with its place."""


@dataclass(frozen=True)
class Layers:
    """What the layers of one stack say, from the outermost to the innermost."""

    placed: Sequence[Placed]

    def said(self, key: str) -> Said | None:
        """The innermost value of a key; None when no layer says it."""
        for place in reversed(self.placed):
            value = getattr(place.layer, key)
            if value is not None:
                return place.written.said(value, *place.location, key)
        return None

    def value(self, key: str) -> Any:
        """The innermost value of a key; None when no layer says it."""
        said = self.said(key)
        return said.value if said else None

    def tags(self, built_in: Mapping[str, str]) -> dict[str, str]:
        """The tags of all layers; an inner one replaces an outer one of the same name, whatever its case."""
        merged = {name.lower(): (name, value) for name, value in built_in.items()}
        for place in self.placed:
            merged |= {name.lower(): (name, value) for name, value in place.layer.tags.items()}
        return dict(sorted(merged.values()))

    def suppressions(self, origin: Callable[[Position], str]) -> tuple[SuppressionSettings, ...]:
        """The suppressions of all layers, from the outermost."""
        return tuple(
            SuppressionSettings(
                rule=said.rule,
                resource=said.resource,
                reason=said.reason,
                until=said.until,
                origin=origin(place.written.at(*place.location, "suppress", index)),
            )
            for place in self.placed
            for index, said in enumerate(place.layer.suppress)
        )
