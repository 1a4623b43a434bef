"""What was closed, and what it brought."""

from __future__ import annotations

from functools import partial

from accounts import history
from brokers.rate_table import RateTable
from tradershub.core import formats
from tradershub.finance.decimals import HUNDRED, ZERO
from tradershub.reports import book_tables
from tradershub.reports.base import (
    ACCOUNTS,
    BROKER,
    CURRENCY,
    PERIOD,
    SYMBOL,
    Chart,
    Content,
    Figure,
    Report,
    Series,
    pnl_figure,
)
from tradershub.reports.parts import no_accounts, provisional


class ClosedTrades(Report):
    title = "What did my closed trades bring?"
    group = "Trading"
    description = "Net, hit rate and every closed trade, with the sum as it grew."
    uses = (ACCOUNTS, BROKER, SYMBOL, PERIOD, CURRENCY)

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("your closed trades and what they brought")
        period = self.filters.period
        booked = history.trade_days(
            self.filters.account_ids,
            start=period.start,
            end=period.end,
            symbol_ids=self.filters.symbol_ids if self.filters.symbol else None,
        )
        days = self._converted(booked)
        narrowed = self.filters.moments("closed_at") & self.filters.symbols()
        table = book_tables.closed_trades_table(
            self.filters.accounts, narrowed, quick_totals=partial(book_tables.day_totals, booked)
        )
        return Content(
            figures=self._figures(days) if days else (),
            charts=[self._chart(days)] if len(days) > 1 else (),
            tables=[table],
        )

    def _converted(self, days: list[history.TradeDay]) -> list[history.TradeDay]:
        """The days in the page's currency at each day's rate; without a rate they are left out."""
        code = self.filters.currency
        self.left_out = {day.currency for day in days}
        if not days:
            return []
        rates = RateTable({*self.left_out, code}, start=days[0].day, end=days[-1].day)
        found = []
        for one in days:
            rate = rates.rate(one.currency, code, one.day)
            if rate is not None:
                self.left_out.discard(one.currency)
                found.append(one.times(rate.value, code))
        return found

    def _figures(self, days: list[history.TradeDay]) -> list[Figure]:
        code = self.filters.currency
        n, wins = sum(one.closings for one in days), sum(one.wins for one in days)
        losses = sum(one.losses for one in days)
        net = sum((one.net for one in days), ZERO)
        won = sum((one.gross_profit for one in days), ZERO)
        lost = sum((one.gross_loss for one in days), ZERO)
        costs = sum((one.swap + one.costs for one in days), ZERO)
        rate = HUNDRED * wins / n if n else None
        basis = self._basis(n, days)
        return [
            pnl_figure(
                "Net profit",
                net,
                code,
                lead=True,
                mark=provisional(self.filters.account_ids),
                why=f"Profit + swap + commission + fee + tax of all deals of trades.\n{basis}",
            ),
            Figure(
                "Closed trades",
                formats.number(n, 0),
                note=f"{formats.number(wins, 0)} won, {formats.number(losses, 0)} lost",
                why=f"Each closing deal is one, as MetaTrader counts.\n{basis}",
            ),
            Figure("Won", formats.percent(rate, 1), why=f"Won ÷ closed = {wins} ÷ {n}"),
            Figure(
                "Profit factor",
                formats.number(won / -lost if lost else None, 2),
                why=f"Gross profit ÷ gross loss = {formats.money(won, code)} ÷ {formats.money(-lost, code)}"
                if lost
                else "No trade lost: there is nothing to divide by.",
            ),
            pnl_figure("Per trade", net / n if n else None, code, why=f"Net profit ÷ {n}"),
            pnl_figure("Swap and commission", costs, code, why=f"Part of the net profit.\n{basis}"),
        ]

    def _basis(self, n: int, days: list[history.TradeDay]) -> str:
        first, last = days[0].day, days[-1].day
        basis = f"n = {n}, {first} to {last}; other currencies at each day's ECB rate."
        if self.left_out:
            basis += f"\nLeft out for want of a rate: {', '.join(sorted(self.left_out))}."
        return basis

    def _chart(self, days: list[history.TradeDay]) -> Chart:
        total, points = ZERO, {}
        for one in days:
            total += one.net
            points[one.day.isoformat()] = total
        code = self.filters.currency
        series = [Series("Net profit so far", "balance", list(points.items()), style="steps")]
        digits = formats.currency_digits(code)
        return Chart(
            "net", "Net profit as it grew", series, code, digits, zooms=True, table="trades"
        )
