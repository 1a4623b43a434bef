"""A signal that is decided by what is held waits for what is on its way, and is neither lost nor doubled."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Account, Position
from risk import kill_switch
from tests.factories import make_account, make_symbol
from tests.trading.test_pipeline import Charts
from tradershub.core.errors import Conflict
from trading import journal, pipeline, receiving, services, signals, sweeper, tasks
from trading.models import Gate, Order, OrderAttempt, Route, Signal
from trading.routing import route
from trading.states import State

D = Decimal


@pytest.fixture
def charts(desk, monkeypatch):
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    monkeypatch.setattr(signals, "enqueue", lambda *args, **kwargs: "")
    return Charts(desk)


@pytest.fixture
def lost(charts, desk, settings):
    """An entry of one lot that the broker filled and whose answer is lost."""
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    charts.send()
    assert charts.orders() == [("buy", D(1), False, "unknown")]
    return Order.objects.get()


def settle(charts, settings):
    """The broker says what became of it; then whoever waited is looked at, and the lane worked."""
    settings.SETTLE_SECONDS = 0
    charts.desk.pump()
    look_again(charts)


def look_again(charts):
    tasks.look_again(charts.desk.owner.pk)
    charts.desk.pump()


def order_row(charts, state, *, account=None, side="buy", lots="1", **fields):
    """An order of the strategy as it stands, without its story."""
    account = account or charts.desk.account
    symbol = fields.pop("symbol", charts.desk.symbol)
    made = services.new_order(
        account, origin=services.Origin("test", f"{Order.objects.count()}"), symbol=symbol, side=side,
        lots=D(lots), strategy=fields.pop("strategy", "mr"), **fields,
    )  # fmt: skip
    made.lane_seq = 1000 + Order.objects.count()
    made.state, made.broker_order_id = state, "b1" if state in Order.OPEN else ""
    made.save(force_insert=True)
    return made


def open_lots():
    return [p.open_volume for p in Position.objects.filter(open_volume__gt=0).order_by("id")]


def states():
    return [(s.state, s.code) for s in Signal.objects.order_by("id")]


# -- One account -------------------------------------------------------------------------------
@pytest.mark.parametrize("words", [{"action": "close"}, {"action": "target", "size": "0"}])
def test_an_exit_waits_for_an_entry_whose_answer_is_lost_and_closes_it(
    charts, lost, settings, words
):
    signal = charts.send(**{"size": None, **words})
    assert (signal.state, signal.code, signal.state_in_words) == (
        "received", "WAITS", "Waits for an order",
    )  # fmt: skip
    assert lost.client_order_id in signal.reason and "outcome unknown" in signal.reason

    settle(charts, settings)
    assert charts.orders()[1:] == [("sell", D(1), True, "filled")]
    assert states() == [("ordered", ""), ("ordered", "")]
    assert open_lots() == []


def test_an_exit_of_an_entry_that_never_arrived_says_so(charts, desk, settings):
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("drop")
    charts.send()
    charts.send(action="close", size=None)
    settings.SETTLE_SECONDS = 0
    for _ in range(3):
        desk.pump()
    look_again(charts)

    assert charts.orders() == [("buy", D(1), False, "not_sent")]
    assert states()[1] == ("refused", "NOTHING_TO_CLOSE")


def test_a_second_target_does_not_double_what_the_first_has_on_its_way(charts, desk, settings):
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    charts.send(action="target", size="2")
    assert charts.send(action="target", size="2").code == "WAITS"
    settle(charts, settings)
    assert states()[1] == ("refused", "ON_TARGET")

    pipeline.run(charts.signal(action="target", size="3"))
    assert charts.orders()[-1][3] == "queued"
    pipeline.run(charts.signal(action="target", size="3"))
    assert states()[-1] == ("received", "WAITS")
    desk.pump()
    look_again(charts)
    assert states()[-1] == ("refused", "ON_TARGET")
    assert sum(open_lots()) == D(3)


def test_a_turn_closes_what_is_held_at_once_and_the_rest_when_it_is_known(charts, desk, settings):
    charts.send(size="2")
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    charts.send()
    turn = charts.send(action="sell", size="5", turns="true")
    assert charts.orders()[2:] == [("sell", D(2), True, "filled")]
    assert (turn.state, "the rest waits" in turn.planned[0]) == ("ordered", True)
    rest = turn.rests.get()
    assert (rest.waits, rest.account, rest.generation) == (True, desk.account, 1)

    settle(charts, settings)
    assert charts.orders()[3:] == [("sell", D(1), True, "filled"), ("sell", D(5), False, "filled")]
    assert open_lots() == [D(5)]
    assert {o.origin_id for o in Order.objects.filter(side="sell")} == {turn.origin}


def test_a_closing_on_its_way_is_not_closed_again_and_its_rest_is_not_forgotten(charts, desk):
    charts.send(size="3")
    part = order_row(
        charts, "unknown", side="sell", reduces=True, position_ref=Position.objects.get().ref
    )
    charts.send(action="close", size=None)
    assert [o.lots for o in Order.objects.filter(origin_kind="signal", reduces=True)] == [D(2)]
    look_again(charts)
    assert Order.objects.count() == 3  # the rest still waits

    journal.move(part, State.NOT_SENT)
    look_again(charts)
    assert open_lots() == []


def test_on_one_position_for_all_no_more_is_closed_than_nobody_closes_yet(charts, desk):
    Account.objects.update(mode="netting")
    desk.account.mode = desk.adapter.mode = "netting"
    charts.send(size="3")
    order_row(charts, "unknown", side="sell", reduces=True, lots="1", strategy="")
    signal = charts.signal(action="close", size=None)
    pipeline.run(signal)

    assert [o.lots for o in Order.objects.filter(origin_kind="signal", reduces=True)] == [D(2)]
    assert signal.rests.get().waits


def test_a_part_is_closed_after_the_entry_before_it_has_filled(charts, desk):
    pipeline.run(charts.signal(size="2"))
    assert charts.send(action="close", size="0.5").code == "WAITS"
    look_again(charts)
    assert open_lots() == [D("1.5")]


def test_an_entry_at_the_market_that_the_broker_leaves_open_is_taken_back(charts, desk):
    works = order_row(charts, "working")
    signal = charts.signal(action="close", size=None)
    pipeline.run(signal)

    assert works.attempts.get().action == "cancel"
    assert (signal.state, signal.rests.get().waits) == ("ordered", True)


def test_an_order_with_its_own_price_is_waited_for_only_until_it_works(charts, desk):
    charts.send()
    resting = {"kind": "limit", "price": D("1.05")}
    order = order_row(charts, "sending", **resting)
    assert charts.send(action="target", size="0.5").code == "WAITS"
    Order.objects.filter(pk=order.pk).update(state="working", broker_order_id="b9")
    look_again(charts)
    assert states()[-1] == ("ordered", "")


def test_what_the_broker_says_is_filled_is_waited_for_until_its_deals_are_in_the_books(charts):
    order = order_row(charts, "filled")
    Order.objects.filter(pk=order.pk).update(done_at=timezone.now())
    assert charts.send(action="close", size=None).code == "WAITS"
    Order.objects.filter(pk=order.pk).update(done_at=timezone.now() - dt.timedelta(hours=1))
    look_again(charts)
    assert states() == [("refused", "NOTHING_TO_CLOSE")]


def test_an_entry_waits_for_nothing(charts, lost):
    assert charts.send().state == "ordered"


def test_one_at_a_time_knows_of_an_entry_that_is_on_its_way(charts, lost):
    charts.strategy.one_at_a_time = True
    charts.strategy.save()
    signal = charts.send()
    assert (signal.state, signal.code) == ("refused", "ENTRY_LOCK")
    assert lost.client_order_id in signal.reason


# -- What only a person can say ----------------------------------------------------------------
@pytest.mark.parametrize(
    "words", [{"action": "close", "size": None}, {"action": "target", "size": "2"}]
)
def test_nobody_waits_for_what_is_quarantined_and_the_person_is_told(charts, words):
    doubtful = order_row(charts, "quarantined")
    signal = charts.send(**words)
    assert (signal.state, signal.code) == ("refused", "IN_DOUBT")
    assert doubtful.client_order_id in signal.reason and "say what became" in signal.reason


def test_beside_what_is_quarantined_an_exit_closes_what_is_certain(charts):
    charts.send(size="2")
    order_row(charts, "quarantined")
    signal = charts.send(action="close", size=None)
    assert (signal.state, open_lots()) == ("ordered", [])
    assert "not what is in doubt: order T" in signal.planned[0]


def test_a_turn_beside_what_is_quarantined_closes_and_opens_nothing(charts):
    charts.send(size="2")
    order_row(charts, "quarantined")
    signal = charts.send(action="sell", turns="true")
    assert charts.orders()[2:] == [("sell", D(2), True, "filled")]
    assert "no entry: order T" in signal.planned[0]


# -- Order -------------------------------------------------------------------------------------
def test_what_comes_after_a_signal_that_waits_goes_after_it(charts, lost, settings):
    charts.send(action="close", size=None)
    entry = charts.send(size="4")
    assert (entry.code, "came before it" in entry.reason) == ("WAITS", True)

    settle(charts, settings)
    assert [row[:3] for row in charts.orders()] == [
        ("buy", D(1), False), ("sell", D(1), True), ("buy", D(4), False),
    ]  # fmt: skip
    assert open_lots() == [D(4)]


def test_a_rest_keeps_the_place_of_its_message(charts, desk, settings):
    charts.send(size="2")
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    charts.send()
    first, second = charts.signal(action="close", size=None), charts.signal(size="7")
    pipeline.run(first)
    assert first.rests.get().pk > second.pk
    pipeline.run(second)
    assert second.waits
    settle(charts, settings)
    assert open_lots() == [D(7)]


def test_an_entry_that_waited_too_long_is_refused_and_an_exit_never(charts, lost, settings):
    charts.send(action="close", size=None)
    charts.send()
    Signal.objects.update(received_at=timezone.now() - dt.timedelta(seconds=90))
    settle(charts, settings)
    assert states()[1:] == [("ordered", ""), ("refused", "STALE")]
    assert Gate.objects.filter(signal=Signal.objects.latest("id"), code="STALE").count() == 1


@pytest.mark.parametrize("shut", ["too late", "stopped"])
@pytest.mark.parametrize(
    "words", [{"action": "sell", "turns": "true"}, {"action": "target", "size": "-1"}]
)
def test_a_turn_that_may_not_open_any_more_still_closes(charts, lost, settings, words, shut):
    assert charts.send(**words).code == "WAITS"
    if shut == "too late":
        Signal.objects.update(received_at=timezone.now() - dt.timedelta(seconds=90))
    else:
        kill_switch.engage(kill_switch.of_owner(charts.desk.owner), actor=charts.desk.owner)
    settle(charts, settings)

    assert charts.orders()[1:] == [("sell", D(1), True, "filled")]
    assert "no entry: " in Signal.objects.latest("id").planned[0]


@pytest.mark.parametrize("shut", ["route", "testing", "platforms"])
@pytest.mark.parametrize(
    "words", [{"action": "sell", "turns": "true"}, {"action": "target", "size": "-1"}]
)
def test_a_turn_whose_route_is_shut_while_it_waits_still_closes(
    charts, lost, settings, words, shut
):
    assert charts.send(**words).code == "WAITS"
    shut_off(charts, shut)
    settle(charts, settings)

    assert charts.orders()[1:] == [("sell", D(1), True, "filled")]
    assert "no entry: " in Signal.objects.latest("id").planned[0]


def shut_off(charts, by):
    """Nothing of the strategy may go to its account any more."""
    if by == "route":
        Route.objects.update(enabled=False)
    charts.strategy.status = "testing" if by == "testing" else "live"
    charts.strategy.platforms = ["mt5"] if by == "platforms" else []
    charts.strategy.save()


def test_its_source_may_be_switched_off_while_an_exit_waits(charts, lost, settings):
    charts.send(action="close", size=None)
    charts.source.enabled = False
    charts.source.save()
    settle(charts, settings)
    assert open_lots() == []


# -- Several accounts --------------------------------------------------------------------------
@pytest.fixture
def two(charts, desk):
    """A second account of the strategy, at which an entry is in flight."""
    other = make_account(owner=desk.owner, number="78", kind="demo", may_trade=True)
    symbol = make_symbol(other, instrument=desk.symbol.instrument)
    Route.objects.create(strategy=charts.strategy, account=other)
    charts.send(account=desk.account.number)
    return order_row(charts, "unknown", account=other, symbol=symbol)


def test_who_is_ready_goes_on_and_who_waits_is_not_lost(charts, desk, two):
    signal = charts.send(action="close", size=None)
    assert signal.state == "ordered" and open_lots() == []
    rest = signal.rests.get()
    assert (rest.account, rest.generation, rest.origin) == (two.account, 0, signal.origin)
    assert rest.waits and rest.planned == [f"{two.account}: waits: {rest.reason}"]

    journal.move(Order.objects.get(pk=two.pk), State.NOT_SENT)
    look_again(charts)
    rest.refresh_from_db()
    assert (rest.state, rest.code) == ("refused", "NOTHING_TO_CLOSE")


def test_what_waits_at_one_account_holds_up_no_other(charts, desk, two):
    charts.send(action="close", size=None)
    signal = charts.send(size="3")
    assert open_lots() == [D(3)]
    assert [rest.account for rest in signal.rests.all()] == [two.account]


def test_a_death_leaves_the_signal_whole(charts, two, monkeypatch):
    signal = charts.signal(action="close", size=None)

    def die(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "_leave_rest", die)
        with pytest.raises(SystemExit):
            pipeline.run(signal)
    assert not Order.objects.filter(reduces=True).exists()
    for _ in range(2):
        pipeline.run(Signal.objects.select_related("source__owner").get(pk=signal.pk))
    assert Order.objects.filter(reduces=True).count() == 1
    assert Signal.objects.filter(rest_of=signal).count() == 1


# -- What moves meanwhile ----------------------------------------------------------------------
def test_an_entry_that_leaves_while_it_is_to_be_taken_back_is_waited_for(charts, monkeypatch):
    pipeline.run(charts.signal())
    signal = charts.signal(action="close", size=None)
    looks = []

    def leaves(*args, **kwargs):
        plans = route(*args, **kwargs)
        looks.append(plans)
        if len(looks) == 1:
            journal.move(Order.objects.select_related("account").get(), State.SENDING)
        return plans

    monkeypatch.setattr(pipeline, "route", leaves)
    pipeline.run(signal)
    assert (len(looks), signal.code) == (2, "WAITS")
    assert not Order.objects.get().attempts.exists()


@pytest.mark.parametrize(("step", "held"), [("_wait", 0), ("_order", 1)])
def test_what_settles_while_a_signal_begins_to_wait_for_it_is_found_at_once(
    charts, settings, monkeypatch, desk, step, held
):
    for _ in range(held):
        charts.send()
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    charts.send()
    settings.SETTLE_SECONDS = 0
    goes_on, calls = getattr(pipeline, step), []

    def settles(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            OrderAttempt.objects.update(not_before=None)
            desk.pump()
        return goes_on(*args, **kwargs)

    monkeypatch.setattr(pipeline, step, settles)
    pipeline.run(charts.signal(action="close", size=None))
    assert states() == [("ordered", "")] * (held + 2)
    desk.pump()
    assert open_lots() == []


def test_an_order_that_settles_wakes_who_waits_and_nobody_else(charts, lost, settings, monkeypatch):
    woken = []
    monkeypatch.setattr(journal, "enqueue", lambda *args, **kwargs: woken.append(args))
    charts.send(action="close", size=None)
    settings.SETTLE_SECONDS = 0
    charts.desk.pump()
    assert ("trading.tasks.look_again", charts.desk.owner.pk) in woken

    look_again(charts)
    woken.clear()
    charts.send()
    assert woken == []


def test_the_sweeper_looks_again_and_what_each_gate_said_is_kept_once(charts, lost, settings):
    charts.send(action="close", size=None)
    for _ in range(3):
        sweeper.sweep()
    signal = Signal.objects.latest("id")
    assert Gate.objects.filter(signal=signal).count() == 9
    settings.SETTLE_SECONDS = 0
    charts.desk.pump()
    sweeper.sweep()
    assert states()[1] == ("ordered", "")


def test_one_that_waited_long_is_not_given_up_at_its_first_fault(charts, lost, monkeypatch):
    charts.send(action="close", size=None)
    Signal.objects.update(received_at=timezone.now() - dt.timedelta(hours=1))

    def fail(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "normalise", fail)
    sweeper.sweep()
    assert Signal.objects.latest("id").waits


# -- A person ----------------------------------------------------------------------------------
def test_a_person_withdraws_what_waits(charts, lost, settings):
    signal = charts.send(action="close", size=None)
    signals.decline(signal, actor=charts.desk.owner)
    settle(charts, settings)
    assert (states()[1], len(charts.orders())) == (("declined", ""), 1)
    with pytest.raises(Conflict, match="nothing waits"):
        signals.decline(signal, actor=charts.desk.owner)


def test_an_approval_is_asked_for_once(charts, lost, settings):
    charts.source.mode = "approval"
    charts.source.save()
    signal = charts.send(action="close", size=None)
    assert signal.state == "waiting"
    signals.approve(signal, actor=charts.desk.owner)
    assert signal.waits
    settle(charts, settings)
    signal.refresh_from_db()
    assert (signal.state, signal.decided_by) == ("ordered", str(charts.desk.owner))
    assert open_lots() == []


def test_a_dry_run_says_for_what_it_would_wait(charts, lost):
    charts.source.mode = "dry_run"
    charts.source.save()
    signal = charts.send(action="close", size=None)
    assert signal.state == "dry" and "waits: Order T" in signal.planned[0]
