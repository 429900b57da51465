"""Rules on single properties: what must be set, and to what, since the SDK's and Azure's defaults are often open."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.rules.rule import SECRET, UNKNOWN, Resource, Rule, Stack, Violation, each

STORAGE = "azure-native:storage:StorageAccount"
CONTAINER = "azure-native:storage:BlobContainer"
VAULT = "azure-native:keyvault:Vault"
KEY = "azure-native:keyvault:Key"
IMAGES = "azure-native:containerregistry:Registry"
WORKSPACE = "azure-native:machinelearningservices:Workspace"
MODELS = "azure-native:machinelearningservices:Registry"
COMPUTE = "azure-native:machinelearningservices:Compute"
ONLINE = "azure-native:machinelearningservices:OnlineEndpoint"
BATCH = "azure-native:machinelearningservices:BatchEndpoint"
DATASTORE = "azure-native:machinelearningservices:Datastore"
LOGS = "azure-native:operationalinsights:Workspace"
ROLE = "azure-native:authorization:RoleAssignment"

_LEARN = "https://learn.microsoft.com/azure"


def must_be(path: str, *wanted: Any) -> Callable[[Resource], Iterable[str]]:
    """A property must have one of some values, and must say so: what is left out may get an insecure default."""

    def wrong(resource: Resource) -> Iterable[str]:
        found = resource.at(path)
        if found not in (UNKNOWN, SECRET, *wanted):
            allowed = " or ".join(map(repr, wanted))
            yield f"{path} is {'not set' if found is None else repr(found)}, not {allowed}."

    return wrong


def _of_kind(kind: str, wrong: Callable[[Resource], Iterable[str]]) -> Callable[[Resource], Iterable[str]]:
    """The same, for one kind of compute only."""
    return lambda resource: wrong(resource) if resource.at("properties.computeType") == kind else ()


def _services_not_encrypted(resource: Resource) -> Iterable[str]:
    for service in ("blob", "file", "queue", "table"):
        if resource.at(f"encryption.services.{service}.enabled") is False:
            yield f"encryption of {service} is off."


def entries(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list, as far as they are known."""
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return (entry for entry in listed if isinstance(entry, Mapping))


def _public_blobs(resource: Resource) -> Iterable[str]:
    if resource.type == STORAGE:
        yield from must_be("allowBlobPublicAccess", False)(resource)
    for region in entries(resource.at("regionDetails")):
        for details in entries(region.get("storageAccountDetails")):
            made = details.get("systemCreatedStorageAccount")
            if isinstance(made, Mapping) and made.get("allowBlobPublicAccess") not in (False, UNKNOWN):
                yield f"allowBlobPublicAccess is not False in {region.get('location')}."


_KEYS = ("AccountKey", "Sas")
"""Credentials of a datastore that are keys."""


def _datastore_keys(resource: Resource) -> Iterable[str]:
    kind = resource.at("properties.credentials.credentialsType")
    if kind in _KEYS:
        yield f"its credentials are of the type {kind}."


def _principal_type(resource: Resource) -> Iterable[str]:
    return () if resource.at("principalType") else ("principalType is not set.",)


def is_open(resource: Resource) -> bool:
    """Whether a resource can be reached from the internet by who has an Entra login and a role."""
    network = resource.at("publicNetworkAccess") or resource.at("properties.publicNetworkAccess") or "Enabled"
    default = resource.at("networkRuleSet.defaultAction") or resource.at("properties.networkAcls.defaultAction")
    # Key vaults take it in any case.
    return str(network).lower() == "enabled" and default not in ("Deny", UNKNOWN)


def _public_access(stack: Stack) -> Iterator[Violation]:
    # Where people work, the mode of the network says what is open. The hub is judged by `locked-is-closed`.
    if stack.settings is not None and not (stack.environment is not None and stack.environment.protect):
        return
    for resource in stack.of(STORAGE, VAULT, IMAGES):
        if is_open(resource):
            said = "anybody with an Entra login and a role reaches it, from everywhere."
            yield (resource.urn, f"{resource.name}: {said}")


