"""A resource monitor that records the resources of a Pulumi program.

It answers as the engine does in the preview of a new stack: URNs are known, outputs are unknown. So the program runs to
its end, and the recorded resources are those that `pulumi preview` would show.
"""

import asyncio
import contextvars
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast
from urllib.parse import urlparse
from urllib.request import url2pathname

import pulumi
from google.protobuf import empty_pb2, json_format
from pulumi.runtime import mocks, settings
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.stack import run_in_stack

from infra.rules.rule import Resource
from infra.rules.wire import plain

_STACK_TYPE = "pulumi:pulumi:Stack"
_OPTIONS = (
    "additionalSecretOutputs", "customTimeouts", "deleteBeforeReplace", "deletedWith", "hooks", "ignoreChanges",
    "provider", "replaceOnChanges", "retainOnDelete",
)  # fmt: skip
"""The resource options that a plan records in `Resource.options`."""


def record(
    project: str,
    stack: str,
    program: Callable[[], None],
    *,
    origin_of: Callable[[pulumi.Resource], str | None],
    code: Path,
) -> list[Resource]:
    """Run `program` without an engine and return the resources that it registers, in their order.

    Exceptions of the program are passed on. Raises ValueError when two resources have the same URN. The settings of
    Pulumi's runtime are restored.

    Args:
        project: The Pulumi project's name; it is part of URNs.
        stack: The stack's name.
        program: Declares resources.
        origin_of: Returns the manifest line that configures a resource, where the program recorded one.
        code: The folder of the program's code; a resource's `code` is the innermost line of the stack trace in it, with
            the path from the folder's parent.
    """
    return contextvars.copy_context().run(_record, project, stack, program, origin_of, code)


def _record(
    project: str,
    stack: str,
    program: Callable[[], None],
    origin_of: Callable[[pulumi.Resource], str | None],
    code: Path,
) -> list[Resource]:
    monitor = _Recorder(project, stack)
    declared: list[tuple[str, str, pulumi.Resource, pulumi.Resource | None]] = []

    def observe(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        declared.append((args.type_, args.name, args.resource, args.opts.parent))
        # Aliases find resources in a state; a plan has no state, and computing aliases takes most of its time.
        args.opts.aliases = None
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    async def observed() -> None:
        pulumi.runtime.register_stack_transformation(observe)
        program()
        # Pulumi waits too, but scans all outputs whenever one is resolved: with hundreds of them that doubles the time.
        # Outputs that fail stay in the set, and Pulumi raises their exceptions.
        while unknown := [output for output in settings.SETTINGS.outputs if not output.done()]:
            await asyncio.wait(unknown)

    settings.reset_options(project=project, stack=stack, preview=True, organization="organization")
    settings.SETTINGS.monitor = monitor
    settings.SETTINGS.engine = mocks.MockEngine(None)
    # The engine calls hooks through a server in this process; nothing calls them here, so there is no server.
    settings.SETTINGS.callbacks = cast("Any", SimpleNamespace(register_error_hook=lambda _hook: None))
    asyncio.run(run_in_stack(observed))
    origins: dict[int, str | None] = {}
    registrations: list[Resource] = []
    urns: dict[int, str] = {}
    for type_, name, resource, parent in declared:
        inherited = origins.get(id(parent))
        origins[id(resource)] = origin_of(resource) or inherited
        urn = _urn(project, stack, urns.get(id(parent), ""), type_, name)
        if urn in urns.values():
            raise ValueError(f"two resources have the URN {urn}")
        urns[id(resource)] = urn
        registrations.append(monitor.registration(urn, origins[id(resource)], code))
    return registrations


class _Recorder(mocks.MockMonitor):
    """Records every request and answers with the URN only."""

    def __init__(self, project: str, stack: str) -> None:
        # This class overrides every method that uses the mocks.
        super().__init__(cast("mocks.Mocks", None))
        self._project = project
        self._stack = stack
        self._requests: dict[str, resource_pb2.RegisterResourceRequest] = {}

    def RegisterResource(  # noqa: N802 - gRPC's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        urn = _urn(self._project, self._stack, request.parent, request.type, request.name)
        self._requests[urn] = request
        return resource_pb2.RegisterResourceResponse(urn=urn)

    def RegisterResourceOutputs(  # noqa: N802 - gRPC's name
        self, _request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> NoReturn:  # noqa: N802 - gRPC's name
        raise NotImplementedError(f"the program calls {request.tok}, which needs an account")

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> NoReturn:  # noqa: N802 - gRPC's name
        raise NotImplementedError(f"the program reads {request.name}, which needs an account")

    def registration(self, urn: str, origin: str | None, code: Path) -> Resource:
        """The recorded resource with that URN."""
        request = self._requests[urn]
        top = request.parent.split("::")[2] == _STACK_TYPE if request.parent else True
        return Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=None if top else request.parent,
            inputs=_inputs(request),
            depends_on=tuple(sorted(request.dependencies)),
            protect=request.protect,
            options=_options(request),
            custom=request.custom,
            import_id=request.importId or None,
            code=_made_by(request.stackTrace, code),
            origin=origin,
        )


def _inputs(request: resource_pb2.RegisterResourceRequest) -> dict[str, Any]:
    """The inputs as the engine would store them: it adds its version to those of a provider."""
    inputs = plain(request.object)
    if request.type.startswith("pulumi:providers:") and request.version:
        inputs["version"] = request.version
    return dict(sorted(inputs.items()))


def _options(request: resource_pb2.RegisterResourceRequest) -> dict[str, Any]:
    """The resource options that the program set, by the names of the protocol."""
    options = resource_pb2.RegisterResourceRequest(**{name: getattr(request, name) for name in _OPTIONS})
    return {name: value for name, value in json_format.MessageToDict(options).items() if value}


def _urn(project: str, stack: str, parent: str, type_: str, name: str) -> str:
    """The URN that the engine would create: the types of all parents and of the resource.

    https://www.pulumi.com/docs/iac/concepts/resources/names/#urns
    """
    outer = parent.split("::")[2] if parent else _STACK_TYPE
    nested = type_ if outer == _STACK_TYPE else f"{outer}${type_}"
    return f"urn:pulumi:{stack}::{project}::{nested}::{name}"


def _made_by(trace: source_pb2.StackTrace, code: Path) -> str | None:
    """The innermost line of the trace that lies in the folder `code`."""
    for frame in trace.frames:
        path = Path(url2pathname(urlparse(frame.pc.uri).path))
        if path.is_relative_to(code):
            return f"{path.relative_to(code.parent).as_posix()}:{frame.pc.line}"
    return None
