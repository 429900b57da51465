"""User-assigned identities, none with a secret, and role assignments, from the tables in `infra.tables.roles`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity

from infra.components.context import Component, StackContext
from infra.components.propagation import retry_until_effective
from infra.reference import Reference, set_origin
from infra.settings import Federation, GroupSettings
from infra.tables.names import Names
from infra.tables.roles import CustomRole, Entitlement, Target

_ELIGIBLE_FOR = "P365D"
"""A year: the longest that Privileged Identity Management allows with its default settings.
https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-configure-role-settings"""


_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class Principal:
    """A group or identity that gets roles.

    Attributes:
        key: What identifies it before a deployment: a group's object id, an identity's resource id.
        object_id: Its object id in Entra; for an identity of this stack known after its creation.
        type: Without it Azure looks the principal up, and fails on new principals.
    """

    key: str
    object_id: pulumi.Input[str]
    type: authorization.PrincipalType


def group_principal(group: GroupSettings) -> Principal:
    """A group of people as a principal."""
    return Principal(group.object_id, group.object_id, authorization.PrincipalType.GROUP)


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


def create_role_assignments(
    name: str,
    *,
    principal: Principal,
    entitlements: Sequence[Entitlement],
    targets: Mapping[Target, Reference],
    names: Names,
    origin: str,
    eligible: bool = False,
    depends_on: Sequence[pulumi.Resource] = (),
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Assign roles to one principal.

    Args:
        targets: The resources that the entitlements name.
        names: The organization's names, from which the ids of custom roles follow.
        origin: The manifest line that configures the principal.
        eligible: Whether the principal must activate its roles before it can use them. A role with a condition is
            assigned all the same: the provider does not send the condition of an eligibility
            (custom_pim_eligibility.go of pulumi-azure-native), and without it the principal could become Owner.
        depends_on: Resources that must exist first, such as definitions of custom roles.
    """

    def create(entitlement: Entitlement) -> pulumi.Resource:
        role, target = entitlement.role, targets[entitlement.on]
        role_id = role.id_in(names)
        assignment = f"{name}-{role.name}-on-{entitlement.on}".lower().replace(" ", "-")
        assignment = assignment.replace("(", "").replace(")", "")
        definition = (
            f"/subscriptions/{target.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role_id}"
        )
        may_assign = [role.id_in(names) for role in entitlement.may_assign]
        condition = assigning_only(may_assign) if may_assign else None
        version = "2.0" if condition else None
        # An existing principal that is not found has a wrong object id.
        is_new = isinstance(principal.object_id, pulumi.Output) or depends_on
        hooks = retry_until_effective("role assignment") if is_new else None
        options = pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on), hooks=hooks)
        if eligible and condition is None:
            # The provider replaces an eligibility for each changed input. Another wording of the reason is no cause.
            options.ignore_changes = ["justification"]
            return authorization.PimRoleEligibilitySchedule(
                assignment,
                scope=target.id_output,
                role_definition_id=definition,
                principal_id=principal.object_id,
                condition=condition,
                condition_version=version,
                justification=f"{entitlement.reason}.",
                schedule_info=authorization.RoleEligibilityScheduleRequestPropertiesScheduleInfoArgs(
                    expiration=authorization.RoleEligibilityScheduleRequestPropertiesExpirationArgs(
                        type=authorization.Type.AFTER_DURATION, duration=_ELIGIBLE_FOR
                    )
                ),
                opts=options,
            )
        return authorization.RoleAssignment(
            assignment,
            role_assignment_name=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{target.id}|{principal.key}|{role_id}".lower())),
            scope=target.id_output,
            role_definition_id=definition,
            principal_id=principal.object_id,
            principal_type=principal.type,
            condition=condition,
            condition_version=version,
            description=f"{entitlement.reason}.",
            opts=options,
        )

    with Component("access:Access", name, opts, origin) as parent:
        return [create(entitlement) for entitlement in entitlements]


def create_custom_roles(
    name: str,
    *,
    roles: Sequence[CustomRole],
    names: Names,
    subscription_id: str,
    assignable_in: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Define the organization's custom roles.

    Args:
        subscription_id: The subscription that holds the definitions.
        assignable_in: The subscriptions in which the roles can be assigned.
    """
    with Component("access:CustomRoles", name, opts) as parent:
        return [
            authorization.RoleDefinition(
                f"{name}-{role.name}".lower().replace(" ", "-"),
                scope=f"/subscriptions/{subscription_id}",
                role_definition_id=role.id_in(names),
                role_name=f"{role.name} ({names.organization})",
                role_type="CustomRole",
                description=role.description,
                permissions=[authorization.PermissionArgs(actions=list(role.actions), not_actions=[])],
                assignable_scopes=[f"/subscriptions/{subscription}" for subscription in assignable_in],
                opts=pulumi.ResourceOptions(parent=parent),
            )
            for role in roles
        ]


def assigning_only(role_ids: Sequence[str]) -> str:
    """The condition of a role assignment whose principal may assign and remove these roles and no others.

    https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples#example-constrain-roles
    """
    ids = ", ".join(sorted(role_ids))
    return "\nAND\n".join(
        f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}}))"
        f" OR (@{source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
        f" ForAnyOfAnyValues:GuidEquals {{{ids}}}))"
        for action, source in (("write", "Request"), ("delete", "Resource"))
    )
