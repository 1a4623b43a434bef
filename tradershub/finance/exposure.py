"""What is held by currency: each position is two legs, and legs cancel across pairs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import ZERO


class Holding(NamedTuple):
    """A position by its currencies. units: signed, long positive. price: now, quote for one base."""

    base: str
    quote: str
    units: Decimal
    price: Decimal


class Exposure(NamedTuple):
    """Legs by currency, in units and in the account's currency; unrounded.

    gross: sum of the base sides' size. long, short: sums of the net foreign legs, short negative.
    """

    units: dict[str, Decimal]
    values: dict[str, Decimal]
    gross: Decimal
    long: Decimal
    short: Decimal

    @property
    def shorthand(self) -> Decimal:
        """The larger of net long and net short (Basel shorthand method)."""
        return max(self.long, -self.short)


def currency_units(holdings: Iterable[Holding]) -> dict[str, Decimal]:
    """Net units a currency: plus the base, minus the quote at the price. An index is a leg too."""
    units: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for holding in holdings:
        units[holding.base] += holding.units
        units[holding.quote] -= holding.units * holding.price
    return dict(units)


def exposure(
    holdings: Iterable[Holding], *, rates: Mapping[str, Decimal], account_currency: str
) -> Exposure:
    """Exposure of all holdings together, at mid rates to the account's currency.

    rates: account currency for one unit of each code; the account's own may be left out.
    Raises KeyError naming a code without a rate.
    """
    held = list(holdings)
    known = {**rates, account_currency: Decimal(1)}
    units = currency_units(held)
    values = {code: amount * known[code] for code, amount in units.items()}
    foreign = [value for code, value in values.items() if code != account_currency]
    return Exposure(
        units=units,
        values=values,
        gross=sum((abs(h.units) * known[h.base] for h in held), ZERO),
        long=sum((value for value in foreign if value > 0), ZERO),
        short=sum((value for value in foreign if value < 0), ZERO),
    )
