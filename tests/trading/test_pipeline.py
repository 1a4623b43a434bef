"""A signal becomes the right orders at the right accounts, once, or says why not."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Account, Position
from brokers.models import Instrument, Quote, SymbolTerms
from risk import kill_switch
from tests.factories import make_account, make_strategy, make_symbol
from tradershub.core import queue
from tradershub.core.errors import Conflict
from trading import askable, pipeline, receiving, services, signals, sweeper, tasks
from trading.models import Gate, Order, Route, Signal, SignalSource
from trading.sources.draft import Draft, Habits
from trading.sources.generic import read
from trading.sources.plain import draft_from_plain, draft_to_plain

D = Decimal


class Charts:
    """A source of the desk's owner, with a strategy that is routed to the desk's account."""

    def __init__(self, desk, **fields):
        self.desk = desk
        self.strategy = make_strategy(desk.owner, "mr", status="live")
        self.route = Route.objects.create(strategy=self.strategy, account=desk.account)
        given = {"name": "charts", "mode": "live", "strategy": self.strategy, **fields}
        self.source, _ = signals.create_source(actor=desk.owner, owner=desk.owner, **given)
        self.count = 0

    def signal(self, **words):
        """A stored signal of these words; entries of one lot by default."""
        self.count += 1
        sent = {"id": str(self.count), "symbol": "EURUSD", "action": "buy", "size": "1", **words}
        body = str({k: v for k, v in sent.items() if v is not None}).replace("'", '"').encode()
        draft = read(body, Habits(strategy="mr"))
        assert isinstance(draft, Draft), draft
        now = timezone.now()
        message = receiving.Message(body, {})
        made = receiving._keep(self.source, message, draft, now).signal
        return Signal.objects.select_related("source__owner", "source__strategy").get(pk=made.pk)

    def send(self, **words):
        """The signal after its run, its orders after the lane's work."""
        made = self.signal(**words)
        pipeline.run(made)
        self.desk.pump()
        return Signal.objects.get(pk=made.pk)

    def orders(self):
        return [
            (order.side, order.lots, order.reduces, order.state)
            for order in Order.objects.order_by("id")
        ]


@pytest.fixture
def charts(desk, monkeypatch):
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    monkeypatch.setattr(signals, "enqueue", lambda *args, **kwargs: "")
    return Charts(desk)


def test_an_entry_becomes_an_order_that_knows_where_it_comes_from(charts):
    signal = charts.send(stop_loss="1.09", comment="first")

    assert (signal.state, signal.strategy) == ("ordered", charts.strategy)
    order = Order.objects.get()
    assert (order.side, order.lots, order.state) == ("buy", D(1), "filled")
    assert (order.origin_kind, order.origin_id) == ("signal", f"{charts.source.uid}:id:1")
    assert (order.strategy, order.source, order.automatic) == ("mr", charts.source.uid, True)
    assert (order.stop_loss, order.comment) == (D("1.09"), "first")
    assert order.plan["signal"] == signal.pk
    assert Gate.objects.filter(signal=signal, passed=False).count() == 0
    assert Gate.objects.filter(signal=signal).count() == 9


def test_a_signal_that_runs_twice_makes_its_orders_once(charts, desk):
    signal = charts.signal()
    stale = Signal.objects.select_related("source__owner", "source__strategy").get(pk=signal.pk)
    pipeline.run(signal)
    pipeline.run(stale)
    pipeline.run(signal)

    assert Order.objects.count() == 1


def test_a_death_after_the_orders_are_written_leaves_them_to_be_decided(charts, monkeypatch):
    charts.send()
    charts.send()
    signal = charts.signal(action="close", size=None)
    with monkeypatch.context() as patched:
        patched.setattr(services, "decide", die)
        with pytest.raises(SystemExit):
            pipeline.run(signal)
    signal.refresh_from_db()
    assert (signal.state, [row[3] for row in charts.orders()[2:]]) == ("ordered", ["received"] * 2)
    for order in Order.objects.filter(state="received"):
        services.decide(order)
    pipeline.run(
        Signal.objects.select_related("source__owner", "source__strategy").get(pk=signal.pk)
    )
    assert [row[3] for row in charts.orders()[2:]] == ["queued"] * 2


def test_a_death_while_the_only_order_is_judged_takes_all_back(charts, monkeypatch):
    signal = charts.signal()
    with monkeypatch.context() as patched:
        patched.setattr(services, "decide", die)
        with pytest.raises(SystemExit):
            pipeline.run(signal)
    fresh = Signal.objects.select_related("source__owner", "source__strategy").get()
    assert (fresh.state, Order.objects.count(), Gate.objects.count()) == ("received", 0, 0)
    pipeline.run(fresh)
    assert [order.state for order in Order.objects.all()] == ["queued"]


def die(order, **kwargs):
    raise SystemExit


def test_the_worker_of_a_signal_sends_its_order_and_wakes_nobody(charts, desk, monkeypatch):
    woken = []
    monkeypatch.setattr(services, "enqueue", lambda *args, **kwargs: woken.append(args))
    tasks.run_signal(charts.signal().pk)
    assert [order.state for order in Order.objects.all()] == ["filled"]
    assert woken == []


