"""The first page: what all accounts are worth, what changed, and what needs the person."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts import history
from accounts.valuation import AccountState, states_of
from brokers.rate_table import RateTable
from tradershub.core import formats
from tradershub.finance.decimals import HUNDRED, ZERO
from tradershub.reports import book_tables, tables
from tradershub.reports.base import Chart, Content, Figure, Report, Series, money_figure, pnl_figure
from tradershub.reports.needs import failing_parts, last_imports, what_needs
from tradershub.reports.parts import account_address, import_address, no_accounts, provisional
from tradershub.reports.periods import preset_period
from tradershub.reports.tables import Column, ListRows, Row, Table

CARDS_AT_MOST = 12
SPARKLINE_DAYS = 90
SPANS = {"today": "Today", "week": "This week", "month": "This month"}


class Dashboard(Report):
    title = "How am I doing, and is anything wrong?"
    group = "Today"
    description = "Equity in your currency, every account, what is open, and what needs you."
    template = "reports/dashboard.html"
    uses = ()

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("what your accounts are worth, what changed and what needs you")
        self.code = self.filters.base_currency
        self.states = states_of(self.filters.accounts, base=self.code)
        self.nets = self._nets()
        user = self.filters.user
        held = book_tables.open_rows(self.states)
        return Content(
            figures=self._figures(),
            charts=self._sparkline(),
            tables=[
                self._by_account(),
                *(
                    [self._by_broker()]
                    if len({one.account.broker_id for one in self.states}) > 1
                    else []
                ),
                book_tables.open_positions_table(held),
            ],
            context={
                "cards": self._cards(),
                "more_accounts": max(0, len(self.states) - CARDS_AT_MOST),
                "needs": what_needs(user, self.states),
                "imports": last_imports(user),
                "import_to": import_address(),
                "failing": failing_parts(),
            },
        )

    def _nets(self) -> dict[str, dict[int, Decimal]]:
        """Net of trades of each account since the beginning of each span."""
        today = self.filters.today
        starts = {span: preset_period(span, today=today).start or today for span in SPANS}
        return history.nets(self.filters.account_ids, starts=starts)

    def _in_base(self, amounts: dict[int, Decimal]) -> Decimal:
        found = (state.in_base(amounts.get(state.account.pk, ZERO)) for state in self.states)
        return sum((one for one in found if one is not None), ZERO)

    def _figures(self) -> list[Figure]:
        known = [state for state in self.states if state.in_base(state.equity) is not None]
        equity = sum((state.in_base(state.equity) or ZERO for state in known), ZERO)
        days = [state.base_rate.day for state in known if state.base_rate]
        why = f"Balance + credit + floating profit + open swap of {len(known)} of {len(self.states)} accounts."
        if days:
            why += f"\nOther currencies at ECB rates, the oldest of {min(days)}."
        left_out = [str(state.account) for state in self.states if state not in known]
        if left_out:
            why += f"\nLeft out, prices or rate unknown: {', '.join(left_out[:5])}"
            why += f" and {len(left_out) - 5} more." if len(left_out) > 5 else "."
        oldest = min((state.prices_at for state in known if state.prices_at), default=None)
        notes = [f"only {len(known)} of {len(self.states)} accounts"] if left_out else []
        notes += [f"oldest price {formats.age(oldest, now=timezone.now())}"] if oldest else []
        lead = money_figure(
            "Equity",
            equity if known else None,
            self.code,
            lead=True,
            why=why,
            mark=provisional(self.filters.account_ids),
            note=", ".join(notes) if known else "",
        )
        whole = equity if len(known) == len(self.states) else None
        return [lead, *(self._change(span, whole) for span in SPANS)]

    def _change(self, span: str, equity: Decimal | None) -> Figure:
        """The net since the span began; equity: of all accounts, None where that of one is unknown."""
        amount = self._in_base(self.nets[span])
        before = ZERO if equity is None else equity - amount
        share = amount / before * HUNDRED if before > 0 else None
        percent = formats.signed_percent(share) if share is not None else ""
        return pnl_figure(
            SPANS[span],
            amount,
            self.code,
            note=percent,
            note_tone=formats.gain_class(percent),
            why="Net of trades booked since its first day, without deposits and withdrawals.\n"
            "Percent of the equity without it, where that of every account is known.",
        )

    def _sparkline(self) -> list[Chart]:
        today = self.filters.today
        start = today - dt.timedelta(days=SPARKLINE_DAYS)
        ids = self.filters.account_ids
        days = history.days_by_currency(ids, start=start + dt.timedelta(days=1))
        if len({one.day for one in days}) < 2:
            return []
        held: dict[str, Decimal] = defaultdict(Decimal)
        for state in self.states:
            held[state.account.currency] += state.balance
        for one in days:
            held[one.currency] -= one.balance
        points = self._running(held, days, start)
        series = [Series("Balance", "balance", points, style="steps")]
        digits = formats.currency_digits(self.code)
        return [
            Chart(
                "spark",
                f"Balance, last {SPARKLINE_DAYS} days",
                series,
                self.code,
                digits,
                small=True,
            )
        ]

    def _running(
        self, held: dict[str, Decimal], days: Iterable[history.DayOfCurrency], start: dt.date
    ) -> list[tuple[str, Decimal | None]]:
        """The balance of all currencies together after each day, at today's rates: only money moves it."""
        today = self.filters.today
        rates = RateTable({*held, self.code}, start=today, end=today)

        def worth(amount: Decimal, currency: str) -> Decimal:
            return rates.convert(amount, currency, self.code, today) or ZERO

        total = sum((worth(amount, code) for code, amount in held.items()), ZERO)
        found: dict[dt.date, Decimal | None] = {start: total}
        for one in days:
            total += worth(one.balance, one.currency)
            found[one.day] = total
        return [(day.isoformat(), value) for day, value in found.items()]

    # -- Accounts and brokers ------------------------------------------------------------------
    def _cards(self) -> list[dict[str, Any]]:
        ranked = sorted(self.states, key=lambda one: one.in_base(one.equity) or ZERO, reverse=True)
        shown = [state for state in ranked if state.account.is_open] or ranked
        return [self._card(state) for state in shown[:CARDS_AT_MOST]]

    def _card(self, state: AccountState) -> dict[str, Any]:
        account = state.account
        return {
            "name": account.name or account.number,
            "broker": account.broker.name,
            "currency": account.currency,
            "address": account_address(account.pk),
            "equity": state.equity,
            "reasons": "; ".join(state.reasons),
            "today": self.nets["today"].get(account.pk, ZERO),
            "margin_level": state.margin_level,
            "margin_reason": state.margin_used.reason or "No margin is used.",
            "state": account.get_kind_display() if account.is_open else "Closed",
            "open": account.is_open,
            "prices_at": state.prices_at,
        }

    def _by_account(self) -> Table:
        rows = [self._account_row(state) for state in self.states]
        totals = book_tables.totals_by_currency(
            rows, ("balance", "equity", "today", "week", "month")
        )
        return Table(
            "accounts", "By account", ACCOUNT_COLUMNS, ListRows(rows), order="-base", totals=totals
        )

    def _account_row(self, state: AccountState) -> Row:
        account = state.account
        return {
            "account_id": account.pk,
            "account": account.name or account.number,
            "broker": account.broker.name,
            "currency": account.currency,
            "base_currency": self.code,
            "balance": state.balance,
            "equity": state.equity,
            "base": state.in_base(state.equity),
            "margin_level": state.margin_level,
            "positions": len(state.positions),
            "reason": "; ".join(state.reasons) or "No reference rate",
            **{span: self.nets[span].get(account.pk, ZERO) for span in SPANS},
        }

    def _by_broker(self) -> Table:
        groups: dict[str, list[AccountState]] = defaultdict(list)
        for state in self.states:
            groups[state.account.broker.name].append(state)
        rows = [self._broker_row(name, group) for name, group in groups.items()]
        total = {
            "label": "All brokers",
            "currency": self.code,
            **{key: sum((row[key] for row in rows), ZERO) for key in ("equity", *SPANS)},
        }
        columns = [
            Column("broker", "Broker", main=True),
            Column("accounts", "Accounts", tables.COUNT),
            Column("equity", f"Equity, {self.code}", tables.MONEY, main=True),
            *(
                Column(span, f"{label}, {self.code}", tables.PNL, main=span == "today")
                for span, label in SPANS.items()
            ),
        ]
        return Table(
            "brokers", "By broker", columns, ListRows(rows), order="-equity", totals=[total]
        )

    def _broker_row(self, name: str, group: list[AccountState]) -> Row:
        def total(amounts: Iterable[Decimal | None]) -> Decimal:
            return sum((one for one in amounts if one is not None), ZERO)

        changes = {
            span: total(one.in_base(self.nets[span].get(one.account.pk, ZERO)) for one in group)
            for span in SPANS
        }
        equity = total(one.in_base(one.equity) for one in group)
        return {
            "broker": name,
            "accounts": len(group),
            "equity": equity,
            "currency": self.code,
            **changes,
        }


ACCOUNT_COLUMNS = [
    Column("account", "Account", link=lambda row: account_address(row["account_id"]), main=True),
    Column("broker", "Broker"),
    Column("currency", "Currency"),
    Column("balance", "Balance", tables.MONEY),
    Column("equity", "Equity", tables.MONEY, main=True, reason=lambda row: row["reason"]),
    Column(
        "base",
        "Equity, base",
        tables.MONEY,
        unit="base_currency",
        reason=lambda row: row["reason"],
    ),
    Column("today", "Today", tables.PNL, main=True),
    Column("week", "This week", tables.PNL),
    Column("month", "This month", tables.PNL),
    Column(
        "margin_level",
        "Margin level",
        tables.PERCENT,
        reason=lambda _: "No margin is used, or no terms",
    ),
    Column("positions", "Open positions", tables.COUNT, shown=False),
]
