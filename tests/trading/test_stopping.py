"""A stop ends what waits, in one step; what is due is found without any message."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.contrib.auth.models import User

from accounts.models import Position
from risk import kill_switch
from tests.trading.desk import Desk
from trading import exits, flatten, services, sweeper
from trading.models import Order, OrderEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch):
    found = []
    monkeypatch.setattr(sweeper, "enqueue", lambda name, pk, **kwargs: found.append(pk))
    return found


def test_engaging_the_switch_ends_what_waits_but_no_exit(desk, risk):
    desk.place()
    desk.pump()
    waiting = [desk.place() for _ in range(3)]
    closing = exits.close_position(Position.objects.get(), actor=desk.owner)
    kill_switch.engage(kill_switch.of_owner(desk.owner), actor=desk.owner, reason="enough")
    for order in waiting:
        assert (desk.state(order), order.code) == ("not_sent", "KILL_SWITCH")
        event = order.events.last()
        assert (event.rule, event.seq, event.origin) == ("T4", order.version, "queued")
        assert event.details == {}
    assert desk.state(closing) == "queued"
    desk.pump()
    assert len(desk.ledger.placed) == 2
    sweeper.sweep()
    assert risk.held == set()
    assert not Order.objects.filter(holds=True).exists()


def test_stops_of_a_position_that_waited_are_not_set_after_a_stop_was_released(desk):
    desk.place()
    desk.pump()
    asked = exits.protect(Position.objects.get(), actor=desk.owner, stop_loss=D("1.09"))
    flatten.stop_waiting(kill_switch.of_strategy(desk.owner, "one"))
    asked.refresh_from_db()
    assert asked.outcome == "waiting"
    scope = kill_switch.of_account(desk.account)
    kill_switch.engage(scope, actor=desk.owner)
    kill_switch.release(scope, actor="a person", reason="only a trial")
    desk.pump()
    asked.refresh_from_db()
    assert (asked.outcome, desk.ledger.of("protect")) == ("withdrawn", [])


def test_a_stop_concerns_its_scope_alone(desk, tmp_path):
    other = Desk(tmp_path / "other")
    mine, theirs = desk.place(strategy="one"), other.place(strategy="one")
    for scope in (
        kill_switch.of_owner(other.owner),
        kill_switch.of_account(other.account),
        kill_switch.of_strategy(other.owner, "one"),
        kill_switch.of_strategy(desk.owner, "two"),
        kill_switch.of_source(desk.owner, "one"),
    ):
        flatten.stop_waiting(scope)
    assert (desk.state(mine), desk.state(theirs)) == ("queued", "not_sent")
    flatten.stop_waiting(kill_switch.ALL)
    assert desk.state(mine) == "not_sent"


def test_hundreds_are_stopped_with_a_handful_of_queries(desk, django_assert_max_num_queries):
    first = desk.place()
    Order.objects.bulk_create(
        Order(
            account=desk.account, symbol=desk.symbol, client_order_id=f"T{n:021}", side="buy",
            lots=1, origin_kind="test", origin_id=str(n), state="queued", lane_seq=10 + n,
            received_at=first.received_at,
        )
        for n in range(500)
    )  # fmt: skip
    with django_assert_max_num_queries(8):
        assert flatten.stop_waiting(kill_switch.ALL) == 501
    assert OrderEvent.objects.filter(rule="T4").count() == 501


def test_the_sweeper_wakes_lanes_with_work_and_no_worker(desk, woken, risk):
    assert (sweeper.sweep(), woken) == (0, [])
    desk.place()
    assert (sweeper.sweep(), woken) == (1, [desk.account.pk])
    from trading import lanes

    held = lanes.take(desk.account)
    assert sweeper.sweep() == 0
    lanes.let_go(held)
    desk.pump()
    assert sweeper.sweep() == 0


def test_the_sweeper_finds_what_a_dead_worker_left(desk, woken):
    from trading import lanes
    from trading.models import Lane

    order = desk.place()
    held = lanes.take(desk.account)
    lanes.claim_next(held, watermark="")
    assert sweeper.sweep() == 0
    Lane.objects.update(until="2020-01-01 00:00:00+00:00")
    assert sweeper.sweep() == 1
    desk.pump()
    for _ in range(3):
        desk.pump()
    assert (desk.state(order), order.code) == ("not_sent", "PROVED_ABSENT")


def test_the_sweeper_decides_what_was_left_undecided(desk, risk, monkeypatch, woken):
    risk.refusing = "BUSY"
    order = desk.place()
    risk.refusing = ""
    sweeper.sweep()
    assert desk.state(order) == "received"
    monkeypatch.setattr(sweeper, "UNDECIDED", -sweeper.UNDECIDED)
    sweeper.sweep()
    assert desk.state(order) == "queued"


def test_an_order_that_cannot_be_judged_holds_up_no_lane_and_is_given_up(
    desk, risk, monkeypatch, woken
):
    risk.refusing = "BUSY"
    order = desk.place()
    risk.refusing = ""
    desk.place()

    def fail(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(services, "order_facts", fail)
    monkeypatch.setattr(sweeper, "UNDECIDED", -sweeper.UNDECIDED)
    woken.clear()
    assert (sweeper.sweep(), woken) == (1, [desk.account.pk])
    assert desk.state(order) == "received"

    monkeypatch.setattr(sweeper, "GIVEN_UP", -sweeper.GIVEN_UP)
    sweeper.sweep()
    assert (desk.state(order), order.code) == ("not_sent", "FAULT")


def test_only_the_owner_engages_a_stop(desk):
    from tradershub.core.errors import NotAllowed

    stranger = User.objects.create_user("mallory")
    desk.place()
    with pytest.raises(NotAllowed):
        kill_switch.engage(kill_switch.of_owner(desk.owner), actor=stranger, reason="x")
    assert Order.objects.get().state == "queued"
