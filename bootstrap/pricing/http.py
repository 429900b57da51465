"""Requests to Azure's price list with httpx: retried, and limited in time and in size.

Proxies are those of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY). TLS is always verified, by the
system's certificate authorities or those of SSL_CERT_FILE.
"""

import ssl
import time

import httpx

from bootstrap.errors import RemoteError

ADDRESS_VARIABLE = "MLOPS_BOOTSTRAP_PRICES_URL"
"""The environment variable with the URL of a mirror of the price list."""

DEADLINE_SECONDS = 120.0
"""The longest time for all requests together."""

_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0
_MOST_BYTES = 20_000_000
"""The largest response after decompression; a page of the price list has about 100 kB."""
_WAITS_SECONDS = (0.5, 1.0, 2.0)
"""Before each further try, unless the response has a Retry-After."""
_LONGEST_WAIT_SECONDS = 60.0
_TRY_AGAIN = (429, 500, 502, 503, 504)


def failure(why: str) -> RemoteError:
    """The error to raise when the price list cannot be read."""
    hint = f"Try again later, plan without --prices, or name a mirror in {ADDRESS_VARIABLE}."
    return RemoteError("Azure's price list could not be read.", why=why, hint=hint)


def new_client() -> httpx.Client:
    """A client for all requests. Raises RemoteError when the environment's proxy cannot be used."""
    try:
        return httpx.Client(
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            verify=ssl.create_default_context(),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
        )
    except (ImportError, ValueError, httpx.InvalidURL):  # their messages could contain the proxy's password
        raise failure("The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not an HTTP proxy's URL.") from None


def get(client: httpx.Client, url: str, deadline: float) -> bytes:
    """The body of a response with status 200, after three more tries at most.

    Args:
        deadline: When to give up, by `time.monotonic`.

    Raises:
        RemoteError: No such response came until the deadline, or it is too large.
    """
    for wait in (*_WAITS_SECONDS, None):
        asked_to_wait = ""
        try:
            with client.stream("GET", url) as response:
                if response.is_success:
                    return _body(response, deadline)
                error = failure(f"{url} answered with status {response.status_code}.")
                if response.status_code not in _TRY_AGAIN:
                    raise error
                asked_to_wait = response.headers.get("Retry-After", "")
        except httpx.HTTPError as problem:
            error = failure(f"{url}: {problem}")
        if wait is not None:
            seconds = min(float(asked_to_wait), _LONGEST_WAIT_SECONDS) if asked_to_wait.isdecimal() else wait
            if time.monotonic() + seconds > deadline:
                break
            time.sleep(seconds)
    raise error


def _body(response: httpx.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise failure(f"{response.url} sent more than {_MOST_BYTES:,} bytes.")
        if time.monotonic() > deadline:
            raise failure(f"{response.url} sent no complete response within {DEADLINE_SECONDS:.0f} seconds.")
    return bytes(body)
