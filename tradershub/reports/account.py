"""One account: what it is worth, its curve, and everything that happened in it, tab by tab."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.db.models import Q
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from accounts import history
from accounts.models import Account, AccountTerms
from accounts.queries import CurvePoint, equity_curve
from accounts.valuation import AccountState, state_of
from tradershub.core import formats
from tradershub.reports import book_tables, check_tables, tables
from tradershub.reports.base import (
    PERIOD,
    Chart,
    Content,
    Figure,
    Report,
    Series,
    money_figure,
    pnl_figure,
)
from tradershub.reports.parts import import_address, provisional
from tradershub.reports.tables import Column, QueryRows, Row, Table

TABS = {
    "positions": "Positions",
    "trades": "Closed trades",
    "orders": "Orders",
    "deals": "Deals",
    "statements": "Statements",
    "terms": "Terms",
    "breaks": "Breaks",
}


class AccountPage(Report):
    title = "What happened in this account?"
    description = "Balance, equity, margin and terms of one account, its curve and its books."
    template = "reports/account.html"
    uses = (PERIOD,)
    about_row = True

    def build(self) -> Content:
        account = next((one for one in self.filters.all_accounts if one.pk == self.pk), None)
        if account is None:
            raise Http404("There is no such account")
        self.account = account
        # Everything below narrows by this one account.
        self.filters.chosen = frozenset([account.pk])
        self.state = state_of(account, base=self.filters.base_currency)
        period = self.filters.period
        points = equity_curve(account, period.start, period.end)
        tab = self.params.get("tab", "positions")
        tab = tab if tab in TABS else "positions"
        return Content(
            title=f"What happened in {account.name or account.number}?",
            lead=_words_of(account),
            figures=self._figures(self.state),
            charts=[_chart(points, account.currency)] if points else (),
            tables=[self._tables()[tab]()],
            context={
                "tabs": self._tabs(tab),
                "edit": self._edit_address(),
                "import_to": import_address(),
            },
        )

    def _edit_address(self) -> str:
        if not self.filters.user.has_perm("accounts.change_account"):
            return ""
        return reverse("admin:accounts_account_change", args=[self.account.pk])

    def _tabs(self, current: str) -> list[dict[str, object]]:
        kept = [(k, v) for k in ("period", "from", "to") for v in self.params.getlist(k)]
        return [
            {
                "label": label,
                "address": f"?{urlencode([*kept, ('tab', key)])}#tabs",
                "current": key == current,
            }
            for key, label in TABS.items()
        ]

    def _tables(self) -> dict[str, Callable[[], Table]]:
        one = [self.account]
        return {
            "positions": lambda: book_tables.open_positions_table(
                book_tables.open_rows([self.state])
            ),
            "trades": self._trades,
            "orders": lambda: book_tables.orders_table(one, self.filters.moments("placed_at")),
            "deals": lambda: book_tables.deals_table(
                book_tables.deals(one, self.filters.moments("at"))
            ),
            "statements": lambda: check_tables.imports_table(
                Q(account=self.account), user=self.filters.user
            ),
            "terms": lambda: _terms_table(self.account),
            "breaks": lambda: check_tables.breaks_table(one, Q()),
        }

    def _trades(self) -> Table:
        return book_tables.closed_trades_table(
            [self.account], self.filters.moments("closed_at"), quick_totals=self._quick_totals
        )

    def _quick_totals(self) -> list[Row]:
        period = self.filters.period
        days = history.trade_days([self.account.pk], start=period.start, end=period.end)
        return book_tables.day_totals(days)

    def _figures(self, state: AccountState) -> list[Figure]:
        code, now = self.account.currency, timezone.now()
        mark = provisional([self.account.pk])
        prices = f"prices {formats.age(state.prices_at, now=now)}" if state.prices_at else ""
        unknown = "\n".join(state.reasons)
        return [
            money_figure(
                "Equity",
                state.equity,
                code,
                lead=True,
                mark=mark,
                note=prices or _base_note(state),
                why="Balance + credit + floating profit + open swap."
                + (f"\n{unknown}" if unknown else ""),
            ),
            money_figure(
                "Balance", state.balance, code, mark=mark, why="Sum of all deals but credit."
            ),
            pnl_figure(
                "Floating profit",
                None if state.floating is None else state.floating + state.open_swap,
                code,
                why=unknown
                or f"{len(state.positions)} open positions at the price last known, swap included.",
            ),
            *([money_figure("Credit", state.credit, code)] if state.credit else []),
            money_figure(
                "Margin",
                state.margin,
                code,
                why=state.margin_used.reason or "By the terms of the open positions.",
            ),
            money_figure(
                "Free margin",
                state.free_margin,
                code,
                why=state.margin_used.reason or "Equity − margin.",
            ),
            Figure(
                "Margin level",
                formats.percent(state.margin_level, 0),
                why=state.margin_used.reason or "Equity ÷ margin. Unknown while no margin is used.",
            ),
            *_connection(self.account),
        ]


def _connection(account: Account) -> list[Figure]:
    """Whether the platform answers, and since when not; nothing for an account without a connection."""
    found = account.connection
    if (
        found is None or found.platform == "manual"
    ):  # a person carries the orders out: nobody is asked
        return []
    state = "Off" if not found.enabled else "Silent" if found.fault else "Answers"
    seen = f"seen {formats.age(found.seen_at, now=timezone.now())}" if found.seen_at else "not seen"
    return [
        Figure(
            "Connection",
            state if found.seen_at or found.fault else "Waiting",
            tone="loss" if found.fault and found.enabled else "",
            note=f"{seen}, {account.trading_in_words}",
            why=f"{found}. {found.fault}" if found.fault else str(found),
            link=reverse("desk:connection", args=[found.pk]),
        )
    ]


def _base_note(state: AccountState) -> str:
    amount = state.in_base(state.equity)
    if amount is None or state.base_currency == state.account.currency or state.base_rate is None:
        return ""
    return f"{formats.money(amount, state.base_currency)} {state.base_currency} at the rate of {state.base_rate.day}"


def _words_of(account: Account) -> str:
    words = [
        str(account.broker),
        f"account {account.number}",
        account.currency,
        account.get_kind_display(),
        account.get_mode_display(),
    ]
    if account.server:
        words.append(account.server)
    return ", ".join(words) + ("" if account.is_open else ". Closed.")


def _chart(points: list[CurvePoint], code: str) -> Chart:
    balance = [(one.day.isoformat(), one.balance) for one in points]
    marks = [(one.day.isoformat(), one.equity) for one in points if one.equity is not None]
    flows = [(one.day.isoformat(), one.balance) for one in points if one.flows]
    series = [Series("Balance", "balance", balance, style="steps")]
    if marks:
        series.append(Series("Equity as stated", "equity", marks, style="marks"))
    if flows:
        series.append(Series("Deposit or withdrawal", "deposits", flows, style="marks"))
    return Chart(
        "curve", "Balance and equity", series, code, formats.currency_digits(code), zooms=True
    )


def _terms_table(account: Account) -> Table:
    columns = [
        Column("valid_from", "From", tables.DAY, main=True),
        Column("leverage", "Leverage, 1:", tables.COUNT, main=True),
        Column("margin_call_level", "Margin call", tables.PERCENT),
        Column("stop_out_level", "Stop-out", tables.PERCENT, main=True),
    ]
    found = AccountTerms.objects.filter(account=account)
    rows = QueryRows(found.values("pk", *(column.key for column in columns)))
    return Table(
        "terms",
        "Terms of the account",
        columns,
        rows,
        order="-valid_from",
        empty="No terms are known.",
    )
