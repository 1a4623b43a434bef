"""A netting book, fill by fill."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tradershub.example.fills import Fill
from tradershub.example.market import Market
from tradershub.example.mt5_book import Book
from tradershub.example.records import CashFlow, History
from tradershub.example.story import EUROS


@pytest.fixture
def book(market: Market) -> Book:
    book = Book(market, History(EUROS, []))
    book.flow(CashFlow(market.opened(10), Decimal(1000), "Deposit"), 1)
    return book


def fill(market: Market, number: int, side: str, lots: str, price: str) -> Fill:
    at = market.opened(20) + timedelta(minutes=number)
    return Fill(
        key="EURGBP",
        name="EURGBP",
        side=side,
        lots=Decimal(lots),
        price=Decimal(price),
        at=at,
        placed_at=at,
        type=side,
        order=100 + number,
        deal=200 + number,
    )


def test_adding_averages_the_price_and_keeps_the_position(book: Book, market: Market):
    book.fill(fill(market, 1, "buy", "0.10", "0.80000"))
    book.fill(fill(market, 2, "buy", "0.30", "0.84000"))
    (row,), _ = book.open_rows(market.opened(25))
    assert (row.ticket, row.lots, row.price) == (101, Decimal("0.40"), Decimal("0.83000"))


def test_a_larger_opposite_deal_reverses_into_a_position_of_its_own(book: Book, market: Market):
    book.fill(fill(market, 1, "buy", "0.10", "0.80000"))
    book.fill(fill(market, 2, "sell", "0.25", "0.81000"))
    deal = book.deals[-1]
    assert (deal.entry, deal.lots, deal.position_side) == ("in/out", Decimal("0.25"), "buy")
    assert deal.profit > 0
    (closed,) = book.positions
    assert (closed.ticket, closed.lots) == (101, Decimal("0.10"))
    (row,), _ = book.open_rows(market.opened(25))
    assert (row.ticket, row.side, row.lots) == (102, "sell", Decimal("0.15"))


def test_reducing_in_parts_ends_in_one_row_with_the_weighted_price(book: Book, market: Market):
    book.fill(fill(market, 1, "sell", "0.40", "0.80000"))
    book.fill(fill(market, 2, "buy", "0.10", "0.79000"))
    book.fill(fill(market, 3, "buy", "0.30", "0.80000"))
    (closed,) = book.positions
    assert closed.close_price == Decimal("0.79750")
    assert closed.lots == Decimal("0.40")
    assert closed.profit == sum(deal.profit for deal in book.deals if deal.is_trade)
    assert book.open_rows(market.opened(25))[0] == []
