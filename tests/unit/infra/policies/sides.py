"""Both sides of every rule: the smallest stacks that keep it and that break it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.policies.properties import (
    BATCH,
    COMPUTE,
    IMAGES,
    LOGS,
    ONLINE,
    ROLE,
    STORAGE,
    VAULT,
    WORKSPACE,
)
from infra.policies.rule import UNKNOWN, Resource, Stack
from infra.settings import EnvironmentSettings, Federation, ProjectSettings, StackSettings, SuppressionSettings

GROUP = "azure-native:resources:ResourceGroup"


@dataclass(frozen=True)
class Sides:
    """Stacks that keep a rule, stacks that break it, and how often the second do."""

    kept: Sequence[Stack]
    broken: Sequence[Stack]
    times: int = 1


def resource(type_: str, inputs: Mapping[str, Any], name: str = "it", depends_on: Sequence[str] = ()) -> Resource:
    return Resource(f"urn:pulumi:fraud-dev::mlops-bootstrap::{type_}::{name}", type_, name, inputs, depends_on)


def stack(*resources: Resource, settings: StackSettings | None = None, name: str = "fraud-dev") -> Stack:
    return Stack(name, resources, settings)


def each(type_: str, kept: Mapping[str, Any], broken: Mapping[str, Any], times: int = 1) -> Sides:
    """A rule that looks at one resource: inputs that keep it, and inputs that break it."""
    return Sides([stack(resource(type_, kept))], [stack(resource(type_, broken))], times)


def under(path: str, value: Any) -> dict[str, Any]:
    """Nested inputs: `under("a.b", 1)` is `{"a": {"b": 1}}`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def compute(kind: str, **properties: Any) -> dict[str, Any]:
    return {"properties": {"computeType": kind, "properties": properties}}


SETTINGS = EnvironmentSettings(
    organization="contoso",
    tenant_id="00000000-0000-0000-0000-00000000000a",
    subscription_id="00000000-0000-0000-0000-00000000000b",
    location="westeurope",
    tags={},
    protect=False,
    budget=None,
    origin="teams/fraud.yaml:3",
    team="fraud",
    environment="dev",
    hub_subscription_id="00000000-0000-0000-0000-00000000000b",
    network="open",
    people="work",
    self_service=True,
    groups=(),
    clusters=(),
    projects=(),
)
_LINKED = ProjectSettings(
    name="churn", federation=Federation(issuer="https://forge.example", subject="a", origin="links.yaml:4"), origin="x"
)


def with_project(project: ProjectSettings) -> StackSettings:
    return SETTINGS.model_copy(update={"projects": (project,)})


def suppressing(rule: str, until: str = "2027-03-31", resource: str | None = None) -> StackSettings:
    said = SuppressionSettings(
        rule=rule, resource=resource, reason="Until the migration is done.", until=until, origin="teams/fraud.yaml:5"
    )
    return SETTINGS.model_copy(update={"suppressions": (said,)})


TAGS = {"managed-by": "mlops-bootstrap", "organization": "contoso", "team": "fraud"}
SECURE_STORAGE = {"kind": "StorageV2", "resourceGroupName": "rg", "sku": {"name": "Standard_LRS"}}

