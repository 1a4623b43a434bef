"""Exports hold what is shown: the whole filter, its columns and order, true numbers, harmless text."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from tests.factories import make_owner
from tests.reports.books import make_books
from tradershub.core.models import Preference
from tradershub.core.spreadsheets import safe_text

pytestmark = pytest.mark.django_db


def read_csv(response) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_csv_has_every_row_of_the_filter_not_only_the_page(page, books):
    pk = books.accounts[0].pk
    rows = read_csv(page("/reports/trades/trades.csv", account=pk, size="25"))
    shown = page("/reports/trades/", account=pk).context["tables"]["trades"]
    assert len(rows) - 1 == shown.total > 25
    assert rows[0] == [column.label for column in shown.columns]


def test_columns_and_order_are_those_shown(page, books):
    query = {"trades.cols": ["symbol_name", "net"], "trades.sort": "-net"}
    head, *rows = read_csv(page("/reports/trades/trades.csv", **query))
    assert head == ["Symbol", "Net"]
    values = [Decimal(row[1]) for row in rows]
    assert values == sorted(values, reverse=True)


def test_a_workbook_has_true_numbers_and_dates(page, books):
    query = {"trades.cols": ["closed_at", "net"], "account": books.accounts[0].pk}
    response = page("/reports/trades/trades.xlsx", **query)
    sheet = load_workbook(io.BytesIO(response.content)).active
    (_, first) = sheet.iter_rows(values_only=True, max_row=2)
    assert isinstance(first[0], dt.datetime) and isinstance(first[1], float)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        " =1",
        "\r=1",
        "＝1",
        "＋1",
        "－1",
        "＠A",
    ],
)
def test_text_that_would_run_as_a_formula_is_escaped(text):
    assert safe_text(text) == f"'{text}"


def test_money_has_its_currencys_digits_and_more_only_where_it_has_more(page, books):
    query = {"deals.cols": ["amount"], "account": books.accounts[0].pk}
    deals = books.accounts[0].deals
    for amount, exact in (("1", "1.00"), ("1.5", "1.50"), ("1.234", "1.234")):
        deals.filter(kind="deposit").update(amount=Decimal(amount), profit=Decimal(amount))
        rows = read_csv(page("/reports/statement/deals.csv", **query))
        assert [exact] in rows
        assert not any(cell.endswith("000") for row in rows for cell in row)


def test_a_formula_in_a_comment_stays_text(page, books):
    deal = books.accounts[0].deals.first()
    type(deal).objects.filter(pk=deal.pk).update(comment='=HYPERLINK("http://evil")')
    rows = read_csv(page("/reports/statement/deals.csv", account=books.accounts[0].pk))
    assert any("'=HYPERLINK" in cell for row in rows for cell in row)
    book = page("/reports/statement/deals.xlsx", account=books.accounts[0].pk)
    cells = load_workbook(io.BytesIO(book.content)).active.iter_rows()
    assert not any(cell.data_type == "f" for row in cells for cell in row)


def test_another_persons_account_cannot_be_exported(page, books):
    stranger = make_books(make_owner(), days=5).accounts[0]
    assert page(f"/reports/account/{stranger.pk}/positions.csv").status_code == 404
    rows = read_csv(
        page("/reports/trades/trades.csv", account=stranger.pk, **{"trades.cols": "account"})
    )
    assert {row[0] for row in rows[1:]} == {"Swing", "Day trades", "Tokyo"}
    assert len(rows) - 1 < 3 * 45


def test_an_unknown_table_or_form_is_not_found(page, books):
    assert page("/reports/trades/nothing.csv").status_code == 404
    assert page("/reports/trades/trades.pdf").status_code == 404


def test_unknown_values_are_empty_in_the_file(page, books):
    rows = read_csv(page("/reports/positions/positions.csv", **{"positions.cols": "take_profit"}))
    assert rows == [["Target"], [""], [""], [""]]


def test_times_in_files_are_in_the_persons_zone_as_on_the_page(page, books):
    Preference.objects.filter(owner=books.owner).update(time_zone="Asia/Tokyo")
    query = {"account": books.accounts[0].pk, "trades.cols": "closed_at"}
    shown = page("/reports/trades/", **query).context["tables"]["trades"].rows[0][0].text
    rows = read_csv(page("/reports/trades/trades.csv", **query))
    assert rows[1][0] == f"{shown}+09:00"
    book = page("/reports/trades/trades.xlsx", **query)
    cell = load_workbook(io.BytesIO(book.content)).active["A2"].value
    assert f"{cell:%Y-%m-%d %H:%M:%S}" == shown
