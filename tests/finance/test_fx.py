from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.decimals import quantise
from tradershub.finance.fx import DealPrice, NoRate, Quote, RateTable, Rule, marked_up_rate

NOW = datetime(2024, 6, 3, 12, tzinfo=UTC)


def quote(pair, bid, ask, at=NOW):
    return Quote(pair[:3], pair[3:], Decimal(bid), Decimal(ask), at)


def convert(quotes, amount, frm, to, rule, **more):
    found = RateTable(quotes).convert(
        Decimal(amount), frm=frm, to=to, rule=rule, **({"at": NOW} | more)
    )
    return quantise(found.amount, 2)


USDCHF = quote("USDCHF", "0.91500", "0.91520")
GBPUSD = quote("GBPUSD", "1.27110", "1.27125")
EURUSD = quote("EURUSD", "1.08440", "1.08452")


@pytest.mark.parametrize(
    ("amount", "rule", "closing", "expected"),
    [
        ("500", Rule.BY_DEAL, "buy", "546.45"),
        ("500", Rule.BY_DEAL, "sell", "546.33"),
        ("-500", Rule.BY_DEAL, "buy", "-546.45"),
        ("500", Rule.BY_MARKET, None, "546.33"),
        ("-500", Rule.BY_MARKET, None, "-546.45"),
    ],
)
def test_the_reverse_symbol_swaps_the_sides(amount, rule, closing, expected):
    assert convert([USDCHF], amount, "CHF", "USD", rule, closing=closing) == Decimal(expected)


@pytest.mark.parametrize(
    ("amount", "rule", "closing", "expected"),
    [
        ("100", Rule.BY_DEAL, "buy", "127.13"),
        ("100", Rule.BY_DEAL, "sell", "127.11"),
        ("100", Rule.BY_MARKET, None, "127.11"),
        ("-100", Rule.BY_MARKET, None, "-127.13"),
        ("100", Rule.MID, None, "127.12"),
    ],
)
def test_the_direct_symbol_follows_the_rule(amount, rule, closing, expected):
    assert convert([GBPUSD], amount, "GBP", "USD", rule, closing=closing) == Decimal(expected)


def test_through_dollars_each_leg_takes_the_bad_side():
    quotes = [GBPUSD, EURUSD]
    assert convert(quotes, "312.40", "GBP", "EUR", Rule.BY_MARKET) == Decimal("366.15")
    by_deal = convert(quotes, "312.40", "GBP", "EUR", Rule.BY_DEAL)
    assert by_deal == Decimal("366.15")


def test_the_trail_names_price_side_and_time():
    found = RateTable([GBPUSD, EURUSD]).convert(
        Decimal(100), frm="GBP", to="EUR", at=NOW, rule=Rule.BY_MARKET
    )
    assert [(leg.base, leg.quote, leg.side, leg.divides) for leg in found.legs] == [
        ("GBP", "USD", "bid", False),
        ("EUR", "USD", "ask", True),
    ]
    assert found.legs[0].at == NOW


def test_the_last_quote_before_the_moment_counts():
    later = quote("GBPUSD", "1.30", "1.30", at=NOW + timedelta(seconds=1))
    assert convert([later, GBPUSD], "100", "GBP", "USD", Rule.BID) == Decimal("127.11")
    at = NOW + timedelta(seconds=1)
    assert convert([later, GBPUSD], "100", "GBP", "USD", Rule.BID, at=at) == Decimal("130.00")


def test_before_the_first_quote_there_is_no_rate():
    with pytest.raises(NoRate, match="no rate from GBP to USD"):
        convert([GBPUSD], "1", "GBP", "USD", Rule.MID, at=NOW - timedelta(days=1))


def test_an_unknown_currency_has_no_rate():
    with pytest.raises(NoRate, match="no rate from XAU to USD"):
        convert([GBPUSD], "1", "XAU", "USD", Rule.MID)


def test_without_dollars_another_currency_joins():
    quotes = [quote("EURSEK", "11.2", "11.4"), quote("EURNOK", "11.5", "11.7")]
    assert convert(quotes, "113", "SEK", "NOK", Rule.MID) == Decimal("116.00")


def test_the_traded_symbol_converts_at_its_own_price():
    deal = DealPrice("USD", "CHF", Decimal("0.91"), NOW)
    more = {"closing": "buy", "deal": deal}
    assert convert([USDCHF], "500", "CHF", "USD", Rule.BY_DEAL, **more) == Decimal("549.45")
    assert convert([USDCHF], "500", "CHF", "USD", Rule.BY_MARKET, **more) == Decimal("546.33")
    quotes = [USDCHF, GBPUSD]
    assert convert(quotes, "500", "GBP", "USD", Rule.BY_DEAL, **more) == Decimal("635.63")


def test_by_deal_needs_the_side():
    with pytest.raises(ValueError, match="side of the position"):
        convert([GBPUSD], "1", "GBP", "USD", Rule.BY_DEAL)


def test_a_quote_must_be_positive():
    with pytest.raises(ValueError, match="GBPUSD was not positive"):
        RateTable([quote("GBPUSD", "0", "1")])


def test_oanda_marks_the_mid_up_against_the_trader():
    mid, percent = Decimal("0.770025"), Decimal("0.5")
    assert marked_up_rate(mid, markup_percent=percent, gain=True) == Decimal("0.766174875")
    assert marked_up_rate(mid, markup_percent=percent, gain=False) == Decimal("0.773875125")


amounts = st.decimals(min_value=-(10**6), max_value=10**6, places=2)


@given(amounts)
def test_by_market_is_never_better_than_mid(amount):
    table = RateTable([GBPUSD, EURUSD])
    way = {"frm": "GBP", "to": "EUR", "at": NOW}
    worst = table.convert(amount, rule=Rule.BY_MARKET, **way).amount
    assert worst <= table.convert(amount, rule=Rule.MID, **way).amount


@given(amounts)
def test_the_same_currency_is_left_alone(amount):
    found = RateTable([]).convert(amount, frm="EUR", to="EUR", at=NOW)
    assert (found.amount, found.rate, found.legs) == (amount, 1, ())
