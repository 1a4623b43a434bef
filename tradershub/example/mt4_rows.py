"""What one MT4 ticket looks like: closed, open, or pending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tradershub.example import worth
from tradershub.example.market import CONTRACTS, Market
from tradershub.example.mt4_report import TicketRow
from tradershub.example.records import BUY, Account, Exit, PendingOrder, Trade


@dataclass(slots=True)
class Leg:
    """The part of a trade that one ticket closes.

    end: None while it is open to the last. rest: the lots of the tickets that follow in the chain;
    until its end this ticket holds them too. ticket: given later.
    """

    trade: Trade
    index: int
    born_at: datetime
    lots: Decimal
    rest: Decimal
    end: Exit | None
    ticket: int = 0

    def lives(self, at: datetime) -> bool:
        """True while the ticket is an open trade."""
        begun = self.born_at <= at and self.trade.opened_at <= at
        return begun and (self.end is None or at < self.end.at)


def legs_of(trade: Trade) -> list[Leg]:
    """The trade as a chain of tickets, in order."""
    legs: list[Leg] = []
    born = trade.waited_from or trade.opened_at
    left = trade.lots
    for index, end in enumerate(trade.exits):
        left -= end.lots
        legs.append(Leg(trade, index, born, end.lots, left, end))
        born = end.at
    if left:
        legs.append(Leg(trade, len(legs), born, left, Decimal(0), None))
    return legs


class Rows:
    """Builds the rows of one account."""

    def __init__(self, market: Market, account: Account) -> None:
        self._market = market
        self._account = account

    def closed(self, chain: list[Leg], leg: Leg, end: Exit) -> TicketRow:
        """A closed ticket; the title says what closed it and how it is chained."""
        mark = f"[{end.reason}]" if end.reason else ""
        comment = _link(chain, leg, end.at) + mark
        return self._row(leg, leg.lots, at=end.at, price=end.price, done_at=end.at, comment=comment)

    def opened(self, chain: list[Leg], leg: Leg, at: datetime) -> TicketRow:
        """An open ticket, marked at the side that would close it."""
        name = leg.trade.name
        closing = self._market.bid if leg.trade.side == BUY else self._market.ask
        comment = _link(chain, leg, at)
        lots = leg.lots + leg.rest
        return self._row(leg, lots, at=at, price=closing(name, at), done_at=None, comment=comment)

    def waiting(self, leg: Leg, at: datetime) -> TicketRow:
        """A pending order that will be filled later than `at`."""
        trade = leg.trade
        return TicketRow(
            ticket=leg.ticket,
            opened_at=leg.born_at,
            type=trade.order_type,
            lots=trade.lots,
            symbol=self._account.symbols[trade.name],
            digits=CONTRACTS[trade.name].digits,
            price=trade.price,
            stop_loss=trade.stop_loss,
            take_profit=trade.take_profit,
            done_at=None,
            done_price=self._market.bid(trade.name, at),
        )

    def pending(self, order: PendingOrder, ticket: int, at: datetime) -> TicketRow:
        """A pending order that was never filled, as it stands at a moment."""
        done_at = order.done_at if order.done_at and order.done_at <= at else None
        note = _ending(order, done_at) if done_at else ""
        return TicketRow(
            ticket=ticket,
            opened_at=order.placed_at,
            type=order.type,
            lots=order.lots,
            symbol=self._account.symbols[order.name],
            digits=CONTRACTS[order.name].digits,
            price=order.price,
            stop_loss=order.stop_loss,
            take_profit=order.take_profit,
            done_at=done_at,
            done_price=self._market.bid(order.name, done_at or at),
            comment=note,
            note=note,
        )

    def margin(self, leg: Leg, at: datetime) -> Decimal:
        """What an open ticket binds."""
        return worth.margin(
            self._market,
            name=leg.trade.name,
            lots=leg.lots + leg.rest,
            price=leg.trade.price,
            at=at,
            currency=self._account.currency,
            leverage=self._account.leverage,
        )

    def _row(
        self,
        leg: Leg,
        lots: Decimal,
        *,
        at: datetime,
        price: Decimal,
        done_at: datetime | None,
        comment: str,
    ) -> TicketRow:
        trade, currency = leg.trade, self._account.currency
        return TicketRow(
            ticket=leg.ticket,
            opened_at=trade.opened_at,
            type=trade.side,
            lots=lots,
            symbol=self._account.symbols[trade.name],
            digits=CONTRACTS[trade.name].digits,
            price=trade.price,
            stop_loss=trade.stop_loss,
            take_profit=trade.take_profit,
            done_at=done_at,
            done_price=price,
            commission=worth.commission(2 * lots, self._account.commission, currency),
            swap=self._swap(trade, lots, at),
            profit=self._profit(trade, lots, price, at),
            comment=comment,
            magic=trade.magic,
        )

    def _swap(self, trade: Trade, lots: Decimal, at: datetime) -> Decimal:
        return worth.swap(
            self._market,
            name=trade.name,
            side=trade.side,
            lots=lots,
            start=trade.opened_at,
            end=at,
            currency=self._account.currency,
        )

    def _profit(self, trade: Trade, lots: Decimal, price: Decimal, at: datetime) -> Decimal:
        return worth.profit(
            self._market,
            name=trade.name,
            side=trade.side,
            lots=lots,
            opened=trade.price,
            closed=price,
            at=at,
            currency=self._account.currency,
        )


def _ending(order: PendingOrder, at: datetime) -> str:
    return f"expiration [{at:%Y.%m.%d %H:%M}]" if order.state == "expired" else "cancelled"


def _link(chain: list[Leg], leg: Leg, at: datetime) -> str:
    """What the comment says about the tickets before and after this one, as known at a moment."""
    after = chain[leg.index + 1 : leg.index + 2]
    if after and after[0].born_at <= at:
        return f"to #{after[0].ticket}"
    if leg.index:
        return f"from #{chain[leg.index - 1].ticket}"
    return leg.trade.comment
