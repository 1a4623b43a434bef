from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance import swap
from tradershub.finance.terms import CalcMode, ContractTerms

TUESDAY = date(2024, 4, 30)
WEDNESDAY = date(2024, 5, 1)


def price(lots, contract_size, **more):
    return swap.point_price(
        lots=D(lots), contract_size=D(contract_size), point=D("0.00001"), **more
    )


def test_the_point_price_is_rounded_first():
    assert price("5", "100000", rate=D("0.2274587")) == D("1.14")
    assert swap.swap_by_points(D("1.14"), points=D("-11.35")) == D("-12.94")


def test_a_micro_lot_may_cost_nothing():
    assert swap.swap_by_points(price("0.01", "1000"), points=D("-6.5")) == 0


def test_futures_points_count_ticks():
    assert price("1", "1", tick_factor=D(125_000)) == D("1.25")


def test_money_a_lot_counts_the_nights():
    assert swap.swap_by_money(D(3), D("-4.20"), multiplier=3) == D("-37.80")


def test_forex_interest_is_on_the_base_currency():
    terms = ContractTerms(mode=CalcMode.FOREX, contract_size=D(100_000))
    charged = swap.swap_by_interest(lots=D(2), annual_percent=D("-2.5"), terms=terms)
    assert charged.quantize(D("0.000001")) == D("-13.888889")


def test_interest_on_others_is_on_the_price():
    cfd = ContractTerms(mode=CalcMode.CFD, contract_size=D(10))
    charged = swap.swap_by_interest(
        lots=D("2.5"), annual_percent=D("-6.80"), terms=cfd, price=D("17342.3"), multiplier=3
    )
    assert charged.quantize(D("0.01")) == D("-245.68")
    with pytest.raises(ValueError, match="needs a price"):
        swap.swap_by_interest(lots=D(1), annual_percent=D(1), terms=cfd)


def test_oanda_finances_by_the_day():
    charged = swap.daily_financing(
        units=D(100_000), price=D("1.15826"), annual_percent=D("-3.00"), days=1
    )
    assert charged == D("-9.52")


@pytest.mark.parametrize(("side", "expected"), [("buy", "1.084594"), ("sell", "1.084446")])
def test_a_cost_reopens_at_a_worse_price(side, expected):
    reopened = swap.reopen_price(
        side=side, price=D("1.08452"), points=D("-7.4"), point=D("0.00001")
    )
    assert reopened == D(expected)


def test_the_day_before_a_holiday_carries_it():
    assert swap.nights(TUESDAY, holidays=[WEDNESDAY]) == 4
    assert swap.nights(WEDNESDAY, holidays=[WEDNESDAY]) == 0


def test_holidays_in_a_row_are_carried_together():
    row = [WEDNESDAY, WEDNESDAY + timedelta(days=1)]
    assert swap.nights(TUESDAY, holidays=row) == 5


def test_a_week_charges_seven_nights_with_a_triple_wednesday():
    charged = dict(swap.charging_nights(date(2024, 3, 4), date(2024, 3, 11)))
    assert charged[date(2024, 3, 6)] == 3
    assert sum(charged.values()) == 7


def test_a_position_closed_the_same_day_pays_nothing():
    assert list(swap.charging_nights(WEDNESDAY, WEDNESDAY)) == []


days = st.dates(min_value=date(2020, 1, 1), max_value=date(2025, 1, 1))


@given(days, st.integers(0, 60), st.integers(0, 60))
def test_nights_of_two_spans_add_up(opened, first, second):
    middle = opened + timedelta(days=first)
    closed = middle + timedelta(days=second)
    parts = [swap.charging_nights(opened, middle), swap.charging_nights(middle, closed)]
    whole = list(swap.charging_nights(opened, closed))
    assert whole == [night for part in parts for night in part]
