from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F, Sum

from brokers.models import Broker, FxRate
from tradershub.core.fields import MoneyField, to_stored

pytestmark = pytest.mark.django_db


def rates(*values):
    start = dt.date(2000, 1, 1)
    return [
        FxRate(currency="USD", day=start + dt.timedelta(days=n), rate=Decimal(value))
        for n, value in enumerate(values)
    ]


def test_a_figure_that_the_database_cannot_keep_is_refused_before_it_is_written():
    (row,) = rates("1000000000000000")
    with pytest.raises(ValidationError, match="the most that the database keeps|digits before"):
        row.clean_fields()


def test_nine_decimals_come_back_as_they_went_in():
    FxRate.objects.bulk_create(rates("123456789.123456789"))
    assert FxRate.objects.get().rate == Decimal("123456789.123456789")
    assert FxRate.objects.filter(rate=Decimal("123456789.123456789")).exists()
    assert not FxRate.objects.filter(rate__gt=Decimal("123456789.123456789")).exists()


def test_a_hundred_thousand_tenths_sum_exactly():
    FxRate.objects.bulk_create(rates(*["0.1"] * 100_000), batch_size=5000)
    assert FxRate.objects.aggregate(total=Sum("rate"))["total"] == Decimal(10_000)


def test_sums_of_two_columns_are_exact():
    FxRate.objects.bulk_create(rates("0.1", "0.2"))
    both = FxRate.objects.annotate(twice=Sum(F("rate") + F("rate"), output_field=MoneyField()))
    assert sorted(row.twice for row in both) == [Decimal("0.2"), Decimal("0.4")]


@pytest.mark.parametrize("value", ["0.0000000001", "9300000000"])
def test_what_cannot_be_kept_exactly_is_refused(value):
    with pytest.raises(ValidationError, match=value):
        to_stored(Decimal(value))


def test_broker_round_trip():
    Broker.objects.create(name="Example")
    assert str(Broker.objects.get().zone) == "Europe/Athens"
