"""What an organization writes: `platform.yaml`, one file per team in `teams/`, and `links.yaml`.

The formats are documented in docs/platform.md; the JSON Schemas that editors use are made from these models.
"""

import ipaddress
import json
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from bootstrap.forge import ADDRESS
from bootstrap.tool import SOURCE, SOURCE_PATTERN, VERSION, VERSION_PATTERN
from bootstrap.yaml.messages import SECRET
from bootstrap.yaml.patterns import matching, not_offered
from infra.tables.connections import ConnectionKind
from infra.tables.defender import DefenderPlan
from infra.tables.network_modes import MODES, AccessMode, Ci, HubNetwork, Network

_AZURES_WORDS = {
    word.lower(): word
    for word in (
        "subscriptions",
        "resourceGroups",
        "providers",
        "Microsoft.CognitiveServices",
        "accounts",
        "Microsoft.ContainerRegistry",
        "registries",
        "Microsoft.ContainerService",
        "managedClusters",
        "Microsoft.Insights",
        "components",
        "Microsoft.KeyVault",
        "vaults",
        "Microsoft.Kubernetes",
        "connectedClusters",
        "Microsoft.MachineLearningServices",
        "workspaces",
        "Microsoft.ManagedIdentity",
        "userAssignedIdentities",
        "Microsoft.Network",
        "virtualNetworks",
        "subnets",
        "privateDnsZones",
        "Microsoft.OperationalInsights",
        "Microsoft.Relay",
        "namespaces",
        "Microsoft.Search",
        "searchServices",
        "Microsoft.Sql",
        "servers",
        "databases",
        "Microsoft.Storage",
        "storageAccounts",
    )
}
"""How we write the words of resource ids that are no names: Azure prints them in other case here and there."""


def _any_case(pattern: str) -> str:
    """A pattern of plain words that matches them in any case; JavaScript has no flags inside of patterns."""
    return re.sub("[A-Za-z]", lambda letter: f"[{letter[0].upper()}{letter[0].lower()}]", pattern)


_GROUP = rf"/{_any_case('subscriptions')}/[0-9a-fA-F-]{{36}}/{_any_case('resourceGroups')}/[\w.()-]{{1,90}}"
_PROVIDERS = rf"{_GROUP}/{_any_case('providers')}"
_NETWORKS = _any_case(r"Microsoft\.Network/virtualNetworks")
_SERVICES = "|".join(
    (
        _any_case(r"Microsoft\.CognitiveServices/accounts") + "/[A-Za-z0-9][A-Za-z0-9-]{1,63}",
        _any_case(r"Microsoft\.Search/searchServices") + "/[A-Za-z0-9][A-Za-z0-9-]{1,59}",
        _any_case(r"Microsoft\.ContainerRegistry/registries") + "/[A-Za-z0-9]{5,50}",
        # The id of a server alone is refused with the kind of the connection, in data.py.
        _any_case(r"Microsoft\.Sql/servers") + "/[A-Za-z0-9-]{1,63}(?:/" + _any_case("databases") + r"/[\w.-]{1,128})?",
    )
)
_CLUSTERS = _any_case(r"Microsoft\.(?:ContainerService/managedClusters|Kubernetes/connectedClusters)")


