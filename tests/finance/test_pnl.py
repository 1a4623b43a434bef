from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.decimals import Rounding
from tradershub.finance.pnl import (
    accrued_interest,
    floating_profit,
    pip_value,
    price_profit,
    ticks_between,
)
from tradershub.finance.sides import OPPOSITE
from tradershub.finance.terms import CalcMode, ContractTerms

FOREX = ContractTerms(mode=CalcMode.FOREX, contract_size=Decimal(100_000))
SMALL = ContractTerms(mode=CalcMode.FOREX, contract_size=Decimal(10_000))
FUTURE = ContractTerms(
    mode=CalcMode.FUTURES, tick_size=Decimal("0.25"), tick_value=Decimal("12.50")
)

prices = st.decimals(min_value="0.5", max_value=2, places=5)
lots = st.decimals(min_value="0.01", max_value=50, places=2)
sides = st.sampled_from(["buy", "sell"])


def profit(side, size, opened, closed, terms=FOREX, **more):
    return price_profit(
        side=side,
        lots=Decimal(size),
        open_price=Decimal(opened),
        close_price=Decimal(closed),
        terms=terms,
        **more,
    )


def test_forex_rounds_the_two_values_apart():
    assert profit("buy", "0.01", "1.23456", "1.23512", SMALL) == Decimal("0.05")
    assert profit("buy", "0.01", "1.23456", "1.23512", SMALL, round_once=True) == Decimal("0.06")


def test_a_broker_may_truncate():
    terms = ContractTerms(mode=CalcMode.CFD, contract_size=Decimal(1), rounding=Rounding.TRUNCATE)
    assert profit("buy", "0.01", "100", "100.999", terms) == Decimal("0.00")
    assert profit("sell", "0.01", "100", "101.999", terms) == Decimal("-0.01")


def test_yen_may_have_no_digits():
    terms = ContractTerms(mode=CalcMode.FOREX, contract_size=Decimal(100_000), profit_digits=0)
    assert profit("buy", "0.12", "151.327", "150.984", terms) == Decimal(-4116)


def test_futures_count_ticks():
    assert profit("sell", "2", "5321.25", "5320.00", FUTURE) == Decimal("125.00")
    ticks = ticks_between(
        side="sell",
        open_price=Decimal("5321.25"),
        close_price=Decimal("5320.00"),
        tick_size=Decimal("0.25"),
    )
    assert ticks == 5


def test_a_price_between_ticks_is_refused():
    with pytest.raises(ValueError, match="no multiple of the tick"):
        ticks_between(
            side="buy",
            open_price=Decimal("1.00"),
            close_price=Decimal("1.10"),
            tick_size=Decimal("0.25"),
        )


def test_futures_without_ticks_are_refused():
    with pytest.raises(ValueError, match="needs a tick size"):
        profit("buy", "1", "1", "2", ContractTerms(mode=CalcMode.FUTURES))


def test_bonds_are_quoted_in_percent_of_face_value():
    terms = ContractTerms(mode=CalcMode.BONDS, contract_size=Decimal(10), face_value=Decimal(1000))
    assert profit("buy", "2", "98.50", "99.00", terms) == Decimal("100.00")
    interest = accrued_interest(lots=Decimal(2), interest_per_unit=Decimal("4.115"), terms=terms)
    assert interest == Decimal("82.30")


def test_negative_lots_are_refused():
    with pytest.raises(ValueError, match="never negative"):
        profit("buy", "-1", "1", "2")


def test_a_long_is_marked_at_the_bid_and_a_short_at_the_ask():
    now = {"bid": Decimal("1.08520"), "ask": Decimal("1.08532"), "terms": FOREX}
    long = floating_profit(side="buy", lots=Decimal("0.5"), open_price=Decimal("1.0845"), **now)
    short = floating_profit(side="sell", lots=Decimal("0.2"), open_price=Decimal("1.0861"), **now)
    assert (long, short) == (Decimal("35.00"), Decimal("15.60"))


def test_pip_of_a_yen_pair():
    value = pip_value(lots=Decimal(1), contract_size=Decimal(100_000), pip_size=Decimal("0.01"))
    assert value == 1000


@given(sides, lots, prices, prices)
def test_what_one_side_wins_the_other_loses(side, size, opened, closed):
    assert profit(side, size, opened, closed) == -profit(OPPOSITE[side], size, opened, closed)


@given(sides, lots, prices, prices)
def test_rounding_apart_differs_by_a_cent_at_most(side, size, opened, closed):
    once = profit(side, size, opened, closed, SMALL, round_once=True)
    assert abs(profit(side, size, opened, closed, SMALL) - once) <= Decimal("0.01")
