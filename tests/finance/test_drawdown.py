from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.drawdown import drawdown, largest_fall, underwater


def curve(*points):
    return [D(point) for point in points]


def test_maximal_and_relative_may_be_different_falls():
    found = drawdown(curve(5000, 6000, 4000, 8000, 5500))
    assert (found.absolute, found.maximal, found.maximal_percent) == (1000, 2500, D("31.25"))
    assert (round(found.relative_percent, 2), found.relative) == (D("33.33"), 2000)


def test_a_rising_curve_has_none():
    assert drawdown(curve(1, 2, 3)) == (0, 0, 0, 0, 0)


def test_without_a_positive_high_there_is_no_percent():
    found = drawdown(curve(0, -50))
    assert (found.absolute, found.maximal) == (50, 50)
    assert (found.maximal_percent, found.relative_percent) == (None, None)


def test_an_empty_curve_is_refused():
    with pytest.raises(ValueError, match="at least one point"):
        drawdown([])


def test_under_water_is_measured_from_the_last_high():
    assert underwater(curve(0, 10, 5, 20, 15)) == curve(0, 0, "-0.5", 0, "-0.25")
    assert largest_fall(curve(10, 5, 20, 15)) == D("0.5")


points = st.lists(st.decimals(min_value=1, max_value=10**6, places=2), min_size=1, max_size=30)


@given(points)
def test_no_fall_exceeds_the_range_and_none_is_negative(listed):
    found = drawdown(listed)
    assert 0 <= found.absolute <= found.maximal <= max(listed) - min(listed)
    assert found.relative <= found.maximal
    assert 0 <= found.maximal_percent <= found.relative_percent < 100


@given(points)
def test_the_largest_fall_is_the_deepest_point_under_water(listed):
    assert largest_fall(listed) == -min(underwater(listed))
