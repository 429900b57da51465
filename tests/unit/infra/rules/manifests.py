"""A small platform that violates no rule, and for each rule the edits of its manifests that violate it."""

import copy
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from infra.settings import EXAMPLE_EMAIL, EXAMPLE_SUBSCRIPTION, EXAMPLE_TENANT
from tests.helpers import build_tree
from tests.plans import Plan, make_plan

ZERO = "00000000-0000-0000-0000-0000000000"
PEOPLE, OTHER_PEOPLE = f"{ZERO}aa", f"{ZERO}bb"
LINK = {"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:acme@1/platform@2:environment:dev"}
CHURN_LINK = {**LINK, "subject": "repo:acme@1/churn@3:environment:dev"}
CHURN = {"name": "churn", "repository": "github:acme/churn"}
PLATFORM, TEAM, LINKS = "platform.yaml", "teams/fraud.yaml", "links.yaml"

WORLD: dict[str, Any] = {
    PLATFORM: {
        "organization": "acme",
        "location": "westeurope",
        "tenant_id": f"{ZERO}0a",
        "subscription_id": f"{ZERO}0b",
        "budget_start": "2026-11-01",
        "tags": {"owner": "ml@acme.example"},
        "environments": {"dev": {"ring": 0, "subscription_id": f"{ZERO}0d"}},
        "hub": {"alert_emails": ["ml@acme.example"], "budget": 300},
    },
    TEAM: {
        "name": "fraud",
        "groups": {"reviewers": f"{ZERO}ab"},
        "environments": {"dev": {}},
        "budget": 700,
        "compute": [{"name": "cpu", "size": "Standard_D4ds_v5", "max_nodes": 1}],
    },
    LINKS: {"platform": {"dev": LINK, "pull-request": {**LINK, "subject": "repo:acme@1/platform@2:pull_request"}}},
}

Edits = Mapping[tuple[str, str], Any]
"""Values by document and dotted path; `ABSENT` removes the key."""

ABSENT = object()


def planned(edits: Edits, *stacks: str, as_of: str | None = None, observed: Sequence[Mapping[str, Any]] = ()) -> Plan:
    """The plan of some stacks of the edited platform, or of all."""
    documents = copy.deepcopy(WORLD)
    for (name, path), value in edits.items():
        *parents, last = path.split(".")
        place = documents.setdefault(name, {})
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if value is ABSENT:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = copy.deepcopy(value)
    by_id = {resource["id"].lower(): resource for resource in observed}
    with tempfile.TemporaryDirectory() as folder:
        # JSON is YAML.
        files = {name: json.dumps(document) for name, document in documents.items()}
        platform = load_platform(build_tree(Path(folder), files))
        return make_plan(platform, stacks, Progress(), as_of, observed=by_id)


@dataclass(frozen=True)
class Case:
    """Two versions of the platform's manifests.

    Attributes:
        violates: The edits that violate the rule.
        keeps: Similar edits that do not; None where the platform without edits shows it.
        message: A part of the finding's message.
        stack: The stack that violates it.
        as_of: The date of the check.
        observed: Exported resources, where the rule compares with them; the second list is that of `keeps`.
    """

    violates: Edits
    keeps: Edits | None = None
    message: str = ""
    stack: str = "fraud-dev"
    as_of: str | None = None
    observed: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = ((), ())


def on_team(**values: Any) -> Edits:
    return {(TEAM, path.replace("__", ".")): value for path, value in values.items()}


def on_platform(**values: Any) -> Edits:
    return {(PLATFORM, path.replace("__", ".")): value for path, value in values.items()}


HUB_NETWORK = on_platform(hub__vnet={"address_space": "10.0.0.0/24"})
LOCKED: Edits = {**HUB_NETWORK, **on_team(network="locked", vnet={"address_space": "10.1.0.0/24"})}
RUNNERS = on_platform(hub__runners={"organization": "acme", "projects": ["ml"], "principal_id": f"{ZERO}0e"})
PRODUCTION = on_team(protect=True)


