"""A small file that would grow to millions of cells is refused before it does."""

from __future__ import annotations

import io
import zipfile

import pytest
from openpyxl import Workbook

from tradershub.core import table_files
from tradershub.core.errors import BadInput
from tradershub.core.table_files import BoundedCSV, BoundedXLSX

SHEET = "xl/worksheets/sheet1.xml"


def workbook(*rows):
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def with_part(data, name, content):
    """The workbook with that part in the place of its own."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.namelist():
            target.writestr(part, content if part == name else source.read(part))
    return file.getvalue()


def sheet(row):
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    size = '<dimension ref="A1:XFD1048576"/>'
    return f'<worksheet xmlns="{space}">{size}<sheetData>{row}</sheetData></worksheet>'


def test_a_workbook_is_read_with_its_rows_as_wide_as_the_widest():
    data = BoundedXLSX().create_dataset(workbook(["a", "b"], [1], [1, 2, 3]))
    assert data.headers == ["a", "b", None]
    assert list(data) == [(1, None, None), (1, 2, 3)]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ('<row r="1048576"><c r="A1048576"><v>1</v></c></row>', "more than 10,000 rows"),
        ('<row r="1"><c r="XFD1"><v>1</v></c></row>', "Row 1 has 16384 columns; at most 100"),
    ],
)
def test_a_cell_far_out_does_not_fill_what_lies_between(row, sentence):
    data = with_part(workbook(["a"]), SHEET, sheet(row))
    with pytest.raises(BadInput, match=sentence):
        BoundedXLSX().create_dataset(data)


def test_a_workbook_that_unpacks_to_too_much_is_not_opened(monkeypatch):
    monkeypatch.setattr(table_files, "load_workbook", None)
    data = with_part(workbook(["a"]), SHEET, sheet(" " * (17 << 20)))
    assert len(data) < 100_000
    with pytest.raises(BadInput, match="unpacks to 17 MB; at most 16 MB are read"):
        BoundedXLSX().create_dataset(data)


def test_what_is_no_workbook_is_said():
    with pytest.raises(BadInput, match="no XLSX workbook"):
        BoundedXLSX().create_dataset(b"name,note")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a\n" * 10_002, "more than 10,000 rows"), ("a" + "," * 100, "Row 1 has 101 columns")],
)
def test_a_csv_is_held_to_the_same_limits(text, sentence):
    with pytest.raises(BadInput, match=sentence):
        BoundedCSV(encoding="utf-8-sig").create_dataset(text.encode())
