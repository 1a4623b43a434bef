"""A year of MT4 tickets and the statements that can be exported from it.

A partial close ends the ticket and opens another one for the rest, with the same opening time and
price: the comments `to #N` and `from #N` chain them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from tradershub.example.market import MARKS, Market
from tradershub.example.mt4_report import FlowRow, Mt4Report, TicketRow
from tradershub.example.mt4_rows import Leg, Rows, legs_of
from tradershub.example.records import ZERO, CashFlow, History, PendingOrder
from tradershub.example.results import Outcome, Results, compute


class Mt4Records:
    """An account's whole year with its tickets; equal rows stay equal in every statement."""

    def __init__(self, market: Market, history: History, rng: random.Random) -> None:
        self._history = history
        self._rows = Rows(market, history.account)
        self._chains = [legs_of(trade) for trade in history.trades]
        self._flows: list[FlowRow] = []
        self._pending: list[tuple[PendingOrder, int]] = []
        self._number(rng)
        self._closed = list(self._closed_rows())

    def _number(self, rng: random.Random) -> None:
        """Tickets rise with time, and other people's lie between ours."""
        born: list[tuple[datetime, Leg | PendingOrder | CashFlow]] = [
            *((leg.born_at, leg) for chain in self._chains for leg in chain),
            *((order.placed_at, order) for order in self._history.pending),
            *((flow.at, flow) for flow in self._history.flows),
        ]
        ticket = rng.randrange(30_000_000, 99_000_000)
        for _, row in sorted(born, key=lambda pair: pair[0]):
            ticket += rng.randint(2, 5_000)
            if isinstance(row, Leg):
                row.ticket = ticket
            elif isinstance(row, PendingOrder):
                self._pending.append((row, ticket))
            else:
                self._flows.append(FlowRow(ticket, row))

    def _closed_rows(self) -> Iterator[tuple[datetime, TicketRow]]:
        for chain in self._chains:
            for leg in chain:
                if leg.end:
                    yield leg.end.at, self._rows.closed(chain, leg, leg.end)

    def report(self, at: datetime, since: datetime | None = None) -> Mt4Report:
        """The statement as exported at a moment; since: only what was closed from then on."""
        begin = since or self._flows[0].flow.at
        closed = [row for done_at, row in self._closed if begin <= done_at <= at]
        flows = [row for row in self._flows if begin <= row.flow.at <= at]
        opened = [(chain, leg) for chain in self._chains for leg in chain if leg.lives(at)]
        open_rows = [self._rows.opened(chain, leg, at) for chain, leg in opened]
        lapsed, working = self._orders(begin, at)
        return Mt4Report(
            account=self._history.account,
            printed_at=at,
            flows=sum((row.flow.amount for row in flows if row.flow.kind == "balance"), ZERO),
            credit=self._flowed(at, "credit"),
            closed_profit=sum((row.amount for row in closed), ZERO),
            floating=sum((row.amount for row in open_rows), ZERO),
            margin=sum((self._rows.margin(leg, at) for _, leg in opened), ZERO),
            balance=self._balance(at),
            results=self._results(closed, begin),
            closed=sorted([*closed, *lapsed, *flows], key=_order_of_opening),
            open_trades=open_rows,
            working=working,
        )

    def _orders(self, begin: datetime, at: datetime) -> tuple[list[TicketRow], list[TicketRow]]:
        """Pending orders that ended in the period, and those that still work at its end."""
        placed = [(order, ticket) for order, ticket in self._pending if order.placed_at <= at]
        rows = [self._rows.pending(order, ticket, at) for order, ticket in placed]
        lapsed = [row for row in rows if row.done_at and row.done_at >= begin]
        working = [row for row in rows if row.done_at is None]
        for chain in self._chains:
            leg = chain[0]
            if leg.trade.order_type and leg.born_at <= at < leg.trade.opened_at:
                working.append(self._rows.waiting(leg, at))
        return lapsed, working

    def _flowed(self, at: datetime, kind: str) -> Decimal:
        flows = self._history.flows
        return sum((flow.amount for flow in flows if flow.kind == kind and flow.at <= at), ZERO)

    def _balance(self, at: datetime) -> Decimal:
        earned = (row.amount for done_at, row in self._closed if done_at <= at)
        return self._flowed(at, "balance") + sum(earned, ZERO)

    def _results(self, closed: list[TicketRow], begin: datetime) -> Results:
        rows = sorted(closed, key=lambda row: (row.done_at or begin, row.ticket))
        outcomes = [Outcome(row.amount, row.type) for row in rows]
        digits = str(MARKS.get(self._history.account.currency, "0.01"))
        return compute(outcomes, start=self._balance(begin), digits=digits)


def _order_of_opening(row: TicketRow | FlowRow) -> tuple[datetime, int]:
    moment = row.flow.at if isinstance(row, FlowRow) else row.opened_at
    return moment, row.ticket
