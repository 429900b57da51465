"""Planned budgets, locks, policies and reserved names, and the tables about them in docs/guardrails.md."""

import ast
import re
import uuid
from pathlib import Path

import pulumi
import pytest

import infra
from bootstrap.errors import InputError
from bootstrap.manifests.schema import Policies
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.recorder import record
from infra.components.context import StackContext
from infra.components.guardrails import LOCKABLE, create_locks
from infra.reference import Reference
from infra.rules.rule import Resource
from infra.tables.azure_policies import LEGACY_MODE, POLICIES
from infra.tables.names import Names
from tests import worlds
from tests.helpers import ROOT
from tests.worlds import PLATFORM, changed, world

PAGE = ROOT / "docs" / "guardrails.md"

TEAM = changed(worlds.TEAM, ("dev: {}", "dev: {}\n  prod: {}"))


def planned(root: Path, platform: str = PLATFORM, team: str = TEAM) -> dict[str, StackPlan]:
    return worlds.planned(world(root, platform, team))


def of_type(stack: StackPlan, suffix: str) -> list[Resource]:
    return [resource for resource in stack.made if resource.type.endswith(f":{suffix}")]


def names_of(stack: StackPlan) -> set[str]:
    """All names in Azure but those of role assignments, which follow from what they are on."""
    return {
        value
        for resource in stack.made
        for key, value in resource.inputs.items()
        if key.endswith("Name") and isinstance(value, str) and key != "roleAssignmentName"
    }


# -- budgets


def test_budgets_notify_on_actual_and_forecast_costs(stacks: dict[str, StackPlan]) -> None:
    for stack in stacks.values():
        (budget,) = of_type(stack, "Budget")
        thresholds = {
            (notification["thresholdType"], notification["threshold"])
            for notification in budget.inputs["notifications"].values()
        }
        assert thresholds == {("Actual", 80), ("Actual", 100), ("Forecasted", 100)}


def test_budget_starts_on_the_configured_date(tmp_path: Path) -> None:
    """Azure refuses a start in a past month at creation, and a change of the start later."""
    team = TEAM + "budget: 5\nbudget_start: 2020-02-01\n"
    (budget,) = of_type(planned(tmp_path, team=team)["fraud-dev"], "Budget")
    assert budget.inputs["timePeriod"] == {"startDate": "2020-02-01T00:00:00Z"}


def test_programs_do_not_read_the_clock() -> None:
    folder = Path(infra.__file__).parent
    for path in [*folder.glob("programs/*.py"), *folder.glob("components/*.py"), folder / "settings.py"]:
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            )
        }
        assert not imported & {"datetime", "time"}, path


# -- locks


def test_data_resources_are_locked_in_protected_stacks(tmp_path: Path) -> None:
    stacks = planned(tmp_path)
    locked = {
        name: [Reference(lock.inputs["scope"]).azure_type for lock in of_type(stack, "ManagementLockByScope")]
        for name, stack in stacks.items()
    }

    assert locked == {
        "hub": [
            "Microsoft.MachineLearningServices/registries",
            "Microsoft.Storage/storageAccounts",
            "Microsoft.KeyVault/vaults",
        ],
        "fraud-dev": [],
        "fraud-prod": [
            "Microsoft.Storage/storageAccounts",
            "Microsoft.KeyVault/vaults",
            "Microsoft.ContainerRegistry/registries",
        ],
    }


def test_locks_prevent_deletion_only(stacks: dict[str, StackPlan]) -> None:
    """ReadOnly would stop the keys of a storage account from being listed, and much more."""
    levels = {lock.inputs["level"] for stack in stacks.values() for lock in of_type(stack, "ManagementLockByScope")}
    assert levels == {"CanNotDelete"}


