"""The ids of Azure's resources, taken apart.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

import re
from collections.abc import Iterator

_GROUP = "microsoft.resources/resourcegroups"
_IN_A_GROUP = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+", re.IGNORECASE)


def arm_type(id_: str) -> str:
    """The ARM type of a resource, in lower case: `microsoft.storage/storageaccounts`."""
    above, _, path = id_.rpartition("/providers/")
    if not above and not id_.startswith("/providers/"):
        return _GROUP
    namespace, *parts = path.split("/")
    return "/".join([namespace, *parts[::2]]).lower()


def parent_of(id_: str) -> str:
    """The id of what a resource is below: another resource, the scope of an assignment, a group, a subscription."""
    above, _, path = id_.rpartition("/providers/")
    # `NAMESPACE/TYPE/NAME` is below what is before `providers`; a longer path names its parent itself.
    return above if above and re.fullmatch("[^/]+/[^/]+/[^/]+", path) else id_.rsplit("/", 2)[0]


def ancestors(id_: str) -> Iterator[str]:
    """What a resource is below, from the inside out, up to its group."""
    while is_resource(id_ := parent_of(id_)):
        yield id_


def group_of(id_: str) -> str:
    """The id of a resource's group; empty where it is in none."""
    found = _IN_A_GROUP.match(id_)
    return found[0] if found else ""


def is_resource(id_: str) -> bool:
    """Whether an id is that of a group or of a resource in one, not of a subscription or of something of Azure's."""
    return _IN_A_GROUP.match(id_) is not None
