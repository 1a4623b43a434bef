"""What a person hears of an order: written with it, sent after it, never in its way."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import notify, outbox
from accounts.channels import base
from accounts.models import Channel, Notification, Topic
from tests.accounts.chats import chat_server, send_all, slack, telegram, texts
from tests.trading.test_pipeline import Charts
from tradershub.core.errors import BadInput
from trading import journal, receiving, signals, telling
from trading.models import Order, Signal, SignalSource
from trading.states import State

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(settings):
    with chat_server(settings) as server:
        yield server


@pytest.fixture(autouse=True)
def known_anew():
    notify.forget()
    yield
    notify.forget()


def test_entry_and_exit_arrive_once_with_price_and_profit(desk, chat):
    telegram(desk.owner)
    order = desk.place("0.5")
    desk.pump()
    assert desk.state(order) == "filled"
    desk.place("0.5", side="sell", reduces=True, position_ref="")
    desk.pump()
    send_all(rounds=3)
    entry, leave = texts(chat)
    assert entry.startswith("Entry filled: buy 0.50 EURUSD at ")
    assert leave.startswith("Exit filled: sell 0.50 EURUSD at ")
    assert "profit " in leave and " USD" in leave
    send_all(rounds=2)
    assert len(chat.seen) == 2


def test_what_filled_before_its_deals_came_is_told_with_them(desk, chat):
    telegram(desk.owner)
    order = desk.place("0.5")
    journal.move(order, State.SENDING)
    journal.move(order, State.FILLED, broker_order_id="77")
    send_all()
    assert texts(chat) == []
    journal.amend(order, filled=D("0.5"), average_price=D("1.1"))
    send_all()
    [said] = texts(chat)
    assert said.startswith("Entry filled: buy 0.50 EURUSD at 1.1")


def test_a_refusal_is_the_sentence_of_the_rule_and_says_it_once(desk, chat, risk):
    telegram(desk.owner)
    order = desk.place("0.5")
    order.checks.create(
        stage="decision", at=timezone.now(), place=9, rule="max_lots", passed=False,
        code="MAX_LOTS", text="", figures={"lots": "3", "limit": "2", "limit_id": 7},
    )  # fmt: skip
    text = "3 lots, allowed 2 (most lots)"
    journal.move(order, State.BLOCKED, code="MAX_LOTS", text=text)
    send_all()
    [said] = texts(chat)
    assert said.startswith("Refused: buy 0.50 EURUSD\n3 lots, allowed 2")
    assert "lots: 3" not in said


@pytest.fixture
def asking(desk, monkeypatch):
    """A source whose signals wait for approval."""
    for module in (receiving, signals):
        monkeypatch.setattr(module, "enqueue", lambda *args, **kwargs: "")
    return Charts(desk, mode="approval")


def test_a_signal_that_waits_for_approval_is_told_with_its_time(desk, chat, asking):
    telegram(desk.owner)
    entry = asking.send()
    send_all()
    [said] = texts(chat)
    assert said.startswith(f"Waits for approval: charts, number {entry.pk}\n")
    assert "buy 1 EURUSD" in said
    assert f"until {entry.approve_until:%H:%M:%S} UTC" in said


def test_an_exit_that_waits_for_approval_has_no_end(desk, chat, asking):
    desk.place()
    desk.pump()
    telegram(desk.owner)
    Order.objects.update(strategy="mr")
    asking.send(action="close", size=None)
    send_all()
    assert "on its page: it closes, and waits." in texts(chat)[-1]


@pytest.mark.parametrize("decide", [signals.approve, signals.decline])
def test_what_was_decided_before_it_was_told_is_not_told(desk, chat, asking, decide):
    telegram(desk.owner)
    decide(asking.send(), actor=desk.owner)
    send_all(rounds=3)
    assert not [said for said in texts(chat) if "Waits" in said]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"id": "1", "symbol": "EURUSD", "action": "close", "size": "1,5"}', "'1,5'"),
        (b'{"symbol": "EURUSD", "action": "close"}', "need an id"),
    ],
)
def test_a_message_that_is_no_signal_is_told_once(desk, chat, monkeypatch, body, words):
    """Who sends it may not read the answer, and an exit is lost."""
    telegram(desk.owner)
    Charts(desk)
    source, now = SignalSource.objects.get(), timezone.now()
    monkeypatch.setattr(receiving, "timezone", SimpleNamespace(now=lambda: now))
    for _ in range(2):
        with pytest.raises(BadInput):
            receiving._take(source, receiving.Message(body, {}), named="")
    send_all(rounds=2)
    [said] = texts(chat)
    refused = Signal.objects.get(state="refused")
    assert said.startswith(f"Signal not understood: charts, number {refused.pk}\n")
    assert words in said and "Nothing was ordered or closed by it." in said


def unknown_order(desk):
    order = desk.place("0.5")
    journal.move(order, State.SENDING)
    journal.move(order, State.UNKNOWN, code="NO_ANSWER", text="The answer is lost")
    return order


def test_an_unknown_outcome_is_told_after_thirty_seconds_and_its_settlement_too(desk, chat):
    telegram(desk.owner)
    order = unknown_order(desk)
    row = Notification.objects.get()
    assert round((row.next_at - row.made_at).total_seconds()) == 30
    send_all()
    assert texts(chat) == []
    Notification.objects.update(next_at=timezone.now())
    send_all()
    journal.move(order, State.NOT_SENT, code="PROVED_ABSENT", text="The broker does not have it")
    send_all(rounds=2)
    told = texts(chat)
    assert told[0].startswith("Outcome unknown: buy 0.50 EURUSD")
    assert any(one.startswith("Settled: buy 0.50 EURUSD is not sent") for one in told[1:])


def test_what_is_settled_before_it_was_told_is_not_told(desk, chat):
    telegram(desk.owner, topics=["unknown"])
    order = unknown_order(desk)
    journal.move(order, State.NOT_SENT, code="PROVED_ABSENT")
    assert Notification.objects.get().state == "dropped"


def test_an_order_said_to_be_unsent_that_works_after_all_is_told(desk, chat):
    telegram(desk.owner)
    order = desk.place("0.5", kind="limit", price=D("1.05"))
    journal.move(order, State.NOT_SENT, code="PROVED_ABSENT", text="not there")
    journal.move(order, State.WORKING, broker_order_id="77", code="LATE", text="It is there")
    send_all(rounds=2)
    now, before = texts(chat)  # what needs a person comes first
    assert before.startswith("Not sent: ")
    assert now.startswith("It works after all: buy 0.50 EURUSD") and "It is there" in now


def test_a_quarantined_order_is_told_at_once(desk, chat):
    telegram(desk.owner, topics=["unknown"])
    journal.move(unknown_order(desk), State.QUARANTINED, code="NO_PROOF", text="No proof")
    send_all()
    [said] = texts(chat)
    assert said.startswith("Look at your broker: buy 0.50 EURUSD")


def test_without_a_channel_an_order_costs_no_query_more(desk):
    order = desk.place("0.5")
    notify.tell(Topic.ENTRY, "warm", notify.Words("x"), owner_id=desk.owner.pk)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        telling.moved(order, State.SENDING, State.FILLED)
        telling.moved(order, State.SENDING, State.UNKNOWN)
    assert len(asked) == 0


def test_what_is_told_stands_or_falls_with_the_order(desk, chat):
    telegram(desk.owner)
    with pytest.raises(RuntimeError), transaction.atomic():
        notify.tell(Topic.ENTRY, "k", notify.Words("x"), owner_id=desk.owner.pk)
        raise RuntimeError
    assert not Notification.objects.exists()


def test_words_that_cannot_be_made_fail_no_order(desk, chat):
    telegram(desk.owner)

    def broken():
        Order.objects.get(pk=-1)

    with transaction.atomic():
        notify.tell(Topic.ENTRY, "k", broken, owner_id=desk.owner.pk)
        assert Order.objects.count() == 0  # the transaction goes on
    assert not Notification.objects.exists()


def test_nothing_on_the_way_of_an_order_speaks_to_a_service(desk, monkeypatch, settings):
    with chat_server(settings) as server:
        telegram(desk.owner)
        slack(desk.owner, server)

    def hang(*_, **__):
        raise AssertionError("an order waited for a chat")

    monkeypatch.setattr(base.net, "client", hang)
    monkeypatch.setattr(outbox, "work", hang)
    order = desk.place("0.5")
    desk.pump()
    assert desk.state(order) == "filled"
    assert Notification.objects.count() == 2
    assert Channel.objects.filter(busy_by="").count() == 2
    assert order.filled == D("0.5")
