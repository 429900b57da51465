"""The plan of the example platform: what it holds, how it is told, and that nothing insecure is in it."""

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError
from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.diff.difference import difference
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report import FORMS, report
from bootstrap.stack.report.markdown import LONGEST
from bootstrap.stack.report.words import as_mermaid
from infra.rules.rule import UNKNOWN, Finding, Resource
from infra.tables.names import TABLE, rule_of
from tests import worlds
from tests.conftest import Golden
from tests.plans import Plan, make_plan
from tests.unit.stack.reports import diff_as, plan_as

GOLDEN = Path(__file__).parent / "golden"


def of_type(stack: StackPlan, suffix: str) -> list[Resource]:
    return [resource for resource in stack.made if resource.type.endswith(f":{suffix}")]


def everything(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in everything(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in everything(item)]
    return [value]


def test_tree_report_matches_golden_file(contoso_plan: Plan, golden: Golden) -> None:
    golden(GOLDEN / "contoso.tree.txt", plan_as("tree", contoso_plan.stacks, show="resources"))


def test_markdown_report_matches_golden_file(contoso: Platform, golden: Golden) -> None:
    golden(
        GOLDEN / "forecasting-prod.md", plan_as("markdown", make_plan(contoso, ["forecasting-prod"], Progress()).stacks)
    )


def test_all_stacks_are_planned_in_the_order_of_their_rings(contoso_plan: Plan) -> None:
    assert [stack.name for stack in contoso_plan.stacks] == [
        "hub", "forecasting-dev", "fraud-dev", "vision-dev", "forecasting-test", "fraud-test", "vision-test",
        "forecasting-prod", "fraud-prod", "vision-prod",
    ]  # fmt: skip


def test_named_stacks_are_planned_once_each_in_that_order(contoso: Platform) -> None:
    made = make_plan(contoso, ["fraud-dev", "hub", "fraud-dev"], Progress())

    assert [stack.name for stack in made.stacks] == ["fraud-dev", "hub"]


def test_an_unknown_stack_is_refused(contoso: Platform) -> None:
    with pytest.raises(InputError):
        make_plan(contoso, ["fraud"], Progress())


def test_environment_contains_the_expected_resource_types(stacks: dict[str, StackPlan]) -> None:
    kinds = Counter(resource.type.split(":", 1)[1] for resource in stacks["fraud-dev"].made)

    assert set(kinds) == {
        "applicationinsights:Component",
        "authorization:PimRoleEligibilitySchedule",
        "authorization:RoleAssignment",
        "consumption:Budget",
        "containerregistry:Registry",
        "keyvault:Vault",
        "machinelearningservices:Compute",
        "machinelearningservices:Workspace",
        "managedidentity:FederatedIdentityCredential",
        "managedidentity:UserAssignedIdentity",
        "monitor:ActivityLogAlert",
        "monitor:DiagnosticSetting",
        "monitor:MetricAlert",
        "monitor:ScheduledQueryRule",
        "resources:ResourceGroup",
        "storage:BlobServiceProperties",
        "storage:StorageAccount",
    }


def test_two_plans_of_one_platform_are_equal(contoso: Platform, contoso_plan: Plan) -> None:
    assert make_plan(contoso, [], Progress()).document() == contoso_plan.document()


def test_the_document_is_version_1(contoso_plan: Plan) -> None:
    document = contoso_plan.document()

    assert document["schema_version"] == 1
    for stack in document["stacks"]:
        assert set(stack) == {"name", "program", "resources", "findings", "bills_while_idle"}
        for resource in stack["resources"]:
            assert set(resource) == {
                "urn", "type", "name", "parent", "inputs", "depends_on", "protect", "import_id", "source",
            }  # fmt: skip
            assert re.fullmatch(r"[\w/.-]+\.yaml:\d+", resource["source"]["manifest"])
            assert re.fullmatch(r"infra/[\w/]+\.py:\d+", resource["source"]["code"])


def test_urns_nest_all_types_as_the_engine_does(stacks: dict[str, StackPlan]) -> None:
    storage = of_type(stacks["fraud-dev"], "StorageAccount")[0]

    assert storage.urn == (
        "urn:pulumi:fraud-dev::mlops-bootstrap::bootstrap:storage:Storage$azure-native:storage:StorageAccount::storage"
    )
    assert storage.parent == "urn:pulumi:fraud-dev::mlops-bootstrap::bootstrap:storage:Storage::storage"


def test_urns_are_unique_and_references_lead_somewhere(stacks: dict[str, StackPlan]) -> None:
    for stack in stacks.values():
        urns = [resource.urn for resource in stack.resources]
        assert len(set(urns)) == len(urns)
        for resource in stack.resources:
            assert {*resource.depends_on, resource.parent or urns[0]} <= set(urns)


def test_only_values_that_azure_generates_are_unknown(stacks: dict[str, StackPlan]) -> None:
    unknown = {
        (resource.type.rsplit(":", 1)[1], key, resource.name if key != "principalId" else "")
        for stack in stacks.values()
        for resource in stack.made
        for key, value in resource.inputs.items()
        if UNKNOWN in map(str, everything(value))
    }

    # Entra makes the ids of principals and of who uses a customer's key;
    # Azure makes and names what the model registry keeps its files and images in.
    assert unknown == {
        ("RoleAssignment", "principalId", ""),
        ("Registry", "encryption", "images"),
        ("PrivateEndpoint", "privateLinkServiceConnections", "endpoints-model-registry-blob-northeurope"),
        ("PrivateEndpoint", "privateLinkServiceConnections", "endpoints-model-registry-blob-westeurope"),
        ("PrivateEndpoint", "privateLinkServiceConnections", "endpoints-model-registry-registry"),
        # Azure ML names the container of a workspace's default datastore.
        ("RoleAssignment", "scope", "endpoint-data-storage-blob-data-contributor-on-default-container"),
    }


def test_idle_costs_are_listed(stacks: dict[str, StackPlan]) -> None:
    told = stacks["vision-dev"].document()["bills_while_idle"]
    whats = {cost["what"]: cost["per"] for cost in told}

    assert whats["private endpoint"] == "hour"
    assert whats["firewall of the managed network (Basic)"] == "hour"
    assert whats["container registry (Premium)"] == "day"
    assert {cost["resource"] for cost in told} <= {resource.urn for resource in stacks["vision-dev"].made}
    assert "container registry (Standard)" in {cost.what for cost in stacks["forecasting-dev"].idle}


def test_there_are_no_errors_in_the_example(stacks: dict[str, StackPlan]) -> None:
    assert [finding for stack in stacks.values() for finding in stack.findings if finding.severity == "error"] == []


def test_a_project_that_is_not_linked_is_a_finding_and_has_no_credential(stacks: dict[str, StackPlan]) -> None:
    stack = stacks["forecasting-dev"]

    assert [finding.rule for finding in stack.findings if finding.severity == "warning"] == ["project-not-linked"]
    assert [resource.name for resource in of_type(stack, "FederatedIdentityCredential")] == ["ci-demand-1"]
    assert {resource.name for resource in of_type(stack, "UserAssignedIdentity")} >= {"ci-demand", "ci-returns"}


def test_federated_credentials_use_issuer_and_subject_of_links(stacks: dict[str, StackPlan]) -> None:
    credential = of_type(stacks["fraud-prod"], "FederatedIdentityCredential")[0]

    assert credential.inputs["subject"] == "repo:contoso@1001/churn@2002:environment:prod"
    assert credential.inputs["audiences"] == ["api://AzureADTokenExchange"]
    assert credential.origin == "links.yaml:28"


def test_names_are_those_of_the_table(stacks: dict[str, StackPlan]) -> None:
    named = {rule.type for rule in TABLE.values()}
    checked = 0
    for stack in stacks.values():
        for resource in stack.made:
            if resource.type in named:
                rule = rule_of(resource.type, Resource("", resource.type, "", resource.inputs).at)
                assert rule.allows(resource.inputs[rule.argument]), resource.name
                checked += 1
    assert checked > 80


def test_environments_use_the_hub_by_name(stacks: dict[str, StackPlan]) -> None:
    hub = stacks["hub"]
    logs = of_type(hub, "Workspace")[0].inputs["workspaceName"]
    models = of_type(hub, "Registry")[0].inputs["registryName"]
    group = of_type(hub, "ResourceGroup")[0].inputs["resourceGroupName"]
    prefix = f"/subscriptions/00000000-0000-0000-0000-0000000000b0/resourceGroups/{group}/providers"

    fraud = stacks["fraud-dev"]
    insights = of_type(fraud, "Component")[0].inputs["workspaceResourceId"]
    scopes = {resource.inputs["scope"] for resource in of_type(fraud, "RoleAssignment")}
    assert insights == f"{prefix}/Microsoft.OperationalInsights/workspaces/{logs}"
    assert f"{prefix}/Microsoft.MachineLearningServices/registries/{models}" in scopes


def test_role_assignments_have_unique_names_and_a_principal_type(stacks: dict[str, StackPlan]) -> None:
    assignments = [resource for stack in stacks.values() for resource in of_type(stack, "RoleAssignment")]
    names = [resource.inputs["roleAssignmentName"] for resource in assignments]

    assert len(set(names)) == len(names) > 100
    assert {resource.inputs["principalType"] for resource in assignments} == {"Group", "ServicePrincipal"}
    assert all(resource.inputs["description"].endswith(".") for resource in assignments)


def test_production_is_protected_and_people_only_read(stacks: dict[str, StackPlan]) -> None:
    prod, dev = stacks["fraud-prod"], stacks["fraud-dev"]
    stateful = {"ResourceGroup", "StorageAccount", "Vault", "Registry", "Workspace"}

    assert {resource.type.rsplit(":", 1)[1] for resource in prod.made if resource.protect} == stateful
    assert not any(resource.protect for resource in dev.made)
    people = [resource.name for resource in of_type(prod, "RoleAssignment") if resource.name.startswith("people-")]
    assert people == [
        "people-data-scientists-reader-on-resource-group",
        "people-engineers-reader-on-resource-group",
        "people-engineers-monitoring-contributor-on-resource-group",
        "people-reviewers-reader-on-resource-group",
        "people-reviewers-storage-blob-data-reader-on-storage",
    ]


@pytest.mark.parametrize(
    ("stack", "isolation", "sku", "public_ip"),
    [("fraud-dev", "AllowInternetOutbound", "Premium", False), ("forecasting-dev", "Disabled", "Standard", True)],
)
def test_the_network_mode_decides(
    stacks: dict[str, StackPlan], stack: str, isolation: str, sku: str, public_ip: bool
) -> None:
    found = stacks[stack]
    workspace = of_type(found, "Workspace")[0].inputs
    cluster = of_type(found, "Compute")[0].inputs["properties"]["properties"]

    assert workspace["managedNetwork"]["isolationMode"] == isolation
    assert of_type(found, "Registry")[0].inputs["sku"] == {"name": sku}
    assert cluster["enableNodePublicIp"] is public_ip
    assert workspace.get("imageBuildCompute") == (None if public_ip else "cpu")


def test_the_workspace_is_made_after_its_identity_got_its_roles(stacks: dict[str, StackPlan]) -> None:
    workspace = of_type(stacks["fraud-dev"], "Workspace")[0]
    needed = {urn.rsplit("::", 1)[1] for urn in workspace.depends_on}

    assert needed >= {"workspace-access-key-vault-administrator-on-key-vault", "storage", "vault", "images"}


@pytest.mark.parametrize(("location", "sku"), [("westeurope", "Standard_ZRS"), ("ukwest", "Standard_LRS")])
def test_states_are_zone_redundant_where_the_region_has_zones(tmp_path: Path, location: str, sku: str) -> None:
    """Azure refuses zone-redundant storage in a region without availability zones."""
    platform = worlds.changed(worlds.PLATFORM, ("location: westeurope", f"location: {location}"))
    hub = worlds.planned(worlds.world(tmp_path, platform), ["hub"])["hub"]

    assert of_type(hub, "StorageAccount")[0].inputs["sku"] == {"name": sku}


def test_budget_start_is_configured(stacks: dict[str, StackPlan]) -> None:
    budget = of_type(stacks["fraud-dev"], "Budget")[0]

    assert budget.inputs["timePeriod"] == {"startDate": "2026-11-01T00:00:00Z"}
    assert budget.origin == "teams/fraud.yaml:10"


def test_each_stack_is_bound_to_its_subscription(stacks: dict[str, StackPlan]) -> None:
    bound = {
        stack.name: resource.inputs["subscriptionId"]
        for stack in stacks.values()
        for resource in stack.resources
        if resource.type == "pulumi:providers:azure-native"
    }
    assert bound["hub"].endswith("b0")
    assert bound["fraud-dev"].endswith("d0")
    assert bound["fraud-prod"].endswith("f0")


def test_the_graph_names_every_component_and_only_direct_needs(stacks: dict[str, StackPlan]) -> None:
    graph = "\n".join(as_mermaid(stacks["fraud-dev"].document()["resources"]))
    labels = dict(re.findall(r'(c\d+)\["([\w-]+)<br/>', graph))
    edges = {(labels[a], labels[b]) for a, b in re.findall(r"(c\d+) --> (c\d+)", graph)}

    assert ("workspace-access", "workspace") in edges
    assert ("group", "workspace") not in edges, "the way leads through storage"
    assert set(labels.values()) >= {"group", "alerts", "budget", "cluster-spot"}


def test_the_summary_has_stacks_counts_and_whole_findings_but_no_resources(contoso_plan: Plan) -> None:
    text = plan_as("tree", contoso_plan.stacks)
    stacks, _, rest = text.partition("\n\nby type:\n")
    types, _, findings = rest.partition("\n\nfindings:\n")

    assert [line.split(":")[0] for line in stacks.splitlines()] == [
        *(stack.name for stack in contoso_plan.stacks),
        "in all",
    ]
    made = [resource for stack in contoso_plan.stacks for resource in stack.made]
    assert f"in all: {len(contoso_plan.stacks)} stacks, {len(made)} resources, " in stacks
    assert sum(int(line.split()[0]) for line in types.splitlines()) == len(made)
    for stack in contoso_plan.stacks:
        for finding in stack.findings:
            assert finding.rule in findings
            assert finding.severity == "note" or finding.message in findings
            if finding.suppressed is None:
                assert findings.count(finding.reason) == 1
                assert findings.count(finding.fix) == 1
    assert "├─" not in text
    assert len(text.splitlines()) < 120


def test_findings_alone_are_the_summary_without_stacks_and_types(contoso_plan: Plan) -> None:
    alone = plan_as("tree", contoso_plan.stacks, show="findings")
    summary = plan_as("tree", contoso_plan.stacks)

    assert alone.splitlines()[0].startswith("in all: ")
    assert summary.endswith(alone.partition("\n")[2])
    assert "by type" not in alone


@pytest.mark.parametrize("form", FORMS)
def test_every_form_renders_plans_and_comparisons(form: str, contoso_plan: Plan) -> None:
    missing = {"LISTS_ERRORS", "render_plan", "render_diff"} - vars(report(form)).keys()
    assert not missing, f"bootstrap/stack/report/{form}.py is a form without {missing}: see interface.py; or no form?"
    [stack, *_] = contoso_plan.stacks
    compared = difference(stack.name, None, stack.document(), "main")

    assert stack.name in plan_as(form, [stack])
    assert stack.name in diff_as(form, [compared])


def test_the_table_has_a_line_for_each_resource(contoso_plan: Plan) -> None:
    lines = plan_as("table", contoso_plan.stacks).partition("\nfindings:\n")[0].splitlines()

    assert len(lines) - 2 == sum(len(stack.made) for stack in contoso_plan.stacks)


def test_findings_stand_below_the_table(contoso_plan: Plan) -> None:
    table, _, findings = plan_as("table", contoso_plan.stacks).partition("\nfindings:\n")

    assert {one.severity for stack in contoso_plan.stacks for one in stack.findings} >= {"warning", "note"}
    for stack in contoso_plan.stacks:
        for one in stack.findings:
            assert one.rule in findings
            assert one.severity == "note" or one.suppressed or f"{one.severity}  {stack.name}: {one.rule}: " in findings
    assert "findings:" not in plan_as("table", [dataclasses.replace(contoso_plan.stacks[0], findings=[])])
    assert table.startswith("stack ")


def test_a_comment_on_a_thousand_stacks_holds_every_error_and_every_stack(contoso: Platform) -> None:
    [one] = make_plan(contoso, ["forecasting-prod"], Progress()).stacks
    broken = Finding("error", "names", None, "Azure does not allow it.", "Refused.", "Rename it.", "https://x.y", None)
    stacks = [*[one] * 999, dataclasses.replace(one, findings=[broken])]

    text = plan_as("markdown", stacks)

    assert len(text) <= LONGEST
    assert text.count("**error**") == 1
    assert text.count("\n| `forecasting-prod` | ") == 1000
    assert "*Left out, since a comment holds 65,536 characters: " in text
