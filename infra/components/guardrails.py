"""Budgets, locks against deletion, Microsoft Defender plans, and assignments of Azure Policy."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import authorization, consumption, resources

from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.settings import HUB, BudgetSettings
from infra.tables.azure_policies import AzurePolicy, PolicyEffect, PolicyName
from infra.tables.defender import API_VERSION, PLANS, DefenderPlan
from infra.tables.network_modes import Network

_ACTUAL_PERCENT = (80, 100)
_FORECAST_PERCENT = 100


def create_budget(
    name: str,
    *,
    context: StackContext,
    budget: BudgetSettings,
    action_group: Reference,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create a monthly budget of the resource group.

    It notifies at 80 % and 100 % of the actual costs, and when the month's forecast exceeds the budget.
    """

    def notification(percent: int, kind: consumption.ThresholdType) -> consumption.NotificationArgs:
        return consumption.NotificationArgs(
            enabled=True,
            operator=consumption.OperatorType.GREATER_THAN_OR_EQUAL_TO,
            threshold=percent,
            threshold_type=kind,
            contact_emails=list(budget.emails),
            contact_groups=[action_group.id_output],
        )

    with Component("guardrails:Budget", name, opts, budget.origin) as parent:
        consumption.Budget(
            name,
            budget_name=context.name("budget"),
            scope=context.group.id_output,
            category=consumption.CategoryType.COST,
            amount=budget.amount,
            time_grain=consumption.TimeGrainType.MONTHLY,
            time_period=consumption.BudgetTimePeriodArgs(start_date=f"{budget.start}T00:00:00Z"),
            notifications={
                **{f"actual{p}": notification(p, consumption.ThresholdType.ACTUAL) for p in _ACTUAL_PERCENT},
                f"forecast{_FORECAST_PERCENT}": notification(_FORECAST_PERCENT, consumption.ThresholdType.FORECASTED),
            },
            opts=pulumi.ResourceOptions(parent=parent),
        )


LOCKABLE = frozenset(
    {
        "Microsoft.ContainerRegistry/registries",
        "Microsoft.KeyVault/vaults",
        "Microsoft.MachineLearningServices/registries",
        "Microsoft.Storage/storageAccounts",
    }
)
"""The resource types that may be locked. A lock on a workspace or its resource group would stop clusters from scaling
down, because scaling down deletes nodes.
https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster#limitations"""


def create_locks(
    name: str, *, context: StackContext, locked: Mapping[str, Reference], opts: pulumi.ResourceOptions
) -> None:
    """Lock resources against deletion.

    Args:
        locked: The resources, by the last part of the lock's name.

    Raises:
        ValueError: A resource is of a type that must not be locked.
    """
    with Component("guardrails:Locks", name, opts) as parent:
        for key, resource in locked.items():
            if resource.azure_type not in LOCKABLE:
                raise ValueError(
                    f"{resource.id} must not be locked: a lock on a workspace or its resource group stops clusters "
                    "from scaling down"
                )
            authorization.ManagementLockByScope(
                f"{name}-{key}",
                lock_name=context.name("lock", key),
                scope=resource.id_output,
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="Protects data from deletion. docs/guardrails.md of mlops-bootstrap describes how to remove it.",
                opts=pulumi.ResourceOptions(parent=parent),
            )


def create_defender_plans(
    name: str,
    *,
    context: StackContext,
    plans: Mapping[DefenderPlan, bool],
    subscriptions: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Turn Microsoft Defender plans of whole subscriptions on or off, by a template.

    Every subscription has all plans, with the tier Free. The provider refuses to create what exists, and Azure refuses
    to delete a plan, so the SDK's `security.Pricing` can neither be created nor removed. A template writes the plans,
    and removing it leaves them as they are. Azure changes one plan of a subscription at a time.
    https://github.com/Azure/terraform-provider-azapi/issues/818
    https://github.com/hashicorp/terraform-provider-azurerm/issues/32451
    """
    names = [PLANS[plan][0] for plan in plans]
    written = [
        {
            "type": "Microsoft.Security/pricings",
            "apiVersion": API_VERSION,
            "name": PLANS[plan][0],
            "dependsOn": [f"[subscriptionResourceId('Microsoft.Security/pricings', '{one}')]" for one in before],
            "properties": {"pricingTier": "Standard", **PLANS[plan][1]} if is_on else {"pricingTier": "Free"},
        }
        for (plan, is_on), before in zip(plans.items(), ([], *([one] for one in names)), strict=False)
    ]
    with Component("guardrails:DefenderPlans", name, opts) as parent:
        for subscription in subscriptions:
            resources.DeploymentAtScope(
                f"{name}-{subscription}",
                scope=f"/subscriptions/{subscription}",
                deployment_name=context.names.of("template_deployment", HUB, "defender"),
                location=context.location,
                properties=resources.DeploymentPropertiesArgs(
                    mode=resources.DeploymentMode.INCREMENTAL,
                    template={
                        "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
                        "contentVersion": "1.0.0.0",
                        "resources": written,
                    },
                ),
                tags=context.tags,
                opts=pulumi.ResourceOptions(parent=parent),
            )


def create_policy_assignments(
    name: str,
    *,
    context: StackContext,
    policies: Sequence[AzurePolicy],
    effects: Mapping[PolicyName, PolicyEffect],
    subscriptions: Mapping[str, Sequence[Network]],
    opts: pulumi.ResourceOptions,
) -> None:
    """Assign built-in policies to whole subscriptions, where they also judge resources that others create.

    Args:
        subscriptions: The network modes of the environments in each subscription, by its id.
    """
    with Component("guardrails:PolicyAssignments", name, opts) as parent:
        for subscription, modes in subscriptions.items():
            for policy in policies:
                effect = effects[policy.name]
                if effect == "Disabled" or not policy.applies_to(modes):
                    continue
                key = policy.name.replace("_", "-")
                authorization.PolicyAssignment(
                    f"{name}-{key}-{subscription}",
                    policy_assignment_name=context.names.of("policy_assignment", key),
                    scope=f"/subscriptions/{subscription}",
                    policy_definition_id=f"/providers/Microsoft.Authorization/policyDefinitions/{policy.id}",
                    display_name=f"{context.names.organization}: {policy.requirement}",
                    description=policy.requirement,
                    enforcement_mode=authorization.EnforcementMode.DEFAULT,
                    parameters={
                        parameter: authorization.ParameterValuesValueArgs(value=value)
                        for parameter, value in {
                            **policy.parameters,
                            "effect": policy.audit if effect == "Audit" else effect,
                        }.items()
                    },
                    non_compliance_messages=[authorization.NonComplianceMessageArgs(message=policy.requirement)],
                    opts=pulumi.ResourceOptions(parent=parent),
                )
