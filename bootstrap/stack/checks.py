"""The rules of `infra.policies`, applied to planned stacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.stack.recorder import Registration
from infra.policies.rule import SEVERITIES, Breach, Resource, Rule, Severity, Stack
from infra.policies.rules import judge_resource, judge_stack
from infra.settings import StackSettings


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
    """

    severity: Severity
    rule: str
    resource: str | None
    message: str
    reason: str
    fix: str
    link: str


def check(settings: StackSettings, resources: Sequence[Registration]) -> list[Finding]:
    """All findings about a planned stack, the gravest first."""
    stack = as_stack(settings, resources)
    broken = [*(pair for resource in stack.resources for pair in judge_resource(resource)), *judge_stack(stack)]
    found = [_finding(rule, breach) for rule, breach in broken]
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), finding.rule))


def as_stack(settings: StackSettings, resources: Sequence[Registration]) -> Stack:
    """A planned stack as rules see it: what Azure would hold, without components and providers."""
    made = [
        Resource(resource.urn, resource.type, resource.name, resource.inputs, resource.depends_on)
        for resource in resources
        if resource.custom and not resource.type.startswith("pulumi:")
    ]
    return Stack(settings.stack, made, settings)


def _finding(rule: Rule, breach: Breach) -> Finding:
    return Finding(rule.severity, rule.id, breach.resource, breach.message, rule.reason, rule.fix, rule.link)
