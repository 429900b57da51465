"""Which line of which manifest asked for a resource. What a component makes has its component's origin."""

from weakref import WeakKeyDictionary

import pulumi

_ORIGINS: "WeakKeyDictionary[pulumi.Resource, str]" = WeakKeyDictionary()


def asked_for_by(resource: pulumi.Resource, origin: str) -> None:
    """Note that the line `origin` of a manifest (`teams/fraud.yaml:7`) asked for `resource`."""
    _ORIGINS[resource] = origin


def origin_of(resource: pulumi.Resource) -> str | None:
    """The line that was noted for this resource itself."""
    return _ORIGINS.get(resource)
