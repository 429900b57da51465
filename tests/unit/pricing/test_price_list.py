"""Azure's public price list, asked over HTTP; where Azure would answer, a server on loopback does (tests/prices.py)."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
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
from bootstrap.pricing import retail
from bootstrap.pricing.price import NoPrice, Price, Prices
from bootstrap.pricing.price_list import PriceList
from bootstrap.pricing.retail import Listing, Unlisted
from bootstrap.progress import Silent
from tests.prices import Answer, AzurePrices, Item, azure_prices, firewall, machine, private_endpoint, registry, zones

SIZE = "Standard_D4ds_v5"
OVER = {"effectiveStartDate": "2020-01-01T00:00:00Z", "effectiveEndDate": "2024-02-29T23:59:59Z"}
TO_COME = {"effectiveStartDate": "2999-01-01T00:00:00Z"}


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzurePrices]:
    with azure_prices() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.pricing.price_list._FIRST_WAIT_SECONDS", 0)


def ask(listing: Listing | Unlisted, currency: str = "USD", folder: Path | None = None) -> Price | NoPrice:
    return PriceList(currency, Silent(), folder).price(listing, "westeurope")


def amount(price: Price | NoPrice) -> str:
    assert isinstance(price, Price), price
    return str(price.amount)


def reason(price: Price | NoPrice) -> str:
    assert isinstance(price, NoPrice), price
    return price.reason


def failure(currency: str = "USD") -> str:
    """What is told when the list could not be asked."""
    prices = PriceList(currency, Silent(), None)
    assert reason(prices.price(retail.PRIVATE_ENDPOINT, "westeurope")) == "Azure's price list could not be asked."
    assert prices.failure is not None
    assert "plan without --prices" in prices.failure.hint or "MLOPS_BOOTSTRAP_PRICES_URL" in prices.failure.hint
    return str(prices.failure)


def test_a_price_is_what_the_list_says_with_its_source(azure: AzurePrices) -> None:
    azure.items = [private_endpoint(0.01), private_endpoint(0.02, region="US Gov")]

    price = ask(retail.PRIVATE_ENDPOINT)

    assert isinstance(price, Price)
    assert (price.amount, price.currency, price.per) == (Decimal("0.01"), "USD", "hour")
    assert price.effective == "2024-03-01"
    assert price.source.startswith(azure.url)
    assert azure.asked == [
        {
            "api-version": "2023-01-01-preview",
            "currencyCode": "'USD'",
            "$filter": "serviceName eq 'Virtual Network' and productName eq 'Virtual Network Private Link' and "
            "skuName eq 'Standard' and meterName eq 'Standard Private Endpoint' and armRegionName eq 'Global' and "
            "priceType eq 'Consumption'",
        }
    ]


@pytest.mark.parametrize(
    ("listing", "items", "wanted"),
    [
        (retail.container_registry("Premium"), [registry("Premium", 1.6666), registry("Basic", 0.1666)], "1.6666"),
        (retail.model_registry(1), [registry("Premium", 1.6666)], "1.6666"),
        (retail.firewall("Basic"), [firewall("Basic", 0.395), firewall("Standard", 1.25)], "0.395"),
        (retail.machine(SIZE), [machine(SIZE, 0.226)], "0.226"),
        (retail.machine(SIZE.lower()), [machine(SIZE, 0.226)], "0.226"),
        (retail.PRIVATE_ZONE, zones((0, 0.5)), "0.5"),
    ],
)
def test_each_thing_is_found_by_its_names(azure: AzurePrices, listing: Listing, items: list[Item], wanted: str) -> None:
    azure.items = items

    assert amount(ask(listing)) == wanted


def test_of_a_size_only_linux_on_demand_counts(azure: AzurePrices) -> None:
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

    assert amount(ask(retail.machine(SIZE))) == "0.226"


def test_nobody_looks_up_what_has_no_known_name(azure: AzurePrices) -> None:
    unlisted = [
        retail.LOG_ALERT, retail.model_registry(2), retail.machine(SIZE, low_priority=True),
        retail.container_registry("Classic"), retail.firewall(""),
    ]  # fmt: skip

    assert all(reason(ask(one)).endswith(".") for one in unlisted)
    assert azure.asked == []


def test_pages_are_followed(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.03, kind=" Spot")] * 4 + [machine(SIZE, 0.226)]
    azure.page = 2

    assert amount(ask(retail.machine(SIZE))) == "0.226"
    assert [query.get("$skip") for query in azure.asked] == [None, "2", "4"]


def test_pages_are_not_followed_to_another_host(azure: AzurePrices) -> None:
    azure.items = [private_endpoint()] * 3
    azure.page = 1
    azure.next_host = "http://127.0.0.2/api/retail/prices"

    assert "leads on to another host: http://127.0.0.2/" in failure()


def test_a_list_without_end_is_left(azure: AzurePrices) -> None:
    azure.items = [private_endpoint()] * 100
    azure.page = 1

    assert "It goes on after 20 pages" in failure()
    assert len(azure.asked) == 20


def test_a_redirection_is_no_answer(azure: AzurePrices) -> None:
    azure.always = Answer(302, headers={"Location": "http://127.0.0.2/"})

    assert "answered with status 302" in failure()


def test_who_is_told_to_wait_waits_and_asks_again(azure: AzurePrices) -> None:
    azure.items = [private_endpoint()]
    azure.first = [Answer(429, headers={"Retry-After": "1"})]
    began = time.monotonic()

    assert amount(ask(retail.PRIVATE_ENDPOINT)) == "0.01"
    assert time.monotonic() - began >= 1
    assert len(azure.asked) == 2


def test_after_some_tries_it_is_told_and_nothing_else_is_asked(azure: AzurePrices) -> None:
    azure.always = Answer(500, "<html>busy</html>")
    prices = PriceList("USD", Silent(), None)

    first = prices.price(retail.PRIVATE_ENDPOINT, "westeurope")
    second = prices.price(retail.NAT_GATEWAY, "westeurope")

    assert first == second == NoPrice("Azure's price list could not be asked.")
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
def test_garbage_is_told(azure: AzurePrices, body: str) -> None:
    azure.always = Answer(200, body)

    assert "answered something else than prices" in failure()


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf"), "free", None])
def test_a_price_that_is_none_is_garbage(azure: AzurePrices, price: Any) -> None:
    azure.items = [private_endpoint(price)]

    assert "answered something else than prices" in failure()


def test_a_host_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", f"http://127.0.0.1:{port}/prices")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert "could not be reached" in failure()


@pytest.mark.parametrize(
    "address", ["prices.azure.com", "ftp://prices", "https://", "http://[", "http://a:b/", "https://me:secret@prices/"]
)
def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", address)

    with pytest.raises(InputError, match="names no address") as refused:
        PriceList("USD", Silent(), None)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "E'R", "€"])
def test_a_currency_that_is_none_is_refused(currency: str) -> None:
    with pytest.raises(InputError, match="--currency"):
        PriceList(currency, Silent(), None)


def test_the_proxy_of_the_environment_is_used(azure: AzurePrices, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets the whole address, which the server answers as its own."""
    azure.items = [private_endpoint()]
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", "http://prices.example/api/retail/prices")
    monkeypatch.setenv("http_proxy", azure.url.partition("/api")[0].replace("//", "//me:p%40ss@"))

    price = ask(retail.PRIVATE_ENDPOINT)

    assert amount(price) == "0.01"
    assert azure.proxy_logins == ["Basic bWU6cEBzcw=="]


