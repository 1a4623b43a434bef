"""Reports of MT5 after a spreadsheet program of some country has saved them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from accounts.statements import mapping
from accounts.statements.base import NotAStatement, UnknownTable
from accounts.statements.numbers import to_decimal
from accounts.statements.reading import read_statement
from tests.accounts.statements.mt5_pages import Report

POSITIONS = """Report storico di trading
Ora;Posizione;Simbolo;Tipo;Volume;Prezzo;S/L;T/P;Ora;Prezzo;Commissioni;Swap;Profitto
2025.03.03 10:00:00;501;EURUSD;buy;1{0}00;1{0}10000;;;2025.03.04 10:00:00;1{0}10300;-3{0}50;-1{0}20;200{0}00
2025.03.03 11:00:00;502;EURUSD;sell;0{0}60;1{0}10100;;;2025.03.03 12:00:00;1{0}10000;-2{0}10;0{0}00;60{0}00
"""
ORDER = (
    "2024.01.02 10:00:00|501|EURUSD|buy|0.10 / 0.10|1.10000|||2024.01.02 10:00:00|filled|note 1,5"
)


def cells_of(report: Report, convert) -> list[list[str]]:
    """The rows with every number as `convert` writes it, merged cells as empty ones."""
    return [
        [convert(cell) if at else cell for at, cell in enumerate(cells)]
        for _, cells in report.lines()
    ]


def written(text: str, group: str, mark: str) -> str:
    """The number in another country's writing; times, ids, words and shares as they are."""
    if " / " in text:
        return " / ".join(written(part, group, mark) for part in text.split(" / "))
    try:
        number = to_decimal(text)
    except ValueError:
        return text
    if "." not in text:
        return text
    plain = f"{number:,f}"
    return plain.replace(",", "#").replace(".", mark).replace("#", group)


def csv_of(tmp_path: Path, rows: list[list[str]]) -> Path:
    path = tmp_path / "report.csv"
    path.write_text("\n".join(";".join(row) for row in rows))
    return path


def xlsx_of(tmp_path: Path, rows: list[list[object]], before: str = "") -> Path:
    book = Workbook()
    if before:
        book.active.append([before])
        book.create_sheet("Report")
    for row in rows:
        book.worksheets[-1].append(row)
    path = tmp_path / "report.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("make", [csv_of, xlsx_of])
@pytest.mark.parametrize(
    ("group", "mark"), [(".", ","), (" ", ","), ("", ","), (",", "."), ("'", ".")]
)
def test_numbers_are_read_with_the_mark_that_the_file_proves(tmp_path, make, group, mark):
    report = Report(orders=[ORDER])
    path = make(tmp_path, cells_of(report, lambda text: written(text, group, mark)))
    statement = read_statement(path)
    assert statement.format == "mt5"
    assert (statement.refusals, statement.breaks) == ([], [])
    assert statement.file_totals["balance"] == statement.our_totals["balance"] == 1009
    assert statement.file_totals["gross_profit"] == Decimal("9.40")
    assert statement.deals[1].price == Decimal("1.1")
    assert statement.orders[0].filled == Decimal("0.1")
    assert statement.orders[0].comment == "note 1,5"


def test_a_workbooks_own_numbers_stand_beside_written_ones(tmp_path):
    rows = cells_of(Report(), lambda text: written(text, ".", ","))
    mixed = [[1.1 if cell == "1,10000" else cell for cell in row] for row in rows]
    assert read_statement(xlsx_of(tmp_path, mixed)).breaks == []


def test_two_decimal_marks_are_asked_about(tmp_path):
    rows = cells_of(Report(), lambda text: "1,10000" if text == "1.10000" else text)
    with pytest.raises(NotAStatement, match="which mark stands before the decimals") as refused:
        read_statement(csv_of(tmp_path, rows))
    assert "'1,10000'" in str(refused.value)


@pytest.mark.parametrize("mark", ["-", "/"])
def test_dates_with_other_marks_are_read(tmp_path, mark):
    rows = cells_of(Report(), lambda text: text)
    for row in rows:
        row[:] = [c.replace("2024.01.", f"2024{mark}01{mark}") for c in row]
    for headed in (rows, rows[5:]):
        statement = read_statement(csv_of(tmp_path, headed))
        assert (statement.format, statement.breaks) == ("mt5", [])
        assert statement.deals[0].time_text == "2024.01.02 09:00:00"


def test_a_hard_space_in_a_time_is_a_space(tmp_path):
    rows = [[c.replace(" 09:", "\u00a009:") for c in row] for row in cells_of(Report(), str)]
    statement = read_statement(xlsx_of(tmp_path, rows))
    assert statement.deals[0].time_text == "2024.01.02 09:00:00"


def test_a_sheet_of_notes_may_stand_before_the_report(tmp_path):
    statement = read_statement(xlsx_of(tmp_path, cells_of(Report(), str), before="my notes"))
    assert len(statement.deals) == 3


@pytest.mark.parametrize("mark", [".", ","])
def test_positions_alone_are_a_table_whose_columns_can_be_named(tmp_path, mark):
    path = tmp_path / "positions.csv"
    path.write_text(POSITIONS.format(mark))
    with pytest.raises(UnknownTable, match="say what its columns mean"):
        read_statement(path)
    found = mapping.suggest_file(path)
    assert [question.key for question in found.questions] == ["profit_is"]
    statement = mapping.read(path, found.answered("profit_is", "gross"))
    assert statement.our_totals["net_profit"] == Decimal("253.20")


def test_positions_alone_below_the_line_of_the_account_are_a_report_without_deals(tmp_path):
    with pytest.raises(NotAStatement, match="closed positions but no deals"):
        read_statement(csv_of(tmp_path, cells_of(Report(deals=[], results=()), str)))


@pytest.mark.parametrize("group", ["'", "’", ","])
def test_a_page_saved_with_other_thousands_reads_alike(tmp_path, group):
    report = Report()
    plain = read_statement(report.html(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text(encoding="utf-16")
    assert "1 009.00" in text
    path = tmp_path / "saved.html"
    path.write_text(text.replace("1 0", f"1{group}0"), encoding="utf-8")
    saved = read_statement(path)
    assert (saved.our_totals, saved.file_totals) == (plain.our_totals, plain.file_totals)
    assert (saved.breaks, saved.deals) == ([], plain.deals)


def test_whole_thousands_with_commas_are_proven_by_the_other_cells(tmp_path):
    deposit = "2024.01.02 09:00:00|100||balance|||||0|0|0|3,000,000|3,000,000|"
    report = Report(
        deals=[deposit, "2024.01.03 09:00:00|101||balance|||||0|0|0|-2,500|2,997,500|"],
        positions=[],
        account="12345 (JPY, Some Server, demo, Hedge)",
        summary=("2,997,500", "0", "0", "2,997,500"),
        results=(),
    )
    statement = read_statement(report.html(tmp_path / "report.html"))
    assert statement.our_totals["balance"] == 2997500
    assert statement.breaks == []
