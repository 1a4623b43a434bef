"""An MT5 HTML report is believable when a reader that knows only the page can prove every printed total."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.example import reading
from tests.example.reading import after, money, section
from tradershub.example import labels, mt5_html, story


@pytest.fixture(params=["dollar_report", "euro_report"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> reading.Rows:
    report = request.getfixturevalue(request.param)
    return reading.mt5_html(mt5_html.write(report, tmp_path / "report.html"))


def deals_of(rows: reading.Rows) -> reading.Rows:
    return section(rows, "Deals", 14)


def trade_deals(rows: reading.Rows) -> reading.Rows:
    return [row for row in deals_of(rows) if row[3] in ("buy", "sell")]


def test_bytes_are_utf16_with_bom_and_windows_line_ends(dollar_report, tmp_path: Path):
    data = mt5_html.write(dollar_report, tmp_path / "report.html").read_bytes()
    text = data.decode("utf-16")
    assert data.startswith(b"\xff\xfe")
    assert "\ufeff" not in text
    assert text.count("\r\n") == text.count("\n") > 1000


def test_each_deal_continues_the_running_balance(rows: reading.Rows):
    balance = 0
    for row in deals_of(rows):
        balance += sum(map(money, row[8:12]))
        assert money(row[12]) == balance, row
    assert money(after(rows, "Balance:")) == balance


def test_totals_row_is_the_sum_of_the_deals(rows: reading.Rows):
    deals = deals_of(rows)
    totals = next(row for row in rows if len(row) == 7 and not row[0] and not row[-1])
    for column in range(4):
        assert money(totals[1 + column]) == sum(money(row[8 + column]) for row in deals)
    assert totals[5] == deals[-1][12]


def test_net_profit_and_its_halves_follow_from_the_trade_deals(rows: reading.Rows):
    results = [sum(map(money, row[8:12])) for row in trade_deals(rows)]
    assert money(after(rows, "Total Net Profit:")) == sum(results)
    assert money(after(rows, "Gross Profit:")) == sum(r for r in results if r > 0)
    assert money(after(rows, "Gross Loss:")) == sum(r for r in results if r < 0)


def test_trades_are_counted_by_closing_deals_and_split_by_side(rows: reading.Rows):
    closings = [row for row in trade_deals(rows) if row[4] in ("out", "in/out")]
    shorts = [row for row in closings if row[3] == "buy"]
    assert int(after(rows, "Total Trades:")) == len(closings)
    assert after(rows, "Short Trades (won %):").startswith(f"{len(shorts)} (")
    assert after(rows, "Long Trades (won %):").startswith(f"{len(closings) - len(shorts)} (")


def test_equity_is_balance_credit_floating_and_open_swap(rows: reading.Rows):
    opened = section(rows, "Open Positions", 12)
    swap, profit = (sum(money(row[column]) for row in opened) for column in (9, 10))
    assert money(after(rows, "Floating P/L:")) == profit
    printed = [money(after(rows, label)) for label in ("Balance:", "Credit Facility:")]
    assert money(after(rows, "Equity:")) == sum(printed) + profit + swap
    margin, free = (money(after(rows, label)) for label in ("Margin:", "Free Margin:"))
    assert money(after(rows, "Equity:")) == margin + free


def test_closed_positions_carry_what_their_deals_booked(rows: reading.Rows):
    """Positions hold everything but the entry costs of what is still open."""
    positions = section(rows, "Positions", 13)
    opened = {row[1] for row in section(rows, "Open Positions", 12)}
    deals = [row for row in trade_deals(rows) if row[7] not in opened]
    booked = sum(sum(map(money, row[8:12])) for row in deals)
    assert sum(sum(map(money, row[10:13])) for row in positions) == booked


def test_every_deal_has_its_order_and_lots_in_equal_lots_out(rows: reading.Rows):
    orders = {row[1]: row for row in section(rows, "Orders", 11)}
    for row in trade_deals(rows):
        order = orders[row[7]]
        assert order[4] == f"{row[5]} / {row[5]}"
        assert order[9] == "filled"
    closed = {row[4] for row in orders.values() if row[9] in ("canceled", "expired")}
    assert closed
    assert all(volume.endswith(" / 0") for volume in closed)


def test_positions_are_found_again_through_the_order_that_opened_them(rows: reading.Rows):
    entries = {row[7]: row for row in trade_deals(rows) if row[4] != "out"}
    for position in section(rows, "Positions", 13):
        entry = entries[position[1]]
        assert (entry[0], entry[2], entry[3]) == (position[0], position[2], position[3])


@pytest.mark.parametrize("language", [labels.GERMAN, labels.RUSSIAN])
def test_another_language_changes_labels_and_no_row(dollar_report, tmp_path: Path, language):
    english = reading.mt5_html(mt5_html.write(dollar_report, tmp_path / "en.html"))
    path = mt5_html.write(dollar_report, tmp_path / "xx.html", labels=language)
    other = reading.mt5_html(path)
    assert deals_of(english) == section(other, language["deals"], 14)
    assert after(english, "Equity:") == after(other, f"{language['equity']}:")
    assert "Deals" not in {cell for row in other for cell in row}


@pytest.mark.parametrize("language", [labels.GERMAN, labels.RUSSIAN])
def test_each_language_names_everything(language):
    assert language.keys() == labels.ENGLISH.keys()


def test_an_extract_starts_from_the_balance_before_it(market, tmp_path: Path):
    records = story.dollars(market, 7)
    since = market.opened(market.last_bar - 96 * 40)
    whole = reading.mt5_html(mt5_html.write(records.report(market.end), tmp_path / "all.html"))
    path = mt5_html.write(records.report(market.end, since=since), tmp_path / "part.html")
    part = reading.mt5_html(path)
    assert deals_of(whole)[-len(deals_of(part)) :] == deals_of(part)
    assert 0 < len(deals_of(part)) < len(deals_of(whole))
    assert after(whole, "Equity:") == after(part, "Equity:")
