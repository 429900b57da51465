"""Azure's public price list over HTTP; a server on loopback answers in Azure's place (tests/prices.py)."""

import contextlib
import gzip
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bootstrap.errors import InputError
from bootstrap.pricing import price_list
from bootstrap.pricing.price import IdleCost, Per, Price, Prices, grouped
from bootstrap.pricing.price_list import NOT_PUBLISHED, PriceList
from bootstrap.progress import Progress
from tests.prices import Answer, AzurePrices, azure_prices, machine, metric_alerts

SIZE = "Standard_D4ds_v5"
OVER = {"effectiveStartDate": "2020-01-01T00:00:00Z", "effectiveEndDate": "2024-02-29T23:59:59Z"}
TO_COME = {"effectiveStartDate": "2999-01-01T00:00:00Z"}

INSTANCE = IdleCost(
    "urn", f"compute instance ({SIZE})", 1, "hour",
    {"serviceName": "Virtual Machines", "armSkuName": SIZE, "armRegionName": "westeurope"},
)  # fmt: skip
ALERT = IdleCost(
    "urn", "metric alert", 1, "month", {"serviceName": "Azure Monitor", "meterName": "Alerts Metric Monitored"}
)


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzurePrices]:
    with azure_prices() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.pricing.price_list._WAITS_SECONDS", (0, 0, 0))


def ask(cost: IdleCost = INSTANCE, currency: str = "USD") -> Price | str:
    return PriceList(currency, Progress()).price(cost)


def amount(price: Price | str) -> str:
    assert isinstance(price, Price), price
    return str(price.amount)


def reason(price: Price | str) -> str:
    assert isinstance(price, str), price
    return price


def failure() -> str:
    """The error after a price list that cannot be read."""
    return failure_of(PriceList("USD", Progress()))


def failure_of(prices: PriceList) -> str:
    assert reason(prices.price(INSTANCE)) == "Azure's price list could not be read."
    assert prices.failure is not None
    assert "plan without --prices" in prices.failure.hint
    return str(prices.failure)


def test_price_has_its_amount_date_and_source(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226), machine(SIZE, 0.25, armRegionName="northeurope"), *metric_alerts((0, 0.1))]

    price = ask()

    assert isinstance(price, Price)
    assert (price.amount, price.currency, price.per) == (Decimal("0.226"), "USD", "hour")
    assert price.effective == "2024-03-01"
    assert price.asked == datetime.now(UTC).date().isoformat()
    assert price.source.startswith(azure.url)
    assert azure.asked == [
        {
            "api-version": "2023-01-01-preview",
            "currencyCode": "'USD'",
            "$filter": "serviceName eq 'Virtual Machines' and armSkuName eq 'Standard_D4ds_v5' and "
            "armRegionName eq 'westeurope' and priceType eq 'Consumption'",
        }
    ]


def test_price_of_a_metric_alert_is_that_of_all_locations(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226), *metric_alerts((0, 0.1))]

    assert amount(ask(ALERT)) == "0.1"


def test_only_linux_on_demand_is_the_price_of_a_size(azure: AzurePrices) -> None:
    azure.items = [
        machine(SIZE, 0.226),
        machine(SIZE, 0.41, "Virtual Machines Test Series Windows"),
        machine(SIZE, 0.40, "Test Series CloudServices"),
        machine(SIZE, 0.03, kind=" Spot"),
        machine(SIZE, 0.04, kind=" Low Priority"),
        machine(SIZE, 0.20, type="DevTestConsumption"),
        machine(SIZE, 900.0, type="Reservation", reservationTerm="1 Year"),
        machine(SIZE, 0.25, armRegionName="northeurope"),
    ]

    assert amount(ask()) == "0.226"


def test_item_without_published_name_is_not_requested(azure: AzurePrices) -> None:
    assert ask(IdleCost("urn", "private endpoint", 1, "hour", {})) == NOT_PUBLISHED
    assert azure.asked == []


def test_pages_are_followed(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.03, kind=" Spot")] * 4 + [machine(SIZE, 0.226)]
    azure.page = 2

    assert amount(ask()) == "0.226"
    assert [query.get("$skip") for query in azure.asked] == [None, "2", "4"]


