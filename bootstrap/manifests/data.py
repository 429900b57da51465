"""The existing data that the manifests configure as datastores of workspaces."""

from collections.abc import Sequence

from bootstrap.manifests.layers import Layers, Manifests, Sourced, innermost
from bootstrap.manifests.schema import Adopt
from infra.settings import DatastoreKind, DatastoreSettings, EnvironmentSettings, GroupSettings
from infra.tables.roles import DATA_PEOPLE, DataAccess


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


def with_groups(environments: Sequence[EnvironmentSettings]) -> list[EnvironmentSettings]:
    """The same settings, with the groups that get roles on the data of each datastore from each stack.

    What several stacks would assign alike, the first of them assigns: Azure refuses a second assignment of a role to a
    group on a resource. A group is only eligible if it is so in all of them.

    Args:
        environments: In the order in which they are changed.
    """
    owned: dict[tuple[str, DataAccess, str], tuple[str, str, GroupSettings]] = {}
    for made in environments:
        for datastore in made.datastores if made.people == "work" else ():
            for group in made.groups:
                if group.persona in DATA_PEOPLE:
                    key = (datastore.id.lower(), datastore.access, group.object_id.lower())
                    stack, name, before = owned.get(key, (made.stack, datastore.name, group))
                    eligible = group.eligible and before.eligible
                    owned[key] = stack, name, before.model_copy(update={"eligible": eligible})

    def groups(stack: str, datastore: str) -> tuple[GroupSettings, ...]:
        return tuple(group for owner, name, group in owned.values() if (owner, name) == (stack, datastore))

    return [
        made.model_copy(
            update={
                "datastores": tuple(
                    one.model_copy(update={"groups": groups(made.stack, one.name)}) for one in made.datastores
                )
            }
        )
        for made in environments
    ]