def test_a_signal_waits_for_the_one_before_it_and_then_runs_both(charts, settings, monkeypatch):
    settings.GIVE_WAY_SECONDS = 5
    first, second = charts.signal(), charts.signal(size="2")
    waited = []

    def other_worker(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            pipeline.run(first)

    monkeypatch.setattr(tasks.time, "sleep", other_worker)
    tasks.run_signal(second.pk)
    assert [lots for _, lots, *_ in charts.orders()] == [D(1), D(2)]
    assert len(waited) == 2


def test_an_order_that_was_stopped_meanwhile_leaves_the_others_to_be_decided(charts, monkeypatch):
    charts.send()
    charts.send()
    decided = services.decide

    def decide(order, **kwargs):
        if order.leg == 0:
            services.cancel(order, actor="a stop")
        decided(order, **kwargs)

    monkeypatch.setattr(services, "decide", decide)
    pipeline.run(charts.signal(action="close", size=None))
    assert [row[3] for row in charts.orders()[2:]] == ["not_sent", "queued"]


def test_dry_run_shows_what_it_would_do_and_does_nothing(charts):
    SignalSource.objects.update(mode="dry_run")
    charts.source.refresh_from_db()
    signal = charts.send()

    assert (signal.state, signal.planned) == ("dry", [f"{charts.desk.account}: buy 1 EURUSD"])
    assert not Order.objects.exists()


def test_approval_waits_for_a_person(charts, desk):
    charts.source.mode = "approval"
    charts.source.save()
    waiting, declined = charts.send(), charts.send()
    assert (waiting.state, Order.objects.count()) == ("waiting", 0)

    signals.approve(waiting, actor=desk.owner)
    signals.decline(declined, actor=desk.owner)
    desk.pump()
    assert charts.orders() == [("buy", D(1), False, "filled")]
    assert Signal.objects.get(pk=waiting.pk).decided_by == str(desk.owner)
    for over in (waiting, declined):
        with pytest.raises(signals.Conflict, match="nothing waits"):
            signals.approve(Signal.objects.get(pk=over.pk), actor=desk.owner)


def test_an_approval_after_another_ones_word_says_what_became_of_it(charts, desk):
    charts.source.mode = "approval"
    charts.source.save()
    let_through, declined = charts.send(), charts.send()
    seen = [Signal.objects.get(pk=signal.pk) for signal in (let_through, declined)]
    signals.approve(let_through, actor=desk.owner)
    signals.decline(declined, actor=desk.owner)

    for signal, became in zip(seen, ("Became orders", "Declined by a person"), strict=True):
        with pytest.raises(Conflict, match=f"nothing waits for approval. Its state: {became}"):
            signals.approve(signal, actor=desk.owner)
    assert [signal.state for signal in seen] == ["ordered", "declined"]
    assert Order.objects.count() == 1


def test_an_approval_that_found_no_moment_to_decide_in_says_that_it_waits_on(
    charts, desk, monkeypatch
):
    charts.source.mode = "approval"
    charts.source.save()
    signal = charts.send()

    def moved(*args, **kwargs):
        raise pipeline._Moved

    monkeypatch.setattr(pipeline, "_carry_out", moved)
    with pytest.raises(Conflict, match="was not let through.* Approve it again"):
        signals.approve(signal, actor=desk.owner)
    assert (signal.state, signal.approved_at) == ("waiting", None)


def test_sent_again_by_hand_it_is_a_new_signal_with_orders_of_its_own(charts, desk):
    first = charts.send()
    again = signals.send_again(first, actor=desk.owner)
    pipeline.run(again)

    assert again.replay_of == first
    assert Order.objects.count() == 2
    assert Order.objects.values("client_order_id").distinct().count() == 2


def test_a_second_press_right_after_the_first_sends_nothing(charts, desk):
    first = charts.send()
    again = signals.send_again(first, actor=desk.owner)
    with pytest.raises(Conflict, match="just now"):
        signals.send_again(first, actor=desk.owner)

    Signal.objects.filter(pk=again.pk).update(received_at=timezone.now() - signals.ONE_PRESS)
    signals.send_again(first, actor=desk.owner)
    assert first.replays.count() == 2


# -- Exits, turns, targets ---------------------------------------------------------------------
def test_a_closing_closes_what_the_strategy_holds_and_nothing_else(charts, desk):
    charts.send(size="2")
    desk.place("5")
    desk.pump()
    charts.send(action="close", size=None)

    closing = Order.objects.get(reduces=True)
    assert (closing.side, closing.lots, closing.state) == ("sell", D(2), "filled")
    held = Position.objects.filter(open_volume__gt=0)
    assert [position.open_volume for position in held] == [D(5)]


@pytest.mark.parametrize(
    ("words", "taken_back"),
    [
        ({"action": "close", "size": None}, True),
        ({"action": "close_long", "size": None}, True),
        ({"action": "target", "size": "0"}, True),
        ({"action": "close_short", "size": None}, False),
    ],
)
def test_an_exit_lets_out_no_entry_that_waited_before_it(charts, words, taken_back):
    pipeline.run(charts.signal())
    signal = charts.send(**words)

    assert signal.state == ("ordered" if taken_back else "refused")
    assert charts.orders()[0][3] == ("not_sent" if taken_back else "filled")
    assert len(charts.orders()) == 1


def test_an_exit_closes_what_is_held_and_takes_back_what_waits(charts):
    charts.send()
    pipeline.run(charts.signal(size="2"))
    charts.send(action="close", size=None)

    assert charts.orders()[1:] == [
        ("buy", D(2), False, "not_sent"),
        ("sell", D(1), True, "filled"),
    ]


def test_a_part_of_it_is_closed_oldest_first_and_never_more_than_is_held(charts):
    charts.send(size="1")
    charts.send(size="2")
    charts.send(action="close_long", size="1.5")
    closings = Order.objects.filter(reduces=True).order_by("id")
    assert [order.lots for order in closings] == [D(1), D("0.5")]

    charts.send(action="close_long", size="99")
    assert not Position.objects.filter(open_volume__gt=0).exists()


@pytest.mark.parametrize(
    ("closed", "before", "closings"),
    [
        ("1", "3", [D(1), D("0.33")]),
        ("3", "3", [D(1), D(3)]),
        ("1", "4", [D(1)]),
        ("1", "999", []),
    ],
)
def test_a_part_of_the_charts_closes_the_same_share_of_what_is_held(
    charts, closed, before, closings
):
    charts.send(size="1")
    charts.send(size="3")
    signal = charts.send(action="close", size=closed, size_before=before)
    made = [order.lots for order in Order.objects.filter(reduces=True).order_by("id")]
    assert made == closings
    assert signal.code == ("" if closings else "TOO_SMALL")
    assert closings or "1 of 999 is 0.004" in signal.reason


def test_a_size_of_the_chart_closes_no_part_of_what_the_strategys_own_size_made(charts):
    charts.strategy.size, charts.strategy.size_in = D("0.5"), "lots"
    charts.strategy.save()
    charts.send(size="4")
    signal = charts.send(action="close", size="1")
    assert (signal.state, signal.code) == ("refused", "NO_SHARE")
    assert "expected size_before" in signal.reason

    charts.send(action="close", size="1", size_before="4")
    assert [order.lots for order in Order.objects.filter(reduces=True)] == [D("0.12")]


def test_an_exit_that_another_worker_takes_first_runs_after_its_entry(charts):
    charts.signal()
    exit_signal = charts.signal(action="close", size=None)
    tasks.run_signal(exit_signal.pk)

    assert [signal.state for signal in Signal.objects.order_by("pk")] == ["ordered", "ordered"]
    assert charts.orders() == [("buy", D(1), False, "not_sent")]


def test_an_earlier_signal_that_fails_holds_up_no_exit(charts, monkeypatch):
    charts.send()
    bad = charts.signal()
    understood = pipeline.normalise

    def normalise(signal, *args, **kwargs):
        if signal.pk == bad.pk:
            raise ZeroDivisionError
        return understood(signal, *args, **kwargs)

    monkeypatch.setattr(pipeline, "normalise", normalise)
    tasks.run_signal(charts.signal(action="close", size=None).pk)
    assert charts.orders()[1][2:] == (True, "filled")


@pytest.mark.parametrize("action", ["close", "close_long", "close_short"])
def test_nothing_to_close_is_said_and_opens_nothing(charts, action):
    signal = charts.send(action=action, size=None)

    assert (signal.state, signal.code) == ("refused", "NOTHING_TO_CLOSE")
    assert not Order.objects.exists()


def test_a_turn_closes_the_other_side_first(charts):
    charts.send(size="1")
    charts.send(action="sell", size="3", turns="true")

    assert charts.orders()[1:] == [("sell", D(1), True, "filled"), ("sell", D(3), False, "filled")]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["2"], [("buy", D(2), False)]),
        (["2", "5"], [("buy", D(2), False), ("buy", D(3), False)]),
        (["2", "0.5"], [("buy", D(2), False), ("sell", D("1.5"), True)]),
        (["2", "0"], [("buy", D(2), False), ("sell", D(2), True)]),
        (["2", "-1"], [("buy", D(2), False), ("sell", D(2), True), ("sell", D(1), False)]),
        (["-2", "-2"], [("sell", D(2), False)]),
    ],
)
def test_a_target_is_reached_from_what_is_held(charts, targets, expected):
    for target in targets:
        charts.send(action="target", size=target)

    assert [row[:3] for row in charts.orders()] == expected
    assert {row[3] for row in charts.orders()} == {"filled"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("0", [("buy", D(1), True), ("sell", D(1), True)]),
        ("1", [("buy", D(1), True)]),
        ("0.5", [("buy", D(1), True), ("sell", D("0.5"), True)]),
        ("-3", [("sell", D(1), True), ("sell", D(2), False)]),
    ],
)
def test_a_target_of_who_holds_both_sides_closes_the_wrong_one_whole(charts, target, expected):
    charts.send(size="1")
    charts.send(action="sell", size="1")
    charts.send(action="target", size=target)

    asked = [row[:3] for row in charts.orders()[2:]]
    assert sorted(asked) == sorted(expected)


