"""Azure's public price list, the Retail Prices API: asked with no account, read only, and never more than it says.

What it has no item for, or several that differ, has no price. One query is sent for each thing in each location;
answers are kept for a day in the user's cache folder. The list tells what is asked today, so this is the one part of a
plan that looks at the clock.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel, to_pascal

from bootstrap.digest import digest_text
from bootstrap.errors import InputError, RemoteError
from bootstrap.files import write_atomically
from bootstrap.pricing.price import NoPrice, Price, plain
from bootstrap.pricing.retail import Listing, Per, Unlisted
from bootstrap.progress import Progress

if TYPE_CHECKING:
    from urllib3 import PoolManager

ADDRESS = "https://prices.azure.com/api/retail/prices"
ADDRESS_VARIABLE = "MLOPS_BOOTSTRAP_PRICES_URL"
"""The environment variable that names another address which answers as Azure does, such as a mirror's."""

KEPT = timedelta(days=1)
"""How long an answer counts."""

_VERSION = "2023-01-01-preview"
_MOST_PAGES = 20
"""A query of ours has a handful of items, and a page a hundred or more."""
_CONNECT_SECONDS, _READ_SECONDS = 10, 30
_RETRIES, _FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 3, 0.5, 60
_TRY_AGAIN = (429, 500, 502, 503, 504)

_OK = 200
_LATER = f"Try again later, plan without --prices, or name a mirror in {ADDRESS_VARIABLE}."

_UNIT = re.compile(r"1 ?/? ?(Hour|Day|Month)", re.IGNORECASE)
"""`1 Hour`, `1/Day`, `1/Month`."""


class _Item(BaseModel):
    """An item of the list: the properties that we read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    service_name: str
    product_name: str
    sku_name: str
    meter_name: str
    arm_sku_name: str | None = None
    arm_region_name: str | None = None
    type: str
    currency_code: str
    retail_price: Annotated[Decimal, Field(ge=0)]
    unit_of_measure: str
    tier_minimum_units: Decimal
    effective_start_date: AwareDatetime
    effective_end_date: AwareDatetime | None = None
    is_primary_meter_region: bool

    @property
    def names(self) -> dict[str, str]:
        """What a listing may ask of, by the list's names."""
        return {
            "serviceName": self.service_name,
            "productName": self.product_name,
            "skuName": self.sku_name,
            "meterName": self.meter_name,
            "armSkuName": self.arm_sku_name or "",
            "armRegionName": self.arm_region_name or "",
            "type": self.type,
        }

    def counts_at(self, moment: datetime) -> bool:
        """Whether it is what Azure charges by then: the list also has what ended, what comes, and meters besides."""
        ended = self.effective_end_date is not None and self.effective_end_date < moment
        return self.is_primary_meter_region and self.effective_start_date <= moment and not ended


