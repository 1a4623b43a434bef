from decimal import Decimal

import pytest

from tradershub.finance.money import CurrencyMismatch, Money, currency_digits

TEN = Money(Decimal("10.005"), "EUR")


def test_same_currency_adds_and_subtracts():
    other = Money(Decimal("2.5"), "EUR")
    assert TEN + other == Money(Decimal("12.505"), "EUR")
    assert TEN - other == Money(Decimal("7.505"), "EUR")
    assert (-other * 2).amount == Decimal("-5.0")


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__"])
def test_two_currencies_do_not_mix(operation):
    with pytest.raises(CurrencyMismatch, match="expected EUR, found USD"):
        getattr(TEN, operation)(Money(Decimal(1), "USD"))


def test_posting_is_half_even_and_brokers_round_half_up():
    assert TEN.posted().amount == Decimal("10.00")
    assert TEN.rounded(2).amount == Decimal("10.01")


def test_yen_has_no_cents():
    assert currency_digits("JPY") == 0
    assert Money(Decimal("151.5"), "JPY").posted() == Money(Decimal(152), "JPY")


def test_amounts_compare():
    assert Money(Decimal(1), "EUR") < TEN
    assert TEN <= TEN
    assert not Money(Decimal(0), "EUR")
