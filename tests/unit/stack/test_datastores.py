"""Datastores as planned: no keys, roles on exactly their data, and private endpoints where the network is closed."""

from pathlib import Path

import pytest

from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import Resource
from tests import worlds
from tests.unit.manifests.test_data import ACCOUNT, FABRIC, HUB, LAKEHOUSE, LOCKED, datastore, lakehouse

SCIENTISTS, ENGINEERS, REVIEWERS = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "abc")
TEAM = f"""\
name: fraud
groups: {{data_scientists: {SCIENTISTS}, engineers: {ENGINEERS}, reviewers: {REVIEWERS}}}
environments:
  dev: {{}}
"""
CONTAINER = f"{ACCOUNT}/blobServices/default/containers"
TWO = "datastores:\n" + datastore("filesystem: raw", "raw") + datastore("container: labels, access: write", "labels")


def planned(root: Path, team: str) -> dict[str, StackPlan]:
    return worlds.planned(worlds.world(root, HUB, team))


def roles(stack: StackPlan) -> list[tuple[str, str, str]]:
    """The roles on the data account and below it: who, on what, which role."""
    return [
        (one.name.partition("-storage-")[0].partition("-azure-ai-")[0], one.inputs["scope"], role)
        for one in stack.made
        if one.type.endswith(":RoleAssignment") and one.inputs["scope"].startswith(ACCOUNT)
        for role in [one.inputs["roleDefinitionId"].rsplit("/", 1)[-1]]
    ]


def rules(stack: StackPlan) -> dict[str, Resource]:
    return {
        one.inputs["ruleName"]: one
        for one in stack.made
        if one.type.endswith(":ManagedNetworkSettingsRule") and one.inputs["ruleName"].startswith("stlake")
    }


READER, CONTRIBUTOR = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
FILE_READER, FILE_CONTRIBUTOR = "b8eda974-7b85-4f76-af95-65846b26df6d", "69566ab7-960f-475b-8e7c-b3118f30c6bd"
APPROVER = "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("container: claims", {"datastoreType": "AzureBlob", "containerName": "claims"}),
        ("filesystem: claims", {"datastoreType": "AzureDataLakeGen2", "filesystem": "claims"}),
        ("share: claims", {"datastoreType": "AzureFile", "fileShareName": "claims"}),
    ],
)
def test_datastore_has_no_credentials_and_names_the_subscription_of_its_account(
    tmp_path: Path, keys: str, expected: dict[str, str]
) -> None:
    stack = planned(tmp_path, TEAM + "datastores:\n" + datastore(keys))["fraud-dev"]

    [found] = [one for one in stack.made if one.type.endswith(":Datastore")]

    assert found.inputs["name"] == "claims"
    assert found.inputs["properties"] == {
        **expected,
        "accountName": "stlake",
        "subscriptionId": "00000000-0000-0000-0000-0000000000dd",
        "resourceGroup": "rg-lake",
        "credentials": {"credentialsType": "None"},
        "serviceDataAccessAuthIdentity": "None",
    }
    assert stack.manifest(found) == "teams/fraud.yaml:6"


@pytest.mark.parametrize(
    ("keys", "scope", "role"),
    [
        ("container: claims", f"{CONTAINER}/claims", READER),
        ("container: claims, access: write", f"{CONTAINER}/claims", CONTRIBUTOR),
        ("filesystem: claims", f"{CONTAINER}/claims", READER),
        ("share: claims", f"{ACCOUNT}/fileServices/default/fileshares/claims", FILE_READER),
        ("share: claims, access: write", f"{ACCOUNT}/fileServices/default/fileshares/claims", FILE_CONTRIBUTOR),
    ],
)
def test_clusters_endpoints_and_people_who_work_get_one_role_on_exactly_the_data(
    tmp_path: Path, keys: str, scope: str, role: str
) -> None:
    stack = planned(tmp_path, TEAM + "datastores:\n" + datastore(keys))["fraud-dev"]

    found = roles(stack)

    assert [who.rsplit("claims-", 1)[1] for who, _, _ in found] == ["cluster", "endpoint", SCIENTISTS, ENGINEERS]
    assert {(on, which) for _, on, which in found} == {(scope, role)}


