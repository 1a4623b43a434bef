"""Which format a file is in, and reading it in a child process with bounds."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from accounts.statements import bounded, columns, mapping
from accounts.statements.base import NotAStatement, UnknownTable
from accounts.statements.meter import Reading
from accounts.statements.reading import read_in_child, read_statement
from tests.accounts.statements.mt5_pages import DEPOSIT, Report, write_xlsx

answer_of_child = bounded.answer_of_child  # before other tests' stand-in takes its place
OPTIMISED = (
    '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">'
    "<DocumentProperties><Title>Tester Optimizator Results</Title></DocumentProperties></Workbook>"
)
SNAPSHOT = (
    "<table><tr><td>取引</td></tr><tr><td>EURUSD</td><td>7636803</td><td>2025.07.31 13:27:22</td>"
    "<td>sell</td><td>0.01</td><td>1.14310</td><td></td><td></td><td>1.14332</td><td>0</td>"
    "<td>-33</td><td>x</td></tr></table>"
)
WEB_ARCHIVE = (
    "From: <Saved by a browser>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n"
    "--x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><table><tr><td class=3Da>1</td></tr>"
    "</table></html>\r\n--x--"
)
NUMBERED = (
    "<table><tr><td>1</td><td>200</td><td>2006.07.27 13:27</td><td>sell</td><td>2.50</td><td>eurusd</td>"
    "<td>1.2764</td><td>0</td><td>0</td></tr></table>"
)
TESTER = (
    "<table><tr><td><b>Strategy Tester Report</b></td></tr><tr><td>Expert:</td><td>Some EA</td></tr>"
    "</table>"
)


@pytest.fixture(autouse=True)
def children_read(monkeypatch):
    monkeypatch.setattr(bounded, "answer_of_child", answer_of_child)


def refusal(content: bytes | str, tmp_path: Path) -> str:
    path = tmp_path / "statement.htm"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(NotAStatement) as error:
        read_statement(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "empty"),
        ("just words", "no table"),
        ("%PDF-1.4", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "XLS"),
        ("<html><table><tr><td>Prices</td></tr></table></html>", "none of a MetaTrader statement"),
        (OPTIMISED, "optimisation report"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DTD"),
        (SNAPSHOT, "snapshot"),
        (TESTER, "strategy tester"),
        (WEB_ARCHIVE, "MIME"),
        (NUMBERED, "none of a MetaTrader statement"),
    ],
)
def test_other_files_are_refused_as_what_they_are(
    content: bytes | str, expected: str, tmp_path: Path
) -> None:
    assert expected in refusal(content, tmp_path)


def test_zip_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("statement.htm", "<html></html>")
    with pytest.raises(NotAStatement, match="zip archive"):
        read_statement(path)


def test_unknown_table_asks_for_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("one;two;three\n1;2;3\n4;5;6\n")
    with pytest.raises(UnknownTable, match="3 rows in no known format"):
        read_statement(path)
    with pytest.raises(UnknownTable, match="3 rows in no known format"):
        read_in_child(path)


def test_name_of_the_file_decides_nothing(tmp_path: Path) -> None:
    as_html = Report().html(tmp_path / "report.csv")
    as_book = Report().xlsx(tmp_path / "report.pdf")
    assert read_statement(as_html).format == "mt5"
    assert read_statement(as_book).format == "mt5"


def test_child_hands_over_exactly_what_was_read(tmp_path: Path) -> None:
    order = "2024.01.02 10:00:00|501|EURUSD|buy stop|x / 0|1.1|||2024.01.02 10:00:00|canceled|"
    good = order.replace("x / 0", "0.10 / 0.10")
    path = Report(orders=[good, order]).html(tmp_path / "report.html")
    statement = read_in_child(path)
    assert statement == read_statement(path)
    assert len(statement.orders) == len(statement.refusals) == 1


def test_child_passes_a_refusal_on(tmp_path: Path) -> None:
    path = tmp_path / "statement.htm"
    path.write_text("")
    with pytest.raises(NotAStatement, match="The file is empty"):
        read_in_child(path)


def test_memory_bound_ends_the_child_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "large.xlsx"
    write_xlsx(path, [["a" * 50] * 26] * 20_000, "utf-8")
    with pytest.raises(UnknownTable):
        read_in_child(path)
    with pytest.raises(NotAStatement, match="more than 48 MB of memory"):
        read_in_child(path, memory_mb=48)


def test_time_bound_ends_the_child_with_a_sentence(tmp_path: Path) -> None:
    deals = [DEPOSIT.replace("|100|", f"|{number}|") for number in range(1000, 30_000)]
    path = Report(deals=deals).html(tmp_path / "large.html")
    with pytest.raises(NotAStatement, match="longer than 0 seconds"):
        read_in_child(path, seconds=0)


def large_report(folder: Path, kind: str) -> Path:
    deals = [DEPOSIT.replace("|100|", f"|{number}|") for number in range(1000, 30_000)]
    return getattr(Report(deals=deals), kind)(folder / "large")


@pytest.mark.parametrize("kind", ["html", "xlsx"])
def test_child_tells_rows_and_share_as_it_reads(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "LOOK_EVERY", 0.005)
    told: list[Reading] = []
    read_in_child(large_report(tmp_path, kind), tell=told.append)
    last = told[-1]
    assert 1000 <= last.rows <= 29_100 and 0 < last.share <= 1
    assert len({reading.rows for reading in told}) > 1


def test_who_listens_may_end_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[bytes]] = []
    real = bounded.subprocess.Popen

    def spy(*arguments: Any, **keywords: Any) -> Any:
        children.append(real(*arguments, **keywords))
        return children[-1]

    def stop(reading: Reading) -> None:
        raise InterruptedError

    monkeypatch.setattr(bounded.subprocess, "Popen", spy)
    with pytest.raises(InterruptedError):
        read_in_child(large_report(tmp_path, "html"), tell=stop)
    assert children[0].returncode == -signal.SIGKILL


def test_child_knows_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "/nonexistent")
    monkeypatch.setenv("DATABASE_URL", "postgres://secret@nowhere/db")
    seen: dict[str, str] = {}
    real = bounded.subprocess.Popen

    def spy(*arguments: object, **keywords: object) -> object:
        seen.update(keywords["env"])  # type: ignore[call-overload]
        return real(*arguments, **keywords)  # type: ignore[call-overload]

    monkeypatch.setattr(bounded.subprocess, "Popen", spy)
    assert read_in_child(Report().html(tmp_path / "a.html")).format == "mt5"
    assert "DATABASE_URL" not in seen


TRADES = (
    "Time;Symbol;Side;Lots;Price;Profit\n"
    "2025-03-03 10:00:00;EURUSD;buy;0.10;1.08000;0.00\n"
    "2025-03-03 12:00:00;EURUSD;sell;0.10;1.08100;10.00\n"
)
NARROW = bounded.Bounds(memory_mb=96, seconds=20)


@pytest.fixture
def trades(tmp_path: Path) -> Path:
    path = tmp_path / "trades.csv"
    path.write_text(TRADES)
    return path


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A table that takes far more memory than the bounds once its rows are held."""
    path = tmp_path / "huge.csv"
    row = ";".join(["2025-03-03 10:00:00", "EURUSD", "buy", "0.10", "1.08", *["9" * 40] * 60])
    with path.open("w") as file:
        file.write("Time;Symbol;Side;Lots;Price" + ";x" * 60 + "\n")
        file.writelines(row + "\n" for _ in range(20_000))
    return path


