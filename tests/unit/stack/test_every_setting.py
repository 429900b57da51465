"""Every optional setting of the manifests changes the plan: a table of them, and nothing may be missing in it.

A case writes one setting into a small platform, and names where in the plan that shows.
"""

import copy
import functools
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bootstrap.manifests.platform import load_platform
from bootstrap.manifests.schema import MODELS
from bootstrap.progress import Progress
from infra.tables.names import Names
from tests.helpers import build_tree
from tests.plans import make_plan

ZERO = "00000000-0000-0000-0000-0000000000"
GROUP, OTHER, SUBSCRIPTION = f"{ZERO}aa", f"{ZERO}bb", f"{ZERO}0d"
SUBNET = f"/subscriptions/{ZERO}0c/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/vnet/subnets/ml"
RUNNER_SUBNET = f"{SUBNET.rpartition('/')[0]}/runners"
ACCOUNT = f"/subscriptions/{ZERO}0c/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/stdata"
LOGS = f"/subscriptions/{ZERO}0c/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-all"
OWN_LOGS = LOGS.replace(f"{ZERO}0c", f"{ZERO}0b").replace("rg-logs", "rg-acme-hub").replace("log-all", "log-acme-hub")
KEY = {
    "vault_id": f"/subscriptions/{ZERO}0c/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/kv-keys",
    "key": "https://kv-keys.vault.azure.net/keys/ml/0123456789abcdef0123456789abcdef",
}
OLD = f"/subscriptions/{ZERO}0b/resourceGroups/rg-old/providers"
ADOPT = {
    "mode": "manage",
    "workspace_id": f"{OLD}/Microsoft.MachineLearningServices/workspaces/mlw-old",
    "storage_id": f"{OLD}/Microsoft.Storage/storageAccounts/stold",
    "key_vault_id": f"{OLD}/Microsoft.KeyVault/vaults/kv-old",
}
IDENTITY = f"{OLD}/Microsoft.ManagedIdentity/userAssignedIdentities/id-old"
AKS = f"/subscriptions/{ZERO}0c/resourceGroups/rg-k8s/providers/Microsoft.ContainerService/managedClusters/aks"
ARC = AKS.replace("ContainerService/managedClusters", "Kubernetes/connectedClusters")
RELAY = f"/subscriptions/{ZERO}0c/resourceGroups/rg-k8s/providers/Microsoft.Relay/namespaces/relay-k8s"
ANNA = {"name": "anna", "size": "Standard_E4ds_v5", "owner": GROUP}
RETAIL = {"name": "retail", "cluster_id": AKS, "namespace": "ml"}
LINK = {"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:acme@1/churn@2:environment:dev"}
CHURN = {"name": "churn", "repository": "github:acme/churn"}
PYPI = {"name": "pypi", "fqdn": "pypi.org"}
LAKE = {"name": "lake", "resource_id": ACCOUNT, "group": "blob"}
LAKE_DATA = {"name": "raw", "storage_id": ACCOUNT}
RAW = {**LAKE_DATA, "container": "raw"}
CHAT = {
    "name": "chat",
    "kind": "azure-openai",
    "resource_id": f"/subscriptions/{ZERO}0c/resourceGroups/rg-ai/providers/Microsoft.CognitiveServices/accounts/oai-x",
}
FEED = {"name": "feed", "kind": "python-feed", "target": "https://feed.acme.example/simple"}
BASE = {
    "name": "base",
    "kind": "container-registry",
    "resource_id": f"/subscriptions/{ZERO}0c/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/crx1x",
}
PRICES = {
    "name": "prices",
    "kind": "azure-sql",
    "resource_id": f"/subscriptions/{ZERO}0c/resourceGroups/rg-x/providers/Microsoft.Sql/servers/sql-x/databases/p",
}
SALES = {"name": "sales", "fabric_workspace": f"{ZERO}f1", "lakehouse": f"{ZERO}f2"}
FEATURES = {"storage_id": ACCOUNT, "filesystem": "features"}
CONNECTION = "azure-native:machinelearningservices:WorkspaceConnection"
REASON = "closed later this year"
SUPPRESSION = {"rule": "public-access", "reason": REASON, "until": "2027-03-31"}
RUNNERS = {"organization": "acme", "projects": ["ml"], "principal_id": f"{ZERO}0e"}
URN = "urn:pulumi:fraud-dev::mlops-bootstrap::"

