"""What a stack costs while nothing runs. Prices are exact: rounded only where a sum is shown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from infra.tables.sizes import HOURS_A_MONTH

Per = Literal["hour", "day", "month"]

_A_MONTH: dict[Per, tuple[int, int]] = {"hour": (HOURS_A_MONTH, 1), "day": (HOURS_A_MONTH, 24), "month": (1, 1)}
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
        """The price of `count` of it in a month of `HOURS_A_MONTH` hours."""
        numerator, denominator = _A_MONTH[self.per]
        return self.amount * count * numerator / denominator

    @property
    def text(self) -> str:
        """`0.01 USD`."""
        return f"{plain(self.amount)} {self.currency}"


@dataclass(frozen=True)
class IdleCost:
    """What a resource costs while nothing runs.

    Attributes:
        resource: Its URN.
        what: The billed thing, in words.
        count: The number of billed units of the resource.
        per: The period of the price: an hour, a day or a month.
        names: The properties that its items in Azure's price list have; empty if Microsoft does not publish them.
        price: The price of one, or the reason why it has none; None unless prices were requested.
    """

    resource: str
    what: str
    count: int
    per: Per
    names: Mapping[str, str]
    price: Price | str | None = None

    @property
    def a_month(self) -> str:
        """The price of all in a month; empty without a price."""
        return money(self.price.a_month(self.count), self.price.currency) if isinstance(self.price, Price) else ""

    @property
    def text(self) -> str:
        """`private endpoint, by the hour: 0.01 USD each, 51.10 USD a month`."""
        what = f"{self.what}, by the {self.per}"
        if isinstance(self.price, Price):
            return f"{what}: {self.price.text} each, {self.a_month} a month"
        return what if self.price is None else f"{what}: no price. {self.price}"

    def document(self) -> dict[str, Any]:
        """The entry in the plan's document."""
        document = {"resource": self.resource, "what": self.what, "count": self.count, "per": self.per}
        if isinstance(self.price, Price):
            return {**document, "price": {**vars(self.price), "amount": plain(self.price.amount)}}
        return document if self.price is None else {**document, "price": None, "no_price": self.price}


def grouped(costs: Iterable[IdleCost]) -> list[IdleCost]:
    """The costs without their resources: what is equal and has the same price is one, with the sum of the counts."""
    counts: Counter[tuple[str, Per, Price | str | None]] = Counter()
    for cost in costs:
        counts[cost.what, cost.per, cost.price] += cost.count
    return [IdleCost("", what, count, per, {}, price) for (what, per, price), count in counts.items()]


@dataclass(frozen=True)
class Prices:
    """The costs of a stack while nothing runs, with their prices."""

    currency: str
    costs: Sequence[IdleCost]

    @property
    def total(self) -> Decimal:
        """The sum of all known prices in a month."""
        known = (cost.price.a_month(cost.count) for cost in self.costs if isinstance(cost.price, Price))
        return sum(known, Decimal())

    @property
    def complete(self) -> bool:
        """Whether all prices are known."""
        return all(isinstance(cost.price, Price) for cost in self.costs)

    @property
    def text(self) -> str:
        """`at least 51.10 USD a month of 730 hours`."""
        if not self.complete and not self.total:
            return "not known"
        return (
            f"{'' if self.complete else 'at least '}{money(self.total, self.currency)} a month of {HOURS_A_MONTH} hours"
        )

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
