"""`doctor STACK --live`: what it asks Azure, and what it says of the answers."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bootstrap.errors import ExitCode
from tests.azure import SUBSCRIPTION, TENANT, Azure, error, serving, token, usage
from tests.helpers import Done, run_here
from tests.worlds import PLATFORM, TEAM, changed, planned, world

CLUSTER = changed(TEAM, ("dev: {}", "dev: {compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 4}]}"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="az is a script of a POSIX shell here")


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    with serving() as server:
        monkeypatch.setattr("bootstrap.stack.deploy.azure.MANAGEMENT", server.url)
        monkeypatch.setattr("bootstrap.stack.deploy.doctor.examine", lambda: ())
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", server.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "127.0.0.1")
        monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
        yield server


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform with a cluster, and an `az` that is logged in."""
    log_in(tmp_path, monkeypatch, f'echo \'{{"accessToken": "{token()}"}}\'')
    return world(
        tmp_path / "platform", changed(PLATFORM, ("organization:", "network: managed\norganization:")), CLUSTER
    )


def log_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "bin/az"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "$@" > {folder}/az-arguments\n{script}\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(path.parent), os.environ["PATH"]]))


Look = Callable[[], tuple[Done, dict[str, tuple[str | None, str]]]]


@pytest.fixture
def look(root: Path, azure: Azure) -> Look:
    """Runs the command, and returns what it found, by name: what there is, and the next step."""

    def run() -> tuple[Done, dict[str, tuple[str | None, str]]]:
        done = run_here("doctor", "fraud-dev", "--live", "-o", "json", cwd=root)
        rows = done.document["prerequisites"] if done.out else []
        return done, {row["name"]: (row["found"], row["next"]) for row in rows}

    return run


def test_nothing_is_to_be_done_where_azure_has_what_the_plan_needs(look: Look, azure: Azure, tmp_path: Path) -> None:
    done, found = look()

    assert done.code == 0, done.err
    assert found["login"] == (f"anna@contoso.example, tenant {TENANT}", "")
    assert found[f"subscription {SUBSCRIPTION}"] == ("ML, Enabled", "")
    assert found["quota standardDDSv5Family Cluster Dedicated vCPUs"] == ("24 vCPUs, 4 used", "")
    assert {"rights", "resource providers", "names", "policies"} <= found.keys()
    assert [step for _, step in found.values() if step] == []
    assert f"--tenant {TENANT}" in (tmp_path / "az-arguments").read_text()


def test_only_questions_are_sent(look: Look, azure: Azure) -> None:
    look()

    posts = {path.rsplit("/", 1)[-1] for method, path in azure.asked if method == "POST"}
    assert {method for method, _ in azure.asked} == {"GET", "POST"}
    assert posts == {"checkNameAvailability", "checkPolicyRestrictions"}


@pytest.mark.parametrize(
    ("actions", "not_actions", "missing"),
    [
        (["*"], ["Microsoft.Authorization/*/Write"], "right Microsoft.Authorization/roleAssignments/write"),
        (["*/read"], [], "right Microsoft.Resources/subscriptions/resourceGroups/write"),
        (["Microsoft.Storage/*", "Microsoft.Resources/*"], [], "right Microsoft.KeyVault/vaults/write"),
    ],
)
def test_rights_that_the_plan_needs_and_the_login_lacks_are_named(
    look: Look, azure: Azure, actions: list[str], not_actions: list[str], missing: str
) -> None:
    azure.permissions = {"actions": actions, "notActions": not_actions}

    done, found = look()

    assert done.code == ExitCode.MISSING
    assert found[missing][0] is None
    assert "have a role assigned" in found[missing][1]
    assert "right Microsoft.Storage/storageAccounts/write" not in found or actions == ["*/read"]


