"""The smallest reader that can check the example's files: cells by regular expression or openpyxl, nothing else."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from pathlib import Path

from openpyxl import load_workbook

ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<t[dh]([^>]*)>(.*?)</t[dh]>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
Rows = list[list[str]]


def html_rows(text: str) -> Rows:
    """Every table row as its visible cell texts."""
    rows = []
    for row in ROW.findall(text):
        cells = [body for attributes, body in CELL.findall(row) if "hidden" not in attributes]
        rows.append([unescape(TAG.sub("", cell)).replace("\xa0", " ").strip() for cell in cells])
    return rows


def mt5_html(path: Path) -> Rows:
    """The rows of a report as the terminal encodes it."""
    return html_rows(path.read_bytes().decode("utf-16"))


def mt5_xlsx(path: Path) -> Rows:
    """The rows of a workbook, every value as text, empty cells kept."""
    sheet = load_workbook(path, data_only=True).active
    return [
        ["" if value is None else str(value) for value in row]
        for row in sheet.iter_rows(values_only=True)
    ]


def money(text: str) -> Decimal:
    """`1 234.50` as a number."""
    return Decimal(text.replace(" ", "").rstrip("%") or "0")


def section(rows: Rows, title: str, width: int) -> Rows:
    """Rows that begin with a moment between a section's title and the next row of a single cell."""
    found = False
    chosen = []
    for row in rows:
        filled = [cell for cell in row if cell]
        if len(filled) == 1 and found:
            break
        if filled == [title]:
            found = True
        elif found and re.match(r"\d{4}\.\d\d\.\d\d \d\d:", row[0] if row else ""):
            chosen.append(row[:width])
    return chosen


def after(rows: Rows, label: str) -> str:
    """The next filled cell after a label."""
    for row in rows:
        if label in row:
            return next(cell for cell in row[row.index(label) + 1 :] if cell)
    raise AssertionError(f"no cell says {label!r}")
