"""Tables whose rows are of several currencies or accounts: never added up, never booked as one."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from django.core.management import call_command

from accounts.statements import mapping, spreadsheet, table_totals
from accounts.statements.base import NotAStatement
from tests.accounts.tables import receive_table
from tests.factories import make_account, make_owner

CASH = """Date,Type,Amount,Currency
2025-03-01 10:00:00,Deposit,1000.00,USD
2025-03-02 10:00:00,Deposit,50000,JPY
2025-03-03 10:00:00,Withdrawal,-100.00,USD
"""
TEMPLATE = """Account number,9
Currency,USD
Broker,Some Broker
Time,Type,Profit before costs,Currency,Comment
2025-03-01 10:00:00,Deposit,1000.00,USD,
2025-03-02 10:00:00,Deposit,50000,JPY,
2025-03-02 11:00:00,Credit,7,jpy,
2025-03-03 10:00:00,Withdrawal,-100.00,usd,
"""
ACCOUNTS = """Date,Account,Type,Amount,Currency
2025-04-01 10:00:00,9000012,Deposit,100.00,USD
2025-04-02 10:00:00,9000017X,Deposit,7000,USD
2025-04-03 10:00:00,9000012,Deposit,5.00,USD
"""


@pytest.fixture
def account():
    return make_account(owner=make_owner(username="ann"), number="9000012", currency="USD")


def write(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path


def test_totals_of_several_currencies_are_kept_apart(tmp_path):
    path = write(tmp_path, CASH)
    statement = mapping.read(path, mapping.suggest_file(path))
    assert statement.account.currency == "USD"
    assert statement.our_totals["deposits"] == 1000
    found = table_totals.by_currency(statement)
    assert {name: totals["deposits"] for name, totals in found.items()} == {
        "USD": Decimal(1000), "JPY": Decimal(50000)
    }  # fmt: skip
    assert found["USD"] == statement.our_totals
    assert found["JPY"].keys() == statement.our_totals.keys()


def test_one_currency_needs_no_totals_by_currency(tmp_path):
    path = write(tmp_path, CASH.replace("JPY", "usd"))
    statement = mapping.read(path, mapping.suggest_file(path))
    assert table_totals.by_currency(statement) == {}
    assert table_totals.other_currency(statement) == ""


@pytest.mark.django_db
def test_a_table_with_rows_in_another_currency_is_refused_before_the_preview(account):
    imported = receive_table(CASH, account)
    assert imported.state == "refused"
    assert imported.reason.startswith("Row 3 is in JPY; expected every row in USD")
    assert not account.deals.exists()


@pytest.mark.django_db
def test_a_table_of_another_currency_than_the_account_is_refused(account):
    imported = receive_table(CASH.replace("USD", "EUR").replace("JPY", "EUR"), account)
    assert imported.state == "refused"
    assert "in EUR" in imported.reason


@pytest.mark.django_db
def test_a_template_of_several_currencies_shows_them_apart_and_is_not_booked(account, tmp_path):
    path, out = write(tmp_path, TEMPLATE), io.StringIO()
    call_command("import_statement", str(path), "--dry-run", "--json", stdout=out)
    shown = json.loads(out.getvalue())
    assert shown["our_totals"]["balance"] == "900.00"
    assert shown["our_totals"]["by_currency"]["JPY"]["deposits"] == "50000"
    assert shown["our_totals"]["by_currency"]["JPY"]["credit"] == "7"
    assert shown["our_totals"]["by_currency"]["USD"]["withdrawals"] == "-100.00"
    assert (
        "Row 6 is in JPY (the first of 2 rows in other currencies); expected every row in USD"
        in shown["breaks"][0]
    )
    err = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("import_statement", str(path), "--yes", "--open", stderr=err)
    assert end.value.code == 1
    assert err.getvalue().count("Row 6 is in JPY") == 1


def test_a_template_without_a_currency_of_its_own_takes_that_of_its_rows(tmp_path):
    text = TEMPLATE.replace("Currency,USD\n", "").replace("jpy", "USD").replace("JPY", "USD")
    statement = spreadsheet.read(write(tmp_path, text))
    assert statement.account.currency == "USD"
    assert table_totals.other_currency(statement) == ""


def test_rows_of_two_accounts_are_refused_with_the_row(tmp_path):
    path = write(tmp_path, ACCOUNTS)
    with pytest.raises(NotAStatement) as refused:
        mapping.read(path, mapping.suggest_file(path))
    assert str(refused.value) == (
        "Row 3 is of account 9000017X, row 2 of account 9000012; expected rows of one account. "
        "Split the file by account."
    )


@pytest.mark.django_db
def test_an_unreadable_row_of_another_account_is_another_accounts_all_the_same(account):
    imported = receive_table(ACCOUNTS.replace("7000", "1E+99"), account)
    assert imported.state == "refused"
    assert "9000017X" in imported.reason
