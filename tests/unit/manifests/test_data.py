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


FABRIC, LAKEHOUSE = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-aaaaaaaaaaaa"


def lakehouse(more: str = "", name: str = "sales") -> str:
    return f"  - {{name: {name}, fabric_workspace: {FABRIC}, lakehouse: {LAKEHOUSE}{more}}}\n"


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
            "fraud.yaml:5:5: datastore claims: set one of container, filesystem, share and lakehouse.",
        ),
        (
            TEAM + "datastores:\n" + datastore("container: claims, share: claims"),
            "fraud.yaml:5:5: datastore claims: set one of container, filesystem, share and lakehouse.",
        ),
        (
            TEAM + "datastores:\n" + datastore(f"lakehouse: {LAKEHOUSE}"),
            "fraud.yaml:5:5: datastore claims: lakehouse goes with fabric_workspace, and without storage_id.",
        ),
        (
            TEAM + f"datastores:\n  - {{name: claims, container: claims, fabric_workspace: {FABRIC}}}\n",
            "fraud.yaml:5:5: datastore claims: container goes with storage_id, and without fabric_workspace.",
        ),
        (
            TEAM + "datastores:\n" + lakehouse(", access: write"),
            "datastore sales: roles in OneLake are assigned in Microsoft Fabric, so leave out access.",
        ),
        (TEAM + "datastores:\n" + lakehouse() + lakehouse(name="again"), "datastore again: the datastore sales"),
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
        (
            TEAM + "datastores:\n" + datastore("container: claims, mode: ro"),
            "unknown key 'mode'. Known: access, container, fabric_workspace, filesystem, lakehouse, name, share,",
        ),
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
IMAGES = f"{GROUP}/Microsoft.ContainerRegistry/registries/crbase"
SERVER = f"{GROUP}/Microsoft.Sql/servers/sql-contoso"
DATABASE = f"{SERVER}/databases/Sales"
SNOWFLAKE = '"jdbc:snowflake://contoso.snowflakecomputing.com/?db=SALES&warehouse=ML"'
SECRET_KEYS = [
    "key", "api_key", "apiKey", "account_key", "password", "passwd", "token", "sas", "sas_token", "pat", "credentials",
    "client_secret", "connection_string", "connectionString",
]  # fmt: skip


def connection(kind: str = "azure-openai", service: str = SERVICE, name: str = "chat", more: str = "") -> str:
    return f"  - {{name: {name}, kind: {kind}, resource_id: {service}{more}}}\n"


def external(kind: str, target: str, more: str = "", name: str = "feed") -> str:
    return f"  - {{name: {name}, kind: {kind}, target: {target}{more}}}\n"


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_secret_in_a_connection_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    team = TEAM + "connections:\n" + connection(more=f", {key}: hunter2-hunter2")

    [mistake] = mistakes(world(tmp_path, team=team))

    assert f"connections.0.{key}: is for a secret, and manifests contain none: write its value to the team's" in mistake
    assert mistake.startswith("teams/fraud.yaml:5:")
    assert "(found ***)" in mistake
    assert "hunter2" not in mistake


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_secret_in_a_datastore_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    team = TEAM + "datastores:\n" + datastore(f"container: claims, {key}: hunter2-hunter2")

    [mistake] = mistakes(world(tmp_path, team=team))

    assert f"datastores.0.{key}: is for a secret, and datastores have no keys: remove it; people, clusters" in mistake
    assert "hunter2" not in mistake


@pytest.mark.parametrize(
    "value",
    ["ghp_hunter2hunter2", "Hunter2-Hunter2", "hunter2==", "https://kv.vault.azure.net/secrets/hunter2", '"hunter2 "'],
)
def test_secret_instead_of_its_name_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    team = TEAM + "connections:\n" + external("git", "https://github.com/contoso/churn", f", secret: {value}")

    [mistake] = mistakes(world(tmp_path, team=team))

    assert "connections.0.secret: must be the name of a secret in the team's key vault, not its value" in mistake
    assert "unter2" not in mistake


@pytest.mark.parametrize(
    "target",
    [
        "https://me:hunter2@github.com/contoso/churn",
        "https://pkgs.example.com/simple?token=hunter2",
        '"jdbc:snowflake://contoso.snowflakecomputing.com/?db=A&password=hunter2"',
        '"Server=tcp:sql.example.com;User=me;Pwd=hunter2"',
    ],
)
def test_secret_in_an_address_is_refused_and_not_shown(tmp_path: Path, target: str) -> None:
    [mistake] = mistakes(world(tmp_path, team=TEAM + "connections:\n" + external("git", target)))

    assert "connections.0.target: must be an address such as" in mistake
    assert "(found ***)" in mistake
    assert "hunter2" not in mistake


