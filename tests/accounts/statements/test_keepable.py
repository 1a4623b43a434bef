"""What the books cannot keep: a report is refused whole, a table loses the row and says so."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from django.core.management import call_command

from accounts.imports import read_file
from accounts.models import Deal
from accounts.statements import keepable, mapping
from accounts.statements.base import NotAStatement
from tests.accounts.statements.mt5_pages import BOUGHT, DEPOSIT, SOLD, Report
from tests.accounts.tables import receive_table
from tests.factories import make_account, make_owner
from tradershub.core.fields import largest

RUPIAH = "12345 (IDR, Some Server-Demo, demo, Hedge)"
CASH = """Date,Type,Symbol,Amount,Balance
2025-03-01 10:00:00,Deposit,,1000.00,1000.00
2025-03-02 10:00:00,Dividend,{symbol},5.00,1005.00
2025-03-03 10:00:00,Withdrawal,,-100.00,905.00
"""


def imported(path, *options):
    """Exit status, objects printed, lines on standard error."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("import_statement", str(path), "--json", *options, stdout=out, stderr=err)
    except SystemExit as end:
        status = end.code
    return status, [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def money(*amounts):
    """A report of deposits, without sections that would disagree."""
    total, rows = 0, []
    for number, amount in enumerate(amounts, 100):
        total += amount
        figures = f"0.00|0.00|0.00|{amount}.00|{total}.00|Deposit"
        rows.append(f"2024.01.02 09:00:00|{number}||balance|||||{figures}")
    return Report(deals=rows, positions=[], account=RUPIAH, summary=(), results=())


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize("options", [("--dry-run",), ("--yes", "--open")])
def test_a_report_with_a_row_beyond_the_database_is_refused_whole(tmp_path, options):
    make_owner(username="ann")
    path = money(10_000_000_000).html(tmp_path / "report.html")
    status, shown, errors = imported(path, *options)
    assert (status, shown) == (1, [])
    assert "the amount is 10000000000.00; expected at most 9223372036.85" in errors
    assert errors.count("\n") == 1
    assert not Deal.objects.exists()


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize("options", [("--dry-run",), ("--yes", "--open")])
def test_deposits_too_large_together_are_named_as_a_sum(tmp_path, options):
    make_owner(username="ann")
    path = money(5_000_000_000, 5_000_000_000).html(tmp_path / "report.html")
    status, _, errors = imported(path, *options)
    assert status == 1
    assert "The rows of the kind deposit come to 10000000000.00 together" in errors


def test_another_database_keeps_more(tmp_path, monkeypatch):
    assert largest("postgresql") > 10**14
    monkeypatch.setattr(keepable, "largest", lambda vendor: largest("postgresql"))
    statement = read_file(money(10_000_000_000).html(tmp_path / "report.html"))
    assert len(statement.deals) == 1


@pytest.mark.django_db
def test_a_report_with_a_symbol_too_long_is_refused_whole(tmp_path):
    long = BOUGHT.replace("EURUSD", "E" * 70)
    path = Report(deals=[DEPOSIT, long], positions=[]).html(tmp_path / "report.html")
    status, _, errors = imported(path, "--dry-run")
    assert status == 1
    assert "has 70 letters; expected at most 64" in errors


@pytest.mark.django_db
def test_a_table_shows_its_refused_row_as_a_break_and_totals_without_it():
    account = make_account(owner=make_owner(username="ann"))
    shown = receive_table(CASH.format(symbol="S" * 70), account).preview
    assert shown["lines"]["refused"] == 1
    assert shown["lines"]["booked"] == 2
    assert shown["our_totals"]["balance_operations"] == "900.00"
    assert any(
        "Row 3: the symbol 'SSSSSSSSSSSSSSSSSSSS'... has 70" in text for text in shown["breaks"]
    )
    assert any("The running balance moves by 5.00 that no row" in text for text in shown["breaks"])


def test_an_unreadable_row_of_a_table_is_a_break(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(CASH.format(symbol="AAPL").replace(",5.00,", ",1E+999999,"))
    statement = keepable.kept(mapping.read(path, mapping.suggest_file(path)))
    assert [line.row for line in statement.refusals] == [3]
    assert statement.our_totals["balance_operations"] == 900


def test_what_can_be_kept_stays_as_it_is(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(CASH.format(symbol="AAPL"))
    statement = mapping.read(path, mapping.suggest_file(path))
    assert keepable.kept(statement) is statement
    assert (len(statement.deals), statement.refusals) == (3, [])


def test_a_sum_of_losses_counts_as_one_of_gains(monkeypatch, tmp_path):
    monkeypatch.setattr(keepable, "largest", lambda vendor: 1500)
    path = tmp_path / "table.csv"
    path.write_text("Date,Type,Amount\n" + "2025-03-01 10:00:00,Withdrawal,-1000.00\n" * 2)
    with pytest.raises(NotAStatement, match="kind withdrawal come to -2000.00 together"):
        keepable.kept(mapping.read(path, mapping.suggest_file(path)))


@pytest.mark.django_db
@pytest.mark.parametrize("options", [("--dry-run",), ("--yes", "--open")])
def test_a_currency_that_is_none_is_one_sentence_before_anything_is_asked(tmp_path, options):
    make_owner(username="ann")
    path = Report(account="12345 (USDT, Some Server-Demo, demo, Hedge)").html(tmp_path / "r.html")
    status, shown, errors = imported(path, *options)
    assert (status, shown) == (1, [])
    assert errors == (
        f"{path}: The currency of the account is 'USDT'; expected three letters such as USD.\n"
    )


def test_a_deal_that_is_still_to_come_refuses_its_report(tmp_path):
    rows = [DEPOSIT, *(row.replace("2024.01.", "2924.01.") for row in (BOUGHT, SOLD))]
    path = Report(deals=rows, positions=[]).html(tmp_path / "report.html")
    with pytest.raises(
        NotAStatement, match="the time is 2924.01.02 10:00:00, which is still to come"
    ):
        read_file(path)


def test_a_row_on_a_clock_ahead_of_ours_has_happened(tmp_path, monkeypatch):
    at = dt.datetime(2024, 1, 2, 20, tzinfo=dt.UTC)  # 10:00 of the next day is 14 hours ahead
    monkeypatch.setattr(keepable.timezone, "now", lambda: at)
    rows = [DEPOSIT.replace("01.02 09", "01.03 10")]
    report = Report(deals=rows, positions=[], summary=(), results=())
    assert len(read_file(report.html(tmp_path / "report.html")).deals) == 1


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_later_file_that_makes_the_balance_too_large_is_refused(tmp_path):
    make_owner(username="ann")
    first, later = money(5_000_000_000), money(5_000_000_000, 4_900_000_000)
    later.deals = [later.deals[1].replace("01.02", "01.03")]
    assert imported(first.html(tmp_path / "first.html"), "--yes", "--open")[0] == 0
    path = later.html(tmp_path / "later.html")
    for option in ("--dry-run", "--yes"):
        status, _, errors = imported(path, option)
        assert status == 1
        assert "the balance of account 12345 would be 9900000000" in errors
    assert Deal.objects.count() == 1
