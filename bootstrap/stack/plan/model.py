"""What a plan holds: stacks, their resources, and what was found. Plain data; reading it needs no Pulumi."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import infra
from bootstrap.pricing.idle import IdleCost, idle_costs
from bootstrap.pricing.price import NoPrice, Price, Prices, Total
from infra.rules.rule import SEVERITIES, Resource, Severity
from infra.settings import StackSettings, SuppressionSettings

CODE = Path(infra.__file__).parent
"""The folder of the programs' code."""


@dataclass(frozen=True)
class Registration:
    """A resource as the program registered it.

    Attributes:
        parent: The URN of the component that it belongs to; None at the top.
        inputs: As the engine would get them: camelCase, unknowns as `UNKNOWN`, secrets as `SECRET`.
        depends_on: The URNs of what is made before it.
        options: The other resource options that the program set, by the names of Pulumi's protocol: `ignoreChanges`,
            `provider`, `hooks` and the like.
        custom: Whether a provider makes it; a component is only a bracket around others.
        import_id: The id of what is there already and becomes part of the stack; None for what is made.
        code: The file and the line that made it.
        origin: The line of the manifest that asked for it, or for the component that it belongs to.
    """

    urn: str
    type: str
    name: str
    parent: str | None
    inputs: Mapping[str, Any]
    depends_on: tuple[str, ...]
    protect: bool
    options: Mapping[str, Any]
    custom: bool
    import_id: str | None
    code: tuple[Path, int] | None
    origin: str | None


@dataclass(frozen=True)
class Finding:
    """Something to know or to change about a planned stack.

    Attributes:
        rule: The id of the rule that is broken.
        resource: The URN of the resource that it is about; None when it is about the stack.
        message: What is wrong.
        reason: Why it matters.
        fix: What to do about it.
        link: Where the facts behind it are published.
        suppressed: What in the manifests lets the stack break the rule; then the finding does not count.
    """

    severity: Severity
    rule: str
    resource: str | None
    message: str
    reason: str
    fix: str
    link: str
    suppressed: SuppressionSettings | None

    def document(self) -> dict[str, Any]:
        """The finding in the plan's document."""
        said = self.suppressed
        return {
            "severity": self.severity,
            "rule": self.rule,
            "resource": self.resource,
            "message": self.message,
            "reason": self.reason,
            "fix": self.fix,
            "link": self.link,
            "suppressed": said and {"reason": said.reason, "until": said.until, "manifest": said.origin},
        }


@dataclass(frozen=True)
class Refusal:
    """Why a stack should not be deployed.

    Attributes:
        rule: The id of the rule that is broken.
        message: What is wrong, as a sentence.
        manifest: The line of the manifests that asked for it.
    """

    rule: str
    message: str
    manifest: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message} ({self.manifest})"


def refusals(findings: Iterable[Finding], asked_in: Callable[[Finding], str]) -> list[Refusal]:
    """What of these findings says not to deploy: the errors that nothing suppresses.

    Args:
        asked_in: The line of the manifests that asked for what a finding is about.
    """
    return [
        Refusal(one.rule, one.message, asked_in(one))
        for one in findings
        if one.severity == "error" and one.suppressed is None
    ]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, then by rule."""
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.rule))


@dataclass(frozen=True)
class StackPlan:
    """What one stack would contain.

    Attributes:
        resources: Components and what they make, in the order in which the program declares them.
        findings: What to know or to change, the gravest first.
        told: What the rules that judge stacks together have to know of it, as plain data.
        prices: What Azure asks for each of `idle`; None when nobody asked Azure.
    """

    settings: StackSettings
    resources: Sequence[Registration]
    findings: Sequence[Finding]
    told: Mapping[str, Any]
    prices: Prices | None = None

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.settings.stack

    @property
    def made(self) -> list[Registration]:
        """The resources that Azure would hold: without components and providers."""
        return [resource for resource in self.resources if _is_azures(resource)]

    @property
    def idle(self) -> list[IdleCost]:
        """What bills while nothing runs."""
        return idle_costs(as_resources(self.resources))

    @property
    def bills(self) -> list[tuple[IdleCost, Price | NoPrice | None]]:
        """What bills while nothing runs, each with its price, or None when nobody asked for prices."""
        idle = self.idle
        return list(zip(idle, self.prices.each if self.prices is not None else [None] * len(idle), strict=True))

    @property
    def idle_total(self) -> Total | None:
        """What that costs in a month; None when nobody asked for prices."""
        return self.prices.total(cost.count for cost in self.idle) if self.prices is not None else None

    @property
    def refusals(self) -> list[Refusal]:
        """Why it should not be deployed."""
        return refusals(self.findings, self.asked_in)

    def manifest(self, resource: Registration) -> str:
        """The line of the manifests that asked for a resource: its own, or the one that asked for the stack."""
        return resource.origin or self.settings.origin

    def asked_in(self, finding: Finding) -> str:
        """The line of the manifests that asked for what a finding is about."""
        about = (resource for resource in self.resources if resource.urn == finding.resource)
        return next(map(self.manifest, about), self.settings.origin)

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
                    "source": {"manifest": self.manifest(resource), "code": _line(resource)},
                }
                for resource in self.resources
            ],
            "findings": [finding.document() for finding in self.findings],
            "bills_while_idle": [{**cost.document(), **_price_document(price)} for cost, price in self.bills],
            **({"idle_total": self.idle_total.document()} if self.idle_total is not None else {}),
        }


@dataclass(frozen=True)
class Plan:
    """What some stacks of a platform would contain.

    Attributes:
        as_of: The day by which what ends on a day was judged, `YYYY-MM-DD`; None when it was by no day.
    """

    stacks: Sequence[StackPlan]
    as_of: str | None = None

    def document(self) -> dict[str, Any]:
        """The plan as JSON, version 1: docs/plan.md."""
        return {"schema_version": 1, "as_of": self.as_of, "stacks": [stack.document() for stack in self.stacks]}


def as_resources(registrations: Iterable[Registration]) -> list[Resource]:
    """What Azure would hold, as rules see it: without components and providers."""
    return [
        Resource(resource.urn, resource.type, resource.name, resource.inputs, resource.depends_on, resource.import_id)
        for resource in registrations
        if _is_azures(resource)
    ]


def _is_azures(resource: Registration) -> bool:
    return resource.custom and not resource.type.startswith("pulumi:")


def _price_document(price: Price | NoPrice | None) -> dict[str, Any]:
    if isinstance(price, NoPrice):
        return {"price": None, "no_price": price.reason}
    return {"price": price.document()} if price is not None else {}


def _line(resource: Registration) -> str | None:
    if resource.code is None:
        return None
    path, line = resource.code
    return f"{path.relative_to(CODE.parent).as_posix()}:{line}"
