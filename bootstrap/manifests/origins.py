"""Which line of which manifest each value of a stack comes from, and which layer that line belongs to.

Values are told as the manifests spell them, so that who wants to change one knows what to look for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bootstrap.manifests.layers import BUILT_IN, Placed, Written
from bootstrap.manifests.merge import Merge
from bootstrap.manifests.schema import Layer, LinksManifest, PlatformManifest, TeamManifest
from bootstrap.yaml import Location


@dataclass(frozen=True)
class Origin:
    """A value and where it was said.

    Attributes:
        key: As the manifests spell it: `compute.0.size`.
        layer: "built-in", "organization", "environment", "team", "team's environment", "hub" or "links".
        source: File and line, relative to the platform's folder; None when built in.
    """

    key: str
    value: Any
    layer: str
    source: str | None


def origins_of_environment(merge: Merge, team: Written, environment: str) -> list[Origin]:
    """The values of a team's environment: who it is, what the layers say, what is the team's and the hub's own."""
    own: TeamManifest = team.manifest
    links: LinksManifest = merge.links.manifest
    places = _Places(merge)
    found = [
        *places.of_organization(),
        *places.own("environment", merge.platform, ("environments", environment)),
        *places.layered(merge.layers(team, environment).placed),
        *places.own("team", team, ()),
        *places.of_hub(),
    ]
    for project, linked in links.teams.get(own.name, {}).items():
        if environment in linked:
            at = ("teams", own.name, project, environment)
            found += places.leaves(linked[environment], merge.links, at, "links", f"links.{project}")
    return found


def origins_of_hub(merge: Merge) -> list[Origin]:
    """The values of the hub: the organization's, and on top of them the hub's own."""
    places = _Places(merge)
    layered = [origin for origin in places.layered(merge.layers().placed) if origin.key not in _NOT_OF_HUB]
    return [*places.of_organization(), *layered, *places.of_hub()]


_NOT_OF_HUB = ("protect",)
"""Keys of layers that do not decide for the hub, which is always protected."""


@dataclass(frozen=True)
class _Places:
    """Finds the lines of values in the manifests of one platform."""

    merge: Merge

    def of_organization(self) -> Iterator[Origin]:
        yield from self.own("organization", self.merge.platform, ())

    def of_hub(self) -> Iterator[Origin]:
        manifest: PlatformManifest = self.merge.platform.manifest
        yield from self.leaves(manifest.hub, self.merge.platform, ("hub",), "hub", "hub")

    def own(self, layer: str, written: Written, at: Location) -> Iterator[Origin]:
        """What a manifest, or its section at `at`, says beside what any layer can."""
        section = written.manifest
        for part in at:
            section = section[part] if isinstance(section, Mapping) else getattr(section, str(part))
        for key in type(section).model_fields:
            if key not in Layer.model_fields and key not in ("environments", "hub", "schema_version"):
                yield from self._field(section, key, written, at, layer, "")

    def layered(self, placed: Sequence[Placed]) -> Iterator[Origin]:
        """What the layers say, key by key: of mappings the innermost of each word, else the innermost value."""
        for key in Layer.model_fields:
            if isinstance(getattr(BUILT_IN, key), Mapping):
                yield from self._added(placed, key)
                continue
            for place in reversed(placed):
                if getattr(place.layer, key) is not None:
                    yield from self._field(place.layer, key, place.written, place.location, place.name, "")
                    break

    def _added(self, placed: Sequence[Placed], key: str) -> Iterator[Origin]:
        merged: dict[str, Origin] = {}
        for place in placed:
            for word, value in getattr(place.layer, key).items():
                found = self.leaves(value, place.written, (*place.location, key, word), place.name, f"{key}.{word}")
                merged = {name: origin for name, origin in merged.items() if not _within(name, f"{key}.{word}")}
                merged |= {origin.key.lower(): origin for origin in found}
        yield from (merged[name] for name in sorted(merged))

    def _field(
        self, section: BaseModel, key: str, written: Written, at: Location, layer: str, prefix: str
    ) -> Iterator[Origin]:
        value = getattr(section, key)
        if key not in section.model_fields_set or layer == "built-in":
            layer = "built-in"
        path = f"{prefix}.{key}" if prefix else key
        yield from self.leaves(value, written, (*at, key), layer, path)

    def leaves(self, value: Any, written: Written, at: Location, layer: str, path: str) -> Iterator[Origin]:
        """The single values in `value`, which stands at `at`; what is not said, and not built in, is left out."""
        if isinstance(value, BaseModel):
            for key in type(value).model_fields:
                yield from self._field(value, key, written, at, layer, path)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from self.leaves(item, written, (*at, key), layer, f"{path}.{key}")
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from self.leaves(item, written, (*at, index), layer, f"{path}.{index}")
        elif value is not None:
            yield Origin(path, value, layer, None if layer == "built-in" else self._line(written, at))

    def _line(self, written: Written, at: Location) -> str:
        return self.merge.origin(written.at(*at))


def _within(name: str, key: str) -> bool:
    return name == key.lower() or name.startswith(f"{key.lower()}.")
