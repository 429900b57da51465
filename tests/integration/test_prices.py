"""`plan --prices` as its users run it; a server on loopback answers in Azure's place (tests/prices.py)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import bootstrap.stack.report
from bootstrap.errors import ExitCode
from tests.conftest import Golden
from tests.helpers import CONTOSO, Done, run_cli
from tests.prices import Answer, AzurePrices, azure_prices, machine, metric_alerts

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(bootstrap.stack.report.__file__).parent / "plan.schema.json"


@pytest.fixture
def azure() -> Iterator[AzurePrices]:
    """Prices of the example's machines and alerts, made up."""
    with azure_prices(machine("Standard_E4ds_v5", 0.2), *metric_alerts((0, 0.1))) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache of plans, for all tests."""
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


NOT_PUBLISHED = "no price. Microsoft does not publish which item of its price list this is."


def test_tree_has_the_price_of_each_and_of_all(azure: AzurePrices, folder: Path, golden: Golden) -> None:
    done = plan(azure, folder, "fraud-dev", "--prices", "-o", "tree")

    assert done.code == ExitCode.DONE, done.err
    golden(GOLDEN / "prices.txt", done.out.partition("bills while idle:")[2].partition("findings:")[0])
    # An instance and four alerts: 0.2 * 730 + 4 * 0.1; the registry has no price.
    assert "in all: at least 146.40 USD a month of 730 hours" in done.out


def test_markdown_and_page_have_the_same_prices(azure: AzurePrices, folder: Path) -> None:
    markdown = plan(azure, folder, "fraud-dev", "--prices", "-o", "markdown").out
    page = plan(azure, folder, "fraud-dev", "--prices", "-o", "html").out

    assert "stopped, by the hour: 0.2 USD each, 146.00 USD a month" in markdown
    assert f"- 1 container registry (Premium), by the day: {NOT_PUBLISHED}" in markdown
    assert "In all **at least 146.40 USD a month of 730 hours**." in markdown
    assert '>0.2 USD</a></td><td class="right" data-label="A month">146.00 USD</td>' in page
    assert f'<a href="{azure.url}?api-version=' in page
    assert "In all <b>at least 146.40 USD a month of 730 hours</b>." in page


def test_document_has_prices_and_fits_its_schema(azure: AzurePrices, folder: Path, tmp_path: Path) -> None:
    priced = plan(azure, folder, "fraud-dev", "--prices", "-o", "json")
    plain = plan(azure, folder, "fraud-dev", "-o", "json")

    for name, done in (("priced.json", priced), ("plain.json", plain)):
        (tmp_path / name).write_text(done.out)
        check_schema(tmp_path / name)
    [stack] = priced.document["stacks"]
    bills = {bill["what"]: bill for bill in stack["bills_while_idle"]}
    price = bills["metric alert"]["price"]
    assert {key: price[key] for key in ("amount", "currency", "per", "effective")} == {
        "amount": "0.1", "currency": "USD", "per": "month", "effective": "2024-03-01",
    }  # fmt: skip
    assert bills["log-search alert"]["price"] is None
    assert bills["log-search alert"]["no_price"].endswith(".")
    assert stack["idle_total"] == {"amount": "146.40", "currency": "USD", "at_least": True}


def test_prices_change_nothing_else_in_the_document(azure: AzurePrices, folder: Path) -> None:
    priced = plan(azure, folder, "fraud-dev", "--prices", "-o", "json").document
    plain = plan(azure, folder, "fraud-dev", "-o", "json").document

    for stack in priced["stacks"]:
        del stack["idle_total"]
        for bill in stack["bills_while_idle"]:
            del bill["price"]
            bill.pop("no_price", None)
    assert priced == plain


def test_schema_refuses_a_missing_price_without_its_reason(azure: AzurePrices, folder: Path, tmp_path: Path) -> None:
    document = plan(azure, folder, "fraud-dev", "--prices", "-o", "json").document
    next(bill for bill in document["stacks"][0]["bills_while_idle"] if bill["price"] is None).pop("no_price")
    (tmp_path / "wrong.json").write_text(json.dumps(document))

    with pytest.raises(AssertionError, match="no_price"):
        check_schema(tmp_path / "wrong.json")


def test_plan_without_prices_requests_nothing(azure: AzurePrices, folder: Path) -> None:
    assert plan(azure, folder, "fraud-dev").code == ExitCode.DONE
    assert azure.asked == []


def test_currency_comes_from_the_option_or_the_environment(azure: AzurePrices, folder: Path) -> None:
    by_option = plan(azure, folder, "fraud-dev", "--prices", "--currency", "EUR", "-o", "tree")
    by_environment = plan(azure, folder, "fraud-dev", "--prices", "-o", "tree", env={"MLOPS_BOOTSTRAP_CURRENCY": "CHF"})

    assert "0.2 EUR each" in by_option.out
    assert "0.2 CHF each" in by_environment.out
    assert {query["currencyCode"] for query in azure.asked} == {"'EUR'", "'CHF'"}


def test_failed_price_list_changes_the_exit_code_and_not_the_plan(azure: AzurePrices, folder: Path) -> None:
    azure.always = Answer(403)

    done = plan(azure, folder, "fraud-dev", "--prices", "-o", "json")

    assert done.code == ExitCode.REMOTE
    assert "error: Azure's price list could not be read.\n  why: 127.0.0.1" in done.err
    assert "answered with status 403." in done.err
    assert "  next: Try again later" in done.err
    bills = done.document["stacks"][0]["bills_while_idle"]
    assert {bill["price"] for bill in bills} == {None}
    assert done.document["stacks"][0]["idle_total"]["amount"] == "0.00"


def test_prices_through_a_proxy(azure: AzurePrices, folder: Path) -> None:
    """The server is also the proxy: it gets the whole URL of a host that does not exist."""
    proxy = azure.url.partition("/api")[0].replace("//", "//me:p%40ss@")
    env = {
        "MLOPS_BOOTSTRAP_PRICES_URL": "http://prices.invalid/api/retail/prices",
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
    }

    done = plan(azure, folder, "fraud-dev", "--prices", "-o", "tree", env=env)

    assert "0.2 USD each" in done.out
    assert azure.proxy_logins


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prices", "-o", "table"], "--prices cannot be combined with --output table."),
        (["--prices", "--currency", "euro"], "--currency must be three capital letters"),
    ],
)
def test_wrong_usage_is_an_error(azure: AzurePrices, folder: Path, arguments: list[str], message: str) -> None:
    done = plan(azure, folder, "fraud-dev", *arguments)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert message in done.err
    assert azure.asked == []
