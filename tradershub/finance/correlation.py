"""How two prices move together: Pearson's r of their daily log returns."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import from_float

LEAST = 60  # returns, of as many days: with fewer r says little (finance.md, section 4)
MOST = 250


class Correlation(NamedTuple):
    """r: from -1 to 1. n: returns that it was computed from."""

    r: Decimal
    n: int


def correlation(
    first: Mapping[date, Decimal], second: Mapping[date, Decimal]
) -> Correlation | None:
    """Of prices by day, on the last MOST returns of days that both have; None for fewer than LEAST.

    None, too, where one of them did not move. A return spans the days between two that both have.
    """
    days = sorted(first.keys() & second.keys())[-MOST - 1 :]
    xs, ys = _returns(first, days), _returns(second, days)
    if len(xs) < LEAST or len(set(xs)) == 1 or len(set(ys)) == 1:
        return None
    return Correlation(from_float(statistics.correlation(xs, ys)), len(xs))


def _returns(prices: Mapping[date, Decimal], days: list[date]) -> list[float]:
    logs = [math.log(prices[day]) for day in days]
    return [after - before for before, after in zip(logs, logs[1:], strict=False)]
