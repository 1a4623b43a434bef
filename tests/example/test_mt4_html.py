"""An MT4 statement is believable when its own rows prove its summary."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.example import reading
from tests.example.reading import after, money
from tradershub.example import mt4_html

TITLE = re.compile(r'<tr[^>]*><td title="([^"]*)">(\d+)</td>')


@pytest.fixture
def detailed(harbour, market, tmp_path: Path) -> str:
    path = mt4_html.write(harbour.report(market.end), tmp_path / "DetailedStatement.htm")
    return path.read_text("cp1252")


@pytest.fixture
def plain(yen_report, tmp_path: Path) -> str:
    path = tmp_path / "Statement.htm"
    mt4_html.write(yen_report, path, detailed=False, newest_first=True)
    return path.read_text("cp1252")


def part(text: str, title: str, end: str) -> reading.Rows:
    """Rows between two section titles."""
    return reading.html_rows(text[text.index(f"<b>{title}") : text.index(f"<b>{end}")])


def tickets(rows: reading.Rows) -> reading.Rows:
    return [row for row in rows if len(row) == 14 and row[0].isdigit()]


@pytest.mark.parametrize("name", ["detailed", "plain"])
def test_closed_and_floating_totals_are_the_sums_of_their_rows(
    request: pytest.FixtureRequest, name: str
):
    text = request.getfixturevalue(name)
    closed = tickets(part(text, "Closed Transactions:", "Open Trades:"))
    opened = tickets(part(text, "Open Trades:", "Working Orders:"))
    rows = reading.html_rows(text)
    for label, section in (("Closed Trade P/L:", closed), ("Floating P/L:", opened)):
        assert section
        assert money(after(rows, label)) == sum(sum(map(money, row[10:])) for row in section)


@pytest.mark.parametrize("name", ["detailed", "plain"])
def test_balance_and_equity_follow_from_the_summary(request: pytest.FixtureRequest, name: str):
    rows = reading.html_rows(request.getfixturevalue(name))
    flows = [row for row in rows if len(row) == 5 and row[2] in ("balance", "credit")]
    sums = {
        kind: sum(money(row[4]) for row in flows if row[2] == kind)
        for kind in ("balance", "credit")
    }
    assert money(after(rows, "Deposit/Withdrawal:")) == sums["balance"]
    assert money(after(rows, "Credit Facility:")) == sums["credit"]
    balance = sums["balance"] + money(after(rows, "Closed Trade P/L:"))
    assert money(after(rows, "Balance:")) == balance
    equity = balance + sums["credit"] + money(after(rows, "Floating P/L:"))
    assert money(after(rows, "Equity:")) == equity
    assert money(after(rows, "Free Margin:")) == equity - money(after(rows, "Margin:"))


def test_gross_amounts_judge_each_ticket_after_costs(detailed: str):
    closed = tickets(part(detailed, "Closed Transactions:", "Open Trades:"))
    results = [sum(map(money, row[10:])) for row in closed]
    rows = reading.html_rows(detailed)
    assert money(after(rows, "Gross Profit:")) == sum(r for r in results if r > 0)
    assert money(after(rows, "Gross Loss:")) == -sum(r for r in results if r < 0)
    assert int(after(rows, "Total Trades:")) == len(closed)


def test_partial_closes_are_chained_both_ways_with_one_opening(detailed: str):
    titles = {ticket: title for title, ticket in TITLE.findall(detailed)}
    rows = {row[0]: row for row in tickets(reading.html_rows(detailed))}
    links = {
        ticket: found.group(1)
        for ticket, title in titles.items()
        if (found := re.search(r"to #(\d+)", title))
    }
    assert len(links) > 3
    for ticket, rest in links.items():
        assert f"from #{ticket}" in titles[rest]
        assert rows[ticket][1:3] + rows[ticket][4:6] == rows[rest][1:3] + rows[rest][4:6]
        assert int(rest) > int(ticket)


def test_cancelled_and_expired_orders_move_no_money(detailed: str):
    wide = [row for row in reading.html_rows(detailed) if len(row) == 11 and " " in row[2]]
    endings = {row[10].split(" ")[0] for row in wide}
    assert {"cancelled", "expiration"} <= endings


def test_items_are_lower_case_with_the_brokers_suffix(detailed: str):
    items = {row[4] for row in tickets(reading.html_rows(detailed))}
    assert {"xauusd@", "eurusd@"} <= items
    assert all(item == item.lower() for item in items)


def test_yen_are_printed_without_decimals_and_newest_first(plain: str):
    closed = tickets(part(plain, "Closed Transactions:", "Open Trades:"))
    assert not [cell for row in closed for cell in row[10:] if "." in cell]
    opened = [row[1] for row in closed]
    assert opened == sorted(opened, reverse=True)


def test_two_exports_share_tickets_and_equal_rows(harbour, market, tmp_path: Path):
    middle = market.opened(96 * 130)
    later = harbour.report(market.end, since=middle - timedelta(days=20))
    early_path = mt4_html.write(harbour.report(middle), tmp_path / "early.htm")
    later_path = mt4_html.write(later, tmp_path / "later.htm")
    early, late = (
        {
            row[0]: row
            for row in tickets(part(path.read_text("cp1252"), "Closed Trans", "Open Trades:"))
        }
        for path in (early_path, later_path)
    )
    shared = early.keys() & late.keys()
    assert shared
    assert all(early[ticket] == late[ticket] for ticket in shared)
    assert early.keys() - shared
    assert late.keys() - shared


def test_an_extract_prints_the_balance_of_the_whole_account(harbour, market):
    since = market.opened(96 * 130)
    part_only, whole = harbour.report(market.end, since=since), harbour.report(market.end)
    assert part_only.balance == whole.balance
    assert part_only.balance != part_only.flows + part_only.closed_profit


def test_a_name_outside_the_code_page_becomes_a_reference(harbour, market, tmp_path: Path):
    report = harbour.report(market.end)
    changed = replace(report, account=replace(report.account, holder="Алекс <b>"))
    text = mt4_html.write(changed, tmp_path / "x.htm").read_bytes().decode("ascii")
    assert "Name: &#1040;" in text
    assert "&lt;b&gt;" in text


def test_drawdown_is_printed_as_money_with_percent(detailed: str, harbour, market):
    fall, share = harbour.report(market.end).results.drawdown.deepest
    printed = after(reading.html_rows(detailed), "Maximal Drawdown:")
    assert money(printed.split(" (")[0]) == fall
    assert printed.endswith(f"({share.quantize(Decimal('0.01'))}%)")
