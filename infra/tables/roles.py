"""Azure's built-in roles by id, our own ones, and who gets which of them where, and why: our whole access, as tables.

Ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

import uuid
from dataclasses import dataclass
from typing import Literal

from infra.settings import Persona
from infra.tables.names import Names

_WORKSPACES = "Microsoft.MachineLearningServices/workspaces"


@dataclass(frozen=True)
class Role:
    """A built-in role."""

    name: str
    id: str

    def id_in(self, _names: Names) -> str:
        """The id of its definition, which is the same in every tenant."""
        return self.id


@dataclass(frozen=True)
class CustomRole:
    """A role of ours, for what no built-in role gives without giving too much. The hub defines it.

    Attributes:
        description: What it is for, as Azure shows it.
        actions: What it allows, as Azure's resource providers name it.
    """

    name: str
    description: str
    actions: tuple[str, ...]

    def id_in(self, names: Names) -> str:
        """The id of its definition: known to all stacks of an organization without asking."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{names.tenant_id}|{names.organization}|{self.name}".lower()))


ACR_PULL = Role("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d")
AZUREML_DATA_SCIENTIST = Role("AzureML Data Scientist", "f6c7c914-8db3-469d-8ca1-694a8f32e121")
AZUREML_METRICS_WRITER = Role("AzureML Metrics Writer (preview)", "635dd51f-9968-44d3-b7fb-6d9a6bd613ae")
AZUREML_REGISTRY_USER = Role("AzureML Registry User", "1823dd4f-9b8c-4ab6-ab4e-7397a3684615")
BLOB_DATA_CONTRIBUTOR = Role("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe")
BLOB_DATA_READER = Role("Storage Blob Data Reader", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1")
CONTRIBUTOR = Role("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c")
COST_READER = Role("Cost Management Reader", "72fafb9e-0641-4937-9268-a91bfd8191a3")
FILE_PRIVILEGED_CONTRIBUTOR = Role("Storage File Data Privileged Contributor", "69566ab7-960f-475b-8e7c-b3118f30c6bd")
KEY_VAULT_ADMINISTRATOR = Role("Key Vault Administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483")
LOCKS_CONTRIBUTOR = Role("Locks Contributor", "28bf596f-4eb7-45ce-b5bc-6cf482fec137")
MANAGED_IDENTITY_OPERATOR = Role("Managed Identity Operator", "f1a07417-d97a-45cb-824c-7a7467783830")
MONITORING_CONTRIBUTOR = Role("Monitoring Contributor", "749f88d5-cbae-40b8-bcfc-e573ddc772fa")
KUBERNETES_CLUSTER_ADMIN = Role("Azure Kubernetes Service Cluster Admin Role", "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8")
KUBERNETES_EXTENSION_CONTRIBUTOR = Role("Kubernetes Extension Contributor", "85cb6faf-e071-4c9b-8136-154b5a04f717")
RELAY_OWNER = Role("Azure Relay Owner", "2787bf04-f1f5-4bfe-8383-c8a24483ee38")
KEY_VAULT_CRYPTO_USER = Role("Key Vault Crypto User", "12338af0-0e69-4776-bea7-57ae8d297424")
KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER = Role(
    "Key Vault Crypto Service Encryption User", "e147488a-f6f5-4113-8e2d-b22465e65bf6"
)
NETWORK_CONTRIBUTOR = Role("Network Contributor", "4d97b98b-1d4f-4787-a291-c67834d212e7")
NETWORK_CONNECTION_APPROVER = Role(
    "Azure AI Enterprise Network Connection Approver", "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"
)
QUEUE_DATA_CONTRIBUTOR = Role("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88")
RBAC_ADMINISTRATOR = Role("Role Based Access Control Administrator", "f58310d9-a9f6-439a-9e8d-f62e7b41a168")
READER = Role("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7")
TABLE_DATA_CONTRIBUTOR = Role("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3")

# The permissions by task: https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
SELF_SERVICE_INSTANCES = CustomRole(
    "ML compute instance self-service",
    "Makes, opens and deletes compute instances. Nodes' keys, data mounts and other people's settings stay closed.",
    tuple(
        f"{_WORKSPACES}/computes/{action}"
        for action in (
            "read", "write", "delete", "start/action", "stop/action", "restart/action", "applicationaccess/action",
            "updateIdleShutdownSetting/action",
        )
    ),
)  # fmt: skip
"""AzureML Compute Operator has `computes/*`: the keys of nodes and data mounts too."""

OPERATOR = CustomRole(
    "ML operator",
    "Cancels jobs, starts and stops compute, and moves traffic between deployments. Makes no models and sees no data.",
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
"""AzureML Data Scientist would let an operator run code on data, and delete models."""

LOG_SENDER = CustomRole(
    "ML log sender",
    "Points diagnostic settings of other resources at a Log Analytics workspace. Reads no logs.",
    # https://learn.microsoft.com/azure/azure-monitor/logs/manage-access
    ("Microsoft.OperationalInsights/workspaces/read", "Microsoft.OperationalInsights/workspaces/sharedKeys/action"),
)
"""Log Analytics Contributor and Monitoring Contributor could change the workspace and delete what is kept there."""

NETWORK_PEER = CustomRole(
    "ML network peer",
    "Peers other networks with a network. Changes nothing else of it.",
    # https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering#permissions
    (
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/peer/action",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/read",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write",
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/delete",
    ),
)
"""Network Contributor could change subnets, routes and rules of the network."""

NAME_LINKER = CustomRole(
    "ML name linker",
    "Links private DNS zones to networks, and lets private endpoints write their names there. Writes no records.",
    # https://learn.microsoft.com/azure/role-based-access-control/permissions/networking
    (
        "Microsoft.Network/privateDnsZones/read",
        "Microsoft.Network/privateDnsZones/join/action",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/write",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/delete",
    ),
)
"""Private DNS Zone Contributor could delete the zones, and lead names of others to addresses of its own."""

CUSTOM_ROLES = (SELF_SERVICE_INSTANCES, OPERATOR, LOG_SENDER, NETWORK_PEER, NAME_LINKER)
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
    "model registry",
    "state container",
    "secrets key",
    "log analytics",
    "hub network",
    "customer's vault",
    "kubernetes cluster",
    "azure relay",
]
"""What a role is given on. The model registry, states and the keys of their secrets, the logs and the network are the
hub's; the customer's vault, Kubernetes clusters and relays the organization's."""


@dataclass(frozen=True)
class Entitlement:
    """A role on a target, and why it is needed; the reason is written on the assignment.

    Attributes:
        may_assign: For a role that gives roles to others: the only ones that it may give or take away.
    """

    role: Role | CustomRole
    on: Target
    reason: str
    may_assign: tuple[Role | CustomRole, ...] = ()


_WORK = (
    Entitlement(AZUREML_DATA_SCIENTIST, "workspace", "Runs jobs, and keeps data, models and endpoints"),
    Entitlement(BLOB_DATA_CONTRIBUTOR, "storage", "Reads and writes data, since the storage takes no keys"),
    Entitlement(FILE_PRIVILEGED_CONTRIBUTOR, "storage", "Opens notebooks, since the storage takes no keys"),
)
_READ = (
    # Not AzureML Data Scientist: it includes workspaces/*/write, hence endpoints.
    Entitlement(READER, "resource group", "Sees what runs here; CI does the changes"),
)
_MONITOR = (Entitlement(MONITORING_CONTRIBUTOR, "resource group", "Reads logs and sets alerts"),)
_REVIEW = (
    Entitlement(READER, "resource group", "Sees what is to be approved, and what runs"),
    Entitlement(BLOB_DATA_READER, "storage", "Reads the metrics and reports of runs, which lie in the storage"),
)
_OPERATE = (
    Entitlement(READER, "resource group", "Sees what runs here"),
    *_MONITOR,
    Entitlement(OPERATOR, "workspace", "Stops what does harm, and moves traffic back"),
)
_KEEP = (
    Entitlement(CONTRIBUTOR, "resource group", "Repairs what the platform's CI cannot"),
    Entitlement(KEY_VAULT_ADMINISTRATOR, "key vault", "Repairs connections, whose secrets lie in the vault"),
    Entitlement(COST_READER, "resource group", "Follows what is spent"),
)

PEOPLE: dict[tuple[Persona, Literal["work", "read"]], tuple[Entitlement, ...]] = {
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
"""What a persona gets where people work, and where they only read."""

_SHARE = (Entitlement(AZUREML_REGISTRY_USER, "model registry", "Uses and shares models, components and environments"),)
_SEE_SHARED = (Entitlement(READER, "model registry", "Sees the models that are to be released"),)
SHARED: dict[tuple[Persona, Literal["work", "read"]], tuple[Entitlement, ...]] = {
    ("data_scientists", "work"): _SHARE,
    ("engineers", "work"): _SHARE,
    ("reviewers", "work"): _SEE_SHARED,
    ("reviewers", "read"): _SEE_SHARED,
}
"""What a persona gets on what all teams share. Azure refuses a second assignment of one role to one group on one
resource, so one stack gives it: the first of the team, and of the first team that names the group."""

_SELF_SERVICE = (
    Entitlement(SELF_SERVICE_INSTANCES, "workspace", "Makes compute instances, which shut down when idle"),
)
SELF_SERVICE: dict[Persona, tuple[Entitlement, ...]] = {"data_scientists": _SELF_SERVICE, "engineers": _SELF_SERVICE}
"""What personas get beside that where they make compute instances for themselves."""

# https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
WORKSPACE_BEFORE = (
    Entitlement(CONTRIBUTOR, "storage", "The workspace makes its containers and shares"),
    Entitlement(BLOB_DATA_CONTRIBUTOR, "storage", "The workspace keeps run files and models there"),
    Entitlement(CONTRIBUTOR, "key vault", "The workspace manages its vault"),
    Entitlement(KEY_VAULT_ADMINISTRATOR, "key vault", "The workspace keeps its connections' secrets there"),
    Entitlement(CONTRIBUTOR, "container registry", "The workspace builds and stores images"),
    Entitlement(CONTRIBUTOR, "application insights", "The workspace sends telemetry there"),
)
"""What the workspace's identity needs before the workspace can be made."""

WORKSPACE_AFTER = (Entitlement(CONTRIBUTOR, "workspace", "The workspace manages what is in it"),)

WORKSPACE_SHARED_REGISTRY = (
    Entitlement(NETWORK_CONNECTION_APPROVER, "model registry", "The managed network connects to the model registry"),
)
"""What it needs where it reaches the model registry by a private endpoint."""

WORKSPACE_MANAGED_NETWORK = (
    Entitlement(NETWORK_CONNECTION_APPROVER, "resource group", "The managed network connects to storage and vault"),
)

# https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-to-workspace
KUBERNETES = (
    Entitlement(READER, "kubernetes cluster", "The workspace sees the cluster that it attaches"),
    Entitlement(KUBERNETES_EXTENSION_CONTRIBUTOR, "kubernetes cluster", "The workspace finds its extension there"),
    Entitlement(KUBERNETES_CLUSTER_ADMIN, "kubernetes cluster", "The workspace starts jobs and endpoints there"),
)
"""What the workspace's identity gets on a Kubernetes cluster before it is attached."""

KUBERNETES_RELAY = (Entitlement(RELAY_OWNER, "azure relay", "The workspace reaches a cluster of Azure Arc through it"),)
"""What it gets beside that where Azure Arc connects the cluster."""

# https://learn.microsoft.com/azure/machine-learning/how-to-enable-studio-virtual-network
WORKSPACE_PRIVATE_STORAGE = (
    Entitlement(READER, "storage blob endpoint", "The studio previews data behind the private endpoint"),
    Entitlement(READER, "storage file endpoint", "The studio keeps notebooks and AutoML behind the private endpoint"),
)
"""What it needs where the storage has private endpoints: else the studio shows no data in the network either."""

CLUSTER = (
    Entitlement(BLOB_DATA_CONTRIBUTOR, "storage", "Jobs read inputs and write outputs"),
    Entitlement(QUEUE_DATA_CONTRIBUTOR, "storage", "Parallel jobs hand out mini-batches through a queue"),
    Entitlement(TABLE_DATA_CONTRIBUTOR, "storage", "Parallel jobs keep their progress in a table"),
    Entitlement(ACR_PULL, "container registry", "Jobs run in images from there"),
)

ENDPOINT = (
    Entitlement(ACR_PULL, "container registry", "Deployments run in images from there"),
    Entitlement(BLOB_DATA_READER, "storage", "Deployments load models from there"),
    Entitlement(AZUREML_METRICS_WRITER, "workspace", "Deployments report their metrics"),
)

DELIVERY = (
    Entitlement(AZUREML_DATA_SCIENTIST, "workspace", "CI submits pipelines and deploys models"),
    Entitlement(BLOB_DATA_CONTRIBUTOR, "storage", "CI uploads code and data, since the storage takes no keys"),
    Entitlement(MANAGED_IDENTITY_OPERATOR, "endpoint identity", "CI makes endpoints that run as this identity"),
    Entitlement(AZUREML_REGISTRY_USER, "model registry", "CI shares the models that passed their gate"),
)
"""What the CI identity of a project gets where it deploys."""

DELIVERY_READER = (
    Entitlement(READER, "workspace", "Pull requests compare with what runs here; they see no data"),
    Entitlement(READER, "model registry", "Pull requests see which models are shared"),
)
"""What the CI identity of a project's pull requests gets. Their code has been reviewed by nobody yet."""

CUSTOMER_KEY = (
    Entitlement(
        KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
        "customer's vault",
        "Storage, registry and workspace wrap their keys with the customer's",
    ),
)
"""What the identity that uses the organization's own key gets."""

ASSIGNED_IN_ENVIRONMENTS: tuple[Role | CustomRole, ...] = tuple(
    dict.fromkeys(
        entitlement.role
        for table in (
            *PEOPLE.values(),
            *SELF_SERVICE.values(),
            *SHARED.values(),
            WORKSPACE_BEFORE,
            WORKSPACE_AFTER,
            WORKSPACE_MANAGED_NETWORK,
            WORKSPACE_SHARED_REGISTRY,
            KUBERNETES,
            KUBERNETES_RELAY,
            WORKSPACE_PRIVATE_STORAGE,
            CLUSTER,
            ENDPOINT,
            DELIVERY,
            DELIVERY_READER,
            CUSTOMER_KEY,
        )
        for entitlement in table
    )
)
"""All roles that stacks of environments assign. None of them can give roles to others."""

ASSIGNED_ON_HUB: tuple[Role | CustomRole, ...] = tuple(
    dict.fromkeys(
        entitlement.role
        for table in (*SHARED.values(), WORKSPACE_SHARED_REGISTRY, DELIVERY, DELIVERY_READER)
        for entitlement in table
        if entitlement.on == "model registry"
    )
)
"""The roles that stacks of environments assign on what the hub holds."""

PLATFORM_READER = (Entitlement(READER, "subscription", "Pull requests compare manifests with what is there"),)
"""What the CI of the platform repository's pull requests gets, in each subscription.

Nothing on the states and their key, so it cannot preview: `pulumi preview` decrypts the secrets of the stack that it
reads, and code that nobody has reviewed must not. Pull requests plan, which takes no state.
"""

# Contributor writes nothing of Microsoft.Authorization: https://learn.microsoft.com/azure/role-based-access-control/
# built-in-roles/privileged#contributor
PLATFORM_DEPLOYER = (
    Entitlement(CONTRIBUTOR, "subscription", "Makes resource groups and what is in them"),
    Entitlement(LOCKS_CONTRIBUTOR, "subscription", "Locks what must not be deleted, which Contributor may not"),
    Entitlement(
        RBAC_ADMINISTRATOR, "subscription", "Assigns the roles of environments, and no others",
        ASSIGNED_IN_ENVIRONMENTS,
    ),
)  # fmt: skip
"""What the CI that deploys an environment of all teams gets, in each subscription that its stacks lie in."""

IN_SUBSCRIPTIONS = (*PLATFORM_READER, *PLATFORM_DEPLOYER)
"""All that is given on whole subscriptions, to identities of the hub's; `infra.rules.access` blames all else."""

PLATFORM_DEPLOYER_ON_STATES = (
    Entitlement(BLOB_DATA_CONTRIBUTOR, "state container", "Reads and writes the states of its environment's stacks"),
    Entitlement(KEY_VAULT_CRYPTO_USER, "secrets key", "Encrypts and decrypts the secrets in those states"),
)
"""What the CI that deploys an environment gets on where that environment's states lie: nothing on those of others."""

PLATFORM_DEPLOYER_ON_HUB = (
    Entitlement(READER, "resource group", "Sees what environments refer to"),
    Entitlement(
        RBAC_ADMINISTRATOR, "model registry", "Lets teams and their CI use the registry, and no more", ASSIGNED_ON_HUB
    ),
)
"""What the CI that deploys environments gets on the hub, which a person deploys."""

PLATFORM_DEPLOYER_ON_LOGS = (
    Entitlement(LOG_SENDER, "log analytics", "Sends the logs and metrics of environments to the hub"),
)
"""What it gets on the logs, where they are the hub's."""

PLATFORM_DEPLOYER_ON_NETWORK = (
    Entitlement(NETWORK_PEER, "hub network", "Peers the networks of environments with the hub's"),
)
"""What it gets where the hub has a network of ours, and environments are peered with it."""

PLATFORM_DEPLOYER_ON_ZONES = (
    # All zones of the hub lie in its group, and the role is about nothing else there.
    Entitlement(
        NAME_LINKER, "resource group", "Lets the networks of environments find names, and endpoints write them"
    ),
)
"""What it gets where the hub keeps the DNS zones of private endpoints."""

HUB_PEOPLE: dict[Persona, tuple[Entitlement, ...]] = {
    "platform": (
        Entitlement(CONTRIBUTOR, "resource group", "Keeps what all teams share"),
        Entitlement(
            RBAC_ADMINISTRATOR, "resource group", "Lets new environments use what is shared", ASSIGNED_IN_ENVIRONMENTS
        ),
        Entitlement(COST_READER, "resource group", "Follows what is spent"),
        Entitlement(BLOB_DATA_CONTRIBUTOR, "storage", "Reads and writes the states of stacks"),
        Entitlement(KEY_VAULT_CRYPTO_USER, "key vault", "Encrypts and decrypts the secrets in states"),
    ),
}
"""What a persona gets on the hub."""

# https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking
RUNNERS = (
    Entitlement(READER, "hub network", "The service of the runners sees the network that it puts them into"),
    Entitlement(NETWORK_CONTRIBUTOR, "hub network", "The service of the runners puts them into their subnet"),
)
"""What the service that makes CI's runners gets."""