def test_next_page_on_another_server_is_refused(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)] * 3
    azure.page = 1
    azure.next_host = "http://127.0.0.2/api/retail/prices"

    assert "is on another server: http://127.0.0.2/" in failure()


def test_next_page_may_spell_the_default_port() -> None:
    """As Azure's own pages do."""
    assert price_list._server("https://prices.azure.com:443/api") == price_list._server("https://prices.azure.com/api")


def test_endless_list_is_refused(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)] * 100
    azure.page = 1

    assert "more than 20 pages" in failure()
    assert len(azure.asked) == 20


def test_redirection_is_not_followed(azure: AzurePrices) -> None:
    azure.always = Answer(302, headers={"Location": "http://127.0.0.2/"})

    assert "answered with status 302" in failure()
    assert len(azure.asked) == 1


def test_retry_after_is_respected(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)]
    azure.first = [Answer(429, headers={"Retry-After": "1"})]
    began = time.monotonic()

    assert amount(ask()) == "0.226"
    assert time.monotonic() - began >= 1
    assert len(azure.asked) == 2


def test_retry_after_the_deadline_is_not_waited_for(azure: AzurePrices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.pricing.price_list.DEADLINE_SECONDS", 5.0)
    azure.always = Answer(503, headers={"Retry-After": "3600"})
    began = time.monotonic()

    assert "answered with status 503" in failure()
    assert time.monotonic() - began < 5
    assert len(azure.asked) == 1


def test_slow_response_ends_at_the_deadline(azure: AzurePrices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character comes in time, all of them do not."""
    monkeypatch.setattr("bootstrap.pricing.price_list.DEADLINE_SECONDS", 0.5)
    azure.always = Answer(200, " " * 50, delay=0.1)
    began = time.monotonic()

    assert "no complete response within" in failure()
    assert time.monotonic() - began < 3


def raw_server(answer: Iterator[bytes]) -> int:
    """The port of a server that sends these bytes to its first client, and waits 50 ms after each part."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                for part in answer:
                    client.sendall(part)
                    time.sleep(0.05)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(lambda: itertools.chain([HEAD], itertools.repeat(b"X: y\r\n")), id="headers without an end"),
        pytest.param(lambda: itertools.repeat(b""), id="no answer"),
        pytest.param(lambda: itertools.chain([HEAD + b"\r\n"], itertools.repeat(b" ")), id="a body without an end"),
        pytest.param(
            # FNAME, the name of the file in the header of gzip, ends at a zero: nothing is unpacked until then.
            lambda: itertools.chain(
                [HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08" + bytes(6)], itertools.repeat(b"a")
            ),
            id="a header of gzip without an end",
        ),
    ],
)
def test_server_without_an_end_is_left_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, parts: Callable[[], Iterator[bytes]]
) -> None:
    monkeypatch.setattr("bootstrap.pricing.price_list.DEADLINE_SECONDS", 1.0)
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", f"http://127.0.0.1:{raw_server(parts())}/prices")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    began = time.monotonic()

    assert "no complete response within" in failure_of(PriceList("USD", Progress()))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "deflate"])
def test_encoding_that_was_not_asked_for_is_refused(azure: AzurePrices, encoding: str) -> None:
    """Of gzip in gzip, 30 kB become 30 GB, a part of which httpx would unpack at once."""
    packed = gzip.compress(gzip.compress(b" " * 30_000_000))
    azure.always = Answer(200, packed, headers={"Content-Encoding": encoding})

    assert f"an encoding that was not asked for: {encoding!r}" in failure()


def test_body_that_is_not_gzip_is_a_failure(azure: AzurePrices) -> None:
    azure.always = Answer(200, "{}", headers={"Content-Encoding": "gzip"})

    assert "a body that is not gzip" in failure()


@pytest.mark.parametrize("number", ['"1e999999"', '"1e-999999"', "9" * 40])
def test_price_of_a_million_digits_is_a_failure(azure: AzurePrices, number: str) -> None:
    page = json.dumps({"Items": [machine(SIZE, 12345)], "NextPageLink": None})
    azure.always = Answer(200, page.replace("12345", number, 1))

    assert "did not answer with prices" in failure()


def test_size_is_limited_after_decompression(azure: AzurePrices) -> None:
    packed = gzip.compress(b" " * 30_000_000)
    azure.always = Answer(200, packed, headers={"Content-Encoding": "gzip"})

    assert len(packed) < 100_000
    assert "sent more than 20,000,000 bytes" in failure()


