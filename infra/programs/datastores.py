"""The datastores and connections of an environment, and the roles on what they lead to, which stays the organization's.

A role is assigned at the id of its target, so it needs no provider for the target's subscription, only a login with
rights there.
"""

from collections.abc import Mapping, Sequence

import pulumi

from infra.components.access import Principal, create_role_assignments, group_principal
from infra.components.connections import create_connection
from infra.components.context import StackContext
from infra.components.datastores import create_datastore
from infra.reference import Reference
from infra.settings import ConnectionSettings, DatastoreSettings, EnvironmentSettings
from infra.tables.network_modes import MODES
from infra.tables.roles import IDENTITIES, Purpose


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
    needed: dict[str, tuple[Purpose, str, str]] = {}
    for datastore in settings.datastores:
        purpose: Purpose = "workspace, private datastore"
        needed.setdefault(datastore.storage_id.lower(), (purpose, datastore.storage_id, datastore.origin))
    for connection in settings.connections:
        needed[connection.id.lower()] = ("workspace, private connection", connection.id, connection.origin)
    return {
        id_: create_role_assignments(
            f"{Reference(id_).name}-approval",
            principal=workspace,
            entitlements=IDENTITIES[purpose],
            targets=dict.fromkeys((role.on for role in IDENTITIES[purpose]), Reference(target)),
            names=context.names,
            origin=origin,
            opts=opts,
        )
        for id_, (purpose, target, origin) in needed.items()
    }


def create_datastores(
    settings: EnvironmentSettings,
    context: StackContext,
    workspace: Reference,
    identities: Mapping[str, Principal],
    opts: pulumi.ResourceOptions,
) -> None:
    """Create datastores and connections, and assign the roles on exactly what they lead to.

    Args:
        identities: Those of clusters and endpoints, by the last part of the name of their roles.
    """
    for datastore in settings.datastores:
        # Roles are named after what they are on: with another name for the same datastore or persona, they stay.
        account = Reference(datastore.storage_id).name
        _assign(f"{account}-{datastore.target}-{datastore.path}", datastore, context, identities, opts)
        create_datastore(
            f"datastore-{datastore.name}", context=context, workspace=workspace, datastore=datastore, opts=opts
        )
    for connection in settings.connections:
        _assign(Reference(connection.id).name, connection, context, identities, opts)
        create_connection(
            f"connection-{connection.name}", context=context, workspace=workspace, connection=connection, opts=opts
        )


def _assign(
    name: str,
    used: DatastoreSettings | ConnectionSettings,
    context: StackContext,
    identities: Mapping[str, Principal],
    opts: pulumi.ResourceOptions,
) -> None:
    people = {group.object_id: (group_principal(group), group.eligible) for group in used.groups}
    workloads = {key: (principal, False) for key, principal in identities.items()}
    for key, (principal, eligible) in {**workloads, **people}.items():
        create_role_assignments(
            f"{name}-{key}".replace(" ", "-"),
            principal=principal,
            entitlements=used.entitlements,
            targets=dict.fromkeys((role.on for role in used.entitlements), Reference(used.id)),
            names=context.names,
            origin=used.origin,
            eligible=eligible,
            opts=opts,
        )
