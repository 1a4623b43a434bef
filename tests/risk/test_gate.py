"""What the gate allows, reserves, takes back, and refuses when it cannot tell."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from accounts import manual
from accounts.models import Deal
from risk import gate, judging, kill_switch, pace
from risk.facts import Check, Figure, Intent, Price
from risk.kinds import Kind, Scope, Unit, Window
from risk.models import Hold, Limit, Reservation, RiskEvent, Usage
from risk.rules import RULES, Rule
from tests.factories import make_account
from tests.risk.orders import AT, Desk, d

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return Desk()


def asked(order, question=gate.authorise):
    with transaction.atomic():
        return question(order)


def code_of(order, question=gate.authorise):
    verdict = asked(order, question)
    return verdict.refusal.code if verdict.refusal else ""


def counter(limit):
    return Usage.objects.get(limit=limit)


# -- Allowances ----------------------------------------------------------------------------------
def test_an_order_within_all_limits_is_reserved(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 5, Unit.LOTS)
    order = desk.order(lots=d(2))
    verdict = asked(order)
    assert verdict.passed, verdict.refusal
    assert {check.rule for check in verdict.checks} >= {"kill_switch", "margin", "symbol_lots"}
    assert counter(limit).reserved == 2
    assert Reservation.objects.get(client_order_id=order.client_order_id).lots == 2


def test_the_next_one_is_refused_with_its_figures_and_reserves_nothing(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 5, Unit.LOTS)
    desk.position(open_volume=d(2))
    assert asked(desk.order(lots=d(2))).passed
    refusal = asked(desk.order(lots=d("1.01"))).refusal
    assert (refusal.rule, refusal.code) == ("symbol_lots", "SYMBOL_LOTS")
    figures = {
        name: Decimal(refusal.figures[name]) for name in ("asked", "used", "reserved", "limit")
    }
    assert figures == {"asked": d("1.01"), "used": 2, "reserved": 2, "limit": 5}
    assert "1 left of 5" in refusal.text
    assert counter(limit).reserved == 2
    assert RiskEvent.objects.get().code == "SYMBOL_LOTS"


@pytest.mark.parametrize(
    ("kind", "unit", "fits", "refuses"),
    [
        (Kind.EXPOSURE, Unit.MONEY, "220030", "220000"),  # 1 lot held at 1.1001, 1 asked at 1.1002
        (Kind.EXPOSURE, Unit.PERCENT, "2200.30", "2200"),
        (Kind.CURRENCY_EXPOSURE, Unit.MONEY, "220030", "220000"),
        (Kind.OPEN_POSITIONS, Unit.COUNT, "2", "1"),
        (Kind.HEAT, Unit.MONEY, "5800.5", "5800"),  # no stop: 5 % of 110,010; 300 at the stop
        (Kind.TRADES, Unit.COUNT, "1", "0"),  # the position is of another day
        (Kind.SYMBOL_LOTS, Unit.LOTS, "2", "1.99"),
    ],
)
def test_what_is_open_counts(desk, kind, unit, fits, refuses):
    desk.position()
    limit = desk.limit(kind, fits, unit)
    order = desk.order(lots=d(1))
    assert code_of(order) == ""
    gate.release(order.client_order_id)
    Limit.objects.filter(pk=limit.pk).update(value=d(refuses))
    assert code_of(desk.order(lots=d(1))) == kind.upper()


def test_trades_of_a_day_are_orders_that_opened_or_added_by_whomever(desk):
    position = desk.position(opened_at=AT - dt.timedelta(days=3))  # it was there before
    desk.position(opened_at=AT)  # of a platform that does not say what a deal did

    def deal(number, order, entry, **fields):
        given = {
            "kind": "trade",
            "symbol": desk.symbol,
            "side": "buy",
            "volume": d(1),
            "price": d("1.1"),
        }
        given |= {"currency": "USD", "at": AT, "source": "live", "position_ref": position.ref}
        return Deal.objects.create(
            account=desk.account, key=number, broker_deal_id=number, broker_order_id=order,
            entry=entry, **given | fields,
        )  # fmt: skip

    deal("1", "a", "in")
    deal("2", "a", "in")  # the same order, in two fills
    deal("3", "b", "in")
    deal("4", "c", "out")
    deal("5", "d", "in", at=AT - dt.timedelta(days=1))
    limit = desk.limit(Kind.TRADES, 3, Unit.COUNT)
    assert code_of(desk.order()) == "TRADES"
    Limit.objects.filter(pk=limit.pk).update(value=4)
    assert code_of(desk.order()) == ""


def test_trades_of_a_strategys_day_are_its_orders_that_filled_on_that_day(desk):
    """One was allowed yesterday and fills today in two deals, one was allowed and filled today, one yesterday."""
    resting, past = desk.order(strategy="mr"), desk.order(strategy="mr")
    for order, days in ((resting, 1), (past, 1), (desk.order(strategy="mr"), 0)):
        asked(order)
        Reservation.objects.filter(client_order_id=order.client_order_id).update(
            at=AT - dt.timedelta(days=days)
        )
        gate.consume(order.client_order_id, lots=order.lots)
    for number, order, days in (("1", resting, 0), ("2", resting, 0), ("3", past, 1)):
        Deal.objects.create(
            account=desk.account, key=number, client_order_id=order.client_order_id, kind="trade",
            symbol=desk.symbol, side="buy", volume=d("0.1"), price=d("1.1"), currency="USD",
            at=AT - dt.timedelta(days=days), source="live",
        )  # fmt: skip
    limit = desk.limit(Kind.TRADES, 2, Unit.COUNT, scope=Scope.STRATEGY, strategy="mr")
    assert code_of(desk.order(strategy="mr")) == "TRADES"
    Limit.objects.filter(pk=limit.pk).update(value=3)
    assert code_of(desk.order(strategy="mr")) == ""
    assert code_of(desk.order(strategy="other")) == ""


def test_opposite_positions_cancel_in_a_currency(desk):
    desk.position(side="sell", open_volume=d(1))
    desk.limit(Kind.CURRENCY_EXPOSURE, 50000, Unit.MONEY)
    assert code_of(desk.order(lots=d("0.4"))) == ""


def test_working_orders_count_with_those_of_others(desk):
    desk.limit(Kind.WORKING_ORDERS, 2, Unit.COUNT)
    resting = {"kind": "limit", "price": d("1.09"), "stop_loss": d("1.08"), "foreign_working": 1}
    assert code_of(desk.order(**resting)) == ""
    assert code_of(desk.order(**resting)) == "WORKING_ORDERS"
    assert code_of(desk.order()) == ""  # at the market: it does not rest
    refusal = asked(desk.order(**{**resting, "foreign_working": None})).refusal
    assert refusal.figures == {"missing": "foreign_working"}


def test_a_limit_of_the_owner_is_shared_by_all_of_their_accounts(desk):
    other = Desk(owner=desk.owner)
    limit = desk.limit(Kind.SYMBOL_LOTS, 3, Unit.LOTS, scope=Scope.OWNER)
    assert code_of(desk.order(lots=d(2))) == ""
    assert code_of(other.order(lots=d(2))) == "SYMBOL_LOTS"
    assert code_of(other.order(lots=d(1))) == ""
    assert counter(limit).reserved == 3


def test_a_hundred_followers_with_room_for_sixty(desk):
    """R19: each lot of 0.01 of one shared allowance."""
    desk.limit(Kind.OPEN_POSITIONS, 60, Unit.COUNT, scope=Scope.OWNER)
    verdicts = [
        asked(desk.order(lots=d("0.01"), margin=d(1), price=d("1.1") + d(n) / 10**5))
        for n in range(100)
    ]
    assert sum(verdict.passed for verdict in verdicts) == 60


def test_another_persons_limits_and_positions_count_for_nothing(desk):
    stranger = Desk()
    stranger.limit(Kind.MAX_LOTS, "0.01", Unit.LOTS, scope=Scope.OWNER)
    stranger.limit(Kind.MAX_LOTS, "0.01", Unit.LOTS)
    stranger.position(open_volume=d(50))
    desk.limit(Kind.SYMBOL_LOTS, 2, Unit.LOTS, scope=Scope.OWNER)
    assert code_of(desk.order(lots=d(2))) == ""
    assert code_of(stranger.order(lots=d(2))) == "MAX_LOTS"


def test_a_limit_of_all_binds_everybody(desk):
    Limit.objects.create(kind=Kind.MAX_LOTS, value=1, unit=Unit.LOTS, scope=Scope.ALL)
    assert code_of(desk.order(lots=d(2))) == "MAX_LOTS"


def test_limits_of_instrument_and_strategy_bind_only_these(desk):
    desk.limit(Kind.MAX_LOTS, 1, Unit.LOTS, scope=Scope.STRATEGY, strategy="mr")
    assert code_of(desk.order(lots=d(2), strategy="mr")) == "MAX_LOTS"
    assert code_of(desk.order(lots=d(2), strategy="other")) == ""
    desk.limit(Kind.MAX_LOTS, 1, Unit.LOTS, scope=Scope.INSTRUMENT, instrument=desk.instrument)
    assert code_of(desk.order(lots=d("2.5"), strategy="other")) == "MAX_LOTS"


def test_an_order_of_an_account_that_is_not_its_owners_is_refused(desk):
    stranger = Desk()
    forged = replace(desk.order(), account_id=stranger.account.pk)
    assert code_of(forged) == "CONTROL_ERROR"
    assert not Reservation.objects.exists()


def test_margin_of_orders_on_their_way_is_not_free(desk):
    """R14: two strategies at 95 % of one account."""
    free = {"free_margin": Figure(d(1000), AT), "margin": d(950)}
    assert code_of(desk.order(strategy="a", **free)) == ""
    assert code_of(desk.order(strategy="b", **free)) == "MARGIN"


def test_parts_of_one_order_never_exceed_it(desk):
    """R15: a loop that makes children without end trips at the second."""
    part = {"parent": "P1", "parent_lots": d(1), "lots": d(1)}
    first = desk.order(**part)
    assert code_of(first) == ""
    assert code_of(desk.order(**part, price=d("1.1"))) == "PARENT"
    gate.consume(first.client_order_id, lots=d(1))
    assert code_of(desk.order(**part, price=d("1.1"))) == "PARENT"


def test_a_new_limit_begins_with_what_orders_hold(desk):
    early = desk.order(lots=d(2))
    assert code_of(early) == ""
    limit = desk.limit(Kind.SYMBOL_LOTS, 3, Unit.LOTS)
    assert code_of(desk.order(lots=d("1.5"))) == "SYMBOL_LOTS"
    assert code_of(desk.order(lots=d(1))) == ""
    assert counter(limit).reserved == 3
    gate.release(early.client_order_id)
    assert counter(limit).reserved == 1


# -- What becomes of a reservation -----------------------------------------------------------------
def test_fills_use_and_the_end_frees_the_rest(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 10, Unit.LOTS)
    order = desk.order(lots=d(3))
    asked(order)
    gate.consume(order.client_order_id, lots=d("1.5"))
    assert (counter(limit).used, counter(limit).reserved) == (d("1.5"), d("1.5"))
    gate.release(order.client_order_id)
    gate.release(order.client_order_id)
    gate.consume(order.client_order_id, lots=d(1))
    assert (counter(limit).used, counter(limit).reserved) == (d("1.5"), 0)


def test_thirds_leave_nothing_behind(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 10, Unit.LOTS)
    order = desk.order(lots=d(1))
    asked(order)
    for _ in range(2):
        gate.consume(order.client_order_id, lots=d(1) / 3)
    gate.consume(order.client_order_id, lots=1 - 2 * (d(1) / 3))
    assert (counter(limit).used, counter(limit).reserved) == (1, 0)
    assert Reservation.objects.get().over_at


def test_an_order_filled_in_part_works_as_a_whole_one(desk):
    limit = desk.limit(Kind.WORKING_ORDERS, 2, Unit.COUNT)
    resting = {"kind": "limit", "price": d("1.09"), "stop_loss": d("1.08"), "foreign_working": 0}
    orders = [desk.order(**resting, lots=d(lots)) for lots in (1, 2)]
    for order in orders:
        assert code_of(order) == ""
        gate.consume(order.client_order_id, lots=order.lots / 2)
    assert code_of(desk.order(**resting)) == "WORKING_ORDERS"
    gate.consume(orders[0].client_order_id, lots=orders[0].lots / 2)
    gate.release(orders[1].client_order_id)
    assert counter(limit).reserved == 0


def test_the_rest_of_an_order_may_open_a_position_of_its_own(desk):
    limit = desk.limit(Kind.OPEN_POSITIONS, 2, Unit.COUNT)
    orders = [desk.order(kind="limit", price=d("1.09")) for _ in range(2)]
    for order in orders:
        assert code_of(replace(order, stop_loss=d("1.08"))) == ""
        gate.consume(order.client_order_id, lots=order.lots / 2)  # closed by a stop since
    assert code_of(desk.order()) == "OPEN_POSITIONS"
    assert gate.hold_again(orders[0].client_order_id) is False
    gate.release(orders[0].client_order_id)
    assert gate.hold_again(orders[0].client_order_id)
    assert counter(limit).reserved == 2


def test_an_order_filled_in_part_is_one_trade(desk):
    limit = desk.limit(Kind.TRADES, 2, Unit.COUNT)
    order = desk.order(kind="limit", price=d("1.09"), stop_loss=d("1.08"))
    assert code_of(order) == ""
    desk.position(opened_at=AT)
    gate.consume(order.client_order_id, lots=order.lots / 2)
    assert counter(limit).reserved == 0
    assert code_of(desk.order()) == ""
    assert code_of(desk.order()) == "TRADES"


def test_an_order_filled_in_part_counts_whole_in_a_new_limit(desk):
    order = desk.order(kind="limit", price=d("1.09"), stop_loss=d("1.08"), foreign_working=0)
    assert code_of(order) == ""
    gate.consume(order.client_order_id, lots=order.lots / 2)
    limit = desk.limit(Kind.WORKING_ORDERS, 2, Unit.COUNT)
    assert code_of(desk.order(kind="limit", price=d("1.08"), foreign_working=0)) == ""
    assert counter(limit).reserved == 2


def test_what_filled_of_an_order_is_not_counted_with_its_rest(desk):
    """Half of 1,000 margin is free margin no more: with 100 of the next, 1,100 under an equity of 10,000."""
    desk.limit(Kind.MARGIN_LEVEL, 900, Unit.PERCENT)
    order = desk.order(lots=d(1), margin=d(1000), stop_loss=d("1.09"))
    assert code_of(order) == ""
    gate.consume(order.client_order_id, lots=d("0.5"))
    after = {"margin": d(100), "free_margin": Figure(d(9500), AT)}
    check = next(c for c in asked(desk.order(**after)).checks if c.rule == "margin_level")
    assert (check.passed, Decimal(check.figures["margin"])) == (True, 1100)


def test_an_amendment_holds_the_larger_of_both(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 3, Unit.LOTS)
    order = desk.order(lots=d(1))
    asked(order)
    assert code_of(replace(order, lots=d(3))) == ""
    assert counter(limit).reserved == 3
    assert code_of(replace(order, lots=d(2))) == ""
    assert counter(limit).reserved == 3
    assert code_of(replace(order, lots=d("3.01"))) == "SYMBOL_LOTS"


def test_an_order_made_larger_once_in_part_filled_holds_what_is_left_of_it(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 3, Unit.LOTS)
    order = desk.order(lots=d(1))
    asked(order)
    gate.consume(order.client_order_id, lots=d("0.5"))
    assert code_of(replace(order, lots=d(2))) == ""
    assert counter(limit).reserved == d("1.5")
    assert not gate.consume(order.client_order_id, lots=d(1))
    assert counter(limit).reserved == d("0.5")
    assert gate.consume(order.client_order_id, lots=d("0.5"))
    assert counter(limit).reserved == 0


def test_an_order_to_become_smaller_counts_as_it_was_until_it_is_over(desk):
    order = desk.order(lots=d(2), margin=d(900), stop_loss=d("1.09"))
    asked(order)
    before = Reservation.objects.get()
    assert code_of(replace(order, lots=d(1), margin=d(450))) == ""
    now = Reservation.objects.get()
    assert (now.lots, now.ask) == (before.lots, before.ask)
    assert not gate.consume(order.client_order_id, lots=d(1))


def test_a_change_that_could_lose_no_more_is_let_through_whatever_the_limits_say(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 3, Unit.LOTS)
    order = desk.order(lots=d(2), kind="limit", price=d("1.09"), signal_at=AT)
    asked(order)
    Limit.objects.update(value=1)
    desk.limit(Kind.LOSS, 0, Unit.MONEY, window=Window.DAY)
    desk.limit(Kind.DRAWDOWN, 0, Unit.MONEY)
    desk.limit(Kind.MAX_LOTS, d("0.5"), Unit.LOTS)
    late = {"at": AT + dt.timedelta(hours=1), "session_open": False}
    change = replace(order, lots=d(1), **late)
    assert code_of(change) != ""
    assert code_of(replace(change, risks_no_more=True)) == ""
    assert counter(limit).reserved == 2
    kill_switch.engage(kill_switch.of_owner(desk.owner), actor=desk.owner)
    assert code_of(replace(change, risks_no_more=True)) == "KILL_SWITCH"


def test_an_order_that_comes_back_is_held_again_whatever_the_limits_say(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 3, Unit.LOTS)
    order = desk.order(lots=d(2))
    asked(order)
    gate.consume(order.client_order_id, lots=d("0.5"))
    gate.release(order.client_order_id)
    asked(desk.order(lots=d(3), price=d("1.09")))
    assert gate.hold_again(order.client_order_id)
    assert not gate.hold_again(order.client_order_id)  # it is held
    assert counter(limit).reserved == d("4.5")
    assert code_of(desk.order(lots=d("0.01"), price=d("1.08"))) == "SYMBOL_LOTS"
    gate.release(order.client_order_id)
    assert counter(limit).reserved == 3
    assert not gate.hold_again("nowhere")


@pytest.mark.parametrize(
    ("end", "used"), [(partial(gate.consume, lots=d(1)), 1), (gate.release, 0)]
)
def test_a_whole_order_ends_in_four_statements_however_many_counters_it_holds(desk, end, used):
    kinds = {Kind.SYMBOL_LOTS: Unit.LOTS, Kind.OPEN_POSITIONS: Unit.COUNT, Kind.TRADES: Unit.COUNT}
    limits = [desk.limit(kind, 5, unit) for kind, unit in kinds.items()]
    order, other = desk.order(lots=d(1)), desk.order(lots=d(2), price=d("1.09"))
    assert asked(order).passed and asked(other).passed
    with transaction.atomic(), CaptureQueriesContext(connection) as statements:
        end(order.client_order_id)
    assert len(statements) == 4
    before = [d(2), d(1), d(1)]
    assert [counter(limit).reserved for limit in limits] == before
    assert [counter(limit).used for limit in limits] == [used] * 3
    left = Hold.objects.values_list("left", flat=True)
    assert not any(left.filter(reservation__client_order_id=order.client_order_id))
    assert all(left.filter(reservation__client_order_id=other.client_order_id))
    assert not gate.consume(order.client_order_id, lots=d(1))
    assert [counter(limit).reserved for limit in limits] == before


def test_used_and_reserved_stay_within_the_limit_whatever_happens(desk):
    """The counter against a ledger that shares no code with it; 150 moves, seeded."""
    chance = random.Random(7)
    limit = desk.limit(Kind.SYMBOL_LOTS, 5, Unit.LOTS)
    working, held = {}, Decimal(0)
    for n in range(150):
        move = chance.random()
        if move < 0.5 or not working:
            lots = d(chance.randint(1, 200)) / 100
            order = desk.order(lots=lots, price=d("1.09") + d(n) / 10**5)
            passes = asked(order).passed
            assert passes == (held + sum(working.values()) + lots <= 5)
            if passes:
                working[order.client_order_id] = lots
        elif move < 0.75:
            name = chance.choice(sorted(working))
            gate.release(name)
            del working[name]
        else:
            name = chance.choice(sorted(working))
            with transaction.atomic():
                gate.consume(name, lots=working[name])
                desk.position(open_volume=working[name])
            held += working.pop(name)
        row = Usage.objects.filter(limit=limit).first()
        if row:
            assert row.used + row.reserved <= 5
            left = Hold.objects.filter(usage=row).aggregate(left=Sum("left"))["left"]
            assert row.reserved == left == sum(working.values())


# -- Exits -----------------------------------------------------------------------------------------
def test_an_exit_closes_what_is_open_and_no_more(desk):
    """R16: ten closes at once never turn the position over."""
    desk.position(ref="77", open_volume=d(1))
    verdicts = [asked(desk.close(position_ref="77", lots=d("0.4"))) for _ in range(10)]
    assert [verdict.passed for verdict in verdicts] == [True, True] + [False] * 8
    assert verdicts[-1].refusal.code == "NOTHING_TO_CLOSE"


def test_an_exit_of_the_wrong_side_closes_nothing(desk):
    desk.position(ref="77", side="sell")
    assert code_of(desk.close(position_ref="77", lots=d(1))) == "NOTHING_TO_CLOSE"
    assert code_of(desk.close(position_ref="77", lots=d(1), side="buy")) == ""


def test_neither_limits_nor_the_switch_nor_age_hold_up_an_exit(desk):
    desk.position(ref="77")
    desk.limit(Kind.MAX_LOTS, 0, Unit.LOTS)
    desk.limit(Kind.LOSS, 0, Unit.MONEY, window=Window.DAY)
    kill_switch.engage(kill_switch.of_owner(desk.owner), actor=desk.owner)
    exit_order = desk.close(position_ref="77", lots=d(1), signal_at=AT - dt.timedelta(days=1))
    assert code_of(exit_order) == ""
    assert code_of(exit_order, gate.recheck) == ""
    assert code_of(desk.order()) == "KILL_SWITCH"


def test_closed_in_part_leaves_the_rest_to_close(desk):
    position = desk.position(ref="77", open_volume=d(1))
    order = desk.close(position_ref="77", lots=d("0.5"))
    asked(order)
    with transaction.atomic():
        gate.consume(order.client_order_id, lots=d("0.5"))
        position.open_volume = d("0.5")
        position.save()
    assert code_of(desk.close(position_ref="77", lots=d("0.5"))) == ""
    assert code_of(desk.close(position_ref="77", lots=d("0.01"))) == "NOTHING_TO_CLOSE"


@pytest.mark.parametrize(("left", "code"), [("0.2", ""), ("0", "NOTHING_TO_CLOSE")])
def test_an_exit_that_waited_until_a_stop_closed_all_is_not_sent(desk, left, code):
    position = desk.position(ref="77", open_volume=d(1))
    order = desk.close(position_ref="77", lots=d(1))
    asked(order)
    position.open_volume = d(left)
    position.save()
    assert code_of(order, gate.recheck) == code


# -- The last look -----------------------------------------------------------------------------------
def test_the_last_look_passes_what_is_still_so(desk):
    desk.limit(Kind.SYMBOL_LOTS, 2, Unit.LOTS)
    order = desk.order(lots=d(2))
    asked(order)
    verdict = asked(order, gate.recheck)
    assert verdict.passed, verdict.refusal
    assert "symbol_lots" in {check.rule for check in verdict.checks}


def test_the_last_look_refuses_what_was_never_allowed_or_is_over(desk):
    order = desk.order()
    assert code_of(order, gate.recheck) == "NO_RESERVATION"
    asked(order)
    gate.release(order.client_order_id)
    assert code_of(order, gate.recheck) == "NO_RESERVATION"


@pytest.mark.parametrize("is_released", [False, True])
def test_a_stop_in_between_is_seen_even_when_it_was_released(desk, is_released):
    order = desk.order()
    asked(order)
    scope = kill_switch.of_account(desk.account)
    kill_switch.engage(scope, actor=desk.owner)
    if is_released:
        kill_switch.release(scope, actor=desk.owner, reason="only a trial")
    assert code_of(order, gate.recheck) == "KILL_SWITCH"


@pytest.mark.parametrize("kind", [Kind.SYMBOL_LOTS, Kind.MAX_LOTS])
def test_a_limit_lowered_in_between_holds(desk, kind):
    limit = desk.limit(kind, 2, Unit.LOTS)
    order = desk.order(lots=d(2))
    assert code_of(order) == ""
    Limit.objects.filter(pk=limit.pk).update(value=d(1))
    expected = {Kind.SYMBOL_LOTS: "LIMIT_LOWERED", Kind.MAX_LOTS: "MAX_LOTS"}[kind]
    assert code_of(order, gate.recheck) == expected


def test_a_queue_that_stood_still_sends_nothing_old(desk):
    order = desk.order(signal_at=AT)
    asked(order)
    late = AT + dt.timedelta(minutes=5)
    now = {"at": late, "market": replace(order.market, at=late), "rate": Figure(d(1), late)}
    assert code_of(replace(order, **now), gate.recheck) == "STALE"


# -- Repetition ----------------------------------------------------------------------------------------
def order_at(desk, at, **fields):
    """An order of that moment, with figures of that moment."""
    now = {"market": Price(d("1.1"), d("1.1002"), at), "rate": Figure(d(1), at)}
    worth = {name: Figure(d(10000), at) for name in ("equity", "free_margin")}
    return desk.order(at=at, **now, **worth, **fields)


@pytest.mark.parametrize("start", [0, 1, 2])
def test_the_same_order_from_two_signals_passes_once_whatever_the_bucket(desk, start):
    """R9: seconds apart, also over the edge of any window of three seconds."""
    first = AT + dt.timedelta(seconds=start)
    codes = [
        code_of(order_at(desk, first + dt.timedelta(seconds=n), lots=d("0.7"))) for n in (0, 2, 4)
    ]
    assert codes == ["", "DUPLICATE", ""]


def test_legs_of_one_origin_and_retries_after_a_refusal_are_no_duplicates(desk):
    one = desk.order(lots=d("0.7"), origin="signal:1")
    assert code_of(one) == ""
    assert code_of(desk.order(lots=d("0.7"), origin="signal:1")) == ""
    assert code_of(desk.order(lots=d("0.7"), origin="signal:2")) == "DUPLICATE"
    for row in Reservation.objects.all():
        gate.release(row.client_order_id)
    assert code_of(desk.order(lots=d("0.7"), origin="signal:3")) == ""


def test_entries_are_counted_also_after_the_clock_is_set_back(desk):
    """R11."""
    desk.limit(Kind.ENTRIES, 2, Unit.COUNT, seconds=60)
    codes = [code_of(desk.order(automatic=True)) for _ in range(2)]
    Reservation.objects.update(at=AT + dt.timedelta(hours=1))
    codes.append(code_of(desk.order(automatic=True)))
    assert codes == ["", "", "TOO_MANY_ENTRIES"]


def test_too_many_automatic_entries_stop_until_a_person_lets_them_go_on(desk):
    """R11."""
    limit = desk.limit(Kind.ENTRIES, 2, Unit.COUNT, scope=Scope.STRATEGY, strategy="mr", seconds=60)
    machine = {"automatic": True, "strategy": "mr"}
    codes = [code_of(desk.order(**machine)) for _ in range(3)]
    assert codes == ["", "", "TOO_MANY_ENTRIES"]
    Reservation.objects.all().update(at=AT - dt.timedelta(hours=1))  # the window is empty again
    assert code_of(desk.order(**machine)) == "TOO_MANY_ENTRIES"
    assert code_of(desk.order(strategy="mr")) == ""  # by hand
    Usage.objects.filter(limit=limit).update(broken_at=None)
    assert code_of(desk.order(**machine)) == ""


def test_an_order_that_is_changed_was_entered_when_and_by_whom_it_was(desk):
    """A person changes what a machine entered an hour ago: no automatic entry of now."""
    desk.limit(Kind.ENTRIES, 1, Unit.COUNT, seconds=60)
    order, hour_ago = desk.order(automatic=True), AT - dt.timedelta(hours=1)
    assert code_of(order) == ""
    Reservation.objects.update(at=hour_ago)
    for times in (2, 3):
        assert code_of(replace(order, lots=order.lots * times, automatic=False)) == ""
        row = Reservation.objects.get(client_order_id=order.client_order_id)
        assert (row.at, row.automatic) == (hour_ago, True)
        assert code_of(desk.order(automatic=True)) == ("" if times == 2 else "TOO_MANY_ENTRIES")


# -- Fail closed -----------------------------------------------------------------------------------------
def broken(_question, *_limits):
    raise RuntimeError("a control that fails")


def silent(_question, *_limits):
    return None


@pytest.mark.parametrize("judge", [broken, silent, lambda _: True, lambda _: "PASS"])
@pytest.mark.parametrize("name", [rule.name for rule in RULES if rule.kind is None])
def test_a_rule_that_fails_refuses_with_its_name(desk, monkeypatch, judge, name):
    changed = tuple(
        Rule(rule.name, judge, exits=rule.exits, again=rule.again) if rule.name == name else rule
        for rule in RULES
    )
    monkeypatch.setattr(judging, "RULES", changed)
    refusal = asked(desk.order()).refusal
    assert (refusal.rule, refusal.code) == (name, "CONTROL_ERROR")
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    "missing",
    [
        "account_open",
        "may_trade",
        "connection_is_live",
        "session_open",
        "lot_min",
        "market",
        "margin",
    ],
)
def test_a_figure_that_is_not_known_is_named(desk, missing):
    refusal = asked(desk.order(**{missing: None})).refusal
    assert refusal.code == "MISSING"
    assert refusal.figures["missing"] == {"market": "quote"}.get(missing, missing)


def test_what_breaks_outside_the_rules_refuses_too(desk, monkeypatch):
    def fall_over(*_args, **_named):
        raise RuntimeError("no book to read")

    monkeypatch.setattr("risk.situation.binding", fall_over)
    verdict = asked(desk.order())
    assert (verdict.refusal.rule, verdict.refusal.code) == ("gate", "CONTROL_ERROR")


def test_a_fault_while_reserving_takes_everything_back(desk, monkeypatch):
    desk.limit(Kind.SYMBOL_LOTS, 5, Unit.LOTS)
    desk.limit(Kind.OPEN_POSITIONS, 5, Unit.COUNT)
    calls = []
    take = gate.counters.take

    def second_fails(*args, **named):
        calls.append(args)
        if len(calls) == 3:
            raise RuntimeError("power cut")
        return take(*args, **named)

    monkeypatch.setattr(gate.counters, "take", second_fails)
    assert code_of(desk.order()) == "CONTROL_ERROR"
    assert not Reservation.objects.exists() and not Hold.objects.exists()
    assert not Usage.objects.filter(reserved__gt=0).exists()


def test_a_position_without_a_price_of_today_is_named(desk):
    desk.position()
    desk.limit(Kind.EXPOSURE, 10**6, Unit.MONEY, scope=Scope.OWNER, currency="EUR")
    stranger = Desk(owner=desk.owner, currency="JPY")
    order = stranger.order(currency="JPY", rate=Figure(d(150), AT))
    refusal = asked(order).refusal
    assert (refusal.code, refusal.figures["missing"]) == ("MISSING", "rate JPY to EUR")


@pytest.mark.django_db(transaction=True)
def test_the_gate_is_asked_inside_a_transaction():
    with pytest.raises(transaction.TransactionManagementError):
        gate.authorise(Desk().order())


# -- Figures from the books --------------------------------------------------------------------------------
def test_what_trading_does_not_know_of_the_account_comes_from_the_books(desk):
    manual.deposit(desk.account, amount="1000", at=AT - dt.timedelta(days=1), actor=desk.owner)
    nothing = {"equity": None, "free_margin": None, "rate": None}
    assert code_of(desk.order(margin=d(1000), **nothing)) == ""
    assert code_of(desk.order(margin=d(1), **nothing)) == "MARGIN"


# -- Statements ----------------------------------------------------------------------------------
def test_a_verdict_and_a_last_look_take_few_statements(desk):
    """Once rows to lock are there. PostgreSQL is told how long to wait for counters, and shares the switch."""
    first, order = desk.order(), desk.order()
    assert asked(first).passed and asked(first, gate.recheck).passed
    waits, shares = 2, 1
    if connection.vendor != "postgresql":
        waits = shares = 0
    with transaction.atomic(), CaptureQueriesContext(connection) as statements:
        assert gate.authorise(order).passed
    assert len(statements) == 10 + waits
    with transaction.atomic(), CaptureQueriesContext(connection) as statements:
        assert gate.recheck(order).passed
    assert len(statements) == 5 + shares


# -- Requests --------------------------------------------------------------------------------------------
def test_a_verdict_says_whether_requests_are_to_be_counted(desk):
    """An exit's does, too: no limits are read for it."""
    assert not asked(desk.order()).paced
    assert asked(desk.order(intent=Intent.EXIT, price=d("1.2"))).paced
    stranger = Desk()
    stranger.limit(Kind.MESSAGES, 2, Unit.COUNT, seconds=10)
    assert not asked(desk.order(price=d("1.3"))).paced
    desk.limit(Kind.MESSAGES, 2, Unit.COUNT, seconds=10)
    order = desk.order(price=d("1.4"))
    assert asked(order).paced and asked(order, gate.recheck).paced


