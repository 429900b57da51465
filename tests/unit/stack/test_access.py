"""Who gets which roles, as the plan of the example and of little platforms says."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.access import access_as_markdown, count_assignments, find_grants
from bootstrap.stack.plan.model import StackPlan
from infra.components.access import assigning_only
from infra.rules.rule import UNKNOWN, Resource
from infra.tables.roles import ROLES
from tests import worlds
from tests.conftest import Golden
from tests.helpers import ROOT, build_tree
from tests.plans import make_plan

PAGE = ROOT / "docs" / "access.md"
ANNA, BERT, PLATFORM = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "abc")
PLATFORM_YAML = worlds.changed(worlds.PLATFORM, ("prod: {ring: 1", "test: {ring: 1}\n  prod: {ring: 2"))


def planned(root: Path, teams: dict[str, str], platform: str = "") -> dict[str, StackPlan]:
    files = {f"teams/{name}.yaml": f"name: {name}\n{text}" for name, text in teams.items()}
    build_tree(root, {"platform.yaml": PLATFORM_YAML + platform, **files})
    return worlds.planned(root)


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


def test_no_role_assignment_is_declared_by_two_stacks(tmp_path: Path) -> None:
    """Azure refuses the second: two teams of one group, in two environments where they work, share a registry."""
    team = f"groups: {{engineers: {ANNA}, reviewers: {BERT}}}\nenvironments: {{dev: {{}}, test: {{}}, prod: {{}}}}\n"
    groups = f"groups: {{platform: {PLATFORM}}}\n"

    stacks = planned(tmp_path, {"fraud": team, "churn": team}, groups)

    given = [
        (entry["scope"], entry["roleDefinitionId"].rsplit("/", 1)[1], entry["principalId"])
        for stack in stacks.values()
        for prefix in ("people", "shared")
        for entry in roles(stack, prefix).values()
    ]
    assert len(set(given)) == len(given) > 20
    assert [name for name, stack in stacks.items() if roles(stack, f"shared-{ANNA}")] == ["churn-dev"]


def test_a_group_that_works_in_one_environment_and_reviews_in_another_gets_both_once(tmp_path: Path) -> None:
    team = f"environments: {{dev: {{groups: {{data_scientists: {ANNA}}}}}, prod: {{groups: {{reviewers: {ANNA}}}}}}}\n"

    stack = planned(tmp_path, {"fraud": team})["fraud-dev"]

    assert set(roles(stack, f"shared-{ANNA}")) == {
        "azureml-registry-user-on-model-registry",
        "reader-on-model-registry",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "prod: {groups: {reviewers: GROUP}}, dev: {}",
            "prod: {groups: {reviewers: GROUP}}, dev: {groups: {reviewers: GROUP}}",
        ),
        ("dev: {}, test: {groups: {engineers: GROUP}}", "dev: {groups: {engineers: GROUP}}, test: {}"),
        ("dev: {groups: {engineers: GROUP}}", "dev: {groups: {data_scientists: GROUP}}"),
    ],
    ids=["comes-to-dev-too", "moves-from-test-to-dev", "becomes-another-persona"],
)
def test_role_on_a_shared_resource_stays_in_one_stack(tmp_path: Path, before: str, after: str) -> None:
    """Else one stack makes an assignment that is there, and another then deletes it under the first."""
    stacks = [
        planned(tmp_path / when, {"fraud": f"environments: {{{said.replace('GROUP', ANNA)}}}\n"})
        for when, said in (("before", before), ("after", after))
    ]

    first, second = ({name: roles(stack, "shared") for name, stack in each.items()} for each in stacks)
    assert first == second
    assert list(filter(first.get, first)) == ["fraud-dev"]
    assert len(first["fraud-dev"]) == 1


def test_changed_reason_does_not_replace_an_eligibility(tmp_path: Path) -> None:
    """The provider replaces an eligibility for each changed input (`genSchema` in custom_pim_eligibility.go)."""
    team = f"groups: {{engineers: {{id: {ANNA}, eligible: true}}}}\nenvironments: {{dev: {{}}}}\n"
    stack = planned(tmp_path, {"fraud": team})["fraud-dev"]
    eligibilities = [one for one in stack.made if one.type.endswith(":PimRoleEligibilitySchedule")]

    assert eligibilities
    assert {tuple(one.options["ignoreChanges"]) for one in eligibilities} == {("justification",)}


def test_endpoints_write_to_the_container_of_the_data_collector_only(tmp_path: Path) -> None:
    """https://learn.microsoft.com/azure/machine-learning/how-to-collect-production-data"""
    stack = planned(tmp_path, {"fraud": "environments: {dev: {}}\n"})["fraud-dev"]
    workspace = next(one for one in stack.made if one.type.endswith("services:Workspace"))
    [assigned] = [one for one in stack.made if one.name.startswith("endpoint-data")]
    contributor = ROLES["Storage Blob Data Contributor"].id
    others = roles(stack, "endpoint-access").values()

    # Azure ML names the container by the workspace's GUID.
    assert assigned.inputs["scope"] == UNKNOWN
    assert workspace.urn in assigned.depends_on
    assert assigned.inputs["roleDefinitionId"].rsplit("/", 1)[-1] == contributor
    assert others
    assert contributor not in {one["roleDefinitionId"].rsplit("/", 1)[-1] for one in others}


