"""The data that manifests declare as datastores: what becomes of it, and what is refused with its reason."""

from pathlib import Path

import pytest

from bootstrap.manifests.platform import load_platform
from infra.settings import DatastoreSettings, EnvironmentSettings
from tests.unit.manifests.test_manifests import mistakes
from tests.worlds import PLATFORM, TEAM, world

GROUP = "/subscriptions/00000000-0000-0000-0000-0000000000dd/resourceGroups/rg-lake/providers"
ACCOUNT = f"{GROUP}/Microsoft.Storage/storageAccounts/stlake"
VAULT = f"{GROUP}/Microsoft.KeyVault/vaults/kv-lake"
HUB = PLATFORM + "  vnet: {address_space: 10.0.0.0/24}\n"
LOCKED = (
    "network: locked\nvnet: {address_space: 10.1.0.0/24}\n"
    "compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]\n"
)


def datastore(keys: str = "container: claims", name: str = "claims", account: str = ACCOUNT) -> str:
    return f"  - {{name: {name}, storage_id: {account}, {keys}}}\n"


def stacks(root: Path) -> dict[str, EnvironmentSettings]:
    found = load_platform(root).stacks
    return {name: settings for name, settings in found.items() if isinstance(settings, EnvironmentSettings)}


def test_datastore_is_read_only_by_default_and_keeps_its_line(tmp_path: Path) -> None:
    found = stacks(world(tmp_path, team=TEAM + "datastores:\n" + datastore()))["fraud-dev"]

    assert found.datastores == (
        DatastoreSettings(
            name="claims",
            storage_id=ACCOUNT,
            kind="container",
            path="claims",
            access="read",
            origin="teams/fraud.yaml:5",
        ),
    )


def test_datastores_of_an_environment_replace_those_of_the_team(tmp_path: Path) -> None:
    team = TEAM.replace("dev: {}", "dev: {datastores: []}\n  prod: {}") + "datastores:\n" + datastore()

    found = stacks(world(tmp_path, team=team))

    assert {name: [one.name for one in made.datastores] for name, made in found.items()} == {
        "fraud-dev": [],
        "fraud-prod": ["claims"],
    }


def test_account_in_azures_other_spelling_is_accepted(tmp_path: Path) -> None:
    spelled = ACCOUNT.replace("resourceGroups", "resourcegroups").replace("Microsoft.Storage", "microsoft.storage")

    found = stacks(world(tmp_path, team=TEAM + "datastores:\n" + datastore(account=spelled)))["fraud-dev"]

    assert [one.storage_id for one in found.datastores] == [ACCOUNT]


ADOPT = f"""{{adopt: {{
  workspace_id: {GROUP.replace("dd", "0b")}/Microsoft.MachineLearningServices/workspaces/mlw-old,
  storage_id: {ACCOUNT}, key_vault_id: {VAULT}}}}}"""


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        (
            TEAM + "datastores:\n" + datastore(account=VAULT),
            "fraud.yaml:5:32: datastores.0.storage_id: must be the resource id of a storage account",
        ),
        (
            TEAM + "datastores:\n" + datastore("access: read"),
            "fraud.yaml:5:5: datastore claims: set one of container, filesystem and share.",
        ),
        (
            TEAM + "datastores:\n" + datastore("container: claims, share: claims"),
            "fraud.yaml:5:5: datastore claims: set one of container, filesystem and share.",
        ),
        (
            TEAM + "datastores:\n" + datastore() + datastore("container: bills"),
            "fraud.yaml:6:5: there already is a datastore with the name 'claims'.",
        ),
        (
            TEAM + "datastores:\n" + datastore() + datastore("filesystem: claims", "again"),
            "fraud.yaml:6:5: datastore again: the datastore claims already leads to claims of the same account.",
        ),
        (
            TEAM + "datastores:\n" + datastore(name="workspaceblobstore"),
            "datastores.0.name: must be 2 to 32 lower-case letters, digits and underscores",
        ),
        (TEAM + "datastores:\n" + datastore("container: my_data"), "container: must be 3 to 63 lower-case letters"),
        (TEAM + "datastores:\n" + datastore("container: claims, key: abc"), "unknown key 'key'. Known: access"),
        (TEAM + "datastores:\n" + datastore("container: claims, access: own"), "access: must be 'read' or 'write'"),
        (
            TEAM.replace("dev: {}", f"dev: {ADOPT}") + "datastores:\n" + datastore(),
            "datastore claims: this is the storage account of the workspace itself, which has its own datastores.",
        ),
        (
            TEAM + LOCKED + "datastores:\n" + datastore()
            + f"outbound: [{{name: lake, resource_id: {ACCOUNT}, group: blob}}]\n",
            "fraud.yaml:9:12: outbound rule lake: teams/fraud.yaml:8 already adds a rule to the same",
        ),
        (
            TEAM + LOCKED + "datastores:\n" + datastore() + "outbound: [{name: stlake-blob, fqdn: pypi.org}]\n",
            "fraud.yaml:9:12: there already is an outbound rule with the name 'stlake-blob'.",
        ),
    ],
)  # fmt: skip
def test_wrong_datastore_is_refused_at_its_line(tmp_path: Path, team: str, expected: str) -> None:
    [mistake] = mistakes(world(tmp_path, HUB, team))

    assert expected in mistake


SERVICE = f"{GROUP}/Microsoft.CognitiveServices/accounts/oai-contoso"
SEARCH = f"{GROUP}/Microsoft.Search/searchServices/srch-contoso"


def connection(kind: str = "azure-openai", service: str = SERVICE, name: str = "chat", more: str = "") -> str:
    return f"  - {{name: {name}, kind: {kind}, resource_id: {service}{more}}}\n"


@pytest.mark.parametrize("key", ["key", "password", "token", "credentials"])
def test_secret_in_a_connection_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    team = TEAM + "connections:\n" + connection(more=f", {key}: hunter2-hunter2")

    [mistake] = mistakes(world(tmp_path, team=team))

    assert f"connections.0.{key}: is a secret, and connections have none" in mistake
    assert mistake.startswith("teams/fraud.yaml:5:")
    assert "(found ***)" in mistake
    assert "hunter2" not in mistake


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (connection(service=ACCOUNT), "fraud.yaml:5:51: connections.0.resource_id: must be the resource id of an"),
        (connection(service=SEARCH), "connection chat: azure-openai does not fit the service Microsoft.Search."),
        (connection("ai-search"), "connection chat: ai-search does not fit the service Microsoft.CognitiveServices."),
        (connection() + connection(service=f"{SERVICE}2"), "6:5: there already is a connection with the name"),
        (connection() + connection(name="again"), "connection again: the connection chat already leads to the same"),
    ],
)  # fmt: skip
def test_wrong_connection_is_refused_at_its_line(tmp_path: Path, items: str, expected: str) -> None:
    [mistake] = mistakes(world(tmp_path, team=TEAM + "connections:\n" + items))

    assert expected in mistake
