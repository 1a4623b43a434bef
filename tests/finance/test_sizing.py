from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.sizing import (
    allowed_lots,
    fixed_ratio,
    kelly_risk,
    lots_by_margin,
    markets_money,
    percent_margin,
    percent_risk,
    percent_volatility,
    risk_to_stop,
    units_per_money,
    within_terms,
)
from tradershub.finance.terms import CalcMode, ContractTerms


def cpr(**more):
    facts = {
        "equity": D(10_000),
        "percent": D(1),
        "entry": D("1.08450"),
        "stop": D("1.08150"),
        "contract_size": D(100_000),
        "rate": D(1),
        "step": D("0.01"),
        "minimum": D("0.01"),
    }
    return percent_risk(**(facts | more))


def test_one_percent_at_thirty_pips():
    size = cpr()
    assert (size.cash_at_risk, size.risk_per_lot, size.lots) == (100, 300, D("0.33"))
    assert size.actual_risk == 99


def test_commission_is_part_of_the_risk():
    size = cpr(entry=D("1.27100"), stop=D("1.27350"), costs_per_lot=D(7))
    assert (size.lots, size.actual_risk) == (D("0.38"), D("97.66"))


def test_too_little_is_no_trade():
    assert cpr(equity=D(500), stop=D("1.07850")).lots == 0
    assert cpr(equity=D(-500)).lots == 0


def test_no_risk_has_no_size():
    with pytest.raises(ValueError, match="must be positive, was 0"):
        cpr(stop=D("1.08450"))


def test_volatility_and_margin_size_by_their_own_unit():
    by_range = percent_volatility(
        equity=D(20_000),
        percent=D("0.5"),
        average_range=D("0.0082"),
        multiple=D(2),
        contract_size=D(100_000),
        rate=D(1),
        step=D("0.01"),
    )
    assert by_range.lots == D("0.06")
    by_margin = percent_margin(
        equity=D(10_000), percent=D(20), margin_per_lot=D(3615), step=D("0.01")
    )
    assert by_margin.lots == D("0.55")


@pytest.mark.parametrize(
    ("profit", "contracts"),
    [("-50", 1), ("0", 1), ("999", 1), ("1000", 2), ("2999", 2), ("3000", 3)],
)
def test_fixed_ratio_adds_a_contract_at_each_threshold(profit, contracts):
    assert fixed_ratio(D(profit), delta=D(1000)) == contracts


def test_units_are_whole_and_never_negative():
    assert units_per_money(D(23_750), money_per_unit=D(5000)) == 4
    assert units_per_money(D(-1), money_per_unit=D(5000)) == 0


def test_the_margin_caps_the_lots():
    assert lots_by_margin(D(1500), margin_per_lot=D(3615), step=D("0.01")) == D("0.41")
    assert lots_by_margin(D(-5), margin_per_lot=D(3615), step=D("0.01")) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: fixed_ratio(D(1), delta=D(0)),
        lambda: units_per_money(D(1), money_per_unit=D(0)),
        lambda: lots_by_margin(D(1), margin_per_lot=D(0), step=D(1)),
    ],
)
def test_a_divisor_must_be_positive(call):
    with pytest.raises(ValueError, match="must be positive, was 0"):
        call()


def test_kelly_and_markets_money_say_what_may_be_lost():
    assert kelly_risk(equity=D(10_000), kelly_fraction=D("0.2"), part=D("0.25")) == 500
    assert kelly_risk(equity=D(10_000), kelly_fraction=D("-0.2"), part=D("0.25")) == 0
    both = {"initial": D(10_000), "core_percent": D(1), "profit_percent": D(5)}
    assert markets_money(equity=D(12_000), **both) == 200
    assert markets_money(equity=D(9_000), **both) == 90


def test_a_stop_beyond_entry_risks_nothing():
    facts = {"lots": D(1), "entry": D("1.08"), "contract_size": D(100_000), "rate": D(1)}
    assert risk_to_stop(side="buy", stop=D("1.07"), **facts) == 1000
    assert risk_to_stop(side="buy", stop=D("1.09"), **facts) == 0
    assert risk_to_stop(side="sell", stop=D("1.09"), **facts) == 1000


def test_the_terms_limit_the_lots():
    terms = ContractTerms(mode=CalcMode.FOREX, lot_min=D("0.1"), lot_step=D("0.1"), lot_max=D(5))
    assert within_terms(D("7.77"), terms) == 5
    assert within_terms(D("0.59"), terms) == D("0.5")
    assert within_terms(D("0.09"), terms) == 0


raw_lots = st.decimals(min_value=-5, max_value=1000, places=6)
limits = st.decimals(min_value="0.01", max_value=100, places=2)


@given(raw_lots, limits, limits)
def test_lots_are_never_rounded_up(raw, step, maximum):
    lots = allowed_lots(raw, step=step, maximum=maximum)
    assert 0 <= lots <= max(raw, 0)
    assert lots <= maximum
    assert lots % step == 0


@given(st.decimals(min_value=1, max_value=10**7, places=2), limits)
def test_the_risk_taken_is_never_more_than_allowed(equity, percent):
    size = cpr(equity=equity, percent=percent)
    assert size.actual_risk <= size.cash_at_risk
