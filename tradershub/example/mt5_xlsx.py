"""Writes an MT5 trade history report as the terminal's XLSX.

Ids, prices and amounts are numbers; times and volumes are text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from tradershub.example.clock import stamp
from tradershub.example.labels import ENGLISH
from tradershub.example.mt5_layout import (
    Value,
    account_line,
    digits_of,
    printed,
    results_grid,
    volume,
)
from tradershub.example.mt5_report import DealRow, OpenRow, OrderRow, PositionRow, Report
from tradershub.example.records import ZERO
from tradershub.example.xlsx import Cell, Number, Row, Workbook

Labels = Mapping[str, str]
CHART_ROWS = 20


def write(
    report: Report, path: Path, *, labels: Labels = ENGLISH, encoding: str = "utf-16-le"
) -> Path:
    """Write the report.

    encoding "utf-16-le" is the terminal's; "utf-8" is what a spreadsheet program saves.
    """
    book = Workbook(path, written_at=report.printed_at, encoding=encoding)
    book.write(_Sheet(report, labels).rows())
    return path


class _Sheet:
    """Lays the report out row by row; counts them, because the totals are formulas over them."""

    def __init__(self, report: Report, labels: Labels) -> None:
        self._report = report
        self._labels = labels
        self._money = str(digits_of(report.account.currency))
        self._number = 0

    def rows(self) -> Iterator[Row]:
        """All rows in order."""
        for row in self._parts():
            self._number += 1
            yield row

    def _parts(self) -> Iterator[Row]:
        yield from self._header()
        yield from self._positions()
        yield from self._orders()
        yield from self._deals()
        if self._report.open_positions:
            yield from self._open_positions()
        if self._report.working:
            yield from self._working()
        yield from self._summary()
        yield from ((),) * CHART_ROWS
        yield from self._results()

    def _header(self) -> Iterator[Row]:
        account = self._report.account
        yield (self._labels["title"],)
        values = (
            ("name", account.holder),
            ("account", account_line(account)),
            ("company", account.company),
            ("date", f"{self._report.printed_at:%Y.%m.%d %H:%M}"),
        )
        for key, value in values:
            yield (printed(self._labels, key), None, None, value)

    def _named(self, keys: str) -> Row:
        """Headings; a dash leaves a column empty."""
        return [None if key == "-" else self._labels[key] for key in keys.split()]

    def _amount(self, value: Decimal, formula: str = "") -> Number:
        return Number(value + 0, self._money, formula)

    def _amounts(self, values: Iterable[Decimal]) -> Iterator[Number]:
        return (self._amount(value) for value in values)

    def _positions(self) -> Iterator[Row]:
        yield (self._labels["positions"],)
        yield self._named(
            "time position symbol type volume price sl tp time price commission swap profit"
        )
        yield from map(self._position, self._report.positions)

    def _position(self, row: PositionRow) -> Row:
        return (
            stamp(row.opened_at),
            Number(row.ticket, "id"),
            row.symbol,
            row.side,
            volume(row.lots),
            _price(row.price),
            _price(row.stop_loss),
            _price(row.take_profit),
            stamp(row.closed_at),
            _price(row.close_price),
            *self._amounts((row.commission, row.swap, row.profit)),
        )

    def _orders(self) -> Iterator[Row]:
        yield (self._labels["orders"],)
        yield self._named("open_time order symbol type volume price sl tp time state - comment")
        for row in self._report.orders:
            yield _order(row, _time(row.done_at))

    def _deals(self) -> Iterator[Row]:
        rows = self._report.deals
        yield (self._labels["deals"],)
        yield self._named(
            "time deal symbol type direction volume price order commission fee swap profit balance "
            "comment"
        )
        first = self._number + 1
        yield from map(self._deal, rows)
        last = first + len(rows) - 1
        sums = (
            ("I", sum((row.commission for row in rows), ZERO)),
            ("J", sum((row.fee for row in rows), ZERO)),
            ("K", sum((row.swap for row in rows), ZERO)),
        )
        formulas = (
            self._amount(total, f"SUM(Sheet1!{column}{first}:{column}{last})")
            for column, total in sums
        )
        profit = sum((row.profit for row in rows), ZERO)
        balance = rows[-1].balance if rows else ZERO
        yield (*(None,) * 8, *formulas, self._amount(profit), self._amount(balance))

    def _deal(self, row: DealRow) -> Row:
        return (
            stamp(row.at),
            Number(row.ticket, "id"),
            row.symbol or None,
            row.type,
            row.entry or None,
            volume(row.lots) if row.lots else None,
            _price(row.price),
            Number(row.order, "id") if row.order else None,
            *self._amounts((row.commission, row.fee, row.swap, row.profit, row.balance)),
            row.comment or None,
        )

    def _open_positions(self) -> Iterator[Row]:
        rows = self._report.open_positions
        yield (self._labels["open_positions"],)
        yield self._named(
            "time position symbol type volume price sl tp market_price swap - profit comment"
        )
        yield from map(self._open, rows)
        swap = sum((row.swap for row in rows), ZERO)
        profit = sum((row.profit for row in rows), ZERO)
        yield (*(None,) * 10, self._amount(swap), self._amount(profit))

    def _open(self, row: OpenRow) -> Row:
        return (
            stamp(row.opened_at),
            Number(row.ticket, "id"),
            row.symbol,
            row.side,
            volume(row.lots),
            _price(row.price),
            _price(row.stop_loss),
            _price(row.take_profit),
            _price(row.market_price),
            self._amount(row.swap),
            None,
            self._amount(row.profit),
            row.comment or None,
        )

    def _working(self) -> Iterator[Row]:
        yield (self._labels["working_orders"],)
        yield self._named(
            "open_time order symbol type volume price sl tp market_price state - comment"
        )
        for row in self._report.working:
            yield _order(row, _price(row.market_price))

    def _summary(self) -> Iterator[Row]:
        summary = self._report.summary
        level = summary.equity / summary.margin if summary.margin else None
        lines = (
            ("balance", summary.balance, "free_margin", self._amount(summary.free_margin)),
            ("credit", summary.credit, "margin", self._amount(summary.margin)),
            ("floating", summary.floating, "margin_level", _level(level)),
            ("equity", summary.equity, "", None),
        )
        for left, amount, right, cell in lines:
            label = printed(self._labels, left)
            other = printed(self._labels, right) or None
            gap: Row = (None, None)
            yield (label, *gap, self._amount(amount), *gap, other, *gap, cell)

    def _results(self) -> Iterator[Row]:
        yield (self._labels["results"],)
        for row in results_grid(self._report.results, self._report.account.currency):
            if row is None:
                continue
            cells: list[Cell] = []
            for (key, value), width in zip(row, (4, 4, 4), strict=False):
                gap = (None,) * (width - 2)
                label = printed(self._labels, key) or None
                cells += [label, *gap, self._result(value) if key else None]
            yield cells

    def _result(self, value: Value) -> Cell:
        if isinstance(value, int):
            return Number(value, "0")
        if isinstance(value, str):
            return value or None
        return Number(value, str(max(-int(value.as_tuple().exponent), int(self._money))))


def _order(row: OrderRow, middle: Cell) -> Row:
    return (
        stamp(row.placed_at),
        Number(row.ticket, "id"),
        row.symbol,
        row.type,
        f"{volume(row.lots)} / {volume(row.filled)}",
        _price(row.price) or "market",
        _price(row.stop_loss),
        _price(row.take_profit),
        middle,
        row.state,
        None,
        row.comment or None,
    )


def _time(at: datetime | None) -> str | None:
    return stamp(at) if at else None


def _price(price: Decimal | None) -> Number | None:
    if price is None:
        return None
    return Number(price, str(-int(price.as_tuple().exponent)))


def _level(level: Decimal | None) -> Number | None:
    """The margin level as a fraction, with a percent format."""
    return None if level is None else Number(round(level, 6), "percent")
