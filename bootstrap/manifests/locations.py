"""The Azure locations of manifests: those that Azure does not have are refused at their lines."""

from collections.abc import Iterator

from bootstrap.errors import nearest
from bootstrap.manifests.layers import Layers, Manifests, Sourced
from infra.tables import regions

_SUPPRESSION = "location-known"


def check_locations(manifests: Manifests) -> None:
    """Report the locations that Azure does not have, whether a stack uses them or not.

    The table has a date. A suppression of the rule `location-known` admits a region that is newer.
    """
    for section, layers in _sections(manifests):
        if any(one.rule == _SUPPRESSION for one in manifests.suppressions(layers)):
            continue
        for source in _locations(section):
            manifests.report(source.position, *unknown_location(source.value), when=not regions.is_known(source.value))


def unknown_location(location: str) -> tuple[str, str]:
    """What is wrong with a location that is not in the list of Azure's regions, and what was probably meant."""
    near = nearest(location, regions.REGIONS)
    message = f"the location {location!r} is not in the list of Azure's regions as of {regions.AS_OF}."
    meant = f"Did you mean {near!r}? " if near is not None else ""
    return message, f"{meant}If Azure has added it since, suppress {_SUPPRESSION}."


def _sections(manifests: Manifests) -> Iterator[tuple[Sourced, Layers]]:
    """The parts of the manifests that can have locations, each with the layers whose suppressions apply to it."""
    yield manifests.platform, manifests.layers()
    yield manifests.platform.get("hub"), manifests.layers()
    for name in manifests.organization.environments:
        yield manifests.platform.get("environments", name), manifests.layers("", name)
    for team, source in manifests.teams.items():
        yield source, manifests.layers(team)
        for name in source.value.environments:
            yield source.get("environments", name), manifests.layers(team, name)


def _locations(section: Sourced) -> Iterator[Sourced]:
    if section.value.location is not None:
        yield section.get("location")
    for key in ("registry_replicas", "registry_locations"):
        if getattr(section.value, key, None) is not None:
            yield from section.get(key).items()
