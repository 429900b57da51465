"""Azure resources by id, known before they exist.

A resource's id follows from its name, and its name from the naming table, so a plan can show it. `Reference` keeps what
a plain string would lose: that the resource has to be made first.
"""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Reference:
    """An Azure resource.

    Attributes:
        id: Its Azure Resource Manager id.
        made_by: The resource of this stack that makes it; None when another stack did.
    """

    id: str
    made_by: pulumi.Resource | None = None

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rsplit("/", 1)[-1]

    @property
    def kind(self) -> str:
        """Azure's name of what it is, such as `Microsoft.KeyVault/vaults`; empty for a resource group."""
        provider = self.id.partition("/providers/")[2].split("/")
        return "/".join([provider[0], *provider[1::2]])

    @property
    def subscription_id(self) -> str:
        """The subscription that it lies in, or is."""
        return self.id.split("/")[2]

    @property
    def resource_group(self) -> str:
        """The name of the resource group that it lies in."""
        return self.id.split("/")[4]

    @property
    def id_when_made(self) -> pulumi.Output[str]:
        """The id as an input of another resource, which is then made after this one."""
        return self._after(self.id)

    @property
    def name_when_made(self) -> pulumi.Output[str]:
        """The name as an input of another resource, which is then made after this one."""
        return self._after(self.name)

    def within(self, path: str, made_by: pulumi.Resource | None) -> "Reference":
        """What lies in this one, by its path below it: `providers/Microsoft.Storage/storageAccounts/stdata`."""
        return Reference(f"{self.id}/{path}", made_by)

    def _after(self, value: str) -> pulumi.Output[str]:
        if self.made_by is None:
            return pulumi.Output.from_input(value)
        # A URN is known even in a preview, where an id is not; what is derived from it depends on the resource.
        return self.made_by.urn.apply(lambda _: value)


def subscription(subscription_id: str) -> Reference:
    """A subscription."""
    return Reference(f"/subscriptions/{subscription_id}")


def resource_group(subscription_id: str, name: str, made_by: pulumi.Resource | None = None) -> Reference:
    """A resource group."""
    return Reference(f"/subscriptions/{subscription_id}/resourceGroups/{name}", made_by)