SIDES: dict[str, Sides] = {
    "storage-no-keys": each(STORAGE, {"allowSharedKeyAccess": False}, {}),
    "storage-no-public-blobs": each(STORAGE, {"allowBlobPublicAccess": False}, {"allowBlobPublicAccess": True}),
    "storage-tls": each(STORAGE, {"minimumTlsVersion": "TLS1_2"}, {"minimumTlsVersion": "TLS1_0"}),
    "storage-https": each(STORAGE, {"enableHttpsTrafficOnly": True}, {"enableHttpsTrafficOnly": False}),
    "storage-no-local-users": each(STORAGE, {"isLocalUserEnabled": False}, {"isLocalUserEnabled": True}),
    "storage-encrypted": each(
        STORAGE,
        under("encryption.services.blob.enabled", True),
        under("encryption.services", {"blob": {"enabled": False}, "file": {"enabled": False}}),
        times=2,
    ),
    "vault-roles": each(VAULT, under("properties.enableRbacAuthorization", True), {}),
    "vault-purge-protection": each(VAULT, under("properties.enablePurgeProtection", True), {"properties": {}}),
    "images-no-admin": each(IMAGES, {"adminUserEnabled": False}, {"adminUserEnabled": True}),
    "images-no-anonymous": each(IMAGES, {"anonymousPullEnabled": False}, {"anonymousPullEnabled": True}),
    "datastores-by-identity": each(WORKSPACE, {"systemDatastoresAuthMode": "Identity"}, {}),
    "workspace-v2": each(WORKSPACE, {"v1LegacyMode": False}, {"v1LegacyMode": True}),
    "compute-no-local-login": Sides(
        [
            stack(resource(COMPUTE, under("properties", {"computeType": "AmlCompute", "disableLocalAuth": True}))),
            # Kubernetes keeps its own logins.
            stack(resource(COMPUTE, compute("Kubernetes"))),
        ],
        [stack(resource(COMPUTE, compute("AmlCompute"))), stack(resource(COMPUTE, compute("ComputeInstance")))],
    ),
    "cluster-no-ssh": each(
        COMPUTE,
        compute("AmlCompute", remoteLoginPortPublicAccess="Disabled"),
        compute("AmlCompute", remoteLoginPortPublicAccess="NotSpecified"),
    ),
    "cluster-scales-to-zero": each(
        COMPUTE,
        compute("AmlCompute", scaleSettings={"minNodeCount": 0, "maxNodeCount": 2}),
        compute("AmlCompute", scaleSettings={"minNodeCount": 1, "maxNodeCount": 2}),
    ),
    "instance-personal": each(
        COMPUTE, compute("ComputeInstance", applicationSharingPolicy="Personal"), compute("ComputeInstance")
    ),
    "instance-no-ssh": each(
        COMPUTE,
        compute("ComputeInstance", sshSettings={"sshPublicAccess": "Disabled"}),
        compute("ComputeInstance", sshSettings={"sshPublicAccess": "Enabled"}),
    ),
    "instance-stops": each(
        COMPUTE, compute("ComputeInstance", idleTimeBeforeShutdown="PT60M"), compute("ComputeInstance")
    ),
    "endpoint-entra": Sides(
        [stack(resource(ONLINE, under("properties.authMode", "AADToken")))],
        [stack(resource(kind, under("properties.authMode", "Key"))) for kind in (ONLINE, BATCH)],
    ),
    "logs-no-keys": each(LOGS, under("features.disableLocalAuth", True), {"features": {}}),
    "principal-type": each(ROLE, {"principalType": "Group"}, {}),
    "public-access": Sides(
        [
            stack(resource(STORAGE, {"publicNetworkAccess": "Disabled"})),
            stack(resource(STORAGE, under("networkRuleSet.defaultAction", "Deny"))),
            stack(resource(VAULT, under("properties.publicNetworkAccess", "Disabled"))),
        ],
        [stack(resource(STORAGE, {})), stack(resource(WORKSPACE, {"publicNetworkAccess": "Enabled"}))],
    ),
    "argument-known": each(STORAGE, {"accessTier": "Hot"}, {"acessTier": "Hot"}),
    "argument-required": each(STORAGE, SECURE_STORAGE, {"resourceGroupName": "rg", "sku": {}}, times=2),
    "argument-type": Sides(
        [
            stack(resource(STORAGE, {"isHnsEnabled": True, "accountName": UNKNOWN})),
            stack(resource("azure-native:made:Up", {"name": 1})),
        ],
        [
            stack(resource(STORAGE, {"isHnsEnabled": "yes"})),
            stack(resource(STORAGE, {"sku": "Standard_LRS"})),
            stack(resource(STORAGE, {"tags": ["a"]})),
            stack(resource(COMPUTE, compute("AmlCompute", scaleSettings={"maxNodeCount": 1.5}))),
        ],
    ),
    "argument-value": Sides(
        [stack(resource(STORAGE, {"kind": "StorageV2"})), stack(resource(STORAGE, {"kind": UNKNOWN}))],
        [
            stack(resource(STORAGE, {"kind": "StorageV3"})),
            stack(resource(STORAGE, under("sku.name", "Standard_LSR"))),
            stack(resource(COMPUTE, compute("AmlCompute", vmPriority="Spot"))),
            stack(resource(COMPUTE, compute("AmlComputer"))),
        ],
    ),
    "names": Sides(
        [stack(resource(VAULT, {"vaultName": "kv-a"})), stack(resource(VAULT, {"vaultName": UNKNOWN}))],
        [
            stack(resource(VAULT, {"vaultName": "1-starts-with-a-digit"})),
            stack(resource(VAULT, {})),
            stack(resource(STORAGE, {"accountName": "a" * 25})),
        ],
    ),
    "tags": Sides(
        [stack(resource(VAULT, {"tags": TAGS})), stack(resource(ROLE, {}))],
        [stack(resource(VAULT, {})), stack(resource(GROUP, {"tags": {"team": "fraud"}}))],
    ),
    "project-not-linked": Sides(
        [stack(), stack(settings=with_project(_LINKED))],
        [stack(settings=with_project(_LINKED.model_copy(update={"federation": None})))],
    ),
    "suppression-expired": Sides(
        [
            Stack("fraud-dev", (), suppressing("tags", until="2027-03-31"), as_of="2027-03-31"),
            # No day was said, so nothing has ended.
            Stack("fraud-dev", (), suppressing("tags", until="2020-01-01")),
        ],
        [Stack("fraud-dev", (), suppressing("tags", until="2027-03-31"), as_of="2027-04-01")],
    ),
    "suppression-unknown": Sides([stack(settings=suppressing("tags"))], [stack(settings=suppressing("tgas"))]),
    "suppression-unused": Sides(
        [stack(resource(VAULT, {}), settings=suppressing("tags"))],
        [
            stack(settings=suppressing("tags")),
            stack(resource(VAULT, {}), settings=suppressing("tags", resource="another")),
        ],
    ),
}
