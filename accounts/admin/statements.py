"""Imported statements and saved column mappings in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import action

from accounts import imports
from accounts.admin.books import BooksAdmin
from accounts.models import FileMapping, StatementImport
from tradershub.core.admin import FactsAdmin, HubAdmin


@admin.register(StatementImport)
class StatementImportAdmin(BooksAdmin):
    list_display = ["file_name", "account", "format", "state", "created_at", "booked_at"]
    list_filter = ["state"]
    search_fields = ["file_name__icontains"]
    list_select_related = ["account__broker"]
    exclude = ["file", "owner"]
    export_exclude = ("owner", "file", "mapping", "preview")
    actions = ["undo"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementImport]:
        return super().get_queryset(request).defer("preview")

    @action(description="Undo the selected imports", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[StatementImport]) -> None:
        self.apply_to_each(request, queryset, imports.undo, done="undone")


@admin.register(FileMapping)
class FileMappingAdmin(FactsAdmin):
    list_display = ["name", "broker", "created_at"]
    list_select_related = ["broker"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return HubAdmin.has_delete_permission(self, request, obj)
