"""Kept sums are never older than the figures."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts import booking, history, kept, manual
from accounts.queries import booked_money
from accounts.trail import trail
from tests.factories import make_account, moment

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def keep_all(monkeypatch):
    monkeypatch.setattr(kept, "FEW", 0)


def deposit(account, key: str, amount: str) -> None:
    deal = booking.NewDeal(
        key=key, kind="deposit", at=moment("2026-03-02 10:00"), source="manual", profit=D(amount)
    )
    booking.book(account, [deal])
    booking.derive(account, symbols=None)


def test_a_new_deal_is_in_the_next_sum():
    account = make_account()
    deposit(account, "1", "100")
    assert booked_money([account])[account.pk].balance == 100
    deposit(account, "2", "50")
    assert booked_money([account])[account.pk].balance == 150
    assert [day.balance for day in history.days_by_currency([account.pk])] == [150]


def test_a_deal_taken_back_is_gone_from_the_next_sum():
    account = make_account()
    deposit(account, "1", "100")
    deposit(account, "2", "50")
    assert booked_money([account])[account.pk].balance == 150
    with trail(actor="me", target=None):
        booking.remove(account, [account.deals.get(key="2").pk])
    booking.derive(account, symbols=None)
    assert booked_money([account])[account.pk].balance == 100


def test_an_unchanged_account_is_not_summed_again(django_assert_num_queries):
    account = make_account()
    deposit(account, "1", "100")
    booked_money([account])
    with django_assert_num_queries(1):  # the stamps
        booked_money([account])


def test_other_days_are_another_sum():
    account = make_account()
    deposit(account, "1", "100")
    assert booked_money([account])[account.pk].balance == 100
    assert booked_money([account], through=dt.date(2026, 3, 1))[account.pk].balance == 0


def test_an_order_entered_or_changed_by_hand_makes_what_is_kept_out_of_date():
    account = make_account()
    stamps = [account.figures_stamp]

    def stamp() -> None:
        account.refresh_from_db()
        stamps.append(account.figures_stamp)

    order = manual.place_order(
        account, actor="me", symbol="EURUSD", side="buy", volume="1", type="limit", price="1.1"
    )
    stamp()
    manual.modify_order(order, actor="me", comment="later")
    stamp()
    manual.cancel_order(order, actor="me")
    stamp()
    assert len(set(stamps)) == 4
