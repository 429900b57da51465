"""The simulated Azure with faults, as provider programs that the engine starts: what rehearsals and deployments must
notice or survive. The product has no switch for them.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import provider_pb2

from bootstrap.simulator.provider import NAME, Provider, serve
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


KINDS = {one.__name__: one for one in (Deadly, Forgetful, Keeping, Restless)}


def install(folder: Path, store: Path, fault: str) -> None:
    """Write a provider program with a fault into `folder`, in place of the one of the product."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / NAME
    call = f"from tests.engine.faults import main; main({str(store)!r}, {fault!r})"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -c \"{call}\"\n", "utf-8")
    program.chmod(0o700)


def main(store: str, fault: str) -> None:
    """Be such a provider program."""
    serve(KINDS[fault](Store(Path(store))))
