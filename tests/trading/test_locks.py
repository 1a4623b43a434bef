"""Counters, then orders, then the audit log: nobody waits for one who waits for him."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from django.db import connection, transaction

from risk import gate
from risk.facts import Figure
from risk.models import Limit, Reservation
from tests.trading.desk import D, Desk
from tests.trading.test_pipeline import Charts
from trading import journal, pipeline, receiving, reports, services, signals
from trading.facts import order_facts
from trading.ids import Origin
from trading.models import Lane, Order
from trading.states import State

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
LONG_ENOUGH = 0.5  # seconds for another session to lock what it can


@pytest.fixture
def charts(tmp_path, monkeypatch, no_queue, settings):
    settings.RISK_LOCK_SECONDS = 10
    for module in (receiving, signals):
        monkeypatch.setattr(module, "enqueue", lambda *args, **kwargs: "")
    made = Charts(Desk(tmp_path))
    monkeypatch.setattr(services, "order_facts", with_money)
    account = {"scope": "account", "owner": made.desk.owner, "account": made.desk.account}
    Limit.objects.create(kind="symbol_lots", unit="lots", value=D(50), **account)
    return made


def with_money(order, *, at):
    plenty = Figure(D(100_000), at)
    return replace(order_facts(order, at=at), margin=D(10), equity=plenty, free_margin=plenty)


def in_a_session(faults, work):
    def run():
        try:
            work()
        except Exception as fault:  # noqa: BLE001 (a thread's fault must reach the test)
            faults.append(fault)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_signal_that_takes_orders_back_and_an_order_that_is_decided_never_lock_each_other(
    charts, monkeypatch
):
    pipeline.run(charts.signal(order="limit", price="1.05"))
    queued = Order.objects.get()
    assert queued.state == "queued", queued.reason
    new = services.new_order(
        charts.desk.account, origin=Origin("hand", "1"), symbol="EURUSD", side="buy", lots=D(2),
        kind="limit", price=D("1.04"),
    )  # fmt: skip
    asked = journal.open_order(new, actor="me")
    faults, audited = [], threading.Event()
    cancel = services.cancel

    def late(order, *, actor):
        audited.set()
        time.sleep(LONG_ENOUGH)
        return cancel(order, actor=actor)

    monkeypatch.setattr(services, "cancel", late)
    back = charts.signal(action="cancel", size=None)
    first = in_a_session(faults, lambda: pipeline.run(back))
    assert audited.wait(10)
    second = in_a_session(faults, lambda: services.decide(asked))
    first.join()
    second.join()
    assert faults == []
    queued.refresh_from_db()
    asked.refresh_from_db()
    assert (queued.state, asked.state) == ("not_sent", "queued"), asked.reason
    assert Reservation.objects.get(over_at=None).client_order_id == asked.client_order_id


def test_a_report_that_met_another_in_a_deadlock_is_taken_all_the_same(charts):
    """As where a limit's new counter takes in an order while a fill of that is booked."""
    order = journal.open_order(
        services.new_order(
            charts.desk.account, origin=Origin("hand", "1"), symbol="EURUSD", side="buy", lots=D(2)
        ),
        actor="me",
    )
    rows = [Lane.objects.create(account=charts.desk.account), Limit.objects.get()]
    faults, tries, both = [], [], threading.Barrier(2)

    def take(first, second):
        def change(order):
            tries.append(first)
            lock(first)
            if len(tries) <= 2:
                both.wait(10)
            lock(second)
            return order

        return lambda: reports.insist(order, change)

    sessions = [in_a_session(faults, take(*pair)) for pair in (rows, rows[::-1])]
    for session in sessions:
        session.join()
    assert (faults, len(tries)) == ([], 3)


def lock(row):
    type(row).objects.select_for_update().get(pk=row.pk)


def test_a_signal_that_begins_to_wait_sees_what_another_session_settles(charts):
    pipeline.run(charts.signal())
    order = Order.objects.select_related("account", "symbol").get()
    journal.move(order, State.SENDING)
    faults, moved = [], threading.Event()

    @transaction.atomic
    def refused_at_the_broker():
        journal.move(order, State.REJECTED)
        moved.set()
        time.sleep(LONG_ENOUGH)

    session = in_a_session(faults, refused_at_the_broker)
    assert moved.wait(10)
    signal = charts.signal(action="close", size=None)
    pipeline.run(signal)
    session.join()
    signal.refresh_from_db()
    assert (faults, signal.state, signal.code) == ([], "refused", "NOTHING_TO_CLOSE")


def test_a_change_that_is_judged_and_a_fill_that_comes_in_never_lock_each_other(
    charts, monkeypatch
):
    pipeline.run(charts.signal(order="limit", price="1.05"))
    order = Order.objects.select_related("account", "symbol").get()
    journal.move(order, State.SENDING)
    journal.move(order, State.WORKING, broker_order_id="1")
    faults, begun, judge = [], threading.Event(), services._ask_risk_anew

    def late(*asked, **how):
        begun.set()
        time.sleep(LONG_ENOUGH)
        judge(*asked, **how)

    @transaction.atomic
    def fill():
        gate.consume(order.client_order_id, lots=D("0.5"))
        time.sleep(LONG_ENOUGH)
        journal.amend(order, filled=D("0.5"))

    monkeypatch.setattr(services, "_ask_risk_anew", late)
    change = in_a_session(faults, lambda: services.amend(order, actor="me", price=D("1.04")))
    assert begun.wait(10)
    filling = in_a_session(faults, fill)
    change.join()
    filling.join()
    assert [type(fault) for fault in faults] == [journal.Lost]
    assert not order.attempts.exists()
    assert Reservation.objects.get().consumed == D("0.5")
