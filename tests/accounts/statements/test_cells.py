"""Cells out of files: numbers read exactly or refused, encodings found, archives bounded."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.statements.base import NotAStatement
from accounts.statements.cells import (
    Cell,
    csv_rows,
    html_rows,
    html_texts,
    sniff,
    to_decimal,
    to_id,
    xlsx_rows,
    xlsx_texts,
)
from accounts.statements.encodings import encoding_of
from accounts.statements.numbers import from_float
from tests.accounts.statements.mt5_pages import write_xlsx

BILLION_LAUGHS = '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>'


def page(tmp_path: Path, body: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "page.html"
    path.write_bytes(f"<html><body>{body}</body></html>".encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 234.56", "1234.56"),
        ("- 30.12", "-30.12"),
        ("(20.00)", "-20.00"),
        ("1\u00a0234\u202f567", "1234567"),
        ("\u2212 5", "-5"),
        (" 39.02", "39.02"),
        (".5", "0.5"),
        ("7.", "7"),
        ("-0.00", "0.00"),
        ("10'234.56", "10234.56"),
        ("-1’234’567", "-1234567"),
        ("1,234.56", "1234.56"),
        ("3,000,000", "3000000"),
        ("\u200e-5.00\u200f", "-5.00"),
    ],
)
def test_number_as_files_write_it(text: str, value: str) -> None:
    assert str(to_decimal(text)) == str(Decimal(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "abc",
        "1E+999999",
        "1e5",
        "٣٫٥",
        "３",
        "NaN",
        "Infinity",
        "1_000",
        "1,234",
        "1,23.4",
        "1'23",
        "12 34",
    ]
    + ["1.2.3", "--1", "(1", "0x1F", "1 2345.00", "$5", "5 %", "²"],
)
def test_what_is_no_number_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number such as") as error:
        to_decimal(text)
    assert repr(text) in str(error.value)


def test_endless_number_is_refused_shortly() -> None:
    with pytest.raises(ValueError, match="at most 15 digits") as error:
        to_decimal("9" * 5000)
    assert len(str(error.value)) < 200


def test_decimal_comma_only_when_said() -> None:
    assert to_decimal("1.234,56", decimal=",", group=".") == Decimal("1234.56")
    assert to_decimal("1 234,56", decimal=",") == Decimal("1234.56")
    assert to_decimal("1,234.56", group=",") == Decimal("1234.56")
    with pytest.raises(ValueError, match="1234,56"):
        to_decimal("1.234,56", decimal=",")


@given(st.decimals(-(10**14), 10**14, places=4, allow_nan=False, allow_infinity=False))
def test_number_survives_grouping_by_spaces(value: Decimal) -> None:
    assert to_decimal(f"{value:,.4f}".replace(",", " ")) == value


def test_rounded_ticket_is_told_apart_from_nonsense() -> None:
    assert to_id("123456789012") == "123456789012"
    with pytest.raises(ValueError, match="precision lost"):
        to_id("1.23E+08")
    with pytest.raises(ValueError, match="digits only"):
        to_id("12-34")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (35324172.0, "35324172"),
        (0.0, "0"),
        (1.12895, "1.12895"),
        (0.1 + 0.2, "0.3"),
        (1e-05, "0.00001"),
        (-0.5, "-0.5"),
    ],
)
def test_float_of_a_workbook_becomes_the_number_that_was_typed(value: float, text: str) -> None:
    assert from_float(value) == text


def test_float_too_large_for_exactness_is_no_id() -> None:
    with pytest.raises(ValueError, match="precision lost"):
        to_id(from_float(1.2345678901234567e17))


def test_html_cells_say_span_title_and_hiddenness(tmp_path: Path) -> None:
    path = page(
        tmp_path,
        '<table><tr><th>A</th><td colspan="3" title="note">b&nbsp;c</td>'
        '<td class="x hidden">h</td><td style="display: none">d</td></tr></table>',
    )
    assert list(html_rows(path)) == [
        [
            Cell("A", kind="th"),
            Cell("b c", colspan=3, title="note"),
            Cell("h", hidden=True),
            Cell("d", hidden=True),
        ]
    ]
    assert list(html_texts(path)) == [["A", "b c"]]


def test_script_and_style_never_appear(tmp_path: Path) -> None:
    path = page(
        tmp_path,
        "<script>var a = '<tr><td>no</td></tr>';</script><style>td {}</style>"
        "<table><tr><td>a<script>alert(1)</script>b</td><td>&lt;script&gt;</td></tr></table>",
    )
    assert list(html_texts(path)) == [["ab", "<script>"]]


def test_unclosed_cells_and_nested_tables(tmp_path: Path) -> None:
    path = page(
        tmp_path,
        "<table><tr><td>1<td>2<tr><td>3<table><tr><td>in</td></tr></table></td><td>4</td></tr></table>",
    )
    assert list(html_texts(path)) == [["1", "2"], ["in"], ["3", "4"]]


def test_html_cut_in_a_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.html"
    path.write_text("<html><table><tr><td>1</td></tr><tr><td>2")
    with pytest.raises(NotAStatement, match="ends in the middle of a table"):
        list(html_rows(path))


def test_entities_of_a_page_read_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = tmp_path / "page.html"
    path.write_text(
        f'<!DOCTYPE html [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        "<html><table><tr><td>&x;</td></tr></table></html>"
    )
    with pytest.raises(NotAStatement, match="DTD"):
        list(html_rows(path))


def test_large_page_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    row = "<tr>" + "<td>2024.01.02 10:00:00</td>" * 12 + "</tr>"
    path.write_text(f"<table>{row * 20_000}</table>")
    assert sum(len(cells) for cells in html_rows(path)) == 240_000


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("Комиссия Прибыль Баланс", "cp1251", "cp1251"),
        ("Gebühr Währung Überweisung", "cp1252", "cp1252"),
        ("交易历史报告 盈利 余额", "gbk", "gbk"),
        ("取引履歴レポート ポジション スワップ", "shift_jis", "shift_jis"),
        ("거래 내역 보고서 잔액 수익", "cp949", "cp949"),
        ("Отчет Überweisung 交易", "utf-8", "utf-8"),
        ("交易历史报告", "utf-8-sig", "utf-8-sig"),
        ("交易历史报告", "utf-16", "utf-16"),
        ("Trade History Report", "utf-16-le", "utf-16-le"),
        ("Trade History Report", "utf-16-be", "utf-16-be"),
    ],
)
def test_encoding_is_found(text: str, encoding: str, found: str, tmp_path: Path) -> None:
    path = page(tmp_path, f"<table><tr><td>{text}</td></tr></table>", encoding)
    assert encoding_of(path) == found
    assert list(html_texts(path)) == [[text]]


def test_declared_encoding_counts_unless_the_bytes_say_otherwise(tmp_path: Path) -> None:
    meta = '<meta charset="windows-1250"><table><tr><td>{}</td></tr></table>'
    assert list(html_texts(page(tmp_path, meta.format("Zůstatek"), "cp1250"))) == [["Zůstatek"]]
    assert list(html_texts(page(tmp_path, meta.format("Zůstatek"), "utf-8"))) == [["Zůstatek"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_workbook_rows_keep_their_numbers_and_places(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "book"
    write_xlsx(path, [[], ["", "a", "1.10"], ["", "Б", "35324172"]], encoding)
    assert list(xlsx_texts(path)) == [["", "", ""], ["", "a", "1.1"], ["", "Б", "35324172"]]
    name, cells = list(xlsx_rows(path))[1]
    assert name == "Sheet1"
    assert [cell.kind for cell in cells] == ["", "text", "number"]


def rewritten(path: Path, part: str, change: bytes) -> Path:
    """The workbook with something put before the sheet's or another part's root element."""
    target = path.with_suffix(".changed")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry.filename, change + content if entry.filename == part else content)
    return target


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "_rels/.rels"])
def test_workbook_with_entities_is_refused(part: str, tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    write_xlsx(path, [["a"]], "utf-8")
    with pytest.raises(NotAStatement, match="DTD"):
        list(xlsx_rows(rewritten(path, part, BILLION_LAUGHS.encode())))


def test_workbook_with_entities_in_utf16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    write_xlsx(path, [["a"]], "utf-16")
    part = "xl/worksheets/sheet1.xml"
    with pytest.raises(NotAStatement, match="DTD"):
        list(xlsx_rows(rewritten(path, part, BILLION_LAUGHS.encode("utf-16"))))


def bomb(path: Path, size: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(size >> 20):
                part.write(b" " * (1 << 20))
    return path


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(NotAStatement, match="zip bomb"):
        sniff(bomb(tmp_path / "bomb.xlsx", 30 << 20))
    path = claiming(tmp_path / "bomb.xlsx", true=30 << 20, claimed=0xF0000000)
    with pytest.raises(NotAStatement, match="more than 400 MB"):
        sniff(path)


def claiming(path: Path, *, true: int, claimed: int) -> Path:
    content = path.read_bytes()
    path.write_bytes(content.replace(true.to_bytes(4, "little"), claimed.to_bytes(4, "little")))
    return path


def test_bomb_with_a_lying_header_is_refused(tmp_path: Path) -> None:
    bomb(tmp_path / "bomb.xlsx", 30 << 20)
    path = claiming(tmp_path / "bomb.xlsx", true=30 << 20, claimed=1000)
    with pytest.raises(NotAStatement, match="damaged|zip bomb"):
        list(xlsx_rows(path))


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/evil", "c:\\evil", "a\\..\\..\\b"])
def test_unsafe_names_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(NotAStatement, match="unsafe name"):
        sniff(path)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(201):
            archive.writestr(f"{i}.txt", "x")
    with pytest.raises(NotAStatement, match="201 files"):
        sniff(path)


def test_cut_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    write_xlsx(path, [["a"]])
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(NotAStatement, match="cut off or damaged"):
        sniff(path)


@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_csv_delimiter_is_found(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    lines = [["Time", "Symbol", "Note"], ["1", "EURUSD", f'"a{mark}b"'], ["2", "X", ""]]
    path.write_text("\n".join(mark.join(line) for line in lines), encoding="utf-8-sig")
    assert sniff(path) == "csv"
    assert [[cell.text for cell in row] for row in csv_rows(path)] == [
        ["Time", "Symbol", "Note"],
        ["1", "EURUSD", f"a{mark}b"],
        ["2", "X", ""],
    ]


def test_endless_csv_cell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\nc," + "x" * 40_000 + "\n")
    with pytest.raises(NotAStatement, match="32,768 characters"):
        list(csv_rows(path))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ""),
        (b"hello world", ""),
        (b"%PDF-1.7 ...", ""),
        (b"\x89PNG\r\n", ""),
        (b"<!DOCTYPE html><html></html>", "html"),
        (b"\xff\xfe" + "<html>".encode("utf-16-le"), "html"),
        (b"a;b;c\n1;2;3\n", "csv"),
    ],
)
def test_content_decides_the_kind(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.xlsx"
    path.write_bytes(content)
    assert sniff(path) == kind


def test_cells_outside_a_row_are_a_row_of_their_own(tmp_path: Path) -> None:
    path = page(
        tmp_path,
        "<table><tr><td>1</td></tr><tx><td>2</td><td>3</td></tr><tr><td>4</td></tr></table>",
    )
    assert list(html_texts(path)) == [["1"], ["2", "3"], ["4"]]


def test_endless_html_cell_is_refused(tmp_path: Path) -> None:
    path = page(tmp_path, f"<table><tr><td>{'a' * 30_000_000}</td></tr></table>")
    with pytest.raises(NotAStatement, match="a cell is longer than"):
        list(html_rows(path))
