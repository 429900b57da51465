"""The policy pack, called as the engine calls it: over gRPC on loopback."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from infra.rules.analyzer import serve
from infra.rules.pack import SETTINGS_KEY
from infra.rules.rules import RULES
from infra.tables.resource_types import ACTION_GROUP, COMPUTE, IMAGES, ROLE, STORAGE, VAULT, WORKSPACE
from tests.unit.infra.rules.manifests import Edits, on_team, planned, suppressing

URN = "urn:pulumi:fraud-dev::mlops-bootstrap::bootstrap:storage:Storage$azure-native:storage:StorageAccount::storage"

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@pytest.fixture
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """A channel to a server of this process."""
    server, port = serve()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    server.stop(None)


def properties(inputs: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(inputs)
    return struct


def judged(pack: analyzer_pb2_grpc.AnalyzerStub, type_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The diagnostics of one resource, by rule."""
    request = analyzer_pb2.AnalyzeRequest(urn=URN, type=type_, name="it", properties=properties(inputs))
    return {found.policyName: found for found in pack.Analyze(request).diagnostics}


def judged_stack(pack: analyzer_pb2_grpc.AnalyzerStub, type_: str, outputs: Mapping[str, Any]) -> set[str]:
    """The rules that the stack of one resource violates, beside those of the resource itself."""
    resource = analyzer_pb2.AnalyzerResource(urn=URN, type=type_, name="it", properties=properties(outputs))
    found = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[resource])).diagnostics
    return {diagnostic.policyName for diagnostic in found}


def configure(pack: analyzer_pb2_grpc.AnalyzerStub, edits: Edits, name: str) -> None:
    """Send the settings of a stack of the edited manifests."""
    [stack] = planned(edits, name).stacks
    config = {SETTINGS_KEY: stack.settings.model_dump_json()}
    pack.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(stack=name, config=config))


def cluster(size: str) -> dict[str, Any]:
    return {"properties": {"computeType": "AmlCompute", "properties": {"vmSize": size}}}


def test_the_executable_prints_its_port_and_serves_until_it_is_ended() -> None:
    command = [sys.executable, "-c", "from infra.rules.pack import main; main()", "127.0.0.1:1", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty())
            still_serves = process.poll() is None
        finally:
            process.kill()

    assert info.name == "mlops-bootstrap"
    assert still_serves


def test_pack_lists_every_rule(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())

    assert (info.name, info.displayName, info.version) == ("mlops-bootstrap", "mlops-bootstrap", "1.0.0")
    assert {policy.name for policy in info.policies} == RULES.keys()
    retired = next(policy for policy in info.policies if policy.name == "size-retired")
    rule = RULES["size-retired"]
    texts = (retired.displayName, retired.description, retired.message, retired.url)
    assert texts == (rule.title, rule.reason, rule.fix, rule.link)


@pytest.mark.parametrize(
    ("rule", "level", "severity", "judges"),
    [
        ("size-retired", analyzer_pb2.MANDATORY, analyzer_pb2.POLICY_SEVERITY_HIGH, "RESOURCE"),
        ("public-access", analyzer_pb2.ADVISORY, analyzer_pb2.POLICY_SEVERITY_MEDIUM, "STACK"),
        ("eligible-by-person", analyzer_pb2.ADVISORY, analyzer_pb2.POLICY_SEVERITY_LOW, "STACK"),
    ],
)
def test_only_errors_are_mandatory(
    pack: analyzer_pb2_grpc.AnalyzerStub, rule: str, level: int, severity: int, judges: str
) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())

    [policy] = [policy for policy in info.policies if policy.name == rule]
    assert (policy.enforcementLevel, policy.severity) == (level, severity)
    assert policy.policy_type == getattr(analyzer_pb2, f"POLICY_TYPE_{judges}")


def test_error_stops_the_engine_before_the_resource_is_created(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    found = judged(pack, COMPUTE, cluster("Standard_NC6s_v3"))

    assert found.keys() == {"size-retired"}
    assert found["size-retired"].enforcementLevel == analyzer_pb2.MANDATORY
    assert found["size-retired"].severity == analyzer_pb2.POLICY_SEVERITY_HIGH
    assert found["size-retired"].urn == URN
    assert found["size-retired"].message.endswith(RULES["size-retired"].fix)


@pytest.mark.parametrize(
    ("type_", "path", "most"),
    [
        (ACTION_GROUP, ["emailReceivers"], 1000),
        (STORAGE, ["networkRuleSet", "ipRules"], 400),
        (VAULT, ["properties", "networkAcls", "ipRules"], 1000),
        (IMAGES, ["networkRuleSet", "ipRules"], 100),
    ],
)
def test_a_list_has_as_many_entries_as_azure_publishes(
    pack: analyzer_pb2_grpc.AnalyzerStub, type_: str, path: list[str], most: int
) -> None:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits"""

    def with_entries(count: int) -> dict[str, Any]:
        value: Any = [{}] * count
        for key in reversed(path):
            value = {key: value}
        return dict(value)

    assert judged(pack, type_, with_entries(most)) == {}
    assert judged(pack, type_, with_entries(most + 1)).keys() == {"limit-entries"}


def test_unknown_and_secret_values_violate_no_rule(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    secret = {rpc._special_sig_key: rpc._special_secret_sig, "value": "hidden"}

    assert judged(pack, COMPUTE, cluster(rpc.UNKNOWN)) == {}
    assert judged(pack, STORAGE, {"networkRuleSet": secret, "tags": rpc.UNKNOWN}) == {}


def test_resources_of_other_providers_are_ignored(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    assert judged(pack, "random:index/randomId:RandomId", {}) == {}
    assert judged(pack, "bootstrap:storage:Storage", {}) == {}


def test_stack_is_judged_by_inputs_and_not_by_outputs(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    judged(pack, WORKSPACE, {"workspaceName": "mlw", "tags": {"owner": "fraud"}})

    assert judged_stack(pack, WORKSPACE, {"name": "mlw"}) == {"budget"}


def test_findings_of_resources_are_not_repeated_for_the_stack(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    judged(pack, COMPUTE, {**cluster("Standard_NC6s_v3"), "tags": {"owner": "fraud"}})

    assert judged_stack(pack, COMPUTE, {}) == set()


def test_suppressions_of_the_manifests_apply(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    configure(pack, suppressing("size-retired"), "fraud-dev")

    assert judged(pack, COMPUTE, cluster("Standard_NC6s_v3")) == {}


@pytest.mark.parametrize(
    ("principal_type", "rules"),
    [("Group", {"standing-access"}), ("ServicePrincipal", set()), (rpc.UNKNOWN, set()), (None, {"standing-access"})],
)
def test_only_roles_of_people_are_standing_access(
    pack: analyzer_pb2_grpc.AnalyzerStub, principal_type: str | None, rules: set[str]
) -> None:
    configure(pack, on_team(protect=True), "fraud-dev")
    inputs = {"scope": "/subscriptions/a", "roleDefinitionId": f"/roleDefinitions/{OWNER}", "principalId": "a"}
    judged(pack, ROLE, inputs if principal_type is None else {**inputs, "principalType": principal_type})

    assert judged_stack(pack, ROLE, {}) & {"standing-access"} == rules


def test_invalid_settings_are_refused(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    with pytest.raises(grpc.RpcError, match="mlops-bootstrap:settings is not right"):
        pack.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(config={SETTINGS_KEY: json.dumps({"a": 1})}))