def with_size(size: str) -> Edits:
    return on_team(compute=[{"name": "cpu", "size": size, "max_nodes": 1}])


def suppressing(rule: str, until: str = "2027-03-31") -> Edits:
    return on_team(suppress=[{"rule": rule, "reason": "closed later this year", "until": until}])


def two_environments(subscription: str) -> Edits:
    """A second environment in a subscription, and the team in both."""
    test = {"ring": 1, "subscription_id": subscription}
    return {**on_platform(environments__test=test), **on_team(environments={"dev": {}, "test": {}})}


_ACCOUNT = f"/subscriptions/{ZERO}0c/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/stdata"
DATA = {"name": "raw", "storage_id": _ACCOUNT}
GONE = {"name": "gone", "storage_id": _ACCOUNT.replace("stdata", "stgone"), "container": "raw"}
FEED = {"name": "feed", "kind": "python-feed", "target": "https://feed.acme.example/simple"}


def data_account(**properties: Any) -> Mapping[str, Any]:
    """The account of a datastore as Azure describes it."""
    return {"id": _ACCOUNT, "location": "westeurope", "properties": properties}


SHARED_GROUP = f"/subscriptions/{ZERO}0d/resourceGroups/rg-shared"
COLLIDING: Edits = {
    (PLATFORM, "environments.ci"): {"ring": 0, "subscription_id": f"{ZERO}0d"},
    (LINKS, "platform.ci"): {**LINK, "subject": "repo:acme@1/platform@2:environment:ci"},
    (TEAM, "projects"): [{"name": "workspace", "repository": "github:acme/workspace"}],
    ("teams/fraud-dev.yaml", "name"): "fraud-dev",
    ("teams/fraud-dev.yaml", "environments"): {"ci": {}},
    ("teams/fraud-dev.yaml", "budget"): 100,
}
"""An identity of the project `workspace` in fraud-dev and one of the stack fraud-dev-ci have the same name."""

_SUBNET = f"/subscriptions/{ZERO}0c/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/vnet/subnets/ml"
_OLD = f"/subscriptions/{ZERO}0d/resourceGroups/rg-old/providers"
ADOPTED = {
    "mode": "manage",
    "workspace_id": f"{_OLD}/Microsoft.MachineLearningServices/workspaces/mlw-old",
    "storage_id": f"{_OLD}/Microsoft.Storage/storageAccounts/stold",
    "key_vault_id": f"{_OLD}/Microsoft.KeyVault/vaults/kv-old",
}
ADOPT: Edits = {(TEAM, "environments.dev.adopt"): ADOPTED}
OLD_WORKSPACE: Mapping[str, Any] = {
    "id": ADOPTED["workspace_id"],
    "location": "West Europe",
    "properties": {"storageAccount": ADOPTED["storage_id"], "keyVault": ADOPTED["key_vault_id"]},
}


def old_storage(tags: Mapping[str, str] | None = None, **properties: Any) -> Mapping[str, Any]:
    """An export of the adopted storage account that is as the plan configures it, but for some properties."""
    return {
        "id": ADOPTED["storage_id"],
        "location": "westeurope",
        "kind": "StorageV2",
        "tags": tags or {},
        "properties": {"accessTier": "Hot", "minimumTlsVersion": "TLS1_2", **properties},
    }


REGISTRY_TAGS = [
    {"name": "registry-files", "service_tag": "Storage.WestEurope"},
    {"name": "registry-images", "service_tag": "AzureContainerRegistry.WestEurope"},
]
_OF_REGISTRY = f"/subscriptions/{ZERO}0b/resourceGroups/azureml-rg-mlr-acme-hub_{ZERO}11/providers"
REGISTRY_FILES = {
    "name": "files", "group": "blob", "resource_id": f"{_OF_REGISTRY}/Microsoft.Storage/storageAccounts/0a1b2c",
}  # fmt: skip
REGISTRY_IMAGES = {
    "name": "images", "group": "registry", "resource_id": f"{_OF_REGISTRY}/Microsoft.ContainerRegistry/registries/0a1b",
}  # fmt: skip
ELIGIBLE = on_team(groups={"engineers": {"id": PEOPLE, "eligible": True}})


