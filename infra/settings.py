"""The typed settings of a stack: all that its program needs, without any lookup.

`bootstrap.manifests` creates them from the manifests. They convert to JSON and back, so `pulumi up` can use them too
(see `infra/__main__.py`). Each `origin` is the manifest line that configures the thing, as `teams/fraud.yaml:7`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from infra.tables.azure_policies import PolicyEffect, PolicyName
from infra.tables.connections import ADDRESSES, ENDPOINT_GROUPS, ConnectionKind
from infra.tables.defender import DefenderPlan
from infra.tables.names import Kind
from infra.tables.network_modes import AccessMode, Ci, Network
from infra.tables.roles import (
    CONNECTION_SECRET,
    CONNECTIONS,
    DATASTORES,
    DataAccess,
    Entitlement,
    PeopleAccess,
    Persona,
    Target,
)

HUB = "hub"
"""The name of the hub's stack, which also stands in place of a team in its resource names: no team can have it."""

FirewallSku = Literal["Basic", "Standard"]

Dns = Literal["hub", "policy"] | dict[str, str]
"""Who manages the private DNS zones: the hub; an Azure policy of the organization, which also writes the records; or
the organization, with the zones' resource ids by name."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Configured(_Settings):
    """Settings of one manifest line: their origin."""

    origin: str


class BudgetSettings(_Configured):
    """A budget.

    Attributes:
        amount: Per calendar month, in the currency of the subscription.
        start: The first day that counts, `YYYY-MM-01`. Azure does not allow a change of it.
        emails: Who is notified.
    """

    amount: float
    start: str
    emails: tuple[str, ...]


class ClusterSettings(_Configured):
    """A compute cluster, which scales down to no nodes.

    Attributes:
        size: The virtual machine size, as Azure spells it.
        low_priority: Whether it uses cheaper nodes that Azure can evict.
    """

    name: str
    size: str
    max_nodes: int
    low_priority: bool


class InstanceSettings(_Configured):
    """A compute instance: one person's machine for notebooks.

    Attributes:
        size: The virtual machine size, as Azure spells it.
        owner: The object id of the person.
        idle_minutes: The idle time after which it stops.
        stop_at: The time at which it stops every day, `HH:MM` in UTC; None for no such time.
    """

    name: str
    size: str
    owner: str
    idle_minutes: int
    stop_at: str | None


class KubernetesSettings(_Configured):
    """A Kubernetes cluster of the organization that a workspace attaches.

    Attributes:
        cluster_id: The resource id of the cluster, in AKS or connected by Azure Arc; in any subscription of the tenant.
        namespace: The existing namespace of jobs and endpoints.
        relay_id: The Azure Relay of a cluster that Azure Arc connects; None for one in AKS.
    """

    name: str
    cluster_id: str
    namespace: str
    relay_id: str | None


DatastoreKind = Literal["container", "filesystem", "share", "lakehouse"]
"""What a datastore leads to: a container of Blob Storage, a file system of Data Lake Storage Gen2, a file share, or a
lakehouse of Microsoft OneLake."""

ONELAKE = "onelake.dfs.fabric.microsoft.com"
"""The host of OneLake. https://learn.microsoft.com/fabric/onelake/onelake-access-api"""


class GroupSettings(_Configured):
    """An Entra group with a persona in the team.

    Attributes:
        eligible: Whether members must activate their roles for some hours, instead of having them permanently.
    """

    persona: Persona
    object_id: str
    eligible: bool


class SharedGroupSettings(GroupSettings):
    """A group that gets roles on what all teams share.

    Attributes:
        people: What its members do in the environment that names the group.
    """

    people: PeopleAccess


