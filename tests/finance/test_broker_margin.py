from decimal import Decimal as D

import pytest

from tradershub.finance.broker_margin import (
    AssetClass,
    CurrencyBalance,
    closeout_percent,
    esma_close_out,
    esma_margin,
    margin_by_percent,
    nfa_margin_percent,
    withdrawal_margin,
)


def test_short_units_need_margin_too():
    assert margin_by_percent(D(-1000), D(2), D(5)) == 100


def test_oanda_closes_out_at_half_the_margin():
    assert closeout_percent(D(2000), D(1000)) == 100
    assert closeout_percent(D(2000), D(0)) is None
    assert closeout_percent(D(2000), D(-5)) is None


def test_interactive_brokers_charges_debts_and_holdings_alike():
    found = withdrawal_margin([CurrencyBalance(D(1000), D(0)), CurrencyBalance(D(-400), D("2.5"))])
    assert (found.margin, found.liquidation_value, found.available) == (10, 600, 590)


@pytest.mark.parametrize(
    ("asset_class", "expected"),
    [
        (AssetClass.MAJOR, "3333.33"),
        (AssetClass.NONMAJOR_GOLD_MAJORINDEX, "5000.00"),
        (AssetClass.COMMODITY_NONMAJORINDEX, "10000.00"),
        (AssetClass.SHARE_OTHER, "20000.00"),
        (AssetClass.CRYPTO, "50000.00"),
    ],
)
def test_esma_caps_leverage_by_class(asset_class, expected):
    assert esma_margin(asset_class, D(100_000)) == D(expected)


def test_esma_closes_out_at_half():
    assert esma_close_out([D(100), D(50)]) == 75


def test_the_nfa_asks_less_for_majors():
    assert nfa_margin_percent("EUR", "JPY") == 2
    assert nfa_margin_percent("USD", "MXN") == 5