PLATFORM, TEAM, LINKS = "platform.yaml", "teams/fraud.yaml", "links.yaml"
WORLD: dict[str, dict[str, Any]] = {
    PLATFORM: {
        "organization": "acme",
        "location": "westeurope",
        "tenant_id": f"{ZERO}0a",
        "subscription_id": f"{ZERO}0b",
        "environments": {"dev": {"ring": 0}},
        "hub": {"alert_emails": ["ml@acme.example"]},
    },
    TEAM: {
        "name": "fraud",
        "environments": {"dev": {}},
        "compute": [{"name": "cpu", "size": "Standard_D4ds_v5", "max_nodes": 1}],
    },
    LINKS: {},
}

Place = tuple[str, str]
"""A document, and a path in it; numbers are places in lists."""

Edits = Mapping[Place, Any]

LOCKED: Edits = {
    (PLATFORM, "hub.vnet"): {"address_space": "10.0.0.0/24"},
    (TEAM, "network"): "locked",
    (TEAM, "vnet"): {"address_space": "10.1.0.0/24"},
}
MANAGED: Edits = {**LOCKED, (TEAM, "network"): "managed"}
TAGGED: Edits = {**LOCKED, (TEAM, "outbound"): [{"name": "monitor", "service_tag": "AzureMonitor"}]}
BUDGET: Edits = {(TEAM, "budget"): 700, (TEAM, "budget_start"): "2026-11-01"}
RUNNING: Edits = {**LOCKED, (PLATFORM, "hub.runners"): RUNNERS}
MANAGED_BY_US: Edits = {(TEAM, "environments.dev.adopt"): ADOPT}
REGISTRY: Edits = {**LOCKED, (PLATFORM, "hub.network"): "locked"}


@dataclass(frozen=True)
class Case:
    """A setting, and what it does to the plan.

    Attributes:
        at: Where it is written.
        shows: The type of the resources that show it, or `suppressed` for findings that are, and the path to what
            they show.
        come: The values that are there only with the setting.
        gone: The values that are there only without it.
        given: What is written in both.
        stack: Whose plan shows it.
    """

    at: Place
    value: Any
    shows: tuple[str, str]
    come: Sequence[Any] = ()
    gone: Sequence[Any] = ()
    given: Edits = field(default_factory=dict)
    stack: str = "fraud-dev"


PROVIDER = ("pulumi:providers:azure-native", "inputs.subscriptionId")
LOCATION = ("azure-native:resources:ResourceGroup", "inputs.location")
BUDGETS = "azure-native:consumption:Budget"
WORKSPACE = "azure-native:machinelearningservices:Workspace"
COMPUTE = "azure-native:machinelearningservices:Compute"
DATASTORE = "azure-native:machinelearningservices:Datastore"
RULE = "azure-native:machinelearningservices:ManagedNetworkSettingsRule"
POOL = "azure-native:devopsinfrastructure:Pool"
VNET = "azure-native:network:VirtualNetwork"
RANGES = (VNET, "inputs.addressSpace.addressPrefixes.0")
OWN_SUBNET = (
    f"/subscriptions/{ZERO}0b/resourceGroups/rg-acme-{{0}}/providers/Microsoft.Network/virtualNetworks/vnet-acme-{{0}}"
    "/subnets/snet-acme-{0}-endpoints"
)
SUBNETS = ("azure-native:network:PrivateEndpoint", "inputs.subnet.id")
NEXT_HOP = ("azure-native:network:RouteTable", "inputs.routes.0.nextHopIpAddress")
ASSIGNED = ("azure-native:authorization:RoleAssignment", "inputs.principalId")
POLICIES = ("azure-native:authorization:PolicyAssignment", "inputs.policyAssignmentName")
NAMES = Names("acme", f"{ZERO}0a")

