"""Requirements on the resources of every stack. Manifests cannot violate them, so tests check them instead of rules.

The stacks are those of the example, and of small platforms in each network mode and with the rarer settings.
"""

import copy
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from infra.rules.limits import assignments_by_subscription, most_assignments
from infra.rules.rule import UNKNOWN, Resource, Stack, entries
from infra.rules.stacks import is_open
from infra.settings import EnvironmentSettings
from infra.tables import roles
from infra.tables.azure_policies import LEGACY_MODE
from infra.tables.names import TABLE, rule_of
from infra.tables.resource_types import (
    ACTION_GROUP,
    BUDGET,
    COMPUTE,
    DATASTORE,
    ELIGIBILITY,
    GROUP,
    IMAGES,
    LOGS,
    MODELS,
    NETWORK,
    OUTBOUND_RULE,
    PRIVATE_ENDPOINT,
    ROLE,
    RUNNERS,
    STORAGE,
    SUBNET,
    VAULT,
    WORKSPACE,
)
from infra.tables.roles import IN_SUBSCRIPTIONS, ROLES, Role
from tests.helpers import CONTOSO
from tests.plans import make_plan
from tests.unit.infra.rules.manifests import (
    ADOPT,
    CHURN,
    CHURN_LINK,
    LINKS,
    LOCKED,
    OTHER_PEOPLE,
    PEOPLE,
    Edits,
    on_platform,
    on_team,
    planned,
)
from tests.unit.infra.rules.manifests import RUNNERS as RUNNER_SETTINGS
from tests.unit.infra.sdk_arguments import mistakes

BLOBS = "azure-native:storage:BlobServiceProperties"
CONNECTION = "azure-native:machinelearningservices:WorkspaceConnection"
CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential"
DEFINITION = "azure-native:authorization:RoleDefinition"
ACTIVITY_ALERT = "azure-native:monitor:ActivityLogAlert"
METRIC_ALERT = "azure-native:monitor:MetricAlert"
QUERY_ALERT = "azure-native:monitor:ScheduledQueryRule"
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
LOCK = "azure-native:authorization:ManagementLockByScope"
POLICY = "azure-native:authorization:PolicyAssignment"
SECURITY_GROUP = "azure-native:network:NetworkSecurityGroup"
NOT_PLANNED = (
    "azure-native:machinelearningservices:OnlineEndpoint",
    "azure-native:machinelearningservices:BatchEndpoint",
)
"""Resources with keys. The projects' own CI creates them, with the forms that do without."""

_OTHER = "/subscriptions/00000000-0000-0000-0000-0000000000cc/resourceGroups/rg-other/providers"
_KEY = {
    "vault_id": f"{_OTHER}/Microsoft.KeyVault/vaults/kv-keys",
    "key": "https://kv-keys.vault.azure.net/keys/ml/0123456789abcdef0123456789abcdef",
}
_REGISTRY = f"{_OTHER}/Microsoft.ContainerRegistry/registries/crbase"
_AKS = f"{_OTHER}/Microsoft.ContainerService/managedClusters/aks"
EVERYTHING: Edits = on_team(
    datastores=[
        {"name": kind, "storage_id": f"{_OTHER}/Microsoft.Storage/storageAccounts/stother", kind: "data"}
        for kind in ("container", "share")
    ],
    connections=[
        {"name": "chat", "kind": "ai-services", "resource_id": f"{_OTHER}/Microsoft.CognitiveServices/accounts/ai"},
        {"name": "base", "kind": "container-registry", "resource_id": _REGISTRY},
        {"name": "feed", "kind": "python-feed", "target": "https://feed.acme.example/simple", "secret": "feed-token"},
    ],
    groups={"data_scientists": PEOPLE, "engineers": {"id": OTHER_PEOPLE, "eligible": True}},
    instances=[{"name": "anna", "size": "Standard_D4ds_v5", "owner": PEOPLE, "stop_at": "19:05"}],
    projects=[CHURN],
    customer_key=_KEY,
)
LINKED: Edits = {(LINKS, "teams.fraud.churn.dev"): CHURN_LINK}
PLATFORMS: dict[str, Edits] = {
    "open": {**EVERYTHING, **LINKED, **on_team(kubernetes=[{"name": "aks", "cluster_id": _AKS, "namespace": "ml"}])},
    "managed": {**LOCKED, **EVERYTHING, **LINKED, **on_team(network="managed", allow_ips=["20.1.2.0/24"])},
    "private CI": {
        **LOCKED, **RUNNER_SETTINGS, **EVERYTHING, **LINKED, **on_platform(hub__dns="policy"),
        **on_team(network="managed", ci="private"),
    },
    "locked": {
        **LOCKED, **RUNNER_SETTINGS, **EVERYTHING, **LINKED, **on_platform(hub__network="locked"),
        **on_team(outbound=[{"name": "pypi", "fqdn": "pypi.org"}]),
    },
    "adopted": {**ADOPT, **LINKED, **on_team(projects=[CHURN])},
}  # fmt: skip

