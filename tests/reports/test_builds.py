"""What takes too long to wait for is made by a worker: once, for its owner alone, until the books change."""

from __future__ import annotations

import datetime as dt
import io
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from accounts import booking
from accounts.models import BrokerOrder, Position
from tests.factories import make_owner
from tests.reports.books import make_books
from tradershub.core import formats
from tradershub.core.models import Build, BuildPart
from tradershub.reports import builds, tasks

pytestmark = pytest.mark.django_db
TRADES = "/reports/trades/"
BY_NET = {"period": "all", "trades.sort": "-net", "size": "25"}


@pytest.fixture(autouse=True)
def small(settings):
    """Books of a hundred trades are large here."""
    settings.ROWS_AT_ONCE, settings.WORKBOOK_ROWS_AT_ONCE = 30, 10


@pytest.fixture
def queue(monkeypatch):
    """What waits for a worker; `work` takes all of it."""
    waiting: list[int] = []
    monkeypatch.setattr(builds, "enqueue", lambda name, pk: waiting.append(pk))
    return waiting


def work(queue: list[int]) -> list[str]:
    return [tasks.build(queue.pop(0)) for _ in range(len(queue))]


def view_of(response):
    return response.context["tables"]["trades"]


def column(view, label: str) -> list[str]:
    place = [one.label for one in view.columns].index(label)
    return [row[place].text for row in view.rows]


def nets(owner) -> list[Decimal]:
    closed = Position.objects.for_user(owner).filter(closed_at__isnull=False)
    return list(closed.order_by("-net", "-pk").values_list("net", flat=True))


def written(owner) -> list[str]:
    """The same as a page writes them."""
    closed = Position.objects.for_user(owner).filter(closed_at__isnull=False)
    rows = closed.order_by("-net", "-pk").values_list("net", "account__currency")
    return [formats.signed(net, currency) for net, currency in rows]


# -- An order ------------------------------------------------------------------------------------
def test_the_own_order_needs_no_worker(page, books, queue):
    view = view_of(page(TRADES, period="all", size="25"))
    assert (queue, view.total_words, len(view.rows)) == ([], "over 30", 25)


def test_another_order_shows_the_own_one_until_a_worker_has_made_it(page, books, queue):
    own = column(view_of(page(TRADES, period="all", size="25")), "Closed")
    response = page(TRADES, **BY_NET)
    assert column(view_of(response), "Closed") == own
    assert "into the order of “Net”" in response.content.decode()
    assert response.context["content"].figures[0].label == "Net profit"
    assert work(queue) == ["done"]
    view = view_of(page(TRADES, **BY_NET))
    assert column(view, "Net") == written(books.owner)[:25]
    assert view.total == len(nets(books.owner))


def test_every_page_of_a_made_order_follows_the_one_before(page, books):
    found = []
    page(TRADES, **BY_NET)
    for number in range(1, 99):
        view = view_of(page(TRADES, **BY_NET, **{"trades.page": str(number)}))
        found += column(view, "Net")
        if not view.next_page:
            break
    assert found == written(books.owner)


def test_the_page_after_the_last_one_at_once_is_made_by_a_worker(page, books, queue):
    first = view_of(page(TRADES, period="all", size="25"))
    assert "trades.page=2" in first.next_page
    page(TRADES, period="all", size="25", **{"trades.page": "2"})
    assert work(queue) == ["done"]
    view = view_of(page(TRADES, period="all", size="25", **{"trades.page": "2"}))
    assert view.first_row == 26
    assert column(view, "Closed")[0] <= column(first, "Closed")[-1]


def test_the_totals_of_a_made_order_are_those_of_its_rows(page, books):
    at_once = view_of(page(TRADES, period="all"))
    assert at_once.has_quick_totals
    page(TRADES, **BY_NET)
    view = view_of(page(TRADES, **BY_NET))
    assert not view.has_quick_totals
    place = [one.key for one in view.columns].index("net")
    dollars = Position.objects.filter(account=books.accounts[0], closed_at__isnull=False)
    total = sum(dollars.values_list("net", flat=True))
    assert view.totals[-1][0].text == "Total USD"
    assert view.totals[-1][place].text == formats.signed(total, "USD")


