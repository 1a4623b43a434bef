"""What follows from the books: breaks, figures by day, marks of equity. Read and exported."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from accounts import tieout
from accounts.admin.books import BooksAdmin, account_name, symbol_name
from accounts.entry_forms import ExplainForm, ReopenBreakForm
from accounts.models import Break, DayFigures, EquitySnapshot
from tradershub.core.admin import FactsAdmin
from tradershub.core.entries import EntryForm, entry_page, is_refused
from tradershub.core.formats import signed


@admin.register(Break)
class BreakAdmin(BooksAdmin):
    list_display = [account_name, "kind", "cause", "count", "difference", "state", "opened_at"]
    list_filter = ["state", "kind"]
    export_exclude = ("statement",)
    list_select_related = ["account__broker"]
    actions_row = actions_detail = ["explain", "reopen"]

    def refused_actions(self, row: Break) -> set[str]:
        checks = {"explain": tieout.check_explainable, "reopen": tieout.check_reopenable}
        return {name for name, check in checks.items() if is_refused(check, row)}

    @action(description="Explain", permissions=["explain"])
    def explain(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.row_of(request, object_id)
        form = ExplainForm(request.POST or None, user=request.user, subject=found)
        return self._page(
            request, form, title="Why do we and the broker differ?", button="Explain it"
        )

    @action(description="Open again", permissions=["explain"])
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.row_of(request, object_id)
        form = ReopenBreakForm(request.POST or None, user=request.user, subject=found)
        return self._page(
            request, form, title="Take the explanation back?", button="Open the Break again"
        )

    def _page(
        self, request: HttpRequest, form: EntryForm, *, title: str, button: str
    ) -> HttpResponse:
        return entry_page(
            request,
            form,
            title=title,
            button=button,
            back=self.list_address(),
            lead=in_words(form.subject),
            crumbs=self.crumbs,
        )


def in_words(found: Break) -> str:
    """What differs where and by how much, and how it was explained."""
    currency = found.account.currency
    by = "" if found.difference is None else f" by {signed(found.difference, currency)} {currency}"
    said = f' Explained: "{found.explanation}"' if found.explanation else ""
    return f"{found.account}: {found.get_kind_display()}{by}. {found.cause.rstrip('.')}.{said}"


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
