"""The policy pack, asked as the engine asks: a process of its own, over gRPC on loopback."""

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

from infra.rules.pack import SETTINGS_KEY
from infra.rules.properties import STORAGE, WORKSPACE
from infra.rules.rules import RULES
from tests.unit.infra.rules.sides import suppressing

URN = "urn:pulumi:fraud-dev::mlops-bootstrap::bootstrap:storage:Storage$azure-native:storage:StorageAccount::storage"


@pytest.fixture
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The executable that the engine would start, and a channel to the port that it prints."""
    command = [sys.executable, "-c", "from infra.rules.pack import main; main()", "127.0.0.1:1", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.kill()


def properties(inputs: Mapping[str, Any]) -> Struct:
    made = Struct()
    made.update(inputs)
    return made


def asked(pack: analyzer_pb2_grpc.AnalyzerStub, type_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the pack says of one resource, by rule."""
    request = analyzer_pb2.AnalyzeRequest(urn=URN, type=type_, name="storage", properties=properties(inputs))
    return {found.policyName: found for found in pack.Analyze(request).diagnostics}


def asked_of_stack(pack: analyzer_pb2_grpc.AnalyzerStub, type_: str, outputs: Mapping[str, Any]) -> set[str]:
    resource = analyzer_pb2.AnalyzerResource(urn=URN, type=type_, name="storage", properties=properties(outputs))
    found = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[resource])).diagnostics
    return {diagnostic.policyName for diagnostic in found}


def test_it_tells_every_rule(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    told = pack.GetAnalyzerInfo(empty_pb2.Empty())

    assert {policy.name for policy in told.policies} == set(RULES)
    levels = {policy.name: policy.enforcementLevel for policy in told.policies}
    assert levels["storage-no-keys"] == analyzer_pb2.MANDATORY
    assert levels["public-access"] == analyzer_pb2.ADVISORY


def test_an_error_stops_the_engine_and_says_what_to_do(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    found = asked(pack, STORAGE, {"allowSharedKeyAccess": True, "minimumTlsVersion": "TLS1_2"})

    assert found["storage-no-keys"].enforcementLevel == analyzer_pb2.MANDATORY
    assert found["storage-no-keys"].urn == URN
    assert found["storage-no-keys"].message.endswith(RULES["storage-no-keys"].fix)
    assert "storage-tls" not in found


def test_unknowns_and_secrets_break_no_rule(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    secret = {rpc._special_sig_key: rpc._special_secret_sig, "value": "hidden"}

    found = asked(pack, STORAGE, {"allowSharedKeyAccess": rpc.UNKNOWN, "accessTier": secret})

    assert not {"storage-no-keys", "argument-type", "argument-value"} & set(found)


def test_other_providers_resources_are_not_judged(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    assert asked(pack, "random:index/randomId:RandomId", {}) == {}
    assert asked(pack, "bootstrap:storage:Storage", {}) == {}


def test_the_stack_is_judged_by_what_was_asked_for(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    asked(pack, WORKSPACE, {"workspaceName": "mlw", "tags": {"owner": "fraud"}})

    # What Azure answered has other names than what was asked for.
    assert asked_of_stack(pack, WORKSPACE, {"name": "mlw"}) == {"budget", "diagnostics"}


def test_the_manifests_suppressions_hold(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    settings = suppressing("storage-no-keys")
    pack.ConfigureStack(
        analyzer_pb2.AnalyzerStackConfigureRequest(stack="fraud-dev", config={SETTINGS_KEY: settings.model_dump_json()})
    )

    assert "storage-no-keys" not in asked(pack, STORAGE, {"allowSharedKeyAccess": True})


def test_settings_that_are_none_are_refused(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    with pytest.raises(grpc.RpcError, match="mlops-bootstrap:settings is not right"):
        pack.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(config={SETTINGS_KEY: json.dumps({"a": 1})}))