@pytest.mark.parametrize("proxy", ["http://me:secret@127.0.0.1:1", "http://[", "socks5://127.0.0.1:1", "127.0.0.1:1"])
def test_a_proxy_that_does_not_work_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("MLOPS_BOOTSTRAP_PRICES_URL", "http://prices.example/api/retail/prices")
    monkeypatch.setenv("http_proxy", proxy)

    told = failure()

    assert "Azure's price list could not be reached." in told
    assert "secret" not in told


def test_a_host_that_cannot_prove_who_it_is_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))

    with azure_prices(private_endpoint(), tls=context) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        assert "certificate verify failed" in failure()
        assert server.asked == []

        # An authority of the organization's own, as the system or this variable knows it.
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "prices.pem"))
        assert amount(ask(retail.PRIVATE_ENDPOINT)) == "0.01"


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 by nobody but itself, with its key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    made = (
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
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


def test_no_item_is_no_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226, armRegionName="northeurope")]

    assert reason(ask(retail.machine(SIZE))) == "Azure's price list has no such item for westeurope."


def test_items_that_differ_are_no_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226), machine(SIZE, 0.3, "Virtual Machines Other Series Linux")]

    said = reason(ask(retail.machine(SIZE)))

    assert said == "Azure's price list has items that differ: 0.226 USD for '1 Hour', 0.3 USD for '1 Hour'."