@pytest.mark.parametrize(
    ("scope", "enough"),
    [
        ("/", True),
        ("/providers/Microsoft.Management/managementGroups/contoso", True),
        (f"/subscriptions/{SUBSCRIPTION}".upper(), True),
        (f"/subscriptions/{SUBSCRIPTION[:-1]}", False),
        (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-contoso-other", False),
    ],
)
def test_role_counts_where_its_scope_contains_the_resource(look: Look, azure: Azure, scope: str, enough: bool) -> None:
    azure.scope = scope

    _, found = look()

    assert ("rights" in found) is enough


def test_resource_provider_that_is_not_registered_is_named_with_the_command(look: Look, azure: Azure) -> None:
    azure.unregistered = {"Microsoft.Network", "Microsoft.DevCenter"}

    done, found = look()

    assert done.code == ExitCode.MISSING
    state, step = found["resource provider Microsoft.Network"]
    assert state == "NotRegistered"
    assert step.endswith(f"az provider register --subscription {SUBSCRIPTION} --namespace Microsoft.Network")
    assert "resource provider Microsoft.DevCenter" not in found, "the plan does not need it"


def test_size_that_the_location_does_not_offer_is_named(look: Look, azure: Azure) -> None:
    azure.sizes = {"Standard_DS3_v2": ("standardDSv2Family", 4)}

    _, found = look()

    assert "westeurope does not offer it" in found["size Standard_D4ds_v5"][1]


def test_quota_that_is_less_than_all_nodes_need_is_named(look: Look, azure: Azure) -> None:
    azure.usages = [usage("Standard DDSv5 Family Cluster Dedicated vCPUs", 0, 15)]

    done, found = look()

    assert done.code == ExitCode.MISSING
    have, step = found["quota standardDDSv5Family Cluster Dedicated vCPUs"]
    assert have == "15 vCPUs, 0 used"
    assert "All nodes need 16 vCPUs" in step


@pytest.fixture
def names(root: Path) -> dict[str, str]:
    """The names in the plan, by type."""
    made = planned(root, ["fraud-dev"])["fraud-dev"].made
    keys = {"storage:StorageAccount": "accountName", "keyvault:Vault": "vaultName"}
    return {
        kind: str(resource.inputs[key])
        for kind, key in keys.items()
        for resource in made
        if resource.type == f"azure-native:{kind}"
    }


def test_name_that_somebody_else_has_is_named(look: Look, azure: Azure, names: dict[str, str]) -> None:
    taken = names["storage:StorageAccount"]
    azure.taken = {taken}

    done, found = look()

    assert done.code == ExitCode.MISSING
    assert found[f"name {taken}"][0] == "taken"
    assert "`generation`" in found[f"name {taken}"][1]


def test_name_of_a_resource_of_the_stack_is_no_problem(look: Look, azure: Azure, names: dict[str, str]) -> None:
    azure.taken = {names["storage:StorageAccount"]}
    azure.existing = {f"storageAccounts/{names['storage:StorageAccount']}"}

    done, _ = look()

    assert done.code == 0, done.err


def test_name_of_a_deleted_vault_is_named_with_its_end(look: Look, azure: Azure, names: dict[str, str]) -> None:
    azure.deleted = {names["keyvault:Vault"]}

    _, found = look()

    have, step = found[f"name {names['keyvault:Vault']}"]
    assert have == "deleted, kept until 2027-02-01T00:00:00Z"
    assert f"az keyvault recover --name {names['keyvault:Vault']}" in step


def test_policy_that_denies_a_resource_is_named(look: Look, azure: Azure) -> None:
    azure.denies = lambda content: (
        content["type"] == "Microsoft.Storage/storageAccounts"
        and content["properties"]["publicNetworkAccess"] == "Enabled"
        and content["location"] == "westeurope"
    )

    done, found = look()

    assert done.code == ExitCode.MISSING
    have, step = found["policy no-public"]
    assert have is not None
    assert have.endswith("policyAssignments/no-public")
    assert "It denies st" in step
    assert {"Microsoft.MachineLearningServices/workspaces", "Microsoft.KeyVault/vaults"} <= {
        content["type"] for content in azure.contents
    }


def test_question_that_the_login_may_not_ask_is_named_and_the_others_are_asked(look: Look, azure: Azure) -> None:
    azure.always = {"checkPolicyRestrictions": (403, error("AuthorizationFailed", "no authorization for it"))}

    done, found = look()

    assert done.code == ExitCode.MISSING
    assert found["policies"] == ("not known", "Get the right to read it: AuthorizationFailed: no authorization for it")
    assert found["rights"][1] == ""


def test_subscription_that_the_login_cannot_see_is_named(look: Look, azure: Azure) -> None:
    azure.always = {"^/subscriptions/[^/]+$": (404, error("SubscriptionNotFound", "no"))}

    _, found = look()

    assert found[f"subscription {SUBSCRIPTION}"][0] is None


@pytest.mark.parametrize("state", ["Disabled", "Warned"])
def test_subscription_that_is_not_enabled_is_named(look: Look, azure: Azure, state: str) -> None:
    azure.always = {"^/subscriptions/[^/]+$": (200, {"displayName": "ML", "state": state, "tenantId": TENANT})}

    _, found = look()

    assert f"Its state is {state}" in found[f"subscription {SUBSCRIPTION}"][1]


def test_login_of_another_tenant_is_named(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azure: Azure
) -> None:
    log_in(tmp_path, monkeypatch, f'echo \'{{"accessToken": "{token(tid="other")}"}}\'')

    _, found = look()

    assert found["login"][1] == f"Log in to the platform's tenant: az login --tenant {TENANT}"


def test_throttled_request_is_repeated_after_the_time_that_azure_asks_for(
    look: Look, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("bootstrap.stack.deploy.azure.time", SimpleNamespace(sleep=waited.append))
    azure.first = [(429, {"Retry-After": "7"}, error("TooManyRequests", "slow down")), (503, {}, {})]

    done, _ = look()

    assert done.code == 0, done.err
    assert waited == [7, 2]


def test_throttling_without_an_end_is_an_error_of_the_remote_service(
    look: Look, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("bootstrap.stack.deploy.azure.time", SimpleNamespace(sleep=waited.append))
    azure.first = [(429, {"Retry-After": "17"}, error("TooManyRequests", "slow down"))] * 4

    done, _ = look()

    assert done.code == ExitCode.REMOTE
    assert waited == [17, 17, 17]
    assert "Azure throttles the requests." in done.err
    assert "Run it again after 17 seconds." in done.err


def test_expired_token_says_how_to_log_in(look: Look, azure: Azure) -> None:
    azure.always = {".": (401, error("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier."))}

    done, _ = look()

    assert (done.code, done.out) == (ExitCode.MISSING, "")
    assert "ExpiredAuthenticationToken" in done.err
    assert f"az login --tenant {TENANT}" in done.err


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1", "Please run 'az login'"),
        ("echo '[]'", "something other than a token"),
        ("exit 3", "az: exit code 3"),
    ],
)
def test_missing_login_is_explained(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    log_in(tmp_path, monkeypatch, script)

    done, _ = look()

    assert done.code == ExitCode.MISSING
    assert words in done.err


def test_azure_that_cannot_be_reached_is_an_error_of_the_remote_service(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.stack.deploy.azure.MANAGEMENT", "http://127.0.0.1:1")
    monkeypatch.setattr("bootstrap.stack.deploy.azure.time", SimpleNamespace(sleep=lambda _: None))

    done, _ = look()

    assert done.code == ExitCode.REMOTE
    assert "127.0.0.1 cannot be reached." in done.err


@pytest.mark.parametrize("answer", ["[]", [1], "text"])
def test_answer_that_is_no_document_is_an_error_of_the_remote_service(look: Look, azure: Azure, answer: Any) -> None:
    azure.first = [(200, {}, answer)]

    done, _ = look()

    assert done.code == ExitCode.REMOTE


def test_list_that_continues_on_another_server_is_refused(look: Look, azure: Azure) -> None:
    azure.always = {"/providers$": (200, {"value": [], "nextLink": "https://elsewhere.example/providers"})}

    done, _ = look()

    assert done.code == ExitCode.REMOTE
    assert "on another server" in done.err


def test_workload_identity_is_used_where_the_environment_has_it(
    look: Look, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(tmp_path, monkeypatch, "exit 9")
    (tmp_path / "assertion").write_text("a.b.c")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "assertion"))
    monkeypatch.setenv("AZURE_CLIENT_ID", "client")

    done, _ = look()

    assert done.code == 0, done.err
    assert azure.asked[0] == ("POST", f"/{TENANT}/oauth2/v2.0/token")


def test_expired_token_of_a_forge_is_explained(
    look: Look, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "assertion").write_text("a.b.c")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "assertion"))
    description = "AADSTS700024: Client assertion is not within its valid time range."
    azure.always = {"token$": (401, {"error": "invalid_client", "error_description": description})}

    done, _ = look()

    assert done.code == ExitCode.MISSING
    assert "AADSTS700024" in done.err


@pytest.mark.parametrize("arguments", [("fraud-dev",), ("--live",)])
def test_live_and_the_name_of_a_stack_go_together(root: Path, arguments: tuple[str, ...]) -> None:
    done = run_here("doctor", *arguments, cwd=root)

    assert done.code == ExitCode.INPUT
    assert "doctor STACK --live" in done.err


def test_hub_is_asked_about_too(root: Path, azure: Azure) -> None:
    done = run_here("doctor", "hub", "--live", "-o", "json", cwd=root)

    assert done.code == 0, done.err
    assert "names" in {row["name"] for row in done.document["prerequisites"]}
