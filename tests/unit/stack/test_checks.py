"""The rules on the example platform, and on inputs that are unknown."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.errors import RefusedError
from bootstrap.manifests.platform import Platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.checks import check, collect_refusals, refuse
from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import UNKNOWN, Finding, Resource, Stack
from infra.rules.rules import RESOURCE_RULES, judge
from tests.plans import make_plan
from tests.unit.infra.rules.manifests import planned, suppressing, with_size


def test_example_has_five_findings_on_purpose(contoso: Platform) -> None:
    """A project without a link, eligibilities, two environments of one team in one subscription, runners beyond the
    default quota, and a locked workspace without rules to the data of a private registry.
    """
    found = {
        finding.rule
        for stack in make_plan(contoso, [], Progress()).stacks
        for finding in stack.findings
        if finding.suppressed is None
    }

    assert found == {
        "project-not-linked", "eligible-by-person", "deployers-apart", "runner-quota", "registry-data",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["hub", "fraud-prod", "vision-prod"])
def test_unknown_inputs_violate_no_rule(contoso: Platform, name: str) -> None:
    """The engine's preview knows less than a plan: any input of any resource may be unknown."""
    [made] = make_plan(contoso, [name], Progress()).stacks
    before = {(finding.rule, finding.resource) for finding in made.findings}

    for resource in made.made:
        unknown = Resource(resource.urn, resource.type, resource.name, dict.fromkeys(resource.inputs, UNKNOWN))
        nested = {key: _unknown_within(value) for key, value in resource.inputs.items()}
        assert judge(Stack(name, [unknown]), RESOURCE_RULES) == []
        assert judge(Stack(name, [replace(unknown, inputs=nested)]), RESOURCE_RULES) == []
    resources = [replace(resource, inputs=dict.fromkeys(resource.inputs, UNKNOWN)) for resource in made.resources]
    found = {(finding.rule, finding.resource) for finding in check(made.settings, resources).findings}
    assert found - before == set()


_KINDS = ("computeType", "criterionType", "kind", "odataType", "type")


def _unknown_within(value: Any) -> Any:
    """The same with every value unknown, except those that select the kind of an object."""
    if isinstance(value, dict):
        return {key: item if key in _KINDS else _unknown_within(item) for key, item in value.items()}
    return [_unknown_within(item) for item in value] if isinstance(value, list) else UNKNOWN


def test_errors_without_a_suppression_refuse_the_deployment() -> None:
    refused = refusals_of(planned(with_size("Standard_NC6s_v3"), "fraud-dev").stacks)

    assert len(refused) == 1
    assert refused[0].startswith("fraud-dev: size-retired: cluster-cpu: Standard_NC6s_v3 was retired on 2025-09-30")
    assert refused[0].endswith("(teams/fraud.yaml:1)")
    with pytest.raises(RefusedError) as caught:
        refuse(refused, printed=False)
    assert list(caught.value.details) == refused


def test_suppressed_errors_and_warnings_refuse_nothing() -> None:
    suppressed = {**with_size("Standard_NC6s_v3"), **suppressing("size-retired")}
    warning = with_size("Standard_DS3_v2")

    refuse(
        refusals_of([*planned(suppressed, "fraud-dev").stacks, *planned(warning, "fraud-dev").stacks]), printed=False
    )


def test_finding_has_the_manifest_line_of_its_resource(contoso: Platform) -> None:
    [stack] = make_plan(contoso, ["fraud-dev"], Progress()).stacks
    lines = {resource.urn: resource.origin for resource in stack.resources}

    def manifest(finding: Finding) -> str | None:
        return lines.get(finding.resource or "") or stack.settings.origin

    assert stack.findings
    assert [finding.manifest for finding in stack.findings] == [manifest(finding) for finding in stack.findings]


def refusals_of(stacks: Any) -> list[str]:
    """What `plan --check` refuses, with the stacks passed on unchanged."""
    refused: list[str] = []
    passed: list[StackPlan] = list(collect_refusals(stacks, refused))
    assert passed == list(stacks)
    return refused
