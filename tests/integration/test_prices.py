"""`plan --prices`, as its users run it; where Azure would answer, a server on loopback does (tests/prices.py)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import bootstrap.stack.report
from bootstrap.errors import ExitCode
from tests.conftest import Golden
from tests.helpers import Done, run_cli
from tests.prices import Answer, AzurePrices, azure_prices, firewall, item, private_endpoint, registry, zones

ROOT = Path(__file__).parents[2]
CONTOSO = ROOT / "examples" / "contoso"
GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(bootstrap.stack.report.__file__).parent / "plan.schema.json"


@pytest.fixture
def azure() -> Iterator[AzurePrices]:
    """Made-up prices of most of what the example has; alerts and models are left out, and a zone has two tiers."""
    with azure_prices(
        private_endpoint(0.01),
        registry("Premium", 1.2),
        firewall("Basic", 0.4),
        item("NAT Gateway", "NAT Gateway", "Standard", "Standard Gateway", 0.045, "1 Hour", "Global"),
        item("Virtual Network", "IP Addresses", "Standard", "Standard IPv4 Static Public IP", 0.005, "1 Hour"),
        *zones((0, 0.5), (25, 0.1)),
    ) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache. Plans in it serve all tests; prices do not, since each test has a server of its own address."""
    return tmp_path_factory.mktemp("cache")


def plan(azure: AzurePrices, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    cache = {"XDG_CACHE_HOME": str(folder), "LOCALAPPDATA": str(folder), "HOME": str(folder)}
    environment = {**azure.env, **cache, **(env or {})}
    return run_cli("plan", *arguments, "-C", CONTOSO, cwd=ROOT, env=environment)


def check_schema(document: Path) -> None:
    """By a checker that is not ours."""
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), str(document)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_tree_tells_what_each_costs_and_what_all_cost(azure: AzurePrices, folder: Path, golden: Golden) -> None:
    done = plan(azure, folder, "hub", "vision-dev", "--prices")

    assert done.code == ExitCode.DONE, done.err
    told = [part.partition("bills while idle:")[2].partition("findings:")[0] for part in done.out.split("\n\n")]
    golden(GOLDEN / "prices.txt", "\n".join(told))
    # A firewall, ten private endpoints and a registry: 292 + 73 + 36.50; no price of alerts is known.
    assert "in all at least 401.50 USD a month of 730 hours" in told[1]


def test_the_markdown_and_the_page_tell_the_same(azure: AzurePrices, folder: Path) -> None:
    markdown = plan(azure, folder, "vision-dev", "--prices", "-o", "markdown").out
    page = plan(azure, folder, "vision-dev", "--prices", "-o", "html").out

    assert "- 7 private endpoint, by the hour: 0.01 USD each, 51.10 USD a month" in markdown
    assert "In all **at least 401.50 USD a month of 730 hours**." in markdown
    assert '>0.01 USD</a></td><td class="right">51.10 USD</td>' in page
    assert f'<a href="{azure.url}?api-version=' in page
    assert "In all <b>at least 401.50 USD a month of 730 hours</b>." in page


def test_the_document_has_prices_and_keeps_its_schema(azure: AzurePrices, folder: Path, tmp_path: Path) -> None:
    priced = plan(azure, folder, "vision-dev", "--prices", "-o", "json")
    plain = plan(azure, folder, "vision-dev", "-o", "json")

    for name, done in (("priced.json", priced), ("plain.json", plain)):
        (tmp_path / name).write_text(done.out)
        check_schema(tmp_path / name)
    [stack] = priced.document["stacks"]
    bills = {bill["what"]: bill for bill in stack["bills_while_idle"]}
    price = bills["private endpoint"]["price"]
    assert {key: price[key] for key in ("amount", "currency", "per", "effective")} == {
        "amount": "0.01", "currency": "USD", "per": "hour", "effective": "2024-03-01",
    }  # fmt: skip
    assert bills["log-search alert"]["price"] is None
    assert bills["log-search alert"]["no_price"].endswith(".")
    assert stack["idle_total"] == {"amount": "401.50", "currency": "USD", "at_least": True}


def test_without_prices_the_document_is_as_it_was(azure: AzurePrices, folder: Path) -> None:
    priced = plan(azure, folder, "hub", "--prices", "-o", "json").document
    plain = plan(azure, folder, "hub", "-o", "json").document

    for stack in priced["stacks"]:
        del stack["idle_total"]
        for bill in stack["bills_while_idle"]:
            del bill["price"]
            bill.pop("no_price", None)
    assert priced == plain


def test_the_schema_refuses_a_missing_price_without_its_reason(
    azure: AzurePrices, folder: Path, tmp_path: Path
) -> None:
    document = plan(azure, folder, "vision-dev", "--prices", "-o", "json").document
    next(bill for bill in document["stacks"][0]["bills_while_idle"] if bill["price"] is None).pop("no_price")
    (tmp_path / "wrong.json").write_text(json.dumps(document))

    with pytest.raises(AssertionError, match="no_price"):
        check_schema(tmp_path / "wrong.json")


def test_without_prices_nobody_is_asked(azure: AzurePrices, folder: Path) -> None:
    assert plan(azure, folder, "hub").code == ExitCode.DONE
    assert azure.asked == []


def test_a_second_plan_asks_nobody_unless_told_so(azure: AzurePrices, folder: Path) -> None:
    first = plan(azure, folder, "hub", "--prices")
    asked = len(azure.asked)
    second = plan(azure, folder, "hub", "--prices")
    third = plan(azure, folder, "hub", "--prices", "--no-cache")

    assert asked > 3
    assert first.out == second.out == third.out
    assert len(azure.asked) == 2 * asked


def test_the_currency_comes_from_the_option_or_the_environment(azure: AzurePrices, folder: Path) -> None:
    by_option = plan(azure, folder, "hub", "--prices", "--currency", "EUR")
    by_environment = plan(azure, folder, "hub", "--prices", env={"MLOPS_BOOTSTRAP_CURRENCY": "CHF"})

    assert "0.01 EUR each" in by_option.out
    assert "0.01 CHF each" in by_environment.out
    assert {query["currencyCode"] for query in azure.asked} == {"'EUR'", "'CHF'"}


def test_a_price_list_that_fails_costs_the_exit_code_and_not_the_plan(azure: AzurePrices, folder: Path) -> None:
    azure.always = Answer(503)

    done = plan(azure, folder, "hub", "--prices", "-o", "json")

    assert done.code == ExitCode.REMOTE
    assert "error: Azure's price list gave no prices.\n  why: http://127.0.0.1" in done.err
    assert "  next: Try again later" in done.err
    bills = done.document["stacks"][0]["bills_while_idle"]
    assert {bill["price"] for bill in bills} == {None}
    assert done.document["stacks"][0]["idle_total"]["amount"] == "0.00"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prices", "-o", "table"], "--prices cannot be combined with --output table."),
        (["--prices", "--currency", "euro"], "--currency must be three capital letters"),
    ],
)
def test_wrong_usage_is_told(azure: AzurePrices, folder: Path, arguments: list[str], said: str) -> None:
    done = plan(azure, folder, "hub", *arguments)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert said in done.err
    assert azure.asked == []
