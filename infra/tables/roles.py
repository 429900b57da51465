"""All role assignments as tables: Azure's built-in roles, our custom roles, who gets which role on what, and why.

Ids of built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infra.tables.connections import ConnectionKind
from infra.tables.names import Names

Persona = Literal["data_scientists", "engineers", "reviewers", "operators", "platform"]
"""The work of a group of people: they train models, review them or operate them; `platform` maintains the platform of
all teams."""

PeopleAccess = Literal["work", "read"]
"""What people may do in an environment: change it, or only read it because CI changes it."""

_WORKSPACES = "Microsoft.MachineLearningServices/workspaces"


@dataclass(frozen=True)
class Role:
    """A built-in role."""

    name: str
    id: str

    def id_in(self, _names: Names) -> str:
        """The id of its definition, which is the same in all tenants."""
        return self.id


@dataclass(frozen=True)
class CustomRole:
    """A custom role, where all built-in roles allow too much. The hub defines it.

    Attributes:
        description: Its description in Azure.
        actions: The allowed operations of Azure's resource providers.
    """

    name: str
    description: str
    actions: tuple[str, ...]

    def id_in(self, names: Names) -> str:
        """The id of its definition, which all stacks of an organization can compute."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{names.tenant_id}|{names.organization}|{self.name}".lower()))


