"""Who gets which roles, as the plan of the example and of little platforms says."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError
from bootstrap.platform.platform import load_platform
from bootstrap.progress import Silent
from bootstrap.stack import StackPlan, plan
from bootstrap.stack.planned import Registration
from infra.components.access import assigning_only
from tests.helpers import build_tree

ANNA, BERT, PLATFORM = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "abc")
PLATFORM_YAML = """\
organization: contoso
location: westeurope
tenant_id: 00000000-0000-0000-0000-00000000000a
subscription_id: 00000000-0000-0000-0000-00000000000b
environments:
  dev: {ring: 0}
  test: {ring: 1}
  prod: {ring: 2, protect: true}
hub:
  alert_emails: [ml@contoso.example]
"""


def planned(root: Path, teams: dict[str, str], platform: str = "") -> dict[str, StackPlan]:
    files = {f"teams/{name}.yaml": f"name: {name}\n{text}" for name, text in teams.items()}
    build_tree(root, {"platform.yaml": PLATFORM_YAML + platform, **files})
    return {stack.name: stack for stack in plan(load_platform(root), [], Silent()).stacks}


def roles(stack: StackPlan, prefix: str, type_: str = "RoleAssignment") -> dict[str, dict[str, Any]]:
    """The inputs of a principal's assignments or eligibilities, by the role and what it is on."""
    return {
        resource.name.removeprefix(f"{prefix}-"): dict(resource.inputs)
        for resource in stack.made
        if resource.type.endswith(f":{type_}") and resource.name.startswith(f"{prefix}-")
    }


def test_an_eligible_group_gets_eligibilities_and_no_standing_assignment(tmp_path: Path) -> None:
    team = f"groups: {{engineers: {{id: {ANNA}, eligible: true}}, operators: {BERT}}}\nenvironments: {{dev: {{}}}}\n"

    stack = planned(tmp_path, {"fraud": team})["fraud-dev"]

    eligible = roles(stack, "people-engineers", "PimRoleEligibilitySchedule")
    assert roles(stack, "people-engineers") == {}
    assert eligible["azureml-data-scientist-on-workspace"]["principalId"] == ANNA
    assert eligible["azureml-data-scientist-on-workspace"]["scheduleInfo"] == {
        "expiration": {"duration": "P365D", "type": "AfterDuration"}
    }
    assert roles(stack, "people-operators")["ml-operator-on-workspace"]["principalId"] == BERT


def test_the_groups_of_a_teams_environment_stand_for_the_teams(tmp_path: Path) -> None:
    team = f"groups: {{engineers: {ANNA}}}\nenvironments: {{dev: {{}}, prod: {{groups: {{engineers: {BERT}}}}}}}\n"

    stacks = planned(tmp_path, {"fraud": team})

    who = {
        name: {entry["principalId"] for entry in roles(stacks[name], "people-engineers").values()} for name in stacks
    }
    assert who == {"hub": set(), "fraud-dev": {ANNA}, "fraud-prod": {BERT}}


def test_no_two_stacks_give_one_group_the_same_role_on_the_same_thing(tmp_path: Path) -> None:
    """Azure refuses the second: two teams of one group, in two environments where they work, share a registry."""
    team = f"groups: {{engineers: {ANNA}, reviewers: {BERT}}}\nenvironments: {{dev: {{}}, test: {{}}, prod: {{}}}}\n"
    groups = f"groups: {{platform: {PLATFORM}}}\n"

    stacks = planned(tmp_path, {"fraud": team, "churn": team}, groups)

    given = [
        (entry["scope"], entry["roleDefinitionId"].rsplit("/", 1)[1], entry["principalId"])
        for stack in stacks.values()
        for entry in roles(stack, "people").values()
    ]
    assert len(set(given)) == len(given) > 20
    registry = "azureml-registry-user-on-model-registry"
    shared = [name for name, stack in stacks.items() if registry in roles(stack, "people-engineers")]
    assert shared == ["churn-dev"]


@pytest.mark.parametrize("engineers", [ANNA.upper(), PLATFORM])
def test_a_group_that_is_two_personas_is_refused(tmp_path: Path, engineers: str) -> None:
    team = f"groups: {{data_scientists: {ANNA}, engineers: {engineers}}}\nenvironments: {{dev: {{}}}}\n"

    with pytest.raises(InputError) as caught:
        planned(tmp_path, {"fraud": team}, f"groups: {{platform: {PLATFORM}}}\n")

    (told,) = caught.value.details
    assert f"the group {engineers} is that of " in told
    assert "fraud.yaml:2:" in told


def test_self_service_can_be_switched_off_and_never_is_on_in_production(tmp_path: Path) -> None:
    team = f"groups: {{engineers: {ANNA}}}\nenvironments: {{dev: {{}}, test: {{self_service: false}}, prod: {{}}}}\n"

    stacks = planned(tmp_path, {"fraud": team})

    own = "ml-compute-instance-self-service-on-workspace"
    assert [name for name, stack in stacks.items() if own in roles(stack, "people-engineers")] == ["fraud-dev"]


def test_our_own_roles_are_defined_once_for_all_subscriptions(tmp_path: Path) -> None:
    other = "00000000-0000-0000-0000-0000000000ff"
    team = f"groups: {{engineers: {ANNA}}}\nenvironments: {{dev: {{subscription_id: {other}}}}}\n"

    stacks = planned(tmp_path, {"fraud": team})

    definitions = [resource for resource in stacks["hub"].made if resource.type.endswith(":RoleDefinition")]
    assert {resource.name for resource in definitions} == {
        "roles-ml-compute-instance-self-service",
        "roles-ml-operator",
    }
    assert all(
        resource.inputs["assignableScopes"]
        == ["/subscriptions/00000000-0000-0000-0000-00000000000b", f"/subscriptions/{other}"]
        for resource in definitions
    )
    used = roles(stacks["fraud-dev"], "people-engineers")["ml-compute-instance-self-service-on-workspace"]
    assert used["roleDefinitionId"] in {definition_id(resource, other) for resource in definitions}


def definition_id(definition: Registration, subscription: str) -> str:
    tail = f"providers/Microsoft.Authorization/roleDefinitions/{definition.inputs['roleDefinitionId']}"
    return f"/subscriptions/{subscription}/{tail}"


def test_the_platforms_people_give_away_only_the_roles_of_our_tables(tmp_path: Path) -> None:
    hub = planned(tmp_path, {"fraud": "environments: {dev: {}}\n"}, f"groups: {{platform: {PLATFORM}}}\n")["hub"]

    given = roles(hub, "people-platform")["role-based-access-control-administrator-on-resource-group"]
    assert given["conditionVersion"] == "2.0"
    assert "f6c7c914-8db3-469d-8ca1-694a8f32e121" in given["condition"], "AzureML Data Scientist"
    assert "f58310d9-a9f6-439a-9e8d-f62e7b41a168" not in given["condition"], "RBAC Administrator itself"


def test_the_condition_is_written_as_azure_documents_it() -> None:
    """https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples"""
    assert assigning_only(["b", "a"]) == (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
        "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {a, b}))\n"
        "AND\n"
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR "
        "(@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {a, b}))"
    )
