"""Returns of an account into which money comes and from which it goes.

External flows are deposits, withdrawals, credit turned into balance, internal transfers, bonuses;
commission, swap, fees, dividends and compensation are performance, not flows.
A return is a share: 0.05 is five percent. Where nothing was at work there is none: None.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from tradershub.finance.decimals import ONE, ZERO

DAYS_IN_YEAR = 365
LOWEST_RATE, HIGHEST_RATE = -0.9999, 100.0
PRECISION = 1e-13
GUESS = 0.1


class Span(NamedTuple):
    """A stretch without flows: its value at the end, and the flow right after it."""

    value: Decimal
    flow: Decimal = ZERO


class WeightedFlow(NamedTuple):
    """A flow, positive into the account, `day` days after the period's beginning."""

    day: Decimal
    amount: Decimal


class CashFlow(NamedTuple):
    """A payment seen from the investor: a deposit is negative, a withdrawal positive."""

    on: date
    amount: Decimal


class InternalRate(NamedTuple):
    """A yearly rate as a share; unique is False where the flows admit several rates."""

    rate: float
    unique: bool


def span_returns(start: Decimal, spans: Iterable[Span]) -> list[Decimal] | None:
    """The return of each stretch between two flows; None where one began with nothing."""
    result: list[Decimal] = []
    for span in spans:
        if start <= 0:
            return None
        result.append(span.value / start - ONE)
        start = span.value + span.flow
    return result


def time_weighted(start: Decimal, spans: Iterable[Span]) -> Decimal | None:
    """The time-weighted return: the stretches compounded, so flows do not count.

    Equal to the growth of MQL5 Signals where the values are balances. Source: GIPS; MetaQuotes.
    """
    returns = span_returns(start, spans)
    return None if returns is None else compound(returns)


def compound(returns: Iterable[Decimal]) -> Decimal:
    """Returns one after another: the product of (1 + r), less one."""
    growth = ONE
    for each in returns:
        growth *= ONE + each
    return growth - ONE


def daily_return(
    start: Decimal, end: Decimal, *, flow: Decimal = ZERO, flow_at_start: bool = True
) -> Decimal | None:
    """A day's return with its net flow at the day's start (default) or end."""
    invested = start + flow if flow_at_start else start
    earned = end if flow_at_start else end - flow
    return earned / invested - ONE if invested > 0 else None


def modified_dietz(
    start: Decimal, end: Decimal, flows: Iterable[WeightedFlow], *, days: Decimal
) -> Decimal | None:
    """Money-weighted return of a period of `days`, each flow weighted by the time it worked.

    w = (days - day) / days. None where the average capital is not positive. Source: GIPS.
    """
    listed = list(flows)
    total = sum((flow.amount for flow in listed), ZERO)
    weighted = sum((flow.amount * (days - flow.day) / days for flow in listed), ZERO)
    capital = start + weighted
    return (end - start - total) / capital if capital > 0 else None


def growth_index(steps: Iterable[tuple[Decimal, Decimal]]) -> list[Decimal]:
    """An index that begins at 1 and moves with results only.

    steps: (result, flow) of each event; a flow changes the base, never the index. A result on a
    base that is not positive leaves the index where it is.
    """
    index, base = [ONE], ZERO
    for result, flow in steps:
        factor = ONE + result / base if base > 0 else ONE
        index.append(index[-1] * factor)
        base += result + flow
    return index


def internal_rate(flows: Sequence[CashFlow]) -> InternalRate | None:
    """The yearly rate at which all flows are worth nothing (XIRR, actual days by 365).

    Searched between -99.99 % and 10,000 % a year; of several, the one nearest to 10 %, which is
    where Excel begins. None where there is none, as with flows of one sign. Source: Microsoft.
    """
    if not flows:
        return None
    first = min(flow.on for flow in flows)
    terms = [((flow.on - first).days / DAYS_IN_YEAR, float(flow.amount)) for flow in flows]
    roots = [_bisect(terms, low, high) for low, high in pairwise(_GRID) if _cross(terms, low, high)]
    if not roots:
        return None
    return InternalRate(min(roots, key=lambda rate: abs(rate - GUESS)), len(roots) == 1)


# Dense enough to part roots that differ by a few percent.
_GRID = [
    (1 + LOWEST_RATE) * ((1 + HIGHEST_RATE) / (1 + LOWEST_RATE)) ** (step / 400) - 1
    for step in range(401)
]


def _cross(terms: Sequence[tuple[float, float]], low: float, high: float) -> bool:
    before, after = _worth(terms, low), _worth(terms, high)
    return (before < 0 <= after) or (before > 0 >= after)


def _worth(terms: Sequence[tuple[float, float]], rate: float) -> float:
    """The flows' value at the rate, at whichever end of the time keeps the figures finite."""
    pivot = max(years for years, _ in terms) if rate < 0 else 0.0
    return sum(amount * math.pow(1 + rate, pivot - years) for years, amount in terms)


def _bisect(terms: Sequence[tuple[float, float]], low: float, high: float) -> float:
    rising = _worth(terms, low) < 0
    while high - low > PRECISION * max(1.0, abs(low)):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if (_worth(terms, middle) < 0) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
