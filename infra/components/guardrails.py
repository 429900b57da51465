"""What keeps costs, deletions and strangers' resources in bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, consumption

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import BudgetSettings, PolicyEffect, PolicyName, SubscriptionSettings
from infra.tables.azure_policies import Policy

_ACTUAL_PERCENT = (80, 100)
_FORECAST_PERCENT = 100


@dataclass(frozen=True)
class BudgetArgs:
    """What may be spent in the place's resource group, and the action group that hears of it beside the mails."""

    place: Place
    budget: BudgetSettings
    action_group: Reference


class Budget(pulumi.ComponentResource):
    """A monthly budget that warns at 80 % and 100 % of what was spent, and when the month's forecast is above it."""

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:guardrails:Budget", name, None, opts)
        asked_for_by(self, args.budget.origin)
        place, budget = args.place, args.budget

        def notification(percent: int, kind: consumption.ThresholdType) -> consumption.NotificationArgs:
            return consumption.NotificationArgs(
                enabled=True,
                operator=consumption.OperatorType.GREATER_THAN_OR_EQUAL_TO,
                threshold=percent,
                threshold_type=kind,
                contact_emails=list(budget.emails),
                contact_groups=[args.action_group.id_when_made],
            )

        consumption.Budget(
            name,
            budget_name=place.names.of("budget", *place.words),
            scope=place.group.id_when_made,
            category=consumption.CategoryType.COST,
            amount=budget.amount,
            time_grain=consumption.TimeGrainType.MONTHLY,
            time_period=consumption.BudgetTimePeriodArgs(start_date=f"{budget.start}T00:00:00Z"),
            notifications={
                **{f"actual{p}": notification(p, consumption.ThresholdType.ACTUAL) for p in _ACTUAL_PERCENT},
                f"forecast{_FORECAST_PERCENT}": notification(_FORECAST_PERCENT, consumption.ThresholdType.FORECASTED),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


LOCKABLE = frozenset(
    {
        "Microsoft.ContainerRegistry/registries",
        "Microsoft.KeyVault/vaults",
        "Microsoft.MachineLearningServices/registries",
        "Microsoft.Storage/storageAccounts",
    }
)
"""What may be locked: a lock on a workspace or its resource group would stop clusters from scaling down, which deletes.
https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster#limitations"""


@dataclass(frozen=True)
class LocksArgs:
    """What nobody should delete by accident, by the word for it in this stack."""

    place: Place
    locked: Mapping[str, Reference]


class Locks(pulumi.ComponentResource):
    """Locks against deletion. Raises ValueError for what must not be locked."""

    def __init__(self, name: str, args: LocksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:guardrails:Locks", name, None, opts)
        for word, resource in args.locked.items():
            if resource.kind not in LOCKABLE:
                raise ValueError(
                    f"{resource.id} must not be locked: a lock on a workspace or its resource group stops clusters "
                    "from scaling down"
                )
            authorization.ManagementLockByScope(
                f"{name}-{word}",
                lock_name=args.place.names.of("lock", *args.place.words, word),
                scope=resource.id_when_made,
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="Holds what cannot be made again. docs/guardrails.md of mlops-bootstrap says how to remove it.",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


@dataclass(frozen=True)
class PolicyAssignmentsArgs:
    """The policies, what each of them does, and the subscriptions that they judge."""

    place: Place
    policies: Sequence[Policy]
    effects: Mapping[PolicyName, PolicyEffect]
    subscriptions: Sequence[SubscriptionSettings]


class PolicyAssignments(pulumi.ComponentResource):
    """Azure's own policies, assigned to whole subscriptions: they also see what was made without us."""

    def __init__(self, name: str, args: PolicyAssignmentsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:guardrails:PolicyAssignments", name, None, opts)
        names = args.place.names
        for subscription in args.subscriptions:
            for policy in args.policies:
                effect = args.effects[policy.name]
                if effect == "Disabled" or not _promised(policy, subscription):
                    continue
                word = policy.name.replace("_", "-")
                authorization.PolicyAssignment(
                    f"{name}-{word}-{subscription.id}",
                    policy_assignment_name=names.of("policy_assignment", word),
                    scope=f"/subscriptions/{subscription.id}",
                    policy_definition_id=f"/providers/Microsoft.Authorization/policyDefinitions/{policy.id}",
                    display_name=f"{names.organization}: {policy.wanted}",
                    description=policy.wanted,
                    enforcement_mode=authorization.EnforcementMode.DEFAULT,
                    parameters={
                        "effect": authorization.ParameterValuesValueArgs(
                            value=policy.audit if effect == "Audit" else effect
                        )
                    },
                    non_compliance_messages=[authorization.NonComplianceMessageArgs(message=policy.wanted)],
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({})


def _promised(policy: Policy, subscription: SubscriptionSettings) -> bool:
    """Whether every environment in the subscription has a mode that keeps the policy."""
    if not policy.modes:
        return True
    return bool(subscription.networks) and set(subscription.networks) <= set(policy.modes)