def test_people_have_no_role_on_data_where_they_only_read(tmp_path: Path) -> None:
    team = TEAM.replace("dev: {}", "prod: {}") + "datastores:\n" + datastore()

    stack = planned(tmp_path, team)["fraud-prod"]

    assert [who.rsplit("-", 1)[1] for who, _, _ in roles(stack)] == ["cluster", "endpoint"]


def test_role_of_a_group_that_several_environments_need_is_assigned_by_the_first(tmp_path: Path) -> None:
    platform = worlds.changed(HUB, ("prod: {ring: 1, protect: true}", "test: {ring: 1}"))
    eligible = f"engineers: {{id: {ENGINEERS}, eligible: true}}"
    dev = f"  dev: {{groups: {{{eligible}}}}}\n  test: {{}}\n"
    team = worlds.changed(TEAM, ("  dev: {}\n", dev)) + "datastores:\n" + datastore()

    found = worlds.planned(worlds.world(tmp_path, platform, team))

    assert [who.rsplit("claims-", 1)[1] for who, _, _ in roles(found["fraud-dev"])] == [
        "cluster", "endpoint", SCIENTISTS, ENGINEERS,
    ]  # fmt: skip
    assert [who.rsplit("claims-", 1)[1] for who, _, _ in roles(found["fraud-test"])] == ["cluster", "endpoint"]


def test_role_stays_when_the_datastore_gets_another_name(tmp_path: Path) -> None:
    """The engine creates a resource of another name before it deletes the old one, and both would be one role."""
    before = planned(tmp_path / "before", TEAM + "datastores:\n" + datastore())["fraud-dev"]
    after = planned(tmp_path / "after", TEAM + "datastores:\n" + datastore(name="renamed"))["fraud-dev"]

    assert roles(before) == roles(after)


def test_locked_network_reaches_accounts_by_private_endpoints_that_its_identity_approves(tmp_path: Path) -> None:
    stack = planned(tmp_path, TEAM + LOCKED + TWO)["fraud-dev"]
    approvals = [one for one in stack.made if one.inputs.get("scope") == ACCOUNT]

    assert {name: rule.inputs["properties"]["destination"] for name, rule in rules(stack).items()} == {
        f"stlake-{group}": {"serviceResourceId": ACCOUNT, "subresourceTarget": group, "sparkEnabled": False}
        for group in ("blob", "dfs")
    }
    assert [one.inputs["roleDefinitionId"].rsplit("/", 1)[-1] for one in approvals] == [APPROVER]
    for rule in rules(stack).values():
        assert approvals[0].urn in rule.depends_on
        assert rule.options["hooks"]


@pytest.mark.parametrize(("network", "expected"), [("open", []), ("managed", ["stlake-file"])])
def test_private_endpoints_exist_where_there_is_a_managed_network(
    tmp_path: Path, network: str, expected: list[str]
) -> None:
    team = TEAM + LOCKED.replace("network: locked", f"network: {network}") + "datastores:\n" + datastore("share: raw")

    assert list(rules(planned(tmp_path, team)["fraud-dev"])) == expected


def test_lakehouse_has_no_credentials_no_roles_in_azure_and_a_rule_for_its_host(tmp_path: Path) -> None:
    stack = planned(tmp_path, TEAM + LOCKED + "datastores:\n" + lakehouse())["fraud-dev"]

    [found] = [one for one in stack.made if one.type.endswith(":Datastore")]
    [rule] = [one for one in stack.made if one.inputs.get("ruleName") == "onelake-dfs-fabric-microsoft-com"]

    assert found.inputs["properties"] == {
        "datastoreType": "OneLake",
        "endpoint": "onelake.dfs.fabric.microsoft.com",
        "oneLakeWorkspaceName": FABRIC,
        "artifact": {"artifactType": "LakeHouse", "artifactName": f"{LAKEHOUSE}/Files"},
        "credentials": {"credentialsType": "None"},
        "serviceDataAccessAuthIdentity": "None",
    }
    assert rule.inputs["properties"]["destination"] == "onelake.dfs.fabric.microsoft.com"
    assert [one.name for one in stack.made if FABRIC in str(one.inputs.get("scope"))] == []
