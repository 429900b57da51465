"""The simulated Azure with faults, as provider programs that the engine starts: what rehearsals and deployments must
notice or survive. The product has no switch for them.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import provider_pb2

from bootstrap.simulator.provider import NAME, Provider, fail_after_acceptance, serve
from bootstrap.simulator.store import Store
from tests.helpers import ROOT

Operation = Callable[[Any, Any], Any]
"""A method of the provider's service: takes the request and the context, and returns the answer."""


class Forgetful(Provider):
    """Reads each resource as it was deployed, whatever has happened to it."""

    def Read(self, request: Any, context: Any) -> Any:
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)


class Keeping(Provider):
    """Accepts the deletion of resource groups, and does not delete them."""

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty() if "/providers/" not in request.id else super().Delete(request, context)


class Restless(Provider):
    """Finds a difference in every resource group, each time."""

    def Diff(self, request: Any, context: Any) -> Any:
        if request.urn.split("::")[2].endswith(":ResourceGroup"):
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_SOME, diffs=["tags"])
        return super().Diff(request, context)


class Deadly(Provider):
    """Creates the first action group, and ends itself and the engine before it answers."""

    def Create(self, request: Any, context: Any) -> Any:
        inputs = json_format.MessageToDict(request.properties)
        exists = any("/actionGroups/" in id_ for id_ in self.ids)
        created = super().Create(request, context)
        if not request.preview and "groupShortName" in inputs and not exists:
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return created


class Secretive(Provider):
    """Gives each storage account a secret output, as providers do with keys."""

    SECRET = "canary-of-the-provider-91c4"

    def _described(self, urn: str, id_: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return self._with_secret(id_, super()._described(urn, id_, inputs))

    def Create(self, request: Any, context: Any) -> Any:
        created = super().Create(request, context)
        if not request.preview and self._with_secret(created.id, {}):
            created.properties.update(self._with_secret(created.id, {}))
        return created

    def _with_secret(self, id_: str, described: dict[str, Any]) -> dict[str, Any]:
        if not id_.lower().rpartition("/providers/")[2].startswith("microsoft.storage/storageaccounts/"):
            return described
        return {**described, "primaryKey": {_SIGNATURE: _SECRET, "value": self.SECRET}}


_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""


class _Seeded(Provider):
    """Has a fault at some operations that change something. All processes before one Azure count on in a file.

    Args:
        at: The numbers of these operations, from 1.
    """

    def __init__(self, store: Store, count: Path, at: Collection[int]) -> None:
        super().__init__(store)
        self._count = count
        self._at = at

    def Create(self, request: Any, context: Any) -> Any:
        return self._operate(super().Create, request, context)

    def Update(self, request: Any, context: Any) -> Any:
        return self._operate(super().Update, request, context)

    def Delete(self, request: Any, context: Any) -> Any:
        return self._operate(super().Delete, request, context)

    def _operate(self, operation: Operation, request: Any, context: Any) -> Any:
        if getattr(request, "preview", False):
            return operation(request, context)
        with self._count.open("ab") as file:
            file.write(b".")
            number = file.tell()
        return self.fail(operation, request, context) if number in self._at else operation(request, context)

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        raise NotImplementedError


class Throttled(_Seeded):
    """Refuses the operation, as after all retries of the provider."""

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNKNOWN, 'Status=429 Code="TooManyRequests" Message="Too many requests."')


class Refused(_Seeded):
    """Refuses the operation, because another one is under way."""

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNKNOWN, 'Status=409 Code="Conflict" Message="Another operation is in progress."')


class FailedLater(_Seeded):
    """Accepts the operation, which fails later: what it creates exists."""

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        reason = 'Status=500 Code="InternalServerError" Message="The operation failed."'
        done = operation(request, context)
        if isinstance(done, empty_pb2.Empty):
            context.abort(grpc.StatusCode.UNKNOWN, reason)
        inputs = request.properties if isinstance(done, provider_pb2.CreateResponse) else request.news
        fail_after_acceptance(context, getattr(done, "id", request.id), done.properties, inputs, reason)


class NotRecorded(_Seeded):
    """Does the operation, and its answer is lost: the state does not have what it created."""

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        operation(request, context)
        context.abort(grpc.StatusCode.UNKNOWN, "read tcp 10.0.0.4:50312->20.50.2.1:443: connection reset by peer")


class Hanging(_Seeded):
    """Never answers. A file beside the count says so."""

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        engine = os.getppid()
        self._count.with_suffix(".hangs").touch()
        while os.getppid() == engine:
            time.sleep(0.1)


class Dead(_Seeded):
    """Does the operation, and ends itself and the engine before it answers."""

    def fail(self, operation: Operation, request: Any, context: Any) -> Any:
        operation(request, context)
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


KINDS = {one.__name__: one for one in (Deadly, Forgetful, Keeping, Restless, Secretive)}
SEEDED = {one.__name__: one for one in (Throttled, Refused, FailedLater, NotRecorded, Hanging, Dead)}


def install(folder: Path, store: Path, fault: str, at: Collection[int] = ()) -> None:
    """Write a provider program with a fault into `folder`, in place of the one of the product.

    Args:
        at: The numbers of the operations that have a fault of `SEEDED`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / NAME
    call = f"from tests.engine.faults import main; main({str(store)!r}, {fault!r}, {[*at]!r})"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -c \"{call}\"\n", "utf-8")
    program.chmod(0o700)


def main(store: str, fault: str, at: Collection[int]) -> None:
    """Be such a provider program."""
    azure = Store(Path(store))
    serve(SEEDED[fault](azure, Path(f"{store}.count"), at) if fault in SEEDED else KINDS[fault](azure))
