"""What an entry by hand may close: a position as it stood at the moment of the closing."""

from __future__ import annotations

import datetime as dt
from copy import copy
from decimal import Decimal

from accounts.derivation import position_then
from accounts.manual.entries import check_open, plain
from accounts.models import Account, Deal, Position
from accounts.positions import COLUMNS
from brokers.models import BrokerSymbol
from tradershub.core.errors import BadInput, Conflict
from tradershub.finance.sides import OPPOSITE


def check_closable(position: Position) -> None:
    """Raises Conflict where the position is closed, or its account."""
    check_open(position.account)
    if not position.is_open:
        raise Conflict(f"Position {position.ref} is closed already")


def check_closing(
    position: Position,
    account: Account,
    symbol: BrokerSymbol,
    *,
    side: str,
    lots: Decimal,
    at: dt.datetime,
) -> Position:
    """The position as it stood then. Raises BadInput or Conflict where that closing was not possible."""
    if position.account_id != account.pk or position.symbol_id != symbol.pk:
        raise BadInput(
            f"Position {position} is not one of {symbol.name} in {account}", param="position"
        )
    if not position.is_open:
        raise Conflict(f"Position {position.ref} is closed already")
    if side == position.side:
        raise BadInput(
            f"A {position.side} position is closed by a {OPPOSITE[position.side]}, found {side}",
            param="side",
        )
    _check_lots(position, lots, then="")
    held = standing(position, at)
    _check_lots(held, lots, then=f" on {at:%Y-%m-%d %H:%M:%S} UTC" if held is not position else "")
    return held


def _check_lots(held: Position, lots: Decimal, *, then: str) -> None:
    if lots > held.open_volume:
        verb = f"were open{then}" if then else "are open"
        raise BadInput(
            f"Expected at most the {plain(held.open_volume)} lots that {verb}, found {plain(lots)}",
            param="volume",
        )


def standing(position: Position, at: dt.datetime) -> Position:
    """The open position as its deals up to that moment made it. Raises BadInput before its opening."""
    if at < position.opened_at:
        raise BadInput(
            f"The position was opened at {position.opened_at:%Y-%m-%d %H:%M:%S} UTC, "
            f"found a closing at {at:%Y-%m-%d %H:%M:%S}",
            param="at",
        )
    account, symbol = position.account, position.symbol_id
    if not Deal.objects.filter(account=account, symbol=symbol, at__gt=at).exists():
        return position
    row = position_then(account, symbol, position.ref, at)
    if row is None:
        return position
    facts, then = dict(zip(COLUMNS, row, strict=True)), copy(position)
    then.open_volume, then.open_price = facts["open_volume"], facts["open_price"]
    return then


def unknown_openings(account: Account, symbol_id: int | None) -> int:
    """How many positions of the symbol close more than is known to be opened."""
    if symbol_id is None:
        return 0
    return Position.objects.filter(account=account, symbol_id=symbol_id, inferred=True).count()
