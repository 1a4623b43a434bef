"""From a message to books that are OANDA's, over its simulator: both databases, both modes of an account."""

import datetime as dt
import json
from decimal import Decimal as D

import pytest
from django.test import Client
from django.utils import timezone

from accounts.learning import take_over
from accounts.models import Break, Deal, Position
from accounts.valuation import state_of
from brokers import connecting, learning
from brokers.checking import check_connection
from brokers.models import BrokerSymbol, Instrument, Quote
from tests.accounts.books import assert_derived
from tests.brokers.oanda_bench import HEDGING, NETTING, oanda_bench
from tests.factories import make_account, make_broker, make_owner
from trading import execution, receiving, services, signals, sweeper, tasks
from trading.following import Following
from trading.models import Order, OrderAttempt, Signal

pytestmark = pytest.mark.django_db


class Day:
    """An account at OANDA, its keeper, and a source that sends over HTTP."""

    def __init__(self, monkeypatch, bench, currency):
        self.woken, self.bench, self.number = [], bench, bench.adapter.line.number
        for module in (receiving, services, signals, sweeper):
            monkeypatch.setattr(module, "enqueue", self.note)
        self.owner = owner = make_owner()
        self.connection = connecting.open_connection(
            actor=owner, owner=owner, broker=make_broker(name="OANDA"), platform="oanda",
            name="Main", secrets={"token": bench.simulator.token},
            settings={
                "environment": "simulator", "port": bench.simulator.rest.server_address[1],
            },
        )  # fmt: skip
        self.account = make_account(
            owner=owner, broker=self.connection.broker, number=self.number, currency=currency,
            connection=self.connection, may_trade=True, kind="demo", mode_is_assumed=True,
        )  # fmt: skip
        pair = {"category": "fx", "base": "EUR", "quote": "USD", "tick_size": "0.00001"}
        Instrument.objects.get_or_create(symbol="EURUSD", defaults=pair | {"contract_size": 100000})
        take_over(self.connection, actor=owner)  # nobody types terms
        symbol = BrokerSymbol.objects.get(broker=self.connection.broker, name="EUR_USD")
        Quote.objects.create(
            symbol=symbol, bid="1.10000", ask="1.10010", at=timezone.now(), source="test"
        )
        self.followed = Following(self.connection, "me")
        strategy = signals.Strategy.objects.create(owner=owner, key="mr-1", status="live")
        signals.set_route(strategy, self.account, actor=owner)
        fields = {"name": "charts", "mode": "live", "strategy": strategy}
        self.source, self.token = signals.create_source(actor=owner, owner=owner, **fields)

    def note(self, name, *args, **kwargs):
        self.woken.append((name, args))
        return ""

    def send(self, **words):
        address = f"/api/v1/signals/{self.source.uid}/{self.token}"
        sent = json.dumps({"symbol": "EUR_USD", **words})
        answer = Client().post(address, sent, content_type="application/json")
        assert answer.status_code == 202, answer.content
        while self.woken:
            name, args = self.woken.pop(0)
            if name.startswith("trading.tasks."):
                getattr(tasks, name.rpartition(".")[2])(*args)
        signal = Signal.objects.get(pk=answer.json()["id"])
        assert signal.state == "ordered", (signal.code, signal.reason)
        order = Order.objects.latest("id")
        assert order.state != "blocked", order.reason
        return order

    def turn(self):
        self.followed.turn()
        assert self.followed.connection.fault == "" and self.followed.failing_since is None
        self.account.refresh_from_db()

    @property
    def held(self):
        rows = Position.objects.filter(account=self.account, open_volume__gt=0)
        return [(row.side, row.open_volume) for row in rows.order_by("id")]

    def assert_one_truth(self):
        """Books and OANDA agree, no difference is open, and the books follow from their deals."""
        self.turn()
        state, report = state_of(self.account), self.bench.adapter.account()
        assert state.balance == report.balance
        assert abs(state.equity - report.equity) < D(
            "0.05"
        )  # floating is rounded by each on its own
        assert not Break.objects.exists()
        assert_derived(self.account)


@pytest.fixture
def number():
    return NETTING


@pytest.fixture
def day(number, monkeypatch, settings):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0
    settings.SETTLE_SECONDS = settings.ABSENCE_SECONDS = 0.0
    settings.SANDBOX = True
    with oanda_bench(number) as bench:
        made = Day(monkeypatch, bench, "USD" if number == NETTING else "EUR")
        yield made
        made.followed.let_go()


@pytest.mark.parametrize("number", [NETTING, HEDGING], ids=["netting", "hedging"])
def test_a_day_at_oanda_is_a_day_in_the_books(day):
    steps = check_connection(day.connection, actor=day.owner)
    assert [step.ok for step in steps] == [True] * 4, steps
    day.turn()
    assert day.account.mode == ("netting" if day.number == NETTING else "hedging")
    day.assert_one_truth()

    learning.ask_for(day.connection)
    day.followed.terms.hurry()
    day.turn()
    assert not learning.is_due(day.connection)

    order = day.send(id="1", action="buy", size="10000", stop_loss="1.09")
    assert (order.state, order.filled, order.average_price) == ("filled", 10000, D("1.1001"))
    day.assert_one_truth()
    assert Position.objects.get(account=day.account).stop_loss == D("1.09")
    day.send(id="2", action="buy", size="5000")
    assert sum(lots for _, lots in day.held) == 15000
    day.assert_one_truth()

    for _ in range(3):  # over a night that charges
        day.bench.simulator.broker.roll_over()
    day.bench.simulator.broker.fund(day.number, D("-1000"))
    day.assert_one_truth()
    assert Deal.objects.filter(account=day.account, kind="swap").exists()

    day.bench.move("EUR_USD", "1.08990", "1.09000")  # the stop of the first
    day.assert_one_truth()
    assert day.held == [("buy", 5000)]
    Quote.objects.update(at=timezone.now())
    closing = day.send(id="3", action="close")
    assert (closing.state, closing.reduces) == ("filled", True)
    assert day.held == []
    day.assert_one_truth()


def test_a_trail_in_percent_is_one_that_the_broker_takes(day):
    day.turn()
    order = day.send(id="1", action="buy", size="10000", trail_percent="0.3")
    assert (order.state, order.trail) == ("filled", D("0.0033"))  # of 1.1001


def test_an_order_whose_answer_is_lost_and_one_that_is_renumbered(day):
    day.turn()
    day.bench.fault("reset")
    lost = day.send(id="1", action="buy", size="10000")
    assert lost.state == "unknown"
    long_ago = timezone.now() - dt.timedelta(minutes=1)  # it must be visible by now
    OrderAttempt.objects.update(opened_at=long_ago)
    execution.pump(day.account)
    lost.refresh_from_db()
    assert (lost.state, lost.filled) == ("filled", 10000)
    assert len(day.bench.sent("create_order")) == 1

    working = day.send(id="2", action="buy", size="5000", order="limit", price="1.05")
    assert working.state == "working"
    number = working.broker_order_id
    services.amend(working, actor=day.owner, price=D("1.06"))
    execution.pump(day.account)
    working.refresh_from_db()
    assert (working.state, working.price) == ("working", D("1.06"))
    assert working.broker_order_id != number
    day.assert_one_truth()
    services.cancel(working, actor=day.owner)
    execution.pump(day.account)
    working.refresh_from_db()
    assert working.state == "cancelled"
    day.assert_one_truth()
