"""Imported statements and saved column mappings in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from accounts import imports
from accounts.admin.books import BooksAdmin, account_name
from accounts.models import FileMapping, StatementImport
from tradershub.core.admin import FactsAdmin, HubAdmin


@admin.register(StatementImport)
class StatementImportAdmin(BooksAdmin):
    list_display = ["file_name", account_name, "format", "state", "created_at", "booked_at"]
    list_filter = ["state"]
    search_fields = ["file_name__icontains"]
    list_select_related = ["account__broker"]
    exclude = ["file", "owner", "preview"]
    export_exclude = ("owner", "file", "mapping", "preview")
    actions = ["undo"]
    readonly_fields = ["page"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementImport]:
        return super().get_queryset(request).defer("preview")

    @display(description="What was in it")
    def page(self, statement: StatementImport) -> str:
        address = reverse("desk:import-detail", args=[statement.pk])
        return format_html('<a href="{}">Lines, totals and Breaks</a>', address)

    @action(description="Undo the selected imports", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[StatementImport]) -> None:
        self.apply_to_each(request, queryset, imports.undo, done="undone")


@admin.register(FileMapping)
class FileMappingAdmin(FactsAdmin):
    list_display = ["name", "broker", "created_at"]
    list_select_related = ["broker"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return HubAdmin.has_delete_permission(self, request, obj)
