"""What an organization writes: `platform.yaml`, one file per team in `teams/`, and `links.yaml`.

The formats are documented in docs/platform.md; the JSON Schemas that editors use are made from these models.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Text:
    """A string that must match a pattern as a whole; who gets it wrong is told in words.

    Attributes:
        wanted: What must be written, after "must be".
        pattern: A regular expression that Python and JavaScript read alike.
    """

    wanted: str
    pattern: str

    def __get_pydantic_core_schema__(self, _source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        from pydantic_core import core_schema

        fits = re.compile(self.pattern, re.ASCII).fullmatch

        def check(value: str) -> str:
            if not fits(value):
                raise ValueError(f"must be {self.wanted}")
            return value

        return core_schema.no_info_after_validator_function(check, handler(str))

    def __get_pydantic_json_schema__(self, schema: "CoreSchema", handler: "GetJsonSchemaHandler") -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$", "description": f"Must be {self.wanted}."}


def _words(shortest: int, longest: int) -> Text:
    return Text(
        f"{shortest} to {longest} lower-case letters, digits and single hyphens, beginning with a letter",
        rf"(?=.{{{shortest},{longest}}}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    )


Organization = Annotated[
    str, Text("2 to 20 lower-case letters and digits, beginning with a letter", "[a-z][a-z0-9]{1,19}")
]
EnvironmentName = Annotated[
    str, Text("2 to 10 lower-case letters and digits, beginning with a letter", "[a-z][a-z0-9]{1,9}")
]
TeamName = Annotated[str, _words(2, 24)]
ProjectName = Annotated[str, _words(2, 32)]
ClusterName = Annotated[str, _words(2, 16)]
Guid = Annotated[
    str,
    Text(
        "a GUID such as 11111111-2222-3333-4444-555555555555", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    ),
]
Location = Annotated[
    str, Text("an Azure location in lower case without spaces, such as westeurope", "[a-z]{3,30}[0-9]{0,2}")
]
VmSize = Annotated[
    str, Text("a virtual machine size such as Standard_D4ds_v5", "Standard_[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*")
]
Email = Annotated[str, Text("a mail address", r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")]
Repository = Annotated[
    str,
    Text(
        "github:OWNER/REPOSITORY or azure-devops:ORGANIZATION/PROJECT/REPOSITORY",
        r"github:[\w.\-]+/[\w.\-]+|azure-devops:[\w.\-]+/[\w. \-]+/[\w. \-]+",
    ),
]
Issuer = Annotated[str, Text("an https address", r"https://[\w.\-]+(?:/[\w./\-]*)?")]
Subject = Annotated[str, Text("1 to 600 characters without spaces at the ends", r"\S(?:.{0,598}\S)?")]
ToolPin = Annotated[str, Text('a version such as "0.1.*"', r"[0-9]+(?:\.[0-9]+)*(?:\.\*)?")]
Month = Annotated[str, Text("the first day of a month, such as 2026-11-01", r"20[0-9]{2}-(?:0[1-9]|1[0-2])-01")]
Day = Annotated[
    str,
    Text(
        "a day such as 2027-03-31",
        r"20[0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
        r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))",
    ),
]
RuleId = Annotated[
    str, Text("the id of a rule of docs/rules.md, such as public-access", "[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
]
ResourceName = Annotated[str, Text("the name of a resource as the plan shows it", r"[\w.\-]{1,260}")]
Reason = Annotated[str, Text("a reason of 10 to 300 characters", r"\S.{8,298}\S")]
# https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources; storage accounts allow 128 letters.
TagName = Annotated[str, Text(r"1 to 128 characters without < > % & \ ? /", r"[^<>%&\\?/]{1,128}")]
TagValue = Annotated[str, Text("at most 256 characters", r"[^\n]{0,256}")]
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Cluster(_Section):
    """A compute cluster. It has no nodes while nothing runs."""

    name: ClusterName
    size: VmSize
    max_nodes: int = Field(ge=1, le=100, description="How many nodes it may grow to.")
    low_priority: bool = Field(False, description="Cheaper nodes, which Azure may take away.")


class Suppression(_Section):
    """A rule that may be broken for a time: its findings are kept, and not counted."""

    rule: RuleId
    resource: ResourceName | None = Field(None, description="Only this resource, by its name in the plan.")
    reason: Reason = Field(description="Why it may be broken.")
    until: Day = Field(description="The last day on which it may be broken.")


class Group(_Section):
    """An Entra group: its object id alone, or with how it has its roles."""

    id: Guid = Field(description="The group's object id.")
    eligible: bool = Field(
        False, description="Its members activate their roles when they need them, instead of having them always."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"id": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: "CoreSchema", handler: "GetJsonSchemaHandler") -> dict[str, Any]:
        long = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [long["properties"]["id"], dict(long)]}


class PlatformGroups(_Section):
    """Entra groups of the organization, by object id."""

    platform: Group | None = Field(None, description="Who keeps the platform of all teams.")


class Layer(_Section):
    """What can be said for the organization, an environment, a team, or a team's environment; the last one wins."""

    location: Location | None = Field(None, description="The Azure location.")
    subscription_id: Guid | None = Field(None, description="The subscription that the resources are made in.")
    network: Literal["open", "managed"] | None = Field(
        None, description="open: no network of its own. managed: the workspace's managed network."
    )
    protect: bool | None = Field(
        None, description="Production: what holds data is protected from deletion, and people only read."
    )
    tags: dict[TagName, TagValue] = Field({}, description="Tags on every resource; layers add to each other.")
    budget: Amount | None = Field(None, description="Per month, in the currency of the subscription.")
    budget_start: Month | None = Field(
        None, description="The first day that budgets count. Azure never lets it change: write it once."
    )
    compute: list[Cluster] | None = Field(None, description="The compute clusters of each workspace.")
    alert_emails: list[Email] | None = Field(
        None, min_length=1, description="Who hears of alerts and budgets; by default whoever hears of the hub's."
    )
    suppress: list[Suppression] = Field([], description="Rules that may be broken; layers add to each other.")
    self_service: bool | None = Field(
        None, description="People make compute instances for themselves where they work; by default they do."
    )


