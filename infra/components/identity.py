"""User-assigned identities of workspaces, clusters, endpoints and CI. None of them has a secret."""

import pulumi
from pulumi_azure_native import authorization, managedidentity

from infra.components.access import Principal
from infra.components.context import Component, StackContext
from infra.origin import set_origin
from infra.reference import Reference
from infra.settings import Federation

_AUDIENCE = "api://AzureADTokenExchange"


class Identity(Component):
    """A user-assigned identity, with a federated credential where a forge logs in with it.

    Attributes:
        client_id: Its client id, known after its creation.
    """

    identity: Reference
    principal: Principal
    client_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        context: StackContext,
        purpose: str,
        federation: Federation | None = None,
        origin: str | None = None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Create the identity.

        Args:
            purpose: The last part of its name in Azure.
            federation: The tokens that it accepts.
            origin: The manifest line that configures it.
        """
        super().__init__("identity:Identity", name, opts, origin)
        identity = managedidentity.UserAssignedIdentity(
            name,
            resource_group_name=context.group.name_output,
            resource_name_=context.name("identity", purpose),
            location=context.location,
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.identity = context.reference(identity, "identity", purpose)
        self.principal = Principal(
            self.identity.id, identity.principal_id, authorization.PrincipalType.SERVICE_PRINCIPAL
        )
        self.client_id = identity.client_id
        if federation is not None:
            credential = managedidentity.FederatedIdentityCredential(
                f"{name}-1",
                resource_group_name=context.group.name_output,
                resource_name_=self.identity.name_output,
                federated_identity_credential_resource_name=context.name("federated_credential", purpose, "1"),
                audiences=[_AUDIENCE],
                issuer=federation.issuer,
                subject=federation.subject,
                opts=pulumi.ResourceOptions(parent=self),
            )
            set_origin(credential, federation.origin)
        self.register_outputs({})