Requirement = Callable[[Stack], Iterable[str]]


@pytest.fixture(scope="module")
def stacks() -> list[StackPlan]:
    example = make_plan(load_platform(CONTOSO), [], Progress()).stacks
    return [*example, *(stack for edits in PLATFORMS.values() for stack in planned(edits).stacks)]


def _compute(kind: str, path: str) -> tuple[str, str, str]:
    return COMPUTE, kind, f"properties.properties.{path}"


VALUES: list[tuple[str, str, str, Any]] = [
    # Type, kind of compute, path, and the value: what is left out may have an insecure default.
    (STORAGE, "", "allowSharedKeyAccess", False),
    (DATASTORE, "", "properties.credentials.credentialsType", "None"),
    (STORAGE, "", "allowBlobPublicAccess", False),
    (STORAGE, "", "minimumTlsVersion", "TLS1_2"),
    (STORAGE, "", "enableHttpsTrafficOnly", True),
    (STORAGE, "", "isLocalUserEnabled", False),
    (STORAGE, "", "allowCrossTenantReplication", False),
    (STORAGE, "", "isSftpEnabled", False),
    (BLOBS, "", "deleteRetentionPolicy.enabled", True),
    (BLOBS, "", "deleteRetentionPolicy.allowPermanentDelete", False),
    (BLOBS, "", "containerDeleteRetentionPolicy.enabled", True),
    (BLOBS, "", "isVersioningEnabled", True),
    (VAULT, "", "properties.enableRbacAuthorization", True),
    (VAULT, "", "properties.enablePurgeProtection", True),
    (VAULT, "", "properties.enableSoftDelete", True),
    (VAULT, "", "properties.softDeleteRetentionInDays", 90),
    (VAULT, "", "properties.enabledForDeployment", False),
    (VAULT, "", "properties.enabledForDiskEncryption", False),
    (VAULT, "", "properties.enabledForTemplateDeployment", False),
    (IMAGES, "", "adminUserEnabled", False),
    (IMAGES, "", "anonymousPullEnabled", False),
    (WORKSPACE, "", "systemDatastoresAuthMode", "Identity"),
    (WORKSPACE, "", "v1LegacyMode", False),
    (LOGS, "", "features.disableLocalAuth", True),
    (ACTIVITY_ALERT, "", "enabled", True),
    (METRIC_ALERT, "", "enabled", True),
    (QUERY_ALERT, "", "enabled", True),
    (QUERY_ALERT, "", "muteActionsDuration", None),
    (ACTION_GROUP, "", "enabled", True),
    *((BUDGET, "", f"notifications.{one}.enabled", True) for one in ("actual80", "actual100", "forecast100")),
    (POLICY, "", "enforcementMode", "Default"),
    (RUNNERS, "", "agentProfile.kind", "Stateless"),
    (SUBNET, "", "defaultOutboundAccess", False),
    (COMPUTE, "AmlCompute", "properties.disableLocalAuth", True),
    (COMPUTE, "ComputeInstance", "properties.disableLocalAuth", True),
    (*_compute("AmlCompute", "remoteLoginPortPublicAccess"), "Disabled"),
    (*_compute("AmlCompute", "scaleSettings.minNodeCount"), 0),
    (*_compute("AmlCompute", "scaleSettings.nodeIdleTimeBeforeScaleDown"), "PT5M"),
    (*_compute("ComputeInstance", "applicationSharingPolicy"), "Personal"),
    (*_compute("ComputeInstance", "sshSettings.sshPublicAccess"), "Disabled"),
]


@pytest.mark.parametrize(("type_", "kind", "path", "value"), VALUES)
def test_every_resource_has_the_value(stacks: list[StackPlan], type_: str, kind: str, path: str, value: Any) -> None:
    found = [
        (stack.name, one.name, one.at(path))
        for stack in stacks
        for one in stack.made
        if one.type == type_ and kind in ("", one.at("properties.computeType"))
    ]

    assert found
    assert [one for one in found if one[2] != value] == []


