"""Working orders are changed and cancelled: by requests that wait their turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Position
from brokers.adapters.messages import DealReport
from brokers.models import Quote
from risk import kill_switch
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.once import once
from trading import exits, lanes, reports, services
from trading.models import Lane, Order, OrderAttempt

D = Decimal


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
