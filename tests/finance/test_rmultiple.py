from decimal import Decimal as D

import pytest

from tradershub.finance.rmultiple import (
    initial_risk,
    r_multiple,
    r_statistics,
    risk_from_losses,
    sqn_band,
    total_risk,
)


def test_risk_is_the_distance_to_the_first_stop():
    risk = initial_risk(entry=D("1.0845"), stop=D("1.0815"), units=D(-100_000), rate=D("0.92"))
    assert risk == 276


def test_without_risk_there_is_no_r():
    assert r_multiple(D(100), D(0)) is None
    assert r_multiple(D(100), None) is None
    assert r_multiple(D(-150), D(100)) == D("-1.5")


def test_without_a_stop_one_r_is_the_average_loss():
    assert risk_from_losses([D(-120), D(300), D(-60)]) == 90
    assert risk_from_losses([D(10)]) is None


def test_sqn_is_capped_at_a_hundred_trades():
    found = r_statistics([1.0, -0.5] * 100)
    assert found.sqn == pytest.approx(found.sqn_uncapped / 2**0.5)
    assert found.reliable
    assert not r_statistics([1.0, -0.5]).reliable


@pytest.mark.parametrize("multiples", [[], [1.0], [1.0, 1.0]])
def test_what_does_not_vary_has_no_quality(multiples):
    found = r_statistics(multiples)
    assert (found.sqn, found.band) == (None, None)


@pytest.mark.parametrize(
    ("sqn", "band"),
    [
        (-1.0, "no_edge"),
        (1.59, "no_edge"),
        (1.6, "below_average"),
        (2.0, "average"),
        (2.5, "good"),
        (3.0, "excellent"),
        (5.0, "superb"),
        (7.0, "holy_grail"),
    ],
)
def test_bands_begin_where_van_tharp_puts_them(sqn, band):
    assert sqn_band(sqn) == band


def test_bands_can_be_others():
    assert sqn_band(1.7, [(1.5, "hopeful")]) == "hopeful"


def test_heat_adds_the_open_risks():
    assert total_risk([D(100), D("50.5")]) == D("150.5")
