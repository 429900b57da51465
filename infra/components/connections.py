"""Connections: names under which a workspace uses existing services. None of them contains a key."""

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.settings import ConnectionSettings
from infra.tables.roles import ConnectionKind

_CATEGORIES: Mapping[ConnectionKind, tuple[ml.ConnectionCategory, str]] = {
    "azure-openai": (ml.ConnectionCategory.AZURE_OPEN_AI, "https://{0}.openai.azure.com/"),
    "ai-services": (ml.ConnectionCategory.AI_SERVICES, "https://{0}.cognitiveservices.azure.com/"),
    "ai-search": (ml.ConnectionCategory.COGNITIVE_SEARCH, "https://{0}.search.windows.net/"),
}
"""Azure ML's word for each kind of service, and its address. Logins with Entra need a subdomain of the account's own:
https://learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains"""


def create_connection(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    connection: ConnectionSettings,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create a connection that everyone in the workspace uses with a login of their own (`AAD`)."""
    category, target = _CATEGORIES[connection.kind]
    with Component("data:Connection", name, opts, connection.origin) as parent:
        ml.WorkspaceConnection(
            name,
            resource_group_name=context.group.name_output,
            workspace_name=workspace.name_output,
            connection_name=connection.name,
            properties=ml.AADAuthTypeWorkspaceConnectionPropertiesArgs(
                auth_type="AAD",
                category=category,
                target=target.format(Reference(connection.id).name.lower()),
                is_shared_to_all=True,
                metadata={"ApiType": "Azure", "ResourceId": connection.id},
            ),
            opts=pulumi.ResourceOptions(parent=parent),
        )
