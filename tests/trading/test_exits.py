"""Positions are closed and protected: by requests that wait their turn."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts.models import Account, Position
from brokers.models import Quote, SymbolTerms
from tests.trading.filebroker import FileAdapter
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.step_up import StepUpNeeded
from trading import exits, in_doubt, services, sync
from trading.models import Order, OrderAttempt


def test_a_position_is_closed_and_never_turned_over(desk, position):
    first = exits.close_position(position, actor=desk.owner, lots=D("1.5"))
    with pytest.raises(BadInput, match="at most 0.5"):
        exits.close_position(position, actor=desk.owner, lots=D(1))
    second = exits.close_position(position, actor=desk.owner)
    with pytest.raises(Conflict, match="being closed already"):
        exits.close_position(position, actor=desk.owner)
    desk.pump()
    assert [desk.state(first), desk.state(second), second.lots] == ["filled", "filled", D("0.5")]
    position.refresh_from_db()
    assert position.open_volume == 0
    with pytest.raises(Conflict, match="closed already"):
        exits.close_position(position, actor=desk.owner)


def test_a_part_between_two_steps_is_not_sent_but_all_of_it_is(desk, position):
    SymbolTerms.objects.filter(symbol=desk.symbol).update(lot_step=1, lot_min=1)
    with pytest.raises(BadInput, match="lots in steps of 1, .* found 0.5") as refusal:
        exits.close_position(position, actor=desk.owner, lots=D("0.5"))
    assert refusal.value.param == "lots" and not Order.objects.filter(reduces=True).exists()
    Position.objects.update(open_volume=D("1.5"))
    assert exits.close_position(position, actor=desk.owner, lots=D("1.5")).lots == D("1.5")


def test_the_same_closing_without_a_token_is_not_done_twice(desk, position):
    exits.close_position(position, actor=desk.owner, lots=D("0.5"))
    desk.pump()
    with pytest.raises(Conflict, match="same closing"):
        exits.close_position(position, actor=desk.owner, lots=D("0.5"))
    exits.close_position(position, actor=desk.owner, lots=D("0.5"), token="another")
    exits.close_position(position, actor=desk.owner, lots=D("0.25"))
    desk.pump()
    assert Position.objects.get().open_volume == D("0.75")


def test_what_a_closing_in_doubt_may_have_closed_is_not_closed_again(desk, position):
    closing = exits.close_position(position, actor=desk.owner)
    Order.objects.filter(pk=closing.pk).update(state="quarantined")
    with pytest.raises(Conflict, match="say what became of it") as refusal:
        exits.close_position(position, actor=desk.owner)
    assert closing.client_order_id in refusal.value.message

    in_doubt.settle_by_hand(closing, actor=desk.owner, evidence="It is not in the terminal")
    exits.close_position(position, actor=desk.owner)
    desk.pump()
    position.refresh_from_db()
    assert position.open_volume == 0


def test_a_closing_of_what_is_gone_is_refused_by_the_broker(desk, position):
    closing = exits.close_position(position, actor=desk.owner)
    desk.ledger.append(
        action="close", client_id="by hand", symbol="EURUSD", side="sell", lots="2", kind="market",
        price=None, filled="2", position_ref=position.ref, stops=[None, None],
    )  # fmt: skip
    desk.pump()
    assert (desk.state(closing), closing.code) == ("rejected", "NO_POSITION")


@pytest.mark.parametrize(
    ("word", "outcome"), [("ok", "done"), ("lose", "done"), ("drop", "proved_absent")]
)
def test_stops_of_a_position_are_set(desk, position, word, outcome):
    desk.ledger.plan(word)
    asked = exits.protect(position, actor=desk.owner, stop_loss=D("1.09"))
    for _ in range(3):
        desk.pump()
    asked.refresh_from_db()
    assert asked.outcome == outcome
    assert (asked.looks == 2) == (word == "drop")
    assert len(desk.ledger.of("protect")) == (outcome == "done")


def stops_at_the_broker(desk):
    stops = desk.adapter.positions()[0].stops
    return (stops.stop_loss, stops.take_profit, stops.trail)


@pytest.mark.parametrize("word", ["ok", "lose"])
def test_a_trail_and_a_stop_that_moved_meanwhile_survive_what_is_set_beside_them(
    desk, position, word
):
    first = {"stop_loss": D("1.09"), "trail": D("0.01")}
    exits.protect(position, actor=desk.owner, **first)
    desk.pump()
    moved = {"position_ref": position.ref, "stops": ["1.095", None, "0.01"]}
    target = exits.protect(position, actor=desk.owner, take_profit=D("1.2"))
    desk.ledger.append(action="protect", **moved)  # the market went on, and the stop with it
    desk.ledger.plan(word)
    desk.pump()
    desk.pump()
    target.refresh_from_db()
    assert (target.outcome, stops_at_the_broker(desk)) == (
        "done", (D("1.095"), D("1.2"), D("0.01")),
    )  # fmt: skip

    exits.protect(position, actor=desk.owner, trail=None)
    desk.pump()
    assert stops_at_the_broker(desk) == (D("1.095"), D("1.2"), None)


@pytest.mark.parametrize(
    "stops",
    [
        {"stop_loss": D(-1)},
        {"stop_loss": D(0)},
        {"trail": D(0)},
        {"stop_loss": D("1.1")},  # at the bid it would close at once
        {"take_profit": D("1.05")},
        {"stop_loss": D("0.5")},  # meant in another unit
        {"stop_loss": D("0.0001")},
        {"trail": D(5)},
    ],
)
def test_stops_that_cannot_be_are_refused_before_they_replace_sound_ones(desk, position, stops):
    with pytest.raises(BadInput) as refusal:
        exits.protect(position, actor=desk.owner, **stops)
    assert refusal.value.param in stops
    assert not OrderAttempt.objects.filter(action="protect").exists()


def test_what_is_too_far_already_may_come_nearer(desk, position, working):
    far = {"stop_loss": D("0.3"), "trailing_distance": D("0.4"), "mark_at": timezone.now()}
    Position.objects.update(**far)
    for nearer in ({"stop_loss": D("0.4")}, {"trail": D("0.3")}):
        assert exits.protect(position, actor=desk.owner, **nearer).outcome == "waiting"
    with pytest.raises(BadInput, match="within half of the price"):
        exits.protect(position, actor=desk.owner, stop_loss=D("0.2"))
    Order.objects.filter(pk=working.pk).update(trail=D("0.4"))
    services.amend(working, actor=desk.owner, lots=D(1))


def test_without_a_price_of_now_any_level_may_be_asked_for(desk, position):
    Quote.objects.update(at=timezone.now() - timedelta(minutes=10))
    exits.protect(position, actor=desk.owner, stop_loss=D("1.2"))
    assert OrderAttempt.objects.filter(action="protect").exists()


@pytest.mark.second_factor
@pytest.mark.parametrize(
    ("stops", "is_known", "asks"),
    [
        ({"trail": None}, True, True),
        ({"trail": D("0.02")}, True, True),
        ({"trail": D("0.005")}, True, False),
        ({"stop_loss": None}, True, True),
        ({"stop_loss": D("1.08")}, True, True),
        ({"stop_loss": D("1.095")}, True, False),
        ({"take_profit": None}, True, False),
        ({"stop_loss": D("1.095")}, False, True),  # filled just now: it may carry a nearer one
    ],
)
def test_what_may_lose_more_real_money_asks_for_a_code(desk, position, stops, is_known, asks):
    Account.objects.update(kind="live")
    nothing = {"stop_loss": None, "trailing_distance": None, "mark_at": None}
    known = {"stop_loss": D("1.09"), "trailing_distance": D("0.01"), "mark_at": timezone.now()}
    Position.objects.update(**(known if is_known else nothing))
    with pytest.raises(StepUpNeeded) if asks else nullcontext():
        exits.protect(position, actor=desk.owner, **stops)
    assert OrderAttempt.objects.filter(action="protect").exists() != asks


@pytest.fixture
def differing(desk, position, monkeypatch):
    """The position is made of trades with stops of their own, as at a platform that nets."""
    read = FileAdapter.positions

    def differ(adapter):
        return [replace(found, differing=frozenset({"stop_loss"})) for found in read(adapter)]

    monkeypatch.setattr(FileAdapter, "positions", differ)
    sync.keep_marks(desk.account, desk.adapter.positions(), at=timezone.now())
    position.refresh_from_db()
    return position


@pytest.mark.second_factor
@pytest.mark.parametrize("stop", [D("1.08"), None])
def test_where_the_stops_of_its_trades_differ_any_other_may_lose_more(desk, differing, stop):
    Account.objects.update(kind="live")
    with pytest.raises(StepUpNeeded):
        exits.protect(differing, actor=desk.owner, stop_loss=stop)


def test_a_target_does_not_remove_stops_that_differ(desk, differing):
    asked = exits.protect(differing, actor=desk.owner, take_profit=D("1.2"))
    desk.pump()
    asked.refresh_from_db()
    assert (asked.outcome, asked.code) == ("rejected", "STOPS_DIFFER")
    assert asked.text == "Its trades share no stop loss: say that, too"
    assert not desk.ledger.of("protect")
    both = {"take_profit": D("1.2"), "stop_loss": D("1.09")}
    exits.protect(differing, actor=desk.owner, **both)
    desk.pump()
    assert stops_at_the_broker(desk) == (D("1.09"), D("1.2"), None)


def test_stops_that_differ_are_not_taken_for_removed(desk, differing):
    asked = exits.protect(differing, actor=desk.owner, stop_loss=None)
    desk.ledger.plan("lose")
    desk.pump()
    desk.pump()
    asked.refresh_from_db()
    assert asked.outcome == "proved_absent"


def test_stops_of_what_is_gone_are_refused_and_of_nothing_not_asked_for(desk, position):
    with pytest.raises(BadInput, match="found none"):
        exits.protect(position, actor=desk.owner)
    asked = exits.protect(position, actor=desk.owner, stop_loss=D("1.09"))
    desk.ledger.append(
        action="close", client_id="by hand", symbol="EURUSD", side="sell", lots="2", kind="market",
        price=None, filled="2", position_ref=position.ref, stops=[None, None],
    )  # fmt: skip
    desk.pump()
    asked.refresh_from_db()
    assert (asked.outcome, asked.code) == ("rejected", "NO_POSITION")
    assert not desk.ledger.of("protect")