def test_a_cancel_takes_back_what_works_there(charts, desk):
    charts.send(order="limit", price="1.05")
    assert charts.orders()[0][3] == "working"
    charts.send(action="cancel", size=None)

    assert charts.orders()[0][3] == "cancelled"


def test_a_cancel_takes_back_what_is_on_its_way(charts, desk, settings):
    settings.SETTLE_SECONDS = 60
    desk.ledger.plan("lose")
    charts.send(order="limit", price="1.05")
    assert charts.orders()[0][3] == "unknown"
    signal = charts.send(action="cancel", size=None)
    assert signal.state == "ordered"

    settings.SETTLE_SECONDS = 0
    desk.pump()
    desk.pump()
    assert charts.orders()[0][3] == "cancelled"


def test_a_cancel_and_its_signal_are_written_as_one(charts, desk, monkeypatch):
    charts.send(order="limit", price="1.05")
    signal = charts.signal(action="cancel", size=None)

    def die(order, **kwargs):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(services, "cancel", die)
        with pytest.raises(SystemExit):
            pipeline.run(signal)
    again = Signal.objects.select_related("source__owner", "source__strategy").get(pk=signal.pk)
    assert again.state == "received"
    pipeline.run(again)
    desk.pump()
    assert charts.orders()[0][3] == "cancelled"


