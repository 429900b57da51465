"""What components share: a component resource as their parent, the context of their stack, and a customer's key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native import resources

from infra.components.propagation import retry_with_new_roles
from infra.reference import Reference, set_origin
from infra.settings import EnvironmentSettings, StackSettings
from infra.tables.names import TABLE, Kind, Names


class Component(pulumi.ComponentResource):
    """A component resource. Its `with` block creates the children."""

    def __init__(self, type_: str, name: str, opts: pulumi.ResourceOptions, origin: str | None = None) -> None:
        """Create the component resource.

        Args:
            type_: Its type token without the package: `guardrails:Budget`.
            name: Its name in the stack.
            opts: Its options. Children inherit the provider.
            origin: The manifest line that configures it; None for that of its parent.
        """
        super().__init__(f"bootstrap:{type_}", name, None, opts)
        if origin is not None:
            set_origin(self, origin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Tells Pulumi that all children are created.
        self.register_outputs({})


@dataclass(frozen=True)
class StackContext:
    """What almost every resource of a stack needs.

    Attributes:
        name_parts: What distinguishes the stack's resources from those of other stacks in their names.
        protect: Whether resources that hold data are protected from deletion.
        imported: The ids of existing resources that become part of the stack, by kind.
    """

    group: Reference
    location: str
    tags: Mapping[str, str]
    names: Names
    name_parts: tuple[str, ...]
    protect: bool
    imported: Mapping[Kind, str] = field(default_factory=dict)

    def name(self, kind: Kind, *parts: str) -> str:
        """The name of a resource of the stack: an imported resource keeps its name; the naming table has all others.

        Args:
            kind: The row of the naming table.
            parts: What distinguishes it from other resources of its kind in the stack.
        """
        if kind in self.imported and not parts:
            return Reference(self.imported[kind]).name
        return self.names.of(kind, *self.name_parts, *parts)

    def reference(self, resource: pulumi.Resource, kind: Kind, *parts: str) -> Reference:
        """The Azure resource that `resource` creates in the resource group under the name `name(kind, *parts)`."""
        return self.group.child(f"providers/{TABLE[kind].azure_type}/{self.name(kind, *parts)}", resource)

    def stateful(
        self,
        parent: pulumi.Resource,
        depends_on: Sequence[pulumi.Resource] = (),
        *,
        kind: Kind | None = None,
        role_assignments: Sequence[pulumi.Resource] = (),
    ) -> pulumi.ResourceOptions:
        """The options of a resource that holds data: protected from deletion where the environment is protected.

        Args:
            kind: Its row of the naming table, if an existing resource of this kind can be imported.
            role_assignments: The roles without which Azure refuses it.
        """
        imported = self.imported.get(kind) if kind is not None else None
        return pulumi.ResourceOptions(
            parent=parent,
            protect=self.protect or None,
            depends_on=[*depends_on, *role_assignments],
            import_=imported,
            hooks=retry_with_new_roles(role_assignments),
        )


@dataclass(frozen=True)
class CustomerKey:
    """A key of the organization that encrypts data in place of Azure's own key, and the identity that uses it.

    Attributes:
        vault_id: The resource id of the key's vault.
        key: The key's URL with its version.
        identity: The identity with which services wrap and unwrap their own keys.
        client_id: That identity's client id, known after its creation.
        role_assignments: The identity's roles on the vault, which must exist before a service uses the key.
    """

    vault_id: str
    key: str
    identity: Reference
    client_id: pulumi.Output[str]
    role_assignments: Sequence[pulumi.Resource]

    @property
    def vault_url(self) -> str:
        """The vault's URL."""
        return self.key.partition("/keys/")[0]

    @property
    def name(self) -> str:
        """The key's name in its vault."""
        return self.key.split("/")[4]

    @property
    def url_without_version(self) -> str:
        """The key's URL without a version: a service that uses it follows the key's rotation."""
        return f"{self.vault_url}/keys/{self.name}"


def in_subscription(name: str, subscription_id: str, tenant_id: str) -> pulumi.ResourceOptions:
    """Options that create a component and its children in a subscription of a tenant, independent of the login.

    Args:
        name: The name of the provider resource.
    """
    provider = azure.Provider(name, subscription_id=subscription_id, tenant_id=tenant_id)
    return pulumi.ResourceOptions(providers={"azure-native": provider})


def create_resource_group(
    name: str,
    *,
    settings: StackSettings,
    name_parts: tuple[str, ...],
    imported: Mapping[Kind, str] | None = None,
    opts: pulumi.ResourceOptions,
) -> StackContext:
    """Create the resource group of a stack, unless the stack uses an existing one. Returns the stack's context.

    Args:
        name_parts: What distinguishes the stack's resources from those of other stacks in their names.
        imported: The ids of existing resources that become part of the stack, by kind.
    """
    names = Names(settings.organization, settings.tenant_id, settings.generation)
    existing = settings.resource_group_id if isinstance(settings, EnvironmentSettings) else None
    with Component("place:ResourceGroup", name, opts, settings.origin) as parent:
        if existing is not None:
            group = Reference(existing)
        else:
            group_name = names.of("resource_group", *name_parts)
            resource = resources.ResourceGroup(
                name,
                resource_group_name=group_name,
                location=settings.location,
                tags=settings.tags,
                opts=pulumi.ResourceOptions(parent=parent, protect=settings.protect or None),
            )
            group = Reference(f"/subscriptions/{settings.subscription_id}/resourceGroups/{group_name}", resource)
    return StackContext(group, settings.location, settings.tags, names, name_parts, settings.protect, imported or {})
