"""Numbers and dates as people write them, and when a reading is certain."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts.statements.table_values import (
    DAY_FIRST,
    MONTH_FIRST,
    YEAR_FIRST,
    Found,
    date_order,
    decimal_mark,
    in_utc,
    read_number,
    read_time,
)


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1234.56", ".", "1234.56"),
        ("1,234.56", ".", "1234.56"),
        ("1.234,56", ",", "1234.56"),
        ("1 234,56 €", ",", "1234.56"),
        ("1'234.50 CHF", ".", "1234.50"),
        ("$(10.00)", ".", "-10.00"),
        ("($20.00)", ".", "-20.00"),
        ("(20.00)", ".", "-20.00"),
        ("-$18.98", ".", "-18.98"),
        ("$-18.98", ".", "-18.98"),
        ("- 30.12", ".", "-30.12"),
        ("−5", ".", "-5"),
        ("0.10 Lots", ".", "0.10"),
        (".5", ".", "0.5"),
        ("+7", ".", "7"),
    ],
)
def test_number_is_read_with_its_decimal_mark(text, decimal, value):
    assert read_number(text, decimal) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "abc", "1E+999999", "٣٫٥", "1.2.3", "1,23,4.5.6", "9" * 5000, "--5", "NaN", "=1+1"]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        read_number(text, ".")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["1.13236"], Found(".", True)),
        (["1,13236", "1.000,00"], Found(",", True)),
        (["1,234"], Found(",", False)),
        (["1,234", "0,5"], Found(",", True)),
        (["1,234,567"], Found(".", True)),
        (["1", "20"], Found(".", True)),
        (["419,22", "1.83"], Found(".", False)),
    ],
)
def test_decimal_mark_is_certain_only_where_a_value_proves_it(texts, found):
    assert decimal_mark(texts) == found


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["2026-01-02 10:00"], Found(YEAR_FIRST, True)),
        (["02/03/2026"], Found(DAY_FIRST, False)),
        (["02/03/2026", "31/03/2026"], Found(DAY_FIRST, True)),
        (["02/03/2026", "03/31/2026"], Found(MONTH_FIRST, True)),
        (["13/01/2026", "01/13/2026"], Found(DAY_FIRST, False)),
        (["02.03.2026"], Found(DAY_FIRST, True)),
        (["02-Jan-2026"], Found(YEAR_FIRST, True)),
    ],
)
def test_order_of_day_and_month_is_certain_only_where_a_value_proves_it(texts, found):
    assert date_order(texts) == found


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("2026.01.31 14:30:00", YEAR_FIRST, "2026.01.31 14:30:00"),
        ("2026-01-31T14:30:00.250", YEAR_FIRST, "2026.01.31 14:30:00.250000"),
        ("31.01.2026 14:30", DAY_FIRST, "2026.01.31 14:30:00"),
        ("1/31/2026 2:30:00 PM", MONTH_FIRST, "2026.01.31 14:30:00"),
        ("1/31/26 12:30 AM", MONTH_FIRST, "2026.01.31 00:30:00"),
        ("31-Jan-2026", DAY_FIRST, "2026.01.31 00:00:00"),
        ("Jan 31, 2026 14:30", DAY_FIRST, "2026.01.31 14:30:00"),
        ("20260131 143000", YEAR_FIRST, "2026.01.31 14:30:00"),
        ("2026-01-31, 14:30:00", YEAR_FIRST, "2026.01.31 14:30:00"),
    ],
)
def test_time_is_read_in_the_order_given(text, order, moment):
    assert read_time(text, order) == (moment, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "010.09.2024 20:49:02",
        "31/02/2026",
        "2026-13-01",
        "2026-01-01 25:00",
        "1/1/1",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        read_time(text, DAY_FIRST)


def test_offset_is_kept_and_moves_the_time_to_utc():
    text, offset = read_time("2026-01-31T22:30:00-05:00", YEAR_FIRST)
    assert offset == -dt.timedelta(hours=5)
    assert in_utc(text, offset) == "2026.02.01 03:30:00"
    assert read_time("2026-01-31 10:00:00Z", YEAR_FIRST)[1] == dt.timedelta(0)