def test_workspaces_and_resource_groups_are_not_locked(stacks: dict[str, StackPlan]) -> None:
    """A lock on the workspace or its resource group stops clusters from scaling down, which deletes nodes."""
    scopes = [
        Reference(lock.inputs["scope"]) for stack in stacks.values() for lock in of_type(stack, "ManagementLockByScope")
    ]
    assert {scope.azure_type for scope in scopes} <= LOCKABLE
    assert not LOCKABLE & {"", "Microsoft.MachineLearningServices/workspaces", "Microsoft.Resources/resourceGroups"}


@pytest.mark.parametrize("path", ["", "/providers/Microsoft.MachineLearningServices/workspaces/mlw"])
def test_a_lock_that_would_stop_clusters_is_refused(path: str) -> None:
    group = Reference("/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg")
    context = StackContext(group, "westeurope", {}, Names("contoso", "tenant"), ("fraud",), protect=True)

    def program() -> None:
        locked = {"one": Reference(f"{group.id}{path}")}
        create_locks("locks", context=context, locked=locked, opts=pulumi.ResourceOptions())

    with pytest.raises(ValueError, match="stops clusters from scaling down"):
        record("project", "stack", program, origin_of=lambda _: None, code=ROOT)


# -- the hub's state


def test_states_have_versions_and_soft_delete(stacks: dict[str, StackPlan]) -> None:
    hub = stacks["hub"]
    (account,), (blobs,) = of_type(hub, "StorageAccount"), of_type(hub, "BlobServiceProperties")
    containers = of_type(hub, "BlobContainer")

    assert account.inputs["allowSharedKeyAccess"] is False
    assert account.protect
    assert all(container.protect for container in containers)
    assert blobs.inputs["isVersioningEnabled"] is True
    for policy in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        assert blobs.inputs[policy] == {"allowPermanentDelete": False, "days": 90, "enabled": True}
    assert {container.inputs["publicAccess"] for container in containers} == {"None"}
    assert {container.inputs["accountName"] for container in containers} == {account.inputs["accountName"]}
    assert all(blobs.urn in container.depends_on for container in containers)


def test_state_keys_are_not_exportable(stacks: dict[str, StackPlan]) -> None:
    keys, (vault,) = of_type(stacks["hub"], "Key"), of_type(stacks["hub"], "Vault")

    assert {key.inputs["vaultName"] for key in keys} == {vault.inputs["vaultName"]}
    for key in keys:
        assert key.inputs["properties"] == {
            "kty": "RSA",
            "keySize": 3072,
            "keyOps": ["encrypt", "decrypt"],
            "attributes": {"enabled": True, "exportable": False},
        }
        assert key.protect


def test_each_environment_and_the_hub_have_separate_state_stores(tmp_path: Path) -> None:
    """Also one that is called like the hub, and ones that no team has yet: states do not come and go with teams."""
    platform = changed(PLATFORM, ("  dev: {ring: 0}\n", "  dev: {ring: 0}\n  hub: {ring: 0}\n"))
    hub = planned(tmp_path, platform)["hub"]

    names = ["hub", "hub-dev", "hub-hub", "hub-prod"]
    assert [made.inputs["containerName"] for made in of_type(hub, "BlobContainer")] == [
        f"state-contoso-{name}" for name in names
    ]
    assert [made.inputs["keyName"] for made in of_type(hub, "Key")] == [f"key-contoso-{name}" for name in names]


# -- policies


def assigned(stack: StackPlan) -> dict[tuple[str, str], str]:
    """The effect of each assigned policy, by subscription and definition."""
    return {
        (found.inputs["scope"].split("/")[2][-2:], found.inputs["policyDefinitionId"].rsplit("/", 1)[1]): found.inputs[
            "parameters"
        ]["effect"]["value"]
        for found in of_type(stack, "PolicyAssignment")
    }


def test_policies_of_all_modes_are_assigned_to_every_subscription(stacks: dict[str, StackPlan]) -> None:
    everywhere = {policy.id for policy in POLICIES if not policy.modes and policy.default == "Audit"}
    found = assigned(stacks["hub"])

    for subscription in ("b0", "d0", "f0"):
        assert everywhere <= {definition for at, definition in found if at == subscription}


