"""What Azure asks for what bills while nothing runs. Plain data, exact: no price is rounded before it is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bootstrap.pricing.retail import Per

HOURS = 730
"""The hours of a month, as in Azure's own calculator. https://azure.microsoft.com/pricing/calculator/"""

_A_MONTH: dict[Per, tuple[int, int]] = {"hour": (HOURS, 1), "day": (HOURS, 24), "month": (1, 1)}
"""How many hours, days and months a month has, as fractions."""

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Price:
    """The public price of one, before tax, discounts and agreements.

    Attributes:
        amount: For each `per`, in `currency`.
        effective: Since when Azure asks it, `YYYY-MM-DD`.
        asked: When Azure was asked, `YYYY-MM-DD`.
        source: The address that answers it.
    """

    amount: Decimal
    currency: str
    per: Per
    effective: str
    asked: str
    source: str

    def a_month(self, count: int) -> Decimal:
        """What so many of it cost in a month of `HOURS` hours."""
        times, parts = _A_MONTH[self.per]
        return self.amount * count * times / parts

    def document(self) -> dict[str, Any]:
        """The price in the plan's document; the amount as text, so that no reader rounds it."""
        return {**vars(self), "amount": plain(self.amount)}


@dataclass(frozen=True)
class NoPrice:
    """No price is known.

    Attributes:
        reason: Why, as a sentence.
    """

    reason: str


@dataclass(frozen=True)
class Total:
    """What a stack costs in a month while nothing runs.

    Attributes:
        amount: The sum of all prices that are known.
        at_least: Whether some are not.
    """

    amount: Decimal
    currency: str
    at_least: bool

    @property
    def text(self) -> str:
        """`at least 51.10 USD a month of 730 hours`."""
        if self.at_least and not self.amount:
            return "not known"
        return f"{'at least ' if self.at_least else ''}{money(self.amount, self.currency)} a month of {HOURS} hours"

    def document(self) -> dict[str, Any]:
        """The total in the plan's document."""
        return {"amount": f"{_rounded(self.amount)}", "currency": self.currency, "at_least": self.at_least}


@dataclass(frozen=True)
class Prices:
    """The prices of what a stack bills while nothing runs, in the order of `StackPlan.idle`."""

    currency: str
    each: Sequence[Price | NoPrice]

    def total(self, counts: Iterable[int]) -> Total:
        """The sum of so many of each."""
        known = [
            price.a_month(count) for count, price in zip(counts, self.each, strict=True) if isinstance(price, Price)
        ]
        return Total(sum(known, Decimal()), self.currency, len(known) < len(self.each))


def money(amount: Decimal, currency: str) -> str:
    """`1,234.50 USD`: a sum, rounded to the cent."""
    return f"{_rounded(amount):,} {currency}"


def plain(amount: Decimal) -> str:
    """A price as it is, without zeros that say nothing and without an exponent."""
    return f"{amount.normalize():f}"


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
