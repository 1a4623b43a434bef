from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.margin import (
    HeldLots,
    hedged_margin,
    leg_margins,
    margin,
    order_margin,
)
from tradershub.finance.terms import CalcMode, ContractTerms


def terms(mode=CalcMode.FOREX, size=100_000, **more):
    return ContractTerms(mode=mode, contract_size=D(size), **more)


@pytest.mark.parametrize(
    ("mode", "more", "expected"),
    [
        (CalcMode.FOREX, {}, 200),
        (CalcMode.FOREX_NO_LEVERAGE, {}, 20_000),
        (CalcMode.CFD, {}, 1_000_000),
        (CalcMode.STOCKS, {}, 1_000_000),
        (CalcMode.CFD_LEVERAGE, {}, 10_000),
        (CalcMode.CFD_INDEX, {"tick_size": D("0.5"), "tick_value": D(5)}, 10_000_000),
        (CalcMode.FUTURES, {"margin_initial": D(700)}, 1400),
        (CalcMode.FOREX, {"margin_initial": D(700)}, 14),
        (CalcMode.CFD, {"margin_initial": D(700)}, 1400),
    ],
)
def test_each_mode_has_its_formula(mode, more, expected):
    charged = margin(
        side="buy", lots=D(2), terms=terms(mode, 10_000, **more), leverage=D(100), price=D(50)
    )
    assert charged == expected


def test_the_rate_of_the_side_multiplies():
    rated = terms(margin_rate_buy=D("1.15"), margin_rate_sell=D(2))
    assert margin(side="buy", lots=D(1), terms=rated, leverage=D(100)) == 1150
    assert margin(side="sell", lots=D(1), terms=rated, leverage=D(100)) == 2000


def test_a_missing_price_is_said():
    with pytest.raises(ValueError, match="margin of cfd needs a price"):
        margin(side="buy", lots=D(1), terms=terms(CalcMode.CFD))


@pytest.mark.parametrize("leverage", [0, -100])
def test_leverage_must_be_positive(leverage):
    with pytest.raises(ValueError, match="leverage must be positive"):
        margin(side="buy", lots=D(1), terms=terms(), leverage=D(leverage))


def test_fixed_margin_is_initial_for_an_order_and_maintenance_once_open():
    fixed = terms(
        CalcMode.FUTURES,
        1,
        margin_initial=D(1000),
        margin_maintenance=D(500),
        hedged_size=D(500),
    )
    held = [HeldLots("buy", D(1), D(1)), HeldLots("sell", D(2), D(1))]
    assert order_margin(side="sell", lots=D(2), terms=fixed) == 2000
    assert hedged_margin(held, terms=fixed).total == 1000


def test_without_a_hedged_size_covered_lots_cost_nothing():
    held = [HeldLots("buy", D(1), D("1.08")), HeldLots("sell", D(1), D("1.09"))]
    found = hedged_margin(held, terms=terms(hedged_size=None), leverage=D(30))
    assert found.total == 0


lots = st.decimals(min_value="0.01", max_value=20, places=2)
positions = st.lists(
    st.builds(
        HeldLots,
        side=st.sampled_from(["buy", "sell"]),
        lots=lots,
        price=st.decimals(min_value="0.5", max_value=2, places=5),
    ),
    min_size=1,
    max_size=8,
)


@given(positions)
def test_a_full_hedged_size_charges_the_larger_leg(held):
    full = terms(hedged_size=D(100_000))
    charged = hedged_margin(held, terms=full, leverage=D(30)).total
    larger = max(leg_margins(held, terms=full, leverage=D(30)).values())
    assert abs(charged - larger) < D("1e-9")


@given(positions)
def test_hedging_never_costs_more_than_both_legs(held):
    half = terms(hedged_size=D(50_000))
    charged = hedged_margin(held, terms=half, leverage=D(30)).total
    assert charged <= sum(leg_margins(held, terms=half, leverage=D(30)).values()) + D("1e-9")
