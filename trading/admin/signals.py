"""Sources, routes and signals in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import localtime
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from tradershub.core.admin import FactsAdmin, OwnedAdmin
from trading import signals
from trading.admin.orders import in_a_cell
from trading.models import Route, Signal, SignalSource
from trading.queries import became, unlike_lots, with_orders


class SourceForm(forms.ModelForm):
    addresses = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Addresses or networks that may send, one a line; empty: from anywhere",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["addresses"] = "\n".join(self.instance.addresses)
        if self.instance.pk is None:
            self.initial["strategy_is_fixed"] = True

    def clean_addresses(self) -> list[str]:
        return self.cleaned_data["addresses"].split()

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if self.instance.pk is None and not found.get("strategy"):
            found["strategy_is_fixed"] = False
        return found


def tell_secret(request: HttpRequest, source: SignalSource, secret: str) -> None:
    """Show a new secret, this once."""
    if not secret:
        return
    if source.proof == SignalSource.Proof.TOKEN:
        secret = request.build_absolute_uri(signals.path_of(source, secret))
    word = {"token": "address", "bearer": "key", "signed": "signing secret"}[source.proof]
    messages.warning(request, f"Copy the {word} now, it is not shown again: {secret}")


@admin.register(SignalSource)
class SignalSourceAdmin(OwnedAdmin):
    form = SourceForm
    list_display = ["name", "dialect", "proof", "mode", "enabled", "strategy", "last_used_at"]
    list_filter = ["mode", "enabled", "dialect"]
    search_fields = ["name__icontains"]
    list_select_related = ["strategy"]
    export_exclude = ("owner", "hashes", "sealed")
    actions_detail = ["how_to_send"]
    fieldsets = [
        (None, {"fields": ["name", "dialect", ("mode", "enabled")]}),
        ("Who may send", {"fields": ["proof", "addresses"]}),
        ("Strategy", {"fields": ["strategy", "strategy_is_fixed"]}),
        ("How to read it", {"fields": [("size_in", "level_in"), "time_zone"]}),
        ("What is too late or too much", {"fields": ["expires_after", "approve_within", "burst"]}),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        changed["strategy_is_fixed"] = form.cleaned_data["strategy_is_fixed"]
        if change:
            edited = SignalSource.objects.select_related("owner", "strategy").get(pk=obj.pk)
            had = edited.proof
            edited = signals.edit_source(edited, actor=request.user, **changed)
            if edited.proof != had:
                secret = signals.new_secret(edited, actor=request.user)
                tell_secret(request, edited, secret)
            return
        made, secret = signals.create_source(actor=request.user, owner=request.user, **changed)
        obj.pk, obj._state = made.pk, made._state
        tell_secret(request, made, secret)

    @action(description="How to send, and its secrets", permissions=["change"])
    def how_to_send(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("desk:signal-source", pk=object_id)


@admin.register(Route)
class RouteAdmin(OwnedAdmin):
    list_display = ["strategy", "account", "share", "enabled"]
    list_filter = ["enabled"]
    list_select_related = ["strategy", "account__broker"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in ("share", "enabled")}
        made = signals.set_route(obj.strategy, obj.account, actor=request.user, **values)
        obj.pk, obj._state = made.pk, made._state
        if unlike := unlike_lots(obj.strategy):
            advice = "give sizes in units, money or percent, or let the shares make up for it"
            messages.warning(request, f"{unlike}: {advice}")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["strategy", "account"] if obj else []


@admin.register(Signal)
class SignalAdmin(FactsAdmin):
    list_display = [
        "story",
        "received_at",
        "result",
        "why",
        "instrument",
        "source",
        "strategy",
        "way",
    ]
    list_display_links = None
    list_filter = ["state", "mode", "source"]
    list_select_related = ["source", "strategy", "instrument"]
    search_fields = ["key__startswith"]
    exclude = ["body", "draft", "planned"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        return with_orders(super().get_queryset(request).defer("body"))

    @display(description="Signal", ordering="id")
    def story(self, signal: Signal) -> str:
        return format_html(
            '<a href="{}">{}</a>', reverse("desk:signal", args=[signal.pk]), signal.pk
        )

    @display(description="Mode", ordering="mode")
    def way(self, signal: Signal) -> str:
        return str(signal.get_mode_display()).partition(":")[0]

    @display(description="Why", empty_value="–")
    def why(self, signal: Signal) -> str:
        if until := signal.approve_until:
            return f"To be approved until {localtime(until):%Y-%m-%d %H:%M:%S}"
        return in_a_cell(signal.said)

    @display(
        description="State",
        ordering="state",
        label={
            "Became orders": "success",
            "Took orders back": "success",
            "Became orders, not all": "warning",
            "No order went through": "danger",
            "Waits for approval": "warning",
            "Waits for an order": "warning",
            "Refused": "danger",
            "Declined by a person": "danger",
        },
    )
    def result(self, signal: Signal) -> str:
        return became(signal)
