"""One net quantity fill by fill: its average cost and what was realised, by average or by FIFO.

In price units times quantity: multiply by contract size and convert for money.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import DIRECTION, Side

Method = Literal["average", "fifo"]


class Trade(NamedTuple):
    """A fill. quantity is positive."""

    side: Side
    quantity: Decimal
    price: Decimal


class Step(NamedTuple):
    """The state after a fill. quantity: signed. average: None when flat. realised: so far."""

    quantity: Decimal
    average: Decimal | None
    realised: Decimal


class _Lot(NamedTuple):
    quantity: Decimal
    price: Decimal


def run_inventory(trades: Iterable[Trade], *, method: Method = "average") -> list[Step]:
    """The state after each fill.

    average: adding moves the average, reducing realises against it. fifo: reducing realises against
    the oldest lots (NFA 2-43). A fill larger than the holding closes it and opens the rest at its
    price. Both realise the same over a full round trip.
    """
    lots: deque[_Lot] = deque()
    steps: list[Step] = []
    realised = ZERO
    for trade in trades:
        signed = trade.quantity * DIRECTION[trade.side]
        rest, gain = _reduce(lots, signed, trade.price)
        realised += gain
        if rest:
            _add(lots, rest, trade.price, method)
        steps.append(_step(lots, realised))
    return steps


def _reduce(lots: deque[_Lot], signed: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """Take the fill off lots of the other side; what is left of it, and the gain."""
    gain = ZERO
    while signed and lots and (lots[0].quantity > 0) != (signed > 0):
        lot = lots.popleft()
        taken = min(abs(signed), abs(lot.quantity))
        direction = 1 if lot.quantity > 0 else -1
        gain += taken * (price - lot.price) * direction
        signed += taken * direction
        left = lot.quantity - taken * direction
        if left:
            lots.appendleft(_Lot(left, lot.price))
    return signed, gain


def _add(lots: deque[_Lot], signed: Decimal, price: Decimal, method: Method) -> None:
    if method == "fifo" or not lots:
        lots.append(_Lot(signed, price))
        return
    held = lots.pop()
    quantity = held.quantity + signed
    lots.append(_Lot(quantity, (held.quantity * held.price + signed * price) / quantity))


def _step(lots: deque[_Lot], realised: Decimal) -> Step:
    quantity = sum((lot.quantity for lot in lots), ZERO)
    cost = sum((lot.quantity * lot.price for lot in lots), ZERO)
    if len(lots) == 1:
        return Step(quantity, lots[0].price, realised)
    return Step(quantity, cost / quantity if quantity else None, realised)
