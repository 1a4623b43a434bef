"""Orders at brokers in the admin: placed, modified, filled, cancelled by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action

from accounts import manual
from accounts.admin.books import BooksAdmin, account_name, chosen_account, symbol_name
from accounts.entry_forms import CancelForm, FillForm, ModifyForm, OrderForm, worded
from accounts.models import BrokerOrder
from tradershub.core.entries import entry_page, is_refused
from tradershub.core.formats import lots

MAY_CHANGE = ["work"]


@admin.register(BrokerOrder)
class BrokerOrderAdmin(BooksAdmin):
    list_display = [
        "broker_order_id",
        account_name,
        symbol_name,
        "side",
        "type",
        "volume",
        "filled",
        "price",
        "state",
        "placed_at",
    ]
    list_filter = ["state", "type", ("placed_at", RangeDateTimeFilter)]
    search_fields = ["broker_order_id__exact"]
    list_select_related = ["account__broker", "symbol__broker"]
    export_exclude = ("statement",)
    actions = ["cancel_selected"]
    actions_row = actions_detail = ["modify", "fill", "cancel"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_brokerorder")

    def refused_actions(self, row: BrokerOrder) -> set[str]:
        return set(self.actions_detail) if is_refused(manual.check_working, row) else set()

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        account = chosen_account(request)
        return entry_page(
            request,
            OrderForm(request.POST or None, user=request.user, account=account),
            title="What was ordered at the broker?",
            button="Note the order",
            back=self.list_address(),
            crumbs=self.crumbs,
        )

    @action(description="Modify", permissions=MAY_CHANGE)
    def modify(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self.row_of(request, object_id)
        form = ModifyForm(request.POST or None, user=request.user, subject=order)
        return self._page(
            request, form, title=f"What changes in: {worded(order)}?", button="Modify it"
        )

    @action(description="Fill", permissions=[*MAY_CHANGE, "book"])
    def fill(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self.row_of(request, object_id)
        form = FillForm(request.POST or None, user=request.user, subject=order)
        left = lots(order.volume - order.filled)
        lead = f"{left} lots are left; enter less for a part."
        return self._page(
            request,
            form,
            title=f"How was it filled: {worded(order)}?",
            button="Book the fill",
            lead=lead,
        )

    @action(description="Cancel", permissions=MAY_CHANGE)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self.row_of(request, object_id)
        form = CancelForm(request.POST or None, user=request.user, subject=order)
        return self._page(
            request, form, title=f"Cancel: {worded(order)}?", button="Cancel the order"
        )

    def _page(
        self, request: HttpRequest, form: Any, *, title: str, button: str, lead: str = ""
    ) -> HttpResponse:
        return entry_page(
            request,
            form,
            title=title,
            button=button,
            back=self.list_address(),
            lead=lead,
            crumbs=self.crumbs,
        )

    @action(description="Cancel the selected orders", permissions=MAY_CHANGE)
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[BrokerOrder]) -> None:
        self.apply_to_each(request, queryset, manual.cancel_order, done="cancelled")
