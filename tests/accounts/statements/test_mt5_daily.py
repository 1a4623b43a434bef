"""Confirmations of an MT5 server: rows in another order of columns, proven by the ledger balance."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts import imports
from accounts.statements import mt5, mt5_daily
from accounts.statements.base import NotAStatement
from accounts.statements.html_table import html_rows
from accounts.statements.reading import read_statement
from tests.accounts.statements.mt5_pages import CLOSED, Report
from tests.factories import make_account, make_broker, make_owner

HEADING = (
    "<tr><td colspan=2>A/C No: <b>12345</b></td><td colspan=6>Name: <b>A Trader</b></td>"
    "<td colspan=3>Currency: <b>USD</b></td><td colspan=2><b>2024.01.03 23:59</b></td></tr>"
)
DEALS = "Open Time|Ticket|Type|Size|Item|Price|Order|Comment|Entry|Commission|Fee|Swap|Profit"
DEPOSIT = "2024.01.02 09:00:00|100|balance||||||| 0.00|0.00|0.00|1 000.00".replace("| 0", "|0")
BOUGHT = "2024.01.02 10:00:00|101|buy|0.10|EURUSD|1.10000|501|EA|in|-0.35|-0.05|0.00|0.00"
SOLD = (
    "2024.01.03 11:00:00|102|sell|0.10|EURUSD|1.10100|502|[tp 1.10100]|out|-0.35|-0.05|-0.20|10.00"
)
HELD = "2024.01.03 12:00:00|503|buy|0.20|EURUSD|1.10000|0.00000|0.00000|1.09950|-0.10|-10.00"
DONE = "2024.01.03 12:00:00|503|buy|0.20 / 0.20|EURUSD|market|0|0|2024.01.03 12:00:00|filled|EA"
WAITS = "2024.01.03 13:00:00|504|buy limit|0.20 / 0.20|EURUSD|1.09|0|0|1.09950|EA"


NAMES = {
    "result": "Closed Trade P/L",
    "before": "Previous Ledger Balance",
    "balance": "Balance",
    "equity": "Equity",
}


def row(text):
    cells = "".join(f"<td>{cell or '&nbsp;'}</td>" for cell in text.split("|"))
    return f"<tr align=right>{cells}</tr>"


def page(deals=(SOLD,), held=(), orders=(), waiting=(), **figures):
    printed = {
        "Closed Trade P/L": "9.45",
        "Previous Ledger Balance": "999.60",
        "Deposit/Withdrawal": "0.00",
        "Previous Equity": "999.60",
        "Total Credit Facility": "0.00",
        "Balance": "1 009.00",
        "Fee": "-0.05",
        "Equity": "1 009.00",
    } | {NAMES[name]: figure for name, figure in figures.items()}
    pairs = list(printed.items())
    summary = "".join(
        f"<tr><td colspan=3>{one[0]}:</td><td>{one[1]}</td><td>&nbsp;</td><td>{two[0]}:</td><td>{two[1]}</td></tr>"
        for one, two in zip(pairs[::2], pairs[1::2], strict=True)
        if one[1] and two[1]
    )
    return (
        "<html><body><div><b>Some Broker Ltd</b></div><table>" + HEADING + row(DEALS)
        + "".join(map(row, (*orders, *deals, *held, *waiting)))
        + "<tr><td colspan=10>&nbsp;</td><td>-0.35</td><td>-0.05</td><td>-0.20</td><td>10.00</td></tr>"
        + summary + "</table></body></html>"
    )  # fmt: skip


def write(tmp_path, text, name="daily.htm"):
    path = tmp_path / name
    path.write_text(text)
    return path


def read(tmp_path, *args, **figures):
    return read_statement(write(tmp_path, page(*args, **figures)))


def test_a_day_is_an_extract_whose_ledger_balance_proves_it(tmp_path):
    statement = read(tmp_path)
    assert statement.format == "mt5_daily"
    account = statement.account
    assert (account.number, account.currency, account.name, account.broker) == (
        "12345", "USD", "A Trader", "Some Broker Ltd",
    )  # fmt: skip
    totals = statement.our_totals
    assert (totals["opening_balance"], totals["balance"]) == (Decimal("999.60"), 1009)
    assert (totals["net_profit"], totals["fee"]) == (Decimal("9.40"), Decimal("-0.05"))
    assert (statement.breaks, statement.starts_at_beginning) == ([], False)


def test_its_deals_are_those_of_the_trade_history_report(tmp_path):
    daily = read(tmp_path, (DEPOSIT, BOUGHT, SOLD), before="0.00")
    history = mt5.read(Report(positions=[CLOSED]).html(tmp_path / "history.html"))
    words = ("row", "position_ref", "comment", "balance_after")
    same = [deal._replace(**dict.fromkeys(words)) for deal in daily.deals]
    assert same == [deal._replace(**dict.fromkeys(words)) for deal in history.deals]
    assert daily.starts_at_beginning


def test_a_cost_column_is_not_taken_for_commission(tmp_path):
    deal = SOLD.replace("|out|", "|out|7.77|")
    assert read(tmp_path, (deal,)).deals[0].commission == Decimal("-0.35")


def test_positions_and_orders_keep_their_figures(tmp_path):
    statement = read(tmp_path, (SOLD,), (HELD,), (DONE,), (WAITS,), equity="998.90")
    [held] = statement.open_positions
    assert (held.position_ref, held.profit, held.swap) == ("503", -10, Decimal("-0.10"))
    assert [(order.order_id, order.state) for order in statement.orders] == [
        ("503", "filled"), ("504", "placed"),
    ]  # fmt: skip
    assert [deal.position_ref for deal in statement.deals if deal.inferred] == ["503"]
    assert statement.breaks == []


def test_a_day_without_transactions_is_read(tmp_path):
    statement = read(tmp_path, (), result="0.00", balance="999.60", equity="999.60")
    assert (statement.deals, statement.our_totals["balance"]) == ([], Decimal("999.60"))


def test_a_balance_that_the_rows_do_not_reach_is_a_break(tmp_path):
    [sentence] = read(tmp_path, balance="1 010.00", equity="1 009.00").breaks
    assert sentence.startswith("Balance: the file prints 1010.00, its rows give 1009.00")


def test_a_deal_that_is_missing_is_a_break(tmp_path):
    assert any(text.startswith("Total net profit") for text in read(tmp_path, ()).breaks)


@pytest.mark.parametrize("figure", ["balance", "before"])
def test_a_file_without_its_summary_is_refused(tmp_path, figure):
    with pytest.raises(NotAStatement, match="cut off"):
        read(tmp_path, **{figure: ""})


@pytest.mark.parametrize(
    "deal", [SOLD.replace("|out|", "|sideways|"), SOLD.replace("|10.00", "|ten"), SOLD + "|1|2"]
)
def test_a_row_that_cannot_be_read_refuses_the_file(tmp_path, deal):
    with pytest.raises(NotAStatement, match="Row 3: "):
        read(tmp_path, (deal,))


def test_other_pages_are_no_confirmation(tmp_path):
    history = Report().html(tmp_path / "history.html")
    assert not mt5_daily.recognise(html_rows(history))
    assert read_statement(history).format == "mt5"


@pytest.mark.django_db
def test_days_in_a_row_and_the_history_book_each_deal_once(tmp_path):
    owner = make_owner()
    account = make_account(
        owner=owner, broker=make_broker(name="Some Broker Ltd"), number="12345", currency="USD"
    )
    first = page((DEPOSIT, BOUGHT), result="-0.35", before="0.00",
                 balance="999.60", equity="999.60")  # fmt: skip
    paths = [
        write(tmp_path, page(), "second.htm"),
        write(tmp_path, first, "first.htm"),
        Report().html(tmp_path / "history.html"),
    ]
    for path in paths:
        [imported] = imports.receive(path, name=path.name, owner=owner, account=account)
        imported = imports.confirm(imported, actor=owner)
        assert imported.state == "booked", imported.reason
    deals = account.deals.all()
    assert sorted(deal.broker_deal_id for deal in deals) == ["100", "101", "102"]
    assert sum(deal.amount for deal in deals) == 1009
    assert imported.preview["lines"]["duplicate"] == 3
    assert not account.positions.filter(closed_at__isnull=True).exists()