CASES: dict[str, Case] = {
    "Adopt.application_insights_id": Case(
        (TEAM, "environments.dev.adopt.application_insights_id"), f"{OLD}/Microsoft.Insights/components/appi-old",
        ("azure-native:applicationinsights:Component", "inputs.resourceName"),
        ["appi-old"], ["appi-acme-fraud-dev"], MANAGED_BY_US,
    ),
    "Adopt.container_registry_id": Case(
        (TEAM, "environments.dev.adopt.container_registry_id"),
        f"{OLD}/Microsoft.ContainerRegistry/registries/crold",
        ("azure-native:containerregistry:Registry", "inputs.registryName"),
        ["crold"], [NAMES.of("container_registry", "fraud", "dev")], MANAGED_BY_US,
    ),
    "Adopt.identity_id": Case(
        (TEAM, "environments.dev.adopt.identity_id"), IDENTITY,
        (WORKSPACE, "inputs.primaryUserAssignedIdentity"), [IDENTITY], [None], MANAGED_BY_US,
    ),
    "Adopt.mode": Case(
        (TEAM, "environments.dev.adopt.mode"), "refer", (WORKSPACE, "import_id"), [], [ADOPT["workspace_id"]],
        MANAGED_BY_US,
    ),
    "Cluster.low_priority": Case(
        (TEAM, "compute.0.low_priority"), True,
        (COMPUTE, "inputs.properties.properties.vmPriority"), ["LowPriority"], ["Dedicated"],
    ),
    "LayerKeys.connections": Case(
        (TEAM, "connections"), [CHAT, BASE, PRICES, FEED], (CONNECTION, "inputs.connectionName"),
        ["chat", "base", "prices", "feed"],
    ),
    "Connection.resource_id": Case(
        (TEAM, "connections"), [CHAT], (CONNECTION, "inputs.properties.metadata.ResourceId"), [CHAT["resource_id"]],
    ),
    "Connection.secret": Case(
        (TEAM, "connections.0.secret"), "feed-token", (CONNECTION, "inputs.connectionName"), [], ["feed"],
        {(TEAM, "connections"): [FEED]},
    ),
    "Connection.target": Case(
        (TEAM, "connections.0.target"), "https://feed.acme.example/other", (CONNECTION, "inputs.properties.target"),
        ["https://feed.acme.example/other"], [FEED["target"]], {(TEAM, "connections"): [FEED]},
    ),
    "Datastore.access": Case(
        (TEAM, "datastores.0.access"), "write",
        ("azure-native:authorization:RoleAssignment", "inputs.description"),
        ["Reads and writes the data of a datastore, which contains no key."],
        ["Reads the data of a datastore, which contains no key."],
        {(TEAM, "datastores"): [RAW]},
    ),
    "Datastore.container": Case(
        (TEAM, "datastores"), [RAW], (DATASTORE, "inputs.properties.containerName"), ["raw"],
    ),
    "Datastore.filesystem": Case(
        (TEAM, "datastores"), [{**LAKE_DATA, "filesystem": "raw"}],
        (DATASTORE, "inputs.properties.filesystem"), ["raw"],
    ),
    "Datastore.fabric_workspace": Case(
        (TEAM, "datastores"), [SALES], (DATASTORE, "inputs.properties.oneLakeWorkspaceName"), [f"{ZERO}f1"],
    ),
    "Datastore.lakehouse": Case(
        (TEAM, "datastores"), [SALES], (DATASTORE, "inputs.properties.artifact.artifactName"), [f"{ZERO}f2/Files"],
    ),
    "Datastore.storage_id": Case(
        (TEAM, "datastores"), [RAW], (DATASTORE, "inputs.properties.accountName"), ["stdata"],
    ),
    "FeatureStore.spark_version": Case(
        (TEAM, "environments.dev.feature_store.spark_version"), "3.5",
        (WORKSPACE, "inputs.featureStoreSettings.computeRuntime.sparkRuntimeVersion"), ["3.5"], ["3.4"],
        {(TEAM, "environments.dev.feature_store"): FEATURES},
    ),
    "TeamEnvironment.feature_store": Case(
        (TEAM, "environments.dev.feature_store"), FEATURES, (WORKSPACE, "inputs.kind"), ["FeatureStore"], ["Default"],
    ),
    "Datastore.share": Case(
        (TEAM, "datastores"), [{**LAKE_DATA, "share": "raw"}], (DATASTORE, "inputs.properties.fileShareName"), ["raw"],
    ),
    "Group.eligible": Case(
        (TEAM, "groups.engineers"), {"id": GROUP, "eligible": True},
        ("azure-native:authorization:PimRoleEligibilitySchedule", "inputs.principalId"), [GROUP],
        given={(TEAM, "groups.engineers"): GROUP},
    ),
    "Groups.data_scientists": Case((TEAM, "groups.data_scientists"), GROUP, ASSIGNED, [GROUP]),
    "Groups.engineers": Case((TEAM, "groups.engineers"), GROUP, ASSIGNED, [GROUP]),
    "Groups.operators": Case((TEAM, "groups.operators"), GROUP, ASSIGNED, [GROUP]),
    "Groups.reviewers": Case((TEAM, "groups.reviewers"), GROUP, ASSIGNED, [GROUP]),
    "Hub.budget": Case(
        (PLATFORM, "hub.budget"), 300, (BUDGETS, "inputs.amount"), [300],
        given={(PLATFORM, "budget_start"): "2026-11-01"}, stack="hub",
    ),
    "Hub.defender": Case(
        (PLATFORM, "hub.defender"), {"storage": True},
        ("azure-native:resources:DeploymentAtScope", "inputs.properties.template.resources.0.name"),
        ["StorageAccounts"], stack="hub",
    ),
    "Hub.flow_log_days": Case(
        (PLATFORM, "hub.flow_log_days"), 30,
        ("azure-native:network:FlowLog", "inputs.retentionPolicy.days"), [30], [], LOCKED,
    ),
    "Hub.private_link_scope": Case(
        (PLATFORM, "hub.private_link_scope"), {"ingestion": "private_only"},
        ("azure-native:monitor:PrivateLinkScope", "inputs.accessModeSettings.ingestionAccessMode"), ["PrivateOnly"],
        [], LOCKED, stack="hub",
    ),
    "Hub.registry_locations": Case(
        (PLATFORM, "hub.registry_locations"), ["northeurope"],
        ("azure-native:machinelearningservices:Registry", "inputs.regionDetails.1.location"), ["northeurope"], [None],
        stack="hub",
    ),
    "Hub.traffic_analytics": Case(
        (PLATFORM, "hub.traffic_analytics"), True,
        (
            "azure-native:network:FlowLog",
            "inputs.flowAnalyticsConfiguration.networkWatcherFlowAnalyticsConfiguration.workspaceResourceId",
        ),
        [OWN_LOGS], [None], {**LOCKED, (PLATFORM, "hub.flow_log_days"): 30}, stack="hub",
    ),
    "Hub.dns": Case(
        (PLATFORM, "hub.dns"), "policy",
        ("azure-native:network:PrivateDnsZoneGroup", "type"), [], ["azure-native:network:PrivateDnsZoneGroup"], LOCKED,
    ),
    "Hub.generation": Case(
        (PLATFORM, "hub.generation"), 2, ("azure-native:keyvault:Vault", "inputs.vaultName"),
        [NAMES.of("key_vault", "hub", "2")], [NAMES.of("key_vault", "hub")], stack="hub",
    ),
    "Hub.location": Case(
        (PLATFORM, "hub.location"), "northeurope", LOCATION, ["northeurope"], ["westeurope"], stack="hub"
    ),
    "Hub.log_analytics_id": Case(
        (PLATFORM, "hub.log_analytics_id"), LOGS,
        ("azure-native:applicationinsights:Component", "inputs.workspaceResourceId"), [LOGS], [OWN_LOGS],
    ),
    "Hub.log_retention_days": Case(
        (PLATFORM, "hub.log_retention_days"), 400,
        ("azure-native:operationalinsights:Workspace", "inputs.retentionInDays"), [400], [90], stack="hub",
    ),
    "Hub.network": Case(
        (PLATFORM, "hub.network"), "locked",
        ("azure-native:machinelearningservices:Registry", "inputs.publicNetworkAccess"), ["Disabled"], ["Enabled"],
        LOCKED, stack="hub",
    ),
    "Hub.policies": Case(
        (PLATFORM, "hub.policies"), {"idle_shutdown": "Deny"},
        (POLICIES[0], "inputs.parameters.effect.value"), ["Deny"], stack="hub",
    ),
    "Hub.runners": Case(
        (PLATFORM, "hub.runners"), RUNNERS, (POOL, "inputs.maximumConcurrency"), [2], [], LOCKED, stack="hub"
    ),
    "Hub.subscription_id": Case(
        (PLATFORM, "hub.subscription_id"), SUBSCRIPTION, PROVIDER, [SUBSCRIPTION], [f"{ZERO}0b"], stack="hub"
    ),
    "Hub.vnet": Case((PLATFORM, "hub.vnet"), {"address_space": "10.0.0.0/24"}, RANGES, ["10.0.0.0/24"], stack="hub"),
    "HubVnet.address_space": Case(
        (PLATFORM, "hub.vnet.address_space"), "10.9.0.0/24",
        RANGES, ["10.9.0.0/24"], ["10.0.0.0/24"], LOCKED, stack="hub",
    ),
    "HubVnet.dns_servers": Case(
        (PLATFORM, "hub.vnet.dns_servers"), ["10.0.0.4"],
        (VNET, "inputs.dhcpOptions.dnsServers.0"), ["10.0.0.4"], [None], LOCKED, stack="hub",
    ),
    "HubVnet.gateway": Case(
        (PLATFORM, "hub.vnet.gateway"), True,
        ("azure-native:network:VirtualNetworkPeering", "inputs.useRemoteGateways"), [True], [], LOCKED,
    ),
    "HubVnet.next_hop": Case(
        (PLATFORM, "hub.vnet.next_hop"), "10.0.0.4", NEXT_HOP, ["10.0.0.4"], [None], LOCKED, stack="hub"
    ),
    "HubVnet.subnet_id": Case(
        (PLATFORM, "hub.vnet"), {"subnet_id": SUBNET},
        SUBNETS, [SUBNET], [OWN_SUBNET.format("hub")], REGISTRY, stack="hub",
    ),
    "Instance.idle_minutes": Case(
        (TEAM, "instances.0.idle_minutes"), 30,
        (COMPUTE, "inputs.properties.properties.idleTimeBeforeShutdown"), ["PT30M"], ["PT60M"],
        {(TEAM, "instances"): [ANNA]},
    ),
    "Instance.stop_at": Case(
        (TEAM, "instances.0.stop_at"), "19:05",
        (COMPUTE, "inputs.properties.properties.schedules.computeStartStop.0.cron.expression"), ["5 19 * * *"],
        given={(TEAM, "instances"): [ANNA]},
    ),
    "Kubernetes.relay_id": Case(
        (TEAM, "kubernetes"), [{**RETAIL, "cluster_id": ARC, "relay_id": RELAY}],
        ("azure-native:authorization:RoleAssignment", "inputs.scope"), [ARC, RELAY], [AKS],
        {(TEAM, "kubernetes"): [RETAIL]},
    ),
    "LayerKeys.alert_emails": Case(
        (TEAM, "alert_emails"), ["team@acme.example"],
        ("azure-native:monitor:ActionGroup", "inputs.emailReceivers.0.emailAddress"), ["team@acme.example"],
    ),
    "LayerKeys.allow_ips": Case(
        (TEAM, "allow_ips"), ["20.1.2.0/24"],
        ("azure-native:keyvault:Vault", "inputs.properties.networkAcls.ipRules.0.value"), ["20.1.2.0/24"], [None],
    ),
    "LayerKeys.budget": Case(
        (TEAM, "budget"), 700, (BUDGETS, "inputs.amount"), [700], given={(TEAM, "budget_start"): "2026-11-01"}
    ),
    "LayerKeys.budget_start": Case(
        (TEAM, "budget_start"), "2027-01-01", (BUDGETS, "inputs.timePeriod.startDate"),
        ["2027-01-01T00:00:00Z"], ["2026-11-01T00:00:00Z"], BUDGET,
    ),
    "LayerKeys.ci": Case(
        (TEAM, "ci"), "private",
        ("azure-native:containerregistry:Registry", "inputs.publicNetworkAccess"), ["Disabled"], ["Enabled"], MANAGED,
    ),
    "LayerKeys.compute": Case(
        (TEAM, "compute"), [{"name": "gpu", "size": "Standard_NC24ads_A100_v4", "max_nodes": 2}],
        (COMPUTE, "inputs.computeName"), ["gpu"], ["cpu"],
    ),
    "LayerKeys.customer_key": Case(
        (TEAM, "customer_key"), KEY,
        (WORKSPACE, "inputs.encryption.keyVaultProperties.keyVaultArmId"), [KEY["vault_id"]], [None],
    ),
    "LayerKeys.datastores": Case(
        (TEAM, "datastores"), [RAW], ("azure-native:authorization:RoleAssignment", "inputs.scope"),
        [f"{ACCOUNT}/blobServices/default/containers/raw"],
    ),
    "LayerKeys.firewall_sku": Case(
        (TEAM, "firewall_sku"), "Basic",
        (WORKSPACE, "inputs.managedNetwork.firewallSku"), ["Basic"], ["Standard"], LOCKED,
    ),
    "LayerKeys.instances": Case(
        (TEAM, "instances"), [ANNA],
        (COMPUTE, "inputs.properties.properties.personalComputeInstanceSettings.assignedUser.objectId"), [GROUP],
    ),
    "LayerKeys.kubernetes": Case((TEAM, "kubernetes"), [RETAIL], (COMPUTE, "inputs.properties.resourceId"), [AKS]),
    "LayerKeys.location": Case((TEAM, "location"), "northeurope", LOCATION, ["northeurope"], ["westeurope"]),
    "LayerKeys.network": Case(
        (TEAM, "network"), "managed",
        (WORKSPACE, "inputs.managedNetwork.isolationMode"), ["AllowInternetOutbound"], ["Disabled"],
    ),
    "LayerKeys.outbound": Case((TEAM, "outbound"), [PYPI], (RULE, "inputs.ruleName"), ["pypi"], [], LOCKED),
    "LayerKeys.protect": Case(
        (TEAM, "protect"), True, ("azure-native:storage:StorageAccount", "protect"), [True], [False]
    ),
    "LayerKeys.registry_replicas": Case(
        (TEAM, "registry_replicas"), ["northeurope"],
        ("azure-native:containerregistry:Replication", "inputs.replicationName"), ["northeurope"],
    ),
    "LayerKeys.zone_redundancy": Case(
        (TEAM, "zone_redundancy"), True,
        ("azure-native:storage:StorageAccount", "inputs.sku.name"), ["Standard_ZRS"], ["Standard_LRS"],
    ),
    "LayerKeys.resource_group_id": Case(
        (TEAM, "resource_group_id"), f"/subscriptions/{ZERO}0b/resourceGroups/rg-given",
        ("azure-native:keyvault:Vault", "inputs.resourceGroupName"), ["rg-given"], ["rg-acme-fraud-dev"],
    ),
    "LayerKeys.self_service": Case(
        (TEAM, "self_service"), False,
        ("azure-native:authorization:RoleAssignment", "inputs.description"),
        [], ["Creates compute instances, which shut down when idle."],
        {(TEAM, "groups.data_scientists"): GROUP},
    ),
    "LayerKeys.subscription_id": Case((TEAM, "subscription_id"), SUBSCRIPTION, PROVIDER, [SUBSCRIPTION], [f"{ZERO}0b"]),
    "LayerKeys.suppress": Case(
        (TEAM, "suppress"), [SUPPRESSION], ("suppressed", "suppressed.reason"), [REASON],
        given={(TEAM, "protect"): True},
    ),
    "LayerKeys.tags": Case(
        (TEAM, "tags"), {"cost-center": "77"},
        ("azure-native:keyvault:Vault", "inputs.tags.cost-center"), ["77"], [None],
    ),
    "LayerKeys.vnet": Case(
        (TEAM, "vnet"), {"address_space": "10.2.0.0/24"}, RANGES, ["10.2.0.0/24"], ["10.1.0.0/24"], LOCKED
    ),
    "LinksManifest.platform": Case(
        (LINKS, "platform.dev"), LINK,
        ("azure-native:managedidentity:FederatedIdentityCredential", "inputs.subject"), [LINK["subject"]], stack="hub",
    ),
    "LinksManifest.teams": Case(
        (LINKS, "teams.fraud.churn.dev"), LINK,
        ("azure-native:managedidentity:FederatedIdentityCredential", "inputs.subject"), [LINK["subject"]],
        given={(TEAM, "projects"): [CHURN]},
    ),
    "Outbound.fqdn": Case((TEAM, "outbound"), [PYPI], (RULE, "inputs.properties.type"), ["FQDN"], [], LOCKED),
    "Outbound.group": Case(
        (TEAM, "outbound"), [LAKE], (RULE, "inputs.properties.destination.subresourceTarget"), ["blob"], [], LOCKED
    ),
    "Outbound.ports": Case(
        (TEAM, "outbound.0.ports"), "80",
        (RULE, "inputs.properties.destination.portRanges"), ["80"], ["443"], TAGGED,
    ),
    "Outbound.protocol": Case(
        (TEAM, "outbound.0.protocol"), "UDP",
        (RULE, "inputs.properties.destination.protocol"), ["UDP"], ["TCP"], TAGGED,
    ),
    "Outbound.resource_id": Case(
        (TEAM, "outbound"), [LAKE], (RULE, "inputs.properties.destination.serviceResourceId"), [ACCOUNT], [], LOCKED
    ),
    "Outbound.service_tag": Case(
        (TEAM, "outbound.0.service_tag"), "AzureActiveDirectory",
        (RULE, "inputs.properties.destination.serviceTag"), ["AzureActiveDirectory"], ["AzureMonitor"], TAGGED,
    ),
    "PlatformGroups.platform": Case((PLATFORM, "groups.platform"), GROUP, ASSIGNED, [GROUP], stack="hub"),
    "PlatformManifest.groups": Case((PLATFORM, "groups"), {"platform": GROUP}, ASSIGNED, [GROUP], stack="hub"),
    **{
        f"Policies.{name}": Case(
            (PLATFORM, f"hub.policies.{name}"), "Disabled",
            POLICIES, [], [f"pa-acme-{name.replace('_', '-')}"], LOCKED, stack="hub",
        )
        for name in (
            "approved_outbound", "compute_local_auth_off", "idle_shutdown", "private_link", "public_access_off",
            "resource_logs", "user_assigned_identity",
        )
    },
    "Policies.customer_managed_keys": Case(
        (PLATFORM, "hub.policies.customer_managed_keys"), "Audit",
        POLICIES, ["pa-acme-customer-managed-keys"], stack="hub",
    ),
    "Runners.image": Case(
        (PLATFORM, "hub.runners.image"), "ubuntu-22.04/latest",
        (POOL, "inputs.fabricProfile.images.0.wellKnownImageName"), ["ubuntu-22.04/latest"], ["ubuntu-24.04/latest"],
        RUNNING, stack="hub",
    ),
    "Runners.max_runners": Case(
        (PLATFORM, "hub.runners.max_runners"), 5, (POOL, "inputs.maximumConcurrency"), [5], [2], RUNNING, stack="hub"
    ),
    "Runners.size": Case(
        (PLATFORM, "hub.runners.size"), "Standard_D4ads_v5",
        (POOL, "inputs.fabricProfile.sku.name"), ["Standard_D4ads_v5"], ["Standard_D2ads_v5"], RUNNING, stack="hub",
    ),
    "Runners.subnet_id": Case(
        (PLATFORM, "hub.runners"), {**RUNNERS, "subnet_id": RUNNER_SUBNET},
        (POOL, "inputs.fabricProfile.networkProfile.subnetId"), [RUNNER_SUBNET], [],
        {**LOCKED, (PLATFORM, "hub.vnet"): {"subnet_id": SUBNET}}, stack="hub",
    ),
    "Suppression.resource": Case(
        (TEAM, "suppress.0.resource"), "vault",
        ("suppressed", "resource"), [f"{URN}bootstrap:vault:Vault$azure-native:keyvault:Vault::vault"],
        [f"{URN}bootstrap:storage:Storage$azure-native:storage:StorageAccount::storage"],
        {(TEAM, "protect"): True, (TEAM, "suppress"): [{**SUPPRESSION, "resource": "storage"}]},
    ),
    "TeamEnvironment.adopt": Case(
        (TEAM, "environments.dev.adopt"), ADOPT,
        (WORKSPACE, "inputs.workspaceName"), ["mlw-old"], ["mlw-acme-fraud-dev"],
    ),
    "TeamEnvironment.generation": Case(
        (TEAM, "environments.dev.generation"), 2,
        (WORKSPACE, "inputs.workspaceName"), ["mlw-acme-fraud-dev-2"], ["mlw-acme-fraud-dev"],
    ),
    "TeamEnvironment.groups": Case(
        (TEAM, "environments.dev.groups"), {"engineers": OTHER},
        ASSIGNED, [OTHER], [GROUP], {(TEAM, "groups"): {"engineers": GROUP}},
    ),
    "TeamManifest.groups": Case((TEAM, "groups"), {"engineers": GROUP}, ASSIGNED, [GROUP]),
    "TeamManifest.projects": Case(
        (TEAM, "projects"), [CHURN],
        ("azure-native:managedidentity:UserAssignedIdentity", "inputs.resourceName"), ["id-acme-fraud-dev-ci-churn"],
    ),
    "Vnet.address_space": Case(
        (TEAM, "vnet.address_space"), "10.2.0.0/24", RANGES, ["10.2.0.0/24"], ["10.1.0.0/24"], LOCKED
    ),
    "Vnet.dns_servers": Case(
        (TEAM, "vnet.dns_servers"), ["10.0.0.4"],
        (VNET, "inputs.dhcpOptions.dnsServers.0"), ["10.0.0.4"], [None], LOCKED,
    ),
    "Vnet.next_hop": Case((TEAM, "vnet.next_hop"), "10.0.0.4", NEXT_HOP, ["10.0.0.4"], [None], LOCKED),
    "Vnet.subnet": Case(
        (TEAM, "vnet.subnet"), "10.1.0.0/26",
        ("azure-native:network:Subnet", "inputs.addressPrefix"), ["10.1.0.0/26"], ["10.1.0.0/24"], LOCKED,
    ),
    "Vnet.subnet_id": Case(
        (TEAM, "vnet"), {"subnet_id": SUBNET}, SUBNETS, [SUBNET], [OWN_SUBNET.format("fraud-dev")], LOCKED
    ),
}  # fmt: skip
"""By the model that declares the setting, and its name."""

