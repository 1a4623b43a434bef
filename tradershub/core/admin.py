"""What all admin pages share: tuned lists, the owner's rows only, facts read and exported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.db.models import ForeignKey, Model, QuerySet, prefetch_related_objects
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSingleDateWidget

from tradershub.core.audit import entries_about, record
from tradershub.core.changes import changes_since, in_words, state_of
from tradershub.core.errors import HubError
from tradershub.core.fields import ExactDecimalField, MoneyField
from tradershub.core.formats import UNKNOWN, number
from tradershub.core.paging import CappedPaginator
from tradershub.core.spreadsheets import AuditedImport, SafeExport
from tradershub.core.terms import add_terms, change_terms, check_change, correct_terms

MOST_HISTORY = 500  # entries on the page of a row


def decimal_column(field: ExactDecimalField) -> Callable[[Any], str]:
    """A column or a line of a row: money with its cents at least, other numbers with the digits they have."""
    least = 2 if isinstance(field, MoneyField) else 0

    def column(row: Any) -> str:
        value = getattr(row, field.name)
        if value is None:
            return UNKNOWN
        exponent = value.normalize().as_tuple().exponent
        return number(value, max(least, -exponent))

    column.__name__ = field.name
    column.short_description = field.verbose_name  # type: ignore[attr-defined]
    column.admin_order_field = field.name  # type: ignore[attr-defined]
    return column


def readable(model: type[Model], names: Iterable[Any]) -> list[Any]:
    """The names, those of exact decimals as columns without the zeros that storage keeps at their end."""
    decimals = {f.name: f for f in model._meta.fields if isinstance(f, ExactDecimalField)}
    return [
        readable(model, name)
        if isinstance(name, list | tuple)
        else decimal_column(decimals[name])
        if name in decimals
        else name
        for name in names
    ]


class HubAdmin(ModelAdmin):
    """A tuned list; every change by a form is in the audit log."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    list_prefetch: tuple[Any, ...] = ()  # what `refused_actions` asks of the rows that a list shows
    warn_unsaved_form = True

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return readable(self.model, super().get_list_display(request))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Day and time of a moment are two boxes: each says what it is to those who do not see them."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.SplitDateTimeField):
            for part, box in zip(("date", "time"), field.widget.widgets, strict=True):
                box.attrs["aria-label"] = f"{field.label}, {part}"
        return field

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Decimals of a row that is only read are shown as in the list."""
        sections = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return sections
        return [
            (title, {**options, "fields": readable(self.model, options["fields"])})
            for title, options in sections
        ]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """The actions of a row's page without those that its state refuses."""
        actions = super().get_actions_detail(request, object_id)
        row = self.get_object(request, object_id) if actions else None
        refused = self.refused_actions(row) if row else set()
        return [action for action in actions if action.path not in refused]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        if self.list_prefetch:
            found.result_list = list(found.result_list)
            prefetch_related_objects(found.result_list, *self.list_prefetch)
        return found

    def possible_in_list(self, row: Any, actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of the actions of a row's menu, as the theme gives them, those that its state allows."""
        refused = self.refused_actions(row)
        place = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in actions if one["raw_path"].removeprefix(place) not in refused]

    def refused_actions(self, row: Any) -> set[str]:
        """Names of the actions that there is nothing to do for at this row. Asked for every row of a list."""
        return set()

    def row_of(self, request: HttpRequest, object_id: str) -> Any:
        """The row of that id that the person may see. Raises Http404 for another's as for none."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no such {self.opts.verbose_name}")
        return row

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the audit log says of the row, the latest first."""
        told = entries_about(self.model, unquote(object_id), reader=request.user)
        entries = [(entry, in_words(entry.details)) for entry in told[:MOST_HISTORY]]
        context = {"entries": entries, **(extra_context or {})}
        return super().history_view(request, object_id, context)

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:
        before = (
            state_of(type(obj)._default_manager.get(pk=obj.pk), form.changed_data) if change else {}
        )
        super().save_model(request, obj, form, change)
        verb = "edit" if change else "add"
        record(
            f"{obj._meta.model_name}.{verb}",
            actor=request.user,
            target=obj,
            summary=str(obj),
            details=changes_since(before, obj),
            owner=getattr(obj, "owner", None),
        )

    def apply_to_each(
        self, request: HttpRequest, rows: QuerySet[Any], service: Callable[..., Any], *, done: str
    ) -> None:
        """Call the service for each row; say how many were done, and each refusal."""
        count = 0
        for row in rows:
            try:
                service(row, actor=request.user)
            except HubError as refusal:
                messages.error(request, refusal.message)
            else:
                count += 1
        if count:
            messages.success(request, f"{count} {done}")

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        record(
            f"{obj._meta.model_name}.delete",
            actor=request.user,
            target=obj,
            summary=str(obj),
            owner=getattr(obj, "owner", None),
        )
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


