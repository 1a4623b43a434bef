"""Whether a change could lose more than what is there now: only what cannot goes out whatever is held up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from accounts.models import Position
from brokers.adapters.messages import ENTRY
from risk.conversion import ages
from tradershub.finance.decimals import HUNDRED
from tradershub.finance.sides import DIRECTION
from trading.bounds import price_to_close
from trading.models import Order


def risks_more(before: Order, after: Order) -> bool:
    """More lots or time, another price to enter at, or a stop or trail that is gone or farther away."""
    if before.reduces:
        return False
    if before.expires_at and (after.expires_at is None or after.expires_at > before.expires_at):
        return True
    if after.lots > before.lots or any(getattr(before, n) != getattr(after, n) for n in ENTRY):
        return True
    if _is_wider(before.trail, after.trail):
        return True
    return _is_farther(before.side, before.stop_loss, after.stop_loss)


def may_lose_more(position: Position, stops: Mapping[str, Decimal | None]) -> bool:
    """Whether its stop or trail goes or goes farther away.

    Before the first look at it, or where its trades differ, nobody knows what it has. Without a stop an adverse
    move is counted: one beyond that is farther away.
    """
    if position.mark_at is None or position.stops_differ:
        return "stop_loss" in stops or "trail" in stops
    stop = stops.get("stop_loss", position.stop_loss)
    trail = stops.get("trail", position.trailing_distance)
    if position.stop_loss is None and stop is not None and _is_beyond_counted(position, stop):
        return True
    return _is_farther(position.side, position.stop_loss, stop) or _is_wider(
        position.trailing_distance, trail
    )


def comes_nearer(position: Position, name: str, wanted: Decimal | None) -> bool:
    """Whether the position has such a stop or trail, and this one is no farther away."""
    known = {"stop_loss": position.stop_loss, "trail": position.trailing_distance}.get(name)
    return known is not None and not may_lose_more(position, {name: wanted})


def is_looser(side: str, name: str, known: Decimal | None, wanted: Decimal | None) -> bool:
    """Whether of a position of that side this stop_loss or trail goes, or is farther away than the one known."""
    return _is_wider(known, wanted) if name == "trail" else _is_farther(side, known, wanted)


def _is_beyond_counted(position: Position, stop: Decimal) -> bool:
    """Whether the stop is farther from the market than the adverse move that is counted without one."""
    price = price_to_close(position.symbol, position.side) or position.open_price
    if price is None:
        return True
    counted = price * ages().no_stop_move / HUNDRED
    return (price - stop) * DIRECTION[position.side] > counted


def _is_farther(side: str, known: Decimal | None, wanted: Decimal | None) -> bool:
    """Whether the stop of that side would let more be lost than the one that is known."""
    if known is None or known == wanted:
        return False
    return wanted is None or (wanted < known if side == Order.Side.BUY else wanted > known)


def _is_wider(known: Decimal | None, wanted: Decimal | None) -> bool:
    """Whether a stop that follows at that distance would follow farther away, or not at all."""
    return known is not None and (wanted is None or wanted > known)
