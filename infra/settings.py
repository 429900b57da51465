"""The typed settings of a stack: everything that a program needs to know, and nothing that it must look up.

`bootstrap.manifests` makes them from the manifests. They are plain data that goes to JSON and back, so that `pulumi up`
can be given them too (see `infra/__main__.py`). Every `origin` says which line of which manifest asked for the thing,
as `teams/fraud.yaml:7`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

HUB = "hub"
"""The name of the hub's stack, and the word that stands for a team in its names: no team can be called so."""

Network = Literal["open", "managed", "locked"]
"""`open`: no network of its own; everything is reachable with an Entra login. `managed`: jobs and endpoints run in the
workspace's managed network, which may reach the internet; its door for people is as in `open`. `locked`: they reach
only what is approved, and nothing has a public address."""

Ci = Literal["public", "private"]
"""Where CI runs: anywhere, or inside the network, so that storage, vault and registry need no public address."""

RegistryAccess = Literal["public", "private"]
"""Whether the shared model registry has a public address beside its private endpoints."""

FirewallSku = Literal["Basic", "Standard"]

Dns = Literal["hub", "policy"] | dict[str, str]
"""Who keeps the private DNS zones: the hub; a policy of the organization's, which also writes the records; or the
organization, whose zones are given by name and resource id."""

Persona = Literal["data_scientists", "engineers", "reviewers", "operators", "platform"]
"""What people are to a team: who works on models, who reviews and who operates them; `platform` keeps all teams'."""


PolicyEffect = Literal["Audit", "Deny", "Disabled"]
"""What one of Azure's policies does: report, refuse, or nothing; the last one is not assigned."""

PolicyName = Literal[
    "approved_outbound",
    "public_access_off",
    "private_link",
    "compute_local_auth_off",
    "idle_shutdown",
    "user_assigned_identity",
    "customer_managed_keys",
    "resource_logs",
]


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


class InstanceSettings(_Settings):
    """A compute instance: one person's machine for notebooks and trials.

    Attributes:
        size: The virtual machine size, as Azure spells it.
        owner: The object id of the person that it is for.
        idle_minutes: After so long without use it stops.
        stop_at: When it stops every day, `HH:MM` in UTC; None for no such time.
    """

    name: str
    size: str
    owner: str
    idle_minutes: int
    stop_at: str | None
    origin: str


class KubernetesSettings(_Settings):
    """A Kubernetes cluster of the organization's that a workspace runs jobs and endpoints on.

    Attributes:
        cluster_id: The resource id of the cluster, in AKS or connected by Azure Arc; in any subscription of the tenant.
        namespace: Where in the cluster they run. It is the organization's, and there already.
        relay_id: The Azure Relay through which a cluster of Azure Arc is reached; None for one in AKS.
    """

    name: str
    cluster_id: str
    namespace: str
    relay_id: str | None
    origin: str


class GroupSettings(_Settings):
    """An Entra group of people, by object id, and what they are to the team.

    Attributes:
        eligible: Whether they only may activate their roles, for some hours, instead of having them always.
    """

    persona: Persona
    object_id: str
    eligible: bool
    origin: str


class SharedGroupSettings(GroupSettings):
    """A group of a team's, as it uses what all teams share.

    Attributes:
        people: Whether there is an environment where its members work, or they only read.
    """

    people: Literal["work", "read"]


class Federation(_Settings):
    """What the forge's tokens say; read back from the forge, never computed from names."""

    issuer: str
    subject: str
    origin: str


class DeployerSettings(_Settings):
    """The platform repository's CI where it deploys one environment, of all teams.

    Attributes:
        subscriptions: Those that the environment's stacks lie in.
        private: Whether some of them have private endpoints, which are found and reached through the hub.
        federation: How it logs in; without it there is an identity that it cannot use.
    """

    environment: str
    subscriptions: tuple[str, ...]
    private: bool
    federation: Federation | None
    origin: str


class ProjectSettings(_Settings):
    """A repository whose CI works in this environment.

    Attributes:
        federation: How deployments log in; without it they have an identity that they cannot use.
        reader: How pull requests log in, in the one environment that they look at.
    """

    name: str
    federation: Federation | None
    reader: Federation | None = None
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


class MadeVnet(_Settings):
    """A virtual network to be made.

    Attributes:
        address_space: Its range.
        endpoint_subnet: The range of the private endpoints, within it.
        runner_subnet: The range of the CI's runners, within it; only a hub has one.
        dns_servers: Who answers names in it; Azure, when there are none.
        gateway_subnet: The range of the hub's VPN or ExpressRoute gateway, within it; None where there is none.
        next_hop: The address of the firewall that everything goes out by; without one nothing leaves.
    """

    kind: Literal["made"] = "made"
    address_space: str
    endpoint_subnet: str
    runner_subnet: str | None = None
    gateway_subnet: str | None = None
    dns_servers: tuple[str, ...]
    next_hop: str | None
    origin: str


