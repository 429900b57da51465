"""The simulated Azure with faults, as provider programs that the engine starts: what rehearsals and deployments must
notice or survive. The product has no switch for them.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import provider_pb2

from bootstrap.simulator.provider import NAME, Provider, fail_after_acceptance, serve
from bootstrap.simulator.store import Store
from tests.helpers import ROOT


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


class _Seeded(Provider):
    """Has its fault at every 15th creation. All processes before one Azure count on in a file."""

    def __init__(self, store: Store, count: Path) -> None:
        super().__init__(store)
        self._count = count

    def Create(self, request: Any, context: Any) -> Any:
        if not request.preview:
            with self._count.open("ab") as file:
                file.write(b".")
            if self._count.stat().st_size % 15 == 0:
                self.fail(request, context)
        return super().Create(request, context)

    def fail(self, request: Any, context: Any) -> None:
        raise NotImplementedError


class Throttling(_Seeded):
    """Refuses the creation, as after all retries of the provider."""

    def fail(self, request: Any, context: Any) -> None:
        context.abort(grpc.StatusCode.UNKNOWN, 'Status=429 Code="TooManyRequests" Message="Too many requests."')


class Accepting(_Seeded):
    """Accepts the creation, which fails later: the resource exists."""

    def fail(self, request: Any, context: Any) -> None:
        created = Provider.Create(self, request, context)
        reason = 'Status=500 Code="InternalServerError" Message="The operation failed."'
        fail_after_acceptance(context, created.id, created.properties, request.properties, reason)


KINDS = {one.__name__: one for one in (Deadly, Forgetful, Keeping, Restless)}
SEEDED = {one.__name__: one for one in (Throttling, Accepting)}


def install(folder: Path, store: Path, fault: str) -> None:
    """Write a provider program with a fault into `folder`, in place of the one of the product."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / NAME
    call = f"from tests.engine.faults import main; main({str(store)!r}, {fault!r})"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -c \"{call}\"\n", "utf-8")
    program.chmod(0o700)


def main(store: str, fault: str) -> None:
    """Be such a provider program."""
    azure = Store(Path(store))
    serve(SEEDED[fault](azure, Path(f"{store}.count")) if fault in SEEDED else KINDS[fault](azure))