def test_a_strategy_that_holds_one_at_a_time_does_not_add(charts):
    charts.strategy.one_at_a_time = True
    charts.strategy.save()
    charts.send()
    again = charts.send()

    assert (again.state, again.code) == ("refused", "ENTRY_LOCK")
    assert charts.send(action="close", size=None).state == "ordered"


# -- Gates -------------------------------------------------------------------------------------
def refused(signal):
    assert signal.state == "refused"
    told = Gate.objects.filter(signal=signal).order_by("-id").first()
    assert (told.passed, told.code, told.text) == (False, signal.code, signal.reason)
    return signal.code


def test_a_strategy_that_nobody_registered(charts):
    signals.edit_source(charts.source, actor=charts.desk.owner, strategy=None)
    assert refused(charts.send(strategy="other")) == "NO_STRATEGY"


def test_a_source_may_be_bound_to_its_strategy(charts):
    """It is, wherever a strategy is chosen and nobody says otherwise."""
    make_strategy(charts.desk.owner, "other", status="live")

    assert refused(charts.send(strategy="other")) == "STRATEGY_FIXED"
    assert charts.send(strategy="mr").state == "ordered"
    assert charts.send(strategy="MR").state == "ordered"
    signals.edit_source(charts.source, actor=charts.desk.owner, strategy_is_fixed=False)
    assert charts.send(strategy="other").code == "NO_ROUTE"


@pytest.mark.parametrize("status", ["development", "paused", "archived"])
def test_a_strategy_that_does_not_trade_may_still_close(charts, status):
    charts.send()
    charts.strategy.status = status
    charts.strategy.save()

    assert refused(charts.send()) == "STRATEGY_OFF"
    assert charts.send(action="close", size=None).state == "ordered"