class GivenSubnet(_Settings):
    """A subnet of the organization's that private endpoints are put into. Its network is routed and peered by them."""

    kind: Literal["given"] = "given"
    subnet_id: str
    origin: str

    @property
    def vnet_id(self) -> str:
        """The network that the subnet is in."""
        return self.subnet_id.rsplit("/subnets/", 1)[0]


Vnet = Annotated[MadeVnet | GivenSubnet, Field(discriminator="kind")]


class RunnerSettings(_Settings):
    """Runners of an Azure DevOps organization's CI inside the hub's network.

    Attributes:
        organization: The Azure DevOps organization.
        projects: Its projects that may use the runners.
        principal_id: The object id, in this tenant, of the service that makes the machines.
        size: The virtual machine size, as Azure spells it.
        image: The name that the service knows an image by.
        subnet_id: The subnet where the network is the organization's; None for one of ours.
    """

    organization: str
    projects: tuple[str, ...]
    principal_id: str
    size: str
    image: str
    max_runners: int
    subnet_id: str | None
    origin: str


class CustomerKeySettings(_Settings):
    """A key of the organization's that encrypts an environment's data.

    Attributes:
        vault_id: The resource id of its vault.
        key: Its address with its version.
    """

    vault_id: str
    key: str
    origin: str


class AdoptedSettings(_Settings):
    """An existing workspace of the organization's, and what it is made of, by resource id.

    Attributes:
        mode: `refer`: they stay as they are, and only what is put around and into the workspace is made. `manage`: they
            are imported, and are kept like those that we made.
        container_registry_id, application_insights_id: None where the workspace has none.
        identity_id: The user-assigned identity that an imported workspace acts as; None for its system-assigned one.
    """

    mode: Literal["refer", "manage"]
    workspace_id: str
    storage_id: str
    key_vault_id: str
    container_registry_id: str | None
    application_insights_id: str | None
    identity_id: str | None
    origin: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all that is adopted."""
        ids = (
            self.workspace_id,
            self.storage_id,
            self.key_vault_id,
            self.container_registry_id,
            self.application_insights_id,
        )
        return tuple(found for found in ids if found is not None)


class HubVnet(_Settings):
    """The hub's network, as an environment that is peered with it must know it.

    Attributes:
        vnet_id: Where it is the organization's; None for the one that the hub makes, which the naming table names.
        gateway: Whether it has a VPN or ExpressRoute gateway that peered networks use.
    """

    vnet_id: str | None
    gateway: bool


OutboundKind = Literal["fqdn", "service_tag", "private_endpoint"]


class OutboundSettings(_Settings):
    """Something that jobs and endpoints may reach from a managed network.

    Attributes:
        kind: A name on the internet, which needs a firewall that costs money; a group of Azure addresses; or an Azure
            resource, by a private endpoint.
        destination: The name, the service tag or the resource id.
        protocol: Of a service tag: TCP, UDP, ICMP or *.
        ports: Of a service tag, as `443` or `80,8000-9000`.
        group: Of a resource: the part that the endpoint leads to, as `blob`.
    """

    name: str
    kind: OutboundKind
    destination: str
    protocol: str = "TCP"
    ports: str = "443"
    group: str | None = None
    origin: str


class Networking(_Settings):
    """How an environment is reached and what it reaches, beside its network mode.

    Attributes:
        firewall_sku: Of the firewall that a locked network gets with its first rule for a name on the internet.
        allow_ips: From where public addresses answer; everywhere, when empty.
        vnet: The network of the private endpoints, where the mode has any.
        hub_vnet: The hub's network, if it has one.
        outbound: What jobs may reach beside what Azure ML and the hub need.
        registry_access: Whether the hub's model registry has a public address.
        runners: Whether the hub has runners for CI inside its network.
    """

    ci: Ci = "public"
    firewall_sku: FirewallSku = "Standard"
    allow_ips: tuple[str, ...] = ()
    dns: Dns = "hub"
    vnet: Vnet | None = None
    hub_vnet: HubVnet | None = None
    outbound: tuple[OutboundSettings, ...] = ()
    registry_access: RegistryAccess = "public"
    runners: bool = False


class _StackSettings(_Settings):
    organization: str
    tenant_id: str
    subscription_id: str
    location: str
    tags: dict[str, str]
    protect: bool
    budget: BudgetSettings | None
    generation: int = 1
    origin: str
    suppressions: tuple[SuppressionSettings, ...] = ()


class SubscriptionSettings(_Settings):
    """A subscription of the platform.

    Attributes:
        networks: The network modes of the environments in it, each once.
    """

    id: str
    networks: tuple[Network, ...]


class HubSettings(_StackSettings):
    """The hub: what all teams share.

    Attributes:
        log_retention_days: How long the hub's logs are kept; None where they are the organization's.
        log_analytics_id: A Log Analytics workspace of the organization's; None for the hub's own.
        registry_locations: Where the shared model registry keeps a copy; the hub's own location is among them.
        alert_emails: Who gets the hub's alerts, and those of stacks that name nobody.
        subscriptions: All of the platform: what is done in them is logged and judged by policies, and our own roles can
            be assigned there.
        groups: The organization's people.
        vnet: The network for what the hub and its environments share, if any.
        registry_access: Whether the shared model registry has a public address.
        private: Whether some environment has private endpoints, so that DNS zones are needed.
        runners: For the CI of what has no public address.
        linked_vnets: The ids of networks of the organization's in which names of private endpoints must be found.
        policies: What each of Azure's policies does.
        environments: Those of the platform; the states of each lie apart.
        deployers: The platform repository's CI, which is somebody else in each environment that it deploys.
        reader: How pull requests of the platform repository log in.
    """

    program: Literal["hub"] = "hub"
    log_retention_days: int | None
    log_analytics_id: str | None = None
    registry_locations: tuple[str, ...]
    alert_emails: tuple[str, ...]
    subscriptions: tuple[SubscriptionSettings, ...]
    groups: tuple[GroupSettings, ...]
    policies: dict[PolicyName, PolicyEffect]
    dns: Dns = "hub"
    vnet: Vnet | None = None
    registry_access: RegistryAccess = "public"
    private: bool = False
    linked_vnets: tuple[str, ...] = ()
    runners: RunnerSettings | None = None
    environments: tuple[str, ...]
    deployers: tuple[DeployerSettings, ...]
    reader: Federation | None

    @property
    def stack(self) -> str:
        """The stack's name."""
        return HUB

    @property
    def closed(self) -> bool:
        """Whether states and keys too are reached from the hub's network only: it is locked, and there is one."""
        return self.registry_access == "private" and self.vnet is not None


