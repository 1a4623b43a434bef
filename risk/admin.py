"""Limits in the admin; refusals and switches to read. Loosening asks for a reason and a second factor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from risk import blackouts, queries, services
from risk.kill_switch import switches_of
from risk.kinds import Scope
from risk.models import Blackout, KillSwitch, Limit, RiskEvent
from risk.resources import BlackoutResource
from tradershub.core.admin import FactsAdmin, OwnedAdmin, ReadOnlyTableAdmin, TableAdmin
from tradershub.core.entries import refuse
from tradershub.core.errors import HubError
from tradershub.core.persons import is_administrator
from tradershub.core.spreadsheets import AuditedImport


class Names(forms.CharField):
    """Names apart by commas, as a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextInputWidget(), required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        return [name.strip() for name in (value or "").split(",") if name.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class LimitForm(forms.ModelForm):
    """Says beside the field what the service would refuse. A reason is asked for where more gets through."""

    user: Any = None

    words = Names(
        label="Symbols", help_text="Symbols, or currencies, that it is about; with commas"
    )
    reason = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Needed to let more through, to switch the limit off, and to change how it counts",
    )

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        limit = self.instance
        if not limit.pk:
            limit.owner = None if limit.scope == Scope.ALL else self.user
        try:
            services.may_become(limit, actor=self.user, reason=self.cleaned_data.get("reason", ""))
        except HubError as refusal:
            refuse(self, refusal)


@admin.register(Limit)
class LimitAdmin(OwnedAdmin):
    form = LimitForm
    list_display = ["named", "about", "value", "unit", "currency", "enabled", "preset", "version"]
    list_display_links = ["named"]
    list_filter = ["kind", "scope", "enabled"]
    search_fields = ["account__number__istartswith", "instrument__symbol__istartswith"]
    list_select_related = ["account__broker", "instrument"]
    autocomplete_fields = ["account", "instrument"]
    readonly_fields = ["version"]
    fieldsets = [
        (None, {"fields": [("kind", "enabled"), ("value", "unit", "currency")]}),
        ("Set on", {"fields": ["scope", ("account", "instrument", "strategy")]}),
        ("About", {"fields": [("words", "seconds")]}),
        (
            "Losses",
            {
                "fields": [
                    ("window", "basis", "trail"),
                    ("capital", "lock_at"),
                    ("zone", "resets_at"),
                ]
            },
        ),
        ("Change", {"fields": ["reason", "version"]}),
    ]

    @display(description="Limit", ordering="kind")
    def named(self, limit: Limit) -> str:
        return limit.get_kind_display()

    @display(description="Set on", ordering="scope")
    def about(self, limit: Limit) -> str:
        return limit.about

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The person's own, and those of everybody, which only administrators change."""
        return queries.limits_seen_by(request.user)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """No value: saved as it stands, a limit of 0 lots on all would let nothing through."""
        return {"value": None, **super().get_changeform_initial_data(request)}

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.user = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = [name for name in services.FIXED if name != "owner"]
        return [*self.readonly_fields, *fixed] if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        mine = obj is None or obj.owner_id is not None or is_administrator(request.user)
        return mine and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A limit is switched off with a reason, or removed over the API with one."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            services.add_limit(obj, actor=request.user)
            return
        changes = {n: form.cleaned_data[n] for n in form.changed_data if n != "reason"}
        stored = Limit.objects.get(pk=obj.pk)
        reason = form.cleaned_data["reason"]
        services.edit_limit(stored, actor=request.user, reason=reason, **changes)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Somebody may have changed the limit between the form's check and its saving."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except HubError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:risk_limit_changelist"))


class BlackoutForm(forms.ModelForm):
    """Says beside the field what the service would refuse."""

    user: Any = None

    for_everybody = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Binds the accounts of all persons",
    )
    reason = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Needed to let entries through while it runs",
    )

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        if not self.instance.pk:
            self.instance.owner = None if self.cleaned_data.get("for_everybody") else self.user
        reason = self.cleaned_data.get("reason", "")
        try:
            blackouts.may_become(self.instance, actor=self.user, reason=reason)
        except HubError as refusal:
            refuse(self, refusal)


@admin.register(Blackout)
class BlackoutAdmin(AuditedImport, OwnedAdmin):
    form = BlackoutForm
    resource_classes = [BlackoutResource]
    import_export_change_list_template = TableAdmin.import_export_change_list_template
    list_display = ["event", "about", "starts_at", "ends_at", "binds", "state"]
    list_filter = ["scope", "currency", ("starts_at", RangeDateFilter)]
    search_fields = ["event__istartswith", "instrument__symbol__istartswith"]
    list_select_related = ["instrument"]
    autocomplete_fields = ["instrument"]

    @display(description="About", ordering="scope")
    def about(self, window: Blackout) -> str:
        return window.about

    @display(description="Binds", ordering="owner")
    def binds(self, window: Blackout) -> str:
        return "own accounts" if window.owner_id else "everybody"

    @display(description="State")
    def state(self, window: Blackout) -> str:
        now = timezone.now()
        if window.runs(now):
            return "entries refused now"
        return "to come" if now < window.starts_at else "over"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The person's own, and those of everybody, which only administrators change."""
        return queries.blackouts_seen_by(request.user)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.user = request.user
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        last = ["reason"] if obj else ["for_everybody"] if is_administrator(request.user) else []
        what = ["event", ("scope", "currency", "instrument"), ("starts_at", "ends_at")]
        return [(None, {"fields": [*what, *last]})]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_theirs(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One at a time; one that runs is ended by its form, with a reason."""
        if obj is None or obj.runs(timezone.now()):
            return False
        return _is_theirs(request, obj) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            blackouts.add_blackout(obj, actor=request.user)
            return
        changes = {n: form.cleaned_data[n] for n in form.changed_data if n in blackouts.CHANGEABLE}
        reason = form.cleaned_data["reason"]
        blackouts.edit_blackout(obj, actor=request.user, reason=reason, **changes)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        blackouts.remove_blackout(obj, actor=request.user)


def _is_theirs(request: HttpRequest, window: Blackout | None) -> bool:
    return window is None or window.owner_id is not None or is_administrator(request.user)


@admin.register(RiskEvent)
class RiskEventAdmin(FactsAdmin):
    list_display = ["at", "kind", "account", "code", "text", "client_order_id"]
    list_filter = ["kind", ("at", RangeDateFilter)]
    search_fields = ["client_order_id__exact", "code__exact"]
    list_select_related = ["account__broker"]


@admin.register(KillSwitch)
class KillSwitchAdmin(ReadOnlyTableAdmin):
    list_display = ["scope", "key", "engaged", "epoch", "by", "reason", "changed_at"]
    list_filter = ["scope", "engaged"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return switches_of(request.user)
