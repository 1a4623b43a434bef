"""Orders that no broker takes: levels on the wrong side, volumes that the symbol's terms do not allow.

Only for what is ordered by hand; what a broker did is booked as it was.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from accounts.manual.entries import plain
from accounts.models import BrokerOrder, Position
from brokers.models import SymbolTerms
from tradershub.core.dated import in_force
from tradershub.core.errors import BadInput, Conflict
from tradershub.finance.sides import OPPOSITE

BUY = "buy"
LEVELS = frozenset({"price", "limit_price", "stop_loss", "take_profit"})


def check_levels(order: BrokerOrder) -> None:
    """Raises BadInput where a level lies on the wrong side of the price at which the order fills.

    Of a market order, whose price is not known, only the two levels are compared.
    An order that closes a position opens nothing that they could protect: not checked.
    """
    if order.position_ref:
        return
    price = order.limit_price or order.price
    is_buy = order.side == BUY
    if price is not None:
        _check_side(order, "stop_loss", below=is_buy, price=price)
        _check_side(order, "take_profit", below=not is_buy, price=price)
    elif order.take_profit is not None:
        _check_side(order, "stop_loss", below=is_buy, price=order.take_profit, of="the take profit")


def _check_side(
    order: BrokerOrder, name: str, *, below: bool, price: Decimal, of: str = "the price"
) -> None:
    level: Decimal | None = getattr(order, name)
    if level is None or (level < price if below else level > price):
        return
    raise BadInput(
        f"Expected the {name.replace('_', ' ')} of a {order.side} {'below' if below else 'above'} "
        f"{of} {plain(price)}, found {plain(level)}",
        param=name,
    )


def check_closing(order: BrokerOrder, position: Position) -> None:
    """Raises BadInput where the order could not close the position, Conflict where that is closed."""
    if (position.account_id, position.symbol_id) != (order.account_id, order.symbol_id):
        raise BadInput(
            f"Position {position.ref} is not one of {order.symbol.name} in {order.account}",
            param="position",
        )
    if not position.is_open:
        raise Conflict(f"Position {position.ref} is closed already", param="position")
    if order.side == position.side:
        raise BadInput(
            f"A {position.side} position is closed by a {OPPOSITE[position.side]}, found {order.side}",
            param="side",
        )


def check_volume(order: BrokerOrder, *, on: dt.date) -> None:
    """Raises BadInput where the terms in force on that day do not allow the volume; without terms nothing is checked.

    An order that closes a position may take whatever is open: not checked.
    """
    terms = in_force(SymbolTerms.objects.filter(symbol=order.symbol), on)
    if terms is None or order.position_ref:
        return
    expected = ""
    if order.volume < terms.lot_min:
        expected = f"at least {plain(terms.lot_min)} lots"
    elif terms.lot_max is not None and order.volume > terms.lot_max:
        expected = f"at most {plain(terms.lot_max)} lots"
    elif order.volume % terms.lot_step:
        expected = f"a multiple of {plain(terms.lot_step)} lots"
    if expected:
        raise BadInput(
            f"{order.symbol.name}: expected {expected} by its terms of {terms.valid_from}, "
            f"found {plain(order.volume)}",
            param="volume",
        )
