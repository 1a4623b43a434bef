from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.decimals import (
    Rounding,
    from_float,
    post_money,
    quantise,
    round_lots,
    round_price,
    round_to_step,
    split,
    to_decimal,
    to_float,
)

money = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
lots = st.decimals(min_value=0, max_value=10**6, places=4)
steps = st.sampled_from([Decimal(s) for s in ("0.01", "0.1", "1", "0.03", "0.001", "25")])


@pytest.mark.parametrize("text", ["12.50", "-3", "+.5", "1e3", " 7 "])
def test_plain_figures_become_exact_decimals(text):
    assert to_decimal(text) == Decimal(text.strip())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1_000",
        "1,5",
        "٣",
        "NaN",
        "Infinity",
        "-inf",
        "1E+999999",
        "1e40",
        "1e-99",
        "9" * 31,
    ],
)
def test_other_figures_are_refused_with_what_was_found(text):
    with pytest.raises(ValueError, match="expected"):
        to_decimal(text)


@pytest.mark.parametrize("value", [0.1, True, None, [1]])
def test_what_is_not_exact_is_refused(value):
    with pytest.raises(TypeError, match="expected Decimal, int or text"):
        to_decimal(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), 10**30])
def test_numbers_that_are_no_money_are_refused(value):
    with pytest.raises(ValueError, match="expected"):
        to_decimal(value)


def test_floats_cross_by_name():
    assert to_float(Decimal("0.1")) == 0.1
    assert to_float(None) is None
    assert from_float(0.1) == Decimal("0.1")


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_UP, "-2.68"),
        (Rounding.HALF_EVEN, "-2.68"),
        (Rounding.TRUNCATE, "-2.67"),
        (Rounding.FLOOR, "-2.68"),
        (Rounding.CEILING, "-2.67"),
    ],
)
def test_rounding_is_a_choice(rounding, expected):
    assert quantise(Decimal("-2.675"), 2, rounding=rounding) == Decimal(expected)


def test_ties_go_away_from_zero_unless_posted():
    assert quantise(Decimal("0.125"), 2) == Decimal("0.13")
    assert post_money(Decimal("0.125"), 2) == Decimal("0.12")


def test_a_rounded_zero_has_no_sign():
    assert str(quantise(Decimal("-0.001"), 2)) == "0.00"


def test_lots_are_floored_exactly():
    assert round_lots(Decimal("0.3"), Decimal("0.1")) == Decimal("0.3")


def test_price_goes_to_the_nearest_tick():
    assert round_price(Decimal("5321.38"), Decimal("0.25")) == Decimal("5321.50")


@pytest.mark.parametrize("step", ["0", "-0.01"])
def test_a_step_must_be_positive(step):
    with pytest.raises(ValueError, match="was"):
        round_to_step(Decimal(1), Decimal(step))


def test_negative_lots_are_refused():
    with pytest.raises(ValueError, match="never negative"):
        round_lots(Decimal(-1), Decimal("0.01"))


@given(lots, steps)
def test_lots_never_grow_and_lose_less_than_a_step(wanted, step):
    rounded = round_lots(wanted, step)
    assert rounded <= wanted < rounded + step
    assert rounded % step == 0


@given(money, st.lists(lots, min_size=1, max_size=8))
def test_parts_add_up_to_the_amount(amount, weights):
    assert sum(split(amount, weights)) == amount


def test_parts_follow_the_weights():
    assert split(Decimal("-3.50"), [Decimal(1), Decimal(2)]) == [Decimal("-1.17"), Decimal("-2.33")]
