from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from brokers.models import FxRate
from brokers.rates import convert, load_rates, rate
from tradershub.core.errors import BadInput

pytestmark = pytest.mark.django_db
DAY = dt.date(2024, 3, 8)


@pytest.fixture
def _friday():
    FxRate.objects.create(currency="USD", day=DAY, rate=Decimal("1.0932"))
    FxRate.objects.create(currency="JPY", day=DAY - dt.timedelta(days=1), rate=Decimal("160.88"))


def test_same_currency_needs_no_rate():
    assert convert(Decimal(5), "XYZ", "XYZ", DAY).amount == 5


@pytest.mark.usefixtures("_friday")
def test_weekend_takes_the_last_rate_and_says_its_day():
    found = convert(Decimal(100), "EUR", "USD", DAY + dt.timedelta(days=2))
    assert (found.amount, found.day) == (Decimal("109.3200"), DAY)


@pytest.mark.usefixtures("_friday")
def test_two_currencies_meet_in_the_euro_and_the_older_day_is_named():
    found = rate("USD", "JPY", DAY)
    assert found.value == Decimal("160.88") / Decimal("1.0932")
    assert found.day == DAY - dt.timedelta(days=1)


@pytest.mark.usefixtures("_friday")
@pytest.mark.parametrize(("currency", "on"), [("XAU", DAY), ("USD", DAY - dt.timedelta(days=1))])
def test_no_rate_is_a_sentence(currency, on):
    with pytest.raises(BadInput, match=f"No reference rate of {currency} on or before {on}"):
        rate("EUR", currency, on)


@pytest.mark.anywhere
def test_the_shipped_file_loads_once_and_knows_a_famous_day():
    assert load_rates() > 200_000
    assert load_rates() == 0
    assert rate("EUR", "CHF", dt.date(2015, 1, 15)).value == Decimal("1.028")