def test_an_old_signal_is_refused_unless_it_closes(charts):
    charts.send()
    old = (timezone.now() - dt.timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")

    signal = charts.send(fired_at=old)
    assert refused(signal) == "STALE"
    assert Gate.objects.get(signal=signal, name="age").figures["at most"] == 60
    assert charts.send(action="close", size=None, fired_at=old).state == "ordered"


@pytest.mark.parametrize(
    ("words", "minutes", "became"),
    [({}, 14, "ordered"), ({}, 16, "refused"), ({"action": "close", "size": None}, 16, "ordered")],
)
def test_a_person_has_a_quarter_of_an_hour_to_approve_an_entry(charts, words, minutes, became):
    charts.send()
    SignalSource.objects.update(mode="approval")
    charts.source.refresh_from_db()
    waiting = charts.send(**words)
    came = timezone.now() - dt.timedelta(minutes=minutes)
    Signal.objects.filter(pk=waiting.pk).update(received_at=came)
    waiting.refresh_from_db()
    until = None if words else came + dt.timedelta(minutes=15)
    assert (waiting.state, waiting.approve_until) == ("waiting", until)

    approved = signals.approve(waiting, actor=charts.desk.owner)
    assert (approved.state, approved.code) == (became, "STALE" if became == "refused" else "")
    if became == "ordered":
        assert timezone.now() - Order.objects.latest("id").signal_at < dt.timedelta(seconds=60)


def waiting_since(charts, minutes, **words):
    """A signal that has waited for a person's word that long."""
    SignalSource.objects.update(mode="approval")
    charts.source.refresh_from_db()
    signal = charts.send(**words)
    came = timezone.now() - dt.timedelta(minutes=minutes)
    Signal.objects.filter(pk=signal.pk).update(received_at=came)
    signal.refresh_from_db()
    return signal


def test_an_entry_that_nobody_approved_in_time_ends_by_itself(charts):
    charts.send()
    over, late_exit = (
        waiting_since(charts, 16),
        waiting_since(charts, 16, action="close", size=None),
    )
    in_time = waiting_since(charts, 14)
    for _ in range(2):
        sweeper.sweep()
    for signal in (over, late_exit, in_time):
        signal.refresh_from_db()

    assert refused(over) == "STALE"
    assert "waited 960 s for approval; at most 900 s" in over.reason
    assert [late_exit.state, in_time.state] == ["waiting", "waiting"]
    assert (late_exit.approve_until, over.approve_until) == (None, None)
    assert Gate.objects.filter(signal=over, code="STALE").count() == 1


def test_a_signal_from_the_future_is_refused_unless_it_closes(charts):
    ahead = (timezone.now() + dt.timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert refused(charts.send(fired_at=ahead)) == "FUTURE"
    charts.send()
    assert charts.send(action="close", size=None, fired_at=ahead).state == "ordered"


def test_an_instrument_that_nobody_knows_or_allows(charts):
    assert refused(charts.send(symbol="ABCXYZ")) == "UNKNOWN_SYMBOL"
    charts.strategy.instruments.set([charts.desk.symbol.instrument])
    assert refused(charts.send(symbol="GBPUSD")) == "NOT_ALLOWED_SYMBOL"
    assert charts.send().state == "ordered"


@pytest.mark.parametrize("symbol", ["EURUSDm", "EURUSD.M", "eurusd", "EURUSDpro"])
def test_the_usual_endings_of_brokers_are_understood(charts, symbol):
    assert charts.send(symbol=symbol).state == "ordered"


@pytest.mark.parametrize("symbol", ["EURUSDT", "eurusdt", "Eurusdt"])
def test_a_coin_is_no_pair_with_an_ending(charts, symbol):
    assert refused(charts.send(symbol=symbol)) == "UNKNOWN_SYMBOL"


def test_hours_hold_up_entries_only(charts):
    charts.send()
    now = timezone.now()
    hours = {
        "trades_from": (now + dt.timedelta(hours=2)).time(),
        "trades_until": (now + dt.timedelta(hours=3)).time(),
    }
    for name, value in hours.items():
        setattr(charts.strategy, name, value)
    charts.strategy.save()

    assert refused(charts.send()) == "HOURS"
    assert charts.send(action="close", size=None).state == "ordered"


def test_a_burst_is_cut_off(charts):
    charts.source.burst = 2
    charts.source.save()

    assert [charts.send().state for _ in range(3)] == ["ordered", "ordered", "refused"]
    assert Signal.objects.latest("id").code == "BURST"


def test_what_closes_is_no_part_of_a_burst(charts):
    charts.source.burst = 2
    charts.source.save()
    words = [{"action": "close", "size": None}, {"action": "target", "size": "0.0"}, {}, {}, {}]

    assert [charts.send(**said).code for said in words][2:] == ["", "", "BURST"]


def test_a_stop_holds_up_entries(charts):
    kill_switch.engage(kill_switch.of_owner(charts.desk.owner), actor=charts.desk.owner)

    assert refused(charts.send()) == "KILL_SWITCH"
    assert not Order.objects.exists()


def test_a_signal_cannot_name_anothers_account(charts):
    stranger = make_account(number="888")
    assert refused(charts.send(account=stranger.number)) == "ACCOUNT_SCOPE"
    assert charts.send(account=charts.desk.account.number).state == "ordered"


def test_a_number_that_two_accounts_have_opens_at_neither(charts):
    number = charts.desk.account.number
    charts.send()
    other = make_account(owner=charts.desk.owner, number=number)
    Route.objects.create(strategy=charts.strategy, account=other)
    refusal = charts.send(account=number)
    assert (refusal.state, refusal.code) == ("refused", "ACCOUNT_IN_DOUBT")
    assert charts.send(action="close", size=None, account=number).state == "ordered"


# -- Routes ------------------------------------------------------------------------------------
def test_no_route_is_said(charts):
    Route.objects.update(enabled=False)
    assert charts.send().code == "NO_ROUTE"


@pytest.mark.parametrize("shut", ["route", "testing", "platforms"])
def test_an_exit_goes_where_the_route_was_shut_since(charts, shut):
    charts.send()
    if shut == "route":
        Route.objects.update(enabled=False)
    charts.strategy.status = "testing" if shut == "testing" else "live"
    charts.strategy.platforms = ["mt5"] if shut == "platforms" else []
    charts.strategy.save()

    assert charts.send().code == "NO_ROUTE"
    assert charts.send(action="close", size=None).state == "ordered"
    assert not Position.objects.filter(open_volume__gt=0).exists()
    assert charts.send(action="close", size=None).code == "NO_ROUTE"


def test_testing_goes_to_paper_only(charts):
    charts.strategy.status = "testing"
    charts.strategy.save()
    assert charts.send().code == "NO_ROUTE"

    Account.objects.filter(pk=charts.desk.account.pk).update(kind="paper")
    assert charts.send().state == "ordered"


def test_each_account_gets_its_share_and_one_that_cannot_follow_holds_up_none(charts):
    other = make_account(owner=charts.desk.owner, number="78")
    Route.objects.create(strategy=charts.strategy, account=other)
    Route.objects.filter(pk=charts.route.pk).update(share="0.5")
    signal = charts.send(size="1")

    assert signal.state == "ordered"
    assert charts.orders() == [("buy", D("0.5"), False, "filled")]
    assert Gate.objects.get(signal=signal, passed=False).code == "NO_SYMBOL"


@pytest.mark.parametrize(
    ("words", "lots"),
    [
        ({"size": "0.129"}, "0.12"),
        ({"size": "25000", "size_in": "units"}, "0.25"),
        ({"size": "110010", "size_in": "money"}, "1"),
    ],
)
def test_sizes_become_lots_down_to_the_step(charts, words, lots):
    charts.send(**words)
    assert Order.objects.get().lots == D(lots)


def test_percent_of_equity_and_of_risk_need_the_equity(charts, monkeypatch):
    monkeypatch.setattr(
        "trading.planning.state_of", lambda account, at, base: type("S", (), {"equity": D(10000)})
    )
    charts.send(size="100", size_in="percent_equity")
    charts.send(size="1", size_in="percent_risk", stop_loss_pips="50")

    lots = [order.lots for order in Order.objects.order_by("id")]
    assert lots == [D("0.09"), D("0.20")]  # 10000 / 110010, and 100 / (0.0050 x 100000)
    assert Order.objects.latest("id").stop_loss == D("1.0951")


def test_a_size_that_no_database_keeps_leaves_out_that_account_alone(charts):
    SymbolTerms.objects.update(lot_max=None)
    other = make_account(owner=charts.desk.owner, number="78", broker=charts.desk.account.broker)
    Route.objects.create(strategy=charts.strategy, account=other, share=D(10**9))
    signal = charts.send(size="1000000")

    assert charts.orders() == [("buy", D(1000000), False, "filled")]
    assert Gate.objects.get(signal=signal, passed=False).code == "BAD_ORDER"


@pytest.mark.parametrize("action", ["buy", "target"])
def test_a_size_over_the_brokers_largest_lot_says_that_it_is_cut(charts, action):
    SymbolTerms.objects.update(lot_max=5)
    signal = charts.send(action=action, size="10")

    assert charts.orders() == [("buy", D(5), False, "filled")]
    assert "buy 5 EURUSD (cut from 10: the broker's largest order is 5)" in signal.planned[0]


def test_a_target_may_be_larger_than_one_order(charts):
    SymbolTerms.objects.update(lot_max=5)
    for size in ("5", "4", "3"):
        charts.send(size=size)
    assert charts.send(action="target", size="10").planned == [
        f"{charts.desk.account}: close 2 EURUSD"
    ]
    charts.send(action="target", size="14")
    assert charts.orders()[-2:] == [("sell", D(2), True, "filled"), ("buy", D(4), False, "filled")]


def test_a_position_larger_than_one_order_is_closed_by_several(charts):
    charts.send(size="12")
    SymbolTerms.objects.update(lot_max=5)
    charts.send(action="close", size=None)

    assert charts.orders()[1:] == [("sell", D(n), True, "filled") for n in (5, 5, 2)]
    assert not Position.objects.filter(open_volume__gt=0).exists()


@pytest.mark.parametrize(
    ("words", "lots"),
    [
        ({"order": "stop", "price": "1.05", "stop_loss": "1.0001"}, "0.10"),  # by the ask, 1.1001
        ({"order": "stop", "price": "1.15", "stop_loss": "1.10"}, "0.20"),
        ({"action": "sell", "order": "stop", "price": "1.15", "stop_loss": "1.2"}, "0.10"),
        (
            {"order": "stop_limit", "price": "1.15", "limit_price": "1.2", "stop_loss": "1.1"},
            "0.10",
        ),
        ({"order": "limit", "price": "1.05", "stop_loss": "1.04"}, "1.00"),
        ({"order": "limit", "price": "1.15", "stop_loss_pips": "100"}, "1.00"),
        ({"order": "stop", "price": "1.05", "stop_loss_pips": "100"}, "1.00"),
        ({"order": "trailing_stop", "distance": "0.05", "stop_loss": "1.0501"}, "0.10"),
    ],
)
def test_a_percent_of_risk_is_of_the_worst_price_at_which_it_may_open(
    charts, monkeypatch, words, lots
):
    monkeypatch.setattr(
        "trading.planning.state_of", lambda account, at, base: type("S", (), {"equity": D(100000)})
    )
    charts.send(size="1", size_in="percent_risk", **words)
    assert Order.objects.get().lots == D(lots)


@pytest.mark.parametrize(
    ("scheme", "rate", "lots"),
    [("per_lot_side", "3.5", "0.09"), ("per_trade", "10", "0.08"), ("none", "0", "0.10")],
)
@pytest.mark.parametrize("share", ["1", "2"])
def test_a_percent_of_risk_pays_the_commission_out_of_it(
    charts, monkeypatch, scheme, rate, lots, share
):
    """100 of risk, 1,000 a lot: 1,007 with twice 3.50, or 80 left of twice 10."""
    equity = D(10000) / D(share)
    monkeypatch.setattr(
        "trading.planning.state_of", lambda account, at, base: type("S", (), {"equity": equity})
    )
    Route.objects.update(share=share)
    SymbolTerms.objects.update(commission_scheme=scheme, commission_rate=rate)
    charts.send(size="1", size_in="percent_risk", stop_loss="1.0901")
    assert Order.objects.get().lots == D(lots)


def test_a_percent_of_risk_is_converted_by_the_brokers_quotes(charts, monkeypatch):
    """0.01 of 100,000 is 1,000 USD a lot, in CHF 800; 1 % of 10,000 CHF is 0.125 lots."""
    monkeypatch.setattr(
        "trading.planning.state_of", lambda account, at, base: type("S", (), {"equity": D(10000)})
    )
    Account.objects.update(currency="CHF")
    pair = {"category": "fx", "base": "USD", "quote": "CHF"}
    instrument = Instrument.objects.get_or_create(symbol="USDCHF", defaults=pair)[0]
    symbol = make_symbol(charts.desk.account, "USDCHF", instrument=instrument)
    Quote.objects.create(symbol=symbol, bid="0.8", ask="0.8", at=timezone.now(), source="test")
    charts.send(size="1", size_in="percent_risk", stop_loss="1.0901")
    assert Order.objects.get().lots == D("0.12")


def test_too_small_a_size_is_not_rounded_up(charts):
    signal = charts.send(size="0.009")

    assert signal.code == "TOO_SMALL"
    assert "the least is 0.01" in signal.reason


@pytest.mark.parametrize("target", ["1.05", "0.95"])
def test_a_target_that_is_less_than_the_least_lot_away_says_how_far(charts, target):
    SymbolTerms.objects.update(lot_min="0.1", lot_step="0.01")
    charts.send(action="target", size="1")
    signal = charts.send(action="target", size=target)
    assert (signal.state, signal.code) == ("refused", "TOO_SMALL")
    assert signal.reason.endswith(f"From 1 to {target} lots it is 0.05; the least is 0.1")
    assert charts.send(action="target", size="0").state == "ordered"


def test_without_a_price_nothing_is_computed(charts):
    Quote.objects.all().delete()
    assert charts.send().code == "NO_PRICE"


def test_an_order_that_cannot_be_asked_for_is_the_accounts_refusal(charts):
    signal = charts.send(order="limit", price="1.05", expires_at="2020-01-01T00:00:00Z")

    assert (signal.state, signal.code) == ("refused", "BAD_ORDER")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"stop_loss": "1.2"}, "LEVEL"),
        ({"take_profit": "1.05"}, "LEVEL"),
        ({"action": "sell", "stop_loss": "1.05"}, "LEVEL"),
        ({"stop_loss": "1.05", "take_profit": "1.2"}, ""),
        ({"order": "limit", "price": "1.05", "stop_loss": "1.04"}, ""),
        ({"order": "limit", "price": "1.15", "stop_loss": "1.148"}, "LEVEL"),
        ({"order": "limit", "price": "1.15", "take_profit": "1.12"}, ""),
        ({"order": "stop", "price": "1.05", "stop_loss": "1.09"}, ""),
        ({"stop_loss": "0.003"}, "LEVEL"),
        ({"action": "sell", "stop_loss": "25"}, "LEVEL"),
        ({"trail": "1.05"}, "LEVEL"),
        ({"trail": "0.003"}, ""),
        ({"trail_price": "1.09"}, ""),
        ({"order": "trailing_stop", "distance": "1.05"}, "LEVEL"),
        ({"order": "trailing_stop", "distance": "0.01"}, ""),
    ],
)
def test_a_stop_or_target_on_the_wrong_side_is_no_order(charts, words, code):
    assert charts.send(**words).code == code


