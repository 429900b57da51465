"""Azure's public price list for tests: a real HTTP server on loopback that answers in the API's documented form.

Its prices are the test's, not Azure's. Like Azure, its filter is a list of equalities that distinguish upper and lower
case, and its items come in pages.
https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import contextlib
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

Item = dict[str, Any]


def item(
    service: str, product: str, sku: str, meter: str, price: float, unit: str, region: str = "westeurope", **more: Any
) -> Item:
    """An item of the list, with all properties that the API documents; `more` changes some."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "location": region,
        "effectiveStartDate": "2024-03-01T00:00:00Z",
        "meterId": "00000000-0000-0000-0000-000000000001",
        "meterName": meter,
        "productId": "DZH000000001",
        "skuId": "DZH000000001/0001",
        "availabilityId": None,
        "productName": product,
        "skuName": sku,
        "serviceName": service,
        "serviceId": "DZH000000002",
        "serviceFamily": "Test",
        "unitOfMeasure": unit,
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": "",
        **more,
    }


def machine(
    size: str, price: float, product: str = "Virtual Machines Test Series", kind: str = "", **more: Any
) -> Item:
    """An item for a size of virtual machines: `kind` is such as " Spot"."""
    name = size.removeprefix("Standard_").replace("_", " ") + kind
    return item("Virtual Machines", product, name, name, price, "1 Hour", **{"armSkuName": size, **more})


def metric_alerts(*tiers: tuple[float, float]) -> list[Item]:
    """Metric alerts: the price of one from so many on."""
    names = ("Azure Monitor", "Azure Monitor", "Alerts", "Alerts Metric Monitored")
    return [item(*names, price, "1/Month", "Global", tierMinimumUnits=least) for least, price in tiers]


@dataclass
class Answer:
    """A response instead of the items.

    Attributes:
        delay: The seconds between the body's characters.
    """

    status: int
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0


@dataclass
class AzurePrices:
    """The server and its record of requests.

    Attributes:
        items: The price list; an item costs the same number in every currency.
        first: Responses to the first requests, one each.
        always: The response to every request.
        page: How many items a page has.
        next_host: The URL of the next page without its query; the server's own by default.
        currency: The currency of all items; the requested one by default.
        asked: The queries, in order.
        proxy_logins: The logins of requests that were sent to it as to a proxy.
        encodings: The encodings that each request accepts.
    """

    url: str
    items: Sequence[Item]
    first: list[Answer] = field(default_factory=list)
    always: Answer | None = None
    page: int = 100
    next_host: str = ""
    currency: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    proxy_logins: list[str] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment in which the command uses it."""
        return {"MLOPS_BOOTSTRAP_PRICES_URL": self.url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def answer(self, query: dict[str, str]) -> Answer:
        """The response to a query."""
        self.asked.append(query)
        if self.first:
            return self.first.pop(0)
        if self.always is not None:
            return self.always
        wanted = dict(re.findall(r"(\w+) eq '((?:[^']|'')*)'", query["$filter"]))
        wanted["type"] = wanted.pop("priceType")
        currency = self.currency or query["currencyCode"].strip("'")
        found = [{**one, "currencyCode": currency} for one in self.items if wanted.items() <= one.items()]
        start = int(query.get("$skip", 0))
        following = "&".join(f"{key}={quote(value)}" for key, value in query.items() if key != "$skip")
        end = start + self.page
        link = f"{self.next_host or self.url}?{following}&$skip={end}" if end < len(found) else None
        page = found[start:end]
        document = {
            "BillingCurrency": currency,
            "CustomerEntityId": "Default",
            "CustomerEntityType": "Retail",
            "Items": page,
            "NextPageLink": link,
            "Count": len(page),
        }
        return Answer(200, json.dumps(document), {"Content-Type": "application/json"})


@contextmanager
def azure_prices(*items: Item, tls: ssl.SSLContext | None = None) -> Iterator[AzurePrices]:
    """The server, until the block ends; with `tls` over HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            if login := self.headers.get("Proxy-Authorization"):
                prices.proxy_logins.append(login)
            prices.encodings.append(self.headers.get("Accept-Encoding", ""))
            answer = prices.answer(query)
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client may give up
                for start in range(0, len(body), 1 if answer.delay else len(body) or 1):
                    self.wfile.write(body[start : start + 1] if answer.delay else body)
                    time.sleep(answer.delay)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        prices = AzurePrices(f"{scheme}://127.0.0.1:{server.server_address[1]}/api/retail/prices", items)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield prices
        finally:
            server.shutdown()
            thread.join()
