"""What the books keep of a row as JSON, written by hand as json itself would write it."""

import datetime as dt
import json
from decimal import Decimal as D

import pytest

from accounts.statements.extras import _order_line
from accounts.statements.lines import plain, restored, stored, stored_text

AT = dt.datetime(2024, 3, 5, 14, 30, tzinfo=dt.UTC)
TRADE = (
    "trade", "EURUSD", "buy", "in", D("1.50"), D("1.10000"), D(0), D("-0.00"), D("-3.5"), D("1E+3"), D("0E-12"),
    AT, "2024.03.05 16:30:00", "17", "17", "16", 'a "word", ö\\ \n\t\x01 \u2028',
)  # fmt: skip
MONEY = ("deposit", "", "", "", None, None, D("1000"), *TRADE[7:11], AT, "", "", "", "", "")
FREE = (*TRADE[:4], D(0), D("0.00"), *TRADE[6:])


@pytest.mark.parametrize("values", [TRADE, MONEY, FREE])
@pytest.mark.parametrize("inferred", [True, False])
def test_the_text_is_the_json_of_what_is_stored(values, inferred):
    kept = stored(values, inferred=inferred)
    text = stored_text(values, inferred=inferred)
    assert text == json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
    assert restored(json.loads(text)) == values


def test_a_line_of_an_order_is_json():
    row = (
        "17",
        'EU"R',
        "limit",
        "buy",
        D("0.10"),
        D("1E+2"),
        None,
        None,
        D("0E-9"),
        "filled",
        AT,
        None,
        "ö\n\\",
    )
    assert json.loads(_order_line(row)) == [
        "17", 'EU"R', "limit", "buy", "0.10", "100", None, None, "0.000000000", "filled", AT.isoformat(), None,
        "ö\n\\",
    ]  # fmt: skip
    assert _order_line(row).count("\n") == 1


@pytest.mark.parametrize(
    "text", ["0", "-0", "1.50", "1E+3", "-1.5E-12", "0E-12", "123456789012345.123456789"]
)
def test_plain_is_the_fixed_notation(text):
    assert plain(D(text)) == f"{D(text):f}"