def test_requests_to_a_broker_are_counted_and_cancels_apart(desk):
    """R10."""
    desk.limit(Kind.MESSAGES, 2, Unit.COUNT, seconds=10)

    def may(seconds, **more):
        at = AT + dt.timedelta(seconds=seconds)
        return pace.may_send_message(account_id=desk.account.pk, at=at, **more)

    assert [may(n) for n in (0, 1, 2)] == [True, True, False]
    assert [may(n, cancels=True) for n in (3, 4, 5)] == [True, True, False]
    assert may(10)
    assert pace.may_send_message(account_id=make_account().pk, at=AT)


def test_a_request_that_one_limit_refuses_counts_in_none(desk):
    wide = desk.limit(Kind.MESSAGES, 3, Unit.COUNT, seconds=10)
    narrow = desk.limit(Kind.MESSAGES, 1, Unit.COUNT, seconds=10)
    sent = [pace.may_send_message(account_id=desk.account.pk, at=AT) for _ in range(3)]
    assert sent == [True, False, False]
    used = dict(Usage.objects.values_list("limit_id", "used"))
    assert used == {wide.pk: 1, narrow.pk: 1}


def test_a_check_says_which_limit_it_is_of(desk):
    limit = desk.limit(Kind.MAX_LOTS, 1, Unit.LOTS)
    checks: tuple[Check, ...] = asked(desk.order(lots=d(1))).checks
    assert [c.figures["limit_id"] for c in checks if c.rule == "max_lots"] == [limit.pk]
