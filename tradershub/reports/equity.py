"""How equity and balance developed, with deposits and withdrawals marked."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from accounts import history
from accounts.queries import booked_money
from brokers.rate_table import RateTable
from tradershub.core import formats
from tradershub.finance.decimals import ZERO
from tradershub.finance.trading_day import trading_day
from tradershub.reports import tables
from tradershub.reports.base import (
    ACCOUNTS,
    BROKER,
    CURRENCY,
    PERIOD,
    Chart,
    Content,
    Figure,
    Notice,
    Report,
    Series,
    flow_figure,
    money_figure,
    pnl_figure,
)
from tradershub.reports.parts import no_accounts, provisional
from tradershub.reports.tables import Column, ListRows, Row, Table


@dataclass(frozen=True, slots=True)
class DayPoint:
    """One day of the curve, in the currency of the page."""

    day: dt.date
    balance: Decimal
    net: Decimal
    deposits: Decimal
    withdrawals: Decimal


class EquityCurve(Report):
    title = "How did my balance and equity develop?"
    description = (
        "Balance by trading day, equity where a statement or quote stated it, deposits marked."
    )
    uses = (ACCOUNTS, BROKER, PERIOD, CURRENCY)

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("balance and equity of your accounts")
        ids = self.filters.account_ids
        start, end = self.filters.period.start, self.filters.period.end
        days = history.days_by_currency(ids, start=start, end=end)
        first = start or (days[0].day if days else self.filters.today)
        currencies = {account.currency for account in self.filters.accounts}
        rates = RateTable(
            {*currencies, self.filters.currency}, start=first, end=end or self.filters.today
        )
        opening = self._opening(start)
        points = curve(days, opening, rates=rates, currency=self.filters.currency, first=first)
        return self._content(points, self._equity(ids, points, rates), rates, currencies)

    def _opening(self, start: dt.date | None) -> dict[str, Decimal]:
        """Balances by currency before the period."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        if start:
            before = booked_money(self.filters.accounts, through=start - dt.timedelta(days=1))
            for account in self.filters.accounts:
                found[account.currency] += before[account.pk].balance
        return found

    def _equity(
        self, ids: list[int], points: list[DayPoint], rates: RateTable
    ) -> list[tuple[str, Decimal]]:
        """Balance plus what the marks of that day say is floating, one point a day that has marks."""
        accounts = {account.pk: account for account in self.filters.accounts}
        last: dict[tuple[dt.date, int], Decimal] = {}
        for mark in history.marks(ids, self.filters.moments("at")):
            broker = accounts[mark.account_id].broker
            day = trading_day(mark.at, zone=broker.zone, rollover=broker.rollover)
            last[day, mark.account_id] = mark.floating
        sums: dict[tuple[dt.date, str], Decimal] = defaultdict(Decimal)
        for (day, pk), floating in last.items():
            sums[day, accounts[pk].currency] += floating
        return stated_equity(points, self._converted(sums, rates))

    def _converted(
        self, sums: dict[tuple[dt.date, str], Decimal], rates: RateTable
    ) -> dict[dt.date, Decimal]:
        """By day, in the currency of the page."""
        found: dict[dt.date, Decimal] = defaultdict(Decimal)
        for (day, currency), amount in sums.items():
            found[day] += rates.convert(amount, currency, self.filters.currency, day) or ZERO
        return found

    def _content(
        self,
        points: list[DayPoint],
        equity: list[tuple[str, Decimal]],
        rates: RateTable,
        currencies: set[str],
    ) -> Content:
        code = self.filters.currency
        missing = sorted(
            one for one in currencies if rates.rate(one, code, self.filters.today) is None
        )
        notices = [
            Notice(f"No reference rate of {one} in {code}: its accounts are left out.", "warning")
            for one in missing
        ]
        if not points:
            return Content(notices=notices, empty="No deals in this period for these accounts.")
        return Content(
            notices=notices,
            figures=self._figures(points, equity),
            charts=[chart(points, equity, code)],
            tables=[self._table(points)],
        )

    def _figures(self, points: list[DayPoint], equity: list[tuple[str, Decimal]]) -> list[Figure]:
        code, n = self.filters.currency, len(points)
        closing = points[-1].balance
        net = sum((one.net for one in points), ZERO)
        flows = sum((one.deposits + one.withdrawals for one in points), ZERO)
        rule = f"{n} trading days to {points[-1].day}; other currencies at each day's ECB rate."
        mark = provisional(self.filters.account_ids)
        opening = points[0].balance - points[0].net - points[0].deposits - points[0].withdrawals
        return [
            money_figure("Balance at the end", closing, code, lead=True, why=rule, mark=mark),
            money_figure(
                "Equity last stated",
                equity[-1][1] if equity else None,
                code,
                note=f"on {equity[-1][0]}" if equity else "no statement or quote states it",
                why="Balance plus floating profit and open swap as a statement or quote stated them; "
                "accounts without a mark that day count with their balance.",
            ),
            pnl_figure(
                "Net of trades", net, code, why=f"Profit + swap + commission + fee + tax. {rule}"
            ),
            flow_figure("Deposits and withdrawals", flows, code, why=rule),
            *(
                [money_figure("Balance at the start", opening, code, why=rule)]
                if self.filters.period.start
                else []
            ),
        ]

    def _table(self, points: list[DayPoint]) -> Table:
        code = self.filters.currency
        rows: list[Row] = [
            {
                "day": one.day,
                "balance": one.balance,
                "net": one.net,
                "deposits": one.deposits,
                "withdrawals": one.withdrawals,
                "currency": code,
            }
            for one in points
        ]
        total = {
            key: sum((row[key] for row in rows), ZERO) for key in ("net", "deposits", "withdrawals")
        }
        columns = [
            Column("day", "Trading day", tables.DAY, main=True),
            Column("net", f"Net of trades, {code}", tables.PNL, main=True),
            Column("deposits", f"Deposits, {code}", tables.FLOW),
            Column("withdrawals", f"Withdrawals, {code}", tables.FLOW),
            Column("balance", f"Balance, {code}", tables.MONEY, main=True),
        ]
        return Table(
            "days",
            "Day by day",
            columns,
            ListRows(rows),
            order="-day",
            totals=[{**total, "currency": code}],
        )