def test_compressed_response_is_read(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)]
    plain = azure.answer({"$filter": "priceType eq 'Consumption'", "currencyCode": "'USD'"})
    assert isinstance(plain.body, str)
    azure.first = [Answer(200, gzip.compress(plain.body.encode()), headers={"Content-Encoding": "gzip"})]

    assert amount(ask()) == "0.226"
    assert azure.encodings == ["gzip"]


def test_after_a_failure_nothing_more_is_requested(azure: AzurePrices) -> None:
    azure.always = Answer(500, "<html>busy</html>")
    prices = PriceList("USD", Progress())

    first, second = prices.price(INSTANCE), prices.price(ALERT)

    assert first == second == "Azure's price list could not be read."
    assert len(azure.asked) == 4
    assert prices.failure is not None
    assert "answered with status 500" in prices.failure.why


@pytest.mark.parametrize(
    "body",
    [
        "", "nonsense", "[]", "{}", '{"Items": null}', '{"Items": [{}]}', '{"Items": [1], "NextPageLink": null}',
        '{"Items": [], "NextPageLink": 7}', "\u0000", '{"Items": [{"retailPrice": NaN}]}',
    ],
)  # fmt: skip
def test_response_without_prices_is_a_failure(azure: AzurePrices, body: str) -> None:
    azure.always = Answer(200, body)

    assert "did not answer with prices" in failure()


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf"), "free", None])
def test_impossible_price_is_a_failure(azure: AzurePrices, price: Any) -> None:
    azure.items = [machine(SIZE, price)]

    assert "did not answer with prices" in failure()


def test_unreachable_server_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", f"http://127.0.0.1:{port}/prices")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert f"The request to 127.0.0.1:{port} failed: " in failure()
    assert "%" not in failure()


@pytest.mark.parametrize(
    "address", ["prices.azure.com", "ftp://prices", "https://", "http://a:b/", "https://me:secret@prices/"]
)
def test_wrong_address_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", address)

    with pytest.raises(InputError, match="is not the URL of a price list") as refused:
        PriceList("USD", Progress())

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "E'R", "€"])
def test_wrong_currency_is_refused(currency: str) -> None:
    with pytest.raises(InputError, match="--currency"):
        PriceList(currency, Progress())


