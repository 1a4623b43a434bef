"""What a holding earns, costs and binds, in the account's currency: costs negative."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from tradershub.example import clock
from tradershub.example.market import CONTRACTS, Market, rounded
from tradershub.example.records import BUY, ZERO


def profit(
    market: Market,
    *,
    name: str,
    side: str,
    lots: Decimal,
    opened: Decimal,
    closed: Decimal,
    at: datetime,
    currency: str,
) -> Decimal:
    """Price difference times size; a pair that itself converts is converted at the closing price."""
    contract = CONTRACTS[name]
    move = closed - opened if side == BUY else opened - closed
    amount = move * contract.size * lots
    if contract.base == currency:
        return rounded(amount / closed, currency)
    return rounded(amount * market.rate(contract.quote, currency, at), currency)


def swap(
    market: Market,
    *,
    name: str,
    side: str,
    lots: Decimal,
    start: datetime,
    end: datetime,
    currency: str,
) -> Decimal:
    """Overnight financing between two moments, each night rounded as it is charged."""
    contract = CONTRACTS[name]
    points = contract.swap_long if side == BUY else contract.swap_short
    charge = points * contract.point * contract.size * lots
    total = ZERO
    for day, count in clock.nights(start, end):
        at = clock.server_time(day, 23 * 60 + 59)
        total += rounded(charge * count * market.rate(contract.quote, currency, at), currency)
    return total


def commission(lots: Decimal, per_lot: Decimal, currency: str) -> Decimal:
    """The broker's fee for one side, never positive."""
    return ZERO - rounded(per_lot * lots, currency)


def margin(
    market: Market,
    *,
    name: str,
    lots: Decimal,
    price: Decimal,
    at: datetime,
    currency: str,
    leverage: int,
) -> Decimal:
    """Money held against a position."""
    contract = CONTRACTS[name]
    value = lots * contract.size * price / (contract.leverage or leverage)
    return rounded(value * market.rate(contract.quote, currency, at), currency)
