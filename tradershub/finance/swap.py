"""Overnight financing as MetaTrader 5 and OANDA charge it.

Rates carry the sign as quoted: negative when the trader pays, and so do the results.
Source: MetaQuotes, administrator documentation, "Swaps"; OANDA, "Financing".
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from tradershub.finance.decimals import HUNDRED, ONE, quantise
from tradershub.finance.sides import DIRECTION, Side
from tradershub.finance.terms import BY_TICK, IS_FOREX, ContractTerms

ONE_DAY = timedelta(days=1)

# Charges a night by weekday, Monday first: the usual triple Wednesday pays for the weekend.
FOREX_WEEK: Mapping[int, int] = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 0, 6: 0}


def point_price(
    *,
    lots: Decimal,
    contract_size: Decimal,
    point: Decimal,
    rate: Decimal = ONE,
    tick_factor: Decimal = ONE,
    digits: int = 2,
) -> Decimal:
    """What a point of the position is worth, rounded to the account's digits.

    rate: account currency for one of the profit currency. tick_factor: tick value by tick size,
    for futures. The rounding comes before any multiplication: 0.01 lot may be worth nothing.
    """
    return quantise(lots * contract_size * point * tick_factor * rate, digits)


def swap_by_points(
    price_of_point: Decimal, *, points: Decimal, multiplier: int = 1, digits: int = 2
) -> Decimal:
    """One night's swap, account currency. multiplier: nights charged at once, see `nights`."""
    return quantise(price_of_point * points * multiplier, digits)


def swap_by_money(lots: Decimal, amount: Decimal, *, multiplier: int = 1) -> Decimal:
    """One night's swap in the currency of `amount`, unrounded.

    To be converted BY_MARKET, the side that is bad for the trader, and rounded then.
    """
    return lots * amount * multiplier


def swap_by_interest(
    *,
    lots: Decimal,
    annual_percent: Decimal,
    terms: ContractTerms,
    price: Decimal | None = None,
    days_in_year: int = 360,
    multiplier: int = 1,
) -> Decimal:
    """One night's interest, unrounded: Forex in the base currency, else in the profit currency.

    price: current or opening price as the symbol's mode says; Forex needs none. To be converted at
    the bid for a buy, at the ask for a sell. Raises ValueError where a price is needed.
    """
    cost = lots * _cost_of_lot(terms, price)
    return cost * annual_percent / HUNDRED / days_in_year * multiplier


def daily_financing(
    *,
    units: Decimal,
    price: Decimal,
    annual_percent: Decimal,
    days: int = 1,
    days_in_year: int = 365,
    digits: int = 2,
) -> Decimal:
    """OANDA's financing in the quote currency. price: at 17:00 New York."""
    yearly = abs(units) * price * annual_percent / HUNDRED
    return quantise(yearly * days / days_in_year, digits)


def reopen_price(*, side: Side, price: Decimal, points: Decimal, point: Decimal) -> Decimal:
    """Opening price after a rollover by reopening: a cost makes it worse, no swap is booked."""
    return price - points * point * DIRECTION[side]


def nights(
    day: date, *, week: Mapping[int, int] = FOREX_WEEK, holidays: Collection[date] = ()
) -> int:
    """Nights charged at the end of the server's `day`.

    week: charges by weekday, Monday 0. A holiday charges nothing; the day before carries it, and
    all of several holidays in a row.
    """
    if day in holidays:
        return 0
    charged = week[day.weekday()]
    following = day + ONE_DAY
    while following in holidays:
        charged += week[following.weekday()]
        following += ONE_DAY
    return charged


def charging_nights(
    opened_on: date,
    closed_on: date,
    *,
    week: Mapping[int, int] = FOREX_WEEK,
    holidays: Collection[date] = (),
) -> Iterator[tuple[date, int]]:
    """Each server day d with opened_on <= d < closed_on that charges, with its nights."""
    day = opened_on
    while day < closed_on:
        charged = nights(day, week=week, holidays=holidays)
        if charged:
            yield day, charged
        day += ONE_DAY


def _cost_of_lot(terms: ContractTerms, price: Decimal | None) -> Decimal:
    if terms.mode in IS_FOREX:
        return terms.contract_size
    if price is None:
        raise ValueError(f"interest on {terms.mode} needs a price, found none")
    factor = terms.tick_factor if terms.mode in BY_TICK else ONE
    return terms.contract_size * price * factor
