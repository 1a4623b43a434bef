"""The platform by hand writes orders down, and claims to know nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal as D

import pytest

from brokers.adapters.errors import OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import Kind, Status, Stops
from brokers.connecting import open_adapter
from brokers.models import Connection
from brokers.sessions import DatabaseSession
from tests.brokers.venues import ticket
from tests.factories import make_broker, make_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def adapter():
    connection = Connection.objects.create(
        owner=make_owner(), broker=make_broker(), platform="manual", name="By phone"
    )
    return open_adapter(connection, "77")


def test_an_order_is_written_down_and_waits_for_the_person(adapter):
    ack = adapter.place(ticket("c1", stops=Stops(stop_loss=D("1.05"))))
    assert (ack.order.status, ack.deals) == (Status.WORKING, ())
    assert adapter.working_orders() == [ack.order]
    assert adapter.find_by_client_id("c1").found == ack
    assert adapter.find_by_client_id("c2").found is None
    assert adapter.capabilities.places_orders is False


def test_an_id_is_taken_for_ever(adapter):
    order = adapter.place(ticket("c1")).order.broker_order_id
    for _ in range(2):
        with pytest.raises(Rejected):
            adapter.place(ticket("c1"))
        adapter.cancel(order)
    assert adapter.place(ticket("c2")).order.broker_order_id != order


def test_an_order_is_amended_and_taken_back(adapter):
    order = adapter.place(ticket("c1", kind=Kind.LIMIT, price=D("1.05"))).order.broker_order_id
    changed = ticket("c1", kind=Kind.LIMIT, price=D("1.06"))
    assert adapter.amend(order, changed).order.price == D("1.06")
    with pytest.raises(Rejected, match="side"):
        adapter.amend(order, ticket("c1", "sell", kind=Kind.LIMIT, price=D("1.06")))
    first, second = adapter.cancel(order), adapter.cancel(order)
    assert first == second
    assert first.order.status is Status.CANCELLED
    assert adapter.working_orders() == []
    for act in (lambda: adapter.amend(order, changed), lambda: adapter.cancel("hand-9")):
        with pytest.raises(Rejected):
            act()


def test_it_never_says_that_nothing_is_there(adapter):
    asked = [
        adapter.account,
        adapter.terms,
        lambda: adapter.quotes(["EURUSD"]),
        lambda: adapter.bars("EURUSD", minutes=1, since=None),
        adapter.positions,
        adapter.deals_since,
    ]
    for ask in asked:
        with pytest.raises(Unavailable, match="by hand"):
            ask()
    for act in (lambda: adapter.close("1", client_id="c"), lambda: adapter.protect("1", Stops())):
        with pytest.raises(Rejected, match="by hand"):
            act()


def test_a_list_that_fails_before_it_is_kept_was_not_written(adapter, monkeypatch):
    def fails(session, key, value):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(DatabaseSession, "store", fails)
        with pytest.raises(Unavailable):
            adapter.place(ticket("c1"))
    assert adapter.find_by_client_id("c1").found is None


def test_a_list_of_which_nobody_knows_whether_it_was_kept_is_unknown(adapter, monkeypatch):
    lock = DatabaseSession.lock

    @contextmanager
    def dies_at_the_end(session, name):
        with lock(session, name):
            yield
        raise OSError("the connection is gone")

    monkeypatch.setattr(DatabaseSession, "lock", dies_at_the_end)
    with pytest.raises(OutcomeUnknown):
        adapter.place(ticket("c1"))