def test_the_balance_after_each_deal_is_right_in_a_made_order(page, books):
    address, query = "/reports/statement/", {"account": books.accounts[0].pk, "size": "25"}
    page(address, **query, **{"deals.page": "2"})
    view = page(address, **query, **{"deals.page": "2"}).context["tables"]["deals"]
    whole = list(view.table.rows.stream(order="at", descending=False))
    place = [one.key for one in view.columns].index("balance")
    shown = [row[place].text for row in view.rows]
    assert view.is_built and shown[0] == f"{whole[25]['balance']:,.2f}".replace(",", "\u202f")


def test_the_same_order_is_asked_for_once(page, books, queue):
    for _ in range(3):
        page(TRADES, **BY_NET)
    page(TRADES, **BY_NET, **{"trades.page": "2"})
    assert len(queue) == Build.objects.count() == 1


def test_another_filter_is_another_order(page, books, queue):
    page(TRADES, **BY_NET)
    page(TRADES, **BY_NET, account=[one.pk for one in books.accounts[:2]])
    page(TRADES, **BY_NET | {"trades.sort": "net"})
    assert len(queue) == 3


def add_a_trade(account) -> None:
    now = timezone.now()
    symbol = account.positions.first().symbol_id
    deals = [
        booking.NewDeal(
            key=f"late{side}", kind="trade", source="statement", symbol_id=symbol, side=side,
            entry=entry, volume=Decimal(1), price=Decimal(1), position_ref="late", at=at,
            profit=profit,
        )
        for side, entry, at, profit in (
            ("buy", "in", now - dt.timedelta(hours=2), Decimal(0)),
            ("sell", "out", now, Decimal(999_999)),
        )
    ]  # fmt: skip
    booking.book(account, deals)
    booking.derive(account, symbols=None)


def test_a_change_of_the_books_asks_for_the_order_anew(page, books, queue):
    page(TRADES, **BY_NET)
    work(queue)
    add_a_trade(books.accounts[0])
    assert view_of(page(TRADES, **BY_NET)).stands_in
    assert work(queue) == ["done"]
    assert column(view_of(page(TRADES, **BY_NET)), "Net")[0] == "+999\u202f999.00"


def test_a_change_of_other_accounts_leaves_it(page, books, queue):
    query = BY_NET | {"account": books.accounts[0].pk}
    page(TRADES, **query)
    work(queue)
    add_a_trade(books.accounts[1])
    assert view_of(page(TRADES, **query)).is_built


def test_books_that_change_before_the_worker_comes_drop_the_build(page, books, queue):
    page(TRADES, **BY_NET)
    add_a_trade(books.accounts[0])
    assert work(queue) == ["dropped"]
    assert not Build.objects.exists()


@pytest.mark.parametrize("table", ["orders", "deals", "trades"])
def test_each_long_table_of_an_account_comes_in_any_order(page, books, settings, table):
    account = books.accounts[0]
    settings.ROWS_AT_ONCE = 2
    for n in range(4):
        BrokerOrder.objects.create(
            account=account, broker_order_id=str(n), symbol=account.positions.first().symbol,
            type="limit", side="buy", volume=4 - n, placed_at=timezone.now(),
        )  # fmt: skip
    query = {"tab": table, f"{table}.sort": "volume", f"{table}.cols": "volume"}
    page(f"/reports/account/{account.pk}/", **query)
    view = page(f"/reports/account/{account.pk}/", **query).context["tables"][table]
    texts = [row[0].text for row in view.rows]
    assert view.is_built and texts == sorted(texts, key=lambda one: (one == "–", one))


