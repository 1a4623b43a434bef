"""Whether a change could lose more than what is there now: only what cannot goes out whatever is held up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from accounts.models import Position
from brokers.adapters.messages import ENTRY
from trading.models import Order


def risks_more(before: Order, after: Order) -> bool:
    """More lots, another price to enter at, or a stop or trail that is gone or farther away."""
    if before.reduces:
        return False
    if after.lots > before.lots or any(getattr(before, n) != getattr(after, n) for n in ENTRY):
        return True
    if _is_wider(before.trail, after.trail):
        return True
    return _is_farther(before.side, before.stop_loss, after.stop_loss)


def may_lose_more(position: Position, stops: Mapping[str, Decimal | None]) -> bool:
    """Whether its stop or trail goes or goes farther away.

    Before the first look at it, or where its trades differ, nobody knows what it has.
    """
    if position.mark_at is None or position.stops_differ:
        return "stop_loss" in stops or "trail" in stops
    stop = stops.get("stop_loss", position.stop_loss)
    trail = stops.get("trail", position.trailing_distance)
    return _is_farther(position.side, position.stop_loss, stop) or _is_wider(
        position.trailing_distance, trail
    )


def comes_nearer(position: Position, name: str, wanted: Decimal | None) -> bool:
    """Whether the position has such a stop or trail, and this one is no farther away."""
    known = {"stop_loss": position.stop_loss, "trail": position.trailing_distance}.get(name)
    return known is not None and not may_lose_more(position, {name: wanted})


def _is_farther(side: str, known: Decimal | None, wanted: Decimal | None) -> bool:
    """Whether the stop of that side would let more be lost than the one that is known."""
    if known is None or known == wanted:
        return False
    return wanted is None or (wanted < known if side == Order.Side.BUY else wanted > known)


def _is_wider(known: Decimal | None, wanted: Decimal | None) -> bool:
    """Whether a stop that follows at that distance would follow farther away, or not at all."""
    return known is not None and (wanted is None or wanted > known)
