"""A platform without a line: an order is written down, carried out by a person, and what he enters comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts import manual
from accounts.models import Account, BrokerOrder, Position
from brokers.connecting import open_adapter
from brokers.models import Connection, Platform
from tests.trading.desk import Desk
from trading import services, sweeper
from trading.models import OrderAttempt

D = Decimal


@pytest.fixture
def desk(db, tmp_path, risk, no_queue, fast):
    made = Desk(tmp_path)
    Connection.objects.update(platform="manual")
    made.account = Account.objects.select_related("connection").get(pk=made.account.pk)
    return made


@pytest.fixture
def order(desk):
    order = desk.place("3", kind="limit", price=D("1.05"))
    desk.pump()
    return order


def test_an_order_is_written_down_for_the_person(desk, order):
    assert (desk.state(order), order.broker_order_id) == ("working", "hand-1")
    [written] = open_adapter(desk.account.connection, desk.account.number).working_orders()
    assert (written.client_id, written.lots) == (order.client_order_id, D(3))
    assert BrokerOrder.objects.get().volume == D(3)
    assert not Platform.objects.filter(key="manual", errors_in_row__gt=0).exists()


def test_a_written_order_is_changed_and_taken_back(desk, order):
    desk.state(order)
    services.amend(order, actor=desk.owner, price=D("1.06"))
    desk.pump()
    assert (desk.state(order), order.price) == ("working", D("1.06"))
    services.cancel(order, actor=desk.owner)
    desk.pump()
    assert (desk.state(order), BrokerOrder.objects.get().state) == ("cancelled", "cancelled")
    assert not OrderAttempt.objects.exclude(outcome="done").exists()


def test_what_the_person_enters_fills_the_order(desk, order, risk):
    entered = BrokerOrder.objects.get()
    manual.fill_order(entered, actor=desk.owner, volume=D(1))
    sweeper.sweep()
    assert (desk.state(order), order.filled) == ("partial", D(1))
    services.amend(order, actor=desk.owner, price=D("1.06"))
    desk.pump()
    assert (desk.state(order), BrokerOrder.objects.get().filled) == ("partial", D(1))
    manual.fill_order(entered, actor=desk.owner)
    sweeper.sweep()
    assert (desk.state(order), order.filled, risk.held) == ("filled", D(3), set())
    assert Position.objects.get().open_volume == D(3)


def test_what_the_person_says_is_over_is_over(desk, order, risk):
    manual.cancel_order(BrokerOrder.objects.get(), actor=desk.owner)
    sweeper.sweep()
    assert (desk.state(order), risk.held) == ("cancelled", set())
