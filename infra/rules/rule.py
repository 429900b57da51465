"""The data model of the rules: resources, stacks, findings and the rule itself.

A plan and the policy pack of the engine build the same `Stack`, so each rule is written once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from infra.settings import EnvironmentSettings, StackSettings, SuppressionSettings

Severity = Literal["error", "warning", "note"]
"""error: do not deploy. warning: something will not work, or is missing. note: information."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The most severe first."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's marker for a value that is known only after deployment. Rules ignore it.
https://github.com/pulumi/pulumi/blob/master/sdk/python/lib/pulumi/runtime/rpc.py"""

SECRET = "[secret]"  # noqa: S105 - the mask, not a secret
"""The mask that replaces a secret value. Rules ignore it."""


@dataclass(frozen=True)
class Resource:
    """A resource as the program registers it.

    Attributes:
        type: Pulumi's type token, such as `azure-native:storage:StorageAccount`.
        name: The resource's name in the program.
        inputs: As the engine gets them: camelCase, unknown values as `UNKNOWN`, secrets as `SECRET`.
        parent: The URN of the component that contains it; None at the top.
        depends_on: The URNs of the resources that are created before it.
        options: The other resource options of the program, by the names of Pulumi's protocol: `ignoreChanges`,
            `provider`, `hooks` and the like.
        custom: True for a resource of a provider, False for a component.
        import_id: The Azure id of an existing resource that the stack imports; None for a new resource.
        code: The file and line of our code that declares it, as `infra/components/storage.py:20`.
        origin: The manifest line that configures it or its component.
    """

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str | None = None
    depends_on: tuple[str, ...] = ()
    protect: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: bool = True
    import_id: str | None = None
    code: str | None = None
    origin: str | None = None

    def at(self, path: str) -> Any:
        """The input at a dotted path: None where it is missing, the marker where it is unknown or secret."""
        value: Any = self.inputs
        for key in path.split("."):
            if value in (UNKNOWN, SECRET):
                return value
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class Finding:
    """A rule that a stack violates.

    Attributes:
        rule: The id of the rule.
        resource: The URN of the resource that violates it; None where it is the stack as a whole.
        message: What is wrong.
        reason: Why it matters.
        fix: What to do.
        link: Where the facts are published.
        suppressed: The suppression in the manifests that allows it; the finding then does not count.
        manifest: The manifest line that configures the resource or the stack.
    """

    severity: Severity
    rule: str
    resource: str | None
    message: str
    reason: str
    fix: str
    link: str
    suppressed: SuppressionSettings | None = None
    manifest: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.message} ({self.manifest})"

    @property
    def refuses(self) -> bool:
        """Whether the stack must not be deployed because of it."""
        return self.severity == "error" and self.suppressed is None

    def document(self) -> dict[str, Any]:
        """The finding in the plan's JSON document."""
        allowed = self.suppressed
        return {
            "severity": self.severity,
            "rule": self.rule,
            "resource": self.resource,
            "message": self.message,
            "reason": self.reason,
            "fix": self.fix,
            "link": self.link,
            "suppressed": allowed and {"reason": allowed.reason, "until": allowed.until, "manifest": allowed.origin},
        }


@dataclass(frozen=True)
class Stack:
    """What the rules judge.

    Attributes:
        resources: The resources that Azure would hold; no components, no providers.
        settings: The stack's settings; None where the engine deploys it without them, or where it is removed.
        as_of: The date, `YYYY-MM-DD`, for rules that depend on one; None: nothing has ended yet. The machine's clock
            is never used, so that the same stack has the same findings tomorrow.
        before: The inputs that its resources had before the change, by URN, as far as they are known.
        observed: Existing resources as Azure describes them, by id in lower case, as far as they are known.
        suppressions: Suppressions in addition to those of the settings, for a stack that is removed.
        machine_prices: The price of an hour of a machine size, with its currency, by the size in lower case, as far as
            prices were requested and are known.
    """

    name: str
    resources: Sequence[Resource]
    settings: StackSettings | None = None
    as_of: str | None = None
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    observed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    suppressions: Sequence[SuppressionSettings] = ()
    machine_prices: Mapping[str, tuple[Decimal, str]] = field(default_factory=dict)

    @property
    def environment(self) -> EnvironmentSettings | None:
        """The settings, where they are those of an environment."""
        return self.settings if isinstance(self.settings, EnvironmentSettings) else None

    @property
    def urns(self) -> dict[str, str]:
        """The URNs of the resources by name."""
        return {resource.name: resource.urn for resource in self.resources}

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of some types."""
        return (resource for resource in self.resources if resource.type in types)


Violation = tuple[str | None, str]
"""The URN of the resource that violates a rule, or None for the stack, and a sentence that describes it."""


def violation_of(resource: Resource, text: str) -> Violation:
    """The violation by a resource, in a sentence that begins with its name."""
    return resource.urn, f"{resource.name}: {text}"


def did_you_mean(near: str | None) -> str:
    """The end of a sentence about an unknown name that resembles the known one `near`."""
    return f" Did you mean {near!r}?" if near is not None else ""


def _none(_stack: Stack) -> Iterable[Violation]:
    return ()


@dataclass(frozen=True)
class Rule:
    """A requirement on stacks.

    Attributes:
        id: Manifests use it in suppressions, so it never changes.
        title: The requirement.
        reason: Why it matters, as a sentence.
        fix: What to write in the manifests, or to do, as a sentence.
        link: Where the facts are published.
        check: The violations in one stack.
        scope: `resource`: `check` needs one resource only, so the engine can stop before it is created.
            `settings`: it needs the settings only, so `platform validate` judges them too.
            `platform`: the rule compares stacks, by `facts` and `compare`.
        facts: What `compare` needs from one stack and its findings: plain JSON data, small, for a thousand stacks.
        compare: The violations between stacks, from the facts of each by its name; each with the stack to report.
        related: The stacks that can violate the rule together with some judged ones: from the settings of all stacks
            of the platform and the facts of the judged ones, so that no other stack has to be planned.
    """

    id: str
    severity: Severity
    title: str
    reason: str
    fix: str
    link: str
    check: Callable[[Stack], Iterable[Violation]] = _none
    scope: Literal["resource", "settings", "stack", "platform"] = "stack"
    facts: Callable[[Stack, Sequence[Finding]], Any] | None = None
    compare: Callable[[Mapping[str, Any]], Iterable[tuple[str, Violation]]] | None = None
    related: Callable[[Mapping[str, StackSettings], Mapping[str, Any]], Iterable[str]] | None = None


def entries(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list, as far as they are known."""
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return (entry for entry in listed if isinstance(entry, Mapping))
