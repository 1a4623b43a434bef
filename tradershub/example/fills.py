"""Executions: what the trader decided, before the broker counts it as positions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tradershub.example.records import Exit, History, Trade, opposite


@dataclass(slots=True)
class Fill:
    """An order that was filled at once and whole.

    key: the holding it changes. order_price: None for a market order. type: the order's type word.
    order and deal: tickets, given later.
    """

    key: str
    name: str
    side: str
    lots: Decimal
    price: Decimal
    at: datetime
    placed_at: datetime
    type: str
    order_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    comment: str = ""
    order: int = 0
    deal: int = 0


def _opening(key: str, trade: Trade) -> Fill:
    return Fill(
        key=key,
        name=trade.name,
        side=trade.side,
        lots=trade.lots,
        price=trade.price,
        at=trade.opened_at,
        placed_at=trade.waited_from or trade.opened_at - timedelta(seconds=1),
        type=trade.order_type or trade.side,
        order_price=trade.price if trade.order_type else None,
        stop_loss=trade.stop_loss,
        take_profit=trade.take_profit,
        comment=trade.comment,
    )


def _closing(key: str, trade: Trade, end: Exit) -> Fill:
    level = {"sl": trade.stop_loss, "tp": trade.take_profit}.get(end.reason)
    return Fill(
        key=key,
        name=trade.name,
        side=opposite(trade.side),
        lots=end.lots,
        price=end.price,
        at=end.at,
        placed_at=end.at if level else end.at - timedelta(seconds=1),
        type=opposite(trade.side),
        order_price=level,
        comment=f"[{end.reason} {level}]" if level else "",
    )


def of_history(history: History) -> list[Fill]:
    """The executions of a hedging account, each trade a holding of its own, in order of time."""
    fills: list[Fill] = []
    for number, trade in enumerate(history.trades):
        key = str(number)
        fills.append(_opening(key, trade))
        fills.extend(_closing(key, trade, end) for end in trade.exits)
    return sorted(fills, key=lambda fill: fill.at)
