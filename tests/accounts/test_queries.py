from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts import figures, manual
from accounts.queries import (
    balance_at,
    balance_on,
    booked_money,
    closed_positions,
    equity_curve,
    open_positions,
)
from tests.factories import make_account, make_broker, make_owner, moment

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    """Its broker's day begins at 21:00 or 22:00 UTC, when New York says 17:00."""
    broker = make_broker(time_zone="America/New_York", rollover=dt.time(17))
    return make_account(broker=broker)


def paid_in(account, amount, at):
    return manual.deposit(account, actor="me", amount=amount, at=moment(at))


def test_balance_by_trading_day_and_by_moment(account):
    paid_in(account, "100", "2024-03-04 21:59")
    paid_in(account, "10", "2024-03-04 22:00")  # 17:00 in New York: the 5th
    paid_in(account, "1", "2024-03-05 12:00")
    assert balance_on(account, dt.date(2024, 3, 3)) == 0
    assert balance_on(account, dt.date(2024, 3, 4)) == 100
    assert balance_on(account, dt.date(2024, 3, 5)) == 111
    assert balance_at(account, moment("2024-03-04 21:59")) == 100
    assert balance_at(account, moment("2024-03-05 11:59")) == 110
    assert balance_at(account, moment("2024-03-05 12:00")) == 111


def test_the_trading_day_moves_with_the_clock_of_the_broker(account):
    paid_in(account, "100", "2024-03-08 21:30")  # 16:30 in winter: still the 8th
    paid_in(account, "10", "2024-03-11 21:30")  # 17:30 in summer: the 12th
    assert balance_on(account, dt.date(2024, 3, 8)) == 100
    assert balance_on(account, dt.date(2024, 3, 11)) == 100
    assert balance_on(account, dt.date(2024, 3, 12)) == 110


def test_credit_is_summed_apart(account):
    manual.charge(account, actor="me", kind="credit", amount="50")
    paid_in(account, "1", "2024-03-05 12:00")
    assert booked_money([account])[account.pk] == (1, 50)
    assert balance_at(account, moment("2024-03-05 12:00")) == 1


def test_the_curve_has_a_point_for_each_day_with_a_deal_or_a_mark(account):
    paid_in(account, "100", "2024-03-04 10:00")
    manual.withdrawal(account, actor="me", amount="30", at=moment("2024-03-06 10:00"))
    figures.snapshot(
        account, at=moment("2024-03-05 10:00"), source="statement", balance=D(100), equity=D(90)
    )
    curve = equity_curve(account)
    assert [(p.day.day, p.balance, p.flows, p.equity) for p in curve] == [
        (4, 100, 100, None),
        (5, 100, 0, 90),
        (6, 70, -30, None),
    ]
    assert [p.balance for p in equity_curve(account, dt.date(2024, 3, 5))] == [100, 70]
    assert len(equity_curve(account, dt.date(2024, 3, 4), dt.date(2024, 3, 5))) == 2


def test_a_mark_of_the_same_moment_is_one_row(account):
    for equity in (D(90), D(95)):
        figures.snapshot(
            account, at=moment("2024-03-05 10:00"), source="quote", balance=D(1), equity=equity
        )
    assert account.snapshots.get().equity == 95


def test_nobody_sees_the_positions_of_another(account):
    manual.trade(account, actor="me", symbol="EURUSD", side="buy", volume="1", price="1.1")
    manual.trade(account, actor="me", symbol="GOLD", side="buy", volume="1", price="1.1")
    gold = open_positions(account.owner).get(symbol__name="GOLD")
    manual.close_position(gold, actor="me", price="1.2", profit="3")
    assert [p.symbol.name for p in open_positions(account.owner)] == ["EURUSD"]
    assert [p.symbol.name for p in closed_positions(account.owner)] == ["GOLD"]
    stranger = make_owner()
    assert not open_positions(stranger).exists() and not closed_positions(stranger).exists()
