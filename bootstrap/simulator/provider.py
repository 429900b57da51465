"""A Pulumi provider that simulates Azure on loopback, by the table in `kinds.py`.

The engine attaches to it, or starts it as a program, instead of the azure-native provider, which needs an account. It
checks that the inputs which Azure requires are present, that what is created does not exist, and that roles are
effective.
The gRPC service of a provider: https://www.pulumi.com/docs/iac/extending-pulumi/
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2, json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.rpc import UNKNOWN

from bootstrap.simulator.connections import IN_PROGRESS, targets
from bootstrap.simulator.kinds import KINDS, NEEDED_ROLES, Kind
from bootstrap.simulator.managed_network import REQUIRED, refreshed, sent_rules, with_network
from bootstrap.simulator.store import Store

NAME = "pulumi-resource-azure-native"
"""The program that the engine starts for resources of azure-native, if it is on PATH."""


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Azure, as one instance of the provider sees it: with one subscription.

    Args:
        store: What exists in Azure; by default nothing.
        role_delay: The seconds until a new role is effective. What needs it before is refused.
        accepts_before: Whether Azure accepts the operation first, and it fails after that.
        clock: Tells the time, in seconds.
        put_removes_rules: Whether an update of a workspace removes the outbound rules that it does not have.
        refuses_required_rules: Whether an update that has the rules of Azure ML itself is refused.
            https://github.com/Azure/azure-sdk-for-python/pull/32643
        connection_seconds: How long a private endpoint needs to connect. Until then, its target refuses another one.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        role_delay: float = 0,
        accepts_before: bool = False,
        clock: Callable[[], float] = time.monotonic,
        put_removes_rules: bool = False,
        refuses_required_rules: bool = False,
        connection_seconds: float = 0,
    ) -> None:
        self._subscription_id: str | None = None
        self._store = store or Store()
        self._role_delay = role_delay
        self._accepts_before = accepts_before
        self._clock = clock
        self._roles: dict[str, float] = {}
        self._put_removes_rules = put_removes_rules
        self._refuses_required_rules = refuses_required_rules
        self._connection_seconds = connection_seconds
        self._connecting: set[str] = set()
        self._lock = Lock()

    @property
    def ids(self) -> list[str]:
        """The ids of all that exists."""
        return self._store.ids

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="3.29.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return _difference(request.old_inputs, request.news)

    def Configure(self, request: Any, context: Any) -> Any:
        self._subscription_id = json_format.MessageToDict(request.args).get("subscriptionId")
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        kind, inputs = _kind(request.urn), json_format.MessageToDict(request.news)
        failures = [
            provider_pb2.CheckFailure(property=name, reason="Azure requires it")
            for name in sorted({*kind.inputs_in_id, *kind.required} - inputs.keys())
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        return _difference(request.old_inputs, request.news, _kind(request.urn).inputs_in_id)

    def Create(self, request: Any, context: Any) -> Any:
        kind, inputs = _kind(request.urn), json_format.MessageToDict(request.properties)
        if request.preview:
            # What is decided by Azure is unknown, and an identity with it.
            decided = dict.fromkeys([*kind.decided, *({"identity"} & inputs.keys())], UNKNOWN)
            return provider_pb2.CreateResponse(properties=_struct({**inputs, **decided}))
        if self._subscription_id is None:
            raise LookupError(f"{request.urn} was given no subscription")
        id_ = kind.id_of(inputs, self._subscription_id)
        if self._store.get(id_) is not None:
            # The provider's words: https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go
            context.abort(grpc.StatusCode.UNKNOWN, f"cannot create already existing resource '{id_}'")
        answer = _struct(kind.answer(inputs, id_))
        refusal = self._refusal(request.urn, inputs) if self._connects(request.urn, inputs) else IN_PROGRESS
        if refusal is not None and not self._accepts_before:
            context.abort(grpc.StatusCode.UNKNOWN, refusal)
        self._store.put(id_, inputs)
        if refusal is not None:
            fail_after_acceptance(context, id_, answer, request.properties, refusal)
        if "scope" in inputs:
            self._roles[(id_ if "assignableScopes" in inputs else inputs["scope"]).rsplit("/", 1)[-1]] = self._clock()
        return provider_pb2.CreateResponse(id=id_, properties=answer)

    def _connects(self, urn: str, inputs: dict[str, Any]) -> bool:
        """Connect a resource to what it needs by private endpoint. False if something else connects to the same."""
        needed = set(targets(_type(urn), inputs)) if self._connection_seconds else set()
        with self._lock:
            if needed & self._connecting:
                return False
            self._connecting |= needed
        time.sleep(self._connection_seconds if needed else 0)
        with self._lock:
            self._connecting -= needed
        return True

    def _refusal(self, urn: str, inputs: dict[str, Any]) -> str | None:
        """Why Azure refuses a resource: a role on what it uses, or a custom role, is not effective yet."""
        path, error = NEEDED_ROLES.get(_type(urn), ("", ""))
        needed: Any = inputs
        for part in path.split("."):
            needed = needed.get(part, {}) if isinstance(needed, dict) else {}
        # A vault's URL begins with its name, and an id ends with its own.
        names = {str(needed).rsplit("/", 1)[-1], str(needed).removeprefix("https://").split(".")[0]}
        new = {name for name, since in self._roles.items() if self._clock() - since < self._role_delay}
        return error if names & new else None

    def Update(self, request: Any, context: Any) -> Any:
        inputs = json_format.MessageToDict(request.news)
        answer = _struct(self._described(request.urn, request.id, inputs))
        if request.preview:
            return provider_pb2.UpdateResponse(properties=answer)
        sent = sent_rules(inputs)
        if self._refuses_required_rules and sent & REQUIRED.keys():
            message = "Required outbound rules cannot be updated."
            context.abort(grpc.StatusCode.UNKNOWN, f'Status=400 Code="ValidationError" Message="{message}"')
        if self._put_removes_rules:
            for name in self.outbound_rules(request.id).keys() - sent:
                self._store.delete(f"{request.id}/outboundRules/{name}")
        self._store.put(request.id, inputs)
        return provider_pb2.UpdateResponse(properties=_struct(self._described(request.urn, request.id, inputs)))

    def Read(self, request: Any, context: Any) -> Any:
        if (inputs := self._store.get(request.id)) is None:
            return provider_pb2.ReadResponse()  # there is none
        answer = self._described(request.urn, request.id, inputs)
        old_inputs, old_answer = map(json_format.MessageToDict, (request.inputs, request.properties))
        # An import has no earlier inputs.
        inputs = refreshed(old_inputs, old_answer, answer) if old_inputs else inputs
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(answer), inputs=_struct(inputs))

    def _described(self, urn: str, id_: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """A resource with these inputs, as Azure describes it."""
        return with_network(_kind(urn).answer(inputs, id_), self.outbound_rules(id_))

    def outbound_rules(self, workspace: str) -> dict[str, Any]:
        """The outbound rules of a workspace by name, without those that Azure adds.

        Args:
            workspace: Its id.
        """
        prefix = f"{workspace}/outboundRules/".lower()
        names = [id_.rsplit("/", 1)[-1] for id_ in self.ids if id_.lower().startswith(prefix)]
        return {name: (self._store.get(prefix + name) or {})["properties"] for name in names}

    def Delete(self, request: Any, context: Any) -> Any:
        self._store.delete(request.id)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


@contextmanager
def serving(provider: Provider | None = None) -> Iterator[int]:
    """A provider, by default a new one, that answers on a port of the loopback address, which is given."""
    server, port = _server(provider or Provider())
    try:
        yield port
    finally:
        server.stop(0).wait()


def fail_after_acceptance(context: Any, id_: str, outputs: Struct, inputs: Struct, reason: str) -> NoReturn:
    """Fail as the provider does when Azure accepted an operation: with what the engine records of the resource.

    `partialError` in https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/crud/crud.go
    """
    failed = provider_pb2.ErrorResourceInitFailed(id=id_, properties=outputs, reasons=[reason], inputs=inputs)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
    status.details.add().Pack(failed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, reason)
    raise AssertionError  # abort has raised


def install(folder: Path, store: Path) -> None:
    """Write the simulated Azure into `folder` as a program that the engine starts instead of the real provider.

    Each instance of the provider, one for each subscription, is a process of its own.

    Args:
        store: The file that all of them keep Azure's resources in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    call = f"from bootstrap.simulator.provider import main; main({str(store)!r})"
    if os.name == "nt":
        (folder / f"{NAME}.cmd").write_text(f'@"{sys.executable}" -c "{call}"\n', "utf-8")
        return
    program = folder / NAME
    # Always this code, whichever version of ours the engine works for.
    code = f"PYTHONPATH='{Path(__file__).parents[2]}' exec '{sys.executable}' -P"
    program.write_text(f'#!/bin/sh\n{code} -c "{call}"\n', "utf-8")
    program.chmod(0o700)


def main(store: str) -> None:
    """Be a provider program for the resources in a file."""
    serve(Provider(Store(Path(store))))


def serve(provider: Provider) -> None:
    """Be a provider program: print the port for the engine, and answer until the engine ends this process."""
    # The engine interrupts its providers itself when it has finished with them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engine = os.getppid()
    server, port = _server(provider)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # A killed engine ends nothing: then it is no longer the parent.
    while server.wait_for_termination(timeout=1) and os.getppid() == engine:
        pass


def _server(provider: Provider) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _kind(urn: str) -> Kind:
    if _type(urn) not in KINDS:
        raise LookupError(f"bootstrap/simulator/kinds.py has no row for {_type(urn)}")
    return KINDS[_type(urn)]


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def _difference(before: Struct, after: Struct, replacing: Set[str] = frozenset()) -> Any:
    old, new = json_format.MessageToDict(before), json_format.MessageToDict(after)
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=changed,
        replaces=[key for key in changed if key in replacing],
    )


def _struct(values: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(values)
    return made
