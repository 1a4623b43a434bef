"""The registry in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from brokers.platforms import PLATFORMS
from strategies import services
from strategies.models import TIMEFRAMES, WEEK, Strategy
from strategies.queries import by_key
from tradershub.core.admin import OwnedAdmin


class StrategyForm(forms.ModelForm):
    user: Any = None

    platforms = forms.MultipleChoiceField(
        choices=PLATFORMS.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: any platform",
    )
    timeframes = forms.MultipleChoiceField(
        choices=[(frame, frame) for frame in TIMEFRAMES],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    weekdays = forms.MultipleChoiceField(
        choices=[(day, day) for day in WEEK],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: every day",
    )

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if found := by_key(self.user, key):
            raise forms.ValidationError(f'There is a strategy "{found.key}" already')
        return key


@admin.register(Strategy)
class StrategyAdmin(OwnedAdmin):
    form = StrategyForm
    list_display = ["key", "name", "state", "category", "size", "size_in", "one_at_a_time"]
    list_filter = ["status"]
    search_fields = ["key__istartswith", "name__icontains", "category__icontains"]
    autocomplete_fields = ["instruments"]
    actions = ["pause", "archive"]
    fieldsets = [
        (None, {"fields": [("key", "name"), ("status", "category"), "timeframes"]}),
        ("What and where", {"fields": ["instruments", "platforms"]}),
        ("How much", {"fields": [("size", "size_in"), "one_at_a_time"]}),
        ("When", {"fields": ["weekdays", ("trades_from", "trades_until"), "time_zone"]}),
        ("Notes", {"fields": ["notes"]}),
    ]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.user = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.readonly_fields, "key"] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(
        description="Status",
        label={
            "Live": "success",
            "Testing": "info",
            "In development": "info",
            "Paused": "warning",
            "Archived": "danger",
        },
    )
    def state(self, strategy: Strategy) -> str:
        return strategy.get_status_display()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            services.edit_strategy(obj, actor=request.user, **changed)
            return
        made = services.create_strategy(actor=request.user, owner=request.user, **changed)
        obj.pk, obj._state = made.pk, made._state

    @action(description="Pause the selected strategies")
    def pause(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        self._to(request, queryset, Strategy.Status.PAUSED)

    @action(description="Archive the selected strategies")
    def archive(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        self._to(request, queryset, Strategy.Status.ARCHIVED)

    def _to(self, request: HttpRequest, rows: QuerySet[Strategy], status: str) -> None:
        def change(strategy: Strategy, *, actor: Any) -> None:
            services.edit_strategy(strategy, actor=actor, status=status)

        self.apply_to_each(
            request, rows, change, done=f"now {Strategy.Status(status).label.lower()}"
        )
