"""Tables of the admin as spreadsheets: exported without formulas, imported with one audit entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from import_export.admin import ExportMixin, ImportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import ModelResource, modelresource_factory
from import_export.widgets import DecimalWidget, ForeignKeyWidget, JSONWidget
from tablib import Dataset
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from tradershub.core.audit import record
from tradershub.core.errors import BadInput
from tradershub.core.table_files import BoundedCSV, BoundedXLSX

MOST_ROWS = 100_000
GONE = "Nothing was imported: what you agreed to is not here any more. Choose the file once more."
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
FORMULA = re.compile(r"\s*[=+\-@\t\r\n|＝＋－＠]")  # spreadsheets of East Asia read wide signs too


def safe_text(value: Any) -> Any:
    """The value, its text made harmless where a spreadsheet would take it for a formula."""
    if not isinstance(value, str) or not FORMULA.match(value) or NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def as_typed(value: Any) -> Any:
    """What `safe_text` had been given."""
    if isinstance(value, str) and value.startswith("'") and FORMULA.match(value[1:]):
        return value[1:]
    return value


class ExactWidget(DecimalWidget):
    """A decimal without the zeros at its end; a true number in a workbook."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        """Raises ValueError, which is shown beside the row and field."""
        try:
            number = super().clean(value, row, **kwargs)
        except ArithmeticError:
            number = Decimal("NaN")
        if number is not None and not (number.is_finite() and str(value).isascii()):
            raise ValueError(f'Expected a number such as 1234.50, found "{str(value)[:40]}"')
        return number

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return ""
        return value if kwargs.get("force_native_type") else f"{value.normalize():f}"


class NameWidget(ForeignKeyWidget):
    """A row that is referred to, by what it is called."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(value)


class HubResource(ModelResource):
    """A table with exact decimals."""

    WIDGETS_MAP: ClassVar[dict[str, Any]] = {
        **ModelResource.WIDGETS_MAP,
        "ExactDecimalField": ExactWidget,
        "JSONField": JSONWidget,
    }

    class Meta:
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        for name, value in row.items():
            row[name] = as_typed(value)


class FactsResource(HubResource):
    """A table to read: what a row refers to is named."""

    @classmethod
    def get_fk_widget(cls, field: Any) -> Callable[..., Any]:
        return partial(NameWidget, model=field.related_model)


class WorkbookFirst(ExportForm):
    """The usual answer is given already."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["format"] = "0"


class SafeExport(ExportMixin):
    """Exports what the list shows of this person's rows, up to MOST_ROWS, with no formula in it."""

    formats = (XLSX, CSV)
    export_form_class = WorkbookFirst
    export_exclude: ClassVar[tuple[str, ...]] = ()

    def get_export_resource_classes(self, request: HttpRequest) -> list[type[ModelResource]]:
        if self.resource_classes:
            return list(self.resource_classes)
        # widgets: the library would write the id of a row without one declared
        widgets = {name: {} for name in self._named()}
        options = {"exclude": self.export_exclude, "widgets": widgets}
        return [modelresource_factory(self.model, FactsResource, meta_options=options)]

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_export_queryset(request)
        return rows.select_related(*self._named(), *(self.list_select_related or ()))

    def _named(self) -> list[str]:
        """The fields that refer to a row and are exported by its name."""
        fields = (field for field in self.opts.fields if isinstance(field, ForeignKey))
        return [field.name for field in fields if field.name not in self.export_exclude]

    def export_action(self, request: HttpRequest) -> HttpResponse:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        back = reverse(f"admin:{info}_changelist")
        try:
            rows = self.get_export_queryset(request).order_by()
        except IncorrectLookupParameters:  # the list says what is wrong with its filter
            return HttpResponseRedirect(f"{back}?{ERROR_FLAG}=1")
        if rows.values("pk")[: MOST_ROWS + 1].count() > MOST_ROWS:
            messages.error(
                request,
                f"This list has more than {MOST_ROWS:,} rows, more than a spreadsheet is made for: "
                "narrow the filter and export again.",
            )
            query = request.GET.urlencode()
            return HttpResponseRedirect(f"{back}?{query}" if query else back)
        return super().export_action(request)

    def get_data_for_export(self, request: HttpRequest, queryset: Any, **kwargs: Any) -> Dataset:
        data = super().get_data_for_export(request, queryset, **kwargs)
        rows = ([safe_text(value) for value in row] for row in data)
        return Dataset(*rows, headers=data.headers, title=data.title)


class BoundedImportForm(ImportForm):
    """Refuses a file that is too large to be opened here."""

    def clean_import_file(self) -> Any:
        file, most = self.cleaned_data["import_file"], settings.TABLE_MAX_BYTES
        if file.size > most:
            raise ValidationError(
                f"The file has {file.size:,} bytes; at most {most:,} are read. Send it in parts."
            )
        return file


class AuditedImport(ImportMixin):
    """Imports after a look at what would change; what was changed is in the audit log."""

    import_formats = (BoundedXLSX, BoundedCSV)
    import_form_class = BoundedImportForm
    skip_import_confirm = False
    skip_admin_log = True  # the audit log has it

    def add_data_read_fail_error_to_form(self, form: ImportForm, e: Exception) -> None:
        if isinstance(e, BadInput):
            form.add_error("import_file", e.message)
            return
        super().add_data_read_fail_error_to_form(form, e)

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        """What the person agrees to, sealed: the library would open and delete the file of any name."""
        initial = super().get_confirm_form_initial(request, import_form)
        if import_form is None:
            return initial
        return {**initial, "import_file_name": signing.dumps(initial, salt=self._seal(request))}

    def get_confirm_form_kwargs(
        self, request: HttpRequest, import_form: Any = None
    ) -> dict[str, Any]:
        kwargs = super().get_confirm_form_kwargs(request, import_form)
        return kwargs if import_form else {**kwargs, "data": self._agreed(request)}

    def _agreed(self, request: HttpRequest) -> dict[str, Any]:
        """What was shown to this person of this table. Raises BadSignature for anything else."""
        sealed = request.POST.get("import_file_name", "")
        return signing.loads(sealed, salt=self._seal(request))

    def _seal(self, request: HttpRequest) -> str:
        return f"import of {self.opts.label} by {request.user.pk}"

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            name = self._agreed(request)["import_file_name"]
            is_here = Path(self.get_tmp_storage_class()(name=name).get_full_path()).is_file()
        except signing.BadSignature:
            is_here = False
        if is_here:
            return super().process_import(request, **kwargs)
        messages.error(request, GONE)
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        return HttpResponseRedirect(reverse(f"admin:{info}_import"))

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        record(
            f"{self.opts.model_name}.import",
            actor=request.user,
            target=self.opts.label,
            summary=", ".join(f"{count} {kind}" for kind, count in result.totals.items() if count),
            details={
                "rows": [row.object_repr for row in result if row.import_type in ("new", "update")]
            },
        )
        return super().process_result(result, request)