def eligibility(end: str) -> Mapping[str, Any]:
    """An export of the eligibility of the engineers for Monitoring Contributor."""
    group = f"/subscriptions/{ZERO}0d/resourceGroups/rg-acme-fraud-dev"
    return {
        "id": f"{group}/providers/Microsoft.Authorization/roleEligibilitySchedules/{ZERO}ee",
        "properties": {
            "scope": group,
            "principalId": PEOPLE,
            "roleDefinitionId": f"/subscriptions/{ZERO}0d/providers/Microsoft.Authorization/roleDefinitions/"
            "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
            "endDateTime": f"{end}T10:00:00Z",
        },
    }


CASES: dict[str, list[Case]] = {
    "example-value": [
        Case(on_platform(tenant_id=EXAMPLE_TENANT), message="tenant_id"),
        Case(on_platform(subscription_id=EXAMPLE_SUBSCRIPTION), message="subscription_id", stack="hub"),
        Case(on_platform(tags={"owner": EXAMPLE_EMAIL}), message=EXAMPLE_EMAIL),
    ],
    "budget": [
        Case(on_team(budget=ABSENT), message="fraud-dev has no budget"),
        Case(on_platform(hub__budget=ABSENT), message="hub has no budget", stack="hub"),
    ],
    "owner-tag": [
        Case(on_platform(tags=ABSENT), on_platform(tags={"Owner": "the fraud team"}), "have no tag 'owner'"),
    ],
    "public-access": [
        Case(PRODUCTION, {**PRODUCTION, **LOCKED}, "from any address"),
        Case({**PRODUCTION, **HUB_NETWORK, **on_team(network="managed")}, on_team(network="open")),
    ],
    "locked-is-closed": [
        Case(
            {**on_platform(hub__network="locked"), **on_team(network="managed")},
            {**LOCKED, **on_platform(hub__network="locked")},
            "it has a public address",
            "hub",
        )
    ],
    "registry-data": [
        Case(
            LOCKED, {**LOCKED, **on_team(outbound=REGISTRY_TAGS)},
            "outbound-model-registry: jobs reach the model registry, but not its storage and its container registry.",
        ),
        Case(
            {**LOCKED, **on_platform(hub__network="locked"), **on_team(outbound=[*REGISTRY_TAGS, REGISTRY_FILES])},
            {
                **LOCKED,
                **on_platform(hub__network="locked"),
                **on_team(outbound=[REGISTRY_FILES, REGISTRY_IMAGES]),
            },
            "but not its container registry.",
        ),
    ],
    "connection-secret": [
        Case(
            on_team(connections=[{**FEED, "secret": "feed-token"}]), on_team(connections=[FEED]),
            "connection feed: a person writes the secret feed-token to kv-",
        ),
        Case(
            {**ADOPT, **on_team(connections=[{**FEED, "secret": "feed-token"}])},
            message=f"creates the connection in {ADOPTED['workspace_id'].rsplit('/', 1)[-1]}, with the commands",
        ),
    ],
    "policy-denies": [
        Case(
            on_platform(hub__policies={"customer_managed_keys": "Deny"}),
            on_platform(hub__policies={"customer_managed_keys": "Audit"}),
            "workspace: hub.policies.customer_managed_keys refuses it, since encryption.status is None.",
        ),
        Case(
            {**ADOPT, **on_platform(hub__policies={"user_assigned_identity": "Deny"})},
            on_platform(hub__policies={"user_assigned_identity": "Deny"}),
            "since primaryUserAssignedIdentity is None",
        ),
    ],
    "private-link-scope-dns": [
        Case(
            {**HUB_NETWORK, **on_platform(hub__private_link_scope={}, hub__dns="policy")},
            {**HUB_NETWORK, **on_platform(hub__private_link_scope={})},
            "for all that use the organization's DNS zones.",
            "hub",
        ),
        Case(
            on_platform(hub__private_link_scope={}, hub__vnet={"subnet_id": _SUBNET}),
            message="for all that use the organization's network.",
            stack="hub",
        ),
    ],
    "no-people": [
        Case(
            on_team(groups=ABSENT),
            {**on_team(groups=ABSENT, projects=[CHURN]), (LINKS, "teams.fraud.churn.dev"): CHURN_LINK},
            "fraud-dev has no group of its team and no project",
        ),
        Case(
            {**on_team(groups=ABSENT), **on_platform(groups={"platform": PEOPLE})},
            {**on_team(groups=ABSENT), (TEAM, "environments.dev.adopt"): {**ADOPTED, "mode": "refer"}},
            "nobody can use its workspace.",
        ),
    ],
    "standing-access": [
        Case(
            {**PRODUCTION, **on_team(groups={"operators": PEOPLE})},
            {**PRODUCTION, **on_team(groups={"operators": {"id": PEOPLE, "eligible": True}})},
            "people can change fraud-dev",
        )
    ],
    "eligible-by-person": [
        Case(
            on_team(groups={"engineers": {"id": PEOPLE, "eligible": True}}), on_team(groups={"engineers": PEOPLE})
        )
    ],
    "project-not-linked": [
        Case(
            on_team(projects=[CHURN]),
            {**on_team(projects=[CHURN]), (LINKS, "teams.fraud.churn.dev"): CHURN_LINK},
            "no link of churn (teams/fraud.yaml:1) for fraud-dev",
        )
    ],
    "platform-not-linked": [
        Case({(LINKS, "platform.dev"): ABSENT}, message="deployments of dev", stack="hub"),
        Case({(LINKS, "platform.pull-request"): ABSENT}, message="pull requests", stack="hub"),
    ],
    "ci-outside": [
        Case({**LOCKED, **on_team(projects=[CHURN])}, {**LOCKED, **RUNNERS, **on_team(projects=[CHURN])}, "churn"),
        Case(
            {**LOCKED, **on_platform(hub__network="locked")},
            {**LOCKED, **RUNNERS, **on_platform(hub__network="locked")},
            "the states of stacks",
            "hub",
        ),
    ],
    "deployers-apart": [
        Case(
            on_platform(environments__dev__subscription_id=ABSENT),
            None,
            "The environment dev is in the hub's subscription: its deployer can read all states and keys.",
            "hub",
        ),
        Case(
            {
                **on_platform(environments__dev__subscription_id=ABSENT, environments__test={"ring": 1}),
                **on_team(environments={"dev": {}, "test": {}}),
            },
            None,
            "The environments dev, test are in the hub's subscription: their deployers can read all states and keys.",
            "hub",
        ),
        Case(
            two_environments(f"{ZERO}0d"),
            two_environments(f"{ZERO}0c"),
            "the deployer of one can change the others",
            "hub",
        ),
    ],
    # Without the suppression the manifests are refused.
    "location-known": [
        Case(
            {**on_team(location="westeuorpe"), **suppressing("location-known")},
            on_team(location="westus3"),
            "Did you mean 'westeurope'?",
        ),
        Case(
            on_platform(
                hub__location="mars",
                suppress=[{"rule": "location-known", "reason": "it opened this year", "until": "2027-03-31"}],
            ),
            message="'mars' is not in the table",
            stack="hub",
        ),
    ],
    "size-known": [
        Case(with_size("Standard_D4ds_v9"), with_size("Standard_d4ds_v5"), "Did you mean 'Standard_D4ds_v6'?")
    ],
    "size-retired": [
        Case(with_size("Standard_NC6s_v3"), with_size("Standard_DS3_v2"), "was retired on 2025-09-30"),
        Case(with_size("Standard_DS3_v2"), as_of="2028-05-01"),
        # An earlier date does not revive a size.
        Case(with_size("Standard_NC6s_v3"), as_of="2020-01-01"),
    ],
    "size-retiring": [
        Case(with_size("Standard_DS3_v2"), with_size("Standard_NC6s_v3"), "retires on 2028-05-01"),
        Case(with_size("Standard_DS3_v2"), as_of="2028-04-30"),
    ],
    "runner-quota": [
        Case(
            {**HUB_NETWORK, **RUNNERS, **on_platform(hub__runners__max_runners=3)},
            {**HUB_NETWORK, **RUNNERS},
            "3 runners of Standard_D2ads_v5 need 6 cores, and Azure grants 5 by default.",
            "hub",
        ),
        Case(
            {**HUB_NETWORK, **RUNNERS, **on_platform(hub__runners__size="Standard_D2as_v6")},
            message="2 runners of Standard_D2as_v6 need 4 cores, and Azure grants 0 by default.",
            stack="hub",
        ),
    ],
    "limit-entries": [
        Case(
            on_team(alert_emails=[f"a{number}@acme.example" for number in range(1001)]),
            on_team(alert_emails=[f"a{number}@acme.example" for number in range(1000)]),
            "emailReceivers has 1001 entries",
        )
    ],
    "limit-tags": [
        Case(
            on_team(tags={f"tag-{number}": "" for number in range(50)}),
            on_team(tags={f"tag-{number}": "" for number in range(40)}),
            "Azure accepts 50",
        )
    ],
    "names-once": [
        Case(
            {
                **COLLIDING,
                (TEAM, "resource_group_id"): SHARED_GROUP,
                ("teams/fraud-dev.yaml", "resource_group_id"): SHARED_GROUP,
            },
            COLLIDING,
            "ci-workspace of fraud-dev has the same name id-acme-fraud-dev-ci-workspace",
            "fraud-dev-ci",
        )
    ],
    "adopted-differs": [
        Case(
            ADOPT, ADOPT, "storageAccount is",
            observed=(
                [{**OLD_WORKSPACE, "properties": {**OLD_WORKSPACE["properties"], "storageAccount": f"{_OLD}/other"}}],
                [OLD_WORKSPACE],
            ),
        ),
        Case(
            ADOPT, ADOPT, "location is uksouth in Azure",
            observed=([{**OLD_WORKSPACE, "location": "uksouth"}], [OLD_WORKSPACE]),
        ),
    ],
    "adopted-changes": [
        Case(
            ADOPT, ADOPT, 'minimumTlsVersion is "TLS1_0", and becomes "TLS1_2"',
            observed=([old_storage(minimumTlsVersion="TLS1_0")], []),
        )
    ],
    "adopted-loses": [
        Case(
            ADOPT, ADOPT, 'tags.made-by is "hand"',
            observed=([old_storage({"made-by": "hand"})], [old_storage()]),
        )
    ],
    "argument-value": [
        Case(
            ADOPT, ADOPT, "the SDK does not have the value 'TLS9' of minimumTlsVersion",
            observed=([old_storage(minimumTlsVersion="TLS9")], [old_storage(minimumTlsVersion="tls1_2")]),
        )
    ],
    "eligibility-ends": [
        Case(
            ELIGIBLE, ELIGIBLE, "people-engineers-monitoring-contributor-on-resource-group: the eligibility ends on "
            "2027-03-31.", as_of="2027-03-01", observed=([eligibility("2027-03-31")], [eligibility("2027-04-01")]),
        ),
    ],
    "datastore-account": [
        Case(
            on_team(environments={"dev": {"feature_store": {"storage_id": _ACCOUNT, "filesystem": "features"}}}),
            on_team(environments={"dev": {"feature_store": {"storage_id": _ACCOUNT, "filesystem": "features"}}}),
            "offline-store: its account has no hierarchical namespace",
            observed=([data_account()], [data_account(isHnsEnabled=True)]),
        ),
        Case(
            on_team(datastores=[{**DATA, "filesystem": "raw"}]),
            on_team(datastores=[{**DATA, "filesystem": "raw"}]),
            "its account has no hierarchical namespace",
            observed=([data_account()], [data_account(isHnsEnabled=True)]),
        ),
        Case(
            on_team(datastores=[{**DATA, "container": "raw"}]),
            on_team(datastores=[{**DATA, "container": "raw"}]),
            f"its account is in the tenant {ZERO}99, and the platform in {ZERO}0a",
            observed=([{**data_account(), "tenantId": f"{ZERO}99"}], [{**data_account(), "tenantId": f"{ZERO}0A"}]),
        ),
        Case(
            on_team(datastores=[{**DATA, "share": "raw"}]),
            {**LOCKED, **on_team(datastores=[{**DATA, "share": "raw"}])},
            "refuses connections from the internet, and network open has no private endpoints to it",
            observed=([data_account(publicNetworkAccess="Disabled")], [data_account(publicNetworkAccess="Disabled")]),
        ),
        Case(
            on_team(datastores=[{**DATA, "share": "raw"}]),
            on_team(datastores=[{**DATA, "share": "raw"}]),
            "refuses connections from the internet",
            observed=(
                [data_account(networkAcls={"defaultAction": "Deny"})],
                [data_account(networkAcls={"defaultAction": "Allow"})],
            ),
        ),
    ],
    "datastore-unseen": [
        Case(
            on_team(datastores=[{**DATA, "container": "raw"}, GONE]),
            on_team(datastores=[{**DATA, "container": "raw"}, GONE]),
            "datastore-gone: its account stgone is not among the exported ones.",
            observed=([data_account()], [data_account(), {**data_account(), "id": GONE["storage_id"]}]),
        ),
    ],
    "adopted-unseen": [Case(ADOPT, {}, "az resource show --ids")],
    "suppression-expired": [
        Case(suppressing("project-not-linked"), suppressing("budget", "2027-05-31"), as_of="2027-04-01")
    ],
    "suppression-unknown": [Case(suppressing("bugdet"), suppressing("budget"), "Did you mean 'budget'?")],
    "suppression-unused": [
        Case(suppressing("budget"), {**suppressing("budget"), **on_team(budget=ABSENT)}, "allows no violation")
    ],
}  # fmt: skip

