"""What was derived follows when the rules it was derived by are edited."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts import manual, services
from accounts.booking import rebuild
from accounts.models import DayFigures, Position
from brokers.services import edit_broker
from tests.factories import make_account, moment

pytestmark = pytest.mark.django_db


def test_day_figures_follow_the_clock_of_the_broker():
    account = make_account()
    manual.deposit(account, actor="me", amount="5", at=moment("2024-03-04 23:00"))
    assert DayFigures.objects.get().day == dt.date(2024, 3, 5)  # Athens
    edit_broker(account.broker, actor="me", time_zone="UTC")
    assert DayFigures.objects.get().day == dt.date(2024, 3, 4)
    edit_broker(account.broker, actor="me", rollover=dt.time(22))
    assert DayFigures.objects.get().day == dt.date(2024, 3, 5)
    account.refresh_from_db()
    assert rebuild(account) == []


def test_positions_follow_the_mode_of_the_account():
    account = make_account(mode="hedging")
    for side in ("buy", "sell"):
        manual.trade(account, actor="me", symbol="EURUSD", side=side, volume="1", price="1.1")
    assert Position.objects.count() == 2
    services.edit_account(account, actor="me", mode="netting")
    assert [p.is_open for p in Position.objects.all()] == [False]