def curve(
    days: Iterable[history.DayOfCurrency],
    opening: dict[str, Decimal],
    *,
    rates: RateTable,
    currency: str,
    first: dt.date,
) -> list[DayPoint]:
    """Balance of all currencies together on each day that changed any, at that day's rates.

    A currency without a rate is left out.
    """
    held = dict(opening)
    by_day: dict[dt.date, list[history.DayOfCurrency]] = defaultdict(list)
    for one in days:
        by_day[one.day].append(one)
    return [_point(day, by_day[day], held, rates, currency) for day in sorted(by_day)]


def _point(
    day: dt.date,
    changes: list[history.DayOfCurrency],
    held: dict[str, Decimal],
    rates: RateTable,
    currency: str,
) -> DayPoint:
    for one in changes:
        held[one.currency] = held.get(one.currency, ZERO) + one.balance

    def shown(amount: Decimal, code: str) -> Decimal:
        return rates.convert(amount, code, currency, day) or ZERO

    return DayPoint(
        day,
        sum((shown(amount, code) for code, amount in held.items()), ZERO),
        sum((shown(one.net, one.currency) for one in changes), ZERO),
        sum((shown(one.deposits, one.currency) for one in changes), ZERO),
        sum((shown(one.withdrawals, one.currency) for one in changes), ZERO),
    )


def stated_equity(
    points: list[DayPoint], floating: dict[dt.date, Decimal]
) -> list[tuple[str, Decimal]]:
    """The balance at the end of each of those days, and what was floating then."""
    days = [one.day for one in points]
    balances = [ZERO, *(one.balance for one in points)]
    return [
        (day.isoformat(), balances[bisect_right(days, day)] + floating[day])
        for day in sorted(floating)
    ]


def chart(points: list[DayPoint], equity: list[tuple[str, Decimal]], code: str) -> Chart:
    series = [
        Series(
            "Balance",
            "balance",
            [(one.day.isoformat(), one.balance) for one in points],
            style="steps",
        )
    ]
    if equity:
        series.append(Series("Equity as stated", "equity", equity, style="marks"))
    flows = [one for one in points if one.deposits or one.withdrawals]
    if flows:
        marks = [(one.day.isoformat(), one.balance) for one in flows]
        series.append(Series("Deposit or withdrawal", "deposits", marks, style="marks"))
    digits = formats.currency_digits(code)
    return Chart("curve", "Balance and equity", series, code, digits, zooms=True, table="days")