@pytest.mark.parametrize(
    ("words", "stop"),
    [
        ({"order": "limit", "price": "1.15"}, "1.0981"),  # the market has passed it, at 1.1/1.1001
        ({"order": "limit", "price": "1.05"}, "1.048"),
        ({"order": "stop", "price": "1.05"}, "1.0981"),
        ({"order": "stop", "price": "1.15"}, "1.148"),
        ({"action": "sell", "order": "limit", "price": "1.05"}, "1.102"),
        ({"action": "sell", "order": "stop", "price": "1.15"}, "1.102"),
    ],
)
def test_pips_are_counted_from_where_the_order_opens(charts, words, stop):
    charts.send(stop_loss_pips="20", **words)
    assert Order.objects.get().stop_loss == D(stop)


def test_without_a_price_of_now_pips_are_counted_from_the_orders_own(charts):
    Quote.objects.update(at=timezone.now() - dt.timedelta(minutes=10))
    charts.send(order="limit", price="1.15", stop_loss_pips="20")
    assert Order.objects.get().stop_loss == D("1.148")


@pytest.mark.parametrize(
    "words",
    [
        {"action": "sell", "turns": "true", "size": "0.001"},
        {"action": "sell", "turns": "true", "stop_loss": "1.05"},
        {
            "action": "sell",
            "turns": "true",
            "order": "limit",
            "price": "1.2",
            "expires_at": "2020-01-01T00:00:00Z",
        },
        {"action": "target", "size": "-1", "stop_loss": "1.05"},
    ],
)
def test_a_turn_closes_even_where_its_entry_cannot_be(charts, words):
    charts.send(size="2")
    signal = charts.send(**words)

    assert charts.orders()[1:] == [("sell", D(2), True, "filled")]
    assert "no entry: " in signal.planned[0]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"order": "limit", "price": "1.0500049123456"}, {"price": D("1.05")}),
        (
            {"order": "stop_limit", "price": "1.150006", "limit_price": "1.199999"},
            {"price": D("1.15001"), "limit_price": D("1.2")},
        ),
        ({"order": "trailing_stop", "distance": "0.0100049"}, {"distance": D("0.01")}),
        ({"trail": "0.0100049"}, {"trail": D("0.01")}),
        ({"trail": "0.000001"}, {"trail": D("0.00001")}),
    ],
)
def test_the_prices_of_a_chart_are_rounded_to_the_tick(charts, words, found):
    assert charts.send(**words).state == "ordered"
    order = Order.objects.get()
    assert {name: getattr(order, name) for name in found} == found