def test_group_is_eligible_on_shared_resources_only_if_eligible_in_every_environment(tmp_path: Path) -> None:
    team = f"""\
groups: {{engineers: {{id: {ANNA}, eligible: true}}, data_scientists: {{id: {BERT}, eligible: true}}}}
environments: {{dev: {{}}, test: {{groups: {{engineers: {ANNA}}}}}}}
"""
    stack = planned(tmp_path, {"fraud": team})["fraud-dev"]

    assert [name[:8] for name in roles(stack, "shared")] == [ANNA[:8]]
    assert [name[:8] for name in roles(stack, "shared", "PimRoleEligibilitySchedule")] == [BERT[:8]]


@pytest.mark.parametrize("engineers", [ANNA.upper(), PLATFORM])
def test_a_group_that_is_two_personas_is_refused(tmp_path: Path, engineers: str) -> None:
    team = f"groups: {{data_scientists: {ANNA}, engineers: {engineers}}}\nenvironments: {{dev: {{}}}}\n"

    with pytest.raises(InputError) as caught:
        planned(tmp_path, {"fraud": team}, f"groups: {{platform: {PLATFORM}}}\n")

    (told,) = caught.value.details
    assert f"the group {engineers.lower()} already is that of " in told
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
        "roles-ml-log-sender",
        "roles-ml-network-peer",
        "roles-ml-name-linker",
    }
    assert all(
        resource.inputs["assignableScopes"]
        == ["/subscriptions/00000000-0000-0000-0000-00000000000b", f"/subscriptions/{other}"]
        for resource in definitions
    )
    used = roles(stacks["fraud-dev"], "people-engineers")["ml-compute-instance-self-service-on-workspace"]
    assert used["roleDefinitionId"] in {definition_id(resource, other) for resource in definitions}


def definition_id(definition: Resource, subscription: str) -> str:
    tail = f"providers/Microsoft.Authorization/roleDefinitions/{definition.inputs['roleDefinitionId']}"
    return f"/subscriptions/{subscription}/{tail}"


def test_the_platforms_people_give_away_only_the_roles_of_our_tables(tmp_path: Path) -> None:
    hub = planned(tmp_path, {"fraud": "environments: {dev: {}}\n"}, f"groups: {{platform: {PLATFORM}}}\n")["hub"]

    given = roles(hub, "people-platform")["role-based-access-control-administrator-on-resource-group"]
    assert given["conditionVersion"] == "2.0"
    assert "f6c7c914-8db3-469d-8ca1-694a8f32e121" in given["condition"], "AzureML Data Scientist"
    assert "f58310d9-a9f6-439a-9e8d-f62e7b41a168" not in given["condition"], "RBAC Administrator itself"


SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"


def test_the_platforms_deployer_cannot_make_itself_owner_and_can_lock(tmp_path: Path) -> None:
    """Contributor writes nothing of Microsoft.Authorization: no roles, no locks."""
    hub = planned(tmp_path, {"fraud": "environments: {dev: {}}\n"})["hub"]

    given = roles(hub, f"platform-deployer-dev-in-{SUBSCRIPTION}")
    assert set(given) == {
        "contributor-on-subscription",
        "locks-contributor-on-subscription",
        "role-based-access-control-administrator-on-subscription",
    }
    condition = given["role-based-access-control-administrator-on-subscription"]["condition"]
    assert condition.count("ba92f5b4-2d11-453d-a403-e96b0029c9fe") == 2, "Storage Blob Data Contributor, twice"
    for gives_roles_away in ("8e3af657", "18d7d88d", "f58310d9"):
        assert gives_roles_away not in condition


