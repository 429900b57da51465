"""Azure resources by id, before they exist, and the manifest lines that configure resources of Pulumi.

A resource's id follows from its name, and its name from the naming table, so a plan can show the id. `Reference` keeps
what a plain string would lose: which Pulumi resource must be created first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pulumi

_ORIGINS: "WeakKeyDictionary[pulumi.Resource, str]" = WeakKeyDictionary()


def set_origin(resource: pulumi.Resource, origin: str) -> None:
    """Record that the manifest line `origin` (`teams/fraud.yaml:7`) configures `resource` and its children."""
    _ORIGINS[resource] = origin


def origin_of(resource: pulumi.Resource) -> str | None:
    """The manifest line that was recorded for this resource itself."""
    return _ORIGINS.get(resource)


@dataclass(frozen=True)
class Reference:
    """An Azure resource.

    Attributes:
        id: Its Azure Resource Manager id.
        resource: The Pulumi resource of this stack that creates it; None for resources of other stacks.
        decided: The id where Azure decides a part of it; `id` then only distinguishes it from others.
    """

    id: str
    resource: pulumi.Resource | None = None
    decided: pulumi.Output[str] | None = None

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rsplit("/", 1)[-1]

    @property
    def azure_type(self) -> str:
        """Azure's resource type, such as `Microsoft.KeyVault/vaults`; empty for a resource group."""
        provider = self.id.partition("/providers/")[2].split("/")
        return "/".join([provider[0], *provider[1::2]])

    @property
    def subscription_id(self) -> str:
        """The subscription of the resource, or the id of the subscription that this is."""
        return self.id.split("/")[2]

    @property
    def resource_group(self) -> str:
        """The name of its resource group."""
        return self.id.split("/")[4]

    @property
    def id_output(self) -> pulumi.Output[str]:
        """The id as an input of another resource, which then depends on this one."""
        return self.decided if self.decided is not None else self._output(self.id)

    @property
    def name_output(self) -> pulumi.Output[str]:
        """The name as an input of another resource, which then depends on this one."""
        return self._output(self.name)

    def child(self, path: str, resource: pulumi.Resource | None = None) -> "Reference":
        """A resource below this one, by its path: `providers/Microsoft.Storage/storageAccounts/stdata`."""
        return Reference(f"{self.id}/{path}", resource)

    def _output(self, value: str) -> pulumi.Output[str]:
        if self.resource is None:
            return pulumi.Output.from_input(value)
        # A preview knows the URN, but not the id. An output derived from the URN depends on the resource all the same.
        return self.resource.urn.apply(lambda _: value)


def references(ids: Mapping[str, str] | None) -> dict[str, Reference] | None:
    """Resources of other stacks, by the keys of their ids."""
    return {key: Reference(id_) for key, id_ in ids.items()} if ids is not None else None
