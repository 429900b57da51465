"""Identities that workspaces, clusters, endpoints and CI act as. None of them has a secret."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity

from infra.components.access import Principal
from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import Federation

_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class IdentityArgs:
    """What the identity is for.

    Attributes:
        purpose: The last word of its name.
        federation: The token of another party, such as a forge, that it accepts.
        origin: The line of the manifest that asked for it.
    """

    place: Place
    purpose: str
    federation: Federation | None = None
    origin: str | None = None


class Identity(pulumi.ComponentResource):
    """A user-assigned identity with its federated credential."""

    identity: Reference
    principal: Principal
    client_id: pulumi.Output[str]

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:identity:Identity", name, None, opts)
        if args.origin is not None:
            asked_for_by(self, args.origin)
        place = args.place
        identity_name = place.names.of("identity", *place.words, args.purpose)
        identity = managedidentity.UserAssignedIdentity(
            name,
            resource_group_name=place.group.name_when_made,
            resource_name_=identity_name,
            location=place.location,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.identity = place.group.within(
            f"providers/Microsoft.ManagedIdentity/userAssignedIdentities/{identity_name}", identity
        )
        self.principal = Principal(
            self.identity.id, identity.principal_id, authorization.PrincipalType.SERVICE_PRINCIPAL
        )
        self.client_id = identity.client_id
        if args.federation is not None:
            credential = managedidentity.FederatedIdentityCredential(
                f"{name}-1",
                resource_group_name=place.group.name_when_made,
                resource_name_=self.identity.name_when_made,
                federated_identity_credential_resource_name=place.names.of(
                    "federated_credential", *place.words, args.purpose, "1"
                ),
                audiences=[_AUDIENCE],
                issuer=args.federation.issuer,
                subject=args.federation.subject,
                opts=pulumi.ResourceOptions(parent=self),
            )
            asked_for_by(credential, args.federation.origin)
        self.register_outputs({"id": self.identity.id})