def test_items_that_say_the_same_are_a_price(azure: AzurePrices) -> None:
    azure.items = [machine(SIZE, 0.226), machine(SIZE, 0.226, meterId="another")]

    assert amount(ask(retail.machine(SIZE))) == "0.226"


def test_what_ended_what_comes_and_what_azure_does_not_charge_by_is_passed_over(azure: AzurePrices) -> None:
    azure.items = [
        private_endpoint(0.02, **OVER), private_endpoint(0.03, **TO_COME),
        private_endpoint(0.04, isPrimaryMeterRegion=False), private_endpoint(0.01),
    ]  # fmt: skip

    assert amount(ask(retail.PRIVATE_ENDPOINT)) == "0.01"

    azure.items = azure.items[:3]
    assert reason(ask(retail.PRIVATE_ENDPOINT)) == "Azure's price list has no such item for Global."


@pytest.mark.parametrize("unit", ["1 GB", "1/Month", "1 Day", "10 Hours", ""])
def test_another_unit_than_the_known_one_is_no_price(azure: AzurePrices, unit: str) -> None:
    azure.items = [private_endpoint(unit=unit)]

    assert reason(ask(retail.PRIVATE_ENDPOINT)) == f"Azure's price list sells it by {unit!r}, not by the hour."


@pytest.mark.parametrize("unit", ["1 Hour", "1/Hour", "1 hour"])
def test_units_are_read_however_they_are_spelled(azure: AzurePrices, unit: str) -> None:
    azure.items = [private_endpoint(unit=unit)]

    assert amount(ask(retail.PRIVATE_ENDPOINT)) == "0.01"


@pytest.mark.parametrize(
    ("tiers", "wanted"),
    [
        (((25, 0.1), (0, 0.5)), "0.5 USD each, 0.1 USD each beyond 25."),
        (((0, 0.0), (10, 0.1)), "0 USD each, 0.1 USD each beyond 10."),
        (((10, 0.1),), "0.1 USD each beyond 10."),
    ],
)
def test_a_price_by_tiers_is_told_and_not_chosen(
    azure: AzurePrices, tiers: tuple[tuple[float, float], ...], wanted: str
) -> None:
    """Azure counts all of a subscription, and a stack does not know the others."""
    azure.items = zones(*tiers)

    assert reason(ask(retail.PRIVATE_ZONE)).endswith(f"outside of this stack too: {wanted}")


def test_one_tier_with_two_prices_is_no_price(azure: AzurePrices) -> None:
    azure.items = zones((0, 0.5), (0, 0.6), (25, 0.1))

    assert "items that differ" in reason(ask(retail.PRIVATE_ZONE))


def test_the_currency_is_asked_for(azure: AzurePrices) -> None:
    azure.items = [private_endpoint()]

    price = ask(retail.PRIVATE_ENDPOINT, "EUR")

    assert isinstance(price, Price)
    assert price.currency == "EUR"
    assert azure.asked[0]["currencyCode"] == "'EUR'"


def test_an_answer_in_another_currency_is_no_price(azure: AzurePrices) -> None:
    azure.items = [private_endpoint()]
    azure.currency = "USD"

    assert reason(ask(retail.PRIVATE_ENDPOINT, "EUR")) == "Azure's price list answers in USD, not in EUR."


