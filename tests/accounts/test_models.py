"""How rows name themselves: in titles, in questions, in choices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.apps import apps

from accounts.models import BrokerOrder, Deal
from brokers.models import FxRate


def deal(**fields):
    return Deal(broker_deal_id="77", currency="EUR", kind=Deal.Kind.TRADE, **fields)


def test_a_trade_names_itself_without_digits_of_storage():
    row = deal(side="sell", volume=Decimal("0.260000000"), amount=Decimal("0E-9"))
    assert str(row) == "77: sell 0.26, 0.00 EUR"


def test_an_amount_carries_its_sign_and_the_digits_of_its_currency():
    row = deal(side="buy", volume=Decimal("1"), amount=Decimal("-0.420000000"))
    assert str(row) == "77: buy 1.00, −0.42 EUR"


def test_an_order_names_itself_without_digits_of_storage():
    order = BrokerOrder(
        broker_order_id="5",
        side="sell",
        volume=Decimal("0.260000000"),
        type="limit",
        state="working",
    )
    assert str(order) == "5: sell 0.26 limit, working"


def test_a_rate_names_itself_without_digits_of_storage():
    rate = FxRate(currency="AUD", rate=Decimal("1.590400000"), day="2026-10-30")
    assert str(rate) == "EURAUD 1.5904 on 2026-10-30"


@pytest.mark.parametrize("model", apps.get_models(), ids=lambda model: model.__name__)
def test_no_plural_is_made_twice(model):
    assert not str(model._meta.verbose_name_plural).endswith("ss")
