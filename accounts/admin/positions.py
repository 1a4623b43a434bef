"""Positions in the admin: they follow from deals; a person closes them, wholly or in part."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action

from accounts import manual
from accounts.admin.books import BooksAdmin, account_name, symbol_name
from accounts.entry_forms import CloseForm
from accounts.models import Position
from accounts.valuation import state_of
from tradershub.core.entries import entry_page, is_refused
from tradershub.core.formats import lots, signed


@admin.register(Position)
class PositionAdmin(BooksAdmin):
    list_display = [
        "ref",
        account_name,
        symbol_name,
        "side",
        "volume",
        "open_volume",
        "open_price",
        "close_price",
        "opened_at",
        "closed_at",
        "net",
    ]
    list_filter = ["side", "inferred", ("opened_at", RangeDateTimeFilter)]
    search_fields = ["ref__exact"]
    list_select_related = ["account__broker", "symbol__broker"]
    actions_row = actions_detail = ["close"]

    def refused_actions(self, row: Position) -> set[str]:
        return {"close"} if is_refused(manual.check_closable, row) else set()

    @action(description="Close", permissions=["close", "book"])
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        position = self.row_of(request, object_id)
        now = state_of(position.account).of(position)
        form = CloseForm(
            request.POST or None,
            user=request.user,
            subject=position,
            price=now.price if now else None,
        )
        return entry_page(
            request,
            form,
            title=question(position, now.floating if now else None),
            button="Book the closing",
            back=self.list_address(),
            lead=f"{lots(position.open_volume)} lots are open; enter less to close a part.",
            is_dangerous=True,
            crumbs=self.crumbs,
        )


def question(position: Position, floating: Decimal | None) -> str:
    account = position.account
    now = (
        "" if floating is None else f", now {signed(floating, account.currency)} {account.currency}"
    )
    return f"Close {lots(position.open_volume)} {position.symbol.name} in {account}{now}?"
