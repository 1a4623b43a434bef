"""The MT5 workbook says the same as the page, in the terminal's cell types."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from tests.example import reading
from tests.example.reading import money, section
from tradershub.example import mt5_html, mt5_xlsx


@pytest.fixture
def book(dollar_report, tmp_path: Path) -> Path:
    return mt5_xlsx.write(dollar_report, tmp_path / "report.xlsx")


def test_parts_are_utf16_and_the_zip_has_directories_as_the_terminal_writes_them(book: Path):
    with ZipFile(book) as archive:
        assert archive.read("xl/worksheets/sheet1.xml").startswith(b"\xff\xfe<\x00")
        assert "xl/worksheets/" in archive.namelist()


def test_deals_equal_those_of_the_page(book: Path, dollar_report, tmp_path: Path):
    page = reading.mt5_html(mt5_html.write(dollar_report, tmp_path / "report.html"))
    deals = section(page, "Deals", 14)
    cells = section(reading.mt5_xlsx(book), "Deals", 14)
    assert len(deals) == len(cells)
    for ours, theirs in zip(cells, deals, strict=True):
        assert ours[:6] == theirs[:6]
        assert [money(text) for text in ours[6:13]] == [money(text) for text in theirs[6:13]]
        assert ours[13] == theirs[13]


def test_times_and_volumes_are_text_and_ids_and_amounts_are_numbers(book: Path):
    sheet = load_workbook(book).active
    rows = iter(sheet.iter_rows())
    next(row for row in rows if row[0].value == "Positions")
    next(rows)
    first = next(rows)
    kinds = [cell.data_type for cell in first[:13]]
    assert kinds == list("snsssnnnsnnnn")
    assert first[1].number_format == "###0;-###0;0;"


def test_totals_are_formulas_over_exactly_the_deals(book: Path):
    with_formulas = load_workbook(book).active
    cached = load_workbook(book, data_only=True).active
    found = [
        cell
        for row in with_formulas.iter_rows()
        for cell in row
        if isinstance(cell.value, str) and cell.value.startswith("=SUM(")
    ]
    assert len(found) == 3
    for cell in found:
        first, last = cell.value.removeprefix("=SUM(Sheet1!").rstrip(")").split(":")
        values = [Decimal(str(row[0].value)) for row in cached[first:last]]
        assert Decimal(str(cached[cell.coordinate].value)) == sum(values)
        assert cached[f"A{cached[first].row}"].value.startswith("20")
        assert cached[f"A{cached[first].row - 1}"].value == "Time"
        assert cached[f"A{cached[last].row + 1}"].value is None


def test_margin_level_is_a_fraction(book: Path, dollar_report):
    level = reading.after(reading.mt5_xlsx(book), "Margin Level:")
    summary = dollar_report.summary
    assert abs(Decimal(level) - summary.equity / summary.margin) < Decimal("0.000001")


def test_plain_utf8_parts_are_read_alike(book: Path, dollar_report, tmp_path: Path):
    plain = mt5_xlsx.write(dollar_report, tmp_path / "plain.xlsx", encoding="utf-8")
    assert reading.mt5_xlsx(plain) == reading.mt5_xlsx(book)