class _Page(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    items: list[_Item]
    next_page_link: str | None = None


class _Answer(BaseModel):
    """All items of a query, as they are kept."""

    asked: AwareDatetime
    items: list[_Item]


class PriceList:
    """The list, in one currency. What it could not be asked for has no price; `failure` then says what happened.

    Args:
        currency: Three letters, such as EUR. Azure prices in USD; all others are for reference, Azure says.
        folder: Where answers are kept; None keeps none, and asks anew.

    Raises:
        InputError: No currency is spelled so, or the environment names no address.
    """

    def __init__(self, currency: str, progress: Progress, folder: Path | None) -> None:
        if not re.fullmatch("[A-Z]{3}", currency):
            raise InputError("--currency must be three capital letters, such as EUR.", why=f"You gave {currency!r}.")
        self.currency = currency
        self.failure: RemoteError | None = None
        self._progress = progress
        self._folder = folder
        self._address = os.environ.get(ADDRESS_VARIABLE) or ADDRESS
        if _host(self._address) is None:
            said = self._address if "@" not in self._address else "an address with a login, which reports would show"
            raise InputError(
                f"{ADDRESS_VARIABLE} names no address of a price list.",
                why=f"It says {said}.",
                hint="Write https://HOST/PATH, or unset it.",
            )
        self._answers: dict[str, _Answer | None] = {}
        self._pool: PoolManager | None = None

    def price(self, listing: Listing | Unlisted, location: str) -> Price | NoPrice:
        """What something costs in a location.

        Once the list did not answer, only what is kept of it has a price: whoever waits should not wait for each.
        """
        if isinstance(listing, Unlisted):
            return NoPrice(listing.reason)
        region = location if listing.region is None else listing.region
        names = {**listing.names, "armRegionName": region, "type": "Consumption"}
        url = self._url(names)
        answer = self._answer(url, _task(listing, region))
        if answer is None:
            return NoPrice("Azure's price list could not be asked.")
        items = [
            item
            for item in answer.items
            if names.items() <= item.names.items() and listing.means(item.names) and item.counts_at(answer.asked)
        ]
        if not items:
            return NoPrice(f"Azure's price list has no such item{f' for {region}' if region else ''}.")
        reason = _why_unclear(items, listing.per, self.currency)
        if reason:
            return NoPrice(reason)
        since = max(item.effective_start_date for item in items).date().isoformat()
        asked = answer.asked.date().isoformat()
        return Price(items[0].retail_price, self.currency, listing.per, since, asked, url)

    def _url(self, names: dict[str, str]) -> str:
        # The filter calls the property `type` otherwise.
        by = {("priceType" if name == "type" else name): value.replace("'", "''") for name, value in names.items()}
        wanted = " and ".join(f"{name} eq '{value}'" for name, value in by.items())
        query = {"api-version": _VERSION, "currencyCode": f"'{self.currency}'", "$filter": wanted}
        return f"{self._address}?{urlencode(query, safe='$', quote_via=quote)}"

    def _answer(self, url: str, task: str) -> _Answer | None:
        if url not in self._answers:
            self._answers[url] = self._kept(url) or self._asked(url, task)
        return self._answers[url]

    def _asked(self, url: str, task: str) -> _Answer | None:
        if self.failure is not None:
            return None
        self._progress.started(task)
        try:
            answer = _Answer(asked=datetime.now(UTC), items=list(self._items(url)))
        except RemoteError as error:
            self.failure = error
            self._progress.finished(task, "failed")
            return None
        self._progress.finished(task)
        self._keep(url, answer)
        return answer

    def _items(self, url: str) -> Iterator[_Item]:
        following: str | None = url
        for _ in range(_MOST_PAGES):
            if not following:
                return
            page = self._page(following)
            yield from page.items
            following = page.next_page_link
            if following and _host(following) != _host(self._address):
                raise RemoteError(
                    "Azure's price list could not be read.",
                    why=f"{self._address} leads on to another host: {following}",
                    hint=f"Let {ADDRESS_VARIABLE} name an address whose pages lead back to itself.",
                )
        if following:
            raise RemoteError(
                "Azure's price list could not be read.", why=f"It goes on after {_MOST_PAGES} pages: {url}", hint=_LATER
            )

    def _page(self, url: str) -> _Page:
        from urllib3.exceptions import HTTPError

        try:
            if self._pool is None:
                self._pool = _pool(self._address)
            response = self._pool.request("GET", url, redirect=False, headers={"Accept": "application/json"})
        except (HTTPError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise RemoteError(
                "Azure's price list could not be reached.", why=f"{url}: {reason}", hint=_LATER
            ) from error
        if response.status != _OK:
            raise RemoteError(
                "Azure's price list gave no prices.", why=f"{url} answered with status {response.status}.", hint=_LATER
            )
        try:
            return _Page.model_validate_json(response.data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            why = f"{url} answered something else than prices: {where}{': ' if where else ''}{first['msg']}"
            raise RemoteError("Azure's price list could not be read.", why=why, hint=_LATER) from error

    def _kept(self, url: str) -> _Answer | None:
        """The answer of less than a day ago; what is broken counts as not there."""
        if self._folder is None:
            return None
        try:
            answer = _Answer.model_validate_json(self._path(url).read_bytes())
        except (OSError, ValidationError):
            return None
        return answer if timedelta() <= datetime.now(UTC) - answer.asked < KEPT else None

    def _keep(self, url: str, answer: _Answer) -> None:
        if self._folder is None:
            return
        path = self._path(url)
        with contextlib.suppress(OSError):
            write_atomically(path, answer.model_dump_json(by_alias=True))
            oldest = (datetime.now(UTC) - KEPT).timestamp()
            for other in path.parent.iterdir():
                if other.stat().st_mtime < oldest:
                    other.unlink()

    def _path(self, url: str) -> Path:
        return cast("Path", self._folder) / digest_text(url)


def price_folder() -> Path:
    """Where this user's answers are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("mlops-bootstrap", appauthor=False) / "prices"


def _task(listing: Listing, region: str) -> str:
    what = listing.names.get("meterName") or listing.names.get("armSkuName", "")
    return f"price of {what}{f' in {region}' if region else ''}"


def _why_unclear(items: Sequence[_Item], per: Per, currency: str) -> str:
    """Why items that all name what is meant give no price; empty when they give one."""
    said = {(item.tier_minimum_units, item.retail_price, item.unit_of_measure, item.currency_code) for item in items}
    tiers = sorted({(least, amount) for least, amount, _, _ in said})
    units, currencies = {one[2] for one in said}, {one[3] for one in said}
    if len({least for least, _ in tiers}) < len(said):
        different = sorted(f"{plain(amount)} {code} for {unit!r}" for _, amount, unit, code in said)
        return f"Azure's price list has items that differ: {', '.join(different)}."
    if currencies != {currency}:
        return f"Azure's price list answers in {', '.join(sorted(currencies))}, not in {currency}."
    if {_per(unit) for unit in units} != {per}:
        return f"Azure's price list sells it by {', '.join(sorted(map(repr, units)))}, not by the {per}."
    if len(tiers) > 1 or tiers[0][0] > 0:
        steps = [
            f"{plain(amount)} {currency} each{f' beyond {plain(least)}' if least else ''}" for least, amount in tiers
        ]
        return f"It depends on how many there are outside of this stack too: {', '.join(steps)}."
    return ""


def _per(unit: str) -> Per | None:
    found = _UNIT.fullmatch(unit.strip())
    return cast("Per", found[1].lower()) if found else None


def _host(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None when it is no address of the web, or has a login, which reports would show."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and "@" not in parts.netloc else None


def _pool(address: str) -> "PoolManager":
    """Connections to the list, through the proxy that the environment names for it.

    Raises urllib3.exceptions.HTTPError or ValueError when the environment names no proxy that can be used.
    """
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    retries = urllib3.Retry(
        _RETRIES,
        status_forcelist=_TRY_AGAIN,
        allowed_methods=["GET"],
        backoff_factor=_FIRST_WAIT_SECONDS,
        backoff_max=_LONGEST_WAIT_SECONDS,
        retry_after_max=_LONGEST_WAIT_SECONDS,
        raise_on_status=False,
    )
    parts = urlsplit(address)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return urllib3.PoolManager(timeout=timeout, retries=retries)
    way = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    login = ":".join(unquote(part or "") for part in (way.username, way.password)) if way.username else None
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    # Messages show the proxy's address: its password has to stay out of it.
    address_alone = way._replace(netloc=way.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(address_alone, proxy_headers=headers, timeout=timeout, retries=retries)