class DatastoreSettings(_Configured):
    """Existing data of the organization, which a workspace uses without a key.

    Attributes:
        storage_id: The resource id of the storage account; in any subscription of the tenant. None for a lakehouse.
        fabric_workspace: The GUID of the Microsoft Fabric workspace of a lakehouse.
        path: The name of the container, file system or share, or the GUID of the lakehouse.
        groups: The groups that get their roles on it from this stack.
    """

    name: str
    storage_id: str | None = None
    fabric_workspace: str | None = None
    kind: DatastoreKind
    path: str
    access: DataAccess
    groups: tuple[GroupSettings, ...] = ()

    @property
    def target(self) -> Target:
        """What roles are assigned on: a file system is a container of its account."""
        return "file share" if self.kind == "share" else "blob container"

    @property
    def entitlements(self) -> tuple[Entitlement, ...]:
        """The roles of those who use it. Those of a lakehouse are in Microsoft Fabric."""
        return DATASTORES[self.target, self.access] if self.storage_id is not None else ()

    @property
    def id(self) -> str:
        """The resource id of the container or share; of a lakehouse, its path in OneLake."""
        if self.storage_id is None:
            return f"{self.fabric_workspace}/{self.path}"
        service = "fileServices/default/fileshares" if self.kind == "share" else "blobServices/default/containers"
        return f"{self.storage_id}/{service}/{self.path}"

    @property
    def outbound_rules(self) -> "tuple[OutboundSettings, ...]":
        """The outbound rules of a managed network that lead to it.

        Some operations on Data Lake Storage use the Blob service, and Azure ML has no private endpoint to OneLake:
        https://learn.microsoft.com/azure/storage/common/storage-private-endpoints
        https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#private-endpoints
        """
        if self.storage_id is None:
            return (_host_rule(ONELAKE, self.origin),)
        account, groups = self.storage_id.rsplit("/", 1)[-1], _ENDPOINTS_OF[self.kind]
        return tuple(
            OutboundSettings(
                name=f"{account}-{group}",
                kind="private_endpoint",
                destination=self.storage_id,
                group=group,
                origin=self.origin,
            )
            for group in groups
        )


_ENDPOINTS_OF: dict[DatastoreKind, tuple[str, ...]] = {
    "container": ("blob",),
    "filesystem": ("blob", "dfs"),
    "share": ("file",),
}
"""The parts of a storage account that its data is reached by."""


def _host_rule(host: str, origin: str) -> "OutboundSettings":
    return OutboundSettings(name=host.replace(".", "-"), kind="fqdn", destination=host, origin=origin)


class FeatureStoreSettings(DatastoreSettings):
    """A workspace that is a feature store, with the existing file system that is its offline store.

    Attributes:
        spark_version: The version of the Spark that materializes features.
    """

    spark_version: str


class ConnectionSettings(_Configured):
    """A service that a workspace uses.

    Attributes:
        resource_id: The resource id of a service in Azure; in any subscription of the tenant.
        target: The address of another service.
        secret: The name of its secret in the team's vault, if it needs one. The stack then has no connection: Azure ML
            takes the secret itself, in the request that creates the connection.
        user: The login name that belongs to the secret; None where the secret is a token.
        groups: The groups that get their roles from this stack.
    """

    name: str
    kind: ConnectionKind
    resource_id: str | None = None
    target: str | None = None
    secret: str | None = None
    user: str | None = None
    groups: tuple[GroupSettings, ...] = ()

    @property
    def entitlements(self) -> tuple[Entitlement, ...]:
        """The roles of those who use it: on its secret, or on the service."""
        return CONNECTION_SECRET if self.secret is not None else CONNECTIONS.get(self.kind, ())

    @property
    def id(self) -> str:
        """What the roles are on: its secret, by the path in the team's vault, or the service."""
        return f"secrets/{self.secret}" if self.secret is not None else self.resource_id or ""

    @property
    def address(self) -> str:
        """What Azure ML calls its target."""
        if self.resource_id is None:
            return self.target or ""
        name, *others = self.resource_id.split("/")[8::2]
        return ADDRESSES[self.kind].format(name.lower(), *others)

    @property
    def service_id(self) -> str | None:
        """The resource id of what has private endpoints: of a database, its server."""
        return self.resource_id.partition("/databases/")[0] if self.resource_id is not None else None

    @property
    def outbound_rules(self) -> "tuple[OutboundSettings, ...]":
        """The outbound rule of a managed network that leads to it."""
        service_id = self.service_id
        if service_id is None:
            host = self.address.partition("://")[2].partition("/")[0].partition("?")[0]
            return (_host_rule(host.lower(), self.origin),)
        group = ENDPOINT_GROUPS[self.kind]
        owner = service_id.rsplit("/", 1)[-1] if service_id != self.resource_id else self.name
        return (
            OutboundSettings(
                name=f"{owner}-{group}",
                kind="private_endpoint",
                destination=service_id,
                group=group,
                origin=self.origin,
            ),
        )


class Federation(_Configured):
    """The tokens of a forge that an identity accepts. The values are read from the forge, never computed."""

    issuer: str
    subject: str


