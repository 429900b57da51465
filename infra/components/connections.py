"""Connections: names under which a workspace uses existing services. None of them contains a secret."""

from typing import Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.access import Identity
from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.settings import ConnectionSettings, FeatureStoreSettings
from infra.tables.connections import CATEGORIES, OFFLINE_STORE


def create_connection(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    connection: ConnectionSettings,
    cluster: Identity,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create a connection without a secret.

    Args:
        cluster: The identity of clusters, which pulls the images of a container registry.
    """
    with Component("data:Connection", name, opts, connection.origin) as parent:
        _create(name, context, workspace, connection.name, _properties(connection, cluster), parent)


def create_offline_store(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    identity: Identity,
    feature_store: FeatureStoreSettings,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create the connection of a feature store to its offline store.

    Args:
        identity: The identity that materializes features.
    """
    properties = ml.ManagedIdentityAuthTypeWorkspaceConnectionPropertiesArgs(
        auth_type="ManagedIdentity",
        category=ml.ConnectionCategory.ADLS_GEN2,
        target=feature_store.id,
        credentials=_identity(identity),
        is_shared_to_all=True,
    )
    with Component("data:Connection", name, opts, feature_store.origin) as parent:
        _create(name, context, workspace, OFFLINE_STORE, properties, parent)


def _properties(connection: ConnectionSettings, cluster: Identity) -> Any:
    common: dict[str, Any] = {
        "category": ml.ConnectionCategory(CATEGORIES[connection.kind]),
        "target": connection.address,
        "is_shared_to_all": True,
    }
    if connection.resource_id is None:
        return ml.NoneAuthTypeWorkspaceConnectionPropertiesArgs(auth_type="None", **common)
    common["metadata"] = {"ApiType": "Azure", "ResourceId": connection.resource_id}
    if connection.kind == "container-registry":
        return ml.ManagedIdentityAuthTypeWorkspaceConnectionPropertiesArgs(
            auth_type="ManagedIdentity", credentials=_identity(cluster), **common
        )
    # Everyone in the workspace uses it with a login of their own.
    return ml.AADAuthTypeWorkspaceConnectionPropertiesArgs(auth_type="AAD", **common)


def _identity(identity: Identity) -> ml.WorkspaceConnectionManagedIdentityArgs:
    return ml.WorkspaceConnectionManagedIdentityArgs(
        client_id=identity.client_id, resource_id=identity.identity.id_output
    )


def _create(
    name: str, context: StackContext, workspace: Reference, connection: str, properties: Any, parent: pulumi.Resource
) -> None:
    ml.WorkspaceConnection(
        name,
        resource_group_name=context.group.name_output,
        workspace_name=workspace.name_output,
        connection_name=connection,
        properties=properties,
        opts=pulumi.ResourceOptions(parent=parent),
    )
