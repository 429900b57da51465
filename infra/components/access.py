"""Who may do what where: roles and their assignments, from the tables in `infra.tables.roles`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import GroupSettings
from infra.tables.names import Names
from infra.tables.roles import CustomRole, Entitlement, Role, Target

_ELIGIBLE_FOR = "P365D"
"""A year: the longest that privileged identity management allows unless its settings are changed.
https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-configure-role-settings"""


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


def people_of(group: GroupSettings) -> Principal:
    """A group of people as a principal."""
    return Principal(group.object_id, group.object_id, authorization.PrincipalType.GROUP)


@dataclass(frozen=True)
class AccessArgs:
    """One principal's roles.

    Attributes:
        entitlements: The roles, what they are on, and why.
        targets: The resources that the entitlements speak of.
        names: The organization's names, which our own roles' ids follow from.
        origin: The line of the manifest that asked for the principal's access.
        eligible: Whether the principal has to activate its roles before it uses them.
        after: What must be there before, such as definitions of our own roles.
    """

    principal: Principal
    entitlements: Sequence[Entitlement]
    targets: Mapping[Target, Reference]
    names: Names
    origin: str
    eligible: bool = False
    after: Sequence[pulumi.Resource] = ()


class Access(pulumi.ComponentResource):
    """The roles of one principal: as assignments, or as eligibilities that its members activate when they need them."""

    assignments: list[pulumi.Resource]

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:access:Access", name, None, opts)
        asked_for_by(self, args.origin)
        make = self._eligibility if args.eligible else self._assignment
        self.assignments = [make(_words(name, entitlement), args, entitlement) for entitlement in args.entitlements]
        self.register_outputs({})

    def _assignment(self, name: str, args: AccessArgs, entitlement: Entitlement) -> pulumi.Resource:
        on, role_id = args.targets[entitlement.on], entitlement.role.id_in(args.names)
        condition = _condition(entitlement, args.names)
        return authorization.RoleAssignment(
            name,
            role_assignment_name=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{on.id}|{args.principal.key}|{role_id}".lower())),
            scope=on.id_when_made,
            role_definition_id=_definition(on, role_id),
            principal_id=args.principal.object_id,
            principal_type=args.principal.type,
            condition=condition,
            condition_version=_CONDITION_VERSION if condition else None,
            description=f"{entitlement.reason}.",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )

    def _eligibility(self, name: str, args: AccessArgs, entitlement: Entitlement) -> pulumi.Resource:
        on = args.targets[entitlement.on]
        condition = _condition(entitlement, args.names)
        return authorization.PimRoleEligibilitySchedule(
            name,
            scope=on.id_when_made,
            role_definition_id=_definition(on, entitlement.role.id_in(args.names)),
            principal_id=args.principal.object_id,
            condition=condition,
            condition_version=_CONDITION_VERSION if condition else None,
            justification=f"{entitlement.reason}.",
            schedule_info=authorization.RoleEligibilityScheduleRequestPropertiesScheduleInfoArgs(
                expiration=authorization.RoleEligibilityScheduleRequestPropertiesExpirationArgs(
                    type=authorization.Type.AFTER_DURATION, duration=_ELIGIBLE_FOR
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )


@dataclass(frozen=True)
class CustomRolesArgs:
    """Roles of our own, the subscription that defines them, and those that they can be assigned in."""

    roles: Sequence[CustomRole]
    names: Names
    subscription_id: str
    subscriptions: Sequence[str]


class CustomRoles(pulumi.ComponentResource):
    """The organization's own roles, each defined once."""

    definitions: list[pulumi.Resource]

    def __init__(self, name: str, args: CustomRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:access:CustomRoles", name, None, opts)
        self.definitions = [
            authorization.RoleDefinition(
                f"{name}-{role.name}".lower().replace(" ", "-"),
                scope=f"/subscriptions/{args.subscription_id}",
                role_definition_id=role.id_in(args.names),
                role_name=f"{role.name} ({args.names.organization})",
                role_type="CustomRole",
                description=role.description,
                permissions=[authorization.PermissionArgs(actions=list(role.actions), not_actions=[])],
                assignable_scopes=[f"/subscriptions/{subscription}" for subscription in args.subscriptions],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for role in args.roles
        ]
        self.register_outputs({})


def assigning_only(role_ids: Sequence[str]) -> str:
    """The condition of an assignment whose holder may give and take away these roles and no others.

    https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples#example-constrain-roles
    """
    ids = ", ".join(sorted(role_ids))
    return "\nAND\n".join(
        f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}}))"
        f" OR (@{source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
        f" ForAnyOfAnyValues:GuidEquals {{{ids}}}))"
        for action, source in (("write", "Request"), ("delete", "Resource"))
    )


_CONDITION_VERSION = "2.0"


def _condition(entitlement: Entitlement, names: Names) -> str | None:
    if not entitlement.may_assign:
        return None
    return assigning_only([role.id_in(names) for role in entitlement.may_assign])


def _definition(on: Reference, role_id: str) -> str:
    return f"/subscriptions/{on.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role_id}"


def _words(name: str, entitlement: Entitlement) -> str:
    role: Role | CustomRole = entitlement.role
    words = f"{name}-{role.name}-on-{entitlement.on}".lower().replace(" ", "-")
    return words.replace("(", "").replace(")", "")
