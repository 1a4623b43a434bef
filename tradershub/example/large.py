"""One very large MT5 report, for measuring how fast a reader is.

Quick to make, and as consistent as the small ones.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tradershub.example import clock, mt5_html, mt5_xlsx
from tradershub.example.mt5_records import block
from tradershub.example.mt5_report import (
    DealRow,
    OpenRow,
    OrderRow,
    PositionRow,
    Report,
    Summary,
)
from tradershub.example.records import BUY, SELL, ZERO, Account, opposite

SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD")
CENT = Decimal("0.01")
CONTRACT = 100_000
DEPOSIT = Decimal(1_000_000)
ACCOUNT = Account(
    number=70012345,
    holder="Alex Morgan",
    company="Northgate Markets Ltd",
    server="NorthgateMarkets-Live 2",
    currency="USD",
    leverage=100,
    symbols={name: name for name in SYMBOLS},
)


def write_large_mt5(
    path: Path, *, deals: int = 100_000, format: str = "xlsx", seed: int = 7, days: int = 1000
) -> Path:
    """Write a hedging account's report with exactly this many deals, the first a deposit.

    format: "xlsx" or "html", as the terminal encodes them. Fewer deals than 2 or another format
    raises ValueError.
    """
    if deals < 2:
        raise ValueError(f"deals was {deals}, expected at least 2")
    writers = {"xlsx": mt5_xlsx.write, "html": mt5_html.write}
    if format not in writers:
        raise ValueError(f"format was {format!r}, expected one of {', '.join(writers)}")
    return writers[format](large_report(deals=deals, seed=seed, days=days), path)


def large_report(*, deals: int, seed: int, days: int) -> Report:
    """A deposit, pairs of an entry and an exit, and with an even number an open position."""
    pairs, left = divmod(deals - 1, 2)
    maker = _Maker(random.Random(seed), days=days, trades=pairs + left)
    for number in range(pairs):
        maker.trade(number)
    if left:
        maker.leave_open(pairs)
    return maker.report()


class _Maker:
    """Grows the report trade by trade; each ends before the next begins."""

    def __init__(self, rng: random.Random, *, days: int, trades: int) -> None:
        first = date(2022, 1, 3)
        self._rng = rng
        self._days = clock.working_days(first, first + timedelta(days=days))
        self._trades = trades
        self._ticket = 100_000_000
        self._points = {name: 100_000 + 10_000 * index for index, name in enumerate(SYMBOLS)}
        self._balance = DEPOSIT
        self._now = clock.server_time(self._days[0], 1)
        self._deals = [self._deposit()]
        self._orders: list[OrderRow] = []
        self._positions: list[PositionRow] = []
        self._open: list[OpenRow] = []

    def _deposit(self) -> DealRow:
        return DealRow(
            at=self._now,
            ticket=self._next_ticket(),
            type="balance",
            profit=DEPOSIT,
            balance=DEPOSIT,
            comment="Deposit",
        )

    def _next_ticket(self) -> int:
        self._ticket += self._rng.randint(1, 9)
        return self._ticket

    def _moment(self, number: float) -> datetime:
        """When the trade of this number begins; a half is when it ends."""
        place = number / max(self._trades, 1) * len(self._days)
        day = min(int(place), len(self._days) - 1)
        return clock.server_time(self._days[day], 10 + (place - int(place)) * 1400)

    def _price(self, symbol: str) -> Decimal:
        points = self._points[symbol] + self._rng.randint(-60, 60)
        self._points[symbol] = max(points, 60_000)
        return Decimal(self._points[symbol]).scaleb(-5)

    def _enter(self, number: int) -> DealRow:
        self._now = self._moment(number)
        symbol = SYMBOLS[number % len(SYMBOLS)]
        side = self._rng.choice((BUY, SELL))
        lots = Decimal(self._rng.randint(1, 200)).scaleb(-2)
        return self._book(symbol, side, lots, "in", self._price(symbol))

    def trade(self, number: int) -> None:
        """One round trip: two orders, two deals, one position."""
        entry = self._enter(number)
        lots, opened = entry.lots or ZERO, entry.price or ZERO
        self._now = self._moment(number + 0.5)
        price = self._price(entry.symbol)
        profit = _profit(entry.type, lots, opened, price)
        out = self._book(entry.symbol, opposite(entry.type), lots, "out", price, profit)
        row = PositionRow(
            opened_at=entry.at,
            ticket=entry.order or 0,
            symbol=entry.symbol,
            side=entry.type,
            lots=lots,
            price=opened,
            stop_loss=None,
            take_profit=None,
            closed_at=out.at,
            close_price=price,
            commission=entry.commission + out.commission,
            swap=out.swap,
            profit=profit,
        )
        self._positions.append(row)

    def leave_open(self, number: int) -> None:
        """An entry without an exit, marked at the last price."""
        entry = self._enter(number)
        lots, opened = entry.lots or ZERO, entry.price or ZERO
        market = self._price(entry.symbol)
        row = OpenRow(
            opened_at=entry.at,
            ticket=entry.order or 0,
            symbol=entry.symbol,
            side=entry.type,
            lots=lots,
            price=opened,
            stop_loss=None,
            take_profit=None,
            market_price=market,
            swap=ZERO,
            profit=_profit(entry.type, lots, opened, market),
        )
        self._open.append(row)

    def _book(
        self,
        symbol: str,
        side: str,
        lots: Decimal,
        entry: str,
        price: Decimal,
        profit: Decimal = ZERO,
    ) -> DealRow:
        order = self._next_ticket()
        self._orders.append(_order(self._now, order, symbol, side, lots))
        commission = -(lots * 3).quantize(CENT)
        swap = Decimal(self._rng.randint(-300, 60)).scaleb(-2) if entry == "out" else ZERO
        self._balance += profit + commission + swap
        row = DealRow(
            at=self._now,
            ticket=self._next_ticket(),
            type=side,
            profit=profit,
            balance=self._balance,
            symbol=symbol,
            entry=entry,
            lots=lots,
            price=price,
            order=order,
            commission=commission,
            swap=swap,
            position_side=opposite(side) if entry == "out" else "",
        )
        self._deals.append(row)
        return row

    def report(self) -> Report:
        """Everything that was traded."""
        floating = sum((row.profit for row in self._open), ZERO)
        margin = sum((row.lots * row.price * CONTRACT / 100 for row in self._open), ZERO)
        return Report(
            account=ACCOUNT,
            printed_at=self._now + timedelta(hours=1),
            summary=Summary(
                self._balance, ZERO, floating, self._balance + floating, margin.quantize(CENT)
            ),
            results=block(self._deals, ACCOUNT.currency),
            positions=self._positions,
            orders=self._orders,
            deals=self._deals,
            open_positions=self._open,
        )


def _profit(side: str, lots: Decimal, opened: Decimal, closed: Decimal) -> Decimal:
    move = closed - opened if side == BUY else opened - closed
    return (move * lots * CONTRACT).quantize(CENT)


def _order(at: datetime, ticket: int, symbol: str, side: str, lots: Decimal) -> OrderRow:
    return OrderRow(
        placed_at=at,
        ticket=ticket,
        symbol=symbol,
        type=side,
        lots=lots,
        filled=lots,
        price=None,
        stop_loss=None,
        take_profit=None,
        done_at=at,
        state="filled",
    )
