"""Questions to Azure Resource Manager over HTTP, with the login that deployments use. Nothing is changed there.

The login is that of workload identity (`AZURE_FEDERATED_TOKEN_FILE`) if the environment has one, else that of `az`. No
token is written anywhere.

https://learn.microsoft.com/rest/api/azure/
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
"""

import base64
import json
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from bootstrap.errors import MissingError, RefusedError, RemoteError
from bootstrap.files import read_bounded
from bootstrap.processes import captured, shell_line

MANAGEMENT = "https://management.azure.com"
AUTHORITY = "https://login.microsoftonline.com"

Ask = Callable[..., dict[str, Any] | None]
"""Asks for a path with its API version, by POST if there is a `body`. Returns the response; None for status 404.

Raises:
    MissingError: The login has expired, or is of another tenant.
    RefusedError: The login has no right to ask.
    RemoteError: Azure cannot be reached, or fails, after retries.
"""

_SECONDS = httpx.Timeout(60.0, connect=10.0)
_WAITS_SECONDS = (1.0, 2.0, 4.0)
"""Before each further try, unless the response has a Retry-After."""
_LONGEST_WAIT_SECONDS = 60.0
_TRY_AGAIN = (408, 429, 500, 502, 503, 504)


def log_in(tenant: str) -> tuple[Ask, Mapping[str, Any]]:
    """What asks Azure with a login to a tenant, and the claims of that login's token.

    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference

    Raises:
        MissingError: There is no login, or it has expired.
        RemoteError: Entra cannot be reached.
    """
    client = httpx.Client(timeout=_SECONDS, verify=ssl.create_default_context())
    token = _federated(client, tenant) if os.environ.get("AZURE_FEDERATED_TOKEN_FILE") else _of_az(tenant)
    headers = {"Authorization": f"Bearer {token}"}

    def ask(path: str, version: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        address = path if path.startswith(MANAGEMENT) else f"{MANAGEMENT}{path}"
        params = None if path.startswith(MANAGEMENT) else {"api-version": version}
        request = client.build_request("GET" if body is None else "POST", address, headers=headers, json=body)
        request.url = request.url.copy_merge_params(params or {})
        response = _sent(client, request)
        if response.status_code == 404:  # noqa: PLR2004 - not found
            return None
        if response.status_code == 401:  # noqa: PLR2004 - not authenticated
            raise _no_login(tenant, _message(response))
        if response.status_code == 403:  # noqa: PLR2004 - not authorized
            raise RefusedError("Azure refuses the question.", why=_message(response))
        if not response.is_success:
            raise RemoteError(f"Azure answered with status {response.status_code}.", why=_message(response))
        return _document(response)

    return ask, _claims(token)


def listed(ask: Ask, path: str, version: str) -> Iterator[dict[str, Any]]:
    """The entries of all pages of a list. Raises as `ask` does."""
    page = ask(path, version)
    while page is not None:
        yield from page.get("value") or ()
        next_ = page.get("nextLink")
        if next_ and not str(next_).startswith(f"{MANAGEMENT}/"):
            raise RemoteError("The next page of a list of Azure is on another server.", why=f"{next_}.")
        page = ask(next_, version) if next_ else None


def _sent(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The response to a request, after three more tries at most. Raises RemoteError when none came."""
    for wait in (*_WAITS_SECONDS, None):
        asked_to_wait = ""
        try:
            response = client.send(request)
            if response.status_code not in _TRY_AGAIN:
                return response
            asked_to_wait = response.headers.get("Retry-After", "")
            error = _failure(request, response, asked_to_wait)
        except httpx.HTTPError as problem:
            reason = "it did not answer in time" if isinstance(problem, httpx.TimeoutException) else str(problem)
            error = RemoteError(f"{request.url.host} cannot be reached.", why=f"{reason or type(problem).__name__}.")
            error.hint = "Check the network and the proxy (HTTPS_PROXY), and run the command again."
        if wait is not None:
            time.sleep(min(float(asked_to_wait), _LONGEST_WAIT_SECONDS) if asked_to_wait.isdecimal() else wait)
    raise error


def _failure(request: httpx.Request, response: httpx.Response, asked_to_wait: str) -> RemoteError:
    """The error for a response after which it makes sense to try again.

    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    if response.status_code == 429:  # noqa: PLR2004 - too many requests
        after = f" after {asked_to_wait} seconds" if asked_to_wait.isdecimal() else " later"
        return RemoteError("Azure throttles the requests.", why=_message(response), hint=f"Run it again{after}.")
    hint = "Run the command again later."
    return RemoteError(f"{request.url.host} fails: status {response.status_code}.", why=_message(response), hint=hint)


def _message(response: httpx.Response) -> str:
    """The code and the message of a failed request.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
    """
    try:
        body = response.json()
        error = body["error"]
        if isinstance(error, Mapping):
            return f"{error.get('code')}: {error.get('message')}"
        return " ".join(str(body.get("error_description") or error).split())
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"Status {response.status_code}."


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise RemoteError(f"{response.url.host} answered with something other than JSON.", why=f"{response.url.path}.")
    return document


def _federated(client: httpx.Client, tenant: str) -> str:
    """The token of workload identity: the forge's token is exchanged for it."""
    path, client_id = Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"]), os.environ.get("AZURE_CLIENT_ID", "")
    try:
        assertion = read_bounded(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _no_login(tenant, f"{path}, which AZURE_FEDERATED_TOKEN_FILE names, cannot be read.") from error
    form = {
        "client_id": client_id, "scope": f"{MANAGEMENT}/.default", "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }  # fmt: skip
    authority = os.environ.get("AZURE_AUTHORITY_HOST", AUTHORITY).rstrip("/")
    response = _sent(client, client.build_request("POST", f"{authority}/{tenant}/oauth2/v2.0/token", data=form))
    if not response.is_success:
        raise _no_login(tenant, _message(response))
    return str(_document(response).get("access_token", ""))


def _of_az(tenant: str) -> str:
    found = shutil.which("az")
    # Windows looks in the current folder first, and that may be somebody's repository.
    if found is None or Path(found).parent == Path():
        raise _no_login(tenant, "There is no az on PATH, and no AZURE_FEDERATED_TOKEN_FILE.")
    command = [found, "account", "get-access-token", "--resource", f"{MANAGEMENT}/", "--tenant", tenant]
    done = captured([*command, "--output", "json"], cwd=Path.cwd())
    try:
        if done.returncode == 0:
            return str(json.loads(done.stdout)["accessToken"])
    except (ValueError, LookupError, TypeError) as error:
        raise _no_login(tenant, "az printed something other than a token.") from error
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    raise _no_login(tenant, lines[0] if lines else f"az: exit code {done.returncode}.")


def _no_login(tenant: str, why: str) -> MissingError:
    return MissingError(
        "There is no valid login to Azure.",
        why=why,
        hint=f"Log in: {shell_line('az', 'login', '--tenant', tenant)}. In CI, check AZURE_CLIENT_ID and "
        "AZURE_FEDERATED_TOKEN_FILE.",
    )


def _claims(token: str) -> Mapping[str, Any]:
    """The claims of a token, which are only shown: Azure checks them."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (LookupError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
