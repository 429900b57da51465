"""What keeps costs in bounds."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import consumption

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import BudgetSettings

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
