"""Spreadsheets that somebody sends for a reference table: bounded before and while they are opened.

They are read in the web process, where a small file that unpacks to millions of cells would hold up
every page. Statements, which may be large, are read in a process of their own.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from import_export.formats.base_formats import CSV, XLSX
from openpyxl import load_workbook
from tablib import Dataset

from tradershub.core.errors import BadInput

MOST_UNPACKED_MB = 16
MOST_PARTS = 200
MOST_ROWS, MOST_COLUMNS = 10_000, 100


class BoundedXLSX(XLSX):
    def create_dataset(self, in_stream: bytes) -> Dataset:
        """The first sheet. Raises BadInput beyond the limits."""
        check_parts(in_stream)
        book = load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
        sheet = book.active
        sheet.reset_dimensions()  # what it says of its own size may be wrong, and large
        rows = list(bounded(sheet.iter_rows(values_only=True)))
        width = max(map(len, rows), default=0)
        headers, *values = ([*row, *[None] * (width - len(row))] for row in rows or [()])
        return Dataset(*values, headers=headers)


class BoundedCSV(CSV):
    def create_dataset(self, in_stream: bytes | str, **kwargs: Any) -> Dataset:
        """Raises BadInput beyond the limits."""
        text = in_stream.decode(self.encoding) if isinstance(in_stream, bytes) else in_stream
        for _ in bounded(csv.reader(io.StringIO(text))):
            pass
        return super().create_dataset(text, **kwargs)


def check_parts(data: bytes) -> None:
    """Raises BadInput for a workbook that unpacks to more than is read; no header can lie about it,
    for zipfile reads no further than it says."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as error:
        raise BadInput("This is no XLSX workbook, or not a whole one; expected XLSX.") from error
    if len(parts) > MOST_PARTS:
        raise BadInput(f"The workbook has {len(parts)} parts; at most {MOST_PARTS} are read.")
    if (size := sum(part.file_size for part in parts)) > MOST_UNPACKED_MB << 20:
        raise BadInput(
            f"The workbook unpacks to {size >> 20} MB; at most {MOST_UNPACKED_MB} MB are read. "
            "Send it in parts, or as CSV."
        )


def bounded(rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The rows, the header first. Raises BadInput at the first one beyond the limits."""
    for number, row in enumerate(rows):
        if number > MOST_ROWS:
            raise BadInput(f"The table has more than {MOST_ROWS:,} rows; send it in parts.")
        if len(row) > MOST_COLUMNS:
            raise BadInput(
                f"Row {number + 1} has {len(row)} columns; at most {MOST_COLUMNS} are read."
            )
        yield row
