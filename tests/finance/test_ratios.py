from decimal import Decimal
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance import ratios

RETURNS = [0.01, -0.005, 0.007, -0.012, 0.004]


def test_sharpe_is_scaled_to_the_year():
    daily = ratios.sharpe(RETURNS, periods=1)
    assert ratios.sharpe(RETURNS, periods=252) == pytest.approx(daily * 252**0.5)
    assert ratios.sharpe_error(0.1, 100) == pytest.approx((1.005 / 100) ** 0.5)


@pytest.mark.parametrize(
    ("ratio", "returns"),
    [
        (ratios.sharpe, []),
        (ratios.sharpe, [0.01]),
        (ratios.sharpe, [0.01, 0.01]),
        (ratios.sortino, []),
        (ratios.sortino, [0.01, 0.02]),
        (ratios.calmar, [0.01, 0.02]),
        (ratios.volatility, [0.01]),
        (ratios.annual_return, []),
        (ratios.annual_return, [-1.0]),
        (ratios.probabilistic_sharpe, [0.01]),
    ],
)
def test_what_is_not_defined_is_none(ratio, returns):
    assert ratio(returns) is None


def test_sortino_averages_the_downside_over_all():
    assert ratios.sortino([0.02, -0.01], periods=1) == pytest.approx(0.005 / (0.0001 / 2) ** 0.5)


def test_the_probabilistic_sharpe_of_a_symmetric_sample():
    sample = [0.01, -0.01] * 30 + [0.005] * 4
    low = ratios.probabilistic_sharpe(sample, benchmark=0.2)
    assert 0 < low < ratios.probabilistic_sharpe(sample) < 1


def test_a_curve_becomes_returns():
    curve = [Decimal(100), Decimal(110), Decimal(99)]
    assert ratios.to_returns(curve) == pytest.approx([0.1, -0.1])
    assert ratios.max_drawdown([0.1, -0.1]) == pytest.approx(-0.1)


def test_tails_of_nothing_are_none():
    assert ratios.percentile([], 0.05) is None
    assert ratios.lower_tail_mean([], 0.05) is None


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=60))
def test_percentiles_are_the_inclusive_quantiles(returns):
    ours = [ratios.percentile(returns, share / 20) for share in range(1, 20)]
    assert ours == pytest.approx(quantiles(returns, n=20, method="inclusive"), abs=1e-12)
