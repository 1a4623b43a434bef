"""Working orders are changed and cancelled, positions closed and protected: by requests that wait their turn."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Account, Position
from accounts.valuation import states_of
from brokers.adapters.messages import DealReport
from brokers.models import Quote, SymbolTerms
from risk import kill_switch
from tests.trading.filebroker import FileAdapter
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.once import once
from tradershub.core.step_up import StepUpNeeded
from tradershub.reports.needs import what_needs
from trading import exits, in_doubt, lanes, reports, services, sync
from trading.models import Lane, Order, OrderAttempt
from trading.tickets import ticket_of

D = Decimal


@pytest.fixture
def working(desk):
    order = desk.place("3", kind="limit", price=D("1.05"), stop_loss=D("1.04"))
    desk.pump()
    assert desk.state(order) == "working"
    return order


@pytest.fixture
def position(desk):
    desk.place("2")
    desk.pump()
    return Position.objects.get()


def cancel(desk, order):
    order.refresh_from_db()
    services.cancel(order, actor=desk.owner)
    desk.pump()
    return desk.state(order)


def test_a_cancel_leaves_the_time_at_which_its_order_was_sent(desk, working):
    sent, answered = working.sent_at, working.answered_at
    cancel(desk, working)
    assert (working.sent_at, working.answered_at) == (sent, answered)


def test_a_working_order_is_cancelled(desk, working, risk):
    assert cancel(desk, working) == "cancelled"
    assert [event.rule for event in working.events.order_by("seq")][-2:] == ["T16", "T16"]
    assert (risk.held, working.resume_state) == (set(), "")
    with pytest.raises(Conflict, match="cancelled already"):
        services.cancel(working, actor=desk.owner)


def test_an_order_that_is_being_cancelled_is_not_cancelled_again(desk, working):
    services.cancel(working, actor=desk.owner)
    with pytest.raises(Conflict, match="being cancelled already"):
        services.cancel(working, actor=desk.owner)
    claim = lanes.claim_next(lanes.take(desk.account), watermark="")
    assert desk.state(working) == "cancel_pending"
    with pytest.raises(Conflict, match="being cancelled already"):
        services.cancel(working, actor=desk.owner)
    lanes.doubt(claim.attempt, "No answer")
    with pytest.raises(Conflict, match="being cancelled already"):
        services.cancel(working, actor=desk.owner)
    assert working.attempts.filter(action="cancel").count() == 1


def test_an_order_that_a_change_renumbered_is_the_same_order(desk, working):
    stated = reports_of(desk, working)
    reports.take_order(desk.account, replace(stated, broker_order_id="77"))
    working.refresh_from_db()
    assert working.broker_order_id == "77"
    # A deal of the number it had tells of a fill, not of a number.
    report = DealReport(
        deal_id="9", kind="trade", at=stated.placed_at, currency="USD",
        client_id=working.client_order_id, broker_order_id=stated.broker_order_id,
    )  # fmt: skip
    reports.take_deals(desk.account, [report])
    working.refresh_from_db()
    assert working.broker_order_id == "77"


def reports_of(desk, order):
    return desk.adapter.find_by_client_id(order.client_order_id).found.order


def test_an_order_in_the_queue_is_cancelled_without_the_broker(desk, risk):
    order = desk.place()
    services.cancel(order, actor=desk.owner)
    desk.pump()
    assert (desk.state(order), order.code, risk.held) == ("not_sent", "OPERATOR", set())
    assert desk.ledger.lines() == []


def test_a_cancel_that_comes_too_late_tells_the_fill(desk, working):
    desk.adapter.fill("1", 3)
    assert cancel(desk, working) == "filled"
    assert working.filled == 3


def test_a_cancel_whose_answer_is_lost_is_settled_by_asking(desk, working):
    desk.ledger.plan("lose")
    assert cancel(desk, working) == "cancelled"
    assert len(desk.ledger.of("cancel")) == 1


def test_a_cancel_waits_for_the_answer_of_its_order_and_holds_up_no_other(desk, settings):
    from trading.mirroring import look

    settings.ABSENCE_SECONDS = settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    lost = desk.place("3", kind="limit", price=D("1.05"))
    desk.pump()
    look(desk.account, desk.adapter)
    assert desk.state(lost) == "working"
    services.cancel(lost, actor=desk.owner)
    later = desk.place("2")
    desk.pump()
    assert (desk.state(lost), desk.state(later)) == ("working", "filled")

    settings.SETTLE_SECONDS = 0
    OrderAttempt.objects.update(not_before=None)
    desk.pump()
    assert desk.state(lost) == "cancelled"


def test_a_cancel_that_never_arrived_is_asked_for_again(desk, working):
    desk.ledger.plan("drop", "ok")
    assert cancel(desk, working) == "cancelled"
    asked = working.attempts.filter(action="cancel").order_by("id")
    assert [attempt.outcome for attempt in asked] == ["proved_absent", "done"]


def test_a_refused_cancel_leaves_the_order_working(desk, working):
    desk.ledger.plan("reject")
    assert cancel(desk, working) == "working"
    assert working.attempts.first().outcome == "rejected"


def test_a_working_order_is_changed(desk, working):
    services.amend(working, actor=desk.owner, price=D("1.06"), stop_loss=D("1.03"))
    desk.pump()
    assert desk.state(working) == "working"
    assert (working.price, working.stop_loss) == (D("1.06"), D("1.03"))
    assert working.checks.filter(stage="change").exists()


@pytest.mark.parametrize(
    ("word", "price"), [("lose", "1.06"), ("drop", "1.05"), ("reject", "1.05")]
)
def test_a_change_is_what_the_broker_states(desk, working, word, price):
    desk.ledger.plan(word)
    services.amend(working, actor=desk.owner, price=D("1.06"))
    desk.pump()
    desk.pump()
    assert (desk.state(working), working.price) == ("working", D(price))
    assert len(desk.ledger.of("amend")) <= 1


def test_a_change_that_shows_late_is_not_taken_for_none(desk, working, settings):
    before, find = desk.adapter.find_by_client_id(working.client_order_id), type(desk.adapter)
    answers = iter([before])
    desk.adapter.find_by_client_id = lambda name, **since: (
        next(answers, None) or find.find_by_client_id(desk.adapter, name, **since)
    )
    desk.ledger.plan("lose")
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    desk.pump()
    change.refresh_from_db()
    assert (change.outcome, change.looks, desk.state(working)) == ("unknown", 1, "replace_pending")
    settings.ABSENCE_SECONDS = 60
    OrderAttempt.objects.update(not_before=None)
    desk.pump()
    change.refresh_from_db()
    assert (change.outcome, desk.state(working), working.price) == ("done", "working", D("1.06"))


def test_two_looks_at_a_change_that_is_not_there_are_a_pause_apart(desk, working, settings):
    settings.ABSENCE_SECONDS = 60
    desk.ledger.plan("drop")
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    for _ in range(3):
        OrderAttempt.objects.update(not_before=None)
        desk.pump()
    change.refresh_from_db()
    assert (change.outcome, change.looks) == ("unknown", 1)
    settings.ABSENCE_SECONDS = 0
    OrderAttempt.objects.update(not_before=None)
    desk.pump()
    change.refresh_from_db()
    assert (change.outcome, len(change.evidence)) == ("proved_absent", 3)
    assert (desk.state(working), working.price) == ("working", D("1.05"))


def test_a_change_that_risk_refuses_is_not_asked_for_and_what_was_said_stays(desk, working, risk):
    risk.refusing = "MAX_LOTS"

    def change():
        return services.amend(working, actor=desk.owner, lots=D(30))

    with pytest.raises(Conflict, match="MAX_LOTS"):
        once("of the form", owner=desk.owner, action="change", sent={}, act=change)
    assert not working.attempts.filter(action="amend").exists()
    assert working.checks.get(stage="change").code == "MAX_LOTS"
    risk.refusing = ""  # the form may be sent again
    assert once("of the form", owner=desk.owner, action="change", sent={}, act=change).asked


def test_a_cancel_takes_the_place_of_a_change_that_waits(desk, working):
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    assert cancel(desk, working) == "cancelled"
    change.refresh_from_db()
    assert (change.outcome, desk.ledger.of("amend")) == ("withdrawn", [])


def test_a_stop_holds_up_changes_but_no_cancel(desk, working, monkeypatch):
    stopped = kill_switch.Standing(engaged=True, epoch=1, scope="all", reason="enough")
    monkeypatch.setattr(kill_switch, "standing", lambda *args, **kwargs: stopped)
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    desk.pump()
    change.refresh_from_db()
    assert (change.outcome, change.text) == ("withdrawn", "Stopped: enough")
    assert cancel(desk, working) == "cancelled"


HALTED = "Restored: compare it with the broker first"
LATER = timedelta(hours=5)


def halt(desk, risk):
    reports.halt(desk.account, because=HALTED)


def grow_old(desk, risk):
    OrderAttempt.objects.filter(outcome="waiting").update(made_at=timezone.now() - LATER)


def lose_too_much(desk, risk):
    risk.refusing_last = "LOSS"


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (halt, f"Nothing goes out that could lose more: {HALTED}"),
        (grow_old, "It waited longer than 60 s and is not sent so late"),
        (lose_too_much, "refused: LOSS"),
    ],
)
def test_a_change_that_risks_more_is_held_to_what_an_entry_is_when_its_turn_comes(
    desk, working, risk, happens, why
):
    change = services.amend(working, actor=desk.owner, lots=D(30))
    happens(desk, risk)
    desk.pump()
    change.refresh_from_db()
    assert (change.outcome, change.text) == ("withdrawn", why)
    assert (desk.ledger.of("amend"), desk.state(working)) == ([], "working")


@pytest.mark.parametrize("happens", [halt, grow_old, lose_too_much])
def test_a_change_that_risks_no_more_goes_out_all_the_same(desk, working, risk, happens):
    services.amend(working, actor=desk.owner, lots=D(2), stop_loss=D("1.045"))
    happens(desk, risk)
    desk.pump()
    assert desk.state(working) == "working"
    assert (working.lots, working.stop_loss) == (D(2), D("1.045"))


def test_a_change_waits_while_its_rules_cannot_be_asked(desk, working, risk):
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    risk.refusing_last = "BUSY"
    desk.pump()
    change.refresh_from_db()
    assert (change.outcome, desk.ledger.of("amend")) == ("waiting", [])
    risk.refusing_last = ""
    desk.pump()
    assert (desk.state(working), working.price) == ("working", D("1.06"))


@pytest.mark.parametrize(("stop", "outcome"), [("1.08", "withdrawn"), ("1.095", "done")])
def test_a_halted_lane_lets_a_stop_come_nearer_and_not_go_away(desk, position, risk, stop, outcome):
    Position.objects.update(stop_loss=D("1.09"), mark_at=timezone.now())
    asked = exits.protect(position, actor=desk.owner, stop_loss=D(stop))
    halt(desk, risk)
    desk.pump()
    asked.refresh_from_db()
    assert asked.outcome == outcome


def test_a_restored_change_is_not_sent_over_later_ones(desk, working, position):
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    stops = exits.protect(position, actor=desk.owner, stop_loss=D("1.09"))
    in_doubt.hold_after_restore()
    in_doubt.resume_lane(desk.account, actor=desk.owner, reason="compared")
    desk.pump()
    for asked in (change, stops):
        asked.refresh_from_db()
        assert (asked.outcome, asked.text) == ("withdrawn", "Asked before the backup: ask anew")
    assert desk.ledger.of("amend") == desk.ledger.of("protect") == []


def test_a_restored_closing_does_not_close_again_what_was_closed_since(desk, position, risk):
    closing = exits.close_position(position, actor=desk.owner, lots=D(1))
    in_doubt.hold_after_restore()
    desk.pump()
    assert (desk.state(closing), closing.code) == ("not_sent", "RESTORED")
    assert closing.reason == "Asked before the backup: ask anew"
    assert (desk.ledger.of("close"), closing.client_order_id in risk.held) == ([], False)
    exits.close_position(position, actor=desk.owner, lots=D(1))
    desk.pump()
    assert Position.objects.get().open_volume == D(1)


def test_a_restored_cancel_goes_out(desk, working):
    services.cancel(working, actor=desk.owner)
    in_doubt.hold_after_restore()
    desk.pump()
    assert desk.state(working) == "cancelled"


def test_fills_arrive_as_deals_twice_and_late(desk, working, risk):
    desk.adapter.fill("1", 1)
    deals = list(desk.adapter.deals_since().deals)
    from trading import sync

    for _ in range(2):
        sync.book_reports(desk.account, deals)
        reports.take_deals(desk.account, deals)
    assert (desk.state(working), working.filled) == ("partial", D(1))
    assert cancel(desk, working) == "cancelled"
    desk.adapter.fill("1", 2)
    deals = list(desk.adapter.deals_since().deals)
    sync.book_reports(desk.account, deals)
    reports.take_deals(desk.account, deals)
    assert (desk.state(working), working.filled) == ("filled", D(3))
    assert risk.used[working.client_order_id] == D(3)


def test_an_order_that_ended_at_the_broker_is_found_by_the_mirror(desk, working):
    from trading.mirroring import look

    desk.ledger.append(action="cancel", order="1")
    look(desk.account, desk.adapter)
    assert desk.state(working) == "cancelled"


@pytest.mark.parametrize("word", ["found again", "said by hand", "come late"])
def test_an_order_whose_answer_never_came_is_found_gone_all_the_same(desk, word):
    from trading.mirroring import look

    order = desk.place("3", kind="limit", price=D("1.05"))
    if word == "found again":
        desk.ledger.plan("lose")
        desk.pump()
    if word == "said by hand":
        desk.adapter.place(ticket_of(order))
        Order.objects.update(state="quarantined")
        in_doubt.settle_by_hand(
            order, actor=desk.owner, evidence="It stands there", broker_order_id="1"
        )
    if word == "come late":
        services.cancel(order, actor=desk.owner)
        desk.adapter.place(ticket_of(order))
        look(desk.account, desk.adapter)
    assert (desk.state(order), order.answered_at) == ("working", None)
    desk.ledger.append(action="cancel", order=order.broker_order_id)
    look(desk.account, desk.adapter)
    assert desk.state(order) == "cancelled"


def test_an_order_that_was_sent_just_now_is_not_asked_for(desk, working, settings, monkeypatch):
    settings.SETTLE_SECONDS = 10
    Order.objects.update(answered_at=None, claimed_at=timezone.now())
    assert reports.vanished(desk.account, []) == []
    monkeypatch.setattr(timezone, "now", lambda: working.received_at - timedelta(hours=1))
    assert reports.vanished(desk.account, []) == [working]  # the clock was set back


def test_an_order_that_filled_at_the_broker_is_found_by_the_mirror(desk, working):
    from trading.mirroring import look

    desk.adapter.fill("1", 1)
    look(desk.account, desk.adapter)
    assert (desk.state(working), working.filled) == ("partial", D(1))


def test_a_look_goes_on_where_the_books_cannot_keep_a_deal_of_an_order(desk, working, monkeypatch):
    from trading import mirroring

    desk.adapter.fill("1", working.lots)
    deals = type(desk.adapter)._deals
    monkeypatch.setattr(
        type(desk.adapter),
        "_deals",
        lambda self: [replace(deal, currency="EUR") for deal in deals(self)],
    )
    mirroring.look(desk.account, desk.adapter)

    assert (desk.state(working), working.filled) == ("filled", 0)
    assert list(mirroring.Mirror.objects.get().refused) == ["d2"]


def test_more_than_was_ordered_halts_the_lane(desk, working):
    from trading import sync

    desk.adapter.fill("1", 5)
    deals = list(desk.adapter.deals_since().deals)
    sync.book_reports(desk.account, deals)
    reports.take_deals(desk.account, deals)
    assert (desk.state(working), working.filled) == ("filled", D(5))
    assert "filled 5" in Lane.objects.get().halted_because


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


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"lots": D(0)}, "lots"),
        ({"side": "up"}, "side"),
        ({"kind": "limit"}, "price"),
        ({"price": D("1.0405")}, "price"),
        ({"distance": D("0.01")}, "distance"),
        ({"kind": "limit", "price": D(1), "limit_price": D(1)}, "limit_price"),
        ({"kind": "stop_limit", "price": D(1)}, "limit_price"),
        ({"kind": "limit", "price": D("1.1"), "stop_loss": D("1.2")}, "stop_loss"),
        ({"stop_loss": D("1.2"), "take_profit": D("1.1")}, "stop_loss"),
        ({"stop_loss": D(-1)}, "stop_loss"),
        ({"stop_loss": D(5)}, "stop_loss"),  # the market is at 1.1
        ({"side": "sell", "take_profit": D(5)}, "take_profit"),
        ({"stop_loss": D("0.5")}, "stop_loss"),  # meant in another unit
        ({"trail": D(5)}, "trail"),
        ({"kind": "limit", "price": D("1.05"), "stop_loss": D("0.002")}, "stop_loss"),
        ({"kind": "trailing_stop", "distance": D("1.1")}, "distance"),
        # The market has passed these, they open at it.
        ({"kind": "limit", "price": D("1.15"), "stop_loss": D("1.148")}, "stop_loss"),
        ({"kind": "limit", "price": D("1.15"), "take_profit": D("1.09")}, "take_profit"),
        ({"kind": "stop", "price": D("1.05"), "take_profit": D("1.09")}, "take_profit"),
        (
            {"side": "sell", "kind": "limit", "price": D("1.05"), "stop_loss": D("1.052")},
            "stop_loss",
        ),
        ({"duration": "gtd"}, "expires_at"),
        ({"expires_at": timezone.now() + timedelta(days=1)}, "expires_at"),
        ({"symbol": "NOTHING"}, "symbol"),
    ],
)
def test_what_no_broker_could_be_asked_is_refused_at_once(desk, asked, param):
    wanted = {"symbol": "EURUSD", "side": "buy", "lots": D(1)} | asked
    with pytest.raises(BadInput) as refusal:
        services.place_by_hand(desk.account, actor=desk.owner, **wanted)
    assert refusal.value.param == param
    assert not Order.objects.exists()


def test_an_order_is_not_changed_to_end_before_now(desk):
    later = timezone.now() + timedelta(days=1)
    order = desk.place(kind="limit", price=D("1.05"), duration="gtd", expires_at=later)
    desk.pump()
    Order.objects.update(received_at=timezone.now() - timedelta(days=2))
    with pytest.raises(BadInput) as refusal:
        services.amend(order, actor=desk.owner, expires_at=timezone.now() - timedelta(days=1))
    assert refusal.value.param == "expires_at"


def test_a_change_through_the_market_has_its_stop_where_it_opens(desk, working):
    with pytest.raises(BadInput, match="below the market's 1.1, found 1.14"):
        services.amend(working, actor=desk.owner, price=D("1.15"), stop_loss=D("1.14"))
    assert not OrderAttempt.objects.filter(action="amend").exists()


def test_without_a_price_of_now_levels_are_held_to_the_orders_own(desk):
    Quote.objects.update(at=timezone.now() - timedelta(minutes=10))
    through = {"kind": "limit", "price": D("1.15")}
    with pytest.raises(BadInput, match="below 1.15, found 1.2"):
        desk.place(**through, stop_loss=D("1.2"))
    assert desk.place(**through, stop_loss=D("1.148")).stop_loss == D("1.148")


def test_an_order_that_fills_is_not_changed(desk, position):
    order = Order.objects.get()
    with pytest.raises(Conflict, match="only a working one"):
        services.amend(order, actor=desk.owner, price=D(1))
    assert not OrderAttempt.objects.filter(action="amend").exists()


def test_what_only_a_person_can_settle_is_on_the_dashboard(desk, settings):
    settings.SETTLE_SECONDS, settings.QUARANTINE_SECONDS = 60, 0
    desk.ledger.plan("drop")
    order = desk.place()
    desk.pump()
    reports.halt(desk.account, because="a test")
    told = [need.text for need in what_needs(desk.owner, states_of([desk.account], base="USD"))]
    assert any(order.client_order_id in text for text in told)
    assert any("No order of" in text and "a test" in text for text in told)