class DeployerSettings(_Configured):
    """The CI of the platform repository for the deployment of one environment, of all teams.

    Attributes:
        subscriptions: Those of the environment's stacks.
        private_endpoints: Whether some of the stacks have private endpoints, and so connect to the hub's network.
        federation: How it logs in; None if no link is recorded, so that its identity cannot log in.
    """

    environment: str
    subscriptions: tuple[str, ...]
    private_endpoints: bool
    federation: Federation | None


class ProjectSettings(_Configured):
    """A repository whose CI works in this environment.

    Attributes:
        federation: How deployments log in; None if no link is recorded.
        reader: How pull requests log in, in the one environment that they read.
    """

    name: str
    federation: Federation | None
    reader: Federation | None = None


class SuppressionSettings(_Configured):
    """A rule that a stack may violate for some time.

    Attributes:
        rule: The rule's id.
        resource: The name of the resource in the plan; None for all resources and the stack itself.
        reason: Why the stack may violate it.
        until: The last day, `YYYY-MM-DD`.
    """

    rule: str
    resource: str | None
    reason: str
    until: str


class NewVnet(_Configured):
    """A virtual network that the stack creates.

    Attributes:
        address_space: Its address range.
        endpoint_subnet: The range of the private endpoints, within it.
        runner_subnet: The range of the CI runners, within it; only the hub has one.
        dns_servers: The DNS servers of its machines; Azure's, when empty.
        gateway_subnet: The range of the hub's VPN or ExpressRoute gateway, within it; None for no gateway.
        next_hop: The address of the firewall for all outbound traffic; None for no outbound traffic.
    """

    kind: Literal["new"] = "new"
    address_space: str
    endpoint_subnet: str
    runner_subnet: str | None = None
    gateway_subnet: str | None = None
    dns_servers: tuple[str, ...]
    next_hop: str | None


class ExistingSubnet(_Configured):
    """A subnet of the organization for private endpoints. The organization routes and peers its network."""

    kind: Literal["existing"] = "existing"
    subnet_id: str

    @property
    def vnet_id(self) -> str:
        """The network of the subnet."""
        return self.subnet_id.rsplit("/subnets/", 1)[0]


Vnet = Annotated[NewVnet | ExistingSubnet, Field(discriminator="kind")]


class RunnerSettings(_Configured):
    """Azure DevOps runners inside the hub's network.

    Attributes:
        organization: The Azure DevOps organization.
        projects: Its projects that may use the runners.
        principal_id: The object id, in this tenant, of the service that creates the machines.
        size: The virtual machine size, as Azure spells it.
        image: The service's name of the image.
        subnet_id: Their subnet where the network is the organization's; None in a network of the hub.
    """

    organization: str
    projects: tuple[str, ...]
    principal_id: str
    size: str
    image: str
    max_runners: int
    subnet_id: str | None


class CustomerKeySettings(_Configured):
    """A key of the organization that encrypts an environment's data.

    Attributes:
        vault_id: The resource id of its vault.
        key: Its URL with its version.
    """

    vault_id: str
    key: str


class AdoptedSettings(_Configured):
    """An existing workspace of the organization and its resources, by resource id.

    Attributes:
        mode: `refer`: the stack does not change them, and creates only what is around and in the workspace. `manage`:
            the stack imports them, and manages them like resources that it created.
        container_registry_id, application_insights_id: None where the workspace has none.
        identity_id: The user-assigned identity of an imported workspace; None for its system-assigned one.
    """

    mode: Literal["refer", "manage"]
    workspace_id: str
    storage_id: str
    key_vault_id: str
    container_registry_id: str | None
    application_insights_id: str | None
    identity_id: str | None

    @property
    def ids(self) -> dict[Kind, str]:
        """The ids of the workspace and its resources, by kind."""
        ids: dict[Kind, str | None] = {
            "workspace": self.workspace_id,
            "storage": self.storage_id,
            "key_vault": self.key_vault_id,
            "container_registry": self.container_registry_id,
            "application_insights": self.application_insights_id,
        }
        return {kind: id_ for kind, id_ in ids.items() if id_ is not None}


class HubPeering(_Settings):
    """The hub's network, for an environment that peers with it.

    Attributes:
        vnet_id: Its id where it is the organization's; None for the hub's own, whose name is in the naming table.
        gateway: Whether it has a VPN or ExpressRoute gateway for peered networks.
    """

    vnet_id: str | None
    gateway: bool


