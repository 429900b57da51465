"""Azure's public price list, the Retail Prices API: read without an account.

It gives a price only for what it sells at one price; otherwise there is none, and a reason. Prices are those of today,
so this is the only part of a plan that uses the clock.
Requests are retried, and limited in time, all together, and in size, after decompression. Proxies are those of the
environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY). TLS is always verified, by the system's certificate
authorities or those of SSL_CERT_FILE.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import functools
import os
import queue
import re
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote, urlencode

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel, to_pascal

from bootstrap.errors import InputError, RemoteError
from bootstrap.pricing.price import IdleCost, Price, plain
from bootstrap.progress import Progress

ADDRESS = "https://prices.azure.com/api/retail/prices"

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

NOT_PUBLISHED = "Microsoft does not publish which item of its price list this is."
UNREADABLE = "Azure's price list could not be read."

_VERSION = "2023-01-01-preview"
_MOST_PAGES = 20

_LINUX = re.compile(r"\bSeries( Linux)?$", re.IGNORECASE)
_NOT_ON_DEMAND = re.compile(r"\b(Spot|Low Priority|Expired|Free)$", re.IGNORECASE)


_Number = Annotated[Decimal, Field(ge=0, max_digits=30, decimal_places=20)]
"""A number that can be printed: `1e999999999` has a billion digits."""


class _Item(BaseModel):
    """An item of the price list: the properties that are needed here."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    service_name: str
    product_name: str
    sku_name: str
    meter_name: str
    arm_sku_name: str | None = None
    arm_region_name: str | None = None
    type: str
    currency_code: str
    retail_price: _Number
    unit_of_measure: str
    tier_minimum_units: _Number
    effective_start_date: AwareDatetime
    effective_end_date: AwareDatetime | None = None
    is_primary_meter_region: bool

    def is_price_of(self, cost: IdleCost, now: datetime) -> bool:
        """Whether Azure charges it now for `cost`: the list also has past and future items, and secondary meters.

        Of the items for a machine, it is the one for Linux that is neither Spot nor low priority.
        """
        names = (self.sku_name, self.meter_name)
        on_demand = self.type == "Consumption" and not any(map(_NOT_ON_DEMAND.search, names))
        wanted = cost.names.items() <= self.model_dump(by_alias=True).items()
        linux = self.service_name != "Virtual Machines" or _LINUX.search(self.product_name)
        charged = self.effective_start_date <= now and (
            self.effective_end_date is None or now <= self.effective_end_date
        )
        return bool(wanted and on_demand and linux and charged and self.is_primary_meter_region)


