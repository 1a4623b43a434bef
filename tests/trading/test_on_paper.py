"""The whole way on a paper account: the real rules, the real venue, the real mirror."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts.models import Account, Position
from accounts.services import switch_trading
from brokers.adapters.messages import DealKind, DealReport, Entry, OrderReport, Status
from brokers.adapters.messages import Kind as OrderKind
from brokers.adapters.paper import PaperAdapter
from brokers.connecting import note_error, open_adapter, platform_row, switch_platform
from brokers.models import Quote, SymbolTerms
from risk import kill_switch
from risk.kinds import Kind, Scope, Unit
from risk.models import Blackout, Hold, Limit, Reservation, RiskEvent
from tests.accounts.books import assert_derived
from tests.trading.paper import Paper
from tradershub.core.errors import Conflict
from trading import execution, exits, journal, mirroring, reports, services, sweeper, sync
from trading.models import Mirror, Order, OrderAttempt
from trading.states import State

pytestmark = pytest.mark.django_db


@pytest.fixture
def paper(monkeypatch, settings, no_queue):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0
    return Paper(monkeypatch)


def test_an_order_is_judged_sent_filled_booked_and_protected(paper):
    order = paper.place(stop_loss=D("1.09"))
    assert (order.state, order.reason) == ("filled", "")
    assert (order.filled, order.average_price) == (D("0.1"), D("1.1002"))
    assert order.checks.filter(stage="decision", passed=True).count() > 5
    assert Reservation.objects.get(client_order_id=order.client_order_id).over_at
    paper.turn()
    position = Position.objects.get(account=paper.account)
    assert position.stop_loss == D("1.09")
    exits.protect(position, actor=paper.owner, stop_loss=D("1.095"))
    execution.pump(paper.account)
    paper.turn()
    position.refresh_from_db()
    assert position.stop_loss == D("1.095")
    closing = paper.pump(exits.close_position(position, actor=paper.owner, lots=D("0.04")))
    assert (closing.state, closing.reason) == ("filled", "")
    paper.turn("1.094")  # the stop fires at the venue
    position.refresh_from_db()
    assert position.open_volume == 0
    assert_derived(paper.account)


def test_an_order_is_eased_once_a_limit_of_loss_is_broken(paper):
    order = paper.place(kind="limit", price=D("1.05"), stop_loss=D("1.0"))
    Limit.objects.create(
        kind=Kind.LOSS, value=0, unit=Unit.MONEY, window="day", scope=Scope.ACCOUNT,
        owner=paper.owner, account=paper.account,
    )  # fmt: skip
    with pytest.raises(Conflict, match="Loss of the day"):
        services.amend(order, actor=paper.owner, lots=D("0.2"))
    services.amend(order, actor=paper.owner, lots=D("0.05"), stop_loss=D("1.04"))
    order = paper.pump(order)
    assert (order.state, order.lots, order.stop_loss) == ("working", D("0.05"), D("1.04"))


@pytest.mark.parametrize(
    ("scope", "value", "unit"),
    [("strategy", 100, Unit.MONEY), ("account", 100, Unit.MONEY), ("account", 1, Unit.PERCENT)],
)
def test_a_strategys_loss_touched_between_two_orders_is_broken_for_the_day(
    paper, scope, value, unit
):
    """0.5 lots from 1.1002 lose 110 at 1.098, and no more than 10 at 1.1."""
    binds = {"strategy": "mr"} if scope == "strategy" else {"account": paper.account}
    currency = "USD" if scope == "strategy" else ""
    limit = Limit.objects.create(
        kind=Kind.STRATEGY_LOSS, value=value, unit=unit, scope=scope, owner=paper.owner,
        currency=currency, **binds,
    )  # fmt: skip
    assert paper.place("0.5", strategy="mr").state == "filled"
    paper.turn("1.098")
    paper.turn("1.1")
    assert paper.place("0.5", strategy="mr").code == "STRATEGY_LOSS"
    assert paper.place("0.5", strategy="other").state == "filled"
    event = RiskEvent.objects.get(kind="broken", limit=limit)
    assert "Loss of the day of mr" in event.text


def test_a_closing_takes_what_is_left_once_a_part_was_closed_while_it_waited(paper):
    position = open_position(paper)
    closing = exits.close_position(position, actor=paper.owner)
    venue = open_adapter(paper.account.connection, paper.account.number)
    venue.close(position.ref, client_id="theirs", lots=D("0.06"))
    paper.turn()
    assert (paper.pump(closing).state, closing.reason) == ("filled", "")
    assert (closing.lots, closing.filled, venue.positions()) == (D("0.1"), D("0.04"), [])
    assert not Hold.objects.filter(left__gt=0).exists()
    paper.turn()
    assert not Position.objects.filter(open_volume__gt=0).exists()


def test_an_order_is_not_kept_longer_once_a_limit_of_loss_is_broken(paper):
    noon = timezone.now() + dt.timedelta(hours=5)
    order = paper.place(
        kind="limit", price=D("1.05"), stop_loss=D("1.0"), duration="gtd", expires_at=noon
    )
    Limit.objects.create(
        kind=Kind.LOSS, value=0, unit=Unit.MONEY, window="day", scope=Scope.ACCOUNT,
        owner=paper.owner, account=paper.account,
    )  # fmt: skip
    hour = dt.timedelta(hours=1)
    with pytest.raises(Conflict, match="Loss of the day"):
        services.amend(order, actor=paper.owner, expires_at=noon + hour)
    services.amend(order, actor=paper.owner, expires_at=noon - hour)
    order = paper.pump(order)
    assert (order.state, order.expires_at) == ("working", noon - hour)


def test_a_resting_order_fills_when_its_price_comes(paper):
    order = paper.place(kind="limit", price=D("1.095"))
    assert order.state == "working"
    services.amend(order, actor=paper.owner, price=D("1.098"))
    assert (paper.pump(order).state, order.price) == ("working", D("1.098"))
    paper.turn("1.0975")
    order.refresh_from_db()
    assert (order.state, order.filled) == ("filled", D("0.1"))
    assert_derived(paper.account)


def test_a_news_blackout_keeps_entries_back_and_nothing_else(paper):
    working = paper.place(kind="limit", price=D("1.05"), stop_loss=D("1.04"))
    position = open_position(paper)
    hour = dt.timedelta(hours=1)
    Blackout.objects.create(
        owner=paper.owner, event="Payrolls", scope="currency", currency="USD",
        starts_at=timezone.now() - hour, ends_at=timezone.now() + hour,
    )  # fmt: skip
    refused = paper.place()
    assert (refused.state, refused.code) == ("blocked", "BLACKOUT")
    assert "Payrolls" in refused.reason
    with pytest.raises(Conflict, match="Payrolls"):
        services.amend(working, actor=paper.owner, lots=D("0.2"))
    services.amend(working, actor=paper.owner, stop_loss=D("1.045"))
    assert paper.pump(working).stop_loss == D("1.045")
    services.cancel(working, actor=paper.owner)
    assert paper.pump(working).state == "cancelled"
    exits.protect(position, actor=paper.owner, stop_loss=D("1.09"))
    execution.pump(paper.account)
    paper.turn()
    position.refresh_from_db()
    assert position.stop_loss == D("1.09")
    assert paper.pump(exits.close_position(position, actor=paper.owner)).state == "filled"


def open_position(paper):
    assert paper.place().state == "filled"
    paper.turn()
    return Position.objects.get(account=paper.account)


# -- Stops of a position, 0.1 lots from 1.1002 with the market at 1.1: a pip is a dollar ---------------
def protected(paper, **asked):
    """A position with a stop that costs 50."""
    assert paper.place(stop_loss=D("1.0952"), **asked).state == "filled"
    paper.turn()
    return Position.objects.get(account=paper.account)


def limit_of(paper, kind, value, **fields):
    given = {"unit": "money", "scope": "account", "owner": paper.owner, "account": paper.account}
    return Limit.objects.create(kind=kind, value=value, **given | fields)


def set_stops(paper, position, **stops):
    made = exits.protect(position, actor=paper.owner, **stops)
    execution.pump(paper.account)
    paper.turn()
    made.refresh_from_db()
    return made


OF_A_DAY = {"window": "day", "basis": "balance"}
AT_RISK = [
    ("risk_per_trade", {}, "RISK_PER_TRADE", "NO_STOP"),
    ("heat", {}, "HEAT", "HEAT"),
    ("correlated", {}, "CORRELATED", "CORRELATED"),
    ("loss", OF_A_DAY, "LOSS_ROOM", "LOSS_ROOM"),
    ("drawdown", {"trail": "intraday"}, "DRAWDOWN_ROOM", "DRAWDOWN_ROOM"),
]


@pytest.mark.parametrize(("kind", "fields", "code", "without"), AT_RISK)
def test_a_stop_goes_no_farther_than_the_limits_on_what_is_at_risk(
    paper, kind, fields, code, without
):
    position = protected(paper)
    limit_of(paper, kind, 60, **fields)
    with pytest.raises(Conflict) as refusal:
        exits.protect(position, actor=paper.owner, stop_loss=D("1.05"))
    assert (refusal.value.code, refusal.value.keeps) == (code.lower(), True)
    told = RiskEvent.objects.get()
    assert (told.code, told.account, told.text) == (code, paper.account, refusal.value.message)
    assert not OrderAttempt.objects.filter(action="protect").exists()
    with pytest.raises(Conflict) as refusal:
        exits.protect(position, actor=paper.owner, stop_loss=None)
    assert refusal.value.code == without.lower()
    assert set_stops(paper, position, stop_loss=D("1.0945")).outcome == "done"


@pytest.mark.parametrize(("kind", "fields", "code", "without"), AT_RISK)
def test_a_stop_that_comes_nearer_passes_a_broken_limit(paper, kind, fields, code, without):
    position = protected(paper)
    limit_of(paper, kind, 1, **fields)
    assert set_stops(paper, position, stop_loss=D("1.096")).outcome == "done"
    assert set_stops(paper, position, trail=D("0.003")).outcome == "done"


def test_the_risk_of_a_position_that_wins_is_none_and_its_gain_may_be_lost(paper):
    position = protected(paper)
    paper.turn("1.12")
    assert set_stops(paper, position, stop_loss=D("1.115")).outcome == "done"
    position.refresh_from_db()
    limit_of(paper, "heat", 10)
    loss = limit_of(paper, "drawdown", 60, trail="intraday")
    with pytest.raises(Conflict, match="the stop would lose 150 USD, 60 is left"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.105"))
    loss.delete()
    assert set_stops(paper, position, stop_loss=D("1.105")).outcome == "done"


def grow_old(**prices):
    Quote.objects.update(at=timezone.now() - dt.timedelta(hours=10), **prices)


@pytest.mark.parametrize(
    ("kind", "fields"), [("loss", OF_A_DAY), ("drawdown", {"trail": "intraday"})]
)
def test_room_under_a_limit_of_loss_is_measured_from_a_price_of_now(paper, kind, fields):
    position = protected(paper)
    limit_of(paper, kind, 60, **fields)
    grow_old(bid=D("1.0952"), ask=D("1.0954"))  # from there the stop is near
    with pytest.raises(Conflict, match="The quote of EURUSD is .* s old") as refusal:
        exits.protect(position, actor=paper.owner, stop_loss=D("1.09"))
    assert refusal.value.code == "stale_quote"
    Quote.objects.all().delete()
    with pytest.raises(Conflict, match="Not known: quote"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.09"))


@pytest.mark.parametrize(("kind", "fields", "code", "without"), AT_RISK)
def test_a_trail_alone_begins_at_a_price_of_now(paper, kind, fields, code, without):
    position = protected(paper)
    limit_of(paper, kind, 60, **fields)
    grow_old()
    to_trail = {"stop_loss": None, "trail": D("0.003")}
    with pytest.raises(Conflict, match="The quote of EURUSD is .* s old"):
        exits.protect(position, actor=paper.owner, **to_trail)
    Quote.objects.all().delete()
    with pytest.raises(Conflict, match="Not known: quote"):
        exits.protect(position, actor=paper.owner, **to_trail)
    paper.turn()
    assert set_stops(paper, position, **to_trail).outcome == "done"


@pytest.mark.parametrize("kind", ["risk_per_trade", "heat", "correlated"])
def test_the_way_from_the_opening_to_a_stop_needs_no_price_of_now(paper, kind):
    position = protected(paper)
    limit_of(paper, kind, 60)
    grow_old()
    assert exits.protect(position, actor=paper.owner, stop_loss=D("1.0945")).outcome == "waiting"


@pytest.mark.parametrize("kind", ["heat", "correlated"])
def test_a_position_is_judged_with_what_it_counts_once_it_is_held_so(paper, kind):
    position = protected(paper)
    SymbolTerms.objects.filter(symbol=position.symbol).update(
        commission_scheme="per_lot_side", commission_rate=D(35)
    )
    limit_of(paper, kind, 60)
    assert set_stops(paper, position, stop_loss=D("1.0942")).outcome == "done"
    with pytest.raises(Conflict, match="61.00 USD"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.0941"))
    paper.turn("1.12")
    assert set_stops(paper, position, stop_loss=D("1.115")).outcome == "done"
    Limit.objects.update(value=1)
    assert set_stops(paper, position, stop_loss=D("1.11")).outcome == "done"


def test_the_risk_of_one_trade_counts_its_costs(paper):
    position = protected(paper)
    SymbolTerms.objects.filter(symbol=position.symbol).update(
        commission_scheme="per_lot_side", commission_rate=D(35)
    )
    limit_of(paper, "risk_per_trade", 60)
    with pytest.raises(Conflict, match="67.00 USD, allowed 60.00"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.0942"))


def test_what_orders_hold_of_the_risk_is_not_there_for_a_stop(paper):
    position = protected(paper)
    limit_of(paper, "heat", 100)
    assert paper.place(kind="limit", price=D("1.09"), stop_loss=D("1.086")).state == "working"
    with pytest.raises(Conflict, match="62.00 USD asked, 60.00 left of 100.00"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.094"))
    assert set_stops(paper, position, stop_loss=D("1.0943")).outcome == "done"


def test_a_stop_is_held_to_the_limits_of_the_strategy_that_opened_it(paper):
    position = protected(paper, strategy="mr")
    limit_of(paper, "risk_per_trade", 60, scope="strategy", strategy="mr", account=None)
    limit_of(paper, "risk_per_trade", 1, scope="strategy", strategy="other", account=None)
    with pytest.raises(Conflict, match="Risk of one trade"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.094"))
    kill_switch.engage(
        kill_switch.of_strategy(paper.owner, "mr"), actor=paper.owner, reason="enough"
    )
    with pytest.raises(Conflict, match="enough"):
        exits.protect(position, actor=paper.owner, stop_loss=D("1.095"))
    assert set_stops(paper, position, stop_loss=D("1.096")).outcome == "done"


def test_a_stop_that_waits_is_judged_again_when_its_turn_comes(paper):
    position = protected(paper)
    asked = exits.protect(position, actor=paper.owner, stop_loss=D("1.094"))
    limit_of(paper, "risk_per_trade", 60)
    execution.pump(paper.account)
    asked.refresh_from_db()
    assert asked.outcome == "withdrawn"
    assert "62.00 USD, allowed 60.00" in asked.text


@pytest.mark.parametrize(
    ("kind", "fields"), [("heat", {}), ("loss", OF_A_DAY), ("drawdown", {"trail": "intraday"})]
)
def test_a_first_stop_is_asked_beyond_the_move_that_counts_without_one(paper, kind, fields):
    position = open_position(paper)
    limit_of(paper, kind, 250, **fields)
    with pytest.raises(Conflict, match="250|248 is left"):
        exits.protect(position, actor=paper.owner, stop_loss=D("0.9"))
    assert set_stops(paper, position, stop_loss=D("1.05")).outcome == "done"


def test_an_entry_without_a_stop_is_not_asked_what_it_may_lose(paper):
    limit_of(paper, "loss", 60, **OF_A_DAY)
    assert paper.place().state == "filled"


@pytest.mark.parametrize("outcome", ["waiting", "unknown"])
def test_a_trail_is_judged_as_if_the_stop_on_its_way_was_gone(paper, outcome):
    position = protected(paper, trail=D("0.01"))
    exits.protect(position, actor=paper.owner, stop_loss=None)
    OrderAttempt.objects.filter(action="protect").update(outcome=outcome)
    limit_of(paper, "risk_per_trade", 110)
    with pytest.raises(Conflict, match="has no stop"):
        exits.protect(position, actor=paper.owner, trail=None)


def test_stops_that_were_set_are_judged_before_the_next_look(paper):
    position = protected(paper)
    limit_of(paper, "heat", 110)
    exits.protect(position, actor=paper.owner, stop_loss=D("1.0895"))
    execution.pump(paper.account)
    position.refresh_from_db()
    assert position.stop_loss == D("1.0895")
    entry = paper.place("0.11", stop_loss=D("1.0952"))
    assert (entry.state, entry.code) == ("blocked", "HEAT")


def test_a_look_older_than_the_answer_does_not_put_the_stop_back(paper, monkeypatch):
    position = protected(paper)
    read = PaperAdapter.positions
    asked = []

    def slowly(adapter):
        found = read(adapter)
        if not asked:
            asked.append(exits.protect(position, actor=paper.owner, stop_loss=D("1.097")))
            execution.pump(paper.account)
        return found

    monkeypatch.setattr(PaperAdapter, "positions", slowly)
    mirroring.look(paper.account, paper.followed.adapter(paper.account))
    asked[0].refresh_from_db()
    position.refresh_from_db()
    assert (asked[0].outcome, position.stop_loss) == ("done", D("1.097"))


def test_without_a_limit_any_stop_that_can_be_meant_is_set(paper):
    position = protected(paper)
    for stop in (D("1.05"), None):
        assert set_stops(paper, position, stop_loss=stop).outcome == "done"


def test_a_resting_order_is_cancelled(paper):
    order = paper.place(kind="limit", price=D("1.05"))
    services.cancel(order, actor=paper.owner)
    assert paper.pump(order).state == "cancelled"


def test_a_limit_refuses_with_its_figures(paper):
    Limit.objects.create(
        kind="max_lots", unit="lots", value=D("0.05"), scope="account", owner=paper.owner,
        account=paper.account,
    )  # fmt: skip
    order = paper.place()
    assert (order.state, order.code) == ("blocked", "MAX_LOTS")
    assert order.checks.get(passed=False).figures
    assert not Position.objects.filter(account=paper.account).exists()


def test_what_is_switched_off_sends_nothing(paper):
    Account.objects.filter(pk=paper.account.pk).update(may_trade=False)
    order = paper.place()
    assert order.state == "blocked"
    assert order.attempts.count() == 0


def test_after_a_stop_only_closings_go(paper):
    paper.place()
    paper.turn()
    queued = services.place_by_hand(
        paper.account, actor=paper.owner, symbol="EURUSD", side="buy", lots=D("0.2")
    )
    kill_switch.engage(kill_switch.of_owner(paper.owner), actor=paper.owner, reason="enough")
    assert (paper.pump(queued).state, queued.code) == ("not_sent", "KILL_SWITCH")
    assert paper.place("0.3").state == "blocked"
    position = Position.objects.get(account=paper.account)
    closing = paper.pump(exits.close_position(position, actor=paper.owner))
    assert closing.state == "filled"
    position.refresh_from_db()
    assert position.open_volume == 0


def test_an_order_that_the_venue_refuses_says_why(paper):
    order = paper.place("90")
    assert order.state in ("blocked", "rejected")
    assert order.reason


def assert_lets_out(paper, position, resting):
    """A stop, a cancel and a closing."""
    exits.protect(position, actor=paper.owner, stop_loss=D("1.09"))
    execution.pump(paper.account)
    paper.turn()
    position.refresh_from_db()
    assert position.stop_loss == D("1.09")
    services.cancel(resting, actor=paper.owner)
    assert paper.pump(resting).state == "cancelled"
    assert paper.pump(exits.close_position(position, actor=paper.owner)).state == "filled"


def test_an_account_that_only_closes_lets_cancels_stops_and_closings_out(paper):
    position, resting = open_position(paper), paper.place(kind="limit", price=D("1.05"))
    switch_trading(paper.account, on=False, closes_only=True, actor=paper.owner)
    refused = paper.place()
    assert (refused.state, refused.code) == ("blocked", "MAY_TRADE")
    assert refused.reason == "Only closings may go out for the account"
    with pytest.raises(Conflict, match="Only closings"):
        services.amend(resting, actor=paper.owner, price=D("1.04"))
    assert_lets_out(paper, position, resting)


def test_an_account_that_is_off_gets_no_closing_and_says_what_to_do(paper):
    position = open_position(paper)
    switch_trading(paper.account, on=False, actor=paper.owner)
    refused = paper.pump(exits.close_position(position, actor=paper.owner))
    assert (refused.state, refused.code) == ("blocked", "MAY_TRADE")
    assert "let closings out" in refused.reason


@pytest.fixture
def off_by_itself(paper, settings):
    """A position and a resting order at a platform that then failed too often."""
    settings.PLATFORM_ERRORS_IN_ROW = 1
    position, resting = open_position(paper), paper.place(kind="limit", price=D("1.05"))
    assert note_error("paper", "no answer")
    return position, resting


def test_a_platform_that_switched_itself_off_lets_cancels_and_closings_out(paper, off_by_itself):
    position, resting = off_by_itself
    refused = paper.place()
    assert (refused.state, refused.code) == ("blocked", "PLATFORM_ENABLED")
    with pytest.raises(Conflict, match="platform"):
        services.amend(resting, actor=paper.owner, lots=D("0.2"))
    assert_lets_out(paper, position, resting)


def test_a_platform_that_a_person_switched_off_gets_no_closing_either(paper, off_by_itself):
    position, resting = off_by_itself
    switch_platform(platform_row("paper"), on=False, actor=paper.owner)
    closing = paper.pump(exits.close_position(position, actor=paper.owner))
    assert (closing.state, closing.code) == ("blocked", "PLATFORM_ENABLED")
    services.cancel(resting, actor=paper.owner)
    assert paper.pump(resting).state == "working"


def test_what_an_old_signal_ordered_is_changed_by_a_person(paper):
    order = paper.place(kind="limit", price=D("1.09"), stop_loss=D("1.08"))
    Order.objects.update(signal_at=timezone.now() - dt.timedelta(hours=5))
    services.amend(order, actor=paper.owner, price=D("1.095"))
    assert (paper.pump(order).state, order.price) == ("working", D("1.095"))


def stated(order, status, **said):
    return OrderReport(
        broker_order_id="9", client_id=order.client_order_id, symbol="EURUSD", side="buy",
        lots=order.lots, kind=OrderKind.LIMIT, status=status, placed_at=timezone.now(),
        price=D("1.05"), **said,
    )  # fmt: skip


def reserved():
    return sum(Hold.objects.filter(usage__limit__isnull=False).values_list("left", flat=True))


@pytest.fixture
def limited(paper):
    Limit.objects.create(
        kind=Kind.SYMBOL_LOTS, value=D("0.15"), unit=Unit.LOTS, scope=Scope.ACCOUNT,
        owner=paper.owner, account=paper.account,
    )  # fmt: skip
    return services.place_by_hand(
        paper.account, actor=paper.owner, symbol="EURUSD", side="buy", lots=D("0.1"),
        kind="limit", price=D("1.05"),
    )  # fmt: skip


def test_an_order_that_comes_late_takes_its_room_again(paper, limited):
    journal.move(limited, State.NOT_SENT, code="PROVED_ABSENT", text="not there")
    assert (reserved(), limited.holds) == (0, False)
    reports.take_order(paper.account, stated(limited, Status.WORKING))
    limited.refresh_from_db()
    assert (limited.state, limited.holds, reserved()) == ("working", True, D("0.1"))
    other = paper.place("0.12", kind="limit", price=D("1.04"))
    assert (other.state, other.code) == ("blocked", "SYMBOL_LOTS")
    reports.take_order(paper.account, stated(limited, Status.CANCELLED))
    assert reserved() == 0


def test_an_order_called_filled_before_its_deals_holds_its_room_until_they_are_booked(
    paper, limited
):
    reports.take_order(paper.account, stated(limited, Status.FILLED))
    limited.refresh_from_db()
    sweeper.sweep()
    assert (limited.state, limited.holds, reserved()) == ("filled", True, D("0.1"))
    deal = DealReport(
        deal_id="d9", kind=DealKind.TRADE, at=timezone.now(), currency="USD", symbol="EURUSD",
        side="buy", entry=Entry.IN, lots=D("0.1"), price=D("1.05"), position_ref="p9",
        client_id=limited.client_order_id, broker_order_id="9",
    )  # fmt: skip
    sync.book_reports(paper.account, [deal])
    reports.take_deals(paper.account, [deal])
    limited.refresh_from_db()
    assert (limited.filled, limited.holds, reserved()) == (D("0.1"), False, 0)


def test_what_the_mirror_heard_of_before_the_answer_is_taken_once(paper, monkeypatch):
    place = PaperAdapter.place

    def told_twice(adapter, ticket):
        ack = place(adapter, ticket)
        sync.book_reports(paper.account, ack.deals)
        reports.take_deals(paper.account, ack.deals)
        return ack

    monkeypatch.setattr(PaperAdapter, "place", told_twice)
    order = paper.place()
    reservation = Reservation.objects.get(client_order_id=order.client_order_id)
    assert (order.state, order.filled, reservation.consumed) == ("filled", D("0.1"), 1)
    assert [event.rule for event in order.events.order_by("seq")][-2:] == ["T6", "same"]
    assert (order.sent_at is None, order.attempts.get().outcome) == (False, "done")
    assert_derived(paper.account)


def test_the_mirror_tells_nothing_anew_of_an_order_that_filled_whole(paper, monkeypatch):
    order = paper.place()
    assert order.state == "filled"
    with monkeypatch.context() as watched:
        watched.setattr(reports, "_apply", lambda *args, **kwargs: pytest.fail("told anew"))
        paper.turn()
    assert Mirror.objects.get(account=paper.account).cursor != ""


def test_deals_that_never_come_hold_no_room_for_ever(paper, limited):
    reports.take_order(paper.account, stated(limited, Status.FILLED))
    Order.objects.update(done_at=timezone.now() - dt.timedelta(hours=1))
    sweeper.sweep()
    limited.refresh_from_db()
    assert (limited.holds, reserved()) == (False, 0)


def collared(paper, percent):
    Limit.objects.create(
        kind=Kind.PRICE_COLLAR, value=D(percent), unit=Unit.PERCENT, scope=Scope.ACCOUNT,
        owner=paper.owner, account=paper.account,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "kind", "given", "bound"),
    [
        ("buy", {}, None, "1.1035"),
        ("sell", {}, None, "1.0967"),
        ("buy", {}, D("1.2"), "1.2"),
        ("buy", {"kind": "limit", "price": D("1.099")}, None, None),
    ],
)
def test_an_entry_at_the_market_is_bounded_by_its_collar(paper, side, kind, given, bound):
    for percent in ("0.5", "0.3"):
        collared(paper, percent)
    order = services.place_by_hand(
        paper.account, actor=paper.owner, symbol="EURUSD", side=side, lots=D("0.1"), bound=given, **kind
    )  # fmt: skip
    assert order.bound == (bound and D(bound))
    order = paper.pump(order)
    assert order.state == ("working" if kind else "filled")


def test_no_entry_fills_beyond_its_bound(paper):
    collared(paper, "0.3")
    order = services.place_by_hand(
        paper.account, actor=paper.owner, symbol="EURUSD", side="buy", lots=D("0.1")
    )
    paper.turn("1.12")  # a gap between the verdict and the fill
    paper.pump(order)
    assert order.state in ("cancelled", "rejected")
    assert not Position.objects.exists()


def test_neither_an_exit_nor_an_entry_without_a_collar_has_a_bound(paper):
    assert paper.place().bound is None
    collared(paper, "0.3")
    position = Position.objects.get(account=paper.account)
    assert exits.close_position(position, actor=paper.owner).bound is None
