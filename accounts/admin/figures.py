"""Accounts and their books in the admin: forms in front of the services, facts to read and export."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from accounts import services
from accounts.models import (
    Account,
    AccountTerms,
    Break,
    BrokerOrder,
    DayFigures,
    Deal,
    EquitySnapshot,
    FileMapping,
    Position,
    StatementImport,
)
from tradershub.core.admin import DatedTermsAdmin, FactsAdmin, OwnedAdmin


@admin.register(Account)
class AccountAdmin(OwnedAdmin):
    list_display = ["number", "name", "broker", "currency", "kind", "mode", "state"]
    list_filter = ["status", "kind", "mode", "broker"]
    search_fields = ["number__istartswith", "name__icontains"]
    list_select_related = ["broker"]
    autocomplete_fields = ["broker"]
    readonly_fields = ["status", "closed_at"]
    actions = ["close", "reopen"]
    fieldsets = [
        (None, {"fields": ["broker", ("number", "currency"), "name", ("kind", "mode")]}),
        (
            "As the broker names it",
            {"fields": ["holder", ("server", "platform"), "opened_on"]},
        ),
        ("State", {"fields": [("status", "closed_at"), "notes"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fixed = ["broker", "currency"] if obj else []
        return [*self.readonly_fields, *fixed]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="State", label={"Open": "success", "Closed": "warning"})
    def state(self, account: Account) -> str:
        return account.get_status_display()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.owner = request.user
        super().save_model(request, obj, form, change)
        services.follow_mode(obj, form.changed_data if change else [])

    @action(description="Close the selected accounts", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self.apply_to_each(request, queryset, services.close_account, done="closed")

    @action(description="Reopen the selected accounts", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self.apply_to_each(request, queryset, services.reopen_account, done="reopened")


@admin.register(AccountTerms)
class AccountTermsAdmin(DatedTermsAdmin, OwnedAdmin):
    list_display = ["account", "valid_from", "leverage", "margin_call_level", "stop_out_level"]
    list_select_related = ["account__broker"]


@admin.register(Deal)
class DealAdmin(FactsAdmin):
    list_display = [
        "at",
        "account",
        "kind",
        "symbol",
        "side",
        "entry",
        "volume",
        "price",
        "amount",
        "currency",
        "source",
    ]
    list_filter = ["kind", "source", "inferred", ("at", RangeDateTimeFilter)]
    search_fields = ["broker_deal_id__exact", "position_ref__exact"]
    search_help_text = "Deal or position id"
    list_select_related = ["account__broker", "symbol__broker"]


@admin.register(Position)
class PositionAdmin(FactsAdmin):
    list_display = [
        "ref",
        "account",
        "symbol",
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


@admin.register(BrokerOrder)
class BrokerOrderAdmin(FactsAdmin):
    list_display = [
        "broker_order_id",
        "account",
        "symbol",
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


@admin.register(StatementImport)
class StatementImportAdmin(FactsAdmin):
    list_display = ["file_name", "account", "format", "state", "created_at", "booked_at"]
    list_filter = ["state"]
    search_fields = ["file_name__icontains"]
    list_select_related = ["account__broker"]
    exclude = ["file", "owner"]


@admin.register(FileMapping)
class FileMappingAdmin(FactsAdmin):
    list_display = ["name", "broker", "created_at"]
    list_select_related = ["broker"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super(FactsAdmin, self).has_delete_permission(request, obj)


@admin.register(Break)
class BreakAdmin(FactsAdmin):
    list_display = ["account", "kind", "cause", "count", "difference", "state", "opened_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["account__broker"]


@admin.register(DayFigures)
class DayFiguresAdmin(FactsAdmin):
    list_display = ["day", "account", "symbol", "deals", "closings", "net", "deposits", "other"]
    list_select_related = ["account__broker", "symbol__broker"]


@admin.register(EquitySnapshot)
class EquitySnapshotAdmin(FactsAdmin):
    list_display = ["at", "account", "balance", "floating", "equity", "margin", "source"]
    list_filter = ["source"]
    list_select_related = ["account__broker"]