OutboundKind = Literal["fqdn", "service_tag", "private_endpoint"]


class OutboundSettings(_Configured):
    """A destination that jobs and endpoints may reach from a managed network.

    Attributes:
        kind: A domain name, which needs a firewall that costs money; a group of Azure addresses; or an Azure resource,
            by private endpoint.
        destination: The domain name, the service tag or the resource id.
        protocol: Of a service tag: TCP, UDP, ICMP or *.
        ports: Of a service tag, as `443` or `80,8000-9000`.
        group: Of a resource: the sub-resource that the endpoint leads to, as `blob`.
    """

    name: str
    kind: OutboundKind
    destination: str
    protocol: str = "TCP"
    ports: str = "443"
    group: str | None = None


class NetworkSettings(_Settings):
    """The network of an environment, beside its network mode.

    Attributes:
        firewall_sku: The tier of the firewall that Azure creates with the first outbound rule for a domain name.
        allow_ips: The ranges that may use public addresses; all, when empty.
        vnet: The network of the private endpoints, where the mode has any.
        hub_vnet: The hub's network, if it has one.
        outbound: What jobs may reach beside what Azure ML and the hub need.
        public_registry: Whether the hub's model registry has a public address.
        runners: Whether the hub has CI runners inside its network.
        private_link_scope: Whether the hub has an Azure Monitor Private Link Scope.
        flow_log_days: How long flow logs of a network that the stack creates are kept; None for no flow logs.
    """

    ci: Ci = "public"
    firewall_sku: FirewallSku = "Standard"
    allow_ips: tuple[str, ...] = ()
    dns: Dns = "hub"
    vnet: Vnet | None = None
    hub_vnet: HubPeering | None = None
    outbound: tuple[OutboundSettings, ...] = ()
    public_registry: bool = True
    runners: bool = False
    private_link_scope: bool = False
    flow_log_days: int | None = None


class _StackSettings(_Configured):
    organization: str
    tenant_id: str
    subscription_id: str
    location: str
    tags: dict[str, str]
    protect: bool
    budget: BudgetSettings | None
    generation: int
    suppressions: tuple[SuppressionSettings, ...] = ()


class HubSettings(_StackSettings):
    """The hub: what all teams share.

    Attributes:
        log_retention_days: How long the hub keeps logs; None where the Log Analytics workspace is the organization's.
        log_analytics_id: A Log Analytics workspace of the organization; None for the hub's own.
        registry_locations: The locations of the model registry's copies, the hub's own included.
        alert_emails: Who gets the hub's alerts, and those of stacks without addresses of their own.
        subscriptions: All subscriptions of the platform, each with the network modes of its environments. Their
            activity logs are exported, policies are assigned to them, and custom roles are assignable in them.
        groups: The organization's groups.
        vnet: The network of the hub, if any.
        public_registry: Whether the model registry has a public address.
        private_endpoints: Whether some environment has private endpoints, so that DNS zones are needed.
        runners: CI runners inside the hub's network.
        linked_vnets: The ids of networks of the organization that must resolve the names of private endpoints.
        policies: The effect of each Azure policy.
        private_link_scope: The access modes of the Azure Monitor Private Link Scope for ingestion and for queries; None
            for no scope.
        flow_log_days: How long flow logs of the hub's own network are kept; None for no flow logs.
        traffic_analytics: Whether Traffic Analytics evaluates them.
        defender: The Microsoft Defender plans that are turned on, or off, in all subscriptions.
        environments: Those of the platform; each has a separate store of states.
        deployers: The platform repository's CI, with an identity for each environment that it deploys.
        reader: How pull requests of the platform repository log in.
    """

    program: Literal["hub"] = "hub"
    log_retention_days: int | None
    log_analytics_id: str | None = None
    registry_locations: tuple[str, ...]
    alert_emails: tuple[str, ...]
    subscriptions: dict[str, tuple[Network, ...]]
    groups: tuple[GroupSettings, ...]
    policies: dict[PolicyName, PolicyEffect]
    dns: Dns = "hub"
    vnet: Vnet | None = None
    public_registry: bool = True
    private_endpoints: bool = False
    linked_vnets: tuple[str, ...] = ()
    runners: RunnerSettings | None = None
    private_link_scope: tuple[AccessMode, AccessMode] | None = None
    flow_log_days: int | None = None
    traffic_analytics: bool = False
    defender: dict[DefenderPlan, bool] = {}
    environments: tuple[str, ...]
    deployers: tuple[DeployerSettings, ...]
    reader: Federation | None

    @property
    def stack(self) -> str:
        """The stack's name."""
        return HUB

    @property
    def private_state(self) -> bool:
        """Whether states and their keys too are reached only from the hub's network."""
        return not self.public_registry and self.vnet is not None