class Environment(Layer):
    """One of the organization's environments."""

    ring: int = Field(ge=0, description="The order in which stacks are changed: 0 goes first.")


class Hub(_Section):
    """What all teams share."""

    location: Location | None = Field(None, description="By default the organization's.")
    subscription_id: Guid | None = Field(None, description="By default the organization's.")
    log_retention_days: int = Field(90, ge=30, le=730)
    alert_emails: list[Email] = Field(min_length=1, description="Who hears of the hub's alerts and budget.")
    budget: Amount | None = Field(None, description="Per month, in the currency of the subscription.")


class PlatformManifest(Layer):
    """The content of `platform.yaml`."""

    schema_version: Literal[1] = 1
    tool: ToolPin | None = Field(None, description="The version of mlops-bootstrap that everybody uses here.")
    organization: Organization = Field(description="A short word that every Azure name carries. Never change it.")
    tenant_id: Guid = Field(description="The Entra tenant.")
    groups: PlatformGroups = PlatformGroups()
    environments: dict[EnvironmentName, Environment] = Field(min_length=1)
    hub: Hub


class Groups(_Section):
    """Entra groups of a team, by object id."""

    data_scientists: Group | None = Field(None, description="Who explores data and trains models.")
    engineers: Group | None = Field(None, description="Who brings models into use.")
    reviewers: Group | None = Field(None, description="Who approves releases; reads only.")
    operators: Group | None = Field(None, description="Who keeps endpoints running; sees no data.")


class ProjectEntry(_Section):
    """A repository of the team whose CI works in the team's environments."""

    name: ProjectName
    repository: Repository
    blueprint: str | None = Field(None, description="The blueprint that it was made from.")


class TeamEnvironment(Layer):
    """A team's environment."""

    groups: Groups = Field(Groups(), description="Groups that stand for the team's ones here.")


class TeamManifest(Layer):
    """The content of `teams/<name>.yaml`."""

    schema_version: Literal[1] = 1
    name: TeamName = Field(description="The same as the file's.")
    groups: Groups = Groups()
    environments: dict[EnvironmentName, TeamEnvironment] = Field(min_length=1)
    projects: list[ProjectEntry] = []


class Link(_Section):
    """What a forge's tokens say. Read it from the forge: it cannot be told from names."""

    issuer: Issuer
    subject: Subject


class LinksManifest(_Section):
    """The content of `links.yaml`: by team, project and environment."""

    schema_version: Literal[1] = 1
    teams: dict[TeamName, dict[ProjectName, dict[EnvironmentName, Link]]] = {}
