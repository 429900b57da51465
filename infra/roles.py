"""Azure's built-in roles by id, and who gets which of them where, and why: the whole of our access, as tables.

Ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from dataclasses import dataclass
from typing import Literal

from infra.settings import Persona


@dataclass(frozen=True)
class Role:
    """A built-in role."""

    name: str
    id: str


ACR_PULL = Role("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d")
AZUREML_COMPUTE_OPERATOR = Role("AzureML Compute Operator", "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815")
AZUREML_DATA_SCIENTIST = Role("AzureML Data Scientist", "f6c7c914-8db3-469d-8ca1-694a8f32e121")
AZUREML_METRICS_WRITER = Role("AzureML Metrics Writer (preview)", "635dd51f-9968-44d3-b7fb-6d9a6bd613ae")
AZUREML_REGISTRY_USER = Role("AzureML Registry User", "1823dd4f-9b8c-4ab6-ab4e-7397a3684615")
BLOB_DATA_CONTRIBUTOR = Role("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe")
BLOB_DATA_READER = Role("Storage Blob Data Reader", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1")
CONTRIBUTOR = Role("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c")
FILE_PRIVILEGED_CONTRIBUTOR = Role("Storage File Data Privileged Contributor", "69566ab7-960f-475b-8e7c-b3118f30c6bd")
KEY_VAULT_ADMINISTRATOR = Role("Key Vault Administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483")
MANAGED_IDENTITY_OPERATOR = Role("Managed Identity Operator", "f1a07417-d97a-45cb-824c-7a7467783830")
MONITORING_CONTRIBUTOR = Role("Monitoring Contributor", "749f88d5-cbae-40b8-bcfc-e573ddc772fa")
NETWORK_CONNECTION_APPROVER = Role(
    "Azure AI Enterprise Network Connection Approver", "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"
)
QUEUE_DATA_CONTRIBUTOR = Role("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88")
READER = Role("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7")
TABLE_DATA_CONTRIBUTOR = Role("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3")

Target = Literal[
    "resource group",
    "workspace",
    "storage",
    "key vault",
    "container registry",
    "application insights",
    "cluster identity",
    "endpoint identity",
    "model registry",
]
"""What a role is given on. The model registry is the hub's."""


@dataclass(frozen=True)
class Entitlement:
    """A role on a target, and why it is needed; the reason is written on the assignment."""

    role: Role
    on: Target
    reason: str


_WORK = (
    Entitlement(AZUREML_DATA_SCIENTIST, "workspace", "Runs jobs, and keeps data, models and endpoints"),
    Entitlement(AZUREML_COMPUTE_OPERATOR, "workspace", "Starts and stops compute"),
    Entitlement(BLOB_DATA_CONTRIBUTOR, "storage", "Reads and writes data, since the storage takes no keys"),
    Entitlement(FILE_PRIVILEGED_CONTRIBUTOR, "storage", "Opens notebooks, since the storage takes no keys"),
    Entitlement(AZUREML_REGISTRY_USER, "model registry", "Uses and shares models, components and environments"),
)
_READ = (
    # Not AzureML Data Scientist: it includes workspaces/*/write, hence endpoints.
    Entitlement(READER, "resource group", "Sees what runs here; CI does the changes"),
)
_MONITOR = (Entitlement(MONITORING_CONTRIBUTOR, "resource group", "Reads logs and sets alerts"),)

PEOPLE: dict[tuple[Persona, Literal["work", "read"]], tuple[Entitlement, ...]] = {
    ("data_scientists", "work"): _WORK,
    ("data_scientists", "read"): _READ,
    ("engineers", "work"): (*_WORK, *_MONITOR),
    ("engineers", "read"): (*_READ, *_MONITOR),
}
"""What a persona gets where people work, and where they only read."""

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

WORKSPACE_MANAGED_NETWORK = (
    Entitlement(NETWORK_CONNECTION_APPROVER, "resource group", "The managed network connects to storage and vault"),
)

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
"""What the CI identity of a project gets."""
