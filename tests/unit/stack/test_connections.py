"""Connections as planned: no secrets, roles on exactly the service or the secret, and routes in closed networks."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import UNKNOWN, Resource
from infra.tables.connections import CATEGORIES, PROVIDERS, WITH_SECRET
from tests import worlds
from tests.unit.manifests.test_data import (
    DATABASE,
    HUB,
    IMAGES,
    LOCKED,
    SEARCH,
    SERVER,
    SERVICE,
    connection,
    external,
)
from tests.unit.stack.test_datastores import ENGINEERS, SCIENTISTS, TEAM, planned

CONNECTION = "azure-native:machinelearningservices:WorkspaceConnection"
RULE = "azure-native:machinelearningservices:ManagedNetworkSettingsRule"


@pytest.mark.parametrize(
    ("kind", "service", "role", "category", "target", "group"),
    [
        (
            "azure-openai", SERVICE, "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd", "AzureOpenAI",
            "https://oai-contoso.openai.azure.com/", "account",
        ),
        (
            "ai-services", SERVICE, "a97b65f3-24c7-4388-baec-2e87135dc908", "AIServices",
            "https://oai-contoso.cognitiveservices.azure.com/", "account",
        ),
        (
            "ai-search", SEARCH, "1407120a-92aa-4202-b7e9-c0e197c71c8f", "CognitiveSearch",
            "https://srch-contoso.search.windows.net/", "searchService",
        ),
    ],
)  # fmt: skip
def test_connection_has_no_key_one_role_and_a_private_endpoint(
    tmp_path: Path, kind: str, service: str, role: str, category: str, target: str, group: str
) -> None:
    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + connection(kind, service))["fraud-dev"]

    [made] = [one for one in stack.made if one.type.endswith(":WorkspaceConnection")]
    roles = [one for one in stack.made if one.inputs.get("scope") == service]
    [rule] = [one for one in stack.made if one.inputs.get("ruleName") == f"chat-{group}"]

    assert made.inputs["properties"] == {
        "authType": "AAD",
        "category": category,
        "target": target,
        "isSharedToAll": True,
        "metadata": {"ApiType": "Azure", "ResourceId": service},
    }
    used = [one.name for one in roles if one.inputs["roleDefinitionId"].endswith(role)]
    name = f"{kind}-{service.rsplit('/', 1)[1]}"
    assert [one.removeprefix(f"{name}-").startswith(who) for one, who in zip(
        used, ("cluster", "endpoint", SCIENTISTS, ENGINEERS), strict=True
    )] == [True] * 4  # fmt: skip
    [approval] = [one for one in roles if one.name not in used]
    assert approval.inputs["roleDefinitionId"].endswith("b556d68e-0be0-4f35-a333-ad7ee1ce17ea")
    assert rule.inputs["properties"]["destination"]["serviceResourceId"] == service
    assert rule.inputs["properties"]["destination"]["subresourceTarget"] == group
    assert approval.urn in rule.depends_on


def made(stack: StackPlan, type_: str) -> list[Resource]:
    return [one for one in stack.made if one.type == type_]


def roles(stack: StackPlan, scope: str) -> dict[str, str]:
    """The roles at a scope, by the name of the assignment."""
    found = [one for one in stack.made if one.type.endswith(":RoleAssignment") and one.inputs["scope"] == scope]
    return {one.name: one.inputs["roleDefinitionId"].rsplit("/", 1)[-1] for one in found}


def routes(stack: StackPlan, name: str) -> dict[str, Any]:
    [found] = [one for one in made(stack, RULE) if one.inputs["ruleName"] == name]
    properties: dict[str, Any] = found.inputs["properties"]
    return properties


def test_databases_of_one_server_in_any_case_have_one_private_endpoint(tmp_path: Path) -> None:
    other = f"{SERVER}/databases/Stock".replace("/sql-contoso", "/SQL-Contoso").replace(
        "Microsoft.Sql", "MICROSOFT.SQL"
    )
    items = connection("azure-sql", DATABASE, "sales") + connection("azure-sql", other, "stock")

    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + items)["fraud-dev"]

    servers = [one.inputs["ruleName"] for one in made(stack, RULE) if "Microsoft.Sql" in str(one.inputs["properties"])]
    approvals = [one for one in stack.made if one.inputs.get("scope", "").lower() == SERVER.lower()]
    targets = [one.inputs["properties"]["target"] for one in made(stack, CONNECTION)]
    assert servers == ["sql-contoso-sqlServer"]
    assert len(approvals) == 1
    assert [target.partition(";Trusted")[0] for target in targets] == [
        "Server=tcp:sql-contoso.database.windows.net,1433;Database=Sales",
        "Server=tcp:sql-contoso.database.windows.net,1433;Database=Stock",
    ]


def test_database_is_reached_by_its_server_and_has_no_roles_in_azure(tmp_path: Path) -> None:
    items = connection("azure-sql", DATABASE, "sales")

    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + items)["fraud-dev"]

    [found] = made(stack, CONNECTION)
    assert found.inputs["properties"] == {
        "authType": "AAD",
        "category": "AzureSqlDb",
        "target": "Server=tcp:sql-contoso.database.windows.net,1433;Database=Sales;Trusted_Connection=False;"
        "Encrypt=True;Connection Timeout=30",
        "isSharedToAll": True,
        "metadata": {"ApiType": "Azure", "ResourceId": DATABASE},
    }
    destination = {"serviceResourceId": SERVER, "subresourceTarget": "sqlServer", "sparkEnabled": False}
    assert routes(stack, "sql-contoso-sqlServer")["destination"] == destination
    assert roles(stack, DATABASE) == {}
    assert not [one.name for one in stack.resources if "azure-sql-Sales" in one.name]
    assert list(roles(stack, SERVER).values()) == ["b556d68e-0be0-4f35-a333-ad7ee1ce17ea"]


def test_two_databases_of_a_server_have_one_private_endpoint_and_one_approval(tmp_path: Path) -> None:
    items = connection("azure-sql", DATABASE, "sales") + connection("azure-sql", f"{SERVER}/databases/stock", "stock")

    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + items)["fraud-dev"]

    assert len(made(stack, CONNECTION)) == 2
    assert routes(stack, "sql-contoso-sqlServer")["type"] == "PrivateEndpoint"
    assert len(roles(stack, SERVER)) == 1


def test_container_registry_is_used_with_the_identity_of_clusters(tmp_path: Path) -> None:
    items = connection("container-registry", IMAGES, "base")

    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + items)["fraud-dev"]

    [found] = made(stack, CONNECTION)
    identity = found.inputs["properties"]["credentials"]
    assert (found.inputs["properties"]["authType"], found.inputs["properties"]["category"]) == (
        "ManagedIdentity",
        "ContainerRegistry",
    )
    assert found.inputs["properties"]["target"] == "https://crbase.azurecr.io"
    assert identity["resourceId"].endswith("/userAssignedIdentities/id-contoso-fraud-dev-cluster")
    assert identity["clientId"] == UNKNOWN
    assert identity.keys() == {"resourceId", "clientId"}
    pulls = [one for one, role in roles(stack, IMAGES).items() if role == "7f951dda-4ed3-4680-a7ca-43fe172d538d"]
    assert len(pulls) == 4
    assert routes(stack, "base-registry")["destination"]["subresourceTarget"] == "registry"


@pytest.mark.parametrize(
    ("kind", "category", "target"),
    [
        ("git", "Git", "https://github.com/contoso/churn"),
        ("python-feed", "PythonFeed", "https://feed.contoso.com/simple"),
    ],
)
def test_public_service_has_a_connection_without_a_login_and_a_rule_for_its_host(
    tmp_path: Path, kind: str, category: str, target: str
) -> None:
    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + external(kind, target))["fraud-dev"]

    [found] = made(stack, CONNECTION)
    host = target.split("/")[2]
    assert found.inputs["properties"] == {
        "authType": "None",
        "category": category,
        "target": target,
        "isSharedToAll": True,
    }
    assert routes(stack, host.replace(".", "-")) == {"type": "FQDN", "category": "UserDefined", "destination": host}


@pytest.mark.parametrize(("network", "expected"), [("open", 0), ("managed", 0), ("locked", 1)])
def test_host_has_a_rule_where_jobs_reach_approved_destinations_only(
    tmp_path: Path, network: str, expected: int
) -> None:
    closed = LOCKED.replace("network: locked", f"network: {network}")
    team = TEAM + closed + "connections:\n" + external("git", "https://github.com/contoso/churn")

    stack = planned(tmp_path, team)["fraud-dev"]

    assert len([one for one in made(stack, RULE) if one.inputs["properties"]["type"] == "FQDN"]) == expected


SECRET = external("python-feed", "https://feed.contoso.com/simple", ", secret: feed-token")


def test_connection_with_a_secret_is_a_role_on_the_secret_a_route_and_no_resource(tmp_path: Path) -> None:
    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + SECRET)["fraud-dev"]

    [vault] = made(stack, "azure-native:keyvault:Vault")
    group = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-contoso-fraud-dev"
    scope = f"{group}/providers/Microsoft.KeyVault/vaults/{vault.inputs['vaultName']}/secrets/feed-token"
    assert made(stack, CONNECTION) == []
    assert roles(stack, scope) == dict.fromkeys(
        (
            f"secret-feed-token-{who}-key-vault-secrets-user-on-vault-secret"
            for who in ("cluster", "endpoint", SCIENTISTS, ENGINEERS)
        ),
        "4633458b-17de-408a-b874-0445c86b69e6",
    )
    assert routes(stack, "feed-contoso-com")["type"] == "FQDN"


def test_each_environment_has_the_secret_in_its_own_vault(tmp_path: Path) -> None:
    team = TEAM.replace("  dev: {}\n", "  dev: {}\n  test: {}\n") + "connections:\n" + SECRET
    platform = worlds.changed(HUB, ("prod: {ring: 1, protect: true}", "test: {ring: 1}"))

    found = worlds.planned(worlds.world(tmp_path, platform, team))

    for name in ("fraud-dev", "fraud-test"):
        assert len([one for one in found[name].made if one.name.startswith("secret-feed-token-")]) == 4


def test_connections_with_one_secret_assign_its_roles_once(tmp_path: Path) -> None:
    git = external("git", "https://github.com/contoso/churn", ", secret: feed-token", "code")

    stack = planned(tmp_path, TEAM + "connections:\n" + SECRET + git)["fraud-dev"]

    assert len([one for one in stack.made if one.name.startswith("secret-")]) == 4
    assert len([one for one in stack.findings if one.rule == "connection-secret"]) == 2


def test_note_names_what_people_need_to_create_a_connection_and_fits_into_two_lines(tmp_path: Path) -> None:
    stack = planned(tmp_path, TEAM + "connections:\n" + SECRET)["fraud-dev"]

    [finding] = [one for one in stack.findings if one.rule == "connection-secret"]
    [vault] = made(stack, "azure-native:keyvault:Vault")
    assert finding.message == (
        f"connection feed: a person writes the secret feed-token to {vault.inputs['vaultName']} and creates the "
        "connection in mlw-contoso-fraud-dev, with the commands of docs/data.md (teams/fraud.yaml:6)"
    )
    assert finding.severity == "note"


@pytest.mark.filterwarnings("ignore::Warning:marshmallow")
@pytest.mark.filterwarnings("ignore::Warning:azure")
def test_kinds_and_logins_are_those_of_azures_sdk() -> None:
    """The SDK refuses other logins for these kinds; its own names are in snake case."""
    sdk = pytest.importorskip("azure.ai.ml.entities._workspace.connections.workspace_connection")
    accepted = {
        str(getattr(category, "value", category)): {login.__name__ for login in logins}
        for category, logins in sdk.CONNECTION_CATEGORY_TO_CREDENTIAL_MAP.items()
    }
    ours = {"token": "PatTokenConfiguration", "password": "UsernamePasswordConfiguration"}
    for kind in ("git", "python-feed", "container-registry"):
        logins = accepted[CATEGORIES[kind]]
        assert {ours[way] for way in WITH_SECRET[kind]} == logins & set(ours.values()), kind
        assert ("NoneCredentialConfiguration" in logins) == (kind not in PROVIDERS), kind
        assert ("ManagedIdentityConfiguration" in logins) == (kind in PROVIDERS), kind
    assert "ManagedIdentityConfiguration" in accepted["azure_data_lake_gen2"]
