"""Margin of an account's open positions, in its currency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import NamedTuple

from accounts.market import NO_OPENING, NO_RATE, NO_TERMS, Market
from accounts.models import Position
from brokers.models import Instrument
from tradershub.finance.decimals import ZERO, post_money
from tradershub.finance.margin import HeldLots, hedged_margin, leg_margins
from tradershub.finance.money import currency_digits
from tradershub.finance.terms import BY_TICK, IS_FOREX, ContractTerms

Rates = Callable[[str], Decimal | None]


class MarginUsed(NamedTuple):
    """In the account's currency; None with the reason where it cannot be known."""

    amount: Decimal | None
    reason: str = ""


def margin_used(
    held: Collection[Position],
    *,
    currency: str,
    leverage: Decimal | None,
    market: Market,
    rates: Rates | None = None,
) -> MarginUsed:
    """Margin of the open positions, symbol by symbol as MetaTrader charges it. leverage: None is unknown.

    rates: the account's currency for one of another, None where unknown; by default the day's references.
    """
    rates = rates or _references(market, currency)
    if not held:
        return MarginUsed(ZERO)
    if leverage is None:
        return MarginUsed(None, f"{NO_TERMS} of the account")
    by_symbol: dict[int, list[Position]] = defaultdict(list)
    for position in held:
        by_symbol[position.symbol_id].append(position)
    total = ZERO
    for positions in by_symbol.values():
        used = _of_symbol(
            positions, currency=currency, leverage=leverage, market=market, rates=rates
        )
        if used.amount is None:
            return used
        total += used.amount
    return MarginUsed(total)


def _references(market: Market, currency: str) -> Rates:
    def rate(code: str) -> Decimal | None:
        found = market.rates.rate(code, currency, market.day)
        return None if found is None else found.value

    return rate


def _of_symbol(
    positions: list[Position], *, currency: str, leverage: Decimal, market: Market, rates: Rates
) -> MarginUsed:
    symbol = positions[0].symbol
    contract, instrument = market.contracts.get(symbol.pk), symbol.instrument
    if contract is None or instrument is None or _has_no_margin(contract):
        return MarginUsed(None, f"{symbol.name} {NO_TERMS}")
    lots = [HeldLots(p.side, p.open_volume, p.open_price) for p in positions if p.open_price]
    if len(lots) < len(positions):
        return MarginUsed(None, f"{symbol.name} {NO_OPENING}")
    at_price = contract.mode in IS_FOREX and instrument.quote == currency
    amount = _charged(lots, contract, leverage, at_price=at_price)
    if not at_price:
        rate = rates(_margin_currency(contract, instrument))
        if rate is None:
            return MarginUsed(None, f"{symbol.name} {NO_RATE}")
        amount *= rate
    return MarginUsed(post_money(amount, currency_digits(currency)))


def _has_no_margin(contract: ContractTerms) -> bool:
    return contract.mode in BY_TICK and not contract.margin_initial


def _margin_currency(contract: ContractTerms, instrument: Instrument) -> str:
    return instrument.base if contract.mode in IS_FOREX else instrument.quote


def _charged(
    lots: list[HeldLots], contract: ContractTerms, leverage: Decimal, *, at_price: bool
) -> Decimal:
    """Both sides together where the terms say what covered lots cost, else each side in full."""
    if contract.hedged_size is None:
        sides = leg_margins(lots, terms=contract, leverage=leverage, at_price=at_price)
        return sum(sides.values(), ZERO)
    return hedged_margin(lots, terms=contract, leverage=leverage, at_price=at_price).total
