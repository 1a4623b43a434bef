"""The worst price at which an order may open, at 1.1040/1.1041."""

from decimal import Decimal as D

import pytest

from tradershub.finance.opening import opening_price

QUOTE = {"bid": D("1.1040"), "ask": D("1.1041")}


@pytest.mark.parametrize(
    ("side", "kind", "prices", "expected"),
    [
        ("buy", "market", {}, "1.1041"),
        ("sell", "market", {}, "1.1040"),
        ("buy", "market", {"price": "1.0405"}, "1.1041"),  # not of this kind: ignored
        ("buy", "limit", {"price": "1.09"}, "1.09"),
        ("buy", "limit", {"price": "1.12"}, "1.12"),
        ("sell", "limit", {"price": "1.09"}, "1.09"),
        ("buy", "stop", {"price": "1.12"}, "1.12"),
        ("buy", "stop", {"price": "1.0805"}, "1.1041"),  # the market has passed it
        ("sell", "stop", {"price": "1.09"}, "1.09"),
        ("sell", "stop", {"price": "1.12"}, "1.1040"),
        ("buy", "stop_limit", {"price": "1.0805", "limit_price": "1.0810"}, "1.0810"),
        ("buy", "trailing_stop", {"distance": "0.01"}, "1.1141"),
        ("sell", "trailing_stop", {"distance": "0.01"}, "1.0940"),
    ],
)
def test_opening_price(side, kind, prices, expected):
    given = {name: D(text) for name, text in prices.items()}
    assert opening_price(side, kind, **{"price": None, **given}, **QUOTE) == D(expected)


@pytest.mark.parametrize(
    ("kind", "expected"), [("limit", D("1.09")), ("stop", None), ("market", None)]
)
def test_without_a_quote_only_a_limit_says_where_it_opens(kind, expected):
    assert opening_price("buy", kind, price=D("1.09"), bid=None, ask=None) == expected
