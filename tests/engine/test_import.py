"""A resource that Azure created and the state does not have: how `up` fails, and the import that mends it."""

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi import automation

from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.provider import Provider
from infra.programs import create_resources
from tests import worlds
from tests.engine.comparison import planned
from tests.engine.stacks import counted, run, under_engine, without_aliases
from tests.helpers import ROOT

STORAGE = "azure-native:storage:StorageAccount"
LANGUAGE_HOST = f"""\
#!{sys.executable}
import signal
from concurrent.futures import ThreadPoolExecutor
import grpc
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

class Host(language_pb2_grpc.LanguageRuntimeServicer):
    def Handshake(self, request, context):
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="3.259.0")

    def GetRequiredPackages(self, request, context):
        return language_pb2.GetRequiredPackagesResponse()

signal.signal(signal.SIGINT, signal.SIG_IGN)
server = grpc.server(ThreadPoolExecutor())
language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""
"""What `pulumi import` asks of the language host, which the tests do not have: which plugins the program needs."""


class Forgetful(Provider):
    """One whose first creation of a storage account fails, although Azure creates it.

    https://github.com/pulumi/pulumi-azure-native/issues/4761
    """

    failed = False

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        answer = super().Create(request, context)
        if not request.preview and not self.failed and request.urn.split("::")[2].endswith(STORAGE):
            self.failed = True
            context.abort(grpc.StatusCode.UNKNOWN, 'Status=409 Code="StorageAccountOperationInProgress" Message="..."')
        return answer


@pytest.fixture
def language_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "pulumi-language-python"
    program.parent.mkdir()
    program.write_text(LANGUAGE_HOST)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), os.environ["PATH"]]))


def documented(**values: str) -> list[str]:
    """The arguments of `pulumi import` in docs/azure-errors.md."""
    found = re.search(r"\npulumi (import .*)\n", (ROOT / "docs" / "azure-errors.md").read_text(encoding="utf-8"))
    assert found is not None
    return [re.sub(r"\b[A-Z]+$", lambda name: values[name.group()], part) for part in shlex.split(found.group(1))]


@pytest.mark.usefixtures("language_host")
def test_unrecorded_creation_is_imported_as_documented(engine: Path, tmp_path: Path) -> None:
    platform = load_platform(worlds.world(tmp_path / "platform"))
    settings, by_plan = platform.stacks["fraud-dev"], planned(platform, "fraud-dev")
    [parent] = [one["parent"] for one in by_plan.values() if one["type"] == STORAGE]
    [provider] = [urn for urn, one in by_plan.items() if one["type"] == "pulumi:providers:azure-native"]
    azure = Forgetful()
    program = without_aliases(lambda: create_resources(settings))

    with under_engine(engine, tmp_path / "engine", settings.stack, program, azure) as stack:
        with pytest.raises(automation.CommandError, match="StorageAccountOperationInProgress"):
            stack.up()
        with pytest.raises(automation.CommandError, match="cannot create already existing resource") as caught:
            stack.up()
        urns = run(stack, "stack", "--show-urns")
        [id_] = [one for one in azure.ids if "/storageAccounts/" in one]
        run(stack, *documented(TYPE=STORAGE, NAME="storage", ID=id_, PARENT=parent, PROVIDER=provider))
        mended = counted(stack.up())
        again = counted(stack.up())

    assert f"{STORAGE} (storage)" in str(caught.value)
    assert id_ in str(caught.value)
    assert parent in urns
    assert provider in urns
    assert set(mended) == {"create", "same"}
    assert again == {"same": len(by_plan) + 1}
