"""MT4 statements: rows told apart by shape, tickets chained to positions, totals checked."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from openpyxl import Workbook

from accounts.statements import base, mt4
from accounts.statements.base import NotAStatement, Statement
from accounts.statements.cells import csv_rows, html_rows, xlsx_rows
from accounts.statements.reading import read_statement
from tests.accounts.statements.mt4_pages import (
    ENGLISH,
    RENAMED,
    Page,
    cancelled,
    figures,
    money,
    row,
    trade,
    wide,
    working,
)

SAMPLES = os.environ.get("TRADERSHUB_STATEMENTS", "")
KEYS = {
    "closed_trades": "closed_trades",
    "sum_commission": "commission",
    "sum_swap": "swap",
    "sum_profit": "profit",
    "closed_pl": "net_profit",
    "deposit_withdrawal": "balance_operations",
    "floating_pl": "floating",
    "open": "open_positions",
}


def small_page(**changes: object) -> Page:
    """A deposit of 1000 and a trade that made 8.50 net."""
    settings: dict[str, object] = {
        "closed": [money(1, "1 000.00", "Deposit"), trade(2, "-1.00 0.00 -0.50 10.00")],
        "sums": ("-1.00", "0.00", "-0.50", "10.00"),
        "deposit": "1 000.00",
        "result": "8.50",
        "balance": "1 008.50",
        "equity": "1 008.50",
    }
    return Page(**(settings | changes))  # type: ignore[arg-type]


def read(page: Page, tmp_path: Path, encoding: str = "utf-8") -> Statement:
    return mt4.read(page.write(tmp_path / "statement.htm", encoding))


def by_id(statement: Statement) -> dict[str, base.DealLine]:
    return {deal.broker_deal_id: deal for deal in statement.deals}


def test_closed_ticket_becomes_an_opening_without_money_and_a_closing_with_all_of_it(tmp_path):
    deals = by_id(read(small_page(), tmp_path))
    opening, closing = deals["2:open"], deals["2:close"]
    assert (opening.entry, opening.side, opening.volume) == ("in", "buy", Decimal("0.10"))
    assert (opening.amount, opening.inferred, opening.position_ref) == (0, False, "2")
    assert (closing.entry, closing.side, closing.price) == ("out", "sell", Decimal("1.10100"))
    assert closing.amount == Decimal("8.50")
    assert closing.time_text == "2024.02.02 11:00:00"


def test_heading_names_account_broker_and_time_of_print(tmp_path):
    statement = read(small_page(), tmp_path)
    account = statement.account
    assert (account.number, account.currency, account.leverage) == ("4711", "USD", 200)
    assert (account.name, account.broker) == ("A Trader", "Some Broker Ltd")
    assert statement.printed_at == "2024 March 1, 10:00"


def test_company_is_found_behind_what_a_browser_adds(tmp_path):
    html = small_page().html()
    added = html.replace("<body>", "<body><script>write('<table>')</script><!-- <table> -->")
    assert added != html
    path = tmp_path / "saved.htm"
    path.write_text(added)
    assert mt4.read(path).account.broker == "Some Broker Ltd"


def test_missing_cells_of_the_heading_are_empty(tmp_path):
    html = small_page().html()
    for text in (
        "Statement: 4711 - A Trader",
        "Account: 4711",
        "Name: A Trader",
        "Leverage: 1:200",
    ):
        html = html.replace(text, text.partition(":")[0])
    path = tmp_path / "statement.htm"
    path.write_text(html)
    account = mt4.read(path).account
    assert (account.number, account.name, account.leverage) == ("", "", None)
    assert account.currency == "USD"


@pytest.mark.parametrize("name", ["LEE", "12345"])
def test_a_name_in_capitals_is_not_the_currency(tmp_path, name):
    path = tmp_path / "statement.htm"
    path.write_text(small_page().html().replace("Name: A Trader", f"Name: {name}"))
    account = mt4.read(path).account
    assert (account.number, account.name, account.currency) == ("4711", name, "USD")


@pytest.mark.parametrize("currency", ["USDT", "mBTC"])
def test_a_currency_of_more_than_three_letters_is_kept(tmp_path, currency):
    assert read(small_page(currency=currency), tmp_path).account.currency == currency


def test_a_heading_with_chinese_colons_is_read(tmp_path):
    html = small_page().html()
    for label, chinese in (
        ("Account", "账户"),
        ("Name", "名称"),
        ("Currency", "货币"),
        ("Leverage", "杠杆"),
    ):
        html = html.replace(f"{label}: ", f"{chinese}：")
    path = tmp_path / "statement.htm"
    path.write_bytes(html.encode("gbk"))
    account = mt4.read(path).account
    assert (account.number, account.name) == ("4711", "A Trader")
    assert (account.currency, account.leverage) == ("USD", 200)


def test_renamed_labels_change_nothing(tmp_path):
    page = small_page(labels=RENAMED)
    assert mt4.recognise(list(html_rows(page.write(tmp_path / "a.htm", "cp1252"))))
    ours, theirs = read(page, tmp_path, "cp1252"), read(small_page(), tmp_path)
    assert ours.file_totals == theirs.file_totals
    assert ours.our_totals == theirs.our_totals
    assert ours.deals == theirs.deals


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gbk", "cp1251"])
def test_any_code_page_is_read(tmp_path, encoding):
    statement = read(small_page(), tmp_path, encoding)
    assert statement.our_totals["net_profit"] == Decimal("8.50")


def test_newest_first_gives_the_same_deals_in_order_of_time(tmp_path):
    page = small_page()
    page.closed.reverse()
    deals = read(page, tmp_path).deals
    assert [deal.broker_deal_id for deal in deals] == ["1", "2:open", "2:close"]


def test_empty_statement_is_a_statement(tmp_path):
    page = Page(balance="500.00", equity="500.00")
    path = page.write(tmp_path / "statement.htm")
    assert mt4.recognise(list(islice(html_rows(path), 20)))
    statement = mt4.read(path)
    assert statement.deals == []
    assert statement.our_totals["opening_balance"] == 500
    assert not statement.starts_at_beginning


@pytest.mark.parametrize(
    ("comment", "amount", "kind"),
    [
        ("Deposit", "10.00", base.DEPOSIT),
        ("whatever they call it", "10.00", base.DEPOSIT),
        ("whatever they call it", "-10.00", base.WITHDRAWAL),
        ("Interest", "-0.02", base.INTEREST),
        ("Financing", "-2.46", base.SWAP),
        ("Dividend #15", "0.40", base.DIVIDEND),
        ("IntrFr 4571918", "4.80", base.TRANSFER),
        ("Trading compensation", "-1.62", base.COMPENSATION),
        ("Summary balance result 2013", "365.47", base.ARCHIVE),
        ("Welcome Bonus", "30.00", base.BONUS),
        ("Withdrawal fee", "-1.00", base.FEE),
        ("Balance update", "-5.00", base.CORRECTION),
    ],
)
def test_balance_rows_are_told_apart_by_their_comment(tmp_path, comment, amount, kind):
    rows = [money(1, "100.00", "Deposit", time="2024.01.01 00:00:00"), money(2, amount, comment)]
    statement = read(Page(closed=rows, balance="0.00", equity="0.00"), tmp_path)
    assert by_id(statement)["2"].kind == kind
    assert statement.our_totals["balance_operations"] == 100 + Decimal(amount)


def test_credit_is_kept_apart_from_balance_operations(tmp_path):
    page = small_page(credit="50.00", equity="1 058.50")
    page.closed.append(money(3, "50.00", "Credit In", word="credit"))
    statement = read(page, tmp_path)
    assert by_id(statement)["3"].kind == base.CREDIT
    assert statement.our_totals["credit"] == 50
    assert statement.our_totals["balance_operations"] == 1000
    assert statement.breaks == []


def test_partial_closes_are_one_position(tmp_path):
    page = small_page(sums=("-1.00", "0.00", "-0.50", "16.00"), result="14.50")
    page.closed[1] = trade(2, "-1.00 0.00 -0.50 10.00", title="to #5", volume="0.06")
    page.closed.append(
        trade(
            5, "0.00 0.00 0.00 6.00", title="#77 to #9", closed="2024.02.03 11:00:00", volume="0.03"
        )
    )
    page.open = [trade(9, "0.00 0.00 -0.10 2.00", title="from #5", closed="", volume="0.01")]
    page.balance, page.equity, page.floating = "1 014.50", "1 016.40", "1.90"
    statement = read(page, tmp_path)
    deals = by_id(statement)
    assert deals["2:open"].volume == Decimal("0.10")
    assert not deals["2:open"].inferred
    assert {deal.position_ref for deal in statement.deals if deal.kind == base.TRADE} == {"2"}
    assert statement.open_positions[0].position_ref == "2"
    assert statement.our_totals["open_positions"] == 1
    assert statement.breaks == []


def test_chain_without_its_first_ticket_is_inferred(tmp_path):
    page = small_page()
    page.closed[1] = trade(7, "-1.00 0.00 -0.50 10.00", title="from #3[sl]")
    deals = by_id(read(page, tmp_path))
    assert deals["3:open"].inferred
    assert deals["7:close"].position_ref == "3"


def test_chain_whose_rest_is_not_in_the_file_is_inferred(tmp_path):
    page = small_page()
    page.closed[1] = trade(7, "-1.00 0.00 -0.50 10.00", title="to #8")
    assert by_id(read(page, tmp_path))["7:open"].inferred


def test_comment_of_another_holding_links_nothing(tmp_path):
    page = small_page(sums=("-1.00", "0.00", "-0.50", "11.00"), result="9.50", balance="1 009.50")
    page.equity = page.balance
    page.closed.append(trade(8, "0 0 0 1.00", title="from #2", symbol="gbpusd"))
    assert by_id(read(page, tmp_path))["8:close"].position_ref == "8"


def test_close_by_an_opposite_ticket_takes_its_volume(tmp_path):
    page = small_page()
    page.closed[1] = trade(2, "-1.00 0.00 -0.50 10.00", title="close hedge by #4")
    page.closed.append(
        trade(4, "0 0 0 0.00", title="close hedge by #2", side="sell", volume="0.00")
    )
    page.closed.append(trade(6, "0 0 0 0.00", title="partial close", side="sell", volume="0.20"))
    deals = by_id(read(page, tmp_path))
    assert (deals["2:close"].entry, deals["4:close"].entry) == ("out_by", "out_by")
    assert deals["4:close"].volume == Decimal("0.10")
    assert deals["4:open"].volume == Decimal("0.30")
    assert deals["6:close"].position_ref == "4"


def test_archived_trades_count_as_the_platform_counts_but_hold_nothing(tmp_path):
    page = small_page()
    page.closed[1] = trade(
        2,
        "-1.00 0.00 -0.50 10.00",
        title="Summary trade result Q4 2013",
        symbol="profit",
        price="0.00000",
        close_price="0.00000",
    )
    statement = read(page, tmp_path)
    deal = by_id(statement)["2"]
    assert (deal.kind, deal.symbol, deal.volume) == (base.ARCHIVE, "", None)
    assert statement.our_totals["closed_trades"] == 1
    assert statement.our_totals["net_profit"] == Decimal("8.50")


def test_pending_orders_are_orders_and_no_money(tmp_path):
    page = small_page()
    page.closed += [cancelled(3), cancelled(4, "deleted [no money]"), cancelled(5, "expiration")]
    page.working = [working(6)]
    statement = read(page, tmp_path)
    states = {order.order_id: order.state for order in statement.orders}
    assert states == {"3": "canceled", "4": "canceled", "5": "expired", "6": "placed"}
    assert statement.orders[0].type == "stop"
    assert statement.orders[0].side == "sell"
    assert statement.orders[3].stop_loss == Decimal("1.04000")
    assert len(statement.deals) == 3


def test_comment_row_of_a_detailed_statement_belongs_to_the_row_above(tmp_path):
    page = small_page()
    page.closed.append("<tr><td colspan=9>&nbsp;</td><td>77</td><td colspan=3>my robot</td></tr>")
    assert by_id(read(page, tmp_path))["2:close"].comment == "my robot"


def test_yen_has_no_decimals(tmp_path):
    page = small_page(
        currency="JPY",
        closed=[money(1, "200 000", "Deposit"), trade(2, "0 0 -74 -3 133")],
        deposit="200 000",
    )
    page.closed[1] = page.closed[1].replace("<td class=mspt>-3</td><td class=mspt>133</td>", "")
    page.closed[1] = page.closed[1].removesuffix("</tr>") + "<td>-3 133</td></tr>"
    page.sums, page.result = ("0", "0", "-74", "-3 133"), "-3 207"
    page.balance = page.equity = "196 793"
    statement = read(page, tmp_path)
    assert statement.our_totals["net_profit"] == -3207
    assert statement.breaks == []


def test_taxes_are_money_of_the_trade(tmp_path):
    page = small_page(sums=("-1.00", "-2.00", "-0.50", "10.00"), result="6.50", balance="1 006.50")
    page.equity = page.balance
    page.closed[1] = trade(2, "-1.00 -2.00 -0.50 10.00")
    statement = read(page, tmp_path)
    assert by_id(statement)["2:close"].tax == -2
    assert statement.our_totals["fee"] == statement.file_totals["fee"] == -2
    assert statement.breaks == []


def test_details_are_totals_too(tmp_path):
    rows = figures(["Gross Profit:", "Gross Loss:", "Total Net Profit:"], ("8.50", "0.00", "8.50"))
    rows += (
        "<tr><td colspan=2>Profit Factor:</td><td colspan=2></td><td colspan=4>Expected Payoff:"
        "</td><td>8.50</td><td colspan=5>&nbsp;</td></tr>"
    )
    rows += figures(["Absolute Drawdown:", "Maximal:", "Relative:"], ("0", "0 (0%)", "0% (0)"))
    rows += figures(["Total Trades:", "Short Positions:", "Long:"], ("2", "0 (0%)", "2 (100%)"))
    statement = read(small_page(details=wide("Details:") + rows), tmp_path)
    assert statement.file_totals["gross_profit"] == Decimal("8.50")
    assert statement.file_totals["closed_trades"] == 2
    assert statement.breaks == ["Total trades: the file prints 2, its rows give 1 (difference 1)."]


def test_total_that_the_rows_do_not_explain_is_a_break_with_figures(tmp_path):
    statement = read(small_page(result="9.00"), tmp_path)
    assert "Closed trade P/L: the file prints 9.00, its rows give 8.50 (difference 0.50)." in (
        statement.breaks
    )


def test_extract_has_an_opening_balance(tmp_path):
    page = small_page(deposit="0.00")
    page.closed = page.closed[1:]
    statement = read(page, tmp_path)
    assert statement.our_totals["opening_balance"] == 1000
    assert not statement.starts_at_beginning
    assert statement.breaks == []
    assert "2024 March 1, 10:00" in statement.notes[0]


def test_printed_balance_below_the_rows_is_a_break_not_an_opening(tmp_path):
    statement = read(small_page(balance="900.00", equity="900.00"), tmp_path)
    assert "opening_balance" not in statement.our_totals
    assert statement.starts_at_beginning
    assert "difference -108.50" in statement.breaks[-1]


@pytest.mark.parametrize("end", ["eurusd", "Summary:", "Equity:", "</table>"])
def test_file_that_is_cut_off_is_refused(tmp_path, end):
    html = small_page().html()
    path = tmp_path / "statement.htm"
    path.write_text(html[: html.index(end)])
    with pytest.raises(NotAStatement, match="expected a complete report"):
        mt4.read(path)


@pytest.mark.parametrize("end", ["Summary:", "Balance:"])
def test_statement_without_its_summary_is_refused_even_if_its_table_is_closed(tmp_path, end):
    html = small_page().html()
    path = tmp_path / "statement.htm"
    path.write_text(html[: html.index(end)] + "</td></tr></table>")
    with pytest.raises(NotAStatement, match="Balance, Equity of its summary is missing"):
        mt4.read(path)


@pytest.mark.parametrize("figure", ["1E+999999", "٣٫٥", "9" * 5000, "NaN", "1,5", "abc"])
def test_impossible_figure_refuses_the_file_with_its_row(tmp_path, figure):
    page = small_page()
    page.closed[1] = trade(2, f"-1.00 0.00 -0.50 {figure}")
    with pytest.raises(NotAStatement, match=r"Row 5, amount: found .*expected"):
        read(page, tmp_path)


def test_negative_volume_and_broken_close_time_are_refused(tmp_path):
    page = small_page()
    page.closed[1] = trade(2, "0 0 0 0", volume="-0.10")
    with pytest.raises(NotAStatement, match="the volume is -0.10"):
        read(page, tmp_path)
    page.closed[1] = trade(2, "0 0 0 0", closed="yesterday")
    with pytest.raises(NotAStatement, match="the close time is 'yesterday'"):
        read(page, tmp_path)


def test_rounded_ticket_is_refused(tmp_path):
    page = small_page()
    page.closed[1] = trade(2, "0 0 0 0").replace("<td>2</td>", "<td>1.23E+08</td>")
    with pytest.raises(NotAStatement, match="rounded this number"):
        read(page, tmp_path)


def test_same_ticket_twice_is_refused(tmp_path):
    page = small_page()
    page.closed.append(page.closed[1])
    with pytest.raises(NotAStatement, match="ticket 2 stands in row 5 already"):
        read(page, tmp_path)


def test_row_of_an_unknown_type_is_refused_by_itself(tmp_path):
    page = small_page()
    page.closed.append(trade(9, "0 0 0 0", side="barter"))
    refusal = read(page, tmp_path).refusals[0]
    assert refusal.row == 6
    assert "barter" in refusal.reason


def test_script_in_a_comment_is_text(tmp_path):
    page = small_page()
    page.closed[1] = trade(
        2, "-1.00 0.00 -0.50 10.00", title="&lt;script&gt;alert(1)&lt;/script&gt;"
    )
    assert by_id(read(page, tmp_path))["2:close"].comment == "<script>alert(1)</script>"


def test_strategy_tester_report_is_named_as_what_it_is(tmp_path):
    path = tmp_path / "tester.htm"
    cells = ("1", "2024.01.02 10:00", "buy", "1", "0.10", "1.10000", "0.00000", "0.00000", "", "")
    path.write_text(f"<table>{row('#', 'Time', 'Type')}{row(*cells)}</table>")
    rows = list(html_rows(path))
    assert not mt4.recognise(rows)
    assert "strategy tester" in (mt4.refusal_reason(rows) or "")


def test_manager_report_is_named_as_what_it_is(tmp_path):
    path = tmp_path / "manager.htm"
    heading = "Deal|Login|Name|Open Time|Type|Symbol|Volume|Price|S/L|T/P|Close Time|Price|Reason|"
    cells = "91|4711|A Trader|2024.01.02 10:00|buy|EURUSD|0.1|1|0|0|2024.01.03 10:00|1.1|Client|"
    tail = "Commission|Agent|Swap|Profit", "0|0|0|10.0"
    rows_html = row(*(heading + tail[0]).split("|")) + row(*(cells + tail[1]).split("|"))
    path.write_text(f"<table>{rows_html}</table>")
    rows = list(html_rows(path))
    assert not mt4.recognise(rows)
    assert "several logins" in (mt4.refusal_reason(rows) or "")


def test_statement_is_not_taken_for_another_report(tmp_path):
    rows = list(html_rows(small_page().write(tmp_path / "statement.htm")))
    assert mt4.recognise(rows)
    assert mt4.refusal_reason(rows) is None


def sample_names() -> list[str]:
    if not SAMPLES:
        return []
    totals = json.loads((Path(SAMPLES) / "totals.json").read_text())
    return [name for name in totals if name.startswith("mt4/")]


@pytest.mark.skipif(not SAMPLES, reason="TRADERSHUB_STATEMENTS names no folder")
@pytest.mark.parametrize("name", sample_names() or ["none"])
def test_real_statement_gives_exactly_its_totals(name):
    expected = json.loads((Path(SAMPLES) / "totals.json").read_text())[name]
    statement = mt4.read(Path(SAMPLES) / name)
    for key, ours in KEYS.items():
        assert statement.our_totals[ours] == Decimal(str(expected[key])), key
    for key in ("balance", "equity", "closed_pl", "deposit_withdrawal", "floating_pl"):
        assert statement.file_totals[KEYS.get(key, key)] == Decimal(expected[key]), key
    working_orders = [order for order in statement.orders if order.state == "placed"]
    assert len(working_orders) == expected["working"]
    assert len(statement.orders) - len(working_orders) == expected["cancelled"]
    assert statement.refusals == []
    is_explained = expected["balance"] == str(statement.our_totals["balance"])
    assert (statement.breaks == []) is is_explained


@pytest.mark.skipif(not SAMPLES, reason="TRADERSHUB_STATEMENTS names no folder")
def test_real_report_that_ends_before_its_print_has_one_break():
    statement = mt4.read(Path(SAMPLES) / "mt4/2024-statement-usd-commission.htm")
    assert len(statement.breaks) == 1
    assert "-14030.71" in statement.breaks[0]


@pytest.mark.skipif(not SAMPLES, reason="TRADERSHUB_STATEMENTS names no folder")
def test_real_mt5_reports_are_not_taken_for_mt4():
    for path in sorted((Path(SAMPLES) / "mt5").glob("*.html")):
        assert not mt4.recognise(list(islice(html_rows(path), 60))), path.name


def saved_as_workbook(page: Page, path: Path) -> Path:
    """The page as a spreadsheet program saves it: spanned columns are empty, titles are gone."""
    book = Workbook()
    source = page.write(path.with_suffix(".htm"))
    for cells in html_rows(source):
        texts = [[cell.text or None, *[None] * (cell.colspan - 1)] for cell in cells]
        book.active.append([_typed(text) for part in texts for text in part])
    book.save(path)
    return path


def _typed(text: str | None) -> object:
    try:
        return float((text or "").replace(" ", ""))
    except ValueError:
        return text


def test_page_saved_as_a_workbook_gives_the_same_totals(tmp_path):
    page = small_page(details=wide("Details:"))
    page.closed += [
        cancelled(3),
        "<tr><td colspan=9>&nbsp;</td><td>77</td><td colspan=3>hi</td></tr>",
    ]
    page.open = [trade(9, "0.00 0.00 -0.10 2.00", closed="", volume="0.01")]
    page.working = [working(6)]
    page.floating, page.equity = "1.90", "1 010.40"
    path = saved_as_workbook(page, tmp_path / "statement.xlsx")
    assert mt4.recognise([cells for _, cells in xlsx_rows(path)])
    statement = mt4.read(path)
    assert statement.our_totals == read(page, tmp_path).our_totals
    assert statement.account.number == "4711"
    assert [order.state for order in statement.orders] == ["canceled", "placed"]
    assert statement.breaks == statement.refusals == []


def test_table_of_tickets_without_the_first_line_is_left_to_the_mapper(tmp_path):
    path = tmp_path / "export.csv"
    values = (
        "324200171;2021.04.16 07:49:46;buy;1.00;eurusd;1.1;0;0;2021.04.16 12:01:36;1.2;0;0;0;49.00"
    )
    path.write_text(f"{ENGLISH['columns'].replace('|', ';')}\n{values}\n")
    assert not mt4.recognise(list(csv_rows(path)))


def test_taxes_that_the_rows_do_not_have_are_a_break(tmp_path):
    statement = read(small_page(sums=("-1.00", "-2.00", "-0.50", "10.00")), tmp_path)
    assert statement.breaks == [
        "Taxes of closed trades: the file prints -2.00, its rows give 0 (difference -2.00)."
    ]


def test_a_balance_beyond_the_rows_of_a_file_that_begins_with_a_deposit_is_doubted(tmp_path):
    statement = read(small_page(balance="2 008.50", equity="2 008.50"), tmp_path)
    [note] = statement.notes
    assert "its printed balance is 1000.00 more than its rows give" in note
    assert "or the balance was edited" in note


CONFIRMED = "2024.02.01 10:00|2|buy|0.10|eurusd|1.10000|0.00000|0.00000|2024.02.02 11:00|1.10100|-1.00|0.00|-0.50|10.00"
SUMMARY = (
    ("Closed Trade P/L:", "8.50", "Previous Ledger Balance:", "1 000.00"),
    ("Deposit/Withdrawal:", "0.00", "Previous Equity:", "1 000.00"),
    ("Total Credit Facility:", "0.00", "Balance:", "1 008.50"),
    ("Floating P/L:", "0.00", "Equity:", "1 008.50"),
)


def confirmation(trade_row: str) -> str:
    heading = "<td>A/C No: 4711</td><td>Name: A Trader</td><td>Currency: USD</td><td>2024 February 02, 23:59</td>"
    summary = "".join(
        f"<tr><td>{one}</td><td>{first}</td><td colspan=3>&nbsp;</td><td>{two}</td><td>{second}</td></tr>"
        for one, first, two, second in SUMMARY
    )
    columns = row(*ENGLISH["columns"].split("|"))
    return (
        f"<html><body><table><tr>{heading}</tr>{columns}{row(*trade_row.split('|'))}{summary}</table>"
        "</body></html>"
    )


@pytest.mark.parametrize("is_time_first", [True, False])
def test_confirmation_of_a_server_is_an_extract(tmp_path, is_time_first):
    time, number, rest = CONFIRMED.split("|", 2)
    path = tmp_path / "daily.htm"
    path.write_text(confirmation(CONFIRMED if is_time_first else f"{number}|{time}|{rest}"))
    statement = read_statement(path)
    assert statement.format == "mt4"
    assert by_id(statement)["2:close"].amount == Decimal("8.50")
    assert statement.our_totals["opening_balance"] == 1000
    assert statement.breaks == []


def test_a_ledger_balance_that_the_rows_deny_is_a_break(tmp_path):
    path = tmp_path / "daily.htm"
    page = confirmation(CONFIRMED)
    path.write_text(page.replace(":</td><td>1 000.00", ":</td><td>900.00", 1))
    [sentence] = mt4.read(path).breaks
    assert sentence.startswith(
        "Previous ledger balance: the file prints 900.00, its rows give 1000"
    )
