"""The rules on a real plan: it breaks none, and the smallest wrong change of it is found, by its own rule only."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.checks import check
from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import UNKNOWN, Resource, Stack
from infra.rules.rules import judge_resource
from infra.settings import StackSettings
from tests.helpers import CONTOSO
from tests.plans import make_plan

# (rule, type, what to do to the inputs)
WRONG: list[tuple[str, str, Callable[[dict[str, Any]], Any]]] = [
    ("storage-no-keys", "storage:StorageAccount", lambda inputs: inputs.pop("allowSharedKeyAccess")),
    ("storage-no-public-blobs", "storage:StorageAccount", lambda inputs: inputs.update(allowBlobPublicAccess=True)),
    ("storage-tls", "storage:StorageAccount", lambda inputs: inputs.update(minimumTlsVersion="TLS1_0")),
    ("vault-roles", "keyvault:Vault", lambda inputs: inputs["properties"].pop("enableRbacAuthorization")),
    ("vault-purge-protection", "keyvault:Vault", lambda inputs: inputs["properties"].pop("enablePurgeProtection")),
    ("images-no-admin", "containerregistry:Registry", lambda inputs: inputs.update(adminUserEnabled=True)),
    (
        "datastores-by-identity",
        "machinelearningservices:Workspace",
        lambda inputs: inputs.update(systemDatastoresAuthMode="AccessKey"),
    ),
    (
        "compute-no-local-login",
        "machinelearningservices:Compute",
        lambda inputs: inputs["properties"].pop("disableLocalAuth"),
    ),
    ("principal-type", "authorization:RoleAssignment", lambda inputs: inputs.pop("principalType")),
    ("tags", "keyvault:Vault", lambda inputs: inputs.pop("tags")),
    ("tags", "monitor:MetricAlert", lambda inputs: inputs["tags"].pop("team")),
    ("names", "keyvault:Vault", lambda inputs: inputs.update(vaultName="1-starts-with-a-digit")),
    ("names", "storage:StorageAccount", lambda inputs: inputs.pop("accountName")),
]


@pytest.fixture(scope="module")
def stack() -> StackPlan:
    return make_plan(load_platform(CONTOSO), ["fraud-dev"], Progress()).stacks[0]


def errors(stack: StackPlan, change: Callable[[dict[str, Any]], Any] | None = None, type_: str = "") -> list[str]:
    """The rules that are broken after the inputs of all resources of a type were changed."""
    document = stack.document()["resources"]
    resources = []
    for resource, copied in zip(stack.resources, document, strict=True):
        inputs = _copy(copied["inputs"])
        if change is not None and resource.type == f"azure-native:{type_}":
            change(inputs)
        resources.append(replace(resource, inputs=inputs))
    return [finding.rule for finding in check(stack.settings, resources).findings if finding.severity == "error"]


def _copy(value: Any) -> Any:
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_what_the_components_make_breaks_no_rule(stack: StackPlan) -> None:
    assert errors(stack) == []


@pytest.mark.parametrize(("rule", "type_", "change"), WRONG)
def test_a_wrong_property_is_found(
    stack: StackPlan, rule: str, type_: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    assert set(errors(stack, change, type_)) == {rule}


def test_public_access_is_told_of_production_until_it_is_off(stack: StackPlan) -> None:
    in_production = stack.settings.model_copy(update={"protect": True})
    closed = [
        replace(resource, inputs={**resource.inputs, "publicNetworkAccess": "Disabled"}) for resource in stack.resources
    ]

    def told(settings: StackSettings, resources: Sequence[Resource]) -> list[str]:
        found = check(settings, resources).findings
        return [str(finding.resource).rsplit("::", 1)[-1] for finding in found if finding.rule == "public-access"]

    assert told(stack.settings, stack.resources) == []
    assert sorted(told(in_production, stack.resources)) == ["images", "storage", "vault"]
    assert told(in_production, closed) == []


def test_the_example_has_no_finding_that_nobody_should_act_on() -> None:
    """What is left is told on purpose: a project whose link is still to be read from its forge; which stacks a person
    deploys, since they have eligibilities; environments of one team in one subscription, which are not apart."""
    found = {
        finding.rule
        for stack in make_plan(load_platform(CONTOSO), [], Progress()).stacks
        for finding in stack.findings
        if finding.suppressed is None
    }

    assert found == {"project-not-linked", "eligible-by-person", "deployers-apart"}


@pytest.mark.parametrize("name", ["hub", "fraud-prod", "vision-prod"])
def test_what_is_unknown_neither_breaks_a_rule_nor_the_judge(name: str) -> None:
    """An engine's preview knows less than a plan: of any resource, any input may be unknown."""
    [made] = make_plan(load_platform(CONTOSO), [name], Progress()).stacks
    before = {(finding.rule, finding.resource) for finding in made.findings}

    for resource in made.made:
        unknown = Resource(resource.urn, resource.type, resource.name, dict.fromkeys(resource.inputs, UNKNOWN))
        nested = {key: _unknown_within(value) for key, value in resource.inputs.items()}
        assert judge_resource(Stack(name, [unknown])) == []
        assert judge_resource(Stack(name, [replace(unknown, inputs=nested)])) == []
    resources = [replace(resource, inputs=dict.fromkeys(resource.inputs, UNKNOWN)) for resource in made.resources]
    found = {(finding.rule, finding.resource) for finding in check(made.settings, resources).findings}
    assert found - before == set()


_KINDS = ("computeType", "criterionType", "kind", "odataType", "type")


def _unknown_within(value: Any) -> Any:
    """The same with every value in it unknown, but what says which kind of thing it is."""
    if isinstance(value, dict):
        return {key: item if key in _KINDS else _unknown_within(item) for key, item in value.items()}
    return [_unknown_within(item) for item in value] if isinstance(value, list) else UNKNOWN
