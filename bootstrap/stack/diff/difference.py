"""The difference between two plans of one stack, by resource and property.

Both sides are documents of a plan (docs/plan.md), so one of them can come from another version of this tool.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from bootstrap.stack.diff.deployed import NEVER
from bootstrap.stack.plan.model import StackPlan
from infra.rules.changes import STATEFUL, Change, differences, restricted
from infra.rules.rule import Finding

Action = Literal["add", "import", "remove", "change", "replace"]
"""import: the resource exists and becomes part of the stack. replace: Azure deletes it and creates it again."""

Status = Literal["added", "removed", "changed", "unchanged"]


class Baseline(Protocol):
    """What stacks are compared with: a commit, or what is deployed. As text it is its name."""

    @property
    def command(self) -> Sequence[str]:
        """The words of the command that compares with it: `diff`, `HEAD~1`."""

    def document(self) -> dict[str, str]:
        """What identifies it, as JSON."""


@dataclass(frozen=True)
class Commit:
    """The commit that a platform is compared with.

    Attributes:
        ref: The branch, tag or id that the user typed.
        id: The commit's full id.
        deployed: What tells how much of it is deployed: `never`, or paths of states; None when all of it counts.
    """

    ref: str
    id: str
    deployed: str | None = None

    def __str__(self) -> str:
        limit = "" if self.deployed is None else f", as far as it is deployed ({self.deployed})"
        if self.deployed == NEVER:
            limit = ", of which nothing is deployed"
        return f"{self.ref} ({self.id[:10]}){limit}"

    @property
    def command(self) -> Sequence[str]:
        """The words of the command that compares with it."""
        return ("diff", self.ref)

    def document(self) -> dict[str, str]:
        """The commit as JSON."""
        return {
            "ref": self.ref,
            "commit": self.id,
            **({"deployed": self.deployed} if self.deployed is not None else {}),
        }


@dataclass(frozen=True)
class ResourceDiff:
    """How a resource differs.

    Attributes:
        manifest: The manifest line that configures it; for a removed one, that of the commit: `HEAD: teams/a.yaml:2`.
        changed: Its properties that differ, by path; also `protect`, the engine's protection from deletion.
        effects: The properties that Azure does not change in place.
        import_id: The Azure id of an existing resource that the stack imports; None for a new one.
    """

    action: Action
    urn: str
    type: str
    name: str
    manifest: str
    changed: Sequence[Change]
    effects: Sequence[Change]
    import_id: str | None = None

    @property
    def loses_data(self) -> bool:
        """Whether a resource that holds data would be removed or replaced."""
        return self.type in STATEFUL and self.action in ("remove", "replace")

    def document(self) -> dict[str, Any]:
        """The difference as JSON."""
        return {
            "action": self.action,
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "manifest": self.manifest,
            "loses_data": self.loses_data,
            "changed": [{"at": one.at, "old": one.old, "new": one.new} for one in self.changed],
            "effects": [asdict(one) for one in self.effects],
            "import_id": self.import_id,
        }


@dataclass(frozen=True)
class StackDiff:
    """How a stack differs.

    Attributes:
        refusals: The errors that refuse its deployment, new or not.
        findings: The findings that the earlier plan does not have, the most severe first.
    """

    name: str
    status: Status
    resources: Sequence[ResourceDiff]
    refusals: Sequence[Finding] = ()
    findings: Sequence[Finding] = ()

    def document(self) -> dict[str, Any]:
        """The stack's part of the comparison's document."""
        return {
            "name": self.name,
            "status": self.status,
            "resources": [one.document() for one in self.resources],
            "refusals": [_finding(one, "rule", "message", "fix", "manifest") for one in self.refusals],
            "findings": [
                _finding(one, "severity", "rule", "resource", "message", "fix", "manifest") for one in self.findings
            ],
        }


def _finding(finding: Finding, *keys: str) -> dict[str, Any]:
    return {key: getattr(finding, key) for key in keys}


def difference(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, ref: str) -> StackDiff:
    """How the stack `name` differs between two plans. A side is None where it does not have the stack.

    Args:
        ref: The commit of the old plan; the prefix of its manifest lines, which may no longer exist.
    """
    before, after = ({one["urn"]: one for one in made_in(side)} for side in (old, new))
    found = [
        *(_changed(before[urn], resource) for urn, resource in after.items() if urn in before),
        *(
            _whole("import" if resource["import_id"] else "add", resource)
            for urn, resource in after.items()
            if urn not in before
        ),
        *(_whole("remove", resource, f"{ref}: ") for urn, resource in before.items() if urn not in after),
    ]
    resources = [one for one in found if one is not None]
    status: Status = "removed" if new is None else "added" if old is None else "changed" if resources else "unchanged"
    return StackDiff(name, status, resources)


def new_findings(old: Mapping[str, Any] | None, new: StackPlan) -> list[Finding]:
    """The findings of a stack that an earlier plan of it does not have, or that something suppressed there."""
    known = {
        (one["rule"], one["resource"], one["message"])
        for one in (old["findings"] if old is not None else ())
        if one["suppressed"] is None
    }
    return [
        one for one in new.findings if one.suppressed is None and (one.rule, one.resource, one.message) not in known
    ]


def made_in(stack: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The resources that Azure would hold, by the stack's document; none without a document."""
    resources = stack["resources"] if stack is not None else []
    return [one for one in resources if one["type"].startswith("azure-native:")]


def _whole(action: Action, resource: Mapping[str, Any], of: str = "") -> ResourceDiff:
    origin = of + resource["source"]["manifest"]
    return ResourceDiff(
        action, resource["urn"], resource["type"], resource["name"], origin, (), (), resource["import_id"]
    )


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> ResourceDiff | None:
    found = list(differences(old["inputs"], new["inputs"]))
    if old["protect"] != new["protect"]:
        found.insert(0, Change("protect", old["protect"], new["protect"]))
    if not found:
        return None
    effects = list(restricted(new["type"], old["inputs"], new["inputs"]))
    action: Action = "replace" if any(one.effect == "replaced" for one in effects) else "change"
    return ResourceDiff(action, new["urn"], new["type"], new["name"], new["source"]["manifest"], found, effects)
