"""The existing data and services that the manifests configure: datastores, connections and offline stores."""

from collections.abc import Sequence
from typing import Literal

from bootstrap.manifests.layers import Layers, Manifests, Sourced, innermost
from bootstrap.manifests.schema import Adopt, Connection, Datastore, FeatureStore
from infra.settings import (
    ConnectionSettings,
    DatastoreKind,
    DatastoreSettings,
    EnvironmentSettings,
    FeatureStoreSettings,
    GroupSettings,
)
from infra.tables.connections import NEEDS_SECRET, PROVIDERS, TARGETS, WITH_SECRET
from infra.tables.network_modes import MODES
from infra.tables.roles import DATA_PEOPLE, Entitlement

_Used = DatastoreSettings | ConnectionSettings


def datastores(
    manifests: Manifests, layers: Layers, adopt: Adopt | None, offline_store: DatastoreSettings | None
) -> tuple[DatastoreSettings, ...]:
    """The datastores of an environment, without the groups of people.

    Args:
        adopt: An existing workspace of the environment.
        offline_store: The offline store of a feature store.
    """
    found: dict[str, DatastoreSettings] = {}
    owners: dict[str, str] = {offline_store.id.lower(): "offline store"} if offline_store is not None else {}
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
            when=adopt is not None and (datastore.storage_id or "").lower() == adopt.storage_id.lower(),
        )
    return tuple(found.values())


def _datastore(manifests: Manifests, source: Sourced) -> DatastoreSettings | None:
    value: Datastore = source.value
    kinds: tuple[DatastoreKind, ...] = ("container", "filesystem", "share", "lakehouse")
    paths = [(kind, path) for kind in kinds if (path := getattr(value, kind)) is not None]
    if len(paths) != 1:
        manifests.report(
            source.position, f"datastore {value.name}: set one of container, filesystem, share and lakehouse."
        )
        return None
    [(kind, path)] = paths
    owner, other = ("fabric_workspace", "storage_id") if kind == "lakehouse" else ("storage_id", "fabric_workspace")
    if getattr(value, owner) is None or getattr(value, other) is not None:
        manifests.report(source.position, f"datastore {value.name}: {kind} goes with {owner}, and without {other}.")
        return None
    manifests.report(
        source.at("access"),
        f"datastore {value.name}: roles in OneLake are assigned in Microsoft Fabric, so leave out access.",
        when=kind == "lakehouse" and "access" in value.model_fields_set,
    )
    return DatastoreSettings(
        name=value.name,
        storage_id=value.storage_id,
        fabric_workspace=value.fabric_workspace,
        kind=kind,
        path=path,
        access=value.access,
        origin=manifests.origin(source.position),
    )


def feature_store(manifests: Manifests, environment: Sourced, layers: Layers) -> FeatureStoreSettings | None:
    """What makes the workspace of a team's environment a feature store, without the groups of people."""
    source = environment.get("feature_store")
    value: FeatureStore | None = source.value
    if value is None:
        return None
    key = innermost(layers, "customer_key").value
    for reason in (
        MODES[innermost(layers, "network").value].refused_feature_store,
        "an existing workspace keeps its kind" if environment.value.adopt is not None else None,
        "Azure ML attaches one identity to a feature store, and customer_key adds a second" if key else None,
    ):
        manifests.report(source.position, f"feature_store is refused: {reason}.", when=reason is not None)
    return FeatureStoreSettings(
        name="offline-store",
        storage_id=value.storage_id,
        kind="filesystem",
        path=value.filesystem,
        access="read",
        spark_version=value.spark_version,
        origin=manifests.origin(source.position),
    )


def connections(manifests: Manifests, layers: Layers) -> tuple[ConnectionSettings, ...]:
    """The connections of an environment, without the groups of people."""
    found: dict[str, ConnectionSettings] = {}
    owners: dict[str, str] = {}
    for item in innermost(layers, "connections").items():
        value: Connection = item.value
        name, service = value.name, value.resource_id or value.target or ""
        manifests.report(item.position, f"there already is a connection with the name {name!r}.", when=name in found)
        reason = _refusal(value)
        manifests.report(item.position, f"connection {name}: {reason}.", when=reason is not None)
        if reason is not None:
            continue
        found.setdefault(
            name,
            ConnectionSettings(
                name=name,
                kind=value.kind,
                resource_id=value.resource_id,
                target=value.target,
                secret=value.secret,
                user=value.user,
                origin=manifests.origin(item.position),
            ),
        )
        owner = owners.setdefault(service.lower(), name)
        manifests.report(
            item.position,
            f"connection {name}: the connection {owner} already leads to the same service.",
            when=owner != name,
        )
    return tuple(found.values())


