from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.stopout import (
    AtRisk,
    PendingOrder,
    smart_stop_out,
    stop_out,
    stop_out_price,
    stop_out_price_revalued,
)
from tradershub.finance.valuation import margin_level

FIFTY = D(50)


def at_risk(key, profit, margin, **more):
    return AtRisk(key, D(profit), D(margin), **more)


def test_orders_go_first_the_largest_first():
    found = stop_out(
        [at_risk("p", "-100", "1000")],
        orders=[PendingOrder("small", D(200)), PendingOrder("large", D(900))],
        balance=D(800),
        level=FIFTY,
    )
    assert (found.deleted, found.closed) == (("large",), ())
    assert found.level_after > FIFTY


def test_the_largest_price_loss_goes_first_whatever_its_costs():
    found = stop_out(
        [at_risk("a", "-300", "500", costs=D(-400)), at_risk("b", "-350", "500")],
        balance=D(1200),
        level=FIFTY,
    )
    assert found.closed[0] == "b"


def test_without_losers_the_smallest_profit_goes_first():
    found = stop_out(
        [at_risk("a", "30", "5000"), at_risk("b", "10", "5000")], balance=D(100), level=FIFTY
    )
    assert found.closed == ("b", "a")


def test_a_closed_market_is_passed_over():
    found = stop_out(
        [at_risk("a", "-900", "1000", tradable=False), at_risk("b", "-10", "100")],
        balance=D(1000),
        level=FIFTY,
    )
    assert found.closed == ("b",)
    assert found.margin == 1000


def test_at_exactly_the_level_a_position_is_closed():
    position = [at_risk("a", "0", "1000")]
    assert stop_out(position, balance=D(500), level=FIFTY).closed == ("a",)
    assert stop_out(position, balance=D("500.01"), level=FIFTY).closed == ()


def test_a_debt_is_made_good_only_where_protected():
    position = [at_risk("a", "-1300", "700")]
    free = stop_out(position, balance=D(1000), level=FIFTY)
    protected = stop_out(position, balance=D(1000), level=FIFTY, protected=True)
    assert (free.balance, free.compensation) == (-300, 0)
    assert (protected.balance, protected.compensation) == (0, 300)


def test_credit_carries_but_is_not_balance():
    position = [at_risk("a", "-400", "1000")]
    found = stop_out(position, balance=D(500), credit=D(600), level=FIFTY)
    assert (found.closed, found.balance, found.equity) == ((), 500, 700)


def test_a_full_hedge_is_stopped_only_where_the_broker_does():
    held = [at_risk("a", "-900", "0"), at_risk("b", "500", "0")]
    assert stop_out(held, balance=D(100), level=FIFTY).closed == ()
    found = stop_out(held, balance=D(100), level=FIFTY, hedged_too=True)
    assert (found.closed, found.balance) == (("a", "b"), -300)


def test_closing_one_leg_of_a_hedge_may_raise_the_margin():
    held = [at_risk("a", "-300", "100"), at_risk("b", "100", "100")]
    found = stop_out(
        held,
        balance=D(220),
        level=FIFTY,
        margin_of=lambda left: D(50) if len(left) == 2 else D(1000) * len(left),
    )
    assert found.closed == ("a", "b")
    assert found.level_before == 40


positions = st.lists(
    st.builds(
        AtRisk,
        key=st.integers(0, 999).map(str),
        profit=st.decimals(min_value=-2000, max_value=500, places=2),
        margin=st.decimals(min_value=1, max_value=900, places=2),
        costs=st.decimals(min_value=-50, max_value=0, places=2),
        tradable=st.just(True),
    ),
    max_size=8,
)


@given(positions, st.decimals(min_value=0, max_value=3000, places=2))
def test_afterwards_the_level_is_higher_or_nothing_is_left(held, balance):
    found = stop_out(held, balance=balance, level=FIFTY)
    assert found.level_after is None or found.level_after > FIFTY
    assert len(found.closed) <= len(held)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_at_the_stop_out_price_the_level_is_reached(side):
    units, opened, balance, leverage = D(40_000), D("1.271"), D(1500), D(30)
    fixed = units * opened / leverage
    position = {"side": side, "units": units, "open_price": opened, "balance": balance}
    price = stop_out_price(margin=fixed, level=FIFTY, **position)
    direction = 1 if side == "buy" else -1
    equity = balance + (price - opened) * units * direction
    assert round(margin_level(equity, fixed), 9) == FIFTY

    price = stop_out_price_revalued(leverage=leverage, level=FIFTY, **position)
    equity = balance + (price - opened) * units * direction
    assert round(margin_level(equity, units * price / leverage), 9) == FIFTY


def test_ctrader_takes_steps_off_the_largest_margin():
    found = smart_stop_out(
        [D(200_000), D(50_000)],
        margin_per_unit=[D(1) / 500] * 2,
        equity=D("248.366"),
        level=FIFTY,
        step=D(1000),
    )
    assert (found.units, found.margin) == ((2000, 0), D("496.000"))


def test_ctrader_goes_on_to_the_next_position():
    found = smart_stop_out(
        [D(2000), D(1500)],
        margin_per_unit=[D("0.1")] * 2,
        equity=D(60),
        level=FIFTY,
        step=D(1000),
    )
    assert found.units == (2000, 1000)


def test_ctrader_with_nothing_left_closes_all():
    found = smart_stop_out(
        [D(1500)], margin_per_unit=[D("0.1")], equity=D(-5), level=FIFTY, step=D(1000)
    )
    assert (found.units, found.margin, found.level) == ((1500,), 0, None)