def test_known_keys_of_a_connection_are_those_that_are_accepted(tmp_path: Path) -> None:
    [mistake] = mistakes(world(tmp_path, team=TEAM + "connections:\n" + connection(more=", mode: ro")))

    assert "unknown key 'mode'. Known: kind, name, resource_id, secret, target, user." in mistake


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (connection(service=ACCOUNT), "fraud.yaml:5:51: connections.0.resource_id: must be the resource id of an"),
        (connection(service=SEARCH), "connection chat: azure-openai does not fit the service Microsoft.Search."),
        (connection("ai-search"), "connection chat: ai-search does not fit the service Microsoft.CognitiveServices."),
        (connection("azure-sql"), "connection chat: azure-sql does not fit the service Microsoft.CognitiveServices."),
        (connection("azure-sql", SERVER), "azure-sql needs a database, and resource_id is its server: add /databases/"),
        (
            connection("azure-sql", f"{GROUP}/Microsoft.Sql/managedInstances/mi/databases/Sales"),
            "or .../Microsoft.Sql/servers/NAME/databases/NAME (found '/subscriptions/",
        ),
        (connection("azure-sql", '"' + DATABASE + ' 2"'), "sql-contoso/databases/Sales 2')."),
        (connection("git"), "connection chat: git does not fit the service Microsoft.CognitiveServices."),
        (connection() + connection(service=f"{SERVICE}2"), "6:5: there already is a connection with the name"),
        (connection() + connection(name="again"), "connection again: the connection chat already leads to the same"),
        (connection(more=", secret: chat-key"), "connection chat: azure-openai has no secret: people and jobs"),
        (connection(more=", user: me"), "connection chat: user goes with secret."),
        (external("git", "https://github.com/contoso/churn") * 2, "there already is a connection with the name"),
        (external("git", SNOWFLAKE), "connection feed: git needs a target https://..."),
        (external("azure-openai", "https://a.example.com"), "connection feed: azure-openai needs resource_id."),
        ("  - {name: feed, kind: git}\n", "connection feed: git needs target alone."),
        ("  - {name: feed, kind: container-registry}\n", "connection feed: set resource_id or target, one of them."),
        (connection("container-registry", IMAGES, more=", target: https://crbase.azurecr.io"), "one of them."),
        (
            external("snowflake", SNOWFLAKE),
            "connection feed: Azure ML connects to snowflake with a secret only: set user and secret.",
        ),
        (external("snowflake", SNOWFLAKE, ", secret: snow"), "snowflake has no tokens: set user, the login name"),
        (external("container-registry", "https://cr.example.com"), "container-registry with a secret only: set user"),
    ],
)  # fmt: skip
def test_wrong_connection_is_refused_at_its_line(tmp_path: Path, items: str, expected: str) -> None:
    [mistake, *others] = mistakes(world(tmp_path, team=TEAM + "connections:\n" + items))

    assert expected in mistake
    assert others == []


FEATURES = f"{{feature_store: {{storage_id: {ACCOUNT}, filesystem: features}}}}"


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        (
            TEAM.replace("dev: {}", f"dev: {FEATURES}") + LOCKED,
            "fraud.yaml:3:9: feature_store is refused: Azure ML supports feature stores in managed networks that reach",
        ),
        (
            TEAM.replace("dev: {}", f"dev: {FEATURES[:-1]}, {ADOPT[1:]}"),
            "feature_store is refused: an existing workspace keeps its kind.",
        ),
        (
            TEAM.replace("dev: {}", f"dev: {FEATURES}")
            + f"customer_key: {{vault_id: {VAULT}, key: https://kv-lake.vault.azure.net/keys/ml/{'0' * 32}}}\n",
            "feature_store is refused: Azure ML attaches one identity to a feature store, and customer_key adds a",
        ),
        (
            TEAM.replace("dev: {}", f"dev: {FEATURES}") + "datastores:\n" + datastore("filesystem: features"),
            "datastore claims: the datastore offline store already leads to features of the same account.",
        ),
        (
            TEAM.replace("dev: {}", f"dev: {FEATURES.replace('filesystem:', 'account_key: hunter2, filesystem:')}"),
            "environments.dev.feature_store.account_key: is for a secret, and a feature store has none",
        ),
        (
            TEAM.replace("dev: {}", f"dev: {FEATURES.replace(ACCOUNT, VAULT)}"),
            "feature_store.storage_id: must be the resource id of a storage account",
        ),
    ],
)
def test_wrong_feature_store_is_refused_at_its_line(tmp_path: Path, team: str, expected: str) -> None:
    [mistake] = mistakes(world(tmp_path, HUB, team))

    assert expected in mistake
