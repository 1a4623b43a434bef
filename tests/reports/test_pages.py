"""Every page answers, says the books' own figures, and asks the database a fixed number of questions."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountTerms, Break, Position, StatementImport
from accounts.queries import booked_money
from accounts.valuation import state_of
from brokers.models import SymbolTerms
from tests.factories import make_account, make_owner
from tests.reports.books import make_books
from tradershub.core import formats
from tradershub.core.audit import record
from tradershub.core.models import Preference
from tradershub.reports import REPORTS

PAGES = [f"/reports/{key}/" for key in REPORTS if not REPORTS.load(key).about_row]
TABS = ("positions", "trades", "orders", "deals", "statements", "terms", "breaks")
# The most queries a page may ask, log-in and preferences included; none depends on the number of rows.
QUERIES = {
    "dashboard": 44,
    "equity": 16,
    "statement": 16,
    "positions": 19,
    "trades": 16,
    "breaks": 16,
    "health": 20,
    "risk": 24,
    "audit": 16,
}


def text_of(response) -> str:
    """What a person reads of the page, white space collapsed."""
    html = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html).replace("\u202f", " ")).strip()


def figure_of(response, label: str):
    return next(one for one in response.context["content"].figures if one.label == label)


@pytest.mark.parametrize("address", PAGES)
def test_every_page_answers_without_any_account(page, address):
    response = page(address)
    assert response.status_code == 200
    assert "<h1" in response.content.decode()


def test_the_list_of_pages_says_what_each_answers(page):
    text = text_of(page("/reports/"))
    for address in PAGES:
        report = REPORTS.load(address.split("/")[2])
        assert report.title in text and report.description in text
        assert report.description


@pytest.mark.parametrize("address", PAGES)
def test_every_page_answers_with_books(page, books, address):
    response = page(address)
    assert response.status_code == 200
    assert "Recording only" in text_of(response)


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_is_sent_to_the_log_in(client, db, address):
    response = client.get(address)
    assert response.status_code == 302 and "/login/" in response["Location"]


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_of_an_account_answers(page, books, tab):
    response = page(f"/reports/account/{books.accounts[0].pk}/", tab=tab)
    assert response.status_code == 200
    assert list(response.context["tables"]) == [tab]


def test_an_unknown_page_is_not_found(page):
    assert page("/reports/nothing/").status_code == 404
    assert page("/reports/account/").status_code == 404
    assert page("/reports/equity/3/").status_code == 404


def test_another_persons_account_does_not_exist(page, books):
    stranger = make_account(owner=make_owner())
    assert page(f"/reports/account/{stranger.pk}/").status_code == 404
    response = page("/reports/trades/", account=stranger.pk)
    assert "is not an account of yours" in text_of(response)


def queries_of(client, owner, key: str, **query: str) -> list[str]:
    client.force_login(owner)
    with CaptureQueriesContext(connection) as found:
        assert client.get(f"/reports/{key}/", query).status_code == 200
    return [query["sql"] for query in found.captured_queries]


@pytest.mark.parametrize("key", QUERIES)
def test_the_number_of_queries_does_not_grow_with_the_rows(client, db, key):
    few, many = (make_owner(username=name, is_staff=True) for name in ("few", "many"))
    make_books(few, days=5)
    make_books(many, days=60, per_day=2)
    make_account(owner=many, currency="GBP")
    asked = queries_of(client, many, key)
    assert len(asked) <= QUERIES[key], "\n".join(asked)


@pytest.mark.parametrize("tab", TABS)
def test_the_number_of_queries_of_an_account_does_not_grow_with_its_rows(client, db, tab):
    asked = []
    for name, days in (("few", 3), ("many", 30)):
        owner = make_owner(username=name, is_staff=True)
        account = make_books(owner, days=days).accounts[0]
        for n in range(days):
            begin = {"valid_from": dt.date(2020, 1, 1) + dt.timedelta(days=n)}
            AccountTerms.objects.create(account=account, **begin)
            Break.objects.create(account=account, kind=Break.Kind.TOTAL, cause=str(n))
            StatementImport.objects.create(owner=owner, account=account, file_name="a")
        asked.append(queries_of(client, owner, f"account/{account.pk}", tab=tab))
    few, many = asked
    assert len(many) <= min(len(few), 25), "\n".join(many)


# -- Figures -----------------------------------------------------------------------------------
def test_the_statement_runs_from_opening_to_closing_balance(page, books):
    account = books.accounts[0]
    response = page("/reports/statement/", account=account.pk, period="month")
    content = response.context["content"]
    parts = content.table("parts")
    assert sum(row["amount"] for row in parts.rows.rows) == parts.totals[0]["amount"]
    assert parts.totals[0]["amount"] == booked_money([account])[account.pk].balance


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
def test_the_statement_names_the_zone_of_its_times(page, books, zone):
    Preference.objects.update_or_create(owner=books.owner, defaults={"time_zone": zone})
    response = page("/reports/statement/", account=books.accounts[0].pk)
    assert f"Times are in {zone}." in response.content.decode()


def test_the_balance_after_the_last_deal_is_the_closing_balance(page, books):
    account = books.accounts[0]
    table = page("/reports/statement/", account=account.pk).context["content"].table("deals")
    closing = booked_money([account])[account.pk].balance
    *_, last = table.rows.stream(order="at", descending=False)
    assert last["balance"] == closing
    assert table.rows.window(order="at", descending=True, start=0, stop=5)[0]["balance"] == closing


def test_a_page_in_the_middle_runs_on_from_the_balance_before_it(page, books):
    table = (
        page("/reports/statement/", account=books.accounts[0].pk).context["content"].table("deals")
    )
    whole = [row["balance"] for row in table.rows.stream(order="at", descending=False)]
    part = table.rows.window(order="at", descending=False, start=10, stop=20)
    assert [row["balance"] for row in part] == whole[10:20]


def test_positions_stand_account_by_account_newest_first(page, books):
    second = Position.objects.get(account=books.accounts[1], closed_at=None)
    last = second.opened_at
    second.pk, second.ref, second.opened_at = None, "again", last - dt.timedelta(days=9)
    second.save()
    third = Position.objects.filter(account=books.accounts[2], closed_at=None)
    third.update(opened_at=last + dt.timedelta(hours=1))
    table = page("/reports/positions/").context["content"].table("positions")
    rows = table.rows.window(order=table.order, descending=False, start=0, stop=9)
    assert [row["account"] for row in rows] == ["Tokyo", "Swing", "Day trades", "Day trades"]
    assert [row["opened_at"] for row in rows[2:]] == [last, second.opened_at]


def test_trades_count_and_sum_as_the_positions_do(page, books):
    account = books.accounts[0]
    content = page("/reports/trades/", account=account.pk, currency="USD").context["content"]
    rows = list(content.table("trades").rows.stream(order="", descending=False))
    figures = {one.label: one for one in content.figures}
    assert figures["Closed trades"].text == formats.number(len(rows), 0)
    total = content.table("trades").total_rows()[0]
    assert total["net"] == sum(row["net"] for row in rows)


def test_a_change_is_a_percentage_only_where_the_equity_of_every_account_is_known(page, books):
    assert figure_of(page("/"), "This month").note.endswith("%")
    held = Position.objects.filter(account=books.accounts[0], closed_at=None)
    held.update(mark_price=None, mark_profit=None, mark_at=None)
    assert figure_of(page("/"), "This month").note == ""
    notice = page("/reports/positions/").content.decode()
    assert "1 position has no known price and is left out of the profit." in notice


def test_equity_of_the_dashboard_is_the_sum_in_base_currency(page, books):
    response = page("/")
    rows = response.context["content"].table("accounts").rows.rows
    equity = figure_of(response, "Equity")
    assert equity.text == formats.money(sum(row["base"] for row in rows), "EUR")
    assert equity.unit == "EUR"


def test_figures_with_open_breaks_are_provisional_and_lead_to_the_cause(page, books):
    mark = figure_of(page("/"), "Equity").mark
    assert "1 Break is open" in mark.text
    assert "rows add up to 1 249.10" in text_of(page(mark.link.partition("?")[0]))


def test_figures_without_breaks_carry_no_mark(page, books):
    Break.objects.update(state=Break.State.EXPLAINED)
    assert figure_of(page("/"), "Equity").mark is None


def test_an_unmapped_symbol_and_a_refused_file_need_the_person(page, books):
    StatementImport.objects.create(
        owner=books.owner,
        file_name="holiday.jpg",
        sha256="0" * 64,
        state=StatementImport.State.REFUSED,
        reason="Not a statement: expected HTML, XLSX or CSV",
    )
    needs = [need.text for need in page("/").context["needs"]]
    assert any("XAUUSD.r" in need for need in needs)
    assert any("holiday.jpg" in need and "Not a statement" in need for need in needs)


def test_a_currency_without_a_rate_is_left_out_and_named(page, books):
    account = make_account(owner=books.owner, currency="ZAR", name="Cape")
    response = page("/")
    assert account.name in figure_of(response, "Equity").why
    assert "No reference rate of ZAR" in text_of(page("/reports/equity/"))
    accounts = len(books.accounts) + 1
    lead = figure_of(page("/reports/dashboard/"), "Equity")
    assert lead.note.startswith(f"only {accounts - 1} of {accounts} accounts")


def test_an_open_position_without_a_price_is_a_dash_with_its_reason(page, books):
    books.accounts[0].positions.update(mark_profit=None, mark_price=None)
    response = page("/reports/positions/", account=books.accounts[0].pk)
    (row,) = response.context["content"].table("positions").rows.rows
    assert row["floating"] is None and row["reason"]
    assert row["reason"] in response.content.decode()
    assert figure_of(response, "Floating profit").text == formats.UNKNOWN


def test_an_open_position_is_told_in_the_base_currency_in_r_and_with_its_accounts_margin(
    page, books
):
    tokyo = books.accounts[2]
    AccountTerms.objects.create(account=tokyo, valid_from=dt.date(2020, 1, 1), leverage=25)
    symbol = tokyo.positions.get(open_volume__gt=0).symbol
    fields = {"contract_size": 100_000, "tick_size": "0.00001"}
    SymbolTerms.objects.create(symbol=symbol, valid_from=dt.date(2020, 1, 1), **fields)
    (row,) = (
        page("/reports/positions/", account=tokyo.pk)
        .context["content"]
        .table("positions")
        .rows.rows
    )
    state = state_of(tokyo)
    assert (row["base"], row["in_base"]) == ("EUR", state.in_base(row["floating"]))
    assert row["in_base"] and row["margin_level"] == state.margin_level
    assert row["margin_level"] and row["r"] == row["floating"] / state.risk(
        state.positions[0].position
    )


def test_the_audit_page_shows_own_actions_only_and_that_the_chain_is_whole(page, owner):
    record("account.open", actor=owner, summary="Opened Swing", owner=owner)
    record("account.open", actor="somebody", summary="Opened a secret", owner=make_owner())
    text = text_of(page("/reports/audit/"))
    assert "Opened Swing" in text and "Whole" in text
    assert "a secret" not in text


def test_the_last_imports_lead_to_their_files(page, books):
    one = StatementImport.objects.create(
        owner=books.owner, account=books.accounts[0], file_name="march.html", sha256="1" * 64,
        state=StatementImport.State.BOOKED, preview={"lines": {"booked": 12, "duplicate": 3}},
    )  # fmt: skip
    link = f'href="/import/{one.pk}/"'
    assert link in page("/").content.decode()
    tab = page(f"/reports/account/{books.accounts[0].pk}/", tab="statements")
    assert link in tab.content.decode()
    (row,) = (
        tab.context["content"]
        .table("statements")
        .rows.window(order="created_at", descending=True, start=0, stop=5)
    )
    assert (row["booked"], row["duplicate"]) == (12, 3)