# -- Whose it is -----------------------------------------------------------------------------------
def test_two_persons_with_the_same_question_have_a_build_each(client, books, queue):
    stranger = make_owner(username="eve", is_staff=True)
    make_books(stranger, days=40)
    for person in (books.owner, stranger):
        client.force_login(person)
        client.get(TRADES, BY_NET, follow=True)
    work(queue)
    assert {one.owner_id for one in Build.objects.all()} == {books.owner.pk, stranger.pk}
    assert column(view_of(client.get(TRADES, BY_NET)), "Net") == written(stranger)[:25]


@pytest.mark.parametrize("what", ["", "waiting", "file", "retry", "drop"])
def test_another_persons_build_is_not_there(client, page, books, what):
    page("/reports/trades/trades.xlsx", period="all")
    build = Build.objects.get()
    client.force_login(make_owner(username="eve", is_staff=True, is_superuser=True))
    address = f"/reports/builds/{build.pk}/{what}"
    method = client.post if what in ("retry", "drop") else client.get
    assert method(address).status_code == 404
    assert Build.objects.filter(pk=build.pk, state="done").exists()


# -- How it goes on --------------------------------------------------------------------------------
def test_a_worker_that_comes_twice_changes_nothing(page, books, queue):
    page(TRADES, **BY_NET)
    again = list(queue)
    assert work(queue) == ["done"]
    before = list(BuildPart.objects.values("pk", "build", "number"))
    assert work(again) == ["over already"]
    assert list(BuildPart.objects.values("pk", "build", "number")) == before


def test_a_build_that_a_dead_worker_left_is_taken_up(page, books, queue):
    page(TRADES, **BY_NET)
    Build.objects.update(state="building")
    assert work(queue) == ["done"]


def test_the_part_that_waits_says_how_far_it_is(page, books, queue):
    page(TRADES, **BY_NET)
    build = Build.objects.get()
    Build.objects.update(state="building", begun_at=timezone.now())
    builds.Progress(build)(25, 100)
    answer = page(f"/reports/builds/{build.pk}/waiting")
    assert answer["X-Busy"] == "1"
    text = answer.content.decode()
    assert "25 of 100 rows, about 0 s left" in text and 'value="25"' in text
    Build.objects.update(state="done")
    assert page(f"/reports/builds/{build.pk}/waiting")["X-Busy"] == "0"


def test_a_build_that_no_worker_takes_points_to_the_health_page(page, books, queue):
    page(TRADES, **BY_NET)
    Build.objects.update(asked_at=timezone.now() - dt.timedelta(seconds=60))
    assert "no worker has taken it for 60 s; see Health" in page(TRADES, **BY_NET).content.decode()


def test_a_dropped_build_stops_its_worker(page, books, queue):
    page(TRADES, **BY_NET)
    build = Build.objects.get()
    progress = builds.Progress(Build.objects.get())
    builds.drop(build)
    with pytest.raises(builds.Dropped):
        progress(6, 10)


def test_cancelling_leads_to_the_tables_own_order(client, page, books, queue):
    page(TRADES, **BY_NET)
    answer = client.post(f"/reports/builds/{Build.objects.get().pk}/drop")
    assert answer["Location"] == f"{TRADES}?period=all&size=25#table-trades"
    assert work(queue) == ["dropped"]


def test_a_build_that_fails_says_so_and_can_be_tried_again(client, page, books, queue, monkeypatch):
    page(TRADES, **BY_NET)
    with monkeypatch.context() as broken:
        broken.setattr("tradershub.reports.making._reopened", lambda build: 1 / 0)
        work(queue)
    response = page(TRADES, **BY_NET)
    text = response.content.decode()
    assert "could not be made. It stopped at an error (ZeroDivisionError)." in text
    assert queue == []
    [address] = re.findall(r'action="(/reports/builds/\d+/retry)"', text)
    assert client.post(address)["Location"].startswith(TRADES)
    assert work(queue) == ["done"]
    assert column(view_of(page(TRADES, **BY_NET)), "Net") == written(books.owner)[:25]


