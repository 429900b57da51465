"""The datastores and connections of an environment, and the roles on what they lead to, which stays the organization's.

A role is assigned at the id of its target, so it needs no provider for the target's subscription, only a login with
rights there.
"""

from collections.abc import Mapping, Sequence

import pulumi

from infra.components.access import Identity, Principal, create_role_assignments, group_principal
from infra.components.connections import create_connection
from infra.components.context import StackContext
from infra.components.datastores import create_datastore
from infra.reference import Reference
from infra.settings import ConnectionSettings, DatastoreSettings, EnvironmentSettings
from infra.tables.network_modes import MODES
from infra.tables.roles import IDENTITIES, Purpose, Target


def approve_connections(
    settings: EnvironmentSettings, context: StackContext, workspace: Principal | None, opts: pulumi.ResourceOptions
) -> dict[str, Sequence[pulumi.Resource]]:
    """Let the workspace's identity approve the private endpoints of its managed network to accounts and services.

    Returns the role assignments by the id of the account or service in lower case.

    Args:
        workspace: The workspace's identity, if this stack creates it. The roles of another one stay as they are.
    """
    if workspace is None or not MODES[settings.network].has_managed_network:
        return {}
    needed: dict[str, tuple[str, Purpose, str, str]] = {}
    for datastore in (*([settings.feature_store] if settings.feature_store else []), *settings.datastores):
        if datastore.storage_id is not None:
            purpose: Purpose = "workspace, private datastore"
            name = Reference(datastore.storage_id).name
            needed.setdefault(datastore.storage_id.lower(), (name, purpose, datastore.storage_id, datastore.origin))
    for connection in settings.connections:
        if connection.service_id is not None:
            name = f"{connection.kind}-{Reference(connection.service_id).name}"
            purpose = "workspace, private connection"
            needed.setdefault(connection.service_id.lower(), (name, purpose, connection.service_id, connection.origin))
    return {
        id_: create_role_assignments(
            f"{name}-approval",
            principal=workspace,
            entitlements=IDENTITIES[purpose],
            targets=dict.fromkeys((role.on for role in IDENTITIES[purpose]), Reference(target)),
            names=context.names,
            origin=origin,
            opts=opts,
        )
        for id_, (name, purpose, target, origin) in needed.items()
    }


def create_datastores(
    settings: EnvironmentSettings,
    context: StackContext,
    targets: Mapping[Target, Reference],
    cluster: Identity,
    endpoint: Identity,
    workspace: Principal | None,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create datastores and connections, and assign the roles on exactly what they lead to.

    Args:
        targets: The workspace and its vault, which has the secrets of connections.
        cluster, endpoint: The identities of clusters and endpoints.
        workspace: The workspace's identity, if this stack creates it.
    """
    identities = {"cluster": cluster.principal, "endpoint": endpoint.principal}

    def assign(name: str, used: DatastoreSettings | ConnectionSettings, identities: Mapping[str, Principal]) -> None:
        if not used.entitlements:
            return  # the rights are in the service itself, as in a SQL database or a lakehouse
        on = Reference(used.id) if used.id.startswith("/") else targets["key vault"].child(used.id)
        people = {group.object_id: (group_principal(group), group.eligible) for group in used.groups}
        workloads = {key: (principal, False) for key, principal in identities.items()}
        for key, (principal, eligible) in {**workloads, **people}.items():
            create_role_assignments(
                f"{name}-{key}".replace(" ", "-"),
                principal=principal,
                entitlements=used.entitlements,
                targets=dict.fromkeys((role.on for role in used.entitlements), on),
                names=context.names,
                origin=used.origin,
                eligible=eligible,
                opts=opts,
            )

    sources = identities
    if settings.feature_store is not None and workspace is not None:
        assign(_name(settings.feature_store), settings.feature_store, identities)
        # The workspace's identity reads the sources of features.
        sources = {**identities, "workspace": workspace}
    for datastore in settings.datastores:
        assign(_name(datastore), datastore, sources)
        create_datastore(
            f"datastore-{datastore.name}",
            context=context,
            workspace=targets["workspace"],
            datastore=datastore,
            opts=opts,
        )
    secrets: set[str] = set()
    for connection in settings.connections:
        if connection.secret is None:
            assign(f"{connection.kind}-{Reference(connection.id).name}", connection, identities)
            create_connection(
                f"connection-{connection.name}",
                context=context,
                workspace=targets["workspace"],
                connection=connection,
                cluster=cluster,
                opts=opts,
            )
        elif connection.secret not in secrets:  # several connections can have one secret
            secrets.add(connection.secret)
            assign(f"secret-{connection.secret}", connection, identities)


def _name(datastore: DatastoreSettings) -> str:
    """Roles are named after what they are on: with another name for the same datastore or persona, they stay."""
    account = Reference(datastore.storage_id or datastore.id).name
    return f"{account}-{datastore.target}-{datastore.path}"
