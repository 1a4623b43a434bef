"""The statement of one account for a period, as a bank would print it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone

from accounts import history
from accounts.models import Account, Deal
from accounts.queries import booked_money
from tradershub.core import formats
from tradershub.finance.decimals import ZERO
from tradershub.reports import book_tables, tables
from tradershub.reports.base import (
    ACCOUNTS,
    PERIOD,
    Content,
    Figure,
    Notice,
    Report,
    flow_figure,
    money_figure,
    pnl_figure,
)
from tradershub.reports.parts import no_accounts, provisional
from tradershub.reports.tables import Column, QueryRows, Row, Table

PARTS = {
    "profit": "Profit of trades",
    "swap": "Swap",
    "commission": "Commission",
    "fee": "Fees",
    "tax": "Taxes",
    "deposits": "Deposits",
    "withdrawals": "Withdrawals",
    "other": "Other operations",
}


class AccountStatement(Report):
    title = "What did the broker book in this period?"
    description = "Opening balance, every deal with the balance after it, closing balance, totals."
    uses = (ACCOUNTS, PERIOD)

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("the statement of one account for any period")
        account = self.filters.accounts[0]
        narrowed = Q(account=account) & self.filters.moments("at")
        opening, closing = self._balances(account)
        period = self.filters.period
        totals = history.account_totals(account.pk, start=period.start, end=period.end)
        return Content(
            title=f"What did the broker book in {account.name or account.number}?",
            lead=f"{account.broker}, account {account.number}, in {account.currency}. "
            f"{self.filters.period.label}. Times are in {timezone.get_current_timezone()}.",
            notices=self._notices(account),
            figures=self._figures(account, opening, closing, totals),
            tables=[
                self._deals(account, narrowed, opening, totals),
                self._parts(account, opening, closing, totals),
            ],
        )

    def _notices(self, account: Account) -> list[Notice]:
        if len(self.filters.accounts) == 1:
            return []
        return [
            Notice(
                f"A statement is of one account: this is {account}. Choose another in the filter."
            )
        ]

    def _balances(self, account: Account) -> tuple[Decimal, Decimal]:
        """Before the first and after the last day of the period."""
        start, end = self.filters.period.start, self.filters.period.end
        before = start and start - dt.timedelta(days=1)
        opening = booked_money([account], through=before)[account.pk].balance if before else ZERO
        return opening, booked_money([account], through=end)[account.pk].balance

    def _figures(
        self, account: Account, opening: Decimal, closing: Decimal, totals: Row
    ) -> list[Figure]:
        code = account.currency
        mark = provisional([account.pk])
        flows = totals["deposits"] + totals["withdrawals"]
        why = f"Sum of all deals but credit. Trading days of {account.broker}, {account.broker.time_zone}."
        return [
            money_figure("Opening balance", opening, code, why=why),
            pnl_figure(
                "Net of trades",
                totals["net"],
                code,
                why=f"Profit + swap + commission + fee + tax of {totals['closings']} closing deals.",
            ),
            flow_figure("Deposits and withdrawals", flows, code),
            flow_figure("Other operations", totals["other"], code),
            money_figure("Closing balance", closing, code, lead=True, why=why, mark=mark),
        ]

    def _deals(self, account: Account, narrowed: Q, opening: Decimal, totals: Row) -> Table:
        rows = book_tables.deals([account], narrowed)
        running = RunningRows(rows, opening)
        total = {
            "label": "Total",
            "currency": account.currency,
            "profit": totals["profit"],
            "swap": totals["swap"],
            "costs": sum((totals[key] for key in ("commission", "fee", "tax")), ZERO),
            "amount": sum((totals[key] for key in PARTS), ZERO) + totals["credit"],
        }
        balance = Column(
            "balance", "Balance", tables.MONEY, sort=None, hint="After this row, without credit"
        )
        return book_tables.deals_table(running, totals=[total], more=[balance], order="at")

    def _parts(self, account: Account, opening: Decimal, closing: Decimal, totals: Row) -> Table:
        code = account.currency
        rows: list[Row] = [{"part": "Opening balance", "amount": opening, "currency": code}]
        rows += [
            {"part": label, "amount": totals[key], "currency": code} for key, label in PARTS.items()
        ]
        total = {"label": "Closing balance", "amount": closing, "currency": code}
        columns = [
            Column("part", "Part", main=True, sort=None),
            Column("amount", f"Amount, {code}", tables.MONEY, main=True, sort=None),
        ]
        credit = totals["credit"]
        note = (
            f"Credit is kept apart: {formats.signed(credit, code)} {code} in this period."
            if credit
            else ""
        )
        return Table(
            "parts",
            "From opening to closing balance",
            columns,
            tables.ListRows(rows),
            totals=[total],
            note=note,
        )


@dataclass(frozen=True)
class RunningRows:
    """Deals with the balance after each, where they are shown in the order in which they were booked."""

    rows: QueryRows
    opening: Decimal

    def count(self) -> int:
        return self.rows.count()

    def count_all(self) -> int:
        return self.rows.count_all()

    def question(self, *, order: str, descending: bool) -> str:
        return self.rows.question(order=order, descending=descending)

    def keys(self, *, order: str, descending: bool) -> Iterator[int]:
        return self.rows.keys(order=order, descending=descending)

    def window(self, *, order: str, descending: bool, start: int, stop: int) -> list[Row]:
        found = self.rows.window(order=order, descending=descending, start=start, stop=stop)
        return self._with_balances(found, order=order, descending=descending)

    def chosen(self, keys: Sequence[int], *, order: str, descending: bool) -> list[Row]:
        found = self.rows.chosen(keys, order=order, descending=descending)
        return self._with_balances(found, order=order, descending=descending)

    def _with_balances(self, found: list[Row], *, order: str, descending: bool) -> list[Row]:
        if order != "at" or not found:
            return found
        oldest = found[-1] if descending else found[0]
        return self._run(found, descending=descending, before=self._balance_before(oldest))

    def stream(self, *, order: str, descending: bool) -> Iterator[Row]:
        rows = self.rows.stream(order=order, descending=descending)
        if order != "at" or descending:
            yield from rows
            return
        balance = self.opening
        for row in rows:
            balance += _changes_balance(row)
            yield {**row, "balance": balance}

    def _balance_before(self, row: Row) -> Decimal:
        """The balance before that row: one sum in the database."""
        earlier = Q(at__lt=row["at"]) | Q(at=row["at"], pk__lt=row["pk"])
        found = self.rows.query.filter(earlier).exclude(kind=Deal.Kind.CREDIT).order_by()
        amount = found.aggregate(total=history.total("amount"))["total"]
        return self.opening + amount

    def _run(self, rows: list[Row], *, descending: bool, before: Decimal) -> list[Row]:
        balance = before
        for row in reversed(rows) if descending else rows:
            balance += _changes_balance(row)
            row["balance"] = balance
        return rows


def _changes_balance(row: Row) -> Decimal:
    return ZERO if row["kind"] == Deal.Kind.CREDIT else row["amount"]
