"""A Pulumi provider that simulates Azure on loopback, by the tables in `kinds.py` and `facts.toml`.

The engine attaches to it, or starts it as a program, instead of the azure-native provider, which needs an account.
The gRPC service of a provider: https://www.pulumi.com/docs/iac/extending-pulumi/
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2, json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.rpc import UNKNOWN

from bootstrap.simulator.facts import (
    exclusive,
    refused_creation,
    refused_deletion,
    refused_update,
    replacing,
    throttled,
)
from bootstrap.simulator.ids import arm_type, parent_of
from bootstrap.simulator.kinds import KINDS, NEEDED_ROLES, Kind
from bootstrap.simulator.managed_network import REQUIRED, refreshed, sent_rules, with_network
from bootstrap.simulator.store import Store

NAME = "pulumi-resource-azure-native"
"""The program that the engine starts for resources of azure-native, if it is on PATH."""

ROLE_DELAY = "role delay"
"""The number in a store that says after how many seconds a new role is effective."""

_EXCLUSIVE_SECONDS = 0.02
"""How long an operation holds what it needs alone: long enough that operations which the engine starts at once meet."""


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Azure, as one instance of the provider sees it: with one subscription.

    Args:
        store: What exists in Azure; by default nothing.
        role_delay: The seconds until a new role is effective. What needs it before is refused. None: as the store says.
        accepts_before: Whether Azure accepts the operation first, and it fails after that.
        clock: Tells the time, in seconds; by default the store's.
        put_removes_rules: Whether an update of a workspace removes the outbound rules that it does not have.
        refuses_required_rules: Whether an update that has the rules of Azure ML itself is refused.
            https://github.com/Azure/azure-sdk-for-python/pull/32643
        exclusive_seconds: How long an operation holds the resources on which it must be the only one.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        role_delay: float | None = None,
        accepts_before: bool = False,
        clock: Callable[[], float] | None = None,
        put_removes_rules: bool = False,
        refuses_required_rules: bool = False,
        exclusive_seconds: float = 0,
    ) -> None:
        self._subscription_id: str | None = None
        self._store = store or Store()
        self._role_delay = role_delay
        self._accepts_before = accepts_before
        self._clock = clock or (lambda: self._store.now)
        self._put_removes_rules = put_removes_rules
        self._refuses_required_rules = refuses_required_rules
        self._exclusive_seconds = exclusive_seconds
        self._held: set[str] = set()
        self._released = Condition()

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
        return _difference(*map(json_format.MessageToDict, (request.old_inputs, request.news)))

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
        old, new = map(json_format.MessageToDict, (request.old_inputs, request.news))
        return _difference(old, new, {*_kind(request.urn).inputs_in_id, *replacing(arm_type(request.id), old, new)})

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
        if _type(request.urn) not in KINDS:
            self._store.note(f"a type of resources: {_type(request.urn)}")
        self._take("write")
        if (refused := refused_creation(self._store, id_, inputs, self._clock())) is not None:
            context.abort(grpc.StatusCode.UNKNOWN, refused)
        answer = _struct(kind.answer(inputs, id_))
        refusal = self._conflict(id_, inputs) or self._refusal(request.urn, inputs)
        if refusal is not None and not self._accepts_before:
            context.abort(grpc.StatusCode.UNKNOWN, refusal)
        self._store.put(id_, inputs, self._clock())
        if refusal is not None:
            fail_after_acceptance(context, id_, answer, request.properties, refusal)
        return provider_pb2.CreateResponse(id=id_, properties=answer)

    def _take(self, operation: str) -> None:
        """Send a request. The provider waits as Azure says when there are too many of them."""
        if wait := throttled(self._store, self._subscription_id or "", operation, self._store.now):
            self._store.advance(wait)

    def _conflict(self, id_: str, inputs: dict[str, Any]) -> str | None:
        """Hold what an operation needs alone for a while. Returns Azure's error if another operation holds it.

        Operations of other subscriptions are other processes, and are not seen.
        """
        needed = dict(exclusive(id_, inputs)) if self._exclusive_seconds else {}
        with self._released:
            if conflict := next((row for name, row in needed.items() if name in self._held), None):
                if not conflict.get("retried"):
                    return str(conflict["error"])
                self._released.wait_for(lambda: not needed.keys() & self._held)
            self._held |= needed.keys()
        time.sleep(self._exclusive_seconds if needed else 0)
        with self._released:
            self._held -= needed.keys()
            self._released.notify_all()
        return None

    def _refusal(self, urn: str, inputs: dict[str, Any]) -> str | None:
        """Why Azure refuses a resource: a role on what it uses, or a custom role, is not effective yet."""
        path, error = NEEDED_ROLES.get(_type(urn), ("", ""))
        needed: Any = inputs
        for part in path.split("."):
            needed = needed.get(part, {}) if isinstance(needed, dict) else {}
        # A vault's URL begins with its name, and an id ends with its own.
        names = {str(needed).rsplit("/", 1)[-1], str(needed).removeprefix("https://").split(".")[0]}
        return error if names & self._new_roles() else None

    def _new_roles(self) -> set[str]:
        """The names of custom roles, and of what roles were assigned on, that are not effective yet."""
        delay = self._store.number(ROLE_DELAY, 0) if self._role_delay is None else self._role_delay
        since = self._clock() - delay
        assigned = self._store.created_after("microsoft.authorization/roleassignments", since) if delay else []
        defined = self._store.created_after("microsoft.authorization/roledefinitions", since) if delay else []
        return {id_.rsplit("/", 1)[-1] for id_ in (*map(parent_of, assigned), *defined)}

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
        self._take("write")
        if (refused := refused_update(self._store, request.id, self._store.get(request.id) or {}, inputs)) is not None:
            context.abort(grpc.StatusCode.UNKNOWN, refused)
        self._store.put(request.id, inputs)
        return provider_pb2.UpdateResponse(properties=_struct(self._described(request.urn, request.id, inputs)))

    def Read(self, request: Any, context: Any) -> Any:
        self._take("read")
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
        self._take("delete")
        if (refused := refused_deletion(self._store, request.id)) is not None:
            context.abort(grpc.StatusCode.UNKNOWN, refused)
        self._store.delete(request.id, self._clock())
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
    serve(Provider(Store(Path(store)), exclusive_seconds=_EXCLUSIVE_SECONDS))


def serve(provider: Provider) -> None:
    """Be a provider program: print the port for the engine, and answer until the engine ends this process."""
    engine = os.getppid()
    server, port = _server(provider)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # The engine interrupts its providers when it has finished with them, and waits five seconds for their end. A killed
    # engine ends nothing: then it is no longer the parent.
    with contextlib.suppress(KeyboardInterrupt):
        while server.wait_for_termination(timeout=1) and os.getppid() == engine:
            pass
    server.stop(None)


def _server(provider: Provider) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _kind(urn: str) -> Kind:
    # The inputs of an unknown type are returned as they are, under an id that no resource of Azure has.
    return KINDS.get(_type(urn)) or Kind(f"/providers/simulated/unknown/{urn.replace('::', '.').replace('$', '.')}")


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def _difference(old: dict[str, Any], new: dict[str, Any], replacing: Set[str] = frozenset()) -> Any:
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    replaces = [key for key in changed if key in replacing]
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=changed,
        replaces=replaces,
        # https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go
        deleteBeforeReplace=bool(replaces),
    )


def _struct(values: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(values)
    return made
