"""The typed settings of a stack: everything that a program needs to know, and nothing that it must look up.

`bootstrap.platform` makes them from the manifests. They are plain data that goes to JSON and back, so that `pulumi up`
can be given them too (see `infra/__main__.py`). Every `origin` says which line of which manifest asked for the thing,
as `teams/fraud.yaml:7`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Network = Literal["open", "managed"]
"""`open`: no network of its own; everything is reachable with an Entra login. `managed`: jobs and endpoints run in the
workspace's managed network, which may reach the internet; its door for people is as in `open`."""

Persona = Literal["data_scientists", "engineers", "reviewers", "operators", "platform"]
"""What people are to a team: who works on models, who reviews and who operates them; `platform` keeps all teams'."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BudgetSettings(_Settings):
    """What may be spent.

    Attributes:
        amount: Per calendar month, in the currency of the subscription.
        start: The first day that counts, `YYYY-MM-01`. Azure never lets it change.
        emails: Who hears of it.
    """

    amount: float
    start: str
    emails: tuple[str, ...]
    origin: str


class ClusterSettings(_Settings):
    """A compute cluster, which has no nodes while nothing runs.

    Attributes:
        size: The virtual machine size, as Azure spells it.
        low_priority: Cheaper nodes that Azure may take away.
    """

    name: str
    size: str
    max_nodes: int
    low_priority: bool
    origin: str


class GroupSettings(_Settings):
    """An Entra group of people, by object id, and what they are to the team.

    Attributes:
        eligible: Whether they only may activate their roles, for some hours, instead of having them always.
        shares: Whether this stack gives them their roles on what all teams share; else another one does.
    """

    persona: Persona
    object_id: str
    eligible: bool
    shares: bool = False
    origin: str


class Federation(_Settings):
    """What the forge's tokens say; read back from the forge, never computed from names."""

    issuer: str
    subject: str
    origin: str


class ProjectSettings(_Settings):
    """A repository whose CI works in this environment. Without `federation` it has an identity but cannot log in."""

    name: str
    federation: Federation | None
    origin: str


class SuppressionSettings(_Settings):
    """A rule that a stack may break for a time.

    Attributes:
        rule: The rule's id.
        resource: The name of the resource in the plan; None for all resources and the stack itself.
        reason: Why it may.
        until: The last day on which it may, `YYYY-MM-DD`.
    """

    rule: str
    resource: str | None
    reason: str
    until: str
    origin: str


class _StackSettings(_Settings):
    organization: str
    tenant_id: str
    subscription_id: str
    location: str
    tags: dict[str, str]
    protect: bool
    budget: BudgetSettings | None
    origin: str
    suppressions: tuple[SuppressionSettings, ...] = ()


class HubSettings(_StackSettings):
    """The hub: what all teams share.

    Attributes:
        registry_locations: Where the shared model registry keeps a copy; the hub's own location is among them.
        alert_emails: Who gets the hub's alerts, and those of stacks that name nobody.
        subscriptions: All of the platform: what is done in them is logged, and our own roles can be assigned there.
        groups: The organization's people.
    """

    program: Literal["hub"] = "hub"
    log_retention_days: int
    registry_locations: tuple[str, ...]
    alert_emails: tuple[str, ...]
    subscriptions: tuple[str, ...]
    groups: tuple[GroupSettings, ...]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return "hub"


class EnvironmentSettings(_StackSettings):
    """One team in one environment.

    Attributes:
        hub_subscription_id: The subscription that the hub's resources lie in; their names come from the naming table.
        people: Whether people work here or only read, and CI does the work.
        alert_emails: Who gets the alerts; when empty, whoever gets the hub's.
        self_service: Whether people make compute instances for themselves.
    """

    program: Literal["environment"] = "environment"
    team: str
    environment: str
    hub_subscription_id: str
    network: Network
    people: Literal["work", "read"]
    alert_emails: tuple[str, ...] = ()
    self_service: bool
    groups: tuple[GroupSettings, ...]
    clusters: tuple[ClusterSettings, ...]
    projects: tuple[ProjectSettings, ...]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"{self.team}-{self.environment}"


StackSettings = HubSettings | EnvironmentSettings


def from_json(text: str) -> StackSettings:
    """Settings from their JSON. Raises pydantic.ValidationError."""
    adapter: TypeAdapter[StackSettings] = TypeAdapter(Annotated[StackSettings, Field(discriminator="program")])
    return adapter.validate_json(text)
