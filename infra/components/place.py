"""Where a stack's resources lie: a resource group in a location, with the tags that all of them carry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import resources

from infra.origin import asked_for_by
from infra.reference import Reference, resource_group
from infra.tables.names import Kind, Names


@dataclass(frozen=True)
class Place:
    """What almost every resource is given.

    Attributes:
        words: The words that tell this stack's resources from others in their names.
        protect: Whether what holds data is protected from deletion.
        imported: The ids of what is there already and becomes part of the stack, by kind.
    """

    group: Reference
    location: str
    tags: Mapping[str, str]
    names: Names
    words: tuple[str, ...]
    protect: bool
    imported: Mapping[Kind, str] = field(default_factory=dict)

    def name_of(self, kind: Kind) -> str:
        """The name of the stack's one resource of a kind: the one that it has already, or by the naming table."""
        if kind in self.imported:
            return Reference(self.imported[kind]).name
        return self.names.of(kind, *self.words)

    def stateful(
        self, parent: pulumi.Resource, after: Sequence[pulumi.Resource] = (), *, kind: Kind | None = None
    ) -> pulumi.ResourceOptions:
        """The options of a resource that holds data: protected where the environment says so, made after others.

        Args:
            kind: What it is, where the stack has one of it, which may be there already; then it is imported.
        """
        imported = self.imported.get(kind) if kind is not None else None
        return pulumi.ResourceOptions(
            parent=parent, protect=self.protect or None, depends_on=list(after), import_=imported
        )


@dataclass(frozen=True)
class ResourceGroupArgs:
    """A resource group.

    Attributes:
        subscription_id: The subscription that it is made in.
        words: The words that tell this stack's resources from others in their names.
        protect: Whether what holds data is protected from deletion.
        given: The id of a group of the organization's, which is used instead of one of ours.
        imported: The ids of what is there already and becomes part of the stack, by kind.
        origin: The line of the manifest that asked for the stack.
    """

    subscription_id: str
    location: str
    tags: Mapping[str, str]
    names: Names
    words: tuple[str, ...]
    protect: bool
    origin: str
    given: str | None = None
    imported: Mapping[Kind, str] = field(default_factory=dict)


class ResourceGroup(pulumi.ComponentResource):
    """The resource group of a stack: made, or one of the organization's."""

    place: Place

    def __init__(self, name: str, args: ResourceGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:place:ResourceGroup", name, None, opts)
        asked_for_by(self, args.origin)
        self.place = Place(
            Reference(args.given) if args.given is not None else self._made(name, args),
            args.location,
            args.tags,
            args.names,
            args.words,
            args.protect,
            args.imported,
        )
        self.register_outputs({"id": self.place.group.id})

    def _made(self, name: str, args: ResourceGroupArgs) -> Reference:
        group_name = args.names.of("resource_group", *args.words)
        group = resources.ResourceGroup(
            name,
            resource_group_name=group_name,
            location=args.location,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect or None),
        )
        return resource_group(args.subscription_id, group_name, group)
