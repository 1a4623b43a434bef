"""Our own template: written, filled in by a person, read back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from accounts.statements import base, spreadsheet
from accounts.statements.base import NotAStatement, Statement
from accounts.statements.cells import csv_rows, xlsx_rows
from accounts.statements.spreadsheet_template import write_template

TRADES = "Open time;Close time;Symbol;Side;Volume;Open price;Close price;Profit before costs;Swap;Ticket\n"
DEALS = "Time;Type;Symbol;Volume;Price;Profit before costs;Swap;Commission (minus = cost);Deal id;Comment\n"


def at(day: int, hour: int = 10) -> dt.datetime:
    return dt.datetime(2026, 1, day, hour)  # noqa: DTZ001 - as a spreadsheet holds it


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.xlsx"
    write_template(path)
    return path


def filled(template: Path, **rows: list[list[object]]) -> Statement:
    """Read the template with rows typed below the example of each sheet, and account values."""
    book = load_workbook(template)
    for name, values in rows.items():
        first = 1 if name == "Account" else 3
        for number, row in enumerate(values, first):
            for index, value in enumerate(row, 1):
                book[name].cell(number, index, value)
    book.save(template)
    return spreadsheet.read(template)


def from_csv(tmp_path: Path, text: str) -> Statement:
    path = tmp_path / "statement.csv"
    path.write_text(text, encoding="utf-8")
    return spreadsheet.read(path)


def test_template_is_recognised_and_empty(template):
    assert spreadsheet.recognise([cells for _, cells in islice(xlsx_rows(template), 500)])
    statement = spreadsheet.read(template)
    assert (statement.deals, statement.refusals, statement.breaks) == ([], [], [])


def test_template_explains_itself(template):
    book = load_workbook(template)
    assert book.sheetnames == ["Read me", "Account", "Trades", "Deals"]
    words = " ".join(str(cell.value) for row in book["Read me"].iter_rows() for cell in row)
    assert "withdrawal" in words
    assert "EXAMPLE" in words


def test_account_trades_and_deals_are_read(template):
    statement = filled(
        template,
        Account=[
            ["Account number", "0012345"],
            ["Currency", "eur"],
            ["Broker", "Some Broker"],
            ["Name", "A Trader"],
            ["Server", ""],
            ["Time zone", "Europe/Athens"],
            ["Leverage", "1:30"],
            ["Margin mode", "hedging"],
            ["Kind", "live"],
            ["Balance", 1011.45],
        ],
        Trades=[
            [at(2), at(3), "EURUSD", "Buy", 0.1, 1.1, 1.2, 12.5, -0.35, -0.7, None, "77"],
            [at(4), None, "EURUSD", "sell", 0.2, 1.1, 1.2, -5],
        ],
        Deals=[[at(1), "deposit", None, None, None, 1000]],
    )
    account = statement.account
    assert (account.number, account.currency, account.leverage) == ("0012345", "EUR", 30)
    assert (account.margin_mode, account.kind, statement.time_zone) == (
        "hedging",
        "live",
        "Europe/Athens",
    )
    assert [deal.broker_deal_id for deal in statement.deals] == ["", "77:open", "77:close", ""]
    assert statement.our_totals["net_profit"] == Decimal("11.45")
    assert statement.our_totals["balance"] == statement.file_totals["balance"]
    assert statement.open_positions[0].profit == -5
    assert statement.open_positions[0].position_ref == statement.deals[-1].position_ref
    assert statement.breaks == []
    assert statement.starts_at_beginning


@pytest.mark.parametrize(
    ("word", "amount", "kind"),
    [
        ("Deposit", 100, base.DEPOSIT),
        ("withdrawal", -100, base.WITHDRAWAL),
        ("Credit", 50, base.CREDIT),
        ("swap", -1.5, base.SWAP),
        ("commission", -2, base.COMMISSION),
        ("fee", -2, base.FEE),
        ("interest", 0.5, base.INTEREST),
        ("dividend", 3, base.DIVIDEND),
        ("tax", -3, base.TAX),
        ("bonus", 30, base.BONUS),
        ("correction", -0.01, base.CORRECTION),
        ("compensation", 4, base.COMPENSATION),
        ("transfer", -40, base.TRANSFER),
    ],
)
def test_each_type_of_the_instructions_is_known(template, word, amount, kind):
    deal = filled(template, Deals=[[at(1), word, None, None, None, amount]]).deals[0]
    assert (deal.kind, deal.amount) == (kind, Decimal(str(amount)))


def test_executions_stand_in_deals(template):
    statement = filled(
        template,
        Deals=[
            [at(1), "buy", "EURUSD", 0.1, 1.1, None, None, -0.7, None, None, "1", "9", None, "in"],
            [at(2), "sell", "EURUSD", 0.1, 1.2, 10, -0.3, -0.7, None, None, "2", "9", None, "out"],
        ],
    )
    first, second = statement.deals
    assert (first.broker_deal_id, first.position_ref, first.entry) == ("1", "9", "in")
    assert second.amount == Decimal("9.0")
    assert statement.our_totals["closed_trades"] == 1


def test_unknown_type_refuses_its_row(template):
    statement = filled(template, Deals=[[at(1), "barter", None, None, None, 500]])
    assert "found type 'barter'" in statement.refusals[0].reason


def test_incomplete_trade_refuses_its_row(template):
    statement = filled(template, Trades=[[at(2), at(3), None, "Buy", 0.1, 1.1, 1.2, 12.5]])
    assert "the symbol is empty" in statement.refusals[0].reason
    assert statement.our_totals["net_profit"] == 0


def test_balance_that_differs_is_a_break(template):
    statement = filled(
        template,
        Account=[["Balance", 900]],
        Deals=[[at(1), "deposit", None, None, None, 1000]],
    )
    assert statement.breaks == [
        "Balance: the file prints 900, its rows give 1000 (difference -100)."
    ]


def test_rows_without_their_beginning_have_an_opening_balance(template):
    trade = [at(2), at(3), "EURUSD", "Buy", 0.1, 1.1, 1.2, 12.5]
    statement = filled(template, Account=[["Balance", 512.5]], Trades=[trade])
    assert statement.our_totals["opening_balance"] == 500
    assert not statement.starts_at_beginning


def test_trades_without_tickets_have_no_id_but_hold_together(template):
    trade = [at(2), at(3), "EURUSD", "Buy", 0.1, 1.1, 1.2, 12.5]
    statement = filled(template, Trades=[trade, trade])
    assert {deal.broker_deal_id for deal in statement.deals} == {""}
    refs = [deal.position_ref for deal in statement.deals]
    assert len(set(refs)) == 2
    assert statement.our_totals["net_profit"] == 25


def test_csv_with_the_same_headings_is_read(tmp_path):
    text = (
        "Account number;777\nCurrency;USD\n\n"
        + TRADES
        + "2026-01-02 10:00;2026-01-03 10:00;EURUSD;Buy;"
        "0.10;1.10000;1.20000;10.00;-0.50;5\n"
    )
    path = tmp_path / "statement.csv"
    path.write_text(text)
    assert spreadsheet.recognise(list(csv_rows(path)))
    statement = spreadsheet.read(path)
    assert (statement.account.number, statement.account.currency) == ("777", "USD")
    assert statement.our_totals["net_profit"] == Decimal("9.50")


def test_decimal_comma_and_dates_with_points_are_read(tmp_path):
    statement = from_csv(
        tmp_path,
        DEALS + "31.01.2026 10:00;deposit;;;;1.000,50;;;;\n01.02.2026 10:00;fee;;;;-1,00;;;;\n",
    )
    assert statement.our_totals["deposits"] == Decimal("1000.50")
    assert statement.period_from == "2026.01.31 10:00:00"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("02/03/2026 10:00;deposit;;;;100;;;;\n", "whether the day or the month comes first"),
        ("2026-02-03 10:00;deposit;;;;1,000;;;;\n", "can be read in two ways"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path, row, sentence):
    with pytest.raises(NotAStatement, match=sentence):
        from_csv(tmp_path, DEALS + row)


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Currency", "Euro", "expected three letters"),
        ("Time zone", "Mars/Base", "expected a name such as"),
        ("Margin mode", "sometimes", "expected hedging or netting"),
        ("Balance", "plenty", "balance or equity: found 'plenty'"),
    ],
)
def test_impossible_account_is_refused_with_what_was_expected(tmp_path, label, value, sentence):
    with pytest.raises(NotAStatement, match=sentence):
        from_csv(tmp_path, f"{label};{value}\n\n{DEALS}2026-02-03 10:00;deposit;;;;100;;;;\n")


@pytest.mark.parametrize("amount", ["1E+999999", "٣٫٥", "9" * 400, "=1+1"])
def test_impossible_amount_refuses_its_row(tmp_path, amount):
    statement = from_csv(
        tmp_path,
        f"{DEALS}2026-02-03 10:00;deposit;;;;{amount};;;;\n2026-02-04 10:00;deposit;;;;5;;;;\n",
    )
    assert statement.refusals[0].row == 2
    assert "profit: found" in statement.refusals[0].reason
    assert statement.our_totals["deposits"] == 5


def test_formula_in_a_comment_is_text(tmp_path):
    statement = from_csv(tmp_path, DEALS + '2026-02-03 10:00;deposit;;;;100;;;;"=HYPERLINK(1)"\n')
    assert statement.deals[0].comment == "=HYPERLINK(1)"


def test_columns_may_stand_in_any_order_on_one_sheet(tmp_path):
    book = Workbook()
    book.active.append(["Currency", "CHF"])
    book.active.append([])
    book.active.append(["Comment", "Profit before costs", "Type", "Time"])
    book.active.append(["first", 250, "deposit", at(5)])
    path = tmp_path / "own.xlsx"
    book.save(path)
    statement = spreadsheet.read(path)
    assert statement.account.currency == "CHF"
    assert statement.deals[0].profit == 250
    assert statement.deals[0].comment == "first"


def test_table_of_another_broker_is_not_taken_for_the_template(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("Time;Type;Symbol;Volume;Price;Profit\n2026-01-01 10:00;buy;ES;1;10;5\n")
    assert not spreadsheet.recognise(list(csv_rows(path)))


def test_withdrawals_that_are_all_positive_are_money_that_leaves(tmp_path):
    rows = (
        "2026-01-01 10:00;deposit;;;;1000;;;;\n2026-01-02 10:00;withdrawal;;;;300;;;;\n"
        "2026-01-03 10:00;withdrawal;;;;200;;;;\n"
    )
    statement = from_csv(tmp_path, DEALS + rows)
    assert statement.our_totals["withdrawals"] == -500
    mixed = from_csv(tmp_path, DEALS + rows.replace("200", "-200"))
    assert [line.row for line in mixed.refusals] == [3]


def test_headings_out_of_place_in_the_template_are_refused_not_passed_over(tmp_path):
    row = "2026-01-15 10:00:00;2026-01-15 11:00:00;EURUSD;buy;0.10;1.1;1.101;10;0;1\n"
    others = "Symbol;Volume;Side;Open time;Close time;Swap;Ticket\n"
    statement = from_csv(tmp_path, TRADES + row + others)
    assert [line.row for line in statement.refusals] == [3]
