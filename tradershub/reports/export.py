"""A table as CSV or XLSX: every row of the filter, the columns and the order that are shown.

Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers stay true numbers.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import IO, Any

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from tradershub.core import formats
from tradershub.core.spreadsheets import safe_text
from tradershub.reports.table_view import TableView
from tradershub.reports.tables import ACTION, Column, Row

XLSX_ROWS = 1_048_575  # of a sheet, without the headings
STEP = 1000  # rows between two words of progress
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_csv(view: TableView, *, name: str) -> StreamingHttpResponse:
    """The table as UTF-8 CSV, sent row by row however long it is."""
    lines = _lines(view, timezone.get_current_timezone())
    response = StreamingHttpResponse(_csv_lines(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def as_xlsx(view: TableView, *, name: str) -> HttpResponse:
    """The table as a workbook, made at once: for tables of few rows."""
    buffer = io.BytesIO()
    write_workbook(view, buffer)
    response = HttpResponse(buffer.getvalue(), content_type=XLSX_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


def write_workbook(
    view: TableView, file: IO[bytes], *, progress: Callable[[int], None] = lambda rows: None
) -> None:
    """Every row into a workbook of one sheet, in little memory. progress: told the rows done."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(view.table.title[:31] or "Table")
    for number, line in enumerate(_lines(view, timezone.get_current_timezone())):
        sheet.append([_xlsx_value(value) for value in line])
        if number and not number % STEP:
            progress(number)
    book.save(file)


def _lines(view: TableView, zone: dt.tzinfo) -> Iterator[list[Any]]:
    """The headings, then the rows. zone: the person's, which is over when a stream is sent."""
    columns = [column for column in view.columns if column.kind is not ACTION]
    order, descending = view.asked_order
    yield [safe_text(column.label) for column in columns]
    for row in view.table.rows.stream(order=order, descending=descending):
        yield [_value(column, row, zone) for column in columns]


def _value(column: Column, row: Row, zone: dt.tzinfo) -> Any:
    """The value with its type: Decimal, int, date, aware moment, text, or None where unknown."""
    value = row.get(column.key)
    if isinstance(value, dt.datetime):
        return value.astimezone(zone)
    if isinstance(value, Decimal):
        return formats.exact(value, column.kind.least(column.unit_of(row)))
    if value is None or isinstance(value, int | dt.date):
        return value
    return safe_text(str(value))


def _csv_lines(lines: Iterator[list[Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield "\ufeff"  # spreadsheets on Windows take a file without it for the local code page
    for line in lines:
        writer.writerow([_csv_value(value) for value in line])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _csv_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _xlsx_value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None, microsecond=0)
    return ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value
