"""A year of MT5 records with its tickets, and the reports that can be exported from it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

from tradershub.example import results
from tradershub.example.fills import Fill
from tradershub.example.market import MARKS, Market
from tradershub.example.mt5_book import Book
from tradershub.example.mt5_report import DealRow, OrderRow, Report, Summary
from tradershub.example.records import ZERO, CashFlow, History, PendingOrder


def number(history: History, fills: list[Fill], rng: random.Random) -> dict[int, int]:
    """Give every order and deal its ticket, in order of time; return those of all rows by id().

    Tickets of one server rise with time, and other people's trades lie between ours.
    """
    tickets: dict[int, int] = {}
    placed: list[Fill | PendingOrder] = sorted(
        [*fills, *history.pending], key=lambda order: order.placed_at
    )
    ticket = rng.randrange(41_000_000, 88_000_000)
    for order in placed:
        ticket += rng.randint(3, 4_000)
        tickets[id(order)] = ticket
        if isinstance(order, Fill):
            order.order = ticket
    booked: list[Fill | CashFlow] = sorted([*fills, *history.flows], key=lambda row: row.at)
    ticket -= rng.randrange(9_000_000, 12_000_000)
    for row in booked:
        ticket += rng.randint(2, 3_000)
        tickets[id(row)] = ticket
        if isinstance(row, Fill):
            row.deal = ticket
    return tickets


class Records:
    """An account's whole year with its tickets; equal rows stay equal in every report."""

    def __init__(
        self, market: Market, history: History, fills: list[Fill], rng: random.Random
    ) -> None:
        self._market = market
        self._history = history
        self._fills = fills
        self._tickets = number(history, fills, rng)

    def report(self, at: datetime, since: datetime | None = None) -> Report:
        """The report as exported at a moment; since: only what was done from then on."""
        book = Book(self._market, self._history)
        rows: list[Fill | CashFlow] = [*self._fills, *self._history.flows]
        for row in sorted(rows, key=lambda row: row.at):
            if row.at <= at:
                self._feed(book, row)
        lapsed = [self._pending_row(order, at) for order in self._history.pending]
        book.orders += [row for row in lapsed if row.done_at and row.done_at <= at]
        working = [row for row in lapsed if row.placed_at <= at and row.state == "placed"]
        working += self._not_yet_filled(at)
        return self._cut(book, at, since, working)

    def _feed(self, book: Book, row: Fill | CashFlow) -> None:
        if isinstance(row, Fill):
            book.fill(row)
        else:
            book.flow(row, self._tickets[id(row)])

    def _not_yet_filled(self, at: datetime) -> list[OrderRow]:
        waiting = (
            fill for fill in self._fills if fill.order_price and fill.placed_at <= at < fill.at
        )
        return [self._working_row(fill, at) for fill in waiting]

    def _working_row(self, fill: Fill, at: datetime) -> OrderRow:
        return OrderRow(
            placed_at=fill.placed_at,
            ticket=fill.order,
            symbol=self._history.account.symbols[fill.name],
            type=fill.type,
            lots=fill.lots,
            filled=ZERO,
            price=fill.order_price,
            stop_loss=fill.stop_loss,
            take_profit=fill.take_profit,
            done_at=None,
            state="placed",
            comment=fill.comment,
            market_price=self._market.bid(fill.name, at),
        )

    def _pending_row(self, order: PendingOrder, at: datetime) -> OrderRow:
        working = order.done_at is None or order.done_at > at
        return OrderRow(
            placed_at=order.placed_at,
            ticket=self._tickets[id(order)],
            symbol=self._history.account.symbols[order.name],
            type=order.type,
            lots=order.lots,
            filled=ZERO,
            price=order.price,
            stop_loss=order.stop_loss,
            take_profit=order.take_profit,
            done_at=order.done_at,
            state="placed" if working else order.state,
            comment=order.comment,
            market_price=self._market.bid(order.name, at) if working else None,
        )

    def _cut(
        self, book: Book, at: datetime, since: datetime | None, working: list[OrderRow]
    ) -> Report:
        opened, margin = book.open_rows(at)
        begin = since or min(deal.at for deal in book.deals)
        deals = [deal for deal in book.deals if deal.at >= begin]
        orders = [order for order in book.orders if order.done_at and order.done_at >= begin]
        balance = deals[-1].balance - book.credit
        floating = sum((row.profit for row in opened), ZERO)
        swap = sum((row.swap for row in opened), ZERO)
        return Report(
            account=self._history.account,
            printed_at=at,
            summary=Summary(
                balance, book.credit, floating, balance + book.credit + floating + swap, margin
            ),
            results=block(deals, self._history.account.currency),
            positions=sorted(
                (row for row in book.positions if row.closed_at >= begin),
                key=lambda row: (row.opened_at, row.ticket),
            ),
            orders=sorted(orders, key=lambda row: (row.placed_at, row.ticket)),
            deals=deals,
            open_positions=opened,
            working=[replace(row, done_at=None) for row in working],
        )


def block(deals: list[DealRow], currency: str) -> results.Results:
    """The statistics of these deals; the curve starts at the first balance they show."""
    outcomes = [results.Outcome(deal.amount, deal.position_side) for deal in deals if deal.is_trade]
    first = deals[0]
    start = first.balance - (first.amount if first.is_trade else ZERO)
    return results.compute(outcomes, start=start, digits=str(MARKS.get(currency, "0.01")))