def test_child_suggests_as_we_would(trades: Path) -> None:
    found = bounded.suggest_in_child(trades, bounds=bounded.Bounds())
    assert columns.Mapping.from_dict(found) == mapping.suggest_file(trades)


def test_child_finds_the_saved_mapping_that_fits(trades: Path) -> None:
    ours = mapping.suggest_file(trades).to_dict()
    other = ours | {"headings": ["A", "B"]}
    assert bounded.fits_in_child(trades, [other, ours], bounds=bounded.Bounds()) == [1]
    assert bounded.fits_in_child(trades, [other], bounds=bounded.Bounds()) == []


def test_child_shows_first_rows_as_they_stand_and_as_they_are_read(trades: Path) -> None:
    ours = decided(mapping.suggest_file(trades))
    raw, read = bounded.preview_in_child(trades, ours, rows=1, bounds=bounded.Bounds())
    assert raw == [["2025-03-03 10:00:00", "EURUSD", "buy", "0.10", "1.08000", "0.00"]]
    assert [(deal.symbol, deal.side) for deal in read.deals] == [("EURUSD", "buy")]


def test_child_reads_no_row_while_a_question_is_open(trades: Path) -> None:
    ours = mapping.suggest_file(trades)
    asked = columns.asked(ours, columns.Question("currency", "Which currency?"))
    raw, read = bounded.preview_in_child(trades, asked.to_dict(), rows=5, bounds=bounded.Bounds())
    assert (len(raw), read) == (2, None)