UNSEEN = {
    "Cluster.subnet_id": "is refused, with the reason",
    "LinksManifest.schema_version": "there is one version",
    "Connection.user": "is in the note with the command that creates the connection",
    "PlatformManifest.schema_version": "there is one version",
    "PlatformManifest.state": "says where the states are",
    "TeamEnvironment.expires": "`destroy` lists the environment",
    "ProjectEntry.blueprint": "is an answer to the questions of new",
    "PlatformManifest.tool": "says which version of the command makes the plan",
    "PlatformManifest.tool_source": "says where that version is installed from",
    "TeamManifest.schema_version": "there is one version",
}
"""Optional settings that no plan shows, and why."""


@pytest.mark.parametrize("setting", CASES)
def test_setting_changes_the_plan(setting: str) -> None:
    case = CASES[setting]

    before = shown(case.given, case)
    after = shown({**case.given, case.at: case.value}, case)

    assert (_beside(after, before), _beside(before, after)) == (list(case.come), list(case.gone))


def test_every_optional_setting_has_a_case() -> None:
    assert set(CASES) | set(UNSEEN) == set(optional_settings(list(MODELS.values())))


def planned_with(edits: Edits, stack: str) -> Any:
    """The plan of a stack of the edited world, as JSON."""
    documents = copy.deepcopy(WORLD)
    for (name, path), value in edits.items():
        _write(documents[name], path.split("."), copy.deepcopy(value))
    return _planned(tuple((name, json.dumps(document)) for name, document in documents.items()), stack)


