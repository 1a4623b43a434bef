"""Filters live in the address, are remembered, cleared by one click, and refuse by name."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import QueryDict
from django.utils import timezone

from accounts.models import Position
from tests.factories import make_account, make_owner, moment
from tradershub.core.models import Preference
from tradershub.reports.filters import read_filters
from tradershub.reports.periods import preset_period

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 8, 20)  # a Thursday


@pytest.mark.parametrize(
    ("preset", "start"),
    [
        ("today", dt.date(2026, 8, 20)),
        ("week", dt.date(2026, 8, 17)),
        ("month", dt.date(2026, 8, 1)),
        ("quarter", dt.date(2026, 7, 1)),
        ("year", dt.date(2026, 1, 1)),
        ("all", None),
    ],
)
def test_a_preset_begins_on_its_first_day(preset, start):
    assert preset_period(preset, today=TODAY).start == start


def read(owner, query: str):
    return read_filters(QueryDict(query), user=owner, base_currency="EUR")


def test_without_filters_every_own_account_is_shown(owner):
    mine, _ = make_account(owner=owner), make_account(owner=make_owner())
    assert read(owner, "").account_ids == [mine.pk]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("account=x", "“x” is not an account of yours"),
        ("account=999999", "“999999” is not an account of yours"),
        ("broker=4x", "“4x” is not a broker of any account of yours"),
        ("period=decade", "“decade” is not a period"),
        ("from=31.03.2026", "“31.03.2026” is not a date; expected year-month-day"),
        ("currency=euro", "“euro” is not a currency"),
        ("from=2026-05-01&to=2026-04-01", "begins on 2026-05-01 after it ends on 2026-04-01"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(owner, query, sentence):
    filters = read(owner, query)
    assert any(sentence in refused for refused in filters.refused)
    assert not filters.is_narrowed or "from" in query


def test_dates_alone_make_a_custom_period(owner):
    period = read(owner, "from=2026-03-01&to=2026-03-31").period
    assert (period.preset, period.start, period.end) == (
        "custom",
        dt.date(2026, 3, 1),
        dt.date(2026, 3, 31),
    )


def test_days_end_by_each_brokers_own_clock(owner):
    """A day of New York begins at 21:00 UTC the evening before, in summer; one of London at 23:00."""
    new_york = make_account(owner=owner)
    new_york.broker.time_zone, new_york.broker.rollover = "America/New_York", dt.time(17)
    new_york.broker.save()
    london = make_account(owner=owner)
    london.broker.time_zone = "Europe/London"
    london.broker.save()
    for n, account in enumerate((new_york, london)):
        close(account, f"early{n}", moment("2026-07-01 22:00"))
        close(account, f"late{n}", moment("2026-07-02 20:59"))
    filters = read(owner, "from=2026-07-02&to=2026-07-02")
    found = Position.objects.filter(filters.moments("closed_at"), account__owner=owner)
    assert set(found.values_list("ref", flat=True)) == {"early0", "late0", "late1"}


def close(account, ref: str, at: dt.datetime) -> None:
    symbol = account.broker.symbols.get_or_create(name="EURUSD")[0]
    Position.objects.create(
        account=account, ref=ref, symbol=symbol, side="buy", volume=1, open_volume=0,
        open_price=1, opened_at=at, closed_at=at,
    )  # fmt: skip


# -- Remembered --------------------------------------------------------------------------------
def test_filters_are_remembered_and_come_back_in_the_address(page, books):
    pk = books.accounts[1].pk
    page("/reports/trades/", account=pk, period="month")
    response = page("/reports/equity/")
    assert response.request["QUERY_STRING"] == f"account={pk}&period=month"
    assert response.context["filters"].account_ids == [pk]


def test_one_click_clears_them(page, books):
    page("/reports/trades/", account=books.accounts[1].pk)
    response = page("/reports/trades/", clear="1")
    assert response.request["QUERY_STRING"] == ""
    assert len(response.context["filters"].account_ids) == 3
    assert Preference.objects.get(owner=books.owner).remembered["filters"] == {}


def test_the_same_address_shows_two_persons_the_same_filters(client, books):
    other = make_owner(is_staff=True)
    Preference.objects.create(owner=other, remembered={"filters": {"period": ["week"]}})
    client.force_login(other)
    response = client.get("/reports/trades/", {"period": "year"})
    assert response.context["filters"].period.preset == "year"


def test_columns_and_size_are_remembered_per_table(page, books):
    page("/reports/trades/", **{"trades.cols": ["symbol_name", "net"], "size": "25"})
    view = page("/reports/trades/").context["tables"]["trades"]
    assert [column.key for column in view.columns] == ["symbol_name", "net"]
    assert view.size == 25 and len(view.rows) == 25


def test_today_is_the_persons_own_today(owner):
    with timezone.override("Pacific/Auckland"):
        assert read(owner, "").today == timezone.localdate()


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("path", ["trades", "equity", "statement", "breaks", "audit"])
def test_a_day_that_no_calendar_can_count_is_left_out_with_a_sentence(page, books, path, day):
    response = page(f"/reports/{path}/", **{"from": day, "to": day})
    assert response.status_code == 200
    assert "between the years" in response.content.decode()


def test_the_words_on_paper_name_period_accounts_and_symbol(page, books):
    found = page("/reports/trades/", period="all", symbol="eurusd").context["filters"]
    assert found.words == "All · all accounts · EURUSD"
    one = page("/reports/trades/", period="month", account=books.accounts[0].pk).context["filters"]
    assert one.words == f"This month · {books.accounts[0]}"