ROLES: Mapping[str, Role] = {
    name: Role(name, id_)
    for name, id_ in (
        ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
        ("AzureML Data Scientist", "f6c7c914-8db3-469d-8ca1-694a8f32e121"),
        ("AzureML Metrics Writer (preview)", "635dd51f-9968-44d3-b7fb-6d9a6bd613ae"),
        ("AzureML Registry User", "1823dd4f-9b8c-4ab6-ab4e-7397a3684615"),
        ("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
        ("Storage Blob Data Reader", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
        ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
        ("Cost Management Reader", "72fafb9e-0641-4937-9268-a91bfd8191a3"),
        ("Storage File Data Privileged Contributor", "69566ab7-960f-475b-8e7c-b3118f30c6bd"),
        ("Storage File Data Privileged Reader", "b8eda974-7b85-4f76-af95-65846b26df6d"),
        ("Cognitive Services OpenAI User", "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"),
        ("Cognitive Services User", "a97b65f3-24c7-4388-baec-2e87135dc908"),
        ("Search Index Data Reader", "1407120a-92aa-4202-b7e9-c0e197c71c8f"),
        ("Key Vault Administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483"),
        ("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
        ("Locks Contributor", "28bf596f-4eb7-45ce-b5bc-6cf482fec137"),
        ("Managed Identity Operator", "f1a07417-d97a-45cb-824c-7a7467783830"),
        ("Monitoring Contributor", "749f88d5-cbae-40b8-bcfc-e573ddc772fa"),
        ("Azure Kubernetes Service Cluster Admin Role", "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8"),
        ("Kubernetes Extension Contributor", "85cb6faf-e071-4c9b-8136-154b5a04f717"),
        ("Azure Relay Owner", "2787bf04-f1f5-4bfe-8383-c8a24483ee38"),
        ("Key Vault Crypto User", "12338af0-0e69-4776-bea7-57ae8d297424"),
        ("Key Vault Crypto Service Encryption User", "e147488a-f6f5-4113-8e2d-b22465e65bf6"),
        ("Network Contributor", "4d97b98b-1d4f-4787-a291-c67834d212e7"),
        ("Azure AI Enterprise Network Connection Approver", "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"),
        ("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),
        ("Role Based Access Control Administrator", "f58310d9-a9f6-439a-9e8d-f62e7b41a168"),
        ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        ("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"),
    )
}
"""The built-in roles that are assigned, by name."""

# The permissions by task: https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
SELF_SERVICE_INSTANCES = CustomRole(
    "ML compute instance self-service",
    "Creates, opens and deletes compute instances. No access to node keys, data mounts and other people's settings.",
    tuple(
        f"{_WORKSPACES}/computes/{action}"
        for action in (
            "read", "write", "delete", "start/action", "stop/action", "restart/action", "applicationaccess/action",
            "updateIdleShutdownSetting/action",
        )
    ),
)  # fmt: skip
"""The built-in AzureML Compute Operator has `computes/*`, which includes the keys of nodes and data mounts."""

OPERATOR = CustomRole(
    "ML operator",
    "Cancels jobs, starts and stops compute, and moves traffic between deployments. No access to models and data.",
    (
        f"{_WORKSPACES}/read",
        f"{_WORKSPACES}/jobs/read",
        f"{_WORKSPACES}/jobs/cancel/action",
        f"{_WORKSPACES}/computes/read",
        f"{_WORKSPACES}/computes/start/action",
        f"{_WORKSPACES}/computes/stop/action",
        f"{_WORKSPACES}/computes/restart/action",
        f"{_WORKSPACES}/onlineEndpoints/read",
        f"{_WORKSPACES}/onlineEndpoints/write",
        f"{_WORKSPACES}/onlineEndpoints/deployments/read",
        f"{_WORKSPACES}/onlineEndpoints/deployments/write",
        f"{_WORKSPACES}/onlineEndpoints/deployments/getLogs/action",
        f"{_WORKSPACES}/batchEndpoints/read",
        f"{_WORKSPACES}/batchEndpoints/write",
    ),
)
"""With the built-in AzureML Data Scientist, an operator could run code on data, and delete models."""

LOG_SENDER = CustomRole(
    "ML log sender",
    "Lets diagnostic settings of other resources send to a Log Analytics workspace. Reads no logs.",
    # https://learn.microsoft.com/azure/azure-monitor/logs/manage-access
    ("Microsoft.OperationalInsights/workspaces/read", "Microsoft.OperationalInsights/workspaces/sharedKeys/action"),
)
"""The built-in Log Analytics Contributor and Monitoring Contributor can change the workspace and delete logs."""

NETWORK_PEER = CustomRole(
    "ML network peer",
    "Creates peerings of other virtual networks with a virtual network. Changes nothing else in it.",
    # https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering#permissions
    (
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/peer/action",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/read",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/delete",
    ),
)
"""The built-in Network Contributor can change subnets, routes and rules of the network."""

DNS_LINKER = CustomRole(
    "ML name linker",
    "Links private DNS zones to networks, and lets private endpoints create their records. Writes no other records.",
    # https://learn.microsoft.com/azure/role-based-access-control/permissions/networking
    (
        "Microsoft.Network/privateDnsZones/read",
        "Microsoft.Network/privateDnsZones/join/action",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/write",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/delete",
    ),
)
"""The built-in Private DNS Zone Contributor can delete zones, and change the records of others."""

CUSTOM_ROLES = (SELF_SERVICE_INSTANCES, OPERATOR, LOG_SENDER, NETWORK_PEER, DNS_LINKER)
"""The roles that the hub defines."""

Target = Literal[
    "subscription",
    "resource group",
    "workspace",
    "storage",
    "key vault",
    "container registry",
    "application insights",
    "cluster identity",
    "endpoint identity",
    "storage blob endpoint",
    "storage file endpoint",
    "default container",
    "model registry",
    "state container",
    "secrets key",
    "log analytics",
    "hub network",
    "private link scope",
    "flow log storage",
    "customer's vault",
    "kubernetes cluster",
    "azure relay",
    "data account",
    "blob container",
    "file share",
    "connected service",
    "vault secret",
    "offline store",
]
"""The resource that a role is assigned on. The model registry, states and their keys, the logs, the network and the
private link scope belong to the hub; the customer's vault, Kubernetes clusters, relays and what datastores and
connections lead to belong to the organization."""


@dataclass(frozen=True)
class Entitlement:
    """A role on a target, for a purpose.

    Attributes:
        reason: Why it is needed; also the description of the role assignment.
        may_assign: For a role that can assign roles: the only roles that it may assign and remove.
    """

    role: Role | CustomRole
    on: Target
    reason: str
    may_assign: tuple[Role | CustomRole, ...] = ()


_WORK = (
    Entitlement(ROLES["AzureML Data Scientist"], "workspace", "Runs jobs, and manages data, models and endpoints"),
    Entitlement(
        ROLES["Storage Blob Data Contributor"], "storage", "Reads and writes data, since the storage accepts no keys"
    ),
    Entitlement(
        ROLES["Storage File Data Privileged Contributor"],
        "storage",
        "Opens notebooks, since the storage accepts no keys",
    ),
)
_READ = (
    # Not AzureML Data Scientist: it includes workspaces/*/write, hence endpoints.
    Entitlement(ROLES["Reader"], "resource group", "Sees the resources; only CI changes them"),
)
_MONITOR = (Entitlement(ROLES["Monitoring Contributor"], "resource group", "Reads logs and configures alerts"),)
_REVIEW = (
    Entitlement(ROLES["Reader"], "resource group", "Sees the resources to approve"),
    Entitlement(
        ROLES["Storage Blob Data Reader"], "storage", "Reads the metrics and reports of runs, which are in the storage"
    ),
)
_OPERATE = (
    Entitlement(ROLES["Reader"], "resource group", "Sees the resources"),
    *_MONITOR,
    Entitlement(OPERATOR, "workspace", "Stops harmful jobs and compute, and moves traffic back"),
)
_KEEP = (
    Entitlement(ROLES["Contributor"], "resource group", "Repairs what the platform's CI cannot repair"),
    Entitlement(ROLES["Key Vault Administrator"], "key vault", "Repairs connections, whose secrets are in the vault"),
    Entitlement(ROLES["Cost Management Reader"], "resource group", "Sees the costs"),
)

PEOPLE: dict[tuple[Persona, PeopleAccess], tuple[Entitlement, ...]] = {
    ("data_scientists", "work"): _WORK,
    ("data_scientists", "read"): _READ,
    ("engineers", "work"): (*_WORK, *_MONITOR),
    ("engineers", "read"): (*_READ, *_MONITOR),
    ("reviewers", "work"): _REVIEW,
    ("reviewers", "read"): _REVIEW,
    ("operators", "work"): _OPERATE,
    ("operators", "read"): _OPERATE,
    ("platform", "work"): _KEEP,
    ("platform", "read"): _KEEP,
}
"""The roles of a persona in an environment."""

_SHARE = (
    Entitlement(
        ROLES["AzureML Registry User"], "model registry", "Uses and shares models, components and environments"
    ),
)
_SEE_SHARED = (Entitlement(ROLES["Reader"], "model registry", "Sees the models to release"),)
SHARED: dict[tuple[Persona, PeopleAccess], tuple[Entitlement, ...]] = {
    ("data_scientists", "work"): _SHARE,
    ("engineers", "work"): _SHARE,
    ("reviewers", "work"): _SEE_SHARED,
    ("reviewers", "read"): _SEE_SHARED,
}
"""The roles of a persona on what all teams share. Azure refuses a second assignment of a role to a group on a resource,
so only one stack assigns it: the first of the team, and of the first team that names the group."""

_SELF_SERVICE = (
    Entitlement(SELF_SERVICE_INSTANCES, "workspace", "Creates compute instances, which shut down when idle"),
)
SELF_SERVICE: dict[Persona, tuple[Entitlement, ...]] = {"data_scientists": _SELF_SERVICE, "engineers": _SELF_SERVICE}
"""The additional roles of a persona in an environment where people create compute instances themselves."""

Purpose = Literal[
    "workspace before",
    "workspace after",
    "workspace, private model registry",
    "workspace, managed network",
    "workspace, kubernetes",
    "workspace, azure arc",
    "workspace, private storage",
    "workspace, private datastore",
    "workspace, private connection",
    "workspace, offline store",
    "cluster",
    "endpoint",
    "endpoint, data collector",
    "ci",
    "ci of pull requests",
    "customer key",
    "flow log",
]
"""What an identity of an environment has roles for: the identity, and when or for what."""

IDENTITIES: dict[Purpose, tuple[Entitlement, ...]] = {
    # The roles of the workspace's identity that must exist before the workspace.
    # https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
    "workspace before": (
        Entitlement(ROLES["Contributor"], "storage", "The workspace creates its blob containers and file shares"),
        Entitlement(
            ROLES["Storage Blob Data Contributor"], "storage", "The workspace stores run files and models there"
        ),
        Entitlement(ROLES["Contributor"], "key vault", "The workspace manages its vault"),
        Entitlement(
            ROLES["Key Vault Administrator"], "key vault", "The workspace stores the secrets of its connections there"
        ),
        Entitlement(ROLES["Contributor"], "container registry", "The workspace builds and stores images"),
        Entitlement(ROLES["Contributor"], "application insights", "The workspace sends telemetry there"),
    ),
    "workspace after": (Entitlement(ROLES["Contributor"], "workspace", "The workspace manages its own contents"),),
    # Its additional role where it reaches the model registry by private endpoint.
    "workspace, private model registry": (
        Entitlement(
            ROLES["Azure AI Enterprise Network Connection Approver"],
            "model registry",
            "The managed network connects to the model registry",
        ),
    ),
    "workspace, managed network": (
        Entitlement(
            ROLES["Azure AI Enterprise Network Connection Approver"],
            "resource group",
            "The managed network connects to storage and vault",
        ),
    ),
    # The roles of the workspace's identity on a Kubernetes cluster, before the cluster is attached.
    # https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-to-workspace
    "workspace, kubernetes": (
        Entitlement(ROLES["Reader"], "kubernetes cluster", "The workspace reads the cluster that it attaches"),
        Entitlement(
            ROLES["Kubernetes Extension Contributor"], "kubernetes cluster", "The workspace finds its extension there"
        ),
        Entitlement(
            ROLES["Azure Kubernetes Service Cluster Admin Role"],
            "kubernetes cluster",
            "The workspace starts jobs and endpoints there",
        ),
    ),
    # Its additional role where Azure Arc connects the cluster.
    "workspace, azure arc": (
        Entitlement(
            ROLES["Azure Relay Owner"], "azure relay", "The workspace reaches a cluster of Azure Arc through it"
        ),
    ),
    # The roles of the workspace's identity on the private endpoints of its storage. Without them the studio shows
    # no data, even inside the network.
    # https://learn.microsoft.com/azure/machine-learning/how-to-enable-studio-virtual-network
    "workspace, private storage": (
        Entitlement(ROLES["Reader"], "storage blob endpoint", "The studio previews data behind the private endpoint"),
        Entitlement(
            ROLES["Reader"],
            "storage file endpoint",
            "The studio reaches notebooks and AutoML behind the private endpoint",
        ),
    ),
    "workspace, private datastore": (
        Entitlement(
            ROLES["Azure AI Enterprise Network Connection Approver"],
            "data account",
            "The managed network connects to the account of a datastore",
        ),
    ),
    "workspace, private connection": (
        Entitlement(
            ROLES["Azure AI Enterprise Network Connection Approver"],
            "connected service",
            "The managed network connects to the service of a connection",
        ),
    ),
    # The workspace's identity is the only one that Azure ML attaches to a feature store, and materializes its features.
    # https://learn.microsoft.com/azure/machine-learning/how-to-setup-access-control-feature-store
    "workspace, offline store": (
        Entitlement(
            ROLES["Storage Blob Data Contributor"], "offline store", "The feature store materializes its features there"
        ),
    ),
    "cluster": (
        Entitlement(ROLES["Storage Blob Data Contributor"], "storage", "Jobs read inputs and write outputs"),
        Entitlement(
            ROLES["Storage Queue Data Contributor"], "storage", "Parallel jobs distribute mini-batches through a queue"
        ),
        Entitlement(
            ROLES["Storage Table Data Contributor"], "storage", "Parallel jobs record their progress in a table"
        ),
        Entitlement(ROLES["AcrPull"], "container registry", "Jobs pull their images"),
    ),
    "endpoint": (
        Entitlement(ROLES["AcrPull"], "container registry", "Deployments pull their images"),
        Entitlement(ROLES["Storage Blob Data Reader"], "storage", "Deployments load their models"),
        Entitlement(ROLES["AzureML Metrics Writer (preview)"], "workspace", "Deployments report their metrics"),
    ),
    # Its role on the container of the datastore workspaceblobstore, and on no other: models are in another one.
    # https://learn.microsoft.com/azure/machine-learning/how-to-collect-production-data
    "endpoint, data collector": (
        Entitlement(
            ROLES["Storage Blob Data Contributor"],
            "default container",
            "The data collector of deployments writes requests and answers",
        ),
    ),
    # The roles of a project's CI identity in an environment that it deploys to.
    "ci": (
        Entitlement(ROLES["AzureML Data Scientist"], "workspace", "CI submits pipelines and deploys models"),
        Entitlement(
            ROLES["Storage Blob Data Contributor"],
            "storage",
            "CI uploads code and data, since the storage accepts no keys",
        ),
        Entitlement(
            ROLES["Managed Identity Operator"], "endpoint identity", "CI creates endpoints that run as this identity"
        ),
        Entitlement(ROLES["AzureML Registry User"], "model registry", "CI shares the models that passed their gate"),
    ),
    # The roles of the CI identity of a project's pull requests, whose code has not been reviewed yet.
    "ci of pull requests": (
        Entitlement(
            ROLES["Reader"], "workspace", "CI of pull requests compares with the deployed resources; it sees no data"
        ),
        Entitlement(ROLES["Reader"], "model registry", "CI of pull requests sees which models are shared"),
    ),
    # The role of the identity that uses the organization's key.
    "customer key": (
        Entitlement(
            ROLES["Key Vault Crypto Service Encryption User"],
            "customer's vault",
            "Storage, registry and workspace encrypt their keys with the customer's key",
        ),
    ),
    # https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-managed-identity
    "flow log": (
        Entitlement(
            ROLES["Storage Blob Data Contributor"],
            "flow log storage",
            "The flow log of a network is written there, since the storage accepts no keys",
        ),
    ),
}
"""The roles of the identities of an environment."""

DataAccess = Literal["read", "write"]
"""What a datastore is for: its data is only read, or also written."""

_READS = "Reads the data of a datastore, which contains no key"
_CONNECTS = "Uses the service of a connection, which contains no key"
_WRITES = "Reads and writes the data of a datastore, which contains no key"
# Azure Files: https://learn.microsoft.com/azure/machine-learning/how-to-disable-local-auth-storage
DATASTORES: dict[tuple[Target, DataAccess], tuple[Entitlement, ...]] = {
    ("blob container", "read"): (Entitlement(ROLES["Storage Blob Data Reader"], "blob container", _READS),),
    ("blob container", "write"): (Entitlement(ROLES["Storage Blob Data Contributor"], "blob container", _WRITES),),
    ("file share", "read"): (Entitlement(ROLES["Storage File Data Privileged Reader"], "file share", _READS),),
    ("file share", "write"): (Entitlement(ROLES["Storage File Data Privileged Contributor"], "file share", _WRITES),),
}
"""The roles of clusters, of endpoints and of the people in `DATA_PEOPLE` on the container or share of a datastore.

https://learn.microsoft.com/azure/machine-learning/how-to-administrate-data-authentication
"""

# https://learn.microsoft.com/azure/ai-foundry/openai/how-to/role-based-access-control
# https://learn.microsoft.com/azure/search/search-security-rbac
# https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
CONNECTIONS: dict[ConnectionKind, tuple[Entitlement, ...]] = {
    "azure-openai": (Entitlement(ROLES["Cognitive Services OpenAI User"], "connected service", _CONNECTS),),
    "ai-services": (Entitlement(ROLES["Cognitive Services User"], "connected service", _CONNECTS),),
    "ai-search": (Entitlement(ROLES["Search Index Data Reader"], "connected service", _CONNECTS),),
    "container-registry": (Entitlement(ROLES["AcrPull"], "connected service", _CONNECTS),),
}
"""The roles of the same principals on the service of a connection without a secret. The users of a SQL database are in
the database; the other kinds have no roles in Azure."""

CONNECTION_SECRET: tuple[Entitlement, ...] = (
    Entitlement(
        ROLES["Key Vault Secrets User"], "vault secret", "Reads the secret of a connection, which people write"
    ),
)
"""The role of the same principals on the secret of a connection in the team's vault, and on no other secret.
https://learn.microsoft.com/azure/key-vault/general/rbac-guide"""

DATA_PEOPLE: tuple[Persona, ...] = ("data_scientists", "engineers")
"""The personas with access to what datastores and connections lead to, in environments where people work."""

ASSIGNED_IN_ENVIRONMENTS: tuple[Role | CustomRole, ...] = tuple(
    dict.fromkeys(
        entitlement.role
        for table in (
            *PEOPLE.values(),
            *SELF_SERVICE.values(),
            *SHARED.values(),
            *IDENTITIES.values(),
            *DATASTORES.values(),
            *CONNECTIONS.values(),
            CONNECTION_SECRET,
        )
        for entitlement in table
    )
)
"""All roles that stacks of environments assign. None of them can assign roles."""

ASSIGNED_ON_HUB: tuple[Role | CustomRole, ...] = tuple(
    dict.fromkeys(
        entitlement.role
        for table in (*SHARED.values(), *IDENTITIES.values())
        for entitlement in table
        if entitlement.on == "model registry"
    )
)
"""The roles that stacks of environments assign on resources of the hub."""

PLATFORM_READER = (
    Entitlement(
        ROLES["Reader"], "subscription", "CI of pull requests compares the manifests with the deployed resources"
    ),
)
"""The roles of the CI identity of the platform repository's pull requests, in each subscription.

It has none on states and their keys, so it cannot run `pulumi preview`, which decrypts the secrets of a stack: code
must be reviewed first. Pull requests run `plan`, which needs no state.
"""

# Contributor has no write operations of Microsoft.Authorization: https://learn.microsoft.com/azure/role-based-access-control/
# built-in-roles/privileged#contributor
PLATFORM_DEPLOYER = (
    Entitlement(ROLES["Contributor"], "subscription", "Creates resource groups and their resources"),
    Entitlement(ROLES["Locks Contributor"], "subscription", "Creates locks, which Contributor cannot do"),
    Entitlement(
        ROLES["Role Based Access Control Administrator"], "subscription",
        "Assigns the roles of environments, and no others",
        ASSIGNED_IN_ENVIRONMENTS,
    ),
)  # fmt: skip
"""The roles of the CI identity that deploys an environment, in each subscription of its stacks."""

IN_SUBSCRIPTIONS = (*PLATFORM_READER, *PLATFORM_DEPLOYER)
"""All roles on whole subscriptions, of identities of the hub; `infra.rules.access` reports all others."""

_HubPart = Literal["states", "hub", "logs", "network", "zones", "registry", "private link scope"]

PLATFORM_DEPLOYER_ON: dict[_HubPart, tuple[Entitlement, ...]] = {
    "states": (
        Entitlement(
            ROLES["Storage Blob Data Contributor"], "state container",
            "Reads and writes the states of its environment's stacks"
        ),
        Entitlement(ROLES["Key Vault Crypto User"], "secrets key", "Encrypts and decrypts the secrets in those states"),
    ),
    "hub": (
        Entitlement(ROLES["Reader"], "resource group", "Reads the resources that environments use"),
        Entitlement(
            ROLES["Role Based Access Control Administrator"], "model registry",
            "Assigns the registry roles of teams and their CI, and no others",
            ASSIGNED_ON_HUB,
        ),
    ),
    "logs": (Entitlement(LOG_SENDER, "log analytics", "Sends the logs and metrics of environments to the hub"),),
    "network": (Entitlement(NETWORK_PEER, "hub network", "Peers the virtual networks of environments with the hub's"),),
    # On the group, which contains all zones; the role applies to zones only.
    "zones": (
        Entitlement(
            DNS_LINKER, "resource group", "Links DNS zones to the networks of environments, for their endpoints"
        ),
    ),
    "registry": (
        Entitlement(
            ROLES["Azure AI Enterprise Network Connection Approver"], "model registry",
            "Connects private endpoints of environments to the model registry",
        ),
    ),
    "private link scope": (
        Entitlement(
            ROLES["Monitoring Contributor"], "private link scope",
            "Adds the Application Insights components of environments to the private link scope",
        ),
    ),
}  # fmt: skip
"""The roles of the same identity on the hub, which a person deploys: on the states of that environment and no others;
on the hub; on its Log Analytics workspace, its network and its DNS zones, if they are the hub's own; on a model
registry without a public address; on its private link scope."""

HUB_PEOPLE: dict[Persona, tuple[Entitlement, ...]] = {
    "platform": (
        Entitlement(ROLES["Contributor"], "resource group", "Manages the resources that all teams share"),
        Entitlement(
            ROLES["Role Based Access Control Administrator"],
            "resource group",
            "Assigns the roles of environments, and no others",
            ASSIGNED_IN_ENVIRONMENTS,
        ),
        Entitlement(ROLES["Cost Management Reader"], "resource group", "Sees the costs"),
        Entitlement(ROLES["Storage Blob Data Contributor"], "storage", "Reads and writes the states of stacks"),
        Entitlement(ROLES["Key Vault Crypto User"], "key vault", "Encrypts and decrypts the secrets in states"),
    ),
}
"""The roles of a persona on the hub."""

# https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking
RUNNERS = (
    Entitlement(ROLES["Reader"], "hub network", "The service of the runners reads the network"),
    Entitlement(
        ROLES["Network Contributor"], "hub network", "The service of the runners attaches them to their subnet"
    ),
)
"""The roles of the service that creates CI runners."""
