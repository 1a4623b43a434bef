"""The tables of what was checked: statements imported, and the Breaks found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import F, Q
from django.urls import reverse

from accounts.models import Account, Break, StatementImport
from tradershub.reports import tables
from tradershub.reports.book_tables import ACCOUNT, BROKER, CURRENCY, of_accounts
from tradershub.reports.parts import names_accounts
from tradershub.reports.tables import Column, QueryRows, Row, Table

# -- Breaks ------------------------------------------------------------------------------------
BREAK_FIELDS = (
    "pk", "account_id", "kind", "symbol", "cause", "count", "difference", "state", "explanation",
    "opened_at", "closed_at",
)  # fmt: skip


def break_link(row: Row) -> str:
    return reverse("admin:accounts_break_change", args=[row["pk"]])


BREAK_COLUMNS = [
    Column("opened_at", "Found", tables.MOMENT, shown=False),
    replace(ACCOUNT, main=True),
    BROKER,
    Column("kind_label", "What differs", sort="kind"),
    Column("symbol", "Symbol"),
    Column("cause", "Cause", tables.WORDS, main=True, sort=None),
    Column("count", "Times", tables.COUNT),
    Column("difference", "Difference", tables.FLOW, main=True, hint="The broker's minus ours"),
    CURRENCY,
    Column("state_label", "State", sort="state", link=break_link, hint="Follow it to explain"),
    Column("explanation", "Explanation", tables.WORDS, sort=None),
    Column("file_name", "File", tables.WORDS, sort=None),
]


def breaks_table(accounts: Sequence[Account], narrowed: Q, *, totals: Any = ()) -> Table:
    name = names_accounts(accounts)

    def finish(row: Row) -> Row:
        row["kind_label"] = Break.Kind(row["kind"]).label
        row["state_label"] = Break.State(row["state"]).label
        return name(row)

    found = of_accounts(Break.objects.filter(narrowed), accounts)
    rows = QueryRows(found.values(*BREAK_FIELDS, file_name=F("statement__file_name")), finish)
    return Table(
        "breaks",
        "Breaks",
        BREAK_COLUMNS,
        rows,
        order="-opened_at",
        totals=totals,
        empty="Books and broker agree: no Break in these accounts.",
    )


# -- Imports -----------------------------------------------------------------------------------
def import_link(row: Row) -> str:
    return reverse("desk:import-detail", args=[row["pk"]])


IMPORT_COLUMNS = [
    Column("created_at", "Received", tables.MOMENT),
    Column("file_name", "File", tables.WORDS, main=True, link=import_link),
    Column("state_label", "State", sort="state", main=True),
    Column("period_from", "From", tables.MOMENT, shown=False),
    Column("period_to", "To", tables.MOMENT),
    Column("booked", "Booked", tables.COUNT, sort=None),
    Column("duplicate", "Known already", tables.COUNT, sort=None),
    Column("reason", "Reason", tables.WORDS, sort=None),
]


def imports_table(narrowed: Q, *, user: Any) -> Table:
    def finish(row: Row) -> Row:
        row["state_label"] = StatementImport.State(row["state"]).label
        lines = (row.pop("preview") or {}).get("lines") or {}
        row["booked"], row["duplicate"] = lines.get("booked"), lines.get("duplicate")
        return row

    found = StatementImport.objects.for_user(user).filter(narrowed)
    fields = ("pk", "created_at", "file_name", "state", "period_from", "period_to", "reason")
    return Table(
        "statements",
        "Statements",
        IMPORT_COLUMNS,
        QueryRows(found.values(*fields, "preview"), finish),
        order="-created_at",
        empty="No statement was imported yet.",
    )
