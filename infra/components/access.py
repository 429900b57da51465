"""Who may do what where: role assignments from the tables in `infra.roles`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from infra.origin import asked_for_by
from infra.reference import Reference
from infra.roles import Entitlement, Target

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122's namespace of URLs


@dataclass(frozen=True)
class Principal:
    """Who gets a role.

    Attributes:
        key: What tells it from others and is known beforehand: a group's object id, an identity's resource id.
        object_id: Its object id in Entra; for an identity of ours known once it is made.
        type: Azure looks the principal up, and fails on new ones, unless it is told the type.
    """

    key: str
    object_id: pulumi.Input[str]
    type: authorization.PrincipalType


@dataclass(frozen=True)
class AccessArgs:
    """One principal's roles.

    Attributes:
        entitlements: The roles, what they are on, and why.
        targets: The resources that the entitlements speak of.
        origin: The line of the manifest that asked for the principal's access.
    """

    principal: Principal
    entitlements: Sequence[Entitlement]
    targets: Mapping[Target, Reference]
    origin: str


class Access(pulumi.ComponentResource):
    """The role assignments of one principal."""

    assignments: list[pulumi.Resource]

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:access:Access", name, None, opts)
        asked_for_by(self, args.origin)
        self.assignments = [
            self._assignment(name, args.principal, entitlement, args.targets[entitlement.on])
            for entitlement in args.entitlements
        ]
        self.register_outputs({})

    def _assignment(self, name: str, principal: Principal, entitlement: Entitlement, on: Reference) -> pulumi.Resource:
        role = entitlement.role
        words = f"{name}-{role.name}-on-{entitlement.on}".lower().replace(" ", "-")
        subscription = on.id.split("/")[2]
        return authorization.RoleAssignment(
            words.replace("(", "").replace(")", ""),
            role_assignment_name=str(uuid.uuid5(_NAMESPACE, f"{on.id}|{principal.key}|{role.id}".lower())),
            scope=on.id_when_made,
            role_definition_id=(
                f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role.id}"
            ),
            principal_id=principal.object_id,
            principal_type=principal.type,
            description=f"{entitlement.reason}.",
            opts=pulumi.ResourceOptions(parent=self),
        )
