"""Prices of what a stack costs while nothing runs. They are exact: rounded only where a sum is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bootstrap.pricing.idle import Per

HOURS = 730
"""The hours of a month, as in Azure's own calculator. https://azure.microsoft.com/pricing/calculator/"""

_A_MONTH: dict[Per, tuple[int, int]] = {"hour": (HOURS, 1), "day": (HOURS, 24), "month": (1, 1)}
"""How many hours, days and months a month has, as fractions."""


@dataclass(frozen=True)
class Price:
    """The public price of one, before tax, discounts and agreements.

    Attributes:
        amount: For each `per`, in `currency`.
        effective: The day from which Azure charges it, `YYYY-MM-DD`.
        asked: The day of the query, `YYYY-MM-DD`.
        source: The URL of the query.
    """

    amount: Decimal
    currency: str
    per: Per
    effective: str
    asked: str
    source: str

    def a_month(self, count: int) -> Decimal:
        """The price of `count` of it in a month of `HOURS` hours."""
        numerator, denominator = _A_MONTH[self.per]
        return self.amount * count * numerator / denominator

    def document(self) -> dict[str, Any]:
        """The price in the plan's document; the amount as text, so that no reader rounds it."""
        return {**vars(self), "amount": plain(self.amount)}


@dataclass(frozen=True)
class Prices:
    """The prices of what a stack costs while nothing runs.

    Attributes:
        each: For each of `StackPlan.idle`, in order: how many of it, and its price or why it has none.
    """

    currency: str
    each: Sequence[tuple[int, Price | str]]

    @property
    def total(self) -> Decimal:
        """The sum of all known prices in a month."""
        return sum((price.a_month(count) for count, price in self.each if isinstance(price, Price)), Decimal())

    @property
    def complete(self) -> bool:
        """Whether all prices are known."""
        return all(isinstance(price, Price) for _, price in self.each)

    @property
    def text(self) -> str:
        """`at least 51.10 USD a month of 730 hours`."""
        if not self.complete and not self.total:
            return "not known"
        return f"{'' if self.complete else 'at least '}{money(self.total, self.currency)} a month of {HOURS} hours"

    def document(self) -> dict[str, Any]:
        """The total in the plan's document."""
        return {"amount": f"{_rounded(self.total)}", "currency": self.currency, "at_least": not self.complete}


def money(amount: Decimal, currency: str) -> str:
    """`1,234.50 USD`: a sum, rounded to the cent."""
    return f"{_rounded(amount):,} {currency}"


def plain(amount: Decimal) -> str:
    """A price as it is, without trailing zeros and without an exponent."""
    return f"{amount.normalize():f}"


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