@pytest.mark.parametrize("unit", ["money", "percent_equity", "percent_risk"])
@pytest.mark.parametrize("distance", ["1.1", "2"])
def test_a_way_to_below_zero_makes_no_size(charts, monkeypatch, unit, distance):
    monkeypatch.setattr(
        "trading.planning.state_of", lambda account, at, base: type("S", (), {"equity": D(10000)})
    )
    words = {"action": "sell", "order": "trailing_stop", "stop_loss": "1.2", "size_in": unit}
    assert charts.send(distance=distance, **words).code == "NOT_KNOWN"


def test_a_level_that_comes_with_an_exit_holds_it_up_on_no_side(charts):
    charts.send(size="2")
    for stop in ("1.05", "1.2"):
        assert charts.send(action="close", size="1", stop_loss=stop).state == "ordered"


@pytest.mark.parametrize("action", ["close", "target"])
def test_what_only_an_entry_needs_holds_up_no_closing_of_a_part(charts, action):
    """Neither a pip for its stop, nor a price for lots."""
    charts.send(size="3")
    Instrument.objects.update(pip_size=None)
    assert charts.send(action=action, size="2", stop_loss_pips="20").state == "ordered"
    Quote.objects.all().delete()
    assert charts.send(action=action, size="0.5").state == "ordered"
    assert charts.send(action=action, size="20000", size_in="units").state == "ordered"
    assert charts.send(action=action, size="1", size_in="money").code == "NO_PRICE"