def test_every_instance_stops_when_idle(stacks: list[StackPlan]) -> None:
    computes = [one for stack in stacks for one in stack.made if one.type == COMPUTE]
    instances = [one for one in computes if one.at("properties.computeType") == "ComputeInstance"]

    assert instances
    assert all(one.at("properties.properties.idleTimeBeforeShutdown") for one in instances)


def _storage_services(stack: Stack) -> Iterator[str]:
    for account in stack.of(STORAGE):
        for service in ("blob", "file", "queue", "table"):
            if account.at(f"encryption.services.{service}.enabled") is False:
                yield f"{account.name}: {service} is not encrypted"
    for models in stack.of(MODELS):
        for region in entries(models.at("regionDetails")):
            for details in entries(region.get("storageAccountDetails")):
                if details["systemCreatedStorageAccount"].get("allowBlobPublicAccess") is not False:
                    yield f"{models.name}: public containers in {region['location']}"
                if details["systemCreatedStorageAccount"].get("storageAccountType") != "Standard_LRS":
                    yield f"{models.name}: another type of storage account in {region['location']}"


def _state_and_data(stack: Stack) -> Iterator[str]:
    """Pulumi's state survives the loss of a zone, and is recoverable longer than the data of a workspace."""
    is_hub = stack.environment is None
    for account in stack.of(STORAGE):
        if account.at("sku.name") != ("Standard_ZRS" if is_hub else "Standard_LRS"):
            yield f"{account.name}: {account.at('sku.name')}"
    for blobs in stack.of(BLOBS):
        for policy in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
            if blobs.at(f"{policy}.days") != (90 if is_hub else 14):
                yield f"{blobs.name}: {policy} of {blobs.at(f'{policy}.days')} days"


def _customer_key(stack: Stack) -> Iterator[str]:
    encrypted = {
        STORAGE: ("encryption.keySource", "Microsoft.Keyvault"),
        IMAGES: ("encryption.status", "Enabled"),
        WORKSPACE: ("encryption.status", "Enabled"),
    }
    if stack.environment is not None and stack.environment.customer_key is not None:
        for resource in stack.of(*encrypted):
            path, value = encrypted[resource.type]
            if str(resource.at(path)).lower() != value.lower():
                yield f"{resource.name}: {path} is {resource.at(path)}"


def _registries(stack: Stack) -> Iterator[str]:
    for images in stack.of(IMAGES):
        if not is_open(images):
            if images.at("sku.name") != "Premium":
                yield f"{images.name}: a closed registry that is not Premium"
            yield from (
                f"{one.name}: no image builder" for one in stack.of(WORKSPACE) if not one.at("imageBuildCompute")
            )


def _managed_network(stack: Stack) -> Iterator[str]:
    for workspace in stack.of(WORKSPACE):
        managed = workspace.at("managedNetwork.isolationMode") not in (None, "Disabled")
        if managed and workspace.at("provisionNetworkNow") is not True:
            yield f"{workspace.name}: its network is created at first use"
        if any(stack.of(OUTBOUND_RULE)) and workspace.at("managedNetwork.outboundRules"):
            yield f"{workspace.name}: outbound rules in the workspace, and as resources"


def _connections(stack: Stack) -> Iterator[str]:
    """Private endpoints to one resource are created one after the other, those of the managed network included."""
    needs = {one.urn: one.depends_on for one in stack.resources}
    for (target, first), (other, second) in combinations(_connected(stack), 2):
        if target == other and first not in _needed(second, needs) and second not in _needed(first, needs):
            yield f"{first} and {second} connect to {target} at once"


def _connected(stack: Stack) -> Iterator[tuple[str, str]]:
    """The resources that are connected to by private endpoint, each with the URN of what connects."""
    for endpoint in stack.of(PRIVATE_ENDPOINT):
        for connection in entries(endpoint.at("privateLinkServiceConnections")):
            yield connection["privateLinkServiceId"].lower(), endpoint.urn
    for rule in stack.of(OUTBOUND_RULE):
        if rule.at("properties.type") == "PrivateEndpoint":
            yield rule.at("properties.destination.serviceResourceId").lower(), rule.urn
    for workspace in stack.of(WORKSPACE):
        if workspace.at("managedNetwork.isolationMode") != "Disabled":
            for part in ("storageAccount", "keyVault", "containerRegistry"):
                yield str(workspace.at(part)).lower(), workspace.urn


