"""What follows from the books: breaks, figures by day, marks of equity. Read and exported."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin.books import account_name, symbol_name
from accounts.models import Break, DayFigures, EquitySnapshot
from tradershub.core.admin import FactsAdmin


@admin.register(Break)
class BreakAdmin(FactsAdmin):
    list_display = [account_name, "kind", "cause", "count", "difference", "state", "opened_at"]
    list_filter = ["state", "kind"]
    export_exclude = ("statement",)
    list_select_related = ["account__broker"]


@admin.register(DayFigures)
class DayFiguresAdmin(FactsAdmin):
    list_display = [
        "day",
        account_name,
        symbol_name,
        "deals",
        "closings",
        "net",
        "deposits",
        "other",
    ]
    ordering = ["-day", "-account_id"]
    list_select_related = ["account__broker", "symbol__broker"]


@admin.register(EquitySnapshot)
class EquitySnapshotAdmin(FactsAdmin):
    list_display = ["at", account_name, "balance", "floating", "equity", "margin", "source"]
    list_filter = ["source"]
    export_exclude = ("statement",)
    list_select_related = ["account__broker"]