def test_a_draft_is_kept_whole():
    words = '{"symbol":"E","action":"target","size":"-2","stop_loss_pips":"5","bar_at":"2026-03-02T09:15:00Z"}'
    draft = read(words.encode(), Habits())

    assert draft_from_plain(draft_to_plain(draft)) == draft


def test_a_signal_that_no_message_woke_is_found_by_the_sweeper(charts):
    signal = charts.signal()
    sweeper.sweep()
    assert Signal.objects.get().state == "received"  # its worker may be at it
    Signal.objects.filter(pk=signal.pk).update(received_at=timezone.now() - dt.timedelta(seconds=6))
    sweeper.sweep()

    assert Signal.objects.get().state == "ordered"


def test_a_queue_from_which_nobody_takes_does_not_grow_by_each_round(charts, monkeypatch):
    monkeypatch.setattr(sweeper, "_candidates", lambda: [make_account()])
    monkeypatch.setattr(sweeper.lanes, "is_due", lambda account: True)
    OrmQ.objects.create(key=queue.EXECUTION, payload="", lock=timezone.now())
    monkeypatch.setattr(queue, "FULL", 1)
    assert sweeper.sweep() == 1
    monkeypatch.setattr(queue, "FULL", 0)
    assert sweeper.sweep() == 0


def test_a_signal_at_which_the_hub_fails_holds_up_no_other_and_is_given_up(charts, monkeypatch):
    bad, good = charts.signal(), charts.signal()
    understood = pipeline.normalise

    def normalise(signal, *args, **kwargs):
        if signal.pk == bad.pk:
            raise ZeroDivisionError
        return understood(signal, *args, **kwargs)

    monkeypatch.setattr(pipeline, "normalise", normalise)
    ago = dt.timedelta(seconds=6)
    Signal.objects.update(received_at=timezone.now() - ago)
    assert sweeper.sweep() == 1
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("received", "ordered")

    Signal.objects.filter(pk=bad.pk).update(received_at=timezone.now() - sweeper.GIVEN_UP - ago)
    sweeper.sweep()
    bad.refresh_from_db()
    assert (bad.state, bad.code) == ("refused", "FAULT")


def test_a_quote_that_grows_old_meanwhile_changes_nothing_of_what_was_checked(charts, monkeypatch):
    look, looks = askable.quote_of_now, []

    def of_now_once(symbol, *, at):
        looks.append(at)
        return look(symbol, at=at) if len(looks) == 1 else None

    monkeypatch.setattr(askable, "quote_of_now", of_now_once)
    signal = charts.signal(order="limit", price="1.15", take_profit="1.12")  # fills at the market
    pipeline.run(signal)
    signal.refresh_from_db()
    assert signal.state == "ordered"
    assert Order.objects.get().take_profit == D("1.12")