def _needed(urn: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """All resources that are created before a resource."""
    found: set[str] = set()
    waiting = [*needs.get(urn, ())]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += needs.get(one, ())
    return found


def _locked(stack: Stack) -> Iterator[str]:
    isolation = [one.at("managedNetwork.isolationMode") for one in stack.of(WORKSPACE)]
    if "AllowOnlyApprovedOutbound" in isolation:
        for resource in stack.of(STORAGE, VAULT, IMAGES, WORKSPACE):
            if is_open(resource):
                yield f"{resource.name}: a public address"
        for cluster in stack.of(COMPUTE):
            is_cluster = cluster.at("properties.computeType") == "AmlCompute"
            if is_cluster and cluster.at("properties.properties.enableNodePublicIp") is not False:
                yield f"{cluster.name}: nodes with public addresses"


def _subnets(stack: Stack) -> Iterator[str]:
    ranges: dict[str, list[Any]] = {}
    for network in stack.of(NETWORK):
        ranges[network.at("virtualNetworkName")] = list(
            map(ipaddress.ip_network, network.at("addressSpace.addressPrefixes"))
        )
        if network.at("subnets"):
            yield f"{network.name}: subnets in the network itself"
    placed = [
        (one.name, one.at("virtualNetworkName"), ipaddress.ip_network(one.at("addressPrefix")))
        for one in stack.of(SUBNET)
    ]
    for name, network, subnet in placed:
        if network in ranges and not any(subnet.subnet_of(space) for space in ranges[network]):
            yield f"{name}: outside of its network"
    for (one, its, first), (other, others, second) in combinations(placed, 2):
        if its == others and first.overlaps(second):
            yield f"{one} overlaps {other}"


def _inbound(stack: Stack) -> Iterator[str]:
    for group in stack.of(SECURITY_GROUP):
        for rule in entries(group.at("securityRules")):
            sources = [rule.get("sourceAddressPrefix"), *(rule.get("sourceAddressPrefixes") or ())]
            anywhere = {"*", "internet", "0.0.0.0/0", "::/0"} & {str(source).lower() for source in sources}
            if rule["direction"] == "Inbound" and rule["access"] == "Allow" and anywhere:
                yield f"{group.name}: {rule['name']} allows the whole internet"


def _locks_and_policies(stack: Stack) -> Iterator[str]:
    workspaces = r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+"
    holds_compute = rf"/subscriptions/[^/]+(/resourceGroups/[^/]+({workspaces})?)?/?"
    for lock in stack.of(LOCK):
        if re.fullmatch(holds_compute, lock.at("scope"), re.IGNORECASE):
            yield f"{lock.name}: it stops clusters from scaling down"
    for assignment in stack.of(POLICY):
        if LEGACY_MODE in assignment.at("policyDefinitionId").lower():
            yield f"{assignment.name}: workspaces in legacy mode"


_OWNING = (
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
)
"""Owner, User Access Administrator and Role Based Access Control Administrator."""
_CONDITIONED = _OWNING[2]
_ASSIGN = "microsoft.authorization/roleassignments/write"
_WIDE = r"/|/subscriptions/[^/]+/?|/providers/Microsoft\.Management/managementGroups/[^/]+/?"
_NEEDED = {(one.role.id, f"{one.reason}.") for one in IN_SUBSCRIPTIONS if isinstance(one.role, Role)}


def _role(assignment: Resource) -> str:
    return str(assignment.at("roleDefinitionId")).rsplit("/", 1)[-1].lower()


def _assigning(stack: Stack) -> Iterator[str]:
    """No one can assign roles to themselves."""
    for one in stack.of(ROLE, ELIGIBILITY):
        condition = str(one.at("condition") or "").lower()
        allowed = " ".join(re.findall(r"guidequals\s*\{([^}]*)\}", condition))
        limited = "roleassignments:roledefinitionid]" in condition and not any(id_ in allowed for id_ in _OWNING)
        if _role(one) in _OWNING and not (_role(one) == _CONDITIONED and limited):
            yield f"{one.name}: it can assign any role"
    for definition in stack.of(DEFINITION):
        for permission in entries(definition.at("permissions")):
            denied = any(fnmatchcase(_ASSIGN, action.lower()) for action in permission.get("notActions") or ())
            if not denied and any(fnmatchcase(_ASSIGN, action.lower()) for action in permission["actions"]):
                yield f"{definition.name}: it can assign roles"


def _wide(stack: Stack) -> Iterator[str]:
    """Only the platform's own CI has roles on whole subscriptions, for the reasons of the table."""
    ours = {identity.urn for identity in stack.of(IDENTITY)}
    for one in stack.of(ROLE, ELIGIBILITY):
        known = one.at("principalType") == "ServicePrincipal" and not ours.isdisjoint(one.depends_on)
        known = known and (_role(one), one.at("description")) in _NEEDED
        if re.fullmatch(_WIDE, one.at("scope"), re.IGNORECASE) and not known:
            yield f"{one.name}: a role on {one.at('scope')}"


def _principals(stack: Stack) -> Iterator[str]:
    """Without the type, Azure looks the principal up, and fails when it was just created."""
    yield from (f"{one.name}: no principalType" for one in stack.of(ROLE) if not one.at("principalType"))


def _credentials(stack: Stack) -> Iterator[str]:
    """An identity accepts 20 federated credentials, and one at a time: Azure answers 409 to two at once."""
    identities = [one.at("resourceName") for one in stack.of(CREDENTIAL)]
    yield from (f"{name} has several credentials" for name in set(identities) if identities.count(name) > 1)


def _tags(stack: Stack) -> Iterator[str]:
    from infra.rules import sdk

    for one in stack.resources:
        missing = {"managed-by", "organization", "team"} - set(one.at("tags") or ())
        if sdk.takes(one.type, "tags") and missing:
            yield f"{one.name}: no tags {missing}"


def _names(stack: Stack) -> Iterator[str]:
    for one in stack.of(*{rule.type for rule in TABLE.values()}):
        rule = rule_of(one.type, one.at)
        name = one.at(rule.argument)
        if name != UNKNOWN and not (isinstance(name, str) and rule.allows(name)):
            yield f"{one.name}: {name} is not allowed"


def _arguments(stack: Stack) -> Iterator[str]:
    for one in stack.resources:
        yield from (f"{one.name}: {kind}: {message}" for kind, message in mistakes(one))


def _keyless(stack: Stack) -> Iterator[str]:
    yield from (f"{one.name} has keys" for one in stack.of(*NOT_PLANNED))
    for one in stack.of(CONNECTION):
        if one.at("properties.authType") not in ("AAD", "ManagedIdentity", "None"):
            yield f"{one.name}: a login with a secret"


REQUIREMENTS: Mapping[str, Requirement] = {
    check.__name__.strip("_"): check
    for check in (
        _storage_services, _state_and_data, _customer_key, _registries, _managed_network, _connections, _locked,
        _subnets, _inbound, _locks_and_policies, _assigning, _wide, _principals, _credentials, _tags, _names,
        _arguments, _keyless,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_stack_meets_the_requirement(stacks: list[StackPlan], name: str) -> None:
    failed = [
        f"{stack.name}: {message}"
        for stack in stacks
        for message in REQUIREMENTS[name](Stack(stack.name, stack.made, stack.settings))
    ]

    assert failed == []


WRONG: list[tuple[str, str, Callable[[dict[str, Any]], Any]]] = [
    # Requirement, type, and the change of the inputs that it must notice.
    ("storage_services", STORAGE, lambda one: one.update(encryption={"services": {"blob": {"enabled": False}}})),
    ("storage_services", MODELS, lambda one: one["regionDetails"][0]["storageAccountDetails"][0]
        ["systemCreatedStorageAccount"].update(allowBlobPublicAccess=True)),
    ("storage_services", MODELS, lambda one: one["regionDetails"][0]["storageAccountDetails"][0]
        ["systemCreatedStorageAccount"].pop("storageAccountType")),
    ("state_and_data", STORAGE, lambda one: one["sku"].update(name="Standard_GRS")),
    ("state_and_data", BLOBS, lambda one: one["deleteRetentionPolicy"].update(days=7)),
    ("state_and_data", BLOBS, lambda one: one["containerDeleteRetentionPolicy"].update(days=7)),
    ("customer_key", STORAGE, lambda one: one.pop("encryption", None)),
    ("customer_key", IMAGES, lambda one: one.pop("encryption", None)),
    ("customer_key", WORKSPACE, lambda one: one.pop("encryption", None)),
    ("registries", IMAGES, lambda one: one["sku"].update(name="Standard")),
    ("registries", WORKSPACE, lambda one: one.pop("imageBuildCompute", None)),
    ("managed_network", WORKSPACE, lambda one: one.pop("provisionNetworkNow", None)),
    ("managed_network", WORKSPACE, lambda one: one.update(managedNetwork={"outboundRules": {"a": {}}})),
    ("connections", PRIVATE_ENDPOINT, lambda one: one["privateLinkServiceConnections"][0].update(
        privateLinkServiceId="/one")),
    ("locked", STORAGE, lambda one: one.update(publicNetworkAccess="Enabled", networkRuleSet={})),
    ("locked", COMPUTE, lambda one: one["properties"].get("properties", {}).pop("enableNodePublicIp", None)),
    ("subnets", SUBNET, lambda one: one.update(addressPrefix="192.168.0.0/24")),
    ("inbound", SECURITY_GROUP, lambda one: one.update(
        securityRules=[{"name": "in", "direction": "Inbound", "access": "Allow", "sourceAddressPrefix": "Internet"}])),
    ("locks_and_policies", LOCK, lambda one: one.update(scope="/subscriptions/b/resourceGroups/rg")),
    ("locks_and_policies", POLICY, lambda one: one.update(policyDefinitionId=f"/definitions/{LEGACY_MODE}")),
    ("assigning", ROLE, lambda one: one.pop("condition", None)),
    ("assigning", DEFINITION, lambda one: one.update(permissions=[{"actions": ["Microsoft.Authorization/*"]}])),
    ("wide", ROLE, lambda one: one.update(principalType="Group")),
    ("principals", ROLE, lambda one: one.pop("principalType")),
    ("credentials", CREDENTIAL, lambda one: one.update(resourceName="id-one")),
    ("tags", GROUP, lambda one: one["tags"].pop("team")),
    ("names", VAULT, lambda one: one.update(vaultName="1-starts-with-a-digit")),
    ("keyless", CONNECTION, lambda one: one["properties"].update(authType="PAT")),
    ("arguments", STORAGE, lambda one: one.update(acessTier="Hot")),
    ("arguments", STORAGE, lambda one: one.pop("kind")),
    ("arguments", STORAGE, lambda one: one.update(isHnsEnabled="yes")),
    ("arguments", STORAGE, lambda one: one["sku"].update(name="Standard_LSR")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "type_", "change"), WRONG)
def test_requirement_notices_a_wrong_input(
    stacks: list[StackPlan], name: str, type_: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    def changed(one: Resource) -> Resource:
        if one.type != type_:
            return one
        inputs = copy.deepcopy(dict(one.inputs))
        change(inputs)
        return replace(one, inputs=inputs)

    assert [
        message
        for stack in stacks
        for message in REQUIREMENTS[name](Stack(stack.name, [changed(one) for one in stack.made], stack.settings))
    ]


def test_contributor_on_a_subscription_is_for_the_deployer_alone(stacks: list[StackPlan]) -> None:
    holders = {
        one.name.split("-contributor")[0].rstrip("-0123456789")
        for stack in stacks
        for one in stack.made
        if one.type == ROLE
        and _role(one) == ROLES["Contributor"].id
        and re.fullmatch(_WIDE, one.at("scope"), re.IGNORECASE)
    }

    assert holders
    assert all(holder.startswith("platform-deployer") for holder in holders)


def test_bound_of_role_assignments_is_not_too_low(stacks: list[StackPlan]) -> None:
    """The rules on their number plan no other stacks while the bounds of all in a subscription stay below the limit."""
    too_low = {
        stack.name: (subscription, count, bounds)
        for stack in stacks
        for bounds in [most_assignments(stack.settings)]
        for subscription, count in assignments_by_subscription(
            one.inputs for one in stack.made if one.type == ROLE
        ).items()
        # Roles on a cluster or a data store elsewhere are few.
        if subscription in bounds and count > bounds[subscription]
    }

    assert too_low == {}


def test_bound_of_role_assignments_counts_a_new_role_of_a_persona(
    stacks: list[StackPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    [settings] = [stack.settings for stack in stacks if stack.name == "vision-dev"][:1]
    assert isinstance(settings, EnvironmentSettings)
    before, persona = most_assignments(settings), settings.groups[0].persona
    groups = sum(group.persona == persona for group in settings.groups)

    monkeypatch.setitem(roles.PEOPLE, (persona, settings.people), roles.PEOPLE[persona, settings.people] * 2)

    added = most_assignments(settings)[settings.subscription_id] - before[settings.subscription_id]
    assert added == groups * len(roles.PEOPLE[persona, settings.people]) / 2


def test_platforms_cover_all_network_modes(stacks: list[StackPlan]) -> None:
    modes = {stack.settings.network for stack in stacks if isinstance(stack.settings, EnvironmentSettings)}

    assert modes == {"open", "managed", "locked"}