class EnvironmentSettings(_StackSettings):
    """One team in one environment.

    Attributes:
        ring: The order in which environments are changed; lower rings first.
        hub_subscription_id: The subscription of the hub's resources, whose names are in the naming table.
        hub_generation: The generation of the hub's names.
        log_analytics_id: A Log Analytics workspace of the organization; None for the hub's.
        resource_group_id: An existing resource group of the organization; None for a new one.
        adopted: An existing workspace of the organization; None for a new one.
        people: Whether people work here, or only read while CI does the work.
        shared: The team's groups that get their roles on what all teams share from this stack, whichever environment
            names them.
        alert_emails: Who gets the alerts; when empty, the recipients of the hub's alerts.
        self_service: Whether people create compute instances themselves.
        feature_store: What the workspace is as a feature store; None for an ordinary workspace.
        zone_redundant: Whether storage and container registry are in several availability zones.
        registry_replicas: The other locations of the container registry.
        denied: The Azure policies that refuse resources in its subscription, by their effect `Deny`.
    """

    program: Literal["environment"] = "environment"
    team: str
    environment: str
    ring: int = 0
    hub_subscription_id: str
    hub_generation: int
    log_analytics_id: str | None = None
    network: Network
    networking: NetworkSettings = NetworkSettings()
    resource_group_id: str | None = None
    customer_key: CustomerKeySettings | None = None
    adopted: AdoptedSettings | None = None
    people: PeopleAccess
    alert_emails: tuple[str, ...] = ()
    self_service: bool
    groups: tuple[GroupSettings, ...]
    shared: tuple[SharedGroupSettings, ...] = ()
    clusters: tuple[ClusterSettings, ...]
    instances: tuple[InstanceSettings, ...] = ()
    kubernetes: tuple[KubernetesSettings, ...] = ()
    datastores: tuple[DatastoreSettings, ...] = ()
    connections: tuple[ConnectionSettings, ...] = ()
    feature_store: FeatureStoreSettings | None = None
    projects: tuple[ProjectSettings, ...]
    zone_redundant: bool = False
    registry_replicas: tuple[str, ...] = ()
    denied: tuple[PolicyName, ...] = ()

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"{self.team}-{self.environment}"

    @property
    def referenced(self) -> AdoptedSettings | None:
        """An existing workspace that the stack uses and does not change."""
        return self.adopted if self.adopted is not None and self.adopted.mode == "refer" else None


StackSettings = HubSettings | EnvironmentSettings

EXAMPLE_SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
EXAMPLE_TENANT = "00000000-0000-0000-0000-000000000002"
EXAMPLE_EMAIL = "ml-platform@example.com"
EXAMPLES = (EXAMPLE_SUBSCRIPTION, EXAMPLE_TENANT, EXAMPLE_EMAIL)
"""The values that `platform init` writes without answers. Nothing can be deployed with them."""


def examples_in(settings: StackSettings) -> list[str]:
    """The example values that a stack still has, each with the key that it stands for."""
    mails = {*settings.alert_emails, *settings.tags.values(), *(settings.budget.emails if settings.budget else ())}
    found = {
        f"tenant_id {EXAMPLE_TENANT}": settings.tenant_id == EXAMPLE_TENANT,
        f"subscription_id {EXAMPLE_SUBSCRIPTION}": settings.subscription_id == EXAMPLE_SUBSCRIPTION,
        f"the mail address {EXAMPLE_EMAIL}": EXAMPLE_EMAIL in mails,
    }
    return [text for text, present in found.items() if present]


def from_json(text: str) -> StackSettings:
    """Settings from their JSON. Raises pydantic.ValidationError."""
    adapter: TypeAdapter[StackSettings] = TypeAdapter(Annotated[StackSettings, Field(discriminator="program")])
    return adapter.validate_json(text)