def test_the_platforms_deployer_can_send_diagnostics_to_the_hub_once_the_role_is_defined(tmp_path: Path) -> None:
    """Azure wants the right to the destination's keys, which Reader has not. It reads no logs with it."""
    hub = planned(tmp_path, {"fraud": "environments: {dev: {}}\n"})["hub"]
    [logs] = [resource for resource in hub.made if resource.type.endswith("operationalinsights:Workspace")]
    [definition] = [resource for resource in hub.made if resource.name == "roles-ml-log-sender"]
    [assignment] = [resource for resource in hub.made if resource.name.endswith("-ml-log-sender-on-log-analytics")]

    assert definition.inputs["permissions"][0]["actions"] == [
        "Microsoft.OperationalInsights/workspaces/read",
        "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    ]
    assert assignment.inputs["scope"].endswith(f"/workspaces/{logs.inputs['workspaceName']}")
    assert assignment.inputs["roleDefinitionId"] == definition_id(definition, SUBSCRIPTION)
    assert definition.urn in assignment.depends_on


HUB_VNET = "  vnet: {address_space: 10.0.0.0/24}\n"
LOCKED = """\
network: locked
vnet: {address_space: 10.1.0.0/24}
compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]
environments: {dev: {}}
"""
SUBNET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/v/subnets/ml"
PEER, LINKER = "ml-network-peer-on-hub-network", "ml-name-linker-on-resource-group"


@pytest.mark.parametrize(
    ("hub", "team", "given"),
    [
        (HUB_VNET, LOCKED, {PEER, LINKER}),
        (HUB_VNET, "environments: {dev: {}}\n", set()),
        (HUB_VNET + "  dns: policy\n", LOCKED, {PEER}),
        (f"  vnet: {{subnet_id: {SUBNET}}}\n", LOCKED, {LINKER}),
    ],
    ids=["private", "open", "the-zones-are-a-policys", "the-network-is-the-organizations"],
)
def test_deployer_may_write_private_environments_resources_in_the_hub(
    tmp_path: Path, hub: str, team: str, given: set[str]
) -> None:
    made = planned(tmp_path, {"fraud": team}, hub)["hub"]

    found = roles(made, "platform-deployer-dev-on-network") | roles(made, "platform-deployer-dev-on-zones")
    assert found.keys() == given
    if PEER in given:
        assert found[PEER]["scope"].endswith("/virtualNetworks/vnet-contoso-hub")


def test_the_condition_lists_every_role_that_stacks_of_environments_assign(tmp_path: Path) -> None:
    team = (
        f"groups: {{engineers: {ANNA}, reviewers: {BERT}}}\nnetwork: managed\nenvironments: {{dev: {{}}, prod: {{}}}}\n"
    )

    stacks = planned(tmp_path, {"fraud": team}, f"groups: {{platform: {PLATFORM}}}\n")

    assigned = {
        resource.inputs["roleDefinitionId"].rsplit("/", 1)[1]
        for name, stack in stacks.items()
        for resource in stack.made
        if name != "hub" and resource.type.endswith(":RoleAssignment")
    }
    admin = "role-based-access-control-administrator-on-subscription"
    condition = roles(stacks["hub"], f"platform-deployer-dev-in-{SUBSCRIPTION}")[admin]["condition"]
    assert [role for role in assigned if role not in condition] == []


def test_the_platforms_pull_requests_only_read(tmp_path: Path) -> None:
    hub = planned(tmp_path, {"fraud": "environments: {dev: {}}\n"})["hub"]

    assert set(roles(hub, "platform-reader")) == {f"in-{SUBSCRIPTION}-reader-on-subscription"}


def test_deployer_of_one_environment_cannot_log_in_to_another(stacks: dict[str, StackPlan]) -> None:
    """A forge asks for approvals by environment: dev's job, which needs none, must not reach prod."""
    hub = stacks["hub"]

    subjects = {
        resource.inputs["resourceName"].rsplit("-", 1)[1]: resource.inputs["subject"].rsplit(":", 1)[1]
        for resource in hub.made
        if resource.type.endswith(":FederatedIdentityCredential") and "deployer" in resource.inputs["resourceName"]
    }
    assert subjects == {name: name for name in ("dev", "test", "prod")}


def test_a_deployer_has_roles_in_the_subscriptions_of_its_environment_and_in_no_other(tmp_path: Path) -> None:
    own = "00000000-0000-0000-0000-0000000000ff"
    team = f"environments: {{dev: {{}}, prod: {{subscription_id: {own}}}}}\n"

    hub = planned(tmp_path, {"fraud": team})["hub"]

    for environment, subscription in (("dev", SUBSCRIPTION), ("prod", own)):
        given = roles(hub, f"platform-deployer-{environment}-in")
        assert {entry["scope"] for entry in given.values()} == {f"/subscriptions/{subscription}"}
        assert len(given) == 3
    assert roles(hub, "platform-deployer-test") == {}


CONTAINER = "/blobServices/default/containers/state-contoso-hub-"
KEY = "/keys/key-contoso-hub-"


def test_a_deployer_reads_and_decrypts_the_states_of_its_environment_and_no_others(
    stacks: dict[str, StackPlan],
) -> None:
    """Also not by a role on what they lie in: the account, the vault, their group, their subscription."""
    hub = stacks["hub"]
    states = [resource for resource in hub.made if resource.type.endswith((":BlobContainer", ":Key"))]
    assert len(states) == 8, "a container and a key for the hub and each of three environments"

    for environment in ("dev", "test", "prod"):
        given = roles(hub, f"platform-deployer-{environment}")
        on_states = {
            (entry["roleDefinitionId"].rsplit("/", 1)[1], "/".join(entry["scope"].split("/")[9:]))
            for entry in given.values()
            if "/storageAccounts/" in entry["scope"] or "/vaults/" in entry["scope"]
        }
        assert on_states == {
            (ROLES["Storage Blob Data Contributor"].id, f"{CONTAINER}{environment}".strip("/")),
            (ROLES["Key Vault Crypto User"].id, f"{KEY}{environment}".strip("/")),
        }
        group = f"/subscriptions/{hub.settings.subscription_id}/resourceGroups/rg-contoso-hub"
        above = {name: entry["scope"] for name, entry in given.items() if f"{group}/".startswith(f"{entry['scope']}/")}
        assert above == {"on-hub-reader-on-resource-group": group, "on-zones-ml-name-linker-on-resource-group": group}


def test_the_platforms_people_keep_the_states_of_all_stacks(stacks: dict[str, StackPlan]) -> None:
    hub = stacks["hub"]

    given = roles(hub, "people-platform", "PimRoleEligibilitySchedule")
    on = {name: given[name]["scope"].split("/")[-2] for name in given if name.endswith(("-storage", "-key-vault"))}
    assert on == {
        "storage-blob-data-contributor-on-storage": "storageAccounts",
        "key-vault-crypto-user-on-key-vault": "vaults",
    }


def test_roles_on_states_depend_on_the_states(stacks: dict[str, StackPlan]) -> None:
    hub = stacks["hub"]
    made = {resource.name: resource.urn for resource in hub.made}

    waits = {
        resource.name.rsplit("-", 1)[1]: resource.depends_on
        for resource in hub.made
        if resource.name.startswith("platform-deployer-dev-on-states-")
    }
    assert set(waits) == {"container", "key"}
    assert all(made[f"states-dev-{kind}"] in needed for kind, needed in waits.items())


def test_pull_requests_of_a_project_use_a_read_only_identity(stacks: dict[str, StackPlan]) -> None:
    stack = stacks["fraud-dev"]

    assert set(roles(stack, "pr-churn-access")) == {"reader-on-workspace", "reader-on-model-registry"}
    credentials = {
        resource.name: resource.inputs["subject"].rsplit(":", 1)[1]
        for resource in stack.made
        if resource.type.endswith(":FederatedIdentityCredential")
    }
    assert credentials == {"ci-churn-1": "dev", "pr-churn-1": "pull_request"}


def test_access_page_matches_the_plan(stacks: dict[str, StackPlan], golden: Golden) -> None:
    grants = find_grants(stacks.values())

    title, text = access_as_markdown(grants).split("\n", 1)
    golden(PAGE, f"{title}\n\n*This page is reference. To begin, read [Getting started](getting-started.md).*\n{text}")


def test_grants_have_principal_role_scope_and_reason(stacks: dict[str, StackPlan]) -> None:
    grants = find_grants(stacks.values())

    types = ("RoleAssignment", "PimRoleEligibilitySchedule")
    given = [resource for stack in stacks.values() for resource in stack.made if resource.type.endswith(types)]
    assert len(grants) == len(given) > 100
    assert all(grant.why and grant.scope.startswith("/subscriptions/") for grant in grants)
    assert not [grant for grant in grants if grant.role == grant.role_id], "every role has its name"
    # The role is on an identity, and given to another: both have to be made before.
    operator = next(grant for grant in grants if grant.role == "Managed Identity Operator")
    assert (operator.who, operator.scope.rsplit("/", 1)[1]) == ("ci-demand", "id-contoso-forecasting-dev-endpoint")


def test_eligibilities_are_not_counted_against_azures_limit(tmp_path: Path) -> None:
    team = "groups: {{engineers: {{id: {id}, eligible: {eligible}}}}}\nenvironments: {{dev: {{}}}}\n"
    counts = []
    for eligible in ("true", "false"):
        root = tmp_path / eligible
        planned(root, {"fraud": team.format(id=ANNA, eligible=eligible)})
        grants = find_grants(make_plan(load_platform(root), [], Progress()).stacks)
        counts.append(dict(count_assignments(grants))[SUBSCRIPTION])

    assert counts[1] - counts[0] == 6


def test_the_condition_is_written_as_azure_documents_it() -> None:
    """https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples"""
    assert assigning_only(["b", "a"]) == (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
        "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {a, b}))\n"
        "AND\n"
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR "
        "(@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {a, b}))"
    )
