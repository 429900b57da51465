"""What a plan needs and holds: settings; stacks, their resources, and what was found. Plain data, without Pulumi."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import infra
from bootstrap.pricing.idle import idle_costs
from bootstrap.pricing.price import IdleCost, Prices
from bootstrap.stack.plan.observed import Observed
from infra.rules.rule import SEVERITIES, Finding, Resource
from infra.settings import StackSettings

CODE = Path(infra.__file__).parent
"""The folder of the programs' code."""


def most_severe_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by severity, then by rule."""
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.rule))


@dataclass(frozen=True)
class Request:
    """The inputs of the plan of one stack.

    Attributes:
        as_of: The date, `YYYY-MM-DD`, for rules that depend on one; None: nothing has ended yet.
        observed: The existing resources that the stack adopts, as far as they are known.
    """

    settings: StackSettings
    as_of: str | None = None
    observed: Observed = field(default_factory=dict)


@dataclass(frozen=True)
class StackPlan:
    """What one stack would contain.

    Attributes:
        resources: Components and what they make, in the order in which the program declares them.
        findings: What to know or to change, the gravest first.
        facts: What rules that compare stacks need from it, as plain JSON data.
        prices: What it costs while nothing runs; None unless prices were requested.
    """

    settings: StackSettings
    resources: Sequence[Resource]
    findings: Sequence[Finding]
    facts: Mapping[str, Any]
    prices: Prices | None = None

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.settings.stack

    @property
    def made(self) -> list[Resource]:
        """The resources that Azure would hold: without components and providers."""
        return made_of(self.resources)

    @property
    def idle(self) -> Sequence[IdleCost]:
        """What it costs while nothing runs, with prices if they were requested."""
        return idle_costs(self.made, self.settings.location) if self.prices is None else self.prices.costs

    @property
    def refusals(self) -> list[Finding]:
        """The findings that refuse its deployment."""
        return [finding for finding in self.findings if finding.refuses]

    def manifest(self, resource: Resource) -> str:
        """The manifest line that configures a resource: its own, or the stack's."""
        return resource.origin or self.settings.origin

    def document(self) -> dict[str, Any]:
        """The stack's part of the plan's document."""
        return {
            "name": self.name,
            "program": self.settings.program,
            "resources": [
                {
                    "urn": resource.urn,
                    "type": resource.type,
                    "name": resource.name,
                    "parent": resource.parent,
                    "inputs": dict(resource.inputs),
                    "depends_on": list(resource.depends_on),
                    "protect": resource.protect,
                    "import_id": resource.import_id,
                    "source": {"manifest": self.manifest(resource), "code": resource.code},
                }
                for resource in self.resources
            ],
            "findings": [finding.document() for finding in self.findings],
            "bills_while_idle": [cost.document() for cost in self.idle],
            **({"idle_total": self.prices.document()} if self.prices is not None else {}),
        }


def made_of(resources: Iterable[Resource]) -> list[Resource]:
    """The resources that Azure would hold: without components and providers."""
    return [one for one in resources if one.custom and not one.type.startswith("pulumi:")]