def shown(edits: Edits, case: Case) -> list[Any]:
    """What the plan of the edited world shows where the case looks."""
    stack = planned_with(edits, case.stack)
    kind, path = case.shows
    suppressed = [finding for finding in stack["findings"] if finding["suppressed"]]
    shows = suppressed if kind == "suppressed" else [item for item in stack["resources"] if item["type"] == kind]
    return [_read(item, path.split(".")) for item in shows]


@functools.cache
def _planned(files: tuple[tuple[str, str], ...], name: str) -> Any:
    """The stack's part of the plan's document. Many cases begin with the same files."""
    with tempfile.TemporaryDirectory() as folder:
        platform = load_platform(build_tree(Path(folder), dict(files)))
    [stack] = make_plan(platform, [name], Progress()).document()["stacks"]
    return stack


def optional_settings(manifests: Sequence[type[BaseModel]]) -> Iterator[str]:
    """All that a manifest may leave out, each by the model that declares it."""
    for model in _models(manifests):
        fields = ((name, info) for name, info in model.model_fields.items() if name in model.__annotations__)
        yield from (f"{model.__name__}.{name}" for name, info in fields if not info.is_required())


def _models(manifests: Sequence[type[BaseModel]]) -> set[type[BaseModel]]:
    """The models of the manifests, those that they inherit from, and those of what they hold."""
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = list(manifests)
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not BaseModel and kind not in found:
            found.add(kind)
            waiting += [*kind.__bases__, *(info.annotation for info in kind.model_fields.values())]
    return found


def _write(document: Any, path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        document = document[int(part)] if isinstance(document, list) else document.setdefault(part, {})
    document[path[-1]] = value


def _read(value: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = (value or {}).get(part)
    return value


def _beside(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The values that are not among the others, each once."""
    found: list[Any] = []
    for value in values:
        if value not in others and value not in found:
            found.append(value)
    return found
