"""Money of a holding, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tradershub.example import clock, worth
from tradershub.example.market import Market


def test_a_dollar_pair_earns_its_difference_in_dollars(market: Market):
    gain = worth.profit(
        market,
        name="EURUSD",
        side="sell",
        lots=Decimal("0.30"),
        opened=Decimal("1.10000"),
        closed=Decimal("1.09850"),
        at=market.end,
        currency="USD",
    )
    assert gain == Decimal("45.00")


def test_a_pair_that_itself_converts_is_converted_at_its_closing_price(market: Market):
    gain = worth.profit(
        market,
        name="USDJPY",
        side="buy",
        lots=Decimal(1),
        opened=Decimal("150.000"),
        closed=Decimal("151.000"),
        at=market.end,
        currency="USD",
    )
    assert gain == Decimal("662.25")  # 100 000 yen / 151


def test_wednesday_night_costs_three(market: Market):
    tuesday, thursday, monday = date(2026, 5, 5), date(2026, 5, 7), date(2026, 5, 11)
    counts = clock.nights(clock.server_time(tuesday, 600), clock.server_time(thursday, 600))
    assert counts == [(tuesday, 1), (date(2026, 5, 6), 3)]
    weekend = clock.nights(clock.server_time(date(2026, 5, 8), 600), clock.server_time(monday, 1))
    assert weekend == [(date(2026, 5, 8), 1)]
    cost = worth.swap(
        market,
        name="EURUSD",
        side="buy",
        lots=Decimal(1),
        start=clock.server_time(tuesday, 600),
        end=clock.server_time(thursday, 600),
        currency="USD",
    )
    assert cost == Decimal("-27.20")  # -6.8 points of 1 dollar, four times