def _words(shortest: int, longest: int) -> GetPydanticSchema:
    return matching(
        f"{shortest} to {longest} lower-case letters, digits and single hyphens, beginning with a letter",
        rf"(?=.{{{shortest},{longest}}}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    )


def _as_written(resource_id: str) -> str:
    """A resource id as we write it everywhere: its subscription in lower case, its words as above, names kept."""
    parts = resource_id.split("/")
    parts[2] = parts[2].lower()
    for at in (1, 3, 5, 6, *range(7, len(parts), 2)):
        if at < len(parts):
            parts[at] = _AZURES_WORDS.get(parts[at].lower(), parts[at])
    return "/".join(parts)


def _service_as_written(resource_id: str) -> str:
    """The same for a service of a connection. SQL servers have names in lower case, so we compare them in it."""
    return re.sub("(?<=/Microsoft.Sql/servers/)[^/]+", lambda name: name[0].lower(), _as_written(resource_id))


def _id_of(what: str, path: str, name: str) -> GetPydanticSchema:
    """A resource id whose last part is a name; `path` is the provider and the kind, as a regular expression."""
    shown = path.replace("\\", "")
    return matching(
        f"the resource id of {what}, /subscriptions/.../{shown}/NAME",
        rf"{_PROVIDERS}/{_any_case(path)}/{name}",
        _as_written,
    )


_BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters and breaks of lines, for a set of a pattern."""


def _range(value: str) -> str:
    right = str(ipaddress.IPv4Network(value, strict=False))
    if value != right:
        raise ValueError(f"is an address within a range: the range is {right}")
    return value


def _public(value: str) -> str:
    if not ipaddress.IPv4Network(value).is_global:
        raise ValueError("must be a range of public addresses: private ones are not seen on the internet")
    if ipaddress.IPv4Network(value).prefixlen < _WIDEST:
        raise ValueError(f"would let much of the internet in: at most a /{_WIDEST}, and best your own few addresses")
    return value


_WIDEST = 8
"""The shortest prefix of a range that may use public addresses."""


def _kind_of_dns(value: Any) -> str:
    return "zones" if isinstance(value, dict) else "word"


Organization = Annotated[
    str, matching("2 to 20 lower-case letters and digits, beginning with a letter", "[a-z][a-z0-9]{1,19}")
]
EnvironmentName = Annotated[
    str, matching("2 to 10 lower-case letters and digits, beginning with a letter", "[a-z][a-z0-9]{1,9}")
]
PULL_REQUEST = "pull-request"
"""Stands for an environment in `links.yaml` where the CI of pull requests is meant."""
LinkName = Annotated[
    str,
    matching(f"an environment, or {PULL_REQUEST}", rf"[a-z][a-z0-9]{{1,9}}|{PULL_REQUEST}"),
]
TeamName = Annotated[str, _words(2, 24)]
ProjectName = Annotated[str, _words(2, 32)]
ClusterName = Annotated[str, _words(2, 16)]
Guid = Annotated[
    str,
    matching(
        "a GUID such as 11111111-2222-3333-4444-555555555555",
        r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        str.lower,
    ),
]
Location = Annotated[
    str, matching("an Azure location in lower case without spaces, such as westeurope", "[a-z]{3,30}[0-9]{0,2}")
]
VmSize = Annotated[
    str, matching("a virtual machine size such as Standard_D4ds_v5", "Standard_[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")
]
Email = Annotated[str, matching("a mail address", r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")]
Issuer = Annotated[str, matching("an https address", r"https://[\w.\-]+(?:/[\w./\-]*)?")]
Month = Annotated[str, matching("the first day of a month, such as 2026-11-01", r"20[0-9]{2}-(?:0[1-9]|1[0-2])-01")]
Day = Annotated[
    str,
    matching(
        "a day such as 2027-03-31",
        r"20[0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
        r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))",
    ),
]
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
Address = Annotated[str, matching("an IPv4 address such as 10.0.0.4", _ADDRESS)]
AddressRange = Annotated[
    str, matching("an IPv4 range such as 10.20.0.0/24", rf"{_ADDRESS}/(?:3[0-2]|[12]?[0-9])"), AfterValidator(_range)
]
SubnetId = Annotated[
    str,
    matching(
        "the resource id of a subnet, /subscriptions/.../virtualNetworks/NAME/subnets/NAME",
        rf"{_PROVIDERS}/{_NETWORKS}/[\w.-]+/{_any_case('subnets')}/[\w.-]+",
        _as_written,
    ),
]
GroupId = Annotated[
    str, matching("the resource id of a resource group, /subscriptions/.../resourceGroups/NAME", _GROUP, _as_written)
]
VaultId = Annotated[str, _id_of("a key vault", r"Microsoft\.KeyVault/vaults", "[A-Za-z0-9-]{3,24}")]
WorkspaceId = Annotated[
    str,
    _id_of("an Azure ML workspace", r"Microsoft\.MachineLearningServices/workspaces", r"[A-Za-z0-9][\w-]{2,32}"),
]
StorageId = Annotated[
    str,
    _id_of("a storage account", r"Microsoft\.Storage/storageAccounts", "[a-z0-9]{3,24}"),
]
ImagesId = Annotated[
    str,
    _id_of("a container registry", r"Microsoft\.ContainerRegistry/registries", "[A-Za-z0-9]{5,50}"),
]
InsightsId = Annotated[
    str,
    _id_of("an Application Insights component", r"Microsoft\.Insights/components", r"[^/%&\\?]{1,260}"),
]
IdentityId = Annotated[
    str,
    _id_of(
        "a user-assigned identity", r"Microsoft\.ManagedIdentity/userAssignedIdentities", r"[A-Za-z0-9][\w-]{2,127}"
    ),
]
KubernetesId = Annotated[
    str,
    matching(
        "the resource id of a Kubernetes cluster, /subscriptions/.../Microsoft.ContainerService/managedClusters/NAME "
        "or /subscriptions/.../Microsoft.Kubernetes/connectedClusters/NAME",
        rf"{_PROVIDERS}/{_CLUSTERS}/[\w.-]{{1,63}}",
        _as_written,
    ),
]
RelayId = Annotated[str, _id_of("an Azure Relay", r"Microsoft\.Relay/namespaces", "[A-Za-z0-9-]{6,50}")]
LogsId = Annotated[
    str, _id_of("a Log Analytics workspace", r"Microsoft\.OperationalInsights/workspaces", "[A-Za-z0-9-]{4,63}")
]
ZoneId = Annotated[str, _id_of("a private DNS zone", r"Microsoft\.Network/privateDnsZones", "[a-z0-9.-]+")]
ResourceId = Annotated[
    str,
    matching(
        "a resource id, /subscriptions/.../resourceGroups/.../providers/...",
        rf"{_PROVIDERS}/[\w.]+(?:/[\w.()-]+){{2,}}",
        _as_written,
    ),
]
AzureDevOpsName = Annotated[str, matching("a name in Azure DevOps", r"[A-Za-z0-9][\w. -]{0,62}")]
ZoneName = Annotated[str, matching("the name of a private DNS zone", r"privatelink\.[a-z0-9.-]+")]
# https://learn.microsoft.com/azure/machine-learning/how-to-managed-network : a star stands for the first part only.
HostName = Annotated[
    str, matching("a name such as pypi.org or *.pythonhosted.org", r"(?:\*\.)?(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}")
]
ServiceTag = Annotated[
    str, matching("a service tag such as AzureMonitor or Storage.WestEurope", r"[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*")
]
ToolSource = Annotated[str, matching(SOURCE, SOURCE_PATTERN)]
Generation = Annotated[int, Field(ge=1, le=99)]
Amount = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False),
    AfterValidator(lambda amount: int(amount) if amount.is_integer() else amount),  # written as people write it
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Cluster(_Section):
    """A compute cluster. It has no nodes while nothing runs."""

    name: ClusterName
    size: VmSize
    max_nodes: int = Field(ge=1, le=100, description="The maximum number of nodes.")
    low_priority: bool = Field(False, description="Low-priority nodes: cheaper, and Azure can evict them.")
    subnet_id: Annotated[
        None,
        not_offered(
            "compute in a network of your own has no managed online endpoints and no serverless compute; "
            "use network: managed or locked"
        ),
    ] = None


class Instance(_Section):
    """A compute instance for one person. It stops when it is idle."""

    name: Annotated[str, _words(2, 24)] = Field(description="A part of its name in Azure.")
    size: VmSize
    owner: Guid = Field(description="The object id of the only person who can use it.")
    # https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance#configure-idle-shutdown
    idle_minutes: int = Field(
        60, ge=15, le=3 * 24 * 60, description="It stops after this number of minutes without use."
    )
    stop_at: Annotated[str, matching("a time such as 19:00", "(?:[01][0-9]|2[0-3]):[0-5][0-9]")] | None = Field(
        None, description="It stops every day at this time, in UTC."
    )


class Kubernetes(_Section):
    """An existing Kubernetes cluster to attach to each workspace. It requires the network mode open."""

    name: ClusterName
    cluster_id: KubernetesId = Field(description="The cluster: in AKS, or connected by Azure Arc.")
    # https://kubernetes.io/docs/concepts/overview/working-with-objects/names#dns-label-names
    namespace: Annotated[
        str,
        matching(
            "1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or a digit",
            "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
        ),
    ] = Field(description="The namespace of its jobs and endpoints. It must exist.")
    relay_id: RelayId | None = Field(None, description="The Azure Relay of a cluster that is connected by Azure Arc.")


_DATA_NAME = matching("3 to 63 lower-case letters, digits and single hyphens", r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")

_SECRET_KEY = re.compile(
    r"key|passw|pwd|token|secret|credential|(?:^|_)(?:sas|pat)(?:_|$)|connection_?string", re.IGNORECASE
)
"""How keys are called that people write secrets to."""


class _Keyless(_Section):
    """A part of a manifest that contains no secret: a key for one is refused, and its value is not shown."""

    _INSTEAD: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _refuse_secrets(cls, value: Any) -> Any:
        keys = value if isinstance(value, dict) else ()
        refused = [key for key in map(str, keys) if key not in cls.model_fields and _SECRET_KEY.search(key)]
        if refused:
            error = PydanticCustomError(SECRET, "is for a secret, and {instead}", {"instead": cls._INSTEAD})
            details = [InitErrorDetails(type=error, loc=(key,), input=None) for key in refused]
            raise ValidationError.from_exception_data(cls.__name__, details)
        return value


class Datastore(_Keyless):
    """Existing data that a workspace uses without a key: one of container, filesystem, share and lakehouse."""

    _INSTEAD: ClassVar[str] = (
        "datastores have no keys: remove it; people, clusters and endpoints get roles on the data (docs/data.md)"
    )

    # Those of the workspace: https://learn.microsoft.com/azure/machine-learning/concept-data
    name: Annotated[
        str,
        matching(
            "2 to 32 lower-case letters, digits and underscores, beginning with a letter, and not with azureml or "
            "workspace",
            "(?!azureml|workspace)[a-z][a-z0-9_]{1,31}",
        ),
    ] = Field(description="Its name in the workspace.")
    storage_id: StorageId | None = Field(None, description="The storage account, in any subscription of the tenant.")
    container: Annotated[str, _DATA_NAME] | None = Field(None, description="A container of Blob Storage.")
    filesystem: Annotated[str, _DATA_NAME] | None = Field(
        None, description="A file system (container) of Data Lake Storage Gen2, with hierarchical namespace."
    )
    share: Annotated[str, _DATA_NAME] | None = Field(None, description="A share of Azure Files.")
    fabric_workspace: Guid | None = Field(None, description="The Microsoft Fabric workspace of a lakehouse.")
    lakehouse: Guid | None = Field(None, description="A lakehouse in OneLake: the files of its folder Files.")
    access: Literal["read", "write"] = Field("read", description="What people, jobs and endpoints can do with it.")


class Connection(_Keyless):
    """An existing service that a workspace uses: with Entra, or with a secret that people write to the team's vault."""

    _INSTEAD: ClassVar[str] = (
        "manifests contain none: write its value to the team's key vault, and its name there as secret: NAME "
        "(docs/data.md)"
    )

    name: Annotated[str, _words(3, 18)] = Field(description="Its name in the workspace.")
    kind: ConnectionKind
    resource_id: (
        Annotated[
            str,
            matching(
                "the resource id of an Azure AI account, a search service, a container registry or a SQL database, "
                "/subscriptions/.../Microsoft.CognitiveServices/accounts/NAME, "
                ".../Microsoft.Search/searchServices/NAME, .../Microsoft.ContainerRegistry/registries/NAME or "
                ".../Microsoft.Sql/servers/NAME/databases/NAME",
                rf"{_PROVIDERS}/(?:{_SERVICES})",
                _service_as_written,
            ),
        ]
        | None
    ) = Field(None, description="The service in Azure, in any subscription of the tenant.")
    # No user, no query and no fragment: they can contain a secret.
    target: (
        Annotated[
            str,
            matching(
                "an address such as https://github.com/contoso/churn, without a user and a query, or "
                "jdbc:snowflake://ACCOUNT.snowflakecomputing.com/?db=DATABASE&warehouse=WAREHOUSE&role=ROLE",
                r"https://(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}(?:/[A-Za-z0-9._~/-]*)?"
                r"|jdbc:snowflake://(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z]{2,63}"
                r"/?\?(?:db|warehouse|role|schema)=[\w.-]+(?:&(?:db|warehouse|role|schema)=[\w.-]+)*",
            ),
        ]
        | None
    ) = Field(None, description="The address of a service that has no resource id.")
    user: Annotated[str, matching("1 to 128 letters, digits and . _ @ -", r"[\w.@-]{1,128}")] | None = Field(
        None, description="The login name that belongs to the secret; without it, the secret is a token."
    )
    secret: (
        Annotated[
            str,
            matching(
                "the name of a secret in the team's key vault, not its value: 3 to 60 lower-case letters, digits and "
                "single hyphens, beginning with a letter",
                r"(?=.{3,60}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
                error=SECRET,
            ),
        ]
        | None
    ) = Field(None, description="The name of a secret in the team's key vault. People write its value there.")


class Vnet(_Section):
    """A virtual network for private endpoints: a new one with address_space, or an existing subnet with subnet_id."""

    address_space: AddressRange | None = Field(None, description="The address range of a new virtual network.")
    subnet: AddressRange | None = Field(
        None, description="The range of the endpoints' subnet; by default all of address_space."
    )
    dns_servers: list[Address] = Field([], description="Its DNS servers; by default those of Azure.")
    next_hop: Address | None = Field(None, description="The firewall for outbound traffic; by default there is none.")
    subnet_id: SubnetId | None = Field(None, description="An existing subnet, instead of a new virtual network.")


class Outbound(_Section):
    """A destination that jobs and endpoints can reach: one of fqdn, service_tag and resource_id."""

    name: Annotated[str, _words(2, 32)]
    fqdn: HostName | None = Field(None, description="A host name. The first one adds an Azure Firewall, which bills.")
    service_tag: ServiceTag | None = None
    protocol: Literal["TCP", "UDP", "ICMP", "*"] = "TCP"
    ports: Annotated[
        str,
        matching("ports such as 443 or 80,8000-9000", r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:,[0-9]{1,5}(?:-[0-9]{1,5})?)*"),
    ] = "443"
    resource_id: ResourceId | None = Field(None, description="An Azure resource, by a private endpoint.")
    group: Annotated[str, matching("1 to 40 letters, such as blob", "[A-Za-z]{1,40}")] | None = Field(
        None, description="The part of the resource, such as blob."
    )


class Suppression(_Section):
    """A rule that may be violated until a date: its findings are shown, but not counted."""

    rule: Annotated[
        str, matching("the id of a rule of docs/rules.md, such as public-access", "[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
    ]
    resource: Annotated[str, matching("the name of a resource as the plan shows it", r"[\w.\-]{1,260}")] | None = Field(
        None, description="Only this resource, by its name in the plan."
    )
    reason: Annotated[str, matching("a reason of 10 to 300 characters on one line", rf"\S[^{_BREAKS}]{{8,298}}\S")] = (
        Field(description="Why it may be violated.")
    )
    until: Day = Field(description="The last day of the suppression.")


class Group(_Section):
    """An Entra group: its object id alone, or with the kind of its role assignments."""

    id: Guid = Field(description="The group's object id.")
    eligible: bool = Field(
        False, description="Members activate their roles when they need them (Privileged Identity Management)."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"id": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        long = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [long["properties"]["id"], dict(long)]}


class PlatformGroups(_Section):
    """Entra groups of the organization, by object id."""

    platform: Group | None = Field(None, description="The people who maintain the platform of all teams.")


class CustomerKey(_Section):
    """A customer-managed key that encrypts data."""

    vault_id: VaultId = Field(description="Its vault, with purge protection.")
    key: Annotated[
        str,
        matching(
            "a key's address with its version, https://VAULT.vault.azure.net/keys/NAME/VERSION",
            r"https://[A-Za-z0-9-]{3,24}\.vault\.azure\.net/keys/[A-Za-z0-9-]{1,127}/[0-9a-f]{32}",
        ),
    ]


class LayerKeys(_Section):
    """Keys of the organization, an environment, a team and a team's environment; the innermost value wins."""

    location: Location | None = Field(None, description="The Azure location.")
    subscription_id: Guid | None = Field(None, description="The subscription of the resources.")
    network: Network | None = Field(
        None, description=" ".join(f"{name}: {mode.meaning}." for name, mode in MODES.items())
    )
    resource_group_id: GroupId | None = Field(None, description="An existing resource group, instead of a new one.")
    customer_key: CustomerKey | None = Field(
        None, description="Encrypts storage, container registry and workspace. It cannot be removed."
    )
    zone_redundancy: bool | None = Field(
        None, description="Storage and container registry in several availability zones. Set it at creation."
    )
    registry_replicas: list[Location] | None = Field(
        None, description="Other locations with a copy of the container registry, each of which bills."
    )
    ci: Ci | None = Field(
        None, description="private: CI runs inside the network, so storage, vault and registry need no public address."
    )
    firewall_sku: Literal["Basic", "Standard"] | None = Field(
        None, description="The SKU of Azure Firewall, which the first fqdn rule of a locked network adds."
    )
    allow_ips: list[Annotated[AddressRange, AfterValidator(_public)]] | None = Field(
        None, description="The IP ranges that can use public addresses."
    )
    vnet: Vnet | None = Field(None, description="The virtual network of the private endpoints.")
    outbound: list[Outbound] | None = Field(
        None, description="The destinations that jobs and endpoints can reach in a locked network."
    )
    protect: bool | None = Field(
        None,
        description="For production: data is protected from deletion, and people have read access only.",
    )
    # Storage accounts allow 128 letters: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
    tags: dict[
        Annotated[
            str, matching(r"1 to 128 characters on one line, without < > % & \ ? /", rf"[^<>%&\\?/{_BREAKS}]{{1,128}}")
        ],
        Annotated[str, matching("at most 256 characters on one line", rf"[^{_BREAKS}]{{0,256}}")],
    ] = Field({}, description="Tags on every resource; layers add to each other.")
    budget: Amount | None = Field(None, description="Per month, in the currency of the subscription.")
    budget_start: Month | None = Field(None, description="The first day of the budget. It cannot be changed later.")
    compute: list[Cluster] | None = Field(None, description="The compute clusters of each workspace.")
    instances: list[Instance] | None = Field(None, description="Compute instances, each for one person.")
    kubernetes: list[Kubernetes] | None = Field(None, description="Existing Kubernetes clusters to attach.")
    datastores: list[Datastore] | None = Field(None, description="Existing data that each workspace uses.")
    connections: list[Connection] | None = Field(None, description="Existing services that each workspace uses.")
    alert_emails: list[Email] | None = Field(
        None, min_length=1, description="The mail addresses for alerts and budgets; by default those of the hub."
    )
    suppress: list[Suppression] = Field([], description="Rules that may be violated; layers add to each other.")
    self_service: bool | None = Field(
        None, description="Whether people can create their own compute instances; by default they can."
    )


class Environment(LayerKeys):
    """One of the organization's environments."""

    ring: int = Field(ge=0, description="The order in which stacks are changed: 0 goes first.")


class HubVnet(_Section):
    """The hub's virtual network: a new one with address_space, or an existing subnet with subnet_id."""

    address_space: AddressRange | None = Field(None, description="The address range of a new virtual network.")
    dns_servers: list[Address] = Field([], description="Its DNS servers; by default those of Azure.")
    next_hop: Address | None = Field(None, description="The firewall for outbound traffic.")
    gateway: bool = Field(False, description="Whether it has a VPN or ExpressRoute gateway, which environments use.")
    subnet_id: SubnetId | None = Field(None, description="An existing subnet, instead of a new virtual network.")


class Runners(_Section):
    """Runners for Azure DevOps inside the hub's network, for the CI of environments without public addresses."""

    organization: AzureDevOpsName = Field(description="The Azure DevOps organization.")
    projects: list[AzureDevOpsName] = Field(min_length=1, description="Its projects that may use the runners.")
    principal_id: Guid = Field(description="The object id of the service DevOpsInfrastructure in your Entra tenant.")
    size: VmSize = "Standard_D2ads_v5"
    image: Annotated[str, matching("an image such as ubuntu-24.04/latest", r"[a-z0-9.-]+(?:/[a-z0-9.-]+)?")] = (
        "ubuntu-24.04/latest"
    )
    max_runners: int = Field(2, ge=1, le=100, description="The maximum number of machines.")
    subnet_id: SubnetId | None = Field(
        None, description="An existing subnet for runners, if the hub uses an existing virtual network."
    )


_Refusable = Literal["Audit", "Deny", "Disabled"]
_Reportable = Literal["Audit", "Disabled"]
_MODE = "Assigned if all environments of a subscription are locked."


class Policies(_Section):
    """The effects of Azure's built-in policies in all subscriptions: Audit (report, the default), Deny, Disabled."""

    approved_outbound: _Refusable | None = Field(None, description=f"Approved destinations only. {_MODE}")
    public_access_off: _Refusable | None = Field(None, description=f"Workspaces without public access. {_MODE}")
    private_link: _Reportable | None = Field(None, description=f"Workspaces with private endpoints. {_MODE}")
    compute_local_auth_off: _Refusable | None = Field(None, description="Compute that accepts Entra logins only.")
    idle_shutdown: _Refusable | None = Field(None, description="Compute instances that shut down when idle.")
    user_assigned_identity: _Refusable | None = Field(None, description="Workspaces with a user-assigned identity.")
    customer_managed_keys: _Refusable | None = Field(
        None, description="Workspaces encrypted with a key of the organization. By default Disabled."
    )
    resource_logs: _Reportable | None = Field(None, description="Workspaces that keep their logs.")


class Hub(_Section):
    """What all teams share."""

    location: Location | None = Field(None, description="By default the organization's.")
    subscription_id: Guid | None = Field(None, description="By default the organization's.")
    log_retention_days: int = Field(90, ge=30, le=730)
    log_analytics_id: LogsId | None = Field(
        None, description="An existing Log Analytics workspace, instead of a new one."
    )
    alert_emails: list[Email] = Field(min_length=1, description="The mail addresses for the hub's alerts and budget.")
    budget: Amount | None = Field(None, description="Per month, in the currency of the subscription.")
    network: HubNetwork | None = Field(
        None,
        description="locked: the model registry has no public address; with vnet, neither have state storage and "
        "vault. By default the organization's network.",
    )
    vnet: HubVnet | None = Field(None, description="The virtual network that environments are peered with.")
    runners: Runners | None = Field(None, description="Runners inside the hub's network.")
    dns: Annotated[
        Annotated[Literal["hub", "policy"], Tag("word")] | Annotated[dict[ZoneName, ZoneId], Tag("zones")],
        Discriminator(_kind_of_dns),
    ] = Field(
        "hub",
        description="hub: the hub creates the private DNS zones. policy: an Azure policy writes the records. Or "
        "existing zones: each name with its resource id.",
    )
    policies: Policies = Policies()
    registry_locations: list[Location] = Field(
        [], description="Locations with a copy of the model registry, beside those of the hub and the environments."
    )
    private_link_scope: dict[Literal["ingestion", "queries"], AccessMode] | None = Field(
        None,
        description="An Azure Monitor Private Link Scope with a private endpoint in the hub's network. open (the "
        "default): the networks reach other resources of Azure Monitor too. private_only: those of the scope only.",
    )
    flow_log_days: int | None = Field(
        None, ge=1, le=365, description="Flow logs of the virtual networks that stacks create, kept for so many days."
    )
    traffic_analytics: bool = Field(False, description="Traffic analytics of the flow logs of the hub's network.")
    defender: dict[DefenderPlan, bool] = Field(
        {},
        description="Microsoft Defender plans in all subscriptions: true turns one on, false off; others stay as they "
        "are.",
    )
    generation: Generation = Field(1, description="Increase it when the name of a deleted vault is reserved.")


_BACKEND = "file, hub, file:///FOLDER, or azblob://CONTAINER?storage_account=NAME"
_BACKEND_PATTERN = r"file|hub|file:///\S+|azblob://\S+"


class PlatformManifest(LayerKeys):
    """The content of `platform.yaml`."""

    schema_version: Literal[1] = 1
    tool: Annotated[str, matching(VERSION, VERSION_PATTERN)] | None = Field(
        None, description="The version of mlops-bootstrap for this platform."
    )
    tool_source: ToolSource | None = Field(None, description="The source of that version; by default PyPI.")
    state: Annotated[str, matching(_BACKEND, _BACKEND_PATTERN)] = Field(
        "file", description="Where the states of stacks are: file, hub, or a URL. --backend replaces it."
    )
    organization: Organization = Field(description="A short word in the name of every Azure resource. Never change it.")
    tenant_id: Guid = Field(description="The Entra tenant.")
    groups: PlatformGroups = PlatformGroups()
    environments: dict[EnvironmentName, Environment] = Field(min_length=1, max_length=100)
    hub: Hub


class Groups(_Section):
    """Entra groups of a team, by object id."""

    data_scientists: Group | None = Field(None, description="The people who explore data and train models.")
    engineers: Group | None = Field(None, description="The people who build pipelines and deploy models.")
    reviewers: Group | None = Field(None, description="The people who approve releases; read access only.")
    operators: Group | None = Field(None, description="The people who operate endpoints; no access to data.")


class ProjectEntry(_Section):
    """A repository of the team whose CI works in the team's environments."""

    name: ProjectName
    repository: Annotated[str, matching(*ADDRESS)]
    blueprint: Literal["tabular"] | None = Field(None, description="The blueprint that new uses for this project.")


class Adopt(_Section):
    """An existing workspace and its parts."""

    mode: Literal["refer", "manage"] = Field(
        "refer",
        description="refer: they stay unchanged; access, compute, alerts and CI are added. manage: they are "
        "imported, and then configured like new ones.",
    )
    workspace_id: WorkspaceId
    storage_id: StorageId = Field(description="The storage account of its datastores.")
    key_vault_id: VaultId
    container_registry_id: ImagesId | None = Field(None, description="If it has one.")
    application_insights_id: InsightsId | None = Field(None, description="If it has one.")
    identity_id: IdentityId | None = Field(
        None, description="With manage: its user-assigned identity; by default its system-assigned one."
    )


class FeatureStore(_Keyless):
    """What makes a workspace a feature store: the existing file system that is its offline store."""

    _INSTEAD: ClassVar[str] = "a feature store has none: remove it; its identity gets roles on the data (docs/data.md)"

    storage_id: StorageId = Field(description="The storage account of the offline store, in any subscription.")
    filesystem: Annotated[str, _DATA_NAME] = Field(
        description="Its file system (container) of Data Lake Storage Gen2, with hierarchical namespace."
    )
    # https://learn.microsoft.com/azure/machine-learning/reference-yaml-feature-store
    spark_version: Annotated[str, matching("a version such as 3.4", r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?")] = (
        Field("3.4", description="The version of the Spark that materializes features.")
    )


class TeamEnvironment(LayerKeys):
    """A team's environment."""

    adopt: Adopt | None = Field(None, description="An existing workspace, instead of a new one.")
    feature_store: FeatureStore | None = Field(
        None, description="Makes the workspace a feature store. It cannot be changed later."
    )

    groups: Groups = Field(Groups(), description="Groups that replace the team's groups in this environment.")
    generation: Generation = Field(
        1, description="Increase it when the name of a deleted workspace or vault is reserved. Never decrease it."
    )
    expires: Day | None = Field(None, description="The last day of the environment. `destroy` lists it afterwards.")


class TeamManifest(LayerKeys):
    """The content of `teams/<name>.yaml`."""

    schema_version: Literal[1] = 1
    name: TeamName = Field(description="The same as the file's.")
    groups: Groups = Groups()
    environments: dict[EnvironmentName, TeamEnvironment] = Field(min_length=1, max_length=100)
    projects: list[ProjectEntry] = []


class Link(_Section):
    """Issuer and subject of a forge's tokens. Read them from the forge: names do not show them."""

    issuer: Issuer
    subject: Annotated[
        str, matching("1 to 600 characters without * and without spaces at the ends", r"[^\s*](?:[^*\n]{0,598}[^\s*])?")
    ]


class LinksManifest(_Section):
    """The content of `links.yaml`: by environment, or for pull requests."""

    schema_version: Literal[1] = 1
    platform: dict[LinkName, Link] = Field({}, description="The CI of the platform repository itself.")
    teams: dict[TeamName, dict[ProjectName, dict[LinkName, Link]]] = Field(
        {}, description="The CI of projects, by team and project."
    )


TAGS = {"organization": "organization", "name": "team"}
"""The keys of layers that become tags of every resource, with the tag's name; in its own layer `tags` overrides it."""

MODELS: dict[str, type[BaseModel]] = {"platform": PlatformManifest, "team": TeamManifest, "links": LinksManifest}
"""The models, by the name of their schema."""

FOLDER = ".schemas"
"""The folder of the JSON Schemas in a platform repository, by which editors complete and check."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of manifest. `name` is one of `MODELS`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MODELS[name].model_json_schema(),
        "title": f"{name} manifest",
    }


def schema_files() -> dict[str, str]:
    """The schemas as files of a platform repository, by path."""
    return {f"{FOLDER}/{name}.schema.json": json.dumps(json_schema(name), indent=2) + "\n" for name in MODELS}