def test_proxy_of_the_environment_is_used(azure: AzurePrices, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets the whole URL, which the server answers as its own."""
    azure.items = [machine(SIZE, 0.226)]
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", "http://prices.example/api/retail/prices")
    monkeypatch.setenv("http_proxy", azure.url.partition("/api")[0].replace("//", "//me:p%40ss@"))

    assert amount(ask()) == "0.226"
    assert azure.proxy_logins == ["Basic bWU6cEBzcw=="]


@pytest.mark.parametrize(
    "proxy", ["http://me:secret@127.0.0.1:1", "http://[", "http://a:secret", "socks5://127.0.0.1:1", "127.0.0.1:1"]
)
def test_unusable_proxy_is_a_failure_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", "http://prices.example/api/retail/prices")
    monkeypatch.setenv("http_proxy", proxy)

    assert "secret" not in failure()


def test_server_with_an_unknown_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))

    with azure_prices(machine(SIZE, 0.226), tls=context) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        assert "certificate verify failed" in failure().lower()
        assert server.asked == []

        # An authority of the organization's own, as the system or this variable knows it.
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "prices.pem"))
        assert amount(ask()) == "0.226"


def certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "prices.pem"
    path.write_bytes(signed.public_bytes(pem) + secret)
    return path


def test_size_that_a_location_does_not_have_has_no_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226, armRegionName="northeurope")]

    assert reason(ask()) == "Azure's price list has no such item for westeurope."


def test_two_prices_are_no_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226), machine(SIZE, 0.3, "Virtual Machines Other Series Linux")]

    assert reason(ask()) == "Azure's price list has several prices in USD: 0.226, 0.3."


def test_equal_items_are_one_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226), machine(SIZE, 0.226, meterId="another")]

    assert amount(ask()) == "0.226"


def test_past_future_and_secondary_items_are_ignored(azure: AzurePrices) -> None:
    azure.items = [
        machine(SIZE, 0.02, **OVER), machine(SIZE, 0.03, **TO_COME),
        machine(SIZE, 0.04, isPrimaryMeterRegion=False), machine(SIZE, 0.01),
    ]  # fmt: skip

    assert amount(ask()) == "0.01"

    azure.items = azure.items[:3]
    assert reason(ask()) == "Azure's price list has no such item for westeurope."


@pytest.mark.parametrize("unit", ["1 GB", "1/Month", "1 Day", "10 Hours", ""])
def test_other_unit_is_no_price(azure: AzurePrices, unit: str) -> None:
    azure.items = [machine(SIZE, 0.226, unitOfMeasure=unit)]

    assert reason(ask()) == f"Azure's price list has it by {unit!r}, not by the hour."


@pytest.mark.parametrize("unit", ["1 Hour", "1/Hour", "1 hour"])
def test_spellings_of_a_unit_are_equal(azure: AzurePrices, unit: str) -> None:
    azure.items = [machine(SIZE, 0.226, unitOfMeasure=unit)]

    assert amount(ask()) == "0.226"


@pytest.mark.parametrize(
    ("tiers", "wanted"),
    [
        (((25, 0.1), (0, 0.5)), "0.5, 0.1 beyond 25."),
        (((0, 0.0), (10, 0.1)), "0, 0.1 beyond 10."),
        (((10, 0.1),), "0.1 beyond 10."),
    ],
)
def test_price_by_tiers_is_no_price(azure: AzurePrices, tiers: tuple[tuple[float, float], ...], wanted: str) -> None:
    """Azure counts all of a subscription; a plan sees one stack."""
    azure.items = metric_alerts(*tiers)

    assert reason(ask(ALERT)) == f"Azure's price list has several prices in USD: {wanted}"


def test_currency_is_requested(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)]

    price = ask(currency="EUR")

    assert isinstance(price, Price)
    assert price.currency == "EUR"
    assert azure.asked[0]["currencyCode"] == "'EUR'"


def test_response_in_another_currency_is_no_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)]
    azure.currency = "USD"

    assert reason(ask(currency="EUR")) == "Azure's price list answers in USD, not in EUR."


def test_each_query_is_sent_once(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226)]
    prices = PriceList("USD", Progress())

    for cost in (INSTANCE, ALERT, INSTANCE, ALERT):
        prices.price(cost)

    assert len(azure.asked) == 2


def priced(per: Per, amount: str) -> Price:
    return Price(Decimal(amount), "USD", per, "2024-03-01", "2026-11-24", "https://prices.example")


@pytest.mark.parametrize(
    ("price", "count", "wanted"),
    [
        (priced("hour", "0.01"), 7, "51.1"),
        (priced("day", "1.2"), 2, "73"),
        (priced("month", "0.1"), 3, "0.3"),
    ],
)
def test_a_month_has_730_hours(price: Price, count: int, wanted: str) -> None:
    assert price.a_month(count) == Decimal(wanted)


def cost(count: int, price: Price | str | None) -> IdleCost:
    return IdleCost("urn", "metric alert", count, "month", {}, price)


def test_total_is_exact_and_incomplete_without_a_price() -> None:
    known = [cost(1, priced("month", "0.1")), cost(1, priced("month", "0.2"))]

    assert Prices("USD", known).text == "0.30 USD a month of 730 hours"
    assert Prices("USD", [*known, cost(5, "Not known.")]).text == "at least 0.30 USD a month of 730 hours"
    assert Prices("USD", [cost(1, "Not known.")]).text == "not known"
    assert Prices("USD", known).document() == {"amount": "0.30", "currency": "USD", "at_least": False}


def test_equal_costs_are_grouped() -> None:
    price = priced("month", "0.1")

    groups = grouped([cost(1, price), cost(2, price), cost(1, "Not known.")])

    assert [group.text for group in groups] == [
        "metric alert, by the month: 0.1 USD each, 0.30 USD a month",
        "metric alert, by the month: no price. Not known.",
    ]


def test_price_is_written_without_exponent_and_trailing_zeros() -> None:
    assert cost(1, priced("month", "0.0000100")).document()["price"]["amount"] == "0.00001"
    assert cost(1, priced("month", "100")).document()["price"]["amount"] == "100"
