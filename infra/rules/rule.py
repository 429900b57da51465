"""What a rule is, and what it looks at: stacks of resources as plain type, name and inputs.

A plan has them before anything is made, and so has the engine that deploys it; so a rule is written once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.settings import EnvironmentSettings, StackSettings, SuppressionSettings

Severity = Literal["error", "warning", "note"]
"""error: do not deploy. warning: something will not work, or is missing. note: to know."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The gravest first."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How Pulumi spells a value that is not known before the resource exists. A rule has nothing against it.
https://github.com/pulumi/pulumi/blob/master/sdk/python/lib/pulumi/runtime/rpc.py"""

SECRET = "[secret]"  # noqa: S105 - the mask, not a secret
"""What stands instead of a secret. A rule has nothing against it."""


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource that Azure would hold. Two are the same only if they are one object.

    Attributes:
        type: As Pulumi spells it: `azure-native:storage:StorageAccount`.
        name: Its name in the program.
        inputs: As the engine gets them: camelCase, unknowns as `UNKNOWN`, secrets as `SECRET`.
        depends_on: The URNs of what is made before it.
        import_id: The id of what is there already and becomes part of the stack; None where none is told.
    """

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    depends_on: Sequence[str] = ()
    import_id: str | None = None

    def at(self, path: str) -> Any:
        """The input at a dotted path; None where there is none, and what hides it where that is unknown or secret."""
        value: Any = self.inputs
        for key in path.split("."):
            if value in (UNKNOWN, SECRET):
                return value
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class Stack:
    """A stack.

    Attributes:
        settings: What the manifests say of it; None where an engine deploys it that was not told.
        as_of: The day by which what ends on a day is judged, `YYYY-MM-DD`. None: by no day, so nothing has ended. It is
            never the machine's clock that says it, so that the same stack is judged the same tomorrow.
        before: The inputs that its resources had before, by URN, as far as they are known.
        observed: What is there already, as Azure describes it, by its id in lower case, as far as it is known.
        suppressions: What lets it break rules beside its settings, as one that is to go has none any more.
    """

    name: str
    resources: Sequence[Resource]
    settings: StackSettings | None = None
    as_of: str | None = None
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    observed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    suppressions: Sequence[SuppressionSettings] = ()

    @property
    def environment(self) -> EnvironmentSettings | None:
        """The settings, where they are those of an environment."""
        return self.settings if isinstance(self.settings, EnvironmentSettings) else None

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of some types."""
        return (resource for resource in self.resources if resource.type in types)


@dataclass(frozen=True)
class Breach:
    """A rule is broken.

    Attributes:
        resource: The URN of the resource that it is about; None when it is about the stack.
        message: What is wrong, as a sentence.
    """

    resource: str | None
    message: str


@dataclass(frozen=True)
class Each:
    """Judges each resource by itself.

    Attributes:
        wrong: What is wrong with it, each as a sentence.
        types: The types that are judged; None for all.
    """

    wrong: Callable[[Resource], Iterable[str]]
    types: frozenset[str] | None = None


@dataclass(frozen=True)
class Whole:
    """Judges a stack as a whole."""

    wrong: Callable[[Stack], Iterable[Breach]]


@dataclass(frozen=True)
class Across:
    """Judges stacks together.

    Attributes:
        told: The little that the rule has to know of one stack, and of what was found in it (ids of rules with how they
            are broken), as plain data: there may be a thousand stacks.
        wrong: What is wrong, given what each stack told, by its name; each with the name of the stack to blame.
        every: Whether it can only judge when every stack of the platform is there.
    """

    told: Callable[[Stack, Sequence[tuple[str, Breach]]], Any]
    wrong: Callable[[Mapping[str, Any]], Iterable[tuple[str, Breach]]]
    every: bool = False


@dataclass(frozen=True)
class Rule:
    """What must hold.

    Attributes:
        id: Manifests name it to suppress it, so it never changes.
        title: What holds where the rule is kept.
        reason: Why that matters, as a sentence.
        fix: What to do when it is broken, as a sentence.
        link: Where the facts behind it are published.
    """

    id: str
    severity: Severity
    title: str
    reason: str
    fix: str
    link: str
    judge: Each | Whole | Across
