"""An order goes out at most once; what came back is recorded as it is, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from accounts.models import Account, Deal, Position
from brokers.adapters.errors import KeyRefused
from brokers.connecting import note_error, platform_row
from risk import kill_switch
from tests.trading.filebroker import FileAdapter
from trading import execution, exits, in_doubt, journal, lanes, reconcile, services, tickets
from trading.models import Lane, Order, OrderAttempt, OrderCheck, OrderEvent

D = Decimal


def outcomes(order):
    return list(order.attempts.order_by("id").values_list("outcome", flat=True))


def story(order):
    return [event.rule for event in order.events.order_by("seq")]


def test_an_order_at_the_market_is_sent_filled_and_booked(desk, risk):
    order = desk.place("2")
    assert (desk.state(order), order.lane_seq) == ("queued", 1)
    desk.pump()
    assert desk.state(order) == "filled"
    assert (order.filled, order.average_price, order.broker_order_id) == (D(2), D("1.1"), "1")
    assert story(order) == ["T1", "T3", "T5", "T6"]
    assert Deal.objects.get().client_order_id == order.client_order_id
    assert Position.objects.get().open_volume == D(2)
    assert risk.used == {order.client_order_id: D(2)}
    assert not order.holds
    assert order.received_at <= order.decided_at <= order.claimed_at <= order.sent_at
    assert order.sent_at <= order.answered_at <= order.done_at
    assert OrderCheck.objects.filter(order=order, passed=True).count() == 2
    desk.pump()
    assert len(desk.ledger.placed) == 1


def test_a_lane_that_never_rests_is_handed_on(desk, settings, monkeypatch):
    woken = []
    monkeypatch.setattr(execution, "enqueue", lambda name, pk, **kwargs: woken.append(pk))
    first, second = desk.place("1"), desk.place("2")
    settings.PUMP_SECONDS = 0
    desk.pump()
    assert (desk.state(first), desk.state(second)) == ("filled", "queued")
    assert woken == [desk.account.pk]


def test_an_order_that_risk_refuses_is_blocked_with_the_figures(desk, risk):
    risk.refusing = "MAX_LOTS"
    order = desk.place()
    desk.pump()
    assert (desk.state(order), order.code, order.reason) == (
        "blocked",
        "MAX_LOTS",
        "refused: MAX_LOTS",
    )
    assert not order.checks.get().passed
    assert desk.ledger.lines() == []


@pytest.mark.parametrize(("code", "state"), [("KILL_SWITCH", "not_sent"), ("MAX_LOTS", "blocked")])
def test_what_the_last_look_refuses_is_not_sent(desk, risk, code, state):
    order = desk.place()
    risk.refusing_last = code
    desk.pump()
    assert (desk.state(order), order.code) == (state, code)
    assert desk.ledger.lines() == []
    assert risk.held == set()


def test_counters_that_are_busy_leave_the_order_for_later(desk, risk):
    risk.refusing = "BUSY"
    order = desk.place()
    assert (desk.state(order), order.checks.count()) == ("received", 0)
    risk.refusing = ""
    services.decide(order)
    assert desk.state(order) == "queued"


def test_the_same_form_sent_twice_is_one_order(desk):
    first, second = desk.place(token="one"), desk.place(token="one")
    assert first == second
    assert desk.place(token="two") != first


def test_a_refusal_of_the_broker_is_final(desk, risk):
    desk.ledger.plan("reject")
    order = desk.place()
    desk.pump()
    assert (desk.state(order), order.code, order.reason) == (
        "rejected",
        "NO_MONEY",
        "Not enough money",
    )
    assert (outcomes(order), risk.held) == (["rejected"], set())


def test_what_never_left_is_tried_three_times_and_then_told(desk):
    desk.ledger.plan("refuse", "refuse", "refuse")
    order = desk.place()
    desk.pump()
    assert (desk.state(order), order.code) == ("not_sent", "DOWN")
    assert outcomes(order) == ["not_written"] * 3
    assert story(order) == ["T1", "T3", "T5", "T8", "T5", "T8", "T5", "T8"]
    assert desk.ledger.lines() == []


def test_a_second_try_after_nothing_left_is_one_order(desk):
    desk.ledger.plan("refuse", "ok")
    order = desk.place()
    desk.pump()
    assert desk.state(order) == "filled"
    assert len(desk.ledger.placed) == 1


def test_a_lost_answer_is_asked_for_and_found(desk):
    desk.ledger.plan("lose")
    order = desk.place()
    desk.pump()
    assert desk.state(order) == "filled"
    assert story(order) == ["T1", "T3", "T5", "T9", "T10"]
    assert len(desk.ledger.placed) == 1


def test_a_deal_that_the_books_cannot_keep_holds_up_no_order_behind_it(desk, monkeypatch):
    deals = FileAdapter._deals
    euros = [None]  # whose deals are in another currency
    monkeypatch.setattr(
        FileAdapter,
        "_deals",
        lambda self: [
            replace(deal, currency="EUR") if deal.client_id in euros else deal
            for deal in deals(self)
        ],
    )
    desk.ledger.plan("lose")
    lost = services.place_by_hand(
        desk.account, actor=desk.owner, symbol="EURUSD", side="buy", lots=D(1), token="lost"
    )
    euros.append(lost.client_order_id)
    desk.pump()
    later = desk.place("2")
    desk.pump()

    assert (desk.state(lost), lost.filled, outcomes(lost)) == ("filled", 0, ["done"])
    assert (desk.state(later), later.filled) == ("filled", D(2))
    assert Deal.objects.count() == 1


def test_a_lost_order_is_proved_absent_by_three_reads_and_not_sent_again(desk, risk):
    desk.ledger.plan("drop")
    order = desk.place()
    desk.pump()
    for looks in (1, 2, 3):
        assert order.attempts.get().looks == looks
        desk.pump()
    assert (desk.state(order), order.code) == ("not_sent", "PROVED_ABSENT")
    assert (outcomes(order), desk.ledger.lines()) == (["proved_absent"], [])
    assert len(order.events.last().details["evidence"]) == 3
    assert risk.held == set()


def test_after_a_long_standstill_an_order_can_still_be_proved_absent(desk, settings):
    """The first look comes after the time at which a person would have been asked."""
    settings.QUARANTINE_SECONDS = 0
    desk.ledger.plan("drop")
    order = desk.place()
    for _ in range(2):
        desk.pump()
        assert desk.state(order) == "unknown"
    desk.pump()
    assert (desk.state(order), order.code) == ("not_sent", "PROVED_ABSENT")


def test_a_fault_of_the_adapter_is_an_unknown_outcome(desk):
    desk.ledger.plan("crash")
    order = desk.place()
    with pytest.raises(RuntimeError):
        desk.pump()
    assert desk.state(order) == "unknown"
    assert outcomes(order) == ["unknown"]
    assert Lane.objects.get().holder == ""


def test_the_time_limit_of_the_task_is_an_unknown_outcome(desk, monkeypatch):
    def interrupted(self, ticket):
        self._arrive("place", client_id=ticket.client_id)
        raise SystemExit("time is up")

    monkeypatch.setattr(FileAdapter, "place", interrupted)
    order = desk.place()
    with pytest.raises(SystemExit):
        desk.pump()
    assert desk.state(order) == "unknown"


def test_a_late_claim_is_not_written(desk, settings):
    settings.CLAIM_SECONDS = -1
    order = desk.place()
    desk.pump()
    assert (desk.state(order), order.code) == ("not_sent", "LATE")
    assert desk.ledger.lines() == []


def test_an_entry_that_waited_too_long_is_not_sent_and_an_exit_is(desk, settings):
    opened = desk.place()
    desk.pump()
    late = desk.place()
    closing = exits.close_position(Position.objects.get(), actor=desk.owner)
    settings.STALE_SECONDS = -1
    desk.pump()
    assert (desk.state(late), late.code) == ("not_sent", "STALE")
    assert [desk.state(opened), desk.state(closing)] == ["filled", "filled"]


def test_the_stop_is_looked_at_right_before_the_write(desk, monkeypatch):
    order = desk.place()
    stopped = kill_switch.Standing(engaged=True, epoch=1, scope="file")
    monkeypatch.setattr(kill_switch, "standing", lambda *args, **kwargs: stopped)
    desk.pump()
    assert (desk.state(order), order.code) == ("not_sent", "STOP")
    assert desk.ledger.lines() == []


def test_a_stop_while_the_broker_is_asked_for_an_order_of_before_is_heard(desk, monkeypatch):
    order = desk.place()
    lanes.lane_of(desk.account)
    Lane.objects.update(forgets=True)
    find = FileAdapter.find_by_client_id

    def engage(self, *args, **kwargs):
        kill_switch.engage(kill_switch.of_account(desk.account), actor=desk.owner)
        return find(self, *args, **kwargs)

    monkeypatch.setattr(FileAdapter, "find_by_client_id", engage)
    execution.ask(
        execution.Way(desk.adapter), lanes.claim_next(lanes.take(desk.account), watermark="")
    )
    assert (desk.state(order), desk.ledger.lines()) == ("sending", [])


def _reads_before_it_sends(desk, monkeypatch, name, *, meanwhile=lambda: None):
    """What an adapter reads first takes long, and meanwhile something happens."""
    act = getattr(FileAdapter, name)

    def slow(self, *args, **kwargs):
        meanwhile()
        self.line.last_look()
        return act(self, *args, **kwargs)

    monkeypatch.setattr(execution, "LOOK_LASTS", -1)
    monkeypatch.setattr(FileAdapter, name, slow)


def test_a_stop_while_the_adapter_reads_is_heard_by_an_entry_and_not_by_a_closing(
    desk, monkeypatch
):
    held, late = desk.place(), None
    desk.pump()

    def engage():
        kill_switch.engage(kill_switch.of_account(desk.account), actor=desk.owner)

    _reads_before_it_sends(desk, monkeypatch, "place", meanwhile=engage)
    _reads_before_it_sends(desk, monkeypatch, "close")
    late = desk.place()
    desk.pump()
    closing = exits.close_position(Position.objects.get(), actor=desk.owner)
    desk.pump()
    assert [desk.state(one) for one in (held, late, closing)] == ["filled", "not_sent", "filled"]
    assert late.code == "STOP"
    assert [line["action"] for line in desk.ledger.lines()] == ["place", "close"]


def test_a_closing_does_not_leave_when_its_lease_may_have_run_out(desk, settings, monkeypatch):
    desk.place()
    desk.pump()
    closing = exits.close_position(Position.objects.get(), actor=desk.owner)

    def sleep():
        settings.ORDER_SECONDS = settings.LANE_SECONDS + settings.CLAIM_SECONDS

    _reads_before_it_sends(desk, monkeypatch, "close", meanwhile=sleep)
    desk.pump()
    assert (desk.state(closing), closing.code) == ("not_sent", "LATE")
    assert [line["action"] for line in desk.ledger.lines()] == ["place"]


def test_an_answer_is_written_down_before_the_platform_is_counted(desk, monkeypatch):
    order = desk.place()

    def away(*args):
        raise OperationalError("lock timeout")

    note_error("paper", "no answer")
    monkeypatch.setattr(execution, "note_success", away)
    with pytest.raises(OperationalError):
        desk.pump()
    assert (desk.state(order), outcomes(order)) == ("filled", ["done"])


def test_a_success_ends_the_errors_in_a_row_that_stood_before_it(desk):
    order = desk.place()
    desk.ledger.plan("refuse")
    desk.pump()  # refused, and tried again from the same hand
    assert (desk.state(order), outcomes(order)) == ("filled", ["not_written", "done"])
    assert platform_row("paper").errors_in_row == 0
    desk.place()
    desk.ledger.plan("drop")
    desk.pump()
    assert platform_row("paper").errors_in_row == 1


def test_a_success_ends_the_errors_of_other_accounts_that_came_while_it_was_under_way(
    desk, monkeypatch
):
    order, place = desk.place(), FileAdapter.place

    def meanwhile(adapter, ticket):
        note_error("paper", "no answer")
        return place(adapter, ticket)

    monkeypatch.setattr(FileAdapter, "place", meanwhile)
    desk.pump()
    assert (desk.state(order), platform_row("paper").errors_in_row) == ("filled", 0)


def test_another_order_in_the_answer_is_doubted_of_an_order_that_changed_meanwhile(
    desk, monkeypatch
):
    order, place = desk.place(), FileAdapter.place

    def other(adapter, ticket):
        ack = place(adapter, ticket)
        journal.amend(Order.objects.get(pk=order.pk), actor="mirror", broker_order_id="1")
        return replace(ack, order=replace(ack.order, side="sell"))

    monkeypatch.setattr(FileAdapter, "place", other)
    claim = lanes.claim_next(lanes.take(desk.account), watermark="")
    execution._carry_out(execution.way_to(desk.account), claim)
    assert (desk.state(order), outcomes(order)) == ("unknown", ["unknown"])
    assert "another order" in order.attempts.get().text


def test_the_answer_of_another_account_stops_the_lane(desk):
    desk.adapter.number = "99"
    order = desk.place()
    desk.pump()
    lane = Lane.objects.get()
    assert lane.halted
    assert "99" in lane.halted_because
    assert desk.state(order) == "queued"
    assert desk.ledger.lines() == []
    desk.adapter.number = "77"
    in_doubt.resume_lane(desk.account, actor=desk.owner, reason="The number was mended")
    order.refresh_from_db()
    Order.objects.update(not_before=None)
    desk.pump()
    assert desk.state(order) == "filled"


def test_a_refused_key_stops_the_lane_after_one_try(desk, monkeypatch):
    tries = []

    def refuse():
        tries.append(1)
        raise KeyRefused("The token is revoked")

    monkeypatch.setattr(desk.adapter, "account", refuse)
    first, second = desk.place("1"), desk.place("2")
    desk.pump()
    desk.pump()
    assert (desk.state(first), desk.state(second)) == ("queued", "queued")
    assert Lane.objects.get().halted_because == "The token is revoked"
    assert len(tries) == 1
    assert desk.ledger.lines() == []


def test_an_unknown_order_holds_up_its_symbol_but_no_exit(desk, settings):
    desk.place()
    desk.pump()
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("drop")
    lost, behind = desk.place(), desk.place()
    closing = exits.close_position(Position.objects.first(), actor=desk.owner)
    desk.pump()
    states = [desk.state(order) for order in (lost, behind, closing)]
    assert states == ["unknown", "queued", "filled"]


@pytest.mark.parametrize(("minutes", "pause"), [(5, 30), (50, 300), (6000, 600)])
def test_what_is_quarantined_is_looked_for_more_and_more_seldom(desk, settings, minutes, pause):
    settings.QUARANTINE_SECONDS, settings.SETTLE_SECONDS = 0, 60
    desk.ledger.plan("drop")
    order = desk.place()
    desk.pump()
    assert desk.state(order) == "quarantined"
    attempt, now = order.attempts.get(), timezone.now()
    attempt.opened_at = now - timedelta(minutes=minutes)
    reconcile._wait(attempt, now)
    attempt.refresh_from_db()
    assert attempt.not_before == now + timedelta(seconds=pause)


def test_without_proof_it_is_left_to_a_person(desk, settings, monkeypatch):
    settings.QUARANTINE_SECONDS = 0
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("drop")
    order = desk.place()
    desk.pump()
    assert (desk.state(order), order.code, order.holds) == ("quarantined", "NO_PROOF", True)
    in_doubt.settle_by_hand(
        order, actor=desk.owner, evidence="The broker's desk told me on the phone"
    )
    assert desk.state(order) == "not_sent"
    assert not order.holds
    assert outcomes(order) == ["proved_absent"]


def test_an_order_with_our_id_that_is_another_is_left_to_a_person(desk):
    order = desk.place("2")
    desk.ledger.append(
        action="place", client_id=order.client_order_id, symbol="EURUSD", side="sell", lots="2",
        kind="market", price=None, filled="2", stops=[None, None],
    )  # fmt: skip
    desk.ledger.plan("drop")
    desk.pump()
    assert (desk.state(order), order.code) == ("quarantined", "MISMATCH")


def test_a_request_that_another_settled_meanwhile_stays_as_he_left_it(desk, monkeypatch):
    order, place = desk.place(), FileAdapter.place

    def settled(adapter, ticket):
        order.attempts.update(outcome="proved_absent", text="by another worker")
        return place(adapter, ticket)

    monkeypatch.setattr(FileAdapter, "place", settled)
    desk.pump()
    attempt = order.attempts.get()
    assert desk.state(order) == "filled"
    assert (attempt.outcome, attempt.text) == ("proved_absent", "by another worker")


def test_an_answer_to_a_request_that_was_doubted_meanwhile_is_taken(desk, monkeypatch):
    order, place = desk.place(), FileAdapter.place

    def doubted(adapter, ticket):
        lanes.doubt(order.attempts.select_related("order__account").get(), "No answer")
        return place(adapter, ticket)

    monkeypatch.setattr(FileAdapter, "place", doubted)
    desk.pump()
    assert (desk.state(order), order.attempts.get().outcome) == ("filled", "done")


def test_what_a_worker_left_under_way_is_asked_for_by_the_next(desk):
    order = desk.place()
    held = lanes.take(desk.account)
    claim = lanes.claim_next(held, watermark="")
    assert desk.state(order) == "sending"
    desk.pump()  # the lease still runs: nobody interferes
    assert desk.state(order) == "sending"
    Lane.objects.update(until="2020-01-01 00:00:00+00:00")
    desk.adapter.place(lanes.ticket_asked(claim.attempt))  # the paused worker did write after all
    desk.pump()
    assert desk.state(order) == "filled"
    assert len(desk.ledger.placed) == 1
    lanes.let_go(held)  # of a lease that is another's now: nothing happens
    execution.record(claim, FileAdapter(desk.ledger)._do("cancel", order="1"))
    assert desk.state(order) == "filled"


def test_a_lease_that_ran_out_claims_nothing(desk):
    desk.place()
    held = lanes.take(desk.account)
    Lane.objects.update(until="2020-01-01 00:00:00+00:00")
    with pytest.raises(lanes.LeaseLost):
        lanes.claim_next(held, watermark="")
    assert not OrderAttempt.objects.exists()


def test_orders_leave_in_their_turn(desk):
    orders = [desk.place(str(n)) for n in range(1, 6)]
    desk.pump()
    assert [line["client_id"] for line in desk.ledger.placed] == [o.client_order_id for o in orders]


def test_an_entry_that_waits_for_another_try_holds_up_no_exit(desk, settings):
    desk.place()
    desk.pump()
    settings.RETRY_SECONDS = 60
    desk.ledger.plan("refuse")
    waiting = desk.place()
    desk.pump()
    behind = desk.place()
    closing = exits.close_position(Position.objects.get(), actor=desk.owner)
    desk.pump()

    assert (desk.state(waiting), outcomes(waiting)) == ("queued", ["not_written"])
    assert (desk.state(behind), desk.state(closing)) == ("queued", "filled")


def test_a_closing_and_a_cancel_pass_what_the_rate_of_requests_holds_up(desk, risk):
    desk.place("2")
    working = desk.place(kind="limit", price=D("1.05"))
    desk.pump()
    position = Position.objects.get()
    risk.messages, risk.closes = False, True
    waiting = desk.place()
    exits.protect(position, actor=desk.owner, stop_loss=D("1.05"))
    closing = exits.close_position(position, actor=desk.owner)
    services.cancel(working, actor=desk.owner)
    desk.pump()
    assert (desk.state(closing), desk.state(working)) == ("filled", "cancelled")
    assert (desk.state(waiting), desk.ledger.of("protect")) == ("queued", [])


def test_no_message_is_sent_beyond_the_rate(desk, risk):
    risk.messages = False
    order = desk.place()
    desk.pump()
    assert desk.state(order) == "queued"
    risk.messages = True
    desk.pump()
    assert desk.state(order) == "filled"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lots": 0}, {"filled": -1}, {"state": "nonsense"}, {"state": "working"},
        {"state": "queued", "lane_seq": None}, {"resume_state": "working"},
        {"state": "cancel_pending", "broker_order_id": "1"},
    ],
)  # fmt: skip
def test_the_database_refuses_an_impossible_order(desk, wrong):
    order = desk.place()
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**wrong)


def test_the_database_allows_one_request_under_way_a_lane(desk):
    first, second = desk.place(), desk.place()
    common = {"account": desk.account, "action": "place", "asked": {}, "made_at": first.received_at}
    OrderAttempt.objects.create(order=first, outcome="open", **common)
    for outcome, order in (("open", second), ("unknown", first)):
        with pytest.raises(IntegrityError), transaction.atomic():
            OrderAttempt.objects.create(order=order, number=2, outcome=outcome, **common)


def test_the_database_refuses_to_change_the_story(desk):
    from tradershub.core.append_only import protect, unprotect

    order = desk.place()
    for model in (OrderEvent, OrderCheck):
        table = model._meta.db_table
        protect(connection, table)
        try:
            with pytest.raises(Exception, match="never changed"), transaction.atomic():
                model.objects.filter(order=order).update(code="x")
        finally:
            unprotect(connection, table)


def test_what_was_sent_after_a_backup_is_found_and_not_sent_again(desk):
    sent = desk.place(token="signal one")
    desk.pump()
    assert len(desk.ledger.placed) == 1
    # The backup of before: it knows neither the order nor its deal.
    OrderAttempt.objects.all().delete()
    OrderEvent.objects.all().delete()
    OrderCheck.objects.all().delete()
    Order.objects.all().delete()
    Position.objects.all().delete()
    Deal.objects.all().delete()
    assert in_doubt.hold_after_restore() == 1
    again = desk.place(token="signal one")
    assert again.client_order_id == sent.client_order_id
    desk.pump()
    assert desk.state(again) == "queued"
    in_doubt.resume_lane(desk.account, actor=desk.owner, reason="compared with the broker")
    desk.pump()
    assert desk.state(again) == "filled"
    assert len(desk.ledger.placed) == 1


def test_the_mirror_takes_over_what_was_believed_not_sent(desk):
    from trading.mirroring import look

    order = desk.place(kind="limit", price=1)
    services.cancel(order, actor=desk.owner)
    desk.adapter.place(tickets.ticket_of(order))
    look(desk.account, desk.adapter)
    assert (desk.state(order), order.code) == ("working", "LATE")


@pytest.mark.parametrize(
    ("booked", "is_assumed", "is_held"),
    [("netting", False, True), ("netting", True, False), ("hedging", False, False)],
)
def test_entries_are_held_where_the_platform_keeps_positions_in_another_way(
    desk, booked, is_assumed, is_held
):
    desk.place("1")
    desk.pump()
    Account.objects.update(mode=booked, mode_is_assumed=is_assumed)
    desk.account.refresh_from_db()
    entry, leave = desk.place("2"), desk.place("1", side="sell", reduces=True)
    desk.pump()
    assert desk.state(leave) == "filled"
    assert desk.state(entry) == ("queued" if is_held else "filled")
    if is_held:
        assert Lane.objects.get().halted_because == (
            "The account is hedging at its platform, netting in the books: set its mode"
        )