CHANGES: dict[str, list[tuple[Edits, Edits, Edits]]] = {
    "change-one-way": [
        # Before the change, a change that violates the rule, and one that does not.
        ({**HUB_NETWORK, **on_team(network="managed")}, on_team(network="open"), LOCKED),
    ],
    "change-refused": [
        ({}, with_size("Standard_D8ds_v5"), on_team(compute__0__max_nodes=3)),
        (
            on_team(instances=[{"name": "anna", "size": "Standard_D4ds_v5", "owner": PEOPLE}]),
            on_team(instances=[{"name": "anna", "size": "Standard_D4ds_v5", "owner": PEOPLE, "idle_minutes": 30}]),
            {},
        ),
        ({}, on_platform(budget_start="2026-12-01"), on_team(budget=900)),
        (LOCKED, {**LOCKED, **on_team(vnet={"address_space": "10.2.0.0/24"})}, LOCKED),
        ({}, on_team(zone_redundancy=True), on_team(registry_replicas=["northeurope"])),
    ],
    "change-isolates-compute": [
        ({}, {**HUB_NETWORK, **on_team(network="managed")}, on_team(budget=900)),
        # Removing the compute in the same change is too late.
        ({}, on_team(network="managed", compute=[]), on_team(compute=[])),
    ],
    "change-replaces-data": [({}, on_team(location="northeurope"), on_team(tags={"cost-center": "77"}))],
    "change-removes-data": [
        (
            two_environments(f"{ZERO}0c"),
            {},
            {**two_environments(f"{ZERO}0c"), **on_team(budget=900)},
        )
    ],
}  # fmt: skip
