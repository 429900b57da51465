"""The catalogue of known errors: its entries, the page that shows it, and the errors that are retried."""

import asyncio
import re
from collections.abc import Sequence

import pulumi
import pytest

from infra.components import propagation
from infra.tables.azure_errors import Consumer, catalogue, passes
from tests.conftest import Golden
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "azure-errors.md"
TABLE = re.compile(r"(?<=\| --- \| --- \| --- \| --- \|\n)(\|.*\n)*")


def test_entries_are_complete() -> None:
    for error in catalogue():
        assert {"cause", "next", "link"} <= error.keys() <= {
            "code", "message", "cause", "next", "link", "retried", "evidence"
        }  # fmt: skip
        assert ("code" in error) != ("message" in error)
        assert re.match(r"https://(learn\.microsoft|www\.pulumi)\.com/", error["link"])
        # Only what was seen for this reason is worth ten minutes of waiting.
        assert "evidence" in error or "retried" not in error


def test_page_shows_the_catalogue(golden: Golden) -> None:
    rows = []
    for error in catalogue():
        name = f"`{error['code']}`" if "code" in error else f"*{error['message']}*"
        retried = " (retried)" if "retried" in error else ""
        rows.append(f"| {name}{retried} | {error['cause']} | {error['next']} | <{error['link']}> |\n")

    golden(PAGE, TABLE.sub(lambda _: "".join(rows), PAGE.read_text(encoding="utf-8"), count=1))


def test_page_names_the_version_that_is_required_and_tested() -> None:
    """Both the engine that the tests build and the oldest SDK that we accept have error hooks."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'"pulumi>=(\d+\.\d+),', project)
    assert found is not None

    assert f"from version {found.group(1)} on" in " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"/pkg/v3 v{found.group(1)}." in (ROOT / "tests/engine/go.mod").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "consumer", "retried"),
    [
        ('Status=404 Code="RoleDefinitionDoesNotExist" Message="..."', "role assignment", True),
        ('Status=400 Code="PrincipalNotFound" Message="..."', "role assignment", True),
        ('Status=403 Code="AuthorizationFailed" Message="..."', "role assignment", False),
        ('Status=403 Code="AuthorizationFailed" Message="..."', "identity", True),
        ('Status=400 Code="KeyVaultAuthenticationFailure" Message="..."', "identity", True),
        ('Status=400 Code="BadRequest" Message="AKS role check failed for user assigned identity."', "identity", True),
        ('Status=400 Code="BadRequest" Message="Something else."', "identity", False),
        ("cannot create already existing resource '/subscriptions/...'", "identity", False),
        ("Cannot modify resource while in provisioning state: 'Provisioning'", "scoped resource", True),
        ("Cannot modify resource while in provisioning state: 'Provisioning'", "identity", False),
    ],
)
def test_errors_that_pass_by_themselves(error: str, consumer: Consumer, retried: bool) -> None:
    assert passes(error, consumer) == retried


NEW_ROLE = 'Status=403 Code="AuthorizationFailed" Message="..."'


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, without waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(propagation, "wait", sleep)
    return waited


def retried(errors: Sequence[str], operation: str = "create", *, is_preview: bool = False) -> bool:
    """Whether the engine repeats an operation that failed with these errors, the latest first."""
    failed = pulumi.ErrorHookArgs("urn", "", "storage", "type", failed_operation=operation, errors=list(errors))
    return asyncio.run(propagation._retry("identity", failed, is_preview=is_preview))


def test_an_operation_is_repeated_for_ten_minutes_while_a_role_may_not_be_effective(delays: list[float]) -> None:
    attempts = [retried([NEW_ROLE] * attempt) for attempt in range(1, 14)]

    assert attempts == [True] * 12 + [False]
    assert delays == [10, 20, 40] + [60] * 9


@pytest.mark.parametrize(
    ("error", "operation", "is_preview"),
    [
        (NEW_ROLE, "create", True),
        (NEW_ROLE, "delete", False),
        ('Status=409 Code="Conflict" Message="..."', "create", False),
        # Azure accepted the creation: the resource is there, and a second creation would be refused.
        (f"1 error occurred:\n* {NEW_ROLE}", "create", False),
    ],
)
def test_other_failures_are_not_repeated(delays: list[float], error: str, operation: str, is_preview: bool) -> None:
    assert not retried([error], operation, is_preview=is_preview)
    assert delays == []
