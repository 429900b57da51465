"""Rules on arguments in general: the SDK's, Azure's on names, ours on tags."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.rules.rule import UNKNOWN, Resource, Rule, each
from infra.tables.names import TABLE, rule_of

if TYPE_CHECKING:
    from infra.rules import sdk

_SDK = "https://www.pulumi.com/registry/packages/azure-native/api-docs/"

REQUIRED_TAGS = ("managed-by", "organization", "team")
"""Tags that everything carries which takes tags."""

_NAMED = frozenset(rule.type for rule in TABLE.values())


def _mistakes(resource: Resource, kind: "sdk.Mistake") -> Iterable[str]:
    from infra.rules import sdk  # imports Pulumi, which the table of rules alone does without

    return sdk.mistakes(resource, kind)


def _names(resource: Resource) -> Iterable[str]:
    rule = rule_of(resource.type, resource.at)
    name = resource.at(rule.argument)
    if name != UNKNOWN and not (isinstance(name, str) and rule.allows(name)):
        allowed = f"{rule.shortest} to {rule.longest} characters that match {rule.pattern}"
        yield f"Azure does not allow the {rule.argument} {name!r}: {allowed} ({rule.source})."


def _tags(resource: Resource) -> Iterable[str]:
    from infra.rules import sdk

    if not sdk.takes(resource.type, "tags"):
        return
    tags = resource.at("tags") or {}
    missing = [tag for tag in REQUIRED_TAGS if tag not in tags]
    if tags != UNKNOWN and missing:
        yield f"the tags {', '.join(missing)} are missing."


ARGUMENT_RULES: tuple[Rule, ...] = (
    Rule(
        "argument-known", "error", "The SDK knows every argument",
        "The provider would drop the others, and what they say would not happen.",
        "Take the name from the SDK's reference.", _SDK,
        each(None, lambda resource: _mistakes(resource, "unknown")), "resource",
    ),
    Rule(
        "argument-required", "error", "No required argument is missing",
        "The provider refuses the resource, halfway through a deployment.",
        "Pass it.", _SDK,
        each(None, lambda resource: _mistakes(resource, "missing")), "resource",
    ),
    Rule(
        "argument-type", "error", "Every argument has the SDK's type",
        "The provider refuses the resource, halfway through a deployment.",
        "Pass a value of that type.", _SDK,
        each(None, lambda resource: _mistakes(resource, "type")), "resource",
    ),
    Rule(
        "argument-value", "error", "What the SDK enumerates has one of its values",
        "The provider does not look, and Azure refuses the resource, halfway through a deployment.",
        "Use the SDK's enumeration.", _SDK,
        each(None, lambda resource: _mistakes(resource, "value")), "resource",
    ),
    Rule(
        "names", "error", "Azure allows every name",
        "Azure refuses the resource, halfway through a deployment.",
        "Take the name from infra.tables.names.",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules",
        each(_NAMED, _names), "resource",
    ),
    Rule(
        "tags", "error", "Everything that takes tags says whose it is",
        "Bills and alerts are told apart by them.",
        "Pass the place's tags to the resource.",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources",
        each(None, _tags), "resource",
    ),
)  # fmt: skip
"""The rules on arguments in general."""
