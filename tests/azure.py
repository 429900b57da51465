"""Azure Resource Manager for tests: a server on loopback that answers the questions of `doctor STACK --live`.

It stands where Azure would answer. The forms are those of Microsoft's REST reference, whose addresses are in
`bootstrap.stack.deploy.preflight`.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TENANT = "00000000-0000-0000-0000-00000000000a"
SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"


def token(**claims: str) -> str:
    """A token with these claims, as nobody has signed it."""
    parts = [{"alg": "none"}, {"tid": TENANT, "oid": "anna", "upn": "anna@contoso.example", **claims}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


def usage(name: str, used: int, limit: int) -> dict[str, Any]:
    """https://learn.microsoft.com/rest/api/azureml/usages/list"""
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/usages/{name.replace(' ', '_')}", "unit": "Count", "currentValue": used,
        "limit": limit, "type": "Microsoft.MachineLearningServices/vmFamily/usages",
        "name": {"value": name, "localizedValue": name},
    }  # fmt: skip


@dataclass
class Azure:
    """The server, what it has, and what it was asked.

    Attributes:
        permissions: Those of the role that the login has, on `scope`.
        unregistered: Namespaces of resource providers that are not registered.
        taken: Names that somebody has.
        existing: The ends of the ids of resources that exist.
        deleted: The names of deleted vaults.
        denies: Whether a policy denies a resource, by its content.
        first: Responses to the first requests: status, headers, body.
        always: Responses by a pattern of the path: status, body.
        asked: Method and path of each request, in order.
    """

    url: str = ""
    scope: str = f"/subscriptions/{SUBSCRIPTION}"
    permissions: dict[str, list[str]] = field(default_factory=lambda: {"actions": ["*"], "notActions": []})
    unregistered: set[str] = field(default_factory=set)
    sizes: Mapping[str, tuple[str, int]] = field(
        default_factory=lambda: {"Standard_D4ds_v5": ("standardDDSv5Family", 4)}
    )
    usages: list[dict[str, Any]] = field(
        default_factory=lambda: [
            usage("Total Cluster Dedicated Regional vCPUs", 4, 100),
            usage("Standard DDSv5 Family Cluster Dedicated vCPUs", 4, 24),
            usage("Standard DDSv5 Family Cluster LowPriority vCPUs", 0, -1),
        ]
    )
    taken: set[str] = field(default_factory=set)
    existing: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    denies: Callable[[Mapping[str, Any]], bool] = lambda _: False
    first: list[tuple[int, Mapping[str, str], Any]] = field(default_factory=list)
    always: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    contents: list[Mapping[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> tuple[int, Any]:
        """The response to a request: its status and its body."""
        for pattern, response in self.always.items():
            if re.search(pattern, path):
                return response
        if path.endswith("/oauth2/v2.0/token"):
            return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token()}
        if "api-version" not in query:
            return 400, error("MissingApiVersionParameter", "The api-version query parameter is required.")
        rows: list[tuple[str, Callable[[], tuple[int, Any]]]] = [
            (r"^/subscriptions/[^/]+$", self._subscription),
            (r"/roleAssignments$", self._assignments),
            (r"/roleDefinitions/", lambda: (200, {"properties": {"permissions": [self.permissions]}})),
            (r"^/subscriptions/[^/]+/providers$", lambda: self._providers(query)),
            (r"/vmSizes$", self._sizes),
            (r"/usages$", lambda: (200, {"value": self.usages})),
            (r"/checkNameAvailability$", lambda: self._available(body)),
            (r"/deletedVaults/", lambda: self._deleted(path.rsplit("/", 1)[-1])),
            (r"/checkPolicyRestrictions$", lambda: self._restrictions(body)),
        ]
        for pattern, answer in rows:
            if re.search(pattern, path):
                return answer()
        found = any(path.lower().endswith(end.lower()) for end in self.existing)
        return (200, {"id": path}) if found else (404, error("ResourceNotFound", f"{path} was not found."))

    def _subscription(self) -> tuple[int, Any]:
        return 200, {"subscriptionId": SUBSCRIPTION, "displayName": "ML", "state": "Enabled", "tenantId": TENANT}

    def _assignments(self) -> tuple[int, Any]:
        properties = {"roleDefinitionId": f"{_ROLES}/{OWNER}", "principalId": "anna", "scope": self.scope}
        return 200, {"value": [{"id": "1", "properties": properties}]}

    def _providers(self, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        """Two pages."""
        names = [
            "Microsoft.MachineLearningServices", "Microsoft.Storage", "Microsoft.KeyVault", "Microsoft.Network",
            "Microsoft.ContainerRegistry", "Microsoft.ManagedIdentity", "Microsoft.Insights", "microsoft.insights",
            "Microsoft.Authorization", "Microsoft.Resources", "Microsoft.Consumption", "Microsoft.OperationalInsights",
            "Microsoft.DevCenter", "Microsoft.DevOpsInfrastructure",
        ]  # fmt: skip
        half = names[7:] if "page" in query else names[:7]
        value = [
            {"namespace": name, "registrationState": "NotRegistered" if name in self.unregistered else "Registered"}
            for name in half
        ]
        next_ = {} if "page" in query else {
            "nextLink": f"{self.url}/subscriptions/{SUBSCRIPTION}/providers?api-version=2021-04-01&page=2"
        }  # fmt: skip
        return 200, {"value": value, **next_}

    def _sizes(self) -> tuple[int, Any]:
        value = [{"name": name, "family": family, "vCPUs": cores} for name, (family, cores) in self.sizes.items()]
        return 200, {"value": value}

    def _available(self, body: Mapping[str, str]) -> tuple[int, Any]:
        if body["name"] not in self.taken | self.deleted:
            return 200, {"nameAvailable": True}
        return 200, {"nameAvailable": False, "reason": "AlreadyExists", "message": f"{body['name']} is in use."}

    def _deleted(self, name: str) -> tuple[int, Any]:
        if name not in self.deleted:
            return 404, error("DeletedVaultNotFound", "no")
        return 200, {"name": name, "properties": {"scheduledPurgeDate": "2027-02-01T00:00:00Z"}}

    def _restrictions(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        content = body["resourceDetails"]["resourceContent"]
        self.contents.append(content)
        policy = "/providers/Microsoft.Management/managementGroups/contoso/providers/Microsoft.Authorization"
        evaluations = [
            {
                "policyInfo": {"policyAssignmentId": f"{policy}/policyAssignments/no-public"},
                "evaluationResult": "NonCompliant", "effectDetails": {"policyEffect": effect},
            }
            for effect in (("Deny",) if self.denies(content) else ("Audit",))
        ]  # fmt: skip
        return 200, {"fieldRestrictions": [], "contentEvaluationResult": {"policyEvaluations": evaluations}}


def error(code: str, message: str) -> dict[str, Any]:
    """https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors"""
    return {"error": {"code": code, "message": message}}


@contextmanager
def serving() -> Iterator[Azure]:
    """The server on a port of loopback."""
    azure = Azure()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            address = urlsplit(self.path)
            azure.asked.append((self.command, address.path))
            headers: Mapping[str, str] = {}
            if azure.first:
                status, headers, body = azure.first.pop(0)
            else:
                is_form = "x-www-form-urlencoded" in self.headers.get("Content-Type", "")
                parsed = json.loads(content) if content and not is_form else None
                status, body = azure.answer(self.command, address.path, parse_qs(address.query), parsed)
            answer = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer  # noqa: N815 - the names of the base class

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        azure.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield azure
        finally:
            server.shutdown()
            thread.join()
