"""What is next in a lane: waits end when they should, also where the clock was set back meanwhile."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Position
from trading import execution, exits, lanes, leases, services, sweeper
from trading.models import Lane, Lease, Order, OrderAttempt

D = Decimal
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def set_back(monkeypatch):
    def turn():
        now = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: now() - HOUR)

    return turn


def test_a_try_that_waits_goes_out_although_the_clock_was_set_back(desk, settings, set_back):
    settings.RETRY_SECONDS = 2
    desk.ledger.plan("refuse")
    order = desk.place("1")
    desk.pump()
    assert desk.state(order) == "queued"
    assert not lanes.is_due(desk.account)
    set_back()
    desk.pump()
    assert desk.state(order) == "filled"


def test_a_change_that_waits_goes_out_although_the_clock_was_set_back(desk, settings, set_back):
    settings.RETRY_SECONDS = 2
    order = desk.place("1", kind="limit", price=D("1.05"))
    desk.pump()
    desk.state(order)
    desk.ledger.plan("refuse")
    services.cancel(order, actor=desk.owner)
    desk.pump()
    assert desk.state(order) == "working"
    set_back()
    desk.pump()
    assert desk.state(order) == "cancelled"


def test_what_is_unknown_is_asked_for_although_the_clock_was_set_back(desk, settings, set_back):
    settings.SETTLE_SECONDS = settings.ABSENCE_SECONDS = 5
    desk.ledger.plan("lose")
    order = desk.place("1", kind="limit", price=D("1.05"))
    desk.pump()
    assert desk.state(order) == "unknown"
    set_back()
    desk.pump()  # its time is counted anew
    assert OrderAttempt.objects.get().opened_at <= timezone.now()
    settings.SETTLE_SECONDS = 0
    OrderAttempt.objects.update(not_before=None)
    desk.pump()
    assert desk.state(order) == "working"


def test_looks_that_prove_an_absence_go_on_although_the_clock_was_set_back(
    desk, settings, set_back
):
    settings.ABSENCE_SECONDS = 5
    desk.ledger.plan("drop")
    order = desk.place("1")
    desk.pump()
    assert OrderAttempt.objects.get().looks == 1
    set_back()
    desk.pump()
    desk.state(order)
    assert OrderAttempt.objects.get().looks == 2


def test_what_is_quarantined_keeps_its_long_pause(desk, settings):
    settings.ABSENCE_SECONDS = 5
    desk.ledger.plan("drop")
    order = desk.place("1")
    desk.pump()
    in_a_while = timezone.now() + dt.timedelta(minutes=9)
    OrderAttempt.objects.update(not_before=in_a_while)
    assert lanes.unsettled(desk.account)
    order.refresh_from_db()
    type(order).objects.update(state="quarantined")
    assert not lanes.unsettled(desk.account)
    OrderAttempt.objects.update(not_before=in_a_while + HOUR)
    assert lanes.unsettled(desk.account)


def test_of_two_who_come_at_once_the_second_takes_nothing(desk, settings):
    """The one who waits for the row has read the clock before the first one did."""
    desk.place("1")
    held = lanes.take(desk.account)
    a_moment = dt.timedelta(seconds=settings.LANE_SECONDS, milliseconds=500)
    Lane.objects.update(until=timezone.now() + a_moment)
    assert lanes.take(desk.account) is None
    lanes.keep(held)
    Lane.objects.update(until=timezone.now() + dt.timedelta(hours=1))
    assert lanes.take(desk.account)


def test_who_follows_is_not_replaced_by_one_whose_clock_is_a_moment_behind(desk, settings):
    connection = desk.account.connection
    assert leases.hold(connection, "first")
    a_moment = dt.timedelta(seconds=settings.LEASE_SECONDS, milliseconds=500)
    Lease.objects.update(until=timezone.now() + a_moment)
    assert not leases.hold(connection, "second")


def test_an_exit_that_waits_holds_up_entries_and_no_other_exit(desk, settings):
    settings.RETRY_SECONDS = 60
    for lots in ("1", "2"):
        desk.place(lots)
        desk.pump()
    one, two = Position.objects.order_by("id")
    desk.ledger.plan("refuse")
    first = exits.close_position(one, actor=desk.owner)
    entry = desk.place("3")
    desk.pump()
    second = exits.close_position(two, actor=desk.owner)
    desk.pump()
    states = [desk.state(order) for order in (first, entry, second)]
    assert states == ["queued", "queued", "filled"]


def test_who_lost_a_lane_neither_keeps_it_nor_lets_it_go(desk):
    desk.place("1")
    slow = lanes.take(desk.account)
    Lane.objects.update(until="2020-01-01 00:00:00+00:00")
    with pytest.raises(lanes.LeaseLost):
        lanes.keep(slow)
    other = lanes.take(desk.account)
    taken = Lane.objects.get()
    with pytest.raises(lanes.LeaseLost):
        lanes.keep(slow)
    lanes.let_go(slow)
    assert (taken.holder, taken.fence) == (other.holder, slow.fence + 1)
    assert Lane.objects.filter(holder=other.holder, until=taken.until).exists()
    Lane.objects.update(until=taken.until - dt.timedelta(seconds=1))
    lanes.keep(other)
    assert Lane.objects.get().until >= taken.until
    lanes.let_go(other)
    assert (Lane.objects.get().holder, Lane.objects.get().until) == ("", None)


def test_a_lane_without_anything_to_do_is_not_taken(desk):
    assert lanes.take(desk.account) is None
    order = desk.place("1")
    desk.pump()
    fence = Lane.objects.get().fence
    execution.pump(desk.account)  # another worker was faster
    assert (desk.state(order), lanes.take(desk.account)) == ("filled", None)
    assert Lane.objects.get().fence == fence


def test_a_halted_lane_is_taken_for_an_exit_only(desk):
    desk.place("1")
    desk.pump()
    desk.place("2")
    Lane.objects.update(halted=True, halted_because="x")
    fence = Lane.objects.get().fence
    execution.pump(desk.account)
    assert lanes.take(desk.account) is None
    assert Lane.objects.get().fence == fence
    closing = exits.close_position(Position.objects.get(), actor=desk.owner)
    execution.pump(desk.account)
    assert desk.state(closing) == "filled"


def test_what_is_queued_while_a_lane_is_worked_goes_out_from_the_same_hand(desk, monkeypatch):
    first, let_go, late = desk.place("1"), lanes.let_go, []

    def queue_another(held):
        if not late:
            late.append(desk.place("2"))
            execution.pump(desk.account)  # its own worker finds the lane taken
            assert desk.state(late[0]) == "queued"
        let_go(held)

    monkeypatch.setattr(lanes, "let_go", queue_another)
    desk.pump()
    assert [desk.state(order) for order in (first, *late)] == ["filled", "filled"]


def test_a_change_is_asked_for_before_an_order_that_was_queued_earlier(desk):
    working = desk.place("1", kind="limit", price=D("1.05"))
    desk.pump()
    queued = desk.place("2")
    working.refresh_from_db()
    services.cancel(working, actor=desk.owner)
    desk.pump()
    assert [desk.state(order) for order in (working, queued)] == ["cancelled", "filled"]
    assert [line["action"] for line in desk.ledger.lines()] == ["place", "cancel", "place"]


def test_a_lane_whose_worker_ended_is_free_although_the_clock_was_set_back(desk):
    order = desk.place("1")
    assert lanes.take(desk.account)
    assert lanes.take(desk.account) is None
    Lane.objects.update(until=timezone.now() + HOUR)
    assert sweeper.sweep() == 1
    desk.pump()
    assert desk.state(order) == "filled"


def test_a_connection_whose_keeper_ended_is_taken_although_the_clock_was_set_back(desk):
    assert leases.hold(desk.account.connection, "one")
    assert not leases.hold(desk.account.connection, "other")
    Lease.objects.update(until=timezone.now() + HOUR)
    assert leases.hold(desk.account.connection, "other")


def test_what_nobody_decided_is_found_after_the_clock_is_set_back(desk, risk):
    risk.refusing = lanes.BUSY
    order = desk.place()
    Order.objects.update(received_at=timezone.now() + HOUR)
    risk.refusing = ""
    sweeper.sweep()
    assert desk.state(order) == "filled"
