"""The rules as a policy pack: a server that the engine calls for every resource before it creates it.

It implements the engine's protocol itself; docs/dependencies.md gives the reason. `pack` is the program that the engine
starts for it.

https://github.com/pulumi/pulumi/blob/master/proto/pulumi/analyzer.proto
"""

from collections.abc import Iterable
from concurrent import futures
from dataclasses import replace

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from infra.rules.pack import SETTINGS_KEY
from infra.rules.rule import Finding, Resource, Rule, Severity, Stack
from infra.rules.rules import RESOURCE_RULES, RULES, facts_of, judge, judge_platform
from infra.rules.wire import plain
from infra.settings import StackSettings, from_json

NAME = "mlops-bootstrap"
_OURS = "azure-native:"
# Quoted: only the types know of ValueType.
_LEVEL: "dict[Severity, analyzer_pb2.EnforcementLevel.ValueType]" = {
    "error": analyzer_pb2.MANDATORY,
    "warning": analyzer_pb2.ADVISORY,
    "note": analyzer_pb2.ADVISORY,
}
_SEVERITY: "dict[Severity, analyzer_pb2.PolicySeverity.ValueType]" = {
    "error": analyzer_pb2.POLICY_SEVERITY_HIGH,
    "warning": analyzer_pb2.POLICY_SEVERITY_MEDIUM,
    "note": analyzer_pb2.POLICY_SEVERITY_LOW,
}


class Pack(analyzer_pb2_grpc.AnalyzerServicer):
    """Judges one deployment of one stack. Its methods are those of the engine's protocol."""

    def __init__(self) -> None:
        self._name = ""
        self._settings: StackSettings | None = None
        self._seen: dict[str, Resource] = {}

    def Handshake(  # noqa: N802 - gRPC's name
        self, _request: analyzer_pb2.AnalyzerHandshakeRequest, _context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerHandshakeResponse:
        return analyzer_pb2.AnalyzerHandshakeResponse()

    def GetPluginInfo(  # noqa: N802 - gRPC's name
        self, _request: empty_pb2.Empty, _context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetAnalyzerInfo(  # noqa: N802 - gRPC's name
        self, _request: empty_pb2.Empty, _context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerInfo:
        return analyzer_pb2.AnalyzerInfo(
            name=NAME, displayName=NAME, version="1.0.0", policies=[_policy(rule) for rule in RULES.values()]
        )

    def ConfigureStack(  # noqa: N802 - gRPC's name
        self, request: analyzer_pb2.AnalyzerStackConfigureRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerStackConfigureResponse:
        self._name = request.stack
        if SETTINGS_KEY in request.config:
            try:
                self._settings = from_json(request.config[SETTINGS_KEY])
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{SETTINGS_KEY} is not right: {error}")
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Configure(  # noqa: N802 - gRPC's name
        self, _request: analyzer_pb2.ConfigureAnalyzerRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Analyze(  # noqa: N802 - gRPC's name
        self, request: analyzer_pb2.AnalyzeRequest, _context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        if not request.type.startswith(_OURS):
            return analyzer_pb2.AnalyzeResponse()
        resource = Resource(request.urn, request.type, request.name, plain(request.properties))
        self._seen[request.urn] = resource
        findings = judge(self._stack([resource]), RESOURCE_RULES)
        return analyzer_pb2.AnalyzeResponse(diagnostics=_diagnostics(findings))

    def AnalyzeStack(  # noqa: N802 - gRPC's name
        self, request: analyzer_pb2.AnalyzeStackRequest, _context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        # The engine sends the outputs; the rules judge the inputs.
        inputs = [
            replace(seen, depends_on=tuple(output.dependencies))
            for output in request.resources
            if (seen := self._seen.get(output.urn)) is not None
        ]
        stack = self._stack(inputs)
        findings = judge(stack, RULES.values())
        facts = {stack.name: facts_of(stack, findings)}
        found = [*findings, *(one for _, one in judge_platform({stack.name: stack}, facts))]
        # The engine has one stack: whether another one uses a suppression is unknown here.
        new = [one for one in found if RULES[one.rule].scope != "resource" and one.rule != "suppression-unused"]
        return analyzer_pb2.AnalyzeResponse(diagnostics=_diagnostics(new))

    def Remediate(  # noqa: N802 - gRPC's name
        self, _request: analyzer_pb2.AnalyzeRequest, _context: grpc.ServicerContext
    ) -> analyzer_pb2.RemediateResponse:
        return analyzer_pb2.RemediateResponse()

    def Cancel(  # noqa: N802 - gRPC's name
        self, _request: empty_pb2.Empty, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def _stack(self, resources: Iterable[Resource] = ()) -> Stack:
        return Stack(self._name, list(resources), self._settings)


def _diagnostics(findings: Iterable[Finding]) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    """The findings in the engine's form, without the suppressed ones. An error stops the deployment."""
    return [
        analyzer_pb2.AnalyzeDiagnostic(
            policyName=finding.rule,
            policyPackName=NAME,
            policyPackVersion="1.0.0",
            description=RULES[finding.rule].title,
            message=f"{finding.message} {finding.reason} {finding.fix}",
            enforcementLevel=_LEVEL[finding.severity],
            severity=_SEVERITY[finding.severity],
            urn=finding.resource or "",
        )
        for finding in findings
        if finding.suppressed is None
    ]


def _policy(rule: Rule) -> analyzer_pb2.PolicyInfo:
    of_resource = rule.scope == "resource"
    return analyzer_pb2.PolicyInfo(
        name=rule.id,
        displayName=rule.title,
        description=rule.reason,
        message=rule.fix,
        url=rule.link,
        enforcementLevel=_LEVEL[rule.severity],
        severity=_SEVERITY[rule.severity],
        policy_type=analyzer_pb2.POLICY_TYPE_RESOURCE if of_resource else analyzer_pb2.POLICY_TYPE_STACK,
    )


def serve(address: str = "127.0.0.1:0") -> tuple[grpc.Server, int]:
    """Start a server for one deployment of one stack; return it with its port."""
    # One thread, since the server keeps the resources for the check of the stack.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Pack(), server)
    port = server.add_insecure_port(address)
    server.start()
    return server, port