def test_answers_are_kept(azure: AzurePrices, tmp_path: Path) -> None:
    azure.items = [private_endpoint(0.0123456789)]

    first = ask(retail.PRIVATE_ENDPOINT, folder=tmp_path / "prices")
    second = ask(retail.PRIVATE_ENDPOINT, folder=tmp_path / "prices")
    ask(retail.PRIVATE_ENDPOINT, "EUR", tmp_path / "prices")
    ask(retail.PRIVATE_ENDPOINT)

    assert first == second
    assert amount(first) == "0.0123456789"
    assert [query["currencyCode"] for query in azure.asked] == ["'USD'", "'EUR'", "'USD'"]


def test_one_query_is_sent_for_each_thing_in_each_location(azure: AzurePrices) -> None:
    azure.items = [private_endpoint(), registry("Premium", 1.7)]
    prices = PriceList("USD", Silent(), None)

    for location in ("westeurope", "northeurope", "westeurope"):
        prices.price(retail.PRIVATE_ENDPOINT, location)
        prices.price(retail.container_registry("Premium"), location)

    assert len(azure.asked) == 3


@pytest.mark.parametrize("damage", [b"", b"x", b"{}", b'{"asked": "2999-01-01T00:00:00Z", "items": []}'])
def test_what_is_broken_in_the_cache_is_asked_again_and_mended(
    azure: AzurePrices, tmp_path: Path, damage: bytes
) -> None:
    azure.items = [private_endpoint()]
    ask(retail.PRIVATE_ENDPOINT, folder=tmp_path)
    [entry] = tmp_path.iterdir()
    entry.write_bytes(damage)

    assert amount(ask(retail.PRIVATE_ENDPOINT, folder=tmp_path)) == "0.01"
    assert amount(ask(retail.PRIVATE_ENDPOINT, folder=tmp_path)) == "0.01"
    assert len(azure.asked) == 2


def test_an_answer_counts_for_a_day(azure: AzurePrices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.items = [private_endpoint(), registry("Premium", 1.7)]
    ask(retail.PRIVATE_ENDPOINT, folder=tmp_path)
    [old] = tmp_path.iterdir()
    old.write_text(old.read_text().replace('"asked":"20', '"asked":"19'))
    os.utime(old, (0, 0))

    ask(retail.container_registry("Premium"), folder=tmp_path)
    assert old not in tmp_path.iterdir(), "what counts no longer is removed"

    ask(retail.PRIVATE_ENDPOINT, folder=tmp_path)
    text = old.read_text()
    old.write_text(text.replace('"asked":"20', '"asked":"19'))
    ask(retail.PRIVATE_ENDPOINT, folder=tmp_path)
    assert len(azure.asked) == 4


def test_a_folder_that_cannot_be_written_is_no_obstacle(azure: AzurePrices, tmp_path: Path) -> None:
    azure.items = [private_endpoint()]
    (tmp_path / "prices").write_text("a file")

    assert amount(ask(retail.PRIVATE_ENDPOINT, folder=tmp_path / "prices")) == "0.01"


def priced(per: retail.Per, amount: str) -> Price:
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


def test_a_sum_is_exact_and_says_when_something_is_missing() -> None:
    known = [priced("month", "0.1"), priced("month", "0.2")]

    whole = Prices("USD", known).total([1, 1])
    part = Prices("USD", [*known, NoPrice("Nobody knows.")]).total([1, 1, 5])

    assert whole.text == "0.30 USD a month of 730 hours"
    assert part.text == "at least 0.30 USD a month of 730 hours"
    assert Prices("USD", [NoPrice("Nobody knows.")]).total([1]).text == "not known"
    assert whole.document() == {"amount": "0.30", "currency": "USD", "at_least": False}


def test_a_price_is_shown_as_it_is() -> None:
    assert priced("hour", "0.0000100").document()["amount"] == "0.00001"
    assert priced("hour", "100").document()["amount"] == "100"