class EnvironmentSettings(_StackSettings):
    """One team in one environment.

    Attributes:
        hub_subscription_id: The subscription that the hub's resources lie in; their names come from the naming table.
        log_analytics_id: A Log Analytics workspace of the organization's; None for the hub's.
        resource_group_id: A resource group of the organization's; None for one of ours.
        adopted: A workspace of the organization's; None for one of ours.
        people: Whether people work here or only read, and CI does the work.
        shared: The team's groups that get their roles on what all teams share from this stack, wherever they are named.
        alert_emails: Who gets the alerts; when empty, whoever gets the hub's.
        self_service: Whether people make compute instances for themselves.
    """

    program: Literal["environment"] = "environment"
    team: str
    environment: str
    hub_subscription_id: str
    log_analytics_id: str | None = None
    network: Network
    networking: Networking = Networking()
    resource_group_id: str | None = None
    customer_key: CustomerKeySettings | None = None
    adopted: AdoptedSettings | None = None
    people: Literal["work", "read"]
    alert_emails: tuple[str, ...] = ()
    self_service: bool
    groups: tuple[GroupSettings, ...]
    shared: tuple[SharedGroupSettings, ...] = ()
    clusters: tuple[ClusterSettings, ...]
    instances: tuple[InstanceSettings, ...] = ()
    kubernetes: tuple[KubernetesSettings, ...] = ()
    projects: tuple[ProjectSettings, ...]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"{self.team}-{self.environment}"

    @property
    def referred(self) -> AdoptedSettings | None:
        """A workspace of the organization's that is used and left as it is."""
        return self.adopted if self.adopted is not None and self.adopted.mode == "refer" else None


StackSettings = HubSettings | EnvironmentSettings

EXAMPLE_SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
EXAMPLE_TENANT = "00000000-0000-0000-0000-000000000002"
EXAMPLE_EMAIL = "ml-platform@example.com"
"""What `platform init` writes where nobody answered. Nothing can be deployed with them."""


def examples_in(settings: StackSettings) -> list[str]:
    """The example values that a stack still has, each with what it stands for."""
    mails = {*settings.alert_emails, *settings.tags.values(), *(settings.budget.emails if settings.budget else ())}
    found = {
        f"tenant_id {EXAMPLE_TENANT}": settings.tenant_id == EXAMPLE_TENANT,
        f"subscription_id {EXAMPLE_SUBSCRIPTION}": settings.subscription_id == EXAMPLE_SUBSCRIPTION,
        f"the mail address {EXAMPLE_EMAIL}": EXAMPLE_EMAIL in mails,
    }
    return [words for words, there in found.items() if there]


def from_json(text: str) -> StackSettings:
    """Settings from their JSON. Raises pydantic.ValidationError."""
    adapter: TypeAdapter[StackSettings] = TypeAdapter(Annotated[StackSettings, Field(discriminator="program")])
    return adapter.validate_json(text)