# -- A workbook ------------------------------------------------------------------------------------
def test_a_long_workbook_is_made_by_a_worker_and_then_downloaded(page, books, queue):
    query = {"period": "all", "trades.cols": ["net", "closed_at"], "trades.sort": "-net"}
    response = page("/reports/trades/trades.xlsx", **query)
    assert "Waiting for a worker" in response.content.decode()
    work(queue)
    text = page("/reports/trades/trades.xlsx", **query).content.decode()
    assert f"{len(nets(books.owner))} rows" in text
    [address] = re.findall(r'href="(/reports/builds/\d+/file)"', text)
    file = page(address)
    data = b"".join(file.streaming_content)
    assert len(data) == int(file["Content-Length"])
    assert re.search(r'filename="trades-trades-[\d-]+\.xlsx"', file["Content-Disposition"])
    head, *rows = load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
    assert head == ("Closed", "Net")
    assert [Decimal(str(row[1])) for row in rows] == nets(books.owner)


def test_a_short_workbook_is_there_at_once(page, books, settings, queue):
    settings.WORKBOOK_ROWS_AT_ONCE = 1000
    response = page("/reports/trades/trades.xlsx", period="all")
    assert "attachment" in response["Content-Disposition"] and queue == []


def test_more_rows_than_a_sheet_holds_are_refused_with_a_sentence(page, books, queue, monkeypatch):
    monkeypatch.setattr("tradershub.reports.export.XLSX_ROWS", 20)
    page("/reports/trades/trades.xlsx", period="all")
    work(queue)
    text = page("/reports/trades/trades.xlsx", period="all").content.decode()
    n = len(nets(books.owner))
    assert f"The table has {n} rows, and a workbook holds 20; narrow the filter, or export" in text


def test_a_csv_of_many_rows_is_sent_in_the_order_asked_for(page, books, queue):
    query = {"period": "all", "trades.cols": "net", "trades.sort": "-net"}
    response = page("/reports/trades/trades.csv", **query)
    lines = b"".join(response.streaming_content).decode("utf-8-sig").split()
    assert [Decimal(line) for line in lines[1:]] == nets(books.owner)
    assert queue == []


# -- For how long ----------------------------------------------------------------------------------
def test_what_was_made_is_deleted_after_its_time(page, books, settings):
    page(TRADES, **BY_NET)
    page("/reports/trades/trades.xlsx", period="all")
    long_ago = timezone.now() - dt.timedelta(hours=settings.BUILDS_KEPT_HOURS, minutes=1)
    Build.objects.filter(question__form="workbook").update(asked_at=long_ago)
    assert tasks.forget_builds() == 1
    assert [one.question["form"] for one in Build.objects.all()] == ["order"]
    assert set(BuildPart.objects.values_list("build", flat=True)) == {Build.objects.get().pk}


def test_a_persons_oldest_builds_make_room_for_new_ones(page, books, settings):
    settings.BUILDS_MAX_MB = 0.0015  # two orders of a hundred keys
    for sort in ("net", "-net", "profit", "-profit"):
        page(TRADES, **BY_NET | {"trades.sort": sort})
    kept = [one.question["query"] for one in Build.objects.order_by("pk")]
    assert len(kept) == 1 and "sort=-profit" in kept[0]


def test_a_result_longer_than_a_part_is_read_across_parts(page, books, monkeypatch):
    monkeypatch.setattr(builds, "PART", 64)
    page(TRADES, **BY_NET)
    assert BuildPart.objects.count() > 5
    assert column(view_of(page(TRADES, **BY_NET)), "Net") == written(books.owner)[:25]
    build = Build.objects.get()
    assert len(b"".join(builds.pieces(build))) == build.size == 8 * len(nets(books.owner))


# -- What it costs -----------------------------------------------------------------------------
def test_a_page_in_a_made_order_asks_a_fixed_number_of_questions(page, books):
    page(TRADES, **BY_NET)
    for number in ("1", "2", "3"):
        with CaptureQueriesContext(connection) as asked:
            page(TRADES, **BY_NET, **{"trades.page": number})
        assert len(asked) <= 17, "\n".join(one["sql"] for one in asked)
