"""Connections and platforms in the admin: lists; each row has a page of its own on the desk."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action, display

from brokers import connecting
from brokers.checking import check_connection
from brokers.models import Connection, Platform
from tradershub.core.admin import OwnedAdmin, ReadOnlyTableAdmin


@admin.register(Connection)
class ConnectionAdmin(OwnedAdmin):
    """What is secret, and where it lies, is in no column and no export."""

    list_display = ["name", "platform", "broker", "live", "state", "seen_at", "expires_on"]
    list_filter = ["platform", "enabled", "live", "store"]
    search_fields = ["name__icontains", "broker__name__icontains"]
    list_select_related = ["broker"]
    export_exclude = ("owner", "uid", "sealed", "reference", "settings")
    actions = ["test", "switch_on", "switch_off"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        self._platforms = {row.key: row for row in connecting.all_platforms()}
        return super().get_queryset(request)

    @display(description="State", label={"Works": "success", "Fault": "danger", "Off": "warning"})
    def state(self, connection: Connection) -> str:
        return connecting.condition(connection, self._platforms.get(connection.platform))

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form depends on the platform, which is chosen first."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("desk:connection-choose"))

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        connection = self.get_object(request, object_id)
        if connection is None:
            raise Http404("There is no such connection")
        if request.method != "GET" or not self.has_view_permission(request, connection):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("desk:connection", args=[connection.pk]))

    @action(description="Test the selected connections", permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self.apply_to_each(request, queryset, check_connection, done="tested")

    @action(description="Switch the selected connections on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self.apply_to_each(request, queryset, _switched_on, done="switched on")

    @action(description="Switch the selected connections off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self.apply_to_each(request, queryset, _switched_off, done="switched off")


def _switched_on(connection: Connection, *, actor: Any) -> Connection:
    return connecting.switch_connection(connection, on=True, actor=actor)


def _switched_off(connection: Connection, *, actor: Any) -> Connection:
    return connecting.switch_connection(connection, on=False, actor=actor)


@admin.register(Platform)
class PlatformAdmin(ReadOnlyTableAdmin):
    """Switched on its own page, with a reason."""

    list_display = [
        "__str__", "enabled", "closes_only", "errors_in_row", "disabled_at", "disabled_because",
    ]  # fmt: skip
    list_filter = ["enabled"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Platform]:
        connecting.all_platforms()
        return super().get_queryset(request)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None or request.method != "GET":
            raise Http404("There is nothing to change here")
        return HttpResponseRedirect(reverse("desk:platform", args=[row.key]))