class _Page(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    items: list[_Item]
    next_page_link: str | None = None


class PriceList:
    """The price list in one currency. After a failed request, `failure` is set and nothing more is requested.

    Args:
        currency: Three letters, such as EUR. Azure charges in USD; it gives other currencies for reference.

    Raises:
        InputError: The currency or the URL in the environment is not of the right form.
    """

    def __init__(self, currency: str, progress: Progress) -> None:
        if not re.fullmatch("[A-Z]{3}", currency):
            raise InputError(
                "--currency must be three capital letters.",
                why=f"It is {currency!r}.",
                hint="Write it as: --currency EUR",
            )
        self.currency = currency
        self.failure: RemoteError | None = None
        self._progress = progress
        self._address = os.environ.get(ADDRESS_VARIABLE) or ADDRESS
        if not _server(self._address):
            raise InputError(
                f"{ADDRESS_VARIABLE} is not the URL of a price list.",
                why="A URL with a login would appear in reports." if "@" in self._address else self._address,
                hint="Write https://HOST/PATH, or unset it.",
            )
        self._prices: dict[str, Price | str] = {}
        self._deadline = time.monotonic() + DEADLINE_SECONDS

    def price(self, cost: IdleCost) -> Price | str:
        """The price of one of `cost`, or the reason why there is none."""
        if not cost.names:
            return NOT_PUBLISHED
        url = self._url(cost)
        if url not in self._prices:
            self._prices[url] = self._requested(url, cost)
        return self._prices[url]

    def _url(self, cost: IdleCost) -> str:
        wanted = " and ".join(
            "{} eq '{}'".format(name, value.replace("'", "''"))
            for name, value in {**cost.names, "priceType": "Consumption"}.items()
        )
        query = {"api-version": _VERSION, "currencyCode": f"'{self.currency}'", "$filter": wanted}
        return f"{self._address}?{urlencode(query, safe='$', quote_via=quote)}"

    def _requested(self, url: str, cost: IdleCost) -> Price | str:
        if self.failure is not None:
            return UNREADABLE
        task, now = f"price of {cost.what}", datetime.now(UTC)
        self._progress.started(task)
        try:
            items = [item for item in self._items(url) if item.is_price_of(cost, now)]
        except RemoteError as error:
            self.failure = error
            self._progress.finished(task, "failed")
            return UNREADABLE
        self._progress.finished(task)
        return self._doubt(items, cost) or Price(
            amount=items[0].retail_price,
            currency=self.currency,
            per=cost.per,
            effective=max(item.effective_start_date for item in items).date().isoformat(),
            asked=now.date().isoformat(),
            source=url,
        )

    @functools.cached_property
    def _client(self) -> httpx.Client:
        """A client for all requests. Raises RemoteError when the environment's proxy cannot be used."""
        try:
            return httpx.Client(
                timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
                verify=ssl.create_default_context(),
                headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            )
        except (ImportError, ValueError, httpx.InvalidURL):  # their messages could contain the proxy's password
            raise _failure("The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not an HTTP proxy's URL.") from None

    def _items(self, url: str) -> Iterator[_Item]:
        for _ in range(_MOST_PAGES):
            body = _in_time(self._client, url, self._deadline)
            try:
                page = _Page.model_validate_json(body)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                reason = ": ".join([*([".".join(map(str, first["loc"]))] if first["loc"] else []), first["msg"]])
                raise _failure(f"{_host(url)} did not answer with prices: {reason}") from error
            yield from page.items
            if not page.next_page_link:
                return
            if _server(page.next_page_link) != _server(url):
                raise _failure(f"The next page of {url} is on another server: {page.next_page_link}")
            url = page.next_page_link
        raise _failure(f"It has more than {_MOST_PAGES} pages: {url}")

    def _doubt(self, items: Sequence[_Item], cost: IdleCost) -> str:
        """Why these items give no price; empty when they give one."""
        if not items:
            region = cost.names.get("armRegionName")
            return f"Azure's price list has no such item{f' for {region}' if region else ''}."
        currencies = {item.currency_code for item in items}
        if currencies != {self.currency}:
            return f"Azure's price list answers in {', '.join(sorted(currencies))}, not in {self.currency}."
        units = {item.unit_of_measure for item in items}
        if not all(re.fullmatch(f"1 ?/? ?{cost.per}", unit, re.IGNORECASE) for unit in units):
            return f"Azure's price list has it by {', '.join(sorted(map(repr, units)))}, not by the {cost.per}."
        tiers = sorted({(item.tier_minimum_units, item.retail_price) for item in items})
        if len(tiers) > 1 or tiers[0][0] > 0:
            prices = [f"{plain(price)}{f' beyond {plain(least)}' if least else ''}" for least, price in tiers]
            return f"Azure's price list has several prices in {self.currency}: {', '.join(prices)}."
        return ""


def _server(url: str) -> str:
    """Scheme, host and port; empty for a URL that is not of the web, or that has a login."""
    try:
        server = httpx.URL(url)
    except httpx.InvalidURL:
        return ""
    known = server.scheme in ("http", "https") and server.host and not server.userinfo
    return f"{server.scheme}://{server.host}:{server.port}" if known else ""


def _in_words(problem: httpx.HTTPError, url: str) -> str:
    """Why a request failed, with the host only: the whole URL is long and percent-encoded."""
    if isinstance(problem, httpx.TimeoutException):
        return f"{_host(url)} did not answer in time."
    reason = re.sub(r"^\[Errno -?\d+\] ", "", str(problem)).rstrip(".") or type(problem).__name__
    return f"The request to {_host(url)} failed: {reason}."


def _host(url: str) -> str:
    return httpx.URL(url).netloc.decode()


def _failure(why: str) -> RemoteError:
    """The error to raise when the price list cannot be read."""
    hint = f"Try again later, plan without --prices, or name a mirror in {ADDRESS_VARIABLE}."
    return RemoteError("Azure's price list could not be read.", why=why, hint=hint)


def _in_time(client: httpx.Client, url: str, deadline: float) -> bytes:
    """What `_get` returns or raises. At the deadline it ends, whatever the server does: headers also can come slowly.

    httpx's timeouts are for a single read: https://www.python-httpx.org/advanced/timeouts/
    """
    answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_get(client, url, deadline))
        except Exception as error:  # noqa: BLE001 - raised below, by who waits
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise _failure(f"{_host(url)} sent no complete response within {DEADLINE_SECONDS:.0f} seconds.") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _get(client: httpx.Client, url: str, deadline: float) -> bytes:
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
                error = _failure(f"{_host(url)} answered with status {response.status_code}.")
                if response.status_code not in _TRY_AGAIN:
                    raise error
                asked_to_wait = response.headers.get("Retry-After", "")
        except httpx.HTTPError as problem:
            error = _failure(_in_words(problem, url))
        if wait is not None:
            seconds = min(float(asked_to_wait), _LONGEST_WAIT_SECONDS) if asked_to_wait.isdecimal() else wait
            if time.monotonic() + seconds > deadline:
                break
            time.sleep(seconds)
    raise error


def _body(response: httpx.Response, deadline: float) -> bytes:
    """The body of a response, unpacked here: httpx would unpack several encodings in one another, without a limit."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise _failure(f"{response.url.host} answered in an encoding that was not asked for: {encoding!r}.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    body = bytearray()
    for chunk in response.iter_raw():
        try:
            body += unpacker.decompress(chunk, _MOST_BYTES + 1 - len(body)) if unpacker else chunk
        except zlib.error as error:
            raise _failure(f"{response.url.host} sent a body that is not gzip: {error}.") from error
        if len(body) > _MOST_BYTES:
            raise _failure(f"{response.url.host} sent more than {_MOST_BYTES:,} bytes.")
        if time.monotonic() > deadline:
            break  # nobody waits for it any more
    return bytes(body)
