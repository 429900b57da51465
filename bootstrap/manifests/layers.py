"""The manifests of a platform, and the layers whose keys configure a stack: the innermost value of a key wins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bootstrap.errors import Position, Problem
from bootstrap.manifests.schema import TAGS, LayerKeys, PlatformManifest
from bootstrap.yaml import Document, Location
from infra.settings import SuppressionSettings
from infra.tables.network_modes import DEFAULT_MODE


@dataclass(frozen=True)
class Sourced:
    """A value of a manifest, with the document and the location that it was read from."""

    value: Any
    document: Document
    location: Location = ()

    @property
    def position(self) -> Position:
        """The position of the value's key or list item."""
        return self.at()

    def at(self, *path: str | int) -> Position:
        """The position of the key or item at a path below this value, or of the nearest one around it."""
        return self.document.position((*self.location, *path), of_key=True)

    def get(self, *path: str | int) -> "Sourced":
        """The value at a path below this one."""
        value = self.value
        for part in path:
            value = getattr(value, str(part)) if isinstance(value, BaseModel) else value[part]
        return Sourced(value, self.document, (*self.location, *path))

    def items(self) -> Iterator["Sourced"]:
        """The items of a list; none where it is not set."""
        return (self.get(index) for index in range(len(self.value or ())))


BUILT_IN = Sourced(
    LayerKeys(network=DEFAULT_MODE, firewall_sku="Standard", protect=False, self_service=True),
    Document(Path("built-in"), {}),
)
"""The values that no manifest sets."""

Layers = dict[str, Sourced]
"""The layers of one stack, from the outermost to the innermost: the parts of the manifests that can set the keys of
`LayerKeys`, by "built-in", "organization", "environment", "team" and "team's environment"."""


def innermost(layers: Layers, key: str) -> Sourced:
    """The innermost value of a key; where no layer sets it, the built-in one, which may be None."""
    setting = (layer for layer in reversed(layers.values()) if getattr(layer.value, key) is not None)
    return next(setting, BUILT_IN).get(key)


def tags(layers: Layers, **own: str) -> dict[str, str]:
    """The tags that no layer sets, and those of all layers, by their keys in `TAGS` and by `tags`.

    An inner one replaces an outer one of the same name, in any case.
    """
    merged = {name: (name, value) for name, value in {"managed-by": "mlops-bootstrap", **own}.items()}
    for layer in layers.values():
        keys = {tag: str(value) for key, tag in TAGS.items() if (value := getattr(layer.value, key, None)) is not None}
        merged |= {name.lower(): (name, value) for name, value in (*keys.items(), *layer.value.tags.items())}
    return dict(sorted(merged.values()))


@dataclass
class Manifests:
    """The manifests of one platform, each valid by itself.

    Attributes:
        root: The platform's folder; origins are relative to it.
        teams: By the name of the team.
        problems: What is wrong where the manifests meet; filled as settings are computed.
    """

    root: Path
    platform: Sourced
    teams: Mapping[str, Sourced]
    links: Sourced
    problems: list[Problem]

    @property
    def organization(self) -> PlatformManifest:
        """The content of `platform.yaml`."""
        manifest: PlatformManifest = self.platform.value
        return manifest

    def layers(self, team: str | None = None, environment: str = "") -> Layers:
        """The layers of a team's environment, or those that are left of it; without a team, those of the hub.

        Args:
            team: The layers of a team or an environment that the manifests do not have any more are left out.
        """
        layers = {"built-in": BUILT_IN, "organization": self.platform}
        if team is None:
            return layers
        if environment in self.organization.environments:
            layers["environment"] = self.platform.get("environments", environment)
        if team in self.teams:
            layers["team"] = self.teams[team]
            if environment in self.teams[team].value.environments:
                layers["team's environment"] = self.teams[team].get("environments", environment)
        return layers

    def suppressions(self, layers: Layers) -> tuple[SuppressionSettings, ...]:
        """The suppressions of all layers, from the outermost."""
        return tuple(
            SuppressionSettings(**dict(item.value), origin=self.origin(item.position))
            for layer in layers.values()
            for item in layer.get("suppress").items()
        )

    def origin(self, position: Position) -> str:
        """File and line of a position, relative to the platform's folder."""
        return f"{position.path.relative_to(self.root).as_posix()}:{position.line}"

    def report(self, position: Position, message: str, suggestion: str = "", *, when: bool = True) -> None:
        """Note a problem, if it exists. Stacks that share a layer meet the same problem; it is reported once."""
        problem = Problem(position, message, suggestion)
        if when and problem not in self.problems:
            self.problems.append(problem)
