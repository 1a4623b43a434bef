from decimal import Decimal as D

import pytest

from tradershub.finance.commission import (
    basis_points,
    in_points,
    per_lot,
    per_million,
    per_trade,
    percent_of_notional,
    share_of_profit,
    tier_rate,
)


def test_each_deal_is_rounded_before_deals_are_added():
    assert per_lot(D("0.37"), D("3.50")) * 2 == D("-2.60")


@pytest.mark.parametrize(
    ("charged", "expected"),
    [
        (per_trade(D("5")), "-5.00"),
        (per_million(D("191017.50"), D("35")), "-6.69"),
        (in_points(D("1.2"), D("6"), contract_size=D(100_000), point=D("0.00001")), "-7.20"),
        (share_of_profit(D("250"), D("20")), "-50.00"),
        (share_of_profit(D("-250"), D("20")), "0"),
        (per_lot(D("0.01"), D("0.1")), "0"),
    ],
)
def test_a_cost_is_negative_and_nothing_is_zero(charged, expected):
    assert charged == D(expected)
    assert not str(charged).startswith("-0.00")


@pytest.mark.parametrize(
    ("value", "expected"), [("50000", "-2.00"), ("100000", "-2.00"), ("250000", "-5.00")]
)
def test_interactive_brokers_charges_a_minimum_an_order(value, expected):
    assert basis_points(D(value), D("0.20"), minimum=D(2)) == D(expected)


def test_percent_is_kept_between_its_bounds():
    bounds = {"minimum": D("1.00"), "maximum": D("25.00")}
    assert percent_of_notional(D("52026.90"), D("0.010"), **bounds) == D("-5.20")
    assert percent_of_notional(D(100), D("0.010"), **bounds) == D("-1.00")
    assert percent_of_notional(D(10**9), D("0.010"), **bounds) == D("-25.00")


def test_the_highest_tier_reached_counts():
    tiers = [(D(0), D("0.20")), (D(10**9), D("0.15")), (D(2 * 10**9), D("0.10"))]
    assert tier_rate(D(10**9), tiers) == D("0.15")
    with pytest.raises(ValueError, match="no tier"):
        tier_rate(D(-1), tiers)
