"""The worst price at which an order may open, at 1.1040/1.1041."""

from decimal import Decimal as D

import pytest

from tradershub.finance.opening import likely_price, opening_price, opens_at_once

QUOTE = {"bid": D("1.1040"), "ask": D("1.1041")}


@pytest.mark.parametrize(
    ("side", "kind", "prices", "expected"),
    [
        ("buy", "market", {}, "1.1041"),
        ("sell", "market", {}, "1.1040"),
        ("buy", "market", {"price": "1.0405"}, "1.1041"),  # not of this kind: ignored
        ("buy", "limit", {"price": "1.09"}, "1.09"),
        ("buy", "limit", {"price": "1.12"}, "1.1041"),  # the market has passed it
        ("sell", "limit", {"price": "1.12"}, "1.12"),
        ("sell", "limit", {"price": "1.09"}, "1.1040"),
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


@pytest.mark.parametrize(
    ("side", "kind", "prices", "expected", "at_once"),
    [
        ("buy", "market", {}, "1.1041", True),
        ("buy", "limit", {"price": "1.09"}, "1.09", False),
        ("buy", "limit", {"price": "1.12"}, "1.1041", True),
        ("sell", "limit", {"price": "1.12"}, "1.12", False),
        ("sell", "limit", {"price": "1.09"}, "1.1040", True),
        ("buy", "stop", {"price": "1.12"}, "1.12", False),
        ("buy", "stop", {"price": "1.08"}, "1.1041", True),
        ("sell", "stop", {"price": "1.12"}, "1.1040", True),
        ("buy", "stop_limit", {"price": "1.12", "limit_price": "1.15"}, "1.12", False),
        ("buy", "stop_limit", {"price": "1.08", "limit_price": "1.15"}, "1.1041", True),
        ("buy", "stop_limit", {"price": "1.08", "limit_price": "1.09"}, "1.09", False),
        ("sell", "trailing_stop", {}, "1.1040", False),
    ],
)
def test_what_the_market_has_passed_opens_at_the_market(side, kind, prices, expected, at_once):
    given = {"price": None} | {name: D(text) for name, text in prices.items()}
    assert likely_price(side, kind, **given, **QUOTE) == D(expected)
    assert opens_at_once(side, kind, **given, **QUOTE) == at_once


@pytest.mark.parametrize("kind", ["limit", "stop", "stop_limit"])
def test_without_a_quote_it_likely_opens_at_its_own_price(kind):
    given = {"price": D("1.09"), "limit_price": D("1.1")}
    assert likely_price("buy", kind, **given, bid=None, ask=None) == D("1.09")


NEAR = [D("1.1030"), D("1.1039"), D("1.1040"), D("1.1041"), D("1.1042"), D("1.1050")]


@pytest.mark.parametrize("limit", NEAR)
@pytest.mark.parametrize("price", NEAR)
def test_it_opens_at_once_where_its_stop_is_reached_and_its_limit_allows(price, limit):
    bid, ask = QUOTE["bid"], QUOTE["ask"]
    expected = {
        ("buy", "limit"): ask <= price,
        ("sell", "limit"): bid >= price,
        ("buy", "stop"): ask >= price,
        ("sell", "stop"): bid <= price,
        ("buy", "stop_limit"): price <= ask <= limit,
        ("sell", "stop_limit"): price >= bid >= limit,
        ("buy", "market"): True,
        ("sell", "market"): True,
        ("buy", "trailing_stop"): False,
        ("sell", "trailing_stop"): False,
    }
    found = {
        (side, kind): opens_at_once(side, kind, price=price, limit_price=limit, **QUOTE)
        for side, kind in expected
    }
    assert found == expected


@pytest.mark.parametrize("kind", ["limit", "stop", "stop_limit"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_names_no_price_of_its_own_does_not_open_at_once(side, kind):
    assert not opens_at_once(side, kind, price=None, **QUOTE)
