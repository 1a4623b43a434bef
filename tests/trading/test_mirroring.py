"""Looks at a connected account: what is booked, what becomes a Break and when, what a failure leaves alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts import manual
from accounts.booking import rebuild
from accounts.models import BrokerOrder, Position
from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import (
    Entry,
    Kind,
    OrderReport,
    PositionReport,
    Status,
    Stops,
)
from brokers.models import Connection, Quote
from tests.accounts.books import assert_derived
from tests.accounts.histories import _open_at, history
from tests.factories import make_account, make_broker, moment
from tests.trading.lives import reports_of
from tests.trading.platform import Platform, PlatformAdapter
from trading.mirroring import AnotherAccount, look
from trading.models import Mirror

pytestmark = pytest.mark.django_db
AT = moment("2026-03-04 10:00")


@pytest.fixture
def account():
    return make_account(broker=make_broker(time_zone="Europe/Athens"), number="77")


@pytest.fixture
def platform(account):
    """With a history, and the positions that it leaves open."""
    deals = history(3)
    return Platform(
        deals=reports_of(deals, account),
        positions=[
            position(
                line.symbol, line.side, line.volume, ref=line.position_ref, price=line.open_price
            )
            for line in _open_at(deals)
        ],
    )


def position(symbol="EURUSD", side="buy", lots=D("0.1"), *, ref="1", price=D("1.1"), **more):
    return PositionReport(
        ref=ref, symbol=symbol, side=side, lots=lots, open_price=price, opened_at=AT, currency="USD",
        **more,
    )  # fmt: skip


def order(number="501", **more):
    fields = {
        "client_id": "c1", "symbol": "EURUSD", "side": "buy", "lots": D("0.2"), "kind": Kind.LIMIT,
        "status": Status.WORKING, "placed_at": AT, "price": D("1.05"),
    }  # fmt: skip
    return OrderReport(broker_order_id=number, **(fields | more))


def settled(account, platform):
    """Look until there is no news."""
    for _ in range(6):
        if not look(account, platform.adapter()):
            return
    raise AssertionError("There is news at every look")


def breaks(account):
    return set(account.breaks.filter(state="open").values_list("kind", flat=True))


def test_the_whole_history_is_booked_and_agrees(account, platform):
    settled(account, platform)
    assert account.deals.count() == len(platform.deals)
    assert set(account.deals.values_list("source", flat=True)) == {"live"}
    assert breaks(account) == set()
    assert Mirror.objects.get().cursor == str(len(platform.deals))
    assert Mirror.objects.get().looked_at is not None
    assert_derived(account)


def test_later_looks_ask_only_for_what_came_since(account, platform):
    settled(account, platform)
    platform.asked.clear()
    assert look(account, platform.adapter()) is False
    assert platform.asked == ["account", "orders", "positions", "deals 40"]


@pytest.mark.parametrize("question", range(4))
def test_a_question_that_fails_concludes_nothing(account, platform, question, monkeypatch):
    settled(account, platform)
    platform.orders = [order()]
    look(account, platform.adapter())
    platform.orders, platform.positions = [], []
    adapter = platform.adapter()
    name = ("account", "working_orders", "positions", "deals_since")[question]

    def fail(*_):
        raise Unavailable("The line is dead")

    monkeypatch.setattr(adapter, name, fail)
    for _ in range(3):
        with pytest.raises(Unavailable):
            look(account, adapter)
    assert breaks(account) == set()
    assert account.orders.get().state == "working"
    assert Position.objects.filter(account=account, open_volume__gt=0).exists()


def test_a_difference_is_a_break_after_two_looks_and_closes_when_it_is_gone(account, platform):
    settled(account, platform)
    gone, platform.positions = platform.positions, []
    look(account, platform.adapter())
    assert breaks(account) == set()
    settled(account, platform)
    assert breaks(account) == {"live_position"}
    platform.positions = gone
    look(account, platform.adapter())
    assert breaks(account) == set()
    assert account.breaks.first().state == "closed"


def test_what_was_seen_before_deals_came_is_compared_with_nothing(account, platform, monkeypatch):
    """While deals come in at each question it is not their books that differ."""
    settled(account, platform)
    *_, last = reports_of(history(3), account)
    again = (replace(last, deal_id=f"new {n}") for n in range(100))
    ask = PlatformAdapter.deals_since
    platform.positions = []

    def busy(adapter, cursor=""):
        page = ask(adapter, cursor)
        platform.deals.append(next(again))
        return page

    with monkeypatch.context() as patch:
        patch.setattr(PlatformAdapter, "deals_since", busy)
        look(account, platform.adapter())
        before = account.deals.count()
        assert not look(account, platform.adapter())
        assert not look(account, platform.adapter())
        assert account.deals.count() > before
        assert not breaks(account)
    settled(account, platform)
    look(account, platform.adapter())
    assert "live_position" in breaks(account)


def test_a_balance_that_differs_for_one_look_only_is_no_break(account, platform):
    settled(account, platform)
    for off_by in (D(5), D(0), D(5), D(0)):
        platform.off_by = off_by
        look(account, platform.adapter())
        assert not account.breaks.exists()


def test_before_a_balance_is_said_to_differ_the_history_is_read_again(account, platform):
    settled(account, platform)
    lost = account.deals.order_by("at").first()
    account.deals.filter(pk=lost.pk).delete()
    rebuild(account)
    Mirror.objects.update(history_at=timezone.now() - dt.timedelta(days=1))
    settled(account, platform)
    settled(account, platform)
    assert account.deals.filter(key=lost.key).exists()
    assert not account.breaks.exists()


def test_deals_the_platform_does_not_know_and_those_the_books_refuse_are_breaks(account, platform):
    manual.deposit(account, actor="me", amount="25", at=AT)
    wrong = replace(platform.deals[-1], deal_id="9999", currency="EUR", amount=D(3))
    platform.deals.append(wrong)
    settled(account, platform)
    settled(account, platform)
    found = {row.kind: row for row in account.breaks.filter(state="open")}
    assert found["deal_extra"].difference == D(-25)
    assert found["deal_missing"].details["rows"][0].startswith("9999: Deal 9999 is in EUR")
    assert found["live_balance"].difference == platform.balance - sum(
        d.amount for d in account.deals.all()
    )
    manual.reverse(account.deals.get(source="manual"), actor="me")
    platform.deals.pop()
    Mirror.objects.update(history_at=None)
    settled(account, platform)
    settled(account, platform)
    assert breaks(account) == set()


def test_a_connection_that_speaks_for_another_account_is_refused(account, platform):
    platform.number = "78"
    with pytest.raises(AnotherAccount, match="account 78 in USD, expected 77 in USD"):
        look(account, platform.adapter())
    assert not account.deals.exists()


def test_another_connection_begins_with_the_whole_history(account, platform):
    settled(account, platform)
    account.connection = Connection.objects.create(
        owner=account.owner, broker=account.broker, platform="paper", name="Another"
    )
    account.save()
    platform.asked.clear()
    settled(account, platform)
    assert "deals " in platform.asked
    assert account.deals.count() == len(platform.deals)
    assert Mirror.objects.get().connection == account.connection


def test_an_assumed_mode_gives_way_to_the_platforms_word(account, platform):
    account.mode, account.mode_is_assumed = "netting", True
    account.save()
    settled(account, platform)
    account.refresh_from_db()
    assert (account.mode, account.mode_is_assumed) == ("hedging", False)


# -- Orders and marks --------------------------------------------------------------------------
def test_an_order_is_followed_until_it_is_filled(account, platform):
    platform.orders = [order()]
    settled(account, platform)
    assert (account.orders.get().state, account.orders.get().source) == ("working", "live")
    platform.orders = [order(status=Status.PARTIAL, filled=D("0.1"))]
    look(account, platform.adapter())
    assert account.orders.get().state == "partial"
    platform.orders = []
    fill = next(d for d in platform.deals if d.entry == Entry.IN)
    platform.deals.append(
        replace(fill, deal_id="7001", broker_order_id="501", lots=D("0.2"), position_ref="p9")
    )
    platform.positions.append(position(fill.symbol, fill.side, D("0.2"), ref="p9"))
    settled(account, platform)
    done = account.orders.get()
    assert (done.state, done.filled) == ("filled", D("0.2"))
    assert done.done_at is not None
    assert breaks(account) == set()


@pytest.mark.parametrize(("expires_at", "state"), [(None, "cancelled"), (AT, "expired")])
def test_an_order_that_ends_unfilled(account, platform, expires_at, state):
    platform.orders = [order(expires_at=expires_at)]
    settled(account, platform)
    platform.orders = []
    look(account, platform.adapter())
    assert account.orders.get().state == state


def test_an_order_entered_by_hand_without_a_number_is_left_alone(account, platform):
    manual.place_order(
        account, actor="me", symbol="EURUSD", side="buy", volume="1", type="limit", price="1.0"
    )
    settled(account, platform)
    assert account.orders.get().state == "working"


def test_unchanged_orders_and_positions_are_not_written_again(account, platform):
    platform.orders = [order()]
    settled(account, platform)
    stamp = type(account).objects.get().figures_stamp
    marked = Position.objects.filter(open_volume__gt=0).values_list("mark_at", flat=True)
    before = list(marked)
    look(account, platform.adapter())
    assert type(account).objects.get().figures_stamp == stamp
    assert list(marked) == before and BrokerOrder.objects.count() == 1


def test_positions_take_the_platforms_stops_and_profit(account, platform):
    stops = Stops(stop_loss=D("1.01"), take_profit=D("1.5"))
    platform.positions = [
        replace(p, price=D("1.2"), profit=D("12.5"), swap=D("-0.3"), stops=stops)
        for p in platform.positions
    ]
    settled(account, platform)
    held = Position.objects.filter(open_volume__gt=0)
    assert held.count() == len(platform.positions)
    for one in held:
        assert (one.mark_profit, one.mark_swap, one.mark_source) == (D("12.5"), D("-0.3"), "live")
        assert (one.stop_loss, one.take_profit) == (D("1.01"), D("1.5"))


def test_a_profit_that_moves_is_written_less_often_where_quotes_tell_it(account, platform):
    platform.positions = [replace(p, price=D("1.2"), profit=D(1)) for p in platform.positions]
    settled(account, platform)
    held = Position.objects.filter(open_volume__gt=0)
    first = held.get(pk=held.first().pk)
    held.update(mark_at=timezone.now() - dt.timedelta(seconds=30))
    Quote.objects.create(symbol=first.symbol, bid=1, ask=1, at=timezone.now(), source="x")
    platform.positions = [replace(p, profit=D(2)) for p in platform.positions]
    look(account, platform.adapter())
    marks = {p.symbol_id == first.symbol_id: p.mark_profit for p in held}
    assert marks == {True: D(1), False: D(2)}
