"""Figures read as pages.md says."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tradershub.core import formats

D = Decimal


def test_what_a_rule_judged_by_is_told_in_words():
    figures = {
        "epoch": 0,
        "instrument": 4,
        "limit_id": 7,
        "account_is_live": False,
        "lots": "1.50",
        "x": None,
    }
    assert formats.checked(figures) == [("account is live", "no"), ("lots", "1.5")]
    assert formats.checked({"epoch": 0}) == []
    assert formats.spoken("kill_switch") == "kill switch"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.7406991225852365836072328192", "0.74069912"),
        ("9.000000000", "9"),
        (D("-1234.50"), "−1\u202f234.5"),
        ("2026-03-02", "2026-03-02"),
        ("1.5 lots", "1.5 lots"),
        (90, "90"),
        (True, "True"),
    ],
)
def test_a_figure_of_a_rule_has_the_digits_that_say_something(value, text):
    assert formats.figure(value) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (D("1234.56"), "USD", "+1\u202f234.56"),
        (D("-87.1"), "EUR", "−87.10"),
        (D("0"), "EUR", "0.00"),
        (D("-0.004"), "EUR", "0.00"),
        (D("0.004"), "EUR", "0.00"),
        (D("1234567"), "JPY", "+1\u202f234\u202f567"),
        (D("1.2345"), "KWD", "+1.235"),
        (None, "EUR", "–"),
    ],
)
def test_profit_has_a_sign_and_the_currencys_digits(amount, currency, text):
    assert formats.signed(amount, currency) == text


def test_a_balance_has_no_plus():
    assert formats.money(D("1234.5"), "USD") == "1\u202f234.50"


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [
        (D("1.1"), D("0.00001"), "1.10000"),
        (D("2400.125"), D("0.01"), "2\u202f400.125"),
        (D("1.100000000"), None, "1.1"),
        (D("100"), None, "100"),
        (None, D("0.01"), "–"),
    ],
)
def test_a_price_has_the_digits_of_its_tick(value, tick, text):
    assert formats.price(value, tick) == text


def test_an_average_price_has_one_digit_more_than_its_tick_at_most():
    tick = Decimal("0.00001")
    assert formats.average_price(Decimal("1.106965155"), tick) == "1.106965"
    assert formats.average_price(Decimal("1.1070"), tick) == "1.10700"
    assert formats.average_price(Decimal("1.106965155"), None) == "1.106965155"


def test_lots_have_at_least_two_digits():
    assert [formats.lots(D(text)) for text in ("1", "0.125")] == ["1.00", "0.125"]


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "just now"),
        (5, "5 min ago"),
        (180, "3 h ago"),
        (60 * 24 * 12, "12 days ago"),
        (60 * 24 * 1243, "3 years ago"),
    ],
)
def test_age_is_said_in_one_unit(minutes, text):
    now = dt.datetime(2026, 8, 20, tzinfo=dt.UTC)
    assert formats.age(now - dt.timedelta(minutes=minutes), now=now) == text


@pytest.mark.parametrize(
    ("amount", "css"), [(D("1"), "gain"), (D("-1"), "loss"), (D("-0.25"), ""), (None, "")]
)
def test_what_rounds_to_zero_has_no_colour(amount, css):
    assert formats.gain_class(formats.signed(amount, "JPY")) == css