class TableAdmin(AuditedImport, SafeExport, HubAdmin):
    """A reference table: edited here, imported and exported as a spreadsheet."""

    import_export_change_list_template = "admin/import_export/change_list_import_export.html"


class OwnedAdmin(SafeExport, HubAdmin):
    """Rows of a person: each sees their own and can choose only from their own."""

    export_exclude = ("owner",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).for_user(request.user)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        manager = db_field.remote_field.model._default_manager
        if hasattr(manager.all(), "for_user"):
            # Their names have names of others in them, as an account's that of its broker.
            kwargs["queryset"] = manager.for_user(request.user).select_related()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class FactsAdmin(OwnedAdmin):
    """What happened is read and exported here; services write it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyTableAdmin(SafeExport, HubAdmin):
    """A shared table that only programs write."""

    has_add_permission = FactsAdmin.has_add_permission
    has_change_permission = FactsAdmin.has_change_permission
    has_delete_permission = FactsAdmin.has_delete_permission


class DatedTermsForm(ModelForm):
    """Asks of every edit whether it corrects the terms or changes them from a day on."""

    CORRECT, CHANGE = "correct", "change"

    edit = forms.ChoiceField(
        label="This edit",
        choices=[
            (CORRECT, "corrects what was written down wrongly"),
            (CHANGE, "is a change by the broker, from the day below; the old terms stay before it"),
        ],
        initial=CORRECT,
        widget=UnfoldAdminRadioSelectWidget,
    )
    changed_on = forms.DateField(
        label="Changed on", required=False, widget=UnfoldAdminSingleDateWidget
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("edit") == self.CHANGE:
            self._check_day(values.get("changed_on"))
        return values

    def _check_day(self, day: dt.date | None) -> None:
        if day is None:
            self.add_error("changed_on", "Expected the first day on which the new terms hold")
            return
        try:
            check_change(type(self.instance)._default_manager.get(pk=self.instance.pk), day)
        except HubError as refusal:
            self.add_error("changed_on", refusal.message)


class DatedTermsAdmin(HubAdmin):
    """Terms that begin on a day: add, correct, or change from a day on."""

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = DatedTermsForm
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sections = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return sections
        own = [name for name in sections[0][1]["fields"] if name not in ("edit", "changed_on")]
        return [
            (None, {"fields": own}),
            ("Correction or change", {"fields": ["edit", "changed_on"]}),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            add_terms(obj, actor=request.user)
            return
        changes = {
            name: form.cleaned_data[name]
            for name in form.changed_data
            if name not in ("edit", "changed_on")
        }
        stored = type(obj)._default_manager.get(pk=obj.pk)
        if form.cleaned_data["edit"] == DatedTermsForm.CHANGE:
            day = form.cleaned_data["changed_on"]
            following = change_terms(stored, actor=request.user, day=day, **changes)
            obj.__dict__.update(following.__dict__)  # the page says which terms were written
        else:
            correct_terms(stored, actor=request.user, **changes)
