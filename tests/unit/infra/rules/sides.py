"""Both sides of every rule: the smallest stacks that keep it and that break it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.access import assigning_only
from infra.rules.access import DEFINITION, ELIGIBLE, IDENTITY
from infra.rules.limits import CREDENTIAL
from infra.rules.network import NETWORK, OUTBOUND_RULE, RULES, SUBNET
from infra.rules.properties import (
    BATCH,
    COMPUTE,
    CONTAINER,
    DATASTORE,
    IMAGES,
    KEY,
    LOGS,
    MODELS,
    ONLINE,
    ROLE,
    STORAGE,
    VAULT,
    WORKSPACE,
)
from infra.rules.rule import UNKNOWN, Resource, Stack
from infra.rules.upkeep import BUDGET, DIAGNOSTICS, GROUP, LOCK, POLICY
from infra.settings import (
    EXAMPLE_EMAIL,
    EXAMPLE_SUBSCRIPTION,
    EXAMPLE_TENANT,
    AdoptedSettings,
    CustomerKeySettings,
    DeployerSettings,
    EnvironmentSettings,
    ExistingSubnet,
    Federation,
    HubSettings,
    NetworkSettings,
    ProjectSettings,
    StackSettings,
    SuppressionSettings,
)


@dataclass(frozen=True)
class Sides:
    """Stacks that keep a rule, stacks that break it, and how often the second do."""

    kept: Sequence[Stack]
    broken: Sequence[Stack]
    times: int = 1


def resource(type_: str, inputs: Mapping[str, Any], name: str = "it", depends_on: Sequence[str] = ()) -> Resource:
    urn = f"urn:pulumi:fraud-dev::mlops-bootstrap::{type_}::{name}"
    return Resource(urn, type_, name, inputs, depends_on=tuple(depends_on))


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


def ranges(*prefixes: str) -> dict[str, Any]:
    """The inputs of a network."""
    return {"addressSpace": {"addressPrefixes": list(prefixes)}}


def within(network: str, name: str) -> dict[str, Any]:
    """The inputs of a subnet."""
    return {"resourceGroupName": "rg", "virtualNetworkName": network, "subnetName": name}


def named_compute(kind: str, name: str, workspace: str) -> dict[str, Any]:
    return {"computeName": name, "workspaceName": workspace, **compute(kind)}


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


_LINK = Federation(issuer="https://forge.example", subject="a", origin="links.yaml:4")
_DEPLOYER = DeployerSettings(
    environment="dev", subscriptions=("d",), private_endpoints=False, federation=_LINK, origin="platform.yaml:7"
)
HUB = HubSettings(
    organization="contoso",
    tenant_id="00000000-0000-0000-0000-00000000000a",
    subscription_id="00000000-0000-0000-0000-00000000000b",
    location="westeurope",
    tags={},
    protect=True,
    budget=None,
    origin="platform.yaml:9",
    log_retention_days=90,
    registry_locations=("westeurope",),
    alert_emails=(),
    subscriptions={},
    policies={},
    groups=(),
    environments=("dev",),
    deployers=(_DEPLOYER,),
    reader=_LINK,
)

CLOSED_HUB = HUB.model_copy(
    update={"public_registry": False, "vnet": ExistingSubnet(subnet_id="/subscriptions/b/subnets/ml", origin="x")}
)


def deploying(*subscriptions: str) -> HubSettings:
    """A hub whose environments have their stacks in these subscriptions."""
    deployers = [
        _DEPLOYER.model_copy(update={"environment": f"e{number}", "subscriptions": (each,)})
        for number, each in enumerate(subscriptions)
    ]
    return HUB.model_copy(update={"deployers": tuple(deployers)})


def assigning(count: int) -> Stack:
    """A stack that assigns so many roles in one subscription, and some elsewhere."""
    scopes = [*["/subscriptions/b/resourceGroups/rg"] * count, *["/subscriptions/c"] * 9]
    return stack(*(resource(ROLE, {"scope": scope}, str(number)) for number, scope in enumerate(scopes)))


def with_project(project: ProjectSettings) -> StackSettings:
    return SETTINGS.model_copy(update={"projects": (project,)})


def behind_doors(*, runners: bool) -> StackSettings:
    """An environment with a project, whose CI has to come from inside the network."""
    networking = NetworkSettings(ci="private", runners=runners)
    return with_project(_LINKED).model_copy(update={"network": "locked", "networking": networking})


def suppressing(rule: str, until: str = "2027-03-31", resource: str | None = None) -> StackSettings:
    said = SuppressionSettings(
        rule=rule, resource=resource, reason="Until the migration is done.", until=until, origin="teams/fraud.yaml:5"
    )
    return SETTINGS.model_copy(update={"suppressions": (said,)})


TAGS = {"managed-by": "mlops-bootstrap", "organization": "contoso", "team": "fraud"}
SECURE_STORAGE = {"kind": "StorageV2", "resourceGroupName": "rg", "sku": {"name": "Standard_LRS"}}

PROTECTED = SETTINGS.model_copy(update={"protect": True})
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-00000000000b"
IN_GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
IN_WORKSPACE = f"{IN_GROUP}/providers/Microsoft.MachineLearningServices/workspaces/mlw"


def role(role_id: str, scope: str = IN_GROUP, depends_on: Sequence[str] = (), **more: Any) -> Resource:
    inputs = {"roleDefinitionId": definition_of(role_id), "scope": scope, "principalType": "Group", **more}
    return resource(ROLE, inputs, depends_on=depends_on)


def definition_of(role_id: str) -> str:
    return f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role_id}"


DEPLOYER = resource(IDENTITY, {"resourceName": "id-contoso-hub-platform-deployer"}, "platform-deployer")
AS_DEPLOYER: dict[str, Any] = {
    "principalType": "ServicePrincipal",
    "description": "Makes resource groups and what is in them.",
    "depends_on": [DEPLOYER.urn],
}


def only(*role_ids: str) -> str:
    """The condition of an assignment whose holder may give these roles and no others."""
    return assigning_only(role_ids)


OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
GIVES_ROLES = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OPERATOR = "00000000-0000-0000-0000-0000000000aa"


def network(name: str, *prefixes: str, subnets: Sequence[Mapping[str, Any]] = ()) -> Resource:
    inputs = {
        "virtualNetworkName": name,
        "addressSpace": {"addressPrefixes": list(prefixes)},
        "subnets": [{"defaultOutboundAccess": False, **subnet} for subnet in subnets],
    }
    return resource(NETWORK, inputs, name)


def subnet(network_name: str, prefix: str, name: str = "subnet", **more: Any) -> Resource:
    return resource(SUBNET, {"virtualNetworkName": network_name, "addressPrefix": prefix, **more}, name)


def cluster(size: str) -> Resource:
    return resource(COMPUTE, compute("AmlCompute", vmSize=size))


def credentials(count: int, *, in_sequence: bool = True) -> Stack:
    made: list[Resource] = []
    for number in range(count):
        before = [made[-1].urn] if made and in_sequence else []
        made.append(resource(CREDENTIAL, {"resourceName": "id-ci"}, f"ci-{number}", before))
    return stack(*made)


def assignments(count: int) -> Stack:
    return stack(*(resource(ROLE, {"scope": IN_WORKSPACE}, f"role-{number}") for number in range(count)))


def changed(type_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Stack:
    made = resource(type_, new)
    return Stack("fraud-dev", [made], before={made.urn: old})


OLD_STORAGE = "/subscriptions/1/resourceGroups/rg-old/providers/Microsoft.Storage/storageAccounts/stold"


def imported(inputs: Mapping[str, Any], old: Mapping[str, Any] | None) -> Stack:
    """A storage account that is there already, and what it is like as far as that is known."""
    urn = f"urn:pulumi:fraud-dev::mlops-bootstrap::{STORAGE}::it"
    made = Resource(urn, STORAGE, "it", inputs, import_id=OLD_STORAGE)
    return Stack("fraud-dev", [made], before={urn: old} if old is not None else {})


def adopting(storage_id: str) -> Stack:
    """A stack that refers to a workspace, which Azure says keeps its data in `OLD_STORAGE`."""
    group = "/subscriptions/1/resourceGroups/rg-old/providers"
    workspace, vault = (
        f"{group}/Microsoft.MachineLearningServices/workspaces/old",
        f"{group}/Microsoft.KeyVault/vaults/kv",
    )
    adopted = AdoptedSettings(
        mode="refer",
        workspace_id=workspace,
        storage_id=storage_id,
        key_vault_id=vault,
        container_registry_id=None,
        application_insights_id=None,
        identity_id=None,
        origin="teams/fraud.yaml:4",
    )
    described = {"location": "West Europe", "properties": {"storageAccount": OLD_STORAGE, "keyVault": vault}}
    settings = SETTINGS.model_copy(update={"adopted": adopted})
    return Stack("fraud-dev", [], settings, observed={workspace.lower(): described})


def replicated(public: bool) -> dict[str, Any]:
    """A model registry in one location, with whether its storage may have public containers."""
    account = {"systemCreatedStorageAccount": {"allowBlobPublicAccess": public}}
    return {"regionDetails": [{"location": "westeurope", "storageAccountDetails": [account]}]}


def said_of_budget(**notification: Any) -> Resource:
    return resource(BUDGET, {"notifications": {"actual80": {"enabled": True, **notification}}}, "budget")


def recorded(**setting: Any) -> Stack:
    """A vault, and a diagnostic setting that is about it."""
    about = {"resourceUri": f"{IN_GROUP}/providers/Microsoft.KeyVault/vaults/KV", **setting}
    return stack(resource(VAULT, {"vaultName": "kv"}), resource(DIAGNOSTICS, about))


def security_rule(source: str, **more: str) -> dict[str, Any]:
    rule = {"name": "in", "direction": "Inbound", "access": "Allow", "sourceAddressPrefix": source, **more}
    return {"securityRules": [rule]}


STORED = "Microsoft.Storage/storageAccounts/st"
TO_LOGS = {"workspaceId": "/subscriptions/b/logs", "logs": [{"categoryGroup": "allLogs", "enabled": True}]}
ENCRYPTED = SETTINGS.model_copy(
    update={"customer_key": CustomerKeySettings(vault_id="/subscriptions/b/kv", key="https://kv/keys/a/1", origin="x")}
)
CLOSED = {"publicNetworkAccess": "Disabled"}
APPROVED_ONLY = under("managedNetwork.isolationMode", "AllowOnlyApprovedOutbound")

SIDES: dict[str, Sides] = {
    "example-value": Sides(
        [Stack("fraud-dev", [], SETTINGS), stack(resource(STORAGE, {}))],
        [
            Stack("fraud-dev", [], SETTINGS.model_copy(update={"tenant_id": EXAMPLE_TENANT})),
            Stack("fraud-dev", [], SETTINGS.model_copy(update={"subscription_id": EXAMPLE_SUBSCRIPTION})),
            Stack("fraud-dev", [], SETTINGS.model_copy(update={"tags": {"owner": EXAMPLE_EMAIL}})),
        ],
    ),
    "adopted-differs": Sides([adopting(OLD_STORAGE)], [adopting(f"{OLD_STORAGE}2")]),
    "adopted-changes": Sides(
        [imported({"minimumTlsVersion": "TLS1_2"}, {"minimumTlsVersion": "TLS1_2"})],
        [imported({"minimumTlsVersion": "TLS1_2"}, {"minimumTlsVersion": "TLS1_0"})],
    ),
    "adopted-loses": Sides(
        [imported({"tags": {"a": "b"}}, {"tags": {"a": "b"}})], [imported({}, {"tags": {"a": "b"}})]
    ),
    "adopted-unseen": Sides([imported({}, {})], [imported({}, None)]),
    "storage-no-keys": each(STORAGE, {"allowSharedKeyAccess": False}, {}),
    "storage-no-public-blobs": Sides(
        [stack(resource(STORAGE, {"allowBlobPublicAccess": False})), stack(resource(MODELS, replicated(False)))],
        [stack(resource(STORAGE, {"allowBlobPublicAccess": True})), stack(resource(MODELS, replicated(True)))],
    ),
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
    "datastore-no-keys": each(
        DATASTORE,
        under("properties.credentials.credentialsType", "None"),
        under("properties.credentials.credentialsType", "AccountKey"),
    ),
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
            stack(resource(STORAGE, {"publicNetworkAccess": "Disabled"}), settings=PROTECTED),
            stack(resource(STORAGE, under("networkRuleSet.defaultAction", "Deny")), settings=PROTECTED),
            stack(resource(VAULT, under("properties.publicNetworkAccess", "Disabled")), settings=PROTECTED),
            # Where people work, and in the hub, the network's mode says what is open.
            stack(resource(STORAGE, {}), settings=SETTINGS),
            stack(resource(STORAGE, {}), settings=HUB),
        ],
        [
            stack(resource(STORAGE, {}), settings=PROTECTED),
            stack(resource(VAULT, under("properties.publicNetworkAccess", "enabled")), settings=PROTECTED),
            # Nothing says what it is.
            stack(resource(IMAGES, {"publicNetworkAccess": "Enabled"})),
        ],
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
        [
            stack(resource(VAULT, {"vaultName": "kv-a"})),
            stack(resource(VAULT, {"vaultName": UNKNOWN})),
            stack(resource(COMPUTE, {"computeName": "ci-of-23-characters-abc", **compute("ComputeInstance")})),
        ],
        [
            stack(resource(COMPUTE, {"computeName": "of-23-characters-abcdef", **compute("AmlCompute")})),
            stack(resource(COMPUTE, {"computeName": "c", **compute("ComputeInstance")})),
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
    "ci-outside": Sides(
        [
            stack(settings=with_project(_LINKED)),
            stack(settings=behind_doors(runners=True)),
            stack(settings=HUB.model_copy(update={"public_registry": False})),
        ],
        [stack(settings=behind_doors(runners=False)), stack(settings=CLOSED_HUB)],
    ),
    "customer-key": Sides(
        [
            stack(resource(STORAGE, {})),
            stack(resource(STORAGE, under("encryption.keySource", "Microsoft.Keyvault")), settings=ENCRYPTED),
            stack(resource(WORKSPACE, under("encryption.status", "Enabled")), settings=ENCRYPTED),
        ],
        [stack(resource(kind, {}), settings=ENCRYPTED) for kind in (STORAGE, IMAGES, WORKSPACE)],
    ),
    "platform-not-linked": Sides(
        [stack(), stack(settings=HUB)],
        [
            stack(
                settings=HUB.model_copy(
                    update={"deployers": (_DEPLOYER.model_copy(update={"federation": None}),), "reader": None}
                )
            )
        ],
        times=2,
    ),
    "eligible-by-person": Sides(
        [stack(resource(ROLE, {})), stack(resource(ELIGIBLE, {}), settings=HUB)],
        [stack(resource(ELIGIBLE, {}), resource(ELIGIBLE, {}, "other"))],
    ),
    "deployers-apart": Sides(
        [stack(), stack(settings=HUB), stack(settings=deploying("d", "e"))],
        [stack(settings=deploying("d", "D")), stack(settings=deploying("d", HUB.subscription_id.upper()))],
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
    "diagnostics": Sides(
        [
            recorded(**TO_LOGS),
            recorded(**TO_LOGS, resourceUri=UNKNOWN),
            recorded(workspaceId=UNKNOWN, metrics=UNKNOWN),
            stack(resource(GROUP, {})),
        ],
        [
            stack(resource(VAULT, {"vaultName": "kv"})),
            # Sent nowhere, and nothing sent.
            recorded(logs=TO_LOGS["logs"]),
            recorded(**{**TO_LOGS, "logs": [{"categoryGroup": "allLogs", "enabled": False}], "metrics": []}),
            stack(
                resource(STORAGE, {"accountName": "st"}),
                resource(
                    DIAGNOSTICS,
                    {
                        "resourceUri": f"{IN_GROUP}/providers/{STORED}/blobServices/default",
                        **TO_LOGS,
                    },
                ),
            ),
        ],
    ),
    "budget": Sides(
        [
            stack(resource(WORKSPACE, {}), said_of_budget(contactEmails=["ml@contoso.example"])),
            stack(resource(WORKSPACE, {}), said_of_budget(contactGroups=[UNKNOWN])),
            stack(resource(GROUP, {})),
        ],
        [stack(resource(WORKSPACE, {})), stack(resource(WORKSPACE, {}), said_of_budget(contactEmails=[]))],
    ),
    "owner-tag": Sides(
        [stack(resource(VAULT, {"tags": {"Owner": "fraud@contoso.example"}})), stack(resource(ROLE, {}))],
        [stack(resource(VAULT, {"tags": TAGS}), resource(GROUP, {}))],
    ),
    "lock-stops-scaling": Sides(
        [stack(resource(LOCK, {"scope": f"{IN_GROUP}/providers/Microsoft.Storage/storageAccounts/st"}))],
        [stack(resource(LOCK, {"scope": scope})) for scope in (IN_WORKSPACE, IN_GROUP, SUBSCRIPTION)],
    ),
    "policy-legacy-mode": each(
        POLICY,
        {"policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/438c38d2"},
        {"policyDefinitionId": "/providers/x/policyDefinitions/e413671a-dd10-4cc1-a943-45b598596cb7"},
    ),
    "role-that-gives-roles": Sides(
        [
            stack(role(GIVES_ROLES, condition=only(READER, CONTRIBUTOR))),
            stack(role(GIVES_ROLES, condition=UNKNOWN)),
            stack(role(CONTRIBUTOR)),
            stack(role(UNKNOWN)),
            stack(resource(DEFINITION, {"permissions": [{"actions": ["Microsoft.Storage/*", "*/read"]}]})),
            stack(
                resource(
                    DEFINITION,
                    {"permissions": [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}]},
                )
            ),
        ],
        [
            stack(role(OWNER)),
            stack(resource(DEFINITION, {"permissions": [{"actions": ["*"], "notActions": []}]})),
            stack(resource(DEFINITION, {"permissions": [{"actions": ["Microsoft.Authorization/roleAssignments/*"]}]})),
            stack(role(GIVES_ROLES)),
            # A condition on something else, and one that leaves the way to Owner open.
            stack(role(GIVES_ROLES, condition=only(READER).replace("RoleDefinitionId", "PrincipalType"))),
            stack(role(GIVES_ROLES, condition=only(READER, OWNER))),
            stack(resource(ELIGIBLE, {"roleDefinitionId": definition_of(OWNER), "scope": IN_GROUP})),
        ],
    ),
    "role-too-broad": Sides(
        [stack(role(CONTRIBUTOR, IN_GROUP)), stack(DEPLOYER, role(CONTRIBUTOR, SUBSCRIPTION, **AS_DEPLOYER))],
        [
            stack(role(CONTRIBUTOR, SUBSCRIPTION)),
            stack(resource(ELIGIBLE, {"roleDefinitionId": definition_of(CONTRIBUTOR), "scope": SUBSCRIPTION})),
            # What the deployer has, but people have it, without our reason, or an application that others made.
            stack(DEPLOYER, role(CONTRIBUTOR, SUBSCRIPTION, **{**AS_DEPLOYER, "principalType": "Group"})),
            stack(DEPLOYER, role(CONTRIBUTOR, SUBSCRIPTION, **{**AS_DEPLOYER, "description": "Because."})),
            stack(DEPLOYER, role(CONTRIBUTOR, SUBSCRIPTION, **{**AS_DEPLOYER, "depends_on": []})),
        ],
    ),
    "role-too-wide": Sides(
        [
            stack(role(READER, IN_GROUP)),
            stack(
                DEPLOYER,
                role(
                    READER,
                    SUBSCRIPTION,
                    **{**AS_DEPLOYER, "description": "Pull requests compare manifests with what is there."},
                ),
            ),
        ],
        [
            stack(role(READER, f"{SUBSCRIPTION}/")),
            stack(role(READER, "/providers/Microsoft.Management/managementGroups/root")),
            stack(role(READER, "/")),
            stack(role(GIVES_ROLES, SUBSCRIPTION, condition=only(READER))),
            # The reader's reason on another role.
            stack(
                DEPLOYER,
                role(
                    OPERATOR,
                    SUBSCRIPTION,
                    **{**AS_DEPLOYER, "description": "Pull requests compare manifests with what is there."},
                ),
            ),
        ],
    ),
    "standing-access": Sides(
        [
            stack(role(CONTRIBUTOR)),
            stack(role(READER), settings=PROTECTED),
            stack(role(CONTRIBUTOR, principalType="ServicePrincipal"), settings=PROTECTED),
        ],
        [
            stack(role(CONTRIBUTOR), settings=PROTECTED),
            stack(role(CONTRIBUTOR, principalType="ForeignGroup"), settings=PROTECTED),
            stack(role(CONTRIBUTOR), settings=HUB),
        ],
    ),
    "address-clash": Sides(
        [stack(network("a", "10.0.0.0/16", "10.0.0.0/17"), network("b", "10.1.0.0/16")), stack(network("a", UNKNOWN))],
        [
            stack(network("a", "10.0.0.0/16"), network("b", "10.0.128.0/24")),
            stack(network("a", "10.0.0.0/8"), network("b", "10.200.0.0/16")),
        ],
    ),
    "subnet-inside": Sides(
        [
            stack(network("a", "10.0.0.0/16"), subnet("a", "10.0.1.0/24"), subnet("a", "10.0.2.0/24", "other")),
            # Another stack's network.
            stack(subnet("theirs", "10.0.1.0/24")),
        ],
        [
            stack(network("a", "10.0.0.0/16"), subnet("a", "10.1.1.0/24")),
            stack(network("a", "10.0.0.0/16", subnets=[{"addressPrefix": "10.1.1.0/24"}])),
            stack(network("a", "10.0.0.0/16"), subnet("a", "10.0.1.0/24"), subnet("a", "10.0.0.0/23", "other")),
        ],
    ),
    "subnet-outbound": Sides(
        [stack(subnet("a", "10.0.1.0/24", defaultOutboundAccess=False))], [stack(subnet("a", "10.0.1.0/24"))]
    ),
    "locked-is-closed": Sides(
        [
            stack(resource(WORKSPACE, {**APPROVED_ONLY, **CLOSED}), resource(STORAGE, CLOSED)),
            stack(resource(VAULT, {})),
            stack(resource(MODELS, {"publicNetworkAccess": "Enabled"}), resource(STORAGE, {}), settings=HUB),
        ],
        [
            stack(resource(WORKSPACE, {**APPROVED_ONLY, **CLOSED}), resource(STORAGE, {})),
            stack(resource(WORKSPACE, {**APPROVED_ONLY, **CLOSED}), resource(ONLINE, {"properties": {}})),
            stack(resource(WORKSPACE, {**APPROVED_ONLY, **CLOSED}), cluster("Standard_D4ds_v5")),
            # A hub whose registry is private, and whose states are not.
            stack(resource(MODELS, CLOSED), resource(STORAGE, {}), settings=HUB),
        ],
    ),
    "inbound-from-internet": Sides(
        [
            stack(resource(RULES, security_rule("VirtualNetwork"))),
            stack(resource(RULES, security_rule("*", access="Deny"))),
            stack(resource(RULES, security_rule("*", direction="Outbound"))),
            stack(resource(RULES, {"securityRules": UNKNOWN})),
        ],
        [stack(resource(RULES, security_rule("*"))), stack(resource(RULES, security_rule("Internet")))],
    ),
    "image-builder": Sides(
        [
            stack(resource(WORKSPACE, {"imageBuildCompute": "cpu"}), resource(IMAGES, CLOSED)),
            stack(resource(WORKSPACE, {}), resource(IMAGES, {})),
        ],
        [
            stack(resource(WORKSPACE, {}), resource(IMAGES, CLOSED)),
            stack(resource(WORKSPACE, {}), resource(IMAGES, under("networkRuleSet.defaultAction", "Deny"))),
        ],
    ),
    "private-images-premium": each(
        IMAGES, {**CLOSED, "sku": {"name": "Premium"}}, {**CLOSED, "sku": {"name": "Standard"}}
    ),
    "network-first": each(WORKSPACE, {**APPROVED_ONLY, "provisionNetworkNow": True}, APPROVED_ONLY),
    "outbound-rules-once": Sides(
        [stack(resource(WORKSPACE, {}), resource(OUTBOUND_RULE, {}))],
        [stack(resource(WORKSPACE, under("managedNetwork.outboundRules", {"a": {}})), resource(OUTBOUND_RULE, {}))],
    ),
    "location-known": Sides(
        [
            stack(resource(VAULT, {"location": "westeurope"}), resource(VAULT, {"location": "West US 3"})),
            stack(resource(VAULT, {"location": UNKNOWN}), resource(ROLE, {}), resource(MODELS, {})),
            stack(resource("azure-native:monitor:ActionGroup", {"location": "Global"})),
        ],
        [
            # One mistake is told once.
            stack(resource(VAULT, {"location": "mars"}), resource(STORAGE, {"location": "mars"})),
            stack(resource(MODELS, {"location": "westeurope", "regionDetails": [{"location": "westeuorpe"}]})),
        ],
    ),
    "size-known": Sides(
        [stack(cluster("STANDARD_D4DS_V5")), stack(cluster(UNKNOWN)), stack(resource(COMPUTE, compute("Kubernetes")))],
        [stack(cluster("Standard_D4ds_v9")), stack(cluster("Standard_D5s_v5"))],
    ),
    "size-retired": Sides(
        [stack(cluster("Standard_D4ds_v5")), stack(cluster("Standard_DS3_v2"))],
        [
            stack(cluster("Standard_NC6s_v3")),
            Stack("fraud-dev", [cluster("Standard_DS3_v2")], as_of="2028-05-01"),
            # A day before the table's own does not bring back what had ended by then.
            Stack("fraud-dev", [cluster("Standard_NC6s_v3")], as_of="2020-01-01"),
        ],
    ),
    "size-retiring": Sides(
        [stack(cluster("Standard_D4ds_v5")), stack(cluster("Standard_NC6s_v3"))],
        [
            stack(cluster("Standard_DS3_v2")),
            stack(cluster("Standard_D3_v2")),
            Stack("fraud-dev", [cluster("Standard_DS3_v2")], as_of="2028-04-30"),
        ],
    ),
    "names-once": Sides(
        [
            stack(resource(STORAGE, {"accountName": "one"}), resource(STORAGE, {"accountName": "two"}, "other")),
            stack(resource(SUBNET, within("a", "one")), resource(SUBNET, within("b", "one"), "other")),
            stack(resource(VAULT, {"vaultName": UNKNOWN}), resource(VAULT, {"vaultName": UNKNOWN}, "other")),
            stack(*(resource(COMPUTE, named_compute("AmlCompute", "cpu", lies_in), lies_in) for lies_in in "ab")),
            stack(*(resource(ROLE, {"scope": IN_WORKSPACE, "roleAssignmentName": word}, word) for word in ("1", "2"))),
            stack(*(resource(KEY, {"vaultName": lies_in, "keyName": "key"}, lies_in) for lies_in in "ab")),
            stack(*(resource(CONTAINER, {"accountName": lies_in, "containerName": "s"}, lies_in) for lies_in in "ab")),
        ],
        [
            stack(
                resource(STORAGE, {"accountName": "one", "resourceGroupName": "a"}),
                resource(STORAGE, {"accountName": "one", "resourceGroupName": "b"}, "other"),
            ),
            stack(resource(SUBNET, within("a", "one")), resource(SUBNET, within("A", "One"), "other")),
            stack(*(resource(COMPUTE, named_compute("ComputeInstance", "ci-a", lies_in), lies_in) for lies_in in "ab")),
            stack(
                *(resource(ROLE, {"scope": IN_WORKSPACE, "roleAssignmentName": "1"}, word) for word in ("one", "two"))
            ),
        ],
    ),
    "limit-entries": each(
        "azure-native:consumption:Budget",
        {"notifications": {str(number): {} for number in range(5)}},
        {"notifications": {str(number): {} for number in range(6)}},
    ),
    "limit-tags": each(
        VAULT, {"tags": {str(number): "" for number in range(50)}}, {"tags": {str(number): "" for number in range(51)}}
    ),
    "limit-credentials": Sides([credentials(20)], [credentials(21)]),
    "credentials-in-sequence": Sides(
        # The engine tells resources in any order.
        [credentials(3), stack(*reversed(credentials(3).resources))],
        [credentials(2, in_sequence=False)],
    ),
    "limit-assignments": Sides([assignments(4000)], [assignments(4001)]),
    "role-assignments-near-limit": Sides([assigning(3_200), assigning(4_001)], [assigning(3_201)]),
    "change-one-way": Sides(
        [
            changed(WORKSPACE, under("managedNetwork.isolationMode", "Disabled"), APPROVED_ONLY),
            changed(VAULT, {}, under("properties.enablePurgeProtection", True)),
            stack(resource(WORKSPACE, {})),
        ],
        [
            changed(WORKSPACE, APPROVED_ONLY, under("managedNetwork.isolationMode", "AllowInternetOutbound")),
            changed(WORKSPACE, under("managedNetwork.isolationMode", "AllowInternetOutbound"), {}),
            changed(
                WORKSPACE,
                under("identity.type", "SystemAssigned, UserAssigned"),
                under("identity.type", "SystemAssigned"),
            ),
            changed(VAULT, under("properties.enablePurgeProtection", True), {"properties": {}}),
            changed(STORAGE, {"kind": "StorageV2"}, {"kind": "Storage"}),
        ],
    ),
    "change-refused": Sides(
        [
            changed(COMPUTE, compute("AmlCompute", vmSize="a"), compute("AmlCompute", vmSize=UNKNOWN)),
            changed(COMPUTE, compute("AmlCompute", scaleSettings={}), compute("AmlCompute", scaleSettings={"a": 1})),
            changed(COMPUTE, compute("AmlCompute"), compute("AmlCompute", vmSize="a")),
            changed(STORAGE, {}, under("encryption.keySource", "Microsoft.Keyvault")),
            *(
                changed(NETWORK, ranges("10.0.0.0/24"), ranges(*new))
                for new in (["10.0.0.0/25"], ["10.0.0.0/16"], ["10.0.0.0/24", "10.1.0.0/24"], [UNKNOWN])
            ),
            changed(SUBNET, {"addressPrefix": "10.0.0.0/25"}, {"addressPrefix": UNKNOWN}),
        ],
        [
            changed(COMPUTE, compute("AmlCompute", vmSize="a"), compute("AmlCompute", vmSize="b")),
            changed(
                COMPUTE,
                compute("ComputeInstance", idleTimeBeforeShutdown="PT60M"),
                compute("ComputeInstance", idleTimeBeforeShutdown="PT15M"),
            ),
            changed(
                COMPUTE, compute("ComputeInstance"), compute("ComputeInstance", schedules={"computeStartStop": []})
            ),
            changed(WORKSPACE, {"keyVault": "a"}, {"keyVault": "b"}),
            changed(WORKSPACE, {}, under("encryption.status", "Enabled")),
            changed(IMAGES, {}, under("encryption.status", "enabled")),
            changed(STORAGE, {}, under("encryption.services.queue.keyType", "Account")),
            changed(STORAGE, {}, under("encryption.services.table.keyType", "Account")),
            changed(NETWORK, ranges("10.0.0.0/24", "10.1.0.0/24"), ranges("10.0.0.0/24")),
            changed(NETWORK, ranges("10.0.0.0/24"), ranges("10.1.0.0/24")),
            changed(SUBNET, {"addressPrefix": "10.0.0.0/25"}, {"addressPrefix": "10.0.0.0/24"}),
        ],
    ),
    "change-replaces-data": Sides(
        [changed(STORAGE, {"location": "uksouth"}, {"location": "uksouth"}), changed(GROUP, {"location": "a"}, {})],
        [
            changed(STORAGE, {"location": "uksouth"}, {"location": "westeurope"}),
            changed(WORKSPACE, {"workspaceName": "mlw"}, {"workspaceName": "mlw-2"}),
            changed(STORAGE, {"location": "uksouth", "accountName": "a"}, {"location": "b", "accountName": "b"}),
        ],
    ),
    "change-removes-data": Sides(
        [
            changed(STORAGE, {"location": "uksouth"}, {"location": "westeurope"}),
            Stack("fraud-dev", [], before={resource(GROUP, {}).urn: {}}),
        ],
        [Stack("hub", [], before={resource(type_, {}).urn: {}}) for type_ in (STORAGE, CONTAINER, KEY)],
    ),
}
