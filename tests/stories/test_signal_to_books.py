"""From a message to a closed position: gates, sizes, rules, the venue and the books, none of them stood in for."""

import json
import re
from decimal import Decimal as D

import pytest
from django.test import Client

from accounts.models import Break, Deal, Position
from accounts.valuation import state_of
from risk import kill_switch
from risk.models import Limit, Reservation
from tests.accounts.books import assert_derived
from tests.trading.paper import Paper
from trading import receiving, services, signals, sweeper, tasks
from trading.models import Gate, Order, Signal

pytestmark = pytest.mark.django_db


class Day:
    """A paper account, a strategy that is routed to it, and a source that sends over HTTP."""

    def __init__(self, monkeypatch):
        self.woken = []
        for module in (receiving, services, signals, sweeper):
            monkeypatch.setattr(module, "enqueue", self.note)
        self.paper = Paper(monkeypatch)
        owner = self.paper.owner
        self.strategy = signals.Strategy.objects.create(owner=owner, key="mr-1")
        signals.set_route(self.strategy, self.paper.account, actor=owner)
        fields = {"name": "charts", "mode": "live", "strategy": self.strategy}
        self.source, self.token = signals.create_source(actor=owner, owner=owner, **fields)

    def note(self, name, *args, **kwargs):
        self.woken.append((name, args))
        return ""

    def work(self):
        """What the queue would do: every task, twice, as it may."""
        while self.woken:
            name, args = self.woken.pop(0)
            if name.startswith("trading.tasks."):
                task = getattr(tasks, name.rpartition(".")[2])
                task(*args)
                task(*args)

    def send(self, **words):
        sent = {"symbol": "EURUSD", **words}
        address = f"/api/v1/signals/{self.source.uid}/{self.token}"
        answer = Client().post(address, json.dumps(sent), content_type="application/json")
        assert answer.status_code == 202, answer.content
        self.work()
        return Signal.objects.get(pk=answer.json()["id"])

    def turn(self, bid):
        self.paper.turn(bid)
        self.work()

    @property
    def held(self):
        rows = Position.objects.filter(account=self.paper.account, open_volume__gt=0)
        return [(row.side, row.open_volume) for row in rows.order_by("id")]


@pytest.fixture
def day(monkeypatch, settings):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0
    return Day(monkeypatch)


def test_a_signal_opens_and_its_stop_closes_and_every_cent_is_in_the_books(day):
    opened = day.send(id="1", action="buy", size="1", size_in="percent_risk", stop_loss_pips="50")
    assert opened.state == "ordered"
    order = Order.objects.get()
    # 1 % of 10 000.00 over 0.0050 x 100 000
    assert (order.lots, order.state) == (D("0.2"), "filled")
    assert day.held == [("buy", D("0.2"))]
    day.turn("1.1")
    assert Position.objects.get(account=day.paper.account).stop_loss == D("1.0952")

    day.turn("1.095")  # below the stop
    assert day.held == []
    trades = Deal.objects.filter(account=day.paper.account, kind="trade").order_by("id")
    assert [deal.entry for deal in trades] == ["in", "out"]
    lost = (trades[1].price - trades[0].price) * D("0.2") * 100_000
    assert trades[1].profit == lost
    state = state_of(day.paper.account)
    assert state.balance == D(10_000) + sum(deal.amount for deal in trades)
    assert_derived(day.paper.account)
    assert not Break.objects.exists()
    assert not Reservation.objects.filter(over_at__isnull=True).exists()


def test_sent_a_hundred_times_it_is_one_order(day):
    for _ in range(100):
        day.send(id="1", action="buy", size="0.1")

    assert Signal.objects.get().deliveries == 100
    assert Order.objects.count() == 1
    assert day.held == [("buy", D("0.1"))]


def test_a_turn_and_a_close_follow_what_is_held(day):
    day.send(id="1", action="buy", size="0.1")
    day.send(id="2", action="sell", size="0.3", turns="true")
    assert day.held == [("sell", D("0.3"))]
    day.send(id="3", action="target", size="-0.1")
    assert day.held == [("sell", D("0.1"))]
    day.send(id="4", action="close")
    assert day.held == []
    assert_derived(day.paper.account)


def test_a_limit_refuses_the_next_with_its_figures_and_lets_closings_pass(day):
    owner, account = day.paper.owner, day.paper.account
    fields = {"scope": "account", "owner": owner, "account": account}
    Limit.objects.create(kind="max_lots", unit="lots", value=D("0.15"), **fields)
    day.send(id="1", action="buy", size="0.1")
    day.send(id="2", action="buy", size="0.2")

    blocked = Order.objects.latest("id")
    assert (blocked.state, blocked.code) == ("blocked", "MAX_LOTS")
    assert blocked.checks.get(passed=False).figures
    assert day.send(id="3", action="close").state == "ordered"
    assert day.held == []


def test_after_a_stop_no_signal_opens_and_each_may_close(day):
    day.send(id="1", action="buy", size="0.1")
    kill_switch.engage(
        kill_switch.of_owner(day.paper.owner), actor=day.paper.owner, reason="enough for today"
    )
    stopped = day.send(id="2", action="buy", size="0.1")

    assert (stopped.state, stopped.code) == ("refused", "KILL_SWITCH")
    assert Gate.objects.get(signal=stopped, passed=False).name == "kill switch"
    day.send(id="3", action="close")
    assert day.held == []
    kill_switch.release(
        kill_switch.of_owner(day.paper.owner), actor=day.paper.owner, reason="seen to it"
    )
    assert Order.objects.count() == 2  # what was refused is not made up for
    assert day.send(id="4", action="buy", size="0.1").state == "ordered"


def test_the_story_is_on_its_page(day):
    signal = day.send(id="1", action="buy", size="0.1")
    client = Client()
    owner = day.paper.owner
    owner.is_staff = owner.is_superuser = True
    owner.save()
    client.force_login(owner)
    page = re.sub(r"\s+", " ", client.get(f"/signals/{signal.pk}/").content.decode())

    order = Order.objects.get()
    for words in (
        order.client_order_id,
        "filled",
        "It is in time",
        "&quot;action&quot;: &quot;buy&quot;",
    ):
        assert words in page, words


def test_a_strategy_that_lost_its_days_allowance_opens_nothing_more(day):
    owner = day.paper.owner
    fields = {"scope": "strategy", "owner": owner, "strategy": "mr-1", "currency": "USD"}
    Limit.objects.create(kind="strategy_loss", unit="money", value=D(60), **fields)
    day.send(id="1", action="buy", size="0.2", stop_loss_pips="20")
    day.turn("1.0975")  # past the stop: 54 lost
    day.send(id="2", action="buy", size="0.1")
    assert Order.objects.latest("id").reason == ""
    day.turn("1.0962")  # another 15, floating
    day.send(id="3", action="buy", size="0.1")

    blocked = Order.objects.latest("id")
    assert (blocked.state, blocked.code) == ("blocked", "STRATEGY_LOSS")
    assert day.send(id="4", action="close").state == "ordered"


def test_a_loss_between_two_orders_is_seen_and_stays_seen(day):
    fields = {"scope": "account", "owner": day.paper.owner, "account": day.paper.account}
    Limit.objects.create(
        kind="loss", unit="money", value=D(100), currency="USD", window="day", **fields
    )
    day.send(id="1", action="buy", size="1")
    day.turn("1.0985")  # 170 floating
    day.turn("1.1000")  # and back
    day.send(id="2", action="buy", size="0.1")

    blocked = Order.objects.latest("id")
    assert (blocked.state, blocked.code) == ("blocked", "LOSS")
