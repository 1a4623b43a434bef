"""Rows of cells out of HTML, XLSX and CSV files of any size, and what kind of file it is at all.

Every reader streams, finds the encoding itself and yields text: what a number or a date looked like
is kept, what it means is the format's affair. Files that cannot be read raise NotAStatement with one
sentence.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from accounts.statements.archive import clean_copy, is_workbook
from accounts.statements.base import NotAStatement
from accounts.statements.encodings import encoding_of, text_chunks
from accounts.statements.html_table import Cell, html_rows
from accounts.statements.html_texts import html_texts
from accounts.statements.meter import METER, STEP
from accounts.statements.numbers import from_float, to_decimal, to_id

__all__ = [
    "Cell",
    "csv_rows",
    "html_rows",
    "html_texts",
    "sniff",
    "to_decimal",
    "to_id",
    "xlsx_names",
    "xlsx_rows",
    "xlsx_texts",
]

LONGEST_CELL = 32 * 1024
LEAST_LINES = 2
DELIMITERS = ";,\t|"
HTML_BEGINS = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table|div|meta|title)\b",
    re.IGNORECASE | re.DOTALL,
)


def sniff(path: Path) -> str:
    """'xlsx', 'html', 'csv', 'zip', or '' for anything else: by content, never by name."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return "xlsx" if is_workbook(path) else "zip"
    start = next(text_chunks(path), "")[: 1 << 16].removeprefix("\ufeff")
    if HTML_BEGINS.match(start) or "<table" in start.lower():
        return "html"
    return "csv" if _delimiter(start) else ""


def xlsx_names(path: Path) -> list[str]:
    """The names of the sheets of cells, in their order."""
    stat = path.stat()
    return [name for name, _ in _sheets(path, stat.st_mtime_ns, stat.st_size)]


def xlsx_rows(path: Path, only: str = "") -> Iterator[tuple[str, list[Cell]]]:
    """The rows of all sheets with the sheet's name; the n-th of a sheet is its row n."""
    for name, values in _xlsx_values(path, only):
        yield name, [Cell(_as_text(value), 1, "", False, _kind(value)) for value in values]


def xlsx_texts(path: Path, only: str = "") -> Iterator[list[str]]:
    """The rows of the first sheet that has any, as plain texts: a third of the time."""
    first = ""
    for name, values in _xlsx_values(path, only):
        first = first or name
        if name != first:
            return
        yield [
            v.strip() if type(v) is str else from_float(v) if type(v) is float else _as_text(v)
            for v in values
        ]


def csv_rows(path: Path) -> Iterator[list[Cell]]:
    """The rows of a text file, delimited by that of ; , tab | on which its first lines agree."""
    encoding = encoding_of(path)
    start = next(text_chunks(path, encoding), "")[: 1 << 16].removeprefix("\ufeff")
    delimiter = _delimiter(start) or ","
    csv.field_size_limit(LONGEST_CELL)
    size = path.stat().st_size
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        try:
            rows = csv.reader((line.replace("\0", "") for line in file), delimiter=delimiter)
            for number, row in enumerate(rows, 1):
                if not number % STEP:
                    METER.at(file.buffer.tell(), size)
                    METER.at_row(number)
                yield [
                    Cell(text.replace("\u00a0", " ").strip().removeprefix("\ufeff")) for text in row
                ]
        except csv.Error as error:
            raise NotAStatement(
                f"The text file cannot be read as a table ({error}); expected rows with at most "
                f"{LONGEST_CELL:,} characters a cell."
            ) from error


def _delimiter(start: str) -> str:
    """The delimiter that most of the first lines have equally often; '' if there is none."""
    lines = [line for line in start.splitlines()[:40] if line.strip()]
    if len(lines) < LEAST_LINES or lines[0].lstrip().startswith("<"):
        return ""
    if len(start) == 1 << 16:
        lines = lines[:-1] or lines
    best, most = "", 0
    for mark in DELIMITERS:
        counts = [re.sub(r'"[^"]*"', "", line).count(mark) for line in lines]
        columns = max(set(counts), key=lambda n: (counts.count(n), n), default=0)
        score = columns * counts.count(columns)
        if columns and counts.count(columns) >= LEAST_LINES and score > most:
            best, most = mark, score
    return best


def _xlsx_values(path: Path, only: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The rows of all sheets, or of one."""
    stat = path.stat()
    for name, sheet in _sheets(path, stat.st_mtime_ns, stat.st_size):
        if only not in ("", name):
            continue
        margin = [""] * (sheet.start[1] if sheet.start else 0)
        rows = METER.counted(sheet.iter_rows(), sheet.total_height)
        yield from ((name, margin + row if margin else row) for row in rows)
    _sheets.cache_clear()  # read to the end: what it held is a third of the memory of the process


@lru_cache(maxsize=1)
def _sheets(path: Path, _changed: int, _size: int) -> list[tuple[str, CalamineSheet]]:
    """The sheets of a workbook; the last is kept, as a file is read once to know it and once more."""
    with TemporaryDirectory(prefix="statement") as folder:
        copy = Path(folder) / "book.xlsx"
        try:
            clean_copy(path, copy)
            with CalamineWorkbook.from_path(copy) as book:
                return [
                    (sheet.name, book.get_sheet_by_name(sheet.name))
                    for sheet in book.sheets_metadata
                    if sheet.typ == SheetTypeEnum.WorkSheet
                ]
        except (CalamineError, zipfile.BadZipFile) as error:
            raise NotAStatement(f"The workbook is damaged and cannot be read ({error}).") from error


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\u00a0", " ").strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return from_float(value)
    if isinstance(value, dt.datetime):
        return f"{value + dt.timedelta(microseconds=500_000):%Y.%m.%d %H:%M:%S}"
    if isinstance(value, dt.date):
        return f"{value:%Y.%m.%d} 00:00:00"
    return str(value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text" if value else ""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else "date"
