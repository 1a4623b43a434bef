from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.exposure import Holding, currency_units, exposure

RATES = {"AUD": D("0.65"), "NZD": D("0.60"), "USD": D(1)}


def held(base, quote, units, price):
    return Holding(base, quote, D(units), D(price))


def test_legs_cancel_across_pairs():
    holdings = [held("AUD", "NZD", "80000", "1.08"), held("AUD", "USD", "-80000", "0.65")]
    found = exposure(holdings, rates=RATES, account_currency="USD")
    assert found.units == {"AUD": 0, "NZD": -86_400, "USD": 52_000}
    assert (found.long, found.short) == (0, -51_840)
    assert found.gross == 104_000
    assert found.shorthand == 51_840


def test_the_account_s_own_currency_is_no_foreign_leg():
    found = exposure([held("AUD", "USD", "100", "0.65")], rates=RATES, account_currency="USD")
    assert (found.long, found.short) == (65, 0)


def test_a_missing_rate_is_named():
    with pytest.raises(KeyError, match="XAU"):
        exposure([held("XAU", "USD", "1", "2345")], rates=RATES, account_currency="USD")


units = st.decimals(min_value=-(10**6), max_value=10**6, places=0)
prices = st.decimals(min_value="0.5", max_value=2, places=4)


@given(units, prices)
def test_a_holding_and_its_opposite_leave_nothing(size, price):
    both = [held("AUD", "NZD", size, price), held("AUD", "NZD", -size, price)]
    assert set(currency_units(both).values()) == {0}