def test_a_huge_table_costs_the_child_its_memory_and_not_us(huge: Path) -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(NotAStatement, match="96 MB of memory"):
        bounded.suggest_in_child(huge, bounds=NARROW)
    assert psutil.Process().memory_info().rss - before < 20 << 20


def test_first_rows_of_a_huge_table_need_little_memory(huge: Path) -> None:
    ours = decided(
        columns.Mapping.from_dict(bounded.suggest_in_child(huge, bounds=bounded.Bounds()))
    )
    raw, _ = bounded.preview_in_child(huge, ours, rows=8, bounds=NARROW)
    assert len(raw) == 8


def test_many_saved_mappings_reach_the_child(trades: Path) -> None:
    ours = mapping.suggest_file(trades).to_dict()
    others = [ours | {"headings": [f"{n}" * 50, "B"]} for n in range(2000)]
    assert bounded.fits_in_child(trades, [*others, ours], bounds=bounded.Bounds()) == [2000]


def decided(suggested: columns.Mapping) -> dict:
    """The mapping with each question answered by its suggestion, or its first option."""
    for question in suggested.questions:
        answer = question.suggested or (question.options or ("USD",))[0]
        suggested = suggested.answered(question.key, answer)
    return suggested.to_dict()


def test_child_ended_by_a_signal_is_told_in_words(tmp_path: Path, monkeypatch) -> None:
    abort = [sys.executable, "-c", "import os; os.abort()"]
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: popen(abort, **options))
    with pytest.raises(NotAStatement) as caught:
        read_in_child(tmp_path / "report.html")
    assert "was ended by the system (aborted), as happens when" in str(caught.value)
    assert "status" not in str(caught.value)


@pytest.mark.parametrize(
    "definition",
    [
        '<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        '<!ENTITY x SYSTEM "/etc/passwd">',
    ],
)
def test_a_page_that_defines_entities_is_refused(tmp_path, definition):
    path = Report().html(tmp_path / "report.html")
    path.write_text(definition + path.read_text("utf-16"), encoding="utf-16")
    with pytest.raises(NotAStatement, match=r"holds a document type or entity definition \(DTD\)"):
        read_statement(path)


def test_a_page_may_name_its_document_type(tmp_path):
    path = Report().html(tmp_path / "report.html")
    named = (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">'
    )
    path.write_text(
        named + path.read_text("utf-16").replace("Deposit", "&lt;!ENTITY a"), encoding="utf-16"
    )
    assert read_statement(path).deals[0].comment == "<!ENTITY a"


def test_a_workbook_under_a_password_is_said_to_be_one(tmp_path: Path) -> None:
    """As Excel writes it: an Office container whose second sector lists the encrypted package."""
    head = bytearray(b"\xd0\xcf\x11\xe0".ljust(512, b"\0"))
    head[30:32], head[48:52] = (9).to_bytes(2, "little"), (1).to_bytes(4, "little")
    contents = "Root Entry".encode("utf-16-le").ljust(128, b"\0") + "EncryptedPackage".encode(
        "utf-16-le"
    )
    path = tmp_path / "book.xlsx"
    path.write_bytes(bytes(head) + b"\0" * 512 + contents.ljust(512, b"\0"))
    with pytest.raises(NotAStatement, match="protected by a password"):
        read_statement(path)
