"""What tests of orders share."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from accounts.models import Position
from tests.trading.desk import Desk, LenientRisk
from trading import execution, journal, services


@pytest.fixture
def risk(monkeypatch):
    return LenientRisk().put_in_place(monkeypatch)


@pytest.fixture
def no_queue(monkeypatch):
    """Orders wait until the test has the lane worked."""
    for module in (services, journal):
        monkeypatch.setattr(module, "enqueue", lambda *args, **kwargs: "")


@pytest.fixture
def fast(settings):
    settings.SETTLE_SECONDS = settings.ORDER_SECONDS = 0.0
    settings.ABSENCE_SECONDS = settings.RETRY_SECONDS = settings.GIVE_WAY_SECONDS = 0.0


@pytest.fixture
def desk(db, tmp_path, monkeypatch, risk, no_queue, fast):
    made = Desk(tmp_path)
    monkeypatch.setattr(execution, "open_adapter", lambda *args: made.adapter)
    return made


@pytest.fixture
def working(desk):
    order = desk.place("3", kind="limit", price=D("1.05"), stop_loss=D("1.04"))
    desk.pump()
    assert desk.state(order) == "working"
    return order


@pytest.fixture
def position(desk):
    desk.place("2")
    desk.pump()
    return Position.objects.get()
