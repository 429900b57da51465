"""The existing data and services that the manifests configure as datastores and connections of workspaces."""

from collections.abc import Sequence

from bootstrap.manifests.layers import Layers, Manifests, Sourced, innermost
from bootstrap.manifests.schema import Adopt
from infra.settings import ConnectionSettings, DatastoreKind, DatastoreSettings, EnvironmentSettings, GroupSettings
from infra.tables.roles import DATA_PEOPLE, Entitlement


def datastores(manifests: Manifests, layers: Layers, adopt: Adopt | None) -> tuple[DatastoreSettings, ...]:
    """The datastores of an environment, without the groups of people.

    Args:
        adopt: An existing workspace of the environment.
    """
    found: dict[str, DatastoreSettings] = {}
    owners: dict[str, str] = {}
    for item in innermost(layers, "datastores").items():
        datastore = _datastore(manifests, item)
        if datastore is None:
            continue
        name = datastore.name
        manifests.report(item.position, f"there already is a datastore with the name {name!r}.", when=name in found)
        found.setdefault(name, datastore)
        owner = owners.setdefault(datastore.id.lower(), name)
        manifests.report(
            item.position,
            f"datastore {name}: the datastore {owner} already leads to {datastore.path} of the same account.",
            "Azure refuses a second assignment of one role: name each container, file system and share once.",
            when=owner != name,
        )
        manifests.report(
            item.at("storage_id"),
            f"datastore {name}: this is the storage account of the workspace itself, which has its own datastores.",
            when=adopt is not None and datastore.storage_id.lower() == adopt.storage_id.lower(),
        )
    return tuple(found.values())


def _datastore(manifests: Manifests, source: Sourced) -> DatastoreSettings | None:
    kinds: tuple[DatastoreKind, ...] = ("container", "filesystem", "share")
    paths = [(kind, path) for kind in kinds if (path := getattr(source.value, kind)) is not None]
    if len(paths) != 1:
        manifests.report(source.position, f"datastore {source.value.name}: set one of container, filesystem and share.")
        return None
    [(kind, path)] = paths
    return DatastoreSettings(
        name=source.value.name,
        storage_id=source.value.storage_id,
        kind=kind,
        path=path,
        access=source.value.access,
        origin=manifests.origin(source.position),
    )


def connections(manifests: Manifests, layers: Layers) -> tuple[ConnectionSettings, ...]:
    """The connections of an environment, without the groups of people."""
    found: dict[str, ConnectionSettings] = {}
    owners: dict[str, str] = {}
    for item in innermost(layers, "connections").items():
        name, kind, id_ = item.value.name, item.value.kind, item.value.resource_id
        manifests.report(item.position, f"there already is a connection with the name {name!r}.", when=name in found)
        found.setdefault(name, ConnectionSettings(name=name, kind=kind, id=id_, origin=manifests.origin(item.position)))
        owner = owners.setdefault(id_.lower(), name)
        manifests.report(
            item.position,
            f"connection {name}: the connection {owner} already leads to the same service.",
            when=owner != name,
        )
        manifests.report(
            item.at("resource_id"),
            f"connection {name}: {kind} does not fit the service {id_.split('/')[6]}.",
            when=(kind == "ai-search") != ("/Microsoft.Search/" in id_),
        )
    return tuple(found.values())


def with_groups(environments: Sequence[EnvironmentSettings]) -> list[EnvironmentSettings]:
    """The same settings, with the groups that get roles on datastores and services from each stack.

    What several stacks would assign alike, the first of them assigns: Azure refuses a second assignment of a role to a
    group on a resource. A group is only eligible if it is so in all of them.

    Args:
        environments: In the order in which they are changed.
    """
    owned: dict[tuple[str, tuple[Entitlement, ...], str], tuple[str, GroupSettings]] = {}
    for made in environments:
        used: list[DatastoreSettings | ConnectionSettings] = [*made.datastores, *made.connections]
        for one in used if made.people == "work" else ():
            for group in made.groups:
                if group.persona in DATA_PEOPLE:
                    key = (one.id.lower(), one.entitlements, group.object_id.lower())
                    stack, before = owned.get(key, (made.stack, group))
                    eligible = group.eligible and before.eligible
                    owned[key] = stack, before.model_copy(update={"eligible": eligible})

    def grouped(stack: str, used: Sequence[DatastoreSettings | ConnectionSettings]) -> tuple[object, ...]:
        groups: dict[str, tuple[GroupSettings, ...]] = {}
        for (id_, _, _), (owner, group) in owned.items():
            groups[id_] = (*groups.get(id_, ()), *((group,) if owner == stack else ()))
        return tuple(one.model_copy(update={"groups": groups.get(one.id.lower(), ())}) for one in used)

    return [
        made.model_copy(
            update={
                "datastores": grouped(made.stack, made.datastores),
                "connections": grouped(made.stack, made.connections),
            }
        )
        for made in environments
    ]