def _refusal(value: Connection) -> str | None:
    """What is wrong with the keys of a connection together."""
    provider, target = PROVIDERS.get(value.kind), TARGETS.get(value.kind)
    keys = [key for key, accepted in (("resource_id", provider), ("target", target)) if accepted is not None]
    if (value.resource_id is None) == (value.target is None):
        return f"set {' or '.join(keys)}, one of them" if len(keys) > 1 else f"{value.kind} needs {keys[0]} alone"
    if value.resource_id is not None and f"/{provider}/" not in value.resource_id:
        return f"{value.kind} does not fit the service {value.resource_id.split('/')[6]}"
    if value.resource_id is not None and value.kind == "azure-sql" and "/databases/" not in value.resource_id:
        return "azure-sql needs a database, and resource_id is its server: add /databases/NAME to the id"
    if value.target is not None and not value.target.startswith(target or " "):
        return f"{value.kind} needs {keys[0]}" if target is None else f"{value.kind} needs a target {target}..."
    return _refused_login(value)


def _refused_login(value: Connection) -> str | None:
    """What is wrong with the login of a connection."""
    kind, ways = value.kind, WITH_SECRET.get(value.kind, ())
    needs_secret = kind in NEEDS_SECRET or (kind == "container-registry" and value.target is not None)
    way: Literal["token", "password"] = "token" if value.user is None else "password"
    for reason, applies in (
        ("user goes with secret", value.secret is None and value.user is not None),
        (f"Azure ML connects to {kind} with a secret only: set user and secret", value.secret is None and needs_secret),
        (f"{kind} has no secret: people and jobs log in with Entra", value.secret is not None and not ways),
        (f"{kind} has no tokens: set user, the login name of the secret", value.secret is not None and way not in ways),
    ):
        if applies:
            return reason
    return None


def with_groups(environments: Sequence[EnvironmentSettings]) -> list[EnvironmentSettings]:
    """The same settings, with the groups that get roles on datastores and services from each stack.

    What several stacks would assign alike, the first of them assigns: Azure refuses a second assignment of a role to a
    group on a resource. A group is only eligible if it is so in all of them.

    Args:
        environments: In the order in which they are changed.
    """
    owned: dict[tuple[str, tuple[Entitlement, ...], str], tuple[str, GroupSettings]] = {}
    for made in environments:
        for one in _used(made) if made.people == "work" else ():
            for group in made.groups:
                if group.persona in DATA_PEOPLE:
                    key = (_place(made, one), one.entitlements, group.object_id.lower())
                    stack, before = owned.get(key, (made.stack, group))
                    eligible = group.eligible and before.eligible
                    owned[key] = stack, before.model_copy(update={"eligible": eligible})
    of_place: dict[tuple[str, str], tuple[GroupSettings, ...]] = {}
    for (place, _, _), (owner, group) in owned.items():
        of_place[owner, place] = (*of_place.get((owner, place), ()), group)

    def grouped(made: EnvironmentSettings, used: Sequence[_Used]) -> tuple[_Used, ...]:
        return tuple(
            one.model_copy(update={"groups": of_place.get((made.stack, _place(made, one)), ())}) for one in used
        )

    return [
        made.model_copy(
            update={
                "datastores": grouped(made, made.datastores),
                "connections": grouped(made, made.connections),
                "feature_store": next(iter(grouped(made, [made.feature_store] if made.feature_store else [])), None),
            }
        )
        for made in environments
    ]


def _used(made: EnvironmentSettings) -> list[_Used]:
    return [*made.datastores, *made.connections, *([made.feature_store] if made.feature_store is not None else [])]


def _place(made: EnvironmentSettings, one: _Used) -> str:
    """What roles are assigned on, among all stacks: each vault with secrets belongs to one stack."""
    return one.id.lower() if one.id.startswith("/") else f"{made.stack}/{one.id}"
