"""How far a trade went for and against its holder before it was closed (MFE and MAE)."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import DIRECTION, Side


class PriceRange(NamedTuple):
    """Highest and lowest price of a bar, of the side that closes: bid for longs, ask for shorts."""

    high: Decimal
    low: Decimal


class Excursion(NamedTuple):
    """In money: the best floating result, never negative, and the worst, never positive."""

    favourable: Decimal
    adverse: Decimal


def excursion(
    *, side: Side, entry: Decimal, bars: Iterable[PriceRange], value_of_one: Decimal
) -> Excursion:
    """Best and worst floating result over the bars of a trade's life.

    value_of_one: money by which the position changes when the price moves by one (units times
    rate). Bars are coarse: within the first and last one, prices outside the trade's life count.
    """
    best = worst = ZERO
    for bar in bars:
        moves = ((bar.high - entry) * DIRECTION[side], (bar.low - entry) * DIRECTION[side])
        best, worst = max(best, *moves), min(worst, *moves)
    return Excursion(best * value_of_one, worst * value_of_one)


def exit_efficiency(result: Decimal, favourable: Decimal) -> Decimal | None:
    """The part of the best floating result that was kept; None where there never was a gain."""
    return result / favourable if favourable > 0 else None
