"""Channels and what was sent by them in the admin; each channel has a page of its own on the desk."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from accounts import subscribing
from accounts.models import Channel, Notification
from tradershub.core.admin import FactsAdmin, OwnedAdmin


@admin.register(Channel)
class ChannelAdmin(OwnedAdmin):
    """What is secret, and who may command, is in no column and no export."""

    list_display = ["name", "kind", "enabled", "chat_name", "sent_at", "fault"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name__icontains"]
    export_exclude = (
        "owner", "uid", "sealed", "code", "code_until", "asked", "bot", "chat", "people", "strangers",
        "busy_by", "busy_until", "polled_by", "polled_until", "heard",
    )  # fmt: skip
    actions = ["test", "switch_on", "switch_off"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form depends on the kind, which is chosen first."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("desk:channel-choose"))

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        channel = self.get_object(request, object_id)
        if channel is None:
            raise Http404("There is no such channel")
        if request.method != "GET" or not self.has_view_permission(request, channel):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("desk:channel", args=[channel.pk]))

    @action(description="Send a test message by the selected channels", permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        self.apply_to_each(request, queryset, subscribing.send_test, done="on their way")

    @action(description="Switch the selected channels on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        self.apply_to_each(request, queryset, _switched_on, done="switched on")

    @action(description="Switch the selected channels off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        self.apply_to_each(request, queryset, _switched_off, done="switched off")


def _switched_on(channel: Channel, *, actor: Any) -> Channel:
    return subscribing.switch_channel(channel, on=True, actor=actor)


def _switched_off(channel: Channel, *, actor: Any) -> Channel:
    return subscribing.switch_channel(channel, on=False, actor=actor)


@admin.register(Notification)
class NotificationAdmin(FactsAdmin):
    """The outbox: what was said, when, and whether it arrived."""

    list_display = [
        "title",
        "channel",
        "topic",
        "state",
        "attempts",
        "made_at",
        "sent_at",
        "answer",
    ]
    list_filter = ["state", "topic"]
    list_select_related = ["channel"]
