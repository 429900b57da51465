"""The manifest line that configures a resource. The children of a component inherit the component's origin."""

from weakref import WeakKeyDictionary

import pulumi

_ORIGINS: "WeakKeyDictionary[pulumi.Resource, str]" = WeakKeyDictionary()


def set_origin(resource: pulumi.Resource, origin: str) -> None:
    """Record that the manifest line `origin` (`teams/fraud.yaml:7`) configures `resource`."""
    _ORIGINS[resource] = origin


def origin_of(resource: pulumi.Resource) -> str | None:
    """The manifest line that was recorded for this resource itself."""
    return _ORIGINS.get(resource)
