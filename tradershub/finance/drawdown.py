"""Drawdown as MetaTrader defines it, and on a growth index where money came and went.

Source: MetaQuotes, client help, "Trading report".
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import HUNDRED, ZERO


class Drawdown(NamedTuple):
    """Falls as positive figures: money as given, percent unrounded.

    absolute: first point less the lowest below it. maximal: largest fall in money from a high
    before it, with its percent of that high. relative: largest fall in percent, with its money.
    The last two may be different events. A percent is None where no high was positive.
    """

    absolute: Decimal
    maximal: Decimal
    maximal_percent: Decimal | None
    relative_percent: Decimal | None
    relative: Decimal


def drawdown(points: Sequence[Decimal]) -> Drawdown:
    """Drawdown of a balance or equity curve, the first point being the initial deposit.

    Of equal falls the first counts. Raises ValueError for an empty curve.
    """
    if not points:
        raise ValueError("a drawdown needs at least one point, found none")
    high = points[0]
    maximal, maximal_high = ZERO, high
    relative, relative_share = ZERO, ZERO
    for point in points:
        high = max(high, point)
        fall = high - point
        if fall > maximal:
            maximal, maximal_high = fall, high
        if high > 0 and fall / high > relative_share:
            relative, relative_share = fall, fall / high
    return Drawdown(
        absolute=max(points[0] - min(points), ZERO),
        maximal=maximal,
        maximal_percent=maximal / maximal_high * HUNDRED if maximal_high > 0 else None,
        relative_percent=relative_share * HUNDRED if high > 0 else None,
        relative=relative,
    )


def largest_fall(curve: Sequence[Decimal]) -> Decimal:
    """The largest fall from a high before it, as a share of that high: 0.25 is a quarter.

    For a growth index (`returns.growth_index`): on raw balances a withdrawal would count as loss.
    """
    worst, high = ZERO, None
    for point in curve:
        high = point if high is None else max(high, point)
        if high > 0:
            worst = max(worst, (high - point) / high)
    return worst


def underwater(curve: Sequence[Decimal]) -> list[Decimal]:
    """Each point's fall from the high before it, as a share of it, zero or negative."""
    result: list[Decimal] = []
    high = ZERO
    for point in curve:
        high = max(high, point)
        result.append((point - high) / high if high > 0 else ZERO)
    return result
