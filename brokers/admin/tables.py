"""Brokers, instruments, symbols and terms in the admin: forms in front of the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSingleDateWidget

from brokers import services
from brokers.models import Broker, BrokerSymbol, FxRate, Instrument, Quote, SymbolTerms
from brokers.resources import BrokerResource, InstrumentResource, SymbolResource, TermsResource
from tradershub.core.admin import DatedTermsAdmin, ReadOnlyTableAdmin, TableAdmin
from tradershub.core.closing import ClosableAdmin, Turn
from tradershub.core.entries import refuse
from tradershub.core.errors import HubError


class AliasesForm(forms.ModelForm):
    def clean_aliases(self) -> list[str]:
        """An emptied field means no aliases."""
        return self.cleaned_data["aliases"] or []


class BrokerForm(AliasesForm):
    """Asks of another time zone whether it corrects the old one or is a change of the clock."""

    time_zone_edit = forms.ChoiceField(
        label="Another time zone",
        choices=[
            (services.CORRECT, "corrects the old one"),
            (services.CHANGE, "holds from the day below"),
        ],
        initial=services.CORRECT,
        widget=UnfoldAdminRadioSelectWidget,
        help_text="Either way every file imported from this broker is read anew, by a worker.",
    )
    time_zone_changed_on = forms.DateField(
        label="Changed on", required=False, widget=UnfoldAdminSingleDateWidget
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if "time_zone" in self.changed_data and not self.errors:
            stored = Broker.objects.get(pk=self.instance.pk)
            edit, day = values["time_zone_edit"], values["time_zone_changed_on"]
            try:
                services.check_zone_edit(stored, edit=edit, day=day)
            except HubError as refusal:
                refuse(self, refusal)
        return values


SERVER = ["triple_swap_weekday", "aliases"]


@admin.register(Broker)
class BrokerAdmin(ClosableAdmin, TableAdmin):
    form = AliasesForm
    closing = Turn(services.check_may_close, services.close_broker)
    reopening = Turn(services.check_may_reopen, services.reopen_broker)
    closing_lead = "no account is opened at a closed broker, and it can be reopened."
    resource_classes = [BrokerResource]
    list_display = ["name", "state", "regulator", "time_zone", "rollover", "triple_swap_weekday"]
    list_filter = ["status"]
    search_fields = ["name__icontains", "legal_entity__icontains"]
    readonly_fields = ["status", "closed_at", "zones_before"]
    fieldsets = [
        (None, {"fields": ["name", "status", "closed_at", "legal_entity", "regulator", "website"]}),
        ("Server", {"fields": [("time_zone", "rollover"), *SERVER]}),
        (
            "Rules",
            {"fields": ["negative_balance_protection", ("conversion", "rounding"), "notes"]},
        ),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description="Time zones before")
    def zones_before(self, broker: Broker) -> str:
        return ", ".join(f"{one['zone']} until {one['until']}" for one in broker.earlier_zones)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = BrokerForm
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sections = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return sections
        clock = [("time_zone", "rollover"), "time_zone_edit", "time_zone_changed_on"]
        before = ["zones_before"] if obj.earlier_zones else []
        return [sections[0], ("Server", {"fields": [*clock, *before, *SERVER]}), *sections[2:]]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        edit = {
            name: form.cleaned_data[name] for name in ("time_zone_edit", "time_zone_changed_on")
        }
        stored = Broker.objects.get(pk=obj.pk)
        services.edit_broker(stored, actor=request.user, **(changes | edit))
        if "time_zone" in changes:
            messages.info(request, f"A worker reads the files imported from {obj} anew.")


@admin.register(Instrument)
class InstrumentAdmin(TableAdmin):
    form = AliasesForm
    resource_classes = [InstrumentResource]
    list_display = ["symbol", "name", "category", "quote", "pip_size", "tick_size", "contract_size"]
    list_filter = ["category"]
    search_fields = ["symbol__istartswith", "name__icontains"]


@admin.register(BrokerSymbol)
class BrokerSymbolAdmin(TableAdmin):
    resource_classes = [SymbolResource]
    list_display = ["name", "broker", "instrument", "mapped", "mapped_by"]
    list_filter = ["broker", ("instrument", admin.EmptyFieldListFilter)]
    search_fields = ["name__istartswith"]
    list_select_related = ["broker", "instrument"]
    autocomplete_fields = ["broker", "instrument"]
    readonly_fields = ["mapped_by"]

    @display(description="Mapped", boolean=True)
    def mapped(self, symbol: BrokerSymbol) -> bool:
        return symbol.instrument_id is not None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if "instrument" in form.changed_data:
            obj.mapped_by = str(request.user) if obj.instrument else ""
        super().save_model(request, obj, form, change)


@admin.register(SymbolTerms)
class SymbolTermsAdmin(DatedTermsAdmin, TableAdmin):
    resource_classes = [TermsResource]
    list_display = [
        "symbol",
        "valid_from",
        "contract_size",
        "commission_scheme",
        "commission_rate",
        "swap_long",
        "swap_short",
        "margin_mode",
        "source",
    ]
    list_filter = ["commission_scheme", "swap_mode", "margin_mode", ("valid_from", RangeDateFilter)]
    search_fields = ["symbol__name__istartswith"]
    list_select_related = ["symbol__broker"]
    autocomplete_fields = ["symbol"]


@admin.register(Quote)
class QuoteAdmin(ReadOnlyTableAdmin):
    list_display = ["symbol", "bid", "ask", "at", "source"]
    search_fields = ["symbol__name__istartswith"]
    list_select_related = ["symbol__broker"]


@admin.register(FxRate)
class FxRateAdmin(ReadOnlyTableAdmin):
    list_display = ["day", "currency", "rate", "source"]
    list_filter = [("day", RangeDateFilter)]
    search_fields = ["currency__exact"]