PROPERTY_RULES: tuple[Rule, ...] = (
    Rule(
        "storage-no-keys", "error", "Storage takes no keys",
        "Who has a key can do everything, and nobody knows who it was.",
        "Set allow_shared_key_access=False.",
        f"{_LEARN}/storage/common/shared-key-authorization-prevent",
        each({STORAGE}, must_be("allowSharedKeyAccess", False)), "resource",
    ),
    Rule(
        "storage-no-public-blobs", "error", "No container of storage can be opened to everybody",
        "Somebody would open one.",
        "Set allow_blob_public_access=False.",
        f"{_LEARN}/storage/blobs/anonymous-read-access-prevent",
        each({STORAGE, MODELS}, _public_blobs), "resource",
    ),
    Rule(
        "storage-tls", "error", "Storage wants TLS 1.2 at least",
        "Older versions can be broken.",
        'Set minimum_tls_version="TLS1_2".',
        f"{_LEARN}/storage/common/transport-layer-security-configure-minimum-version",
        each({STORAGE}, must_be("minimumTlsVersion", "TLS1_2", "TLS1_3")), "resource",
    ),
    Rule(
        "storage-https", "error", "Storage answers over HTTPS only",
        "What goes over HTTP can be read on its way.",
        "Set enable_https_traffic_only=True.",
        f"{_LEARN}/storage/common/storage-require-secure-transfer",
        each({STORAGE}, must_be("enableHttpsTrafficOnly", True)), "resource",
    ),
    Rule(
        "storage-no-local-users", "error", "Storage has no users of its own",
        "A local user logs in with a password or a key, past Entra.",
        "Set is_local_user_enabled=False.",
        f"{_LEARN}/storage/blobs/secure-file-transfer-protocol-support-authorize-access",
        each({STORAGE}, must_be("isLocalUserEnabled", False)), "resource",
    ),
    Rule(
        "storage-encrypted", "error", "No service of storage has its encryption turned off",
        "Data would lie readable on Azure's disks.",
        "Leave encryption.services out, or enable them.",
        f"{_LEARN}/storage/common/storage-service-encryption",
        each({STORAGE}, _services_not_encrypted), "resource",
    ),
    Rule(
        "vault-roles", "error", "Access to a vault is by roles",
        "The SDK's default is access policies, which let a Contributor give itself every secret.",
        "Set enable_rbac_authorization=True.",
        f"{_LEARN}/key-vault/general/rbac-access-policy",
        each({VAULT}, must_be("properties.enableRbacAuthorization", True)), "resource",
    ),
    Rule(
        "vault-purge-protection", "error", "A deleted vault can be brought back",
        "Without purge protection it could be gone for good, and what it encrypts with it.",
        "Set enable_purge_protection=True.",
        f"{_LEARN}/key-vault/general/soft-delete-overview",
        each({VAULT}, must_be("properties.enablePurgeProtection", True)), "resource",
    ),
    Rule(
        "images-no-admin", "error", "A container registry has no admin user",
        "Its password would open the whole registry.",
        "Set admin_user_enabled=False.",
        f"{_LEARN}/container-registry/container-registry-authentication",
        each({IMAGES}, must_be("adminUserEnabled", False)), "resource",
    ),
    Rule(
        "images-no-anonymous", "error", "Nobody pulls images without a login",
        "Images hold code, and sometimes more.",
        "Set anonymous_pull_enabled=False.",
        f"{_LEARN}/container-registry/anonymous-pull-access",
        each({IMAGES}, must_be("anonymousPullEnabled", False)), "resource",
    ),
    Rule(
        "datastores-by-identity", "error", "A workspace opens its datastores with the identity of who uses them",
        "Else the workspace keeps the storage's keys, and the storage takes none.",
        'Set system_datastores_auth_mode="Identity".',
        f"{_LEARN}/machine-learning/how-to-administrate-data-authentication",
        each({WORKSPACE}, must_be("systemDatastoresAuthMode", "Identity", "UserDelegationSAS")), "resource",
    ),
    Rule(
        "datastore-no-keys", "error", "A datastore keeps no key of its storage",
        "Who may use the workspace would have everything in it, whoever they are.",
        'Set credentials_type="None": then it is opened with the identity of who uses it.',
        f"{_LEARN}/machine-learning/how-to-administrate-data-authentication",
        each({DATASTORE}, _datastore_keys), "resource",
    ),
    Rule(
        "workspace-v2", "error", "A workspace uses the newer API",
        "In legacy mode managed endpoints and the CLI's second version do not work.",
        "Set v1_legacy_mode=False.",
        f"{_LEARN}/machine-learning/how-to-configure-network-isolation-with-v2",
        each({WORKSPACE}, must_be("v1LegacyMode", False)), "resource",
    ),
    Rule(
        "compute-no-local-login", "error", "Nodes take no login but Entra's",
        "They could be logged in to past Entra.",
        "Set disable_local_auth=True.",
        f"{_LEARN}/machine-learning/policy-reference",
        each({COMPUTE}, lambda resource: must_be("properties.disableLocalAuth", True)(resource)
            if resource.at("properties.computeType") in ("AmlCompute", "ComputeInstance")
            else ()), "resource",
    ),
    Rule(
        "cluster-no-ssh", "error", "Nodes of a cluster have their SSH port closed",
        "An open port is tried by everybody.",
        'Set remote_login_port_public_access="Disabled".',
        f"{_LEARN}/machine-learning/how-to-create-attach-compute-cluster",
        each(
            {COMPUTE},
            _of_kind("AmlCompute", must_be("properties.properties.remoteLoginPortPublicAccess", "Disabled")),
        ),
        "resource",
    ),
    Rule(
        "cluster-scales-to-zero", "warning", "A cluster has no nodes while nothing runs",
        "Idle nodes bill as busy ones do.",
        "Set min_node_count=0.",
        f"{_LEARN}/machine-learning/how-to-manage-optimize-cost",
        each({COMPUTE}, _of_kind("AmlCompute", must_be("properties.properties.scaleSettings.minNodeCount", 0))),
        "resource",
    ),
    Rule(
        "instance-personal", "error", "Only its owner uses the applications of a compute instance",
        "The SDK's default shares them, and they act as the owner.",
        'Set application_sharing_policy="Personal".',
        f"{_LEARN}/machine-learning/how-to-create-compute-instance",
        each(
            {COMPUTE},
            _of_kind("ComputeInstance", must_be("properties.properties.applicationSharingPolicy", "Personal")),
        ),
        "resource",
    ),
    Rule(
        "instance-no-ssh", "error", "A compute instance has its SSH port closed",
        "An open port is tried by everybody.",
        'Set ssh_settings.ssh_public_access="Disabled".',
        f"{_LEARN}/machine-learning/how-to-create-compute-instance",
        each(
            {COMPUTE},
            _of_kind("ComputeInstance", must_be("properties.properties.sshSettings.sshPublicAccess", "Disabled")),
        ),
        "resource",
    ),
    Rule(
        "instance-stops", "warning", "A compute instance stops when it is idle",
        "It bills until somebody stops it.",
        "Set idle_time_before_shutdown.",
        f"{_LEARN}/machine-learning/how-to-create-compute-instance",
        each({COMPUTE}, _of_kind(
                "ComputeInstance",
                lambda resource: ()
                if resource.at("properties.properties.idleTimeBeforeShutdown")
                else ("idleTimeBeforeShutdown is not set.",),
            )), "resource",
    ),
    Rule(
        "endpoint-entra", "error", "Endpoints are called with an Entra login",
        "A key opens the endpoint for whoever finds it.",
        'Set auth_mode="AADToken".',
        f"{_LEARN}/machine-learning/how-to-authenticate-online-endpoint",
        each({ONLINE, BATCH}, must_be("properties.authMode", "AADToken")), "resource",
    ),
    Rule(
        "logs-no-keys", "error", "Log Analytics takes no keys",
        "Who has the key can write what was never logged.",
        "Set features.disable_local_auth=True.",
        f"{_LEARN}/azure-monitor/logs/log-analytics-workspace-overview",
        each({LOGS}, must_be("features.disableLocalAuth", True)), "resource",
    ),
    Rule(
        "principal-type", "error", "A role assignment says what kind of principal gets the role",
        "Else Azure looks the principal up, and fails when it was just made.",
        "Set principal_type.",
        f"{_LEARN}/role-based-access-control/troubleshooting",
        each({ROLE}, _principal_type), "resource",
    ),
    Rule(
        "public-access", "warning", "In production, what holds data does not answer the whole internet",
        "A login that was stolen works from everywhere; a network is a second lock.",
        "Say network: managed with allow_ips or ci: private, or network: locked (docs/network.md); or suppress this "
        "rule and say why the data may be there.",
        f"{_LEARN}/machine-learning/how-to-network-security-overview",
        _public_access,
    ),
)  # fmt: skip
"""The rules on single properties."""