def test_policies_audit_by_default(tmp_path: Path) -> None:
    assert set(assigned(planned(tmp_path)["hub"]).values()) == {"Audit", "AuditIfNotExists"}


def test_policies_of_a_mode_need_that_mode_in_every_environment(tmp_path: Path) -> None:
    of_modes = {policy.id for policy in POLICIES if policy.modes}
    team = TEAM.replace("dev: {}", "dev: {network: locked, vnet: {address_space: 10.1.0.0/24}}")
    team += "compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]\n"
    platform = PLATFORM + "  vnet: {address_space: 10.0.0.0/24}\n"
    own = "{ring: 0, subscription_id: 00000000-0000-0000-0000-00000000000d}"

    mixed = assigned(planned(tmp_path / "mixed", platform, team)["hub"])
    apart = assigned(planned(tmp_path / "apart", platform.replace("{ring: 0}", own), team)["hub"])

    assert not of_modes & {definition for _, definition in mixed}
    assert {at for at, definition in apart if definition in of_modes} == {"0d"}
    assert of_modes <= {definition for at, definition in apart if at == "0d"}


def test_policy_effects_are_configured_in_the_manifest(tmp_path: Path) -> None:
    by_name = {policy.name: policy.id for policy in POLICIES}
    hub = "  policies: {idle_shutdown: Deny, resource_logs: Disabled, customer_managed_keys: Audit}\n"
    found = assigned(planned(tmp_path, PLATFORM + hub)["hub"])

    assert found["0b", by_name["idle_shutdown"]] == "Deny"
    assert found["0b", by_name["customer_managed_keys"]] == "Audit"
    assert ("0b", by_name["resource_logs"]) not in found


def test_unknown_policy_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        planned(tmp_path, PLATFORM + "  policies: {idle_shutdwon: Deny}\n")

    assert "unknown key 'idle_shutdwon'. Did you mean 'idle_shutdown'?" in str(caught.value.details)


def test_policies_are_unique_and_exclude_legacy_mode() -> None:
    assert len({uuid.UUID(policy.id) for policy in POLICIES}) == len(POLICIES)
    assert LEGACY_MODE not in {policy.id for policy in POLICIES}
    assert set(Policies.model_fields) == {policy.name for policy in POLICIES}


def test_docs_list_the_policies() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| `([\w-]+)` \| (\w+) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)

    assert [(name, wanted, id_, default) for name, wanted, id_, default, _ in rows] == [
        (policy.name, policy.requirement, policy.id, policy.default) for policy in POLICIES
    ]
    for policy, row in zip(POLICIES, rows, strict=True):
        assert all(f"`{mode}`" in row[4] for mode in policy.modes) if policy.modes else row[4] == "all subscriptions"


# -- names


def test_new_generation_renames_only_reserved_names(tmp_path: Path) -> None:
    before = names_of(planned(tmp_path)["fraud-dev"])
    after = names_of(planned(tmp_path, team=TEAM.replace("dev: {}", "dev: {generation: 2}"))["fraud-dev"])

    assert {name.split("-")[0] for name in before - after} == {"mlw", "kv"}
    assert {name.split("-")[0] for name in after - before} == {"mlw", "kv"}


def test_new_generation_of_one_environment_changes_no_other(tmp_path: Path) -> None:
    before = planned(tmp_path)
    after = planned(tmp_path, team=TEAM.replace("dev: {}", "dev: {generation: 2}"))

    assert names_of(before["fraud-prod"]) == names_of(after["fraud-prod"])
    assert names_of(before["hub"]) == names_of(after["hub"])


def test_new_generation_of_the_hub_renames_its_vault(tmp_path: Path) -> None:
    before = planned(tmp_path)
    after = planned(tmp_path, PLATFORM + "  generation: 2\n")

    assert {name.split("-")[0] for name in names_of(after["hub"]) - names_of(before["hub"])} == {"kv"}
    assert before["fraud-dev"].document() == after["fraud-dev"].document()
