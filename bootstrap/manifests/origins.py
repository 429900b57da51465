"""The manifest line that sets each value of a stack, and the layer of that line.

The keys are those of the manifests' models, so a new key appears here by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bootstrap.manifests.layers import BUILT_IN, Layers, Manifests, Sourced
from bootstrap.manifests.platform import find_platform
from bootstrap.manifests.schema import LayerKeys
from infra.settings import HubSettings


@dataclass(frozen=True)
class Origin:
    """A value and the manifest line that sets it.

    Attributes:
        key: As the manifests spell it: `compute.0.size`.
        layer: "built-in", "organization", "environment", "team", "team's environment", "hub" or "links".
        source: File and line, relative to the platform's folder; None when built in.
    """

    key: str
    value: Any
    layer: str
    source: str | None


def find_origins(start: Path, stack: str) -> list[Origin]:
    """The origin of each value of a stack of the platform that `start` lies in.

    Raises:
        InputError: There is no such stack, or as `find_platform` does.
        MissingError: `start` is in no platform.
    """
    platform = find_platform(start)
    manifests = platform.manifests
    [settings] = platform.selected([stack])
    organization = _own(manifests, "organization", manifests.platform)
    hub = _leaves(manifests, manifests.platform.get("hub"), "hub", "hub")
    if isinstance(settings, HubSettings):
        # The hub is always protected, whatever a layer sets.
        layered = (origin for origin in _layered(manifests, manifests.layers()) if origin.key != "protect")
        return [*organization, *layered, *hub]
    team, environment = settings.team, settings.environment
    found = [
        *organization,
        *_own(manifests, "environment", manifests.platform.get("environments", environment)),
        *_layered(manifests, manifests.layers(team, environment)),
        *_own(manifests, "team", manifests.teams[team]),
        *hub,
    ]
    for project, linked in manifests.links.value.teams.get(team, {}).items():
        if environment in linked:
            found += _leaves(
                manifests, manifests.links.get("teams", team, project, environment), "links", f"links.{project}"
            )
    return found


def _own(manifests: Manifests, layer: str, section: Sourced) -> Iterator[Origin]:
    """The keys of a manifest, or of a section, that are not those of any layer."""
    for key in type(section.value).model_fields:
        if key not in LayerKeys.model_fields and key not in ("environments", "hub", "schema_version"):
            yield from _leaves(manifests, section.get(key), _layer_of(section.value, key, layer), key)


def _layered(manifests: Manifests, layers: Layers) -> Iterator[Origin]:
    """The keys of the layers: the innermost value of each, or for tags and suppressions those of all layers."""
    for key in LayerKeys.model_fields:
        setting = [(name, keys) for name, keys in layers.items() if getattr(keys.value, key) is not None]
        if isinstance(getattr(BUILT_IN.value, key), Mapping):
            entries = {tag.lower(): (name, keys, tag) for name, keys in setting for tag in getattr(keys.value, key)}
            for name, keys, tag in (entries[tag] for tag in sorted(entries)):
                yield from _leaves(manifests, keys.get(key, tag), name, f"{key}.{tag}")
        elif isinstance(getattr(BUILT_IN.value, key), list):
            items = [(name, item) for name, keys in setting for item in keys.get(key).items()]
            for index, (name, item) in enumerate(items):
                yield from _leaves(manifests, item, name, f"{key}.{index}")
        elif setting:
            name, keys = setting[-1]
            yield from _leaves(manifests, keys.get(key), name, key)


def _layer_of(section: BaseModel, key: str, layer: str) -> str:
    return layer if key in section.model_fields_set else "built-in"


def _leaves(manifests: Manifests, source: Sourced, layer: str, path: str) -> Iterator[Origin]:
    """The single values in a value; what is not set, and not built in, is left out."""
    value = source.value
    if isinstance(value, BaseModel):
        for key in type(value).model_fields:
            yield from _leaves(manifests, source.get(key), _layer_of(value, key, layer), f"{path}.{key}")
    elif isinstance(value, Mapping):
        for key in value:
            yield from _leaves(manifests, source.get(key), layer, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(source.items()):
            yield from _leaves(manifests, item, layer, f"{path}.{index}")
    elif value is not None:
        yield Origin(path, value, layer, None if layer == "built-in" else manifests.origin(source.position))
