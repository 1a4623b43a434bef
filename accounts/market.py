"""What open positions are valued with: the terms and reference rates in force on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Position
from brokers.contracts import contracts_of, terms_on
from brokers.models import BrokerSymbol, Instrument, SymbolTerms
from brokers.rate_table import RateTable
from brokers.rates import Rate
from tradershub.finance.decimals import ONE, post_money
from tradershub.finance.money import currency_digits
from tradershub.finance.pnl import price_profit
from tradershub.finance.terms import ContractTerms

NO_TERMS = "unchecked: no terms"
NO_OPENING = "unchecked: its opening is not known"
NO_PRICE = "unchecked: no price"
NO_RATE = "unchecked: no rate"


class Gain(NamedTuple):
    """A profit in the account's currency and the rate that converted it, or the reason why it is not known."""

    amount: Decimal | None
    rate: Rate | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Market:
    """contracts: by symbol id; a symbol without usable terms is not in it. terms: the rows they are made from."""

    day: dt.date
    contracts: dict[int, ContractTerms]
    rates: RateTable
    terms: dict[int, SymbolTerms] = field(default_factory=dict)

    def gain(self, position: Position, *, price: Decimal, lots: Decimal, currency: str) -> Gain:
        """What closing lots of the position at the price earns in that currency, without swap and commission.

        Converted by the symbol's own price where it converts, else by the day's reference rate.
        """
        contract, instrument = self.contracts.get(position.symbol_id), position.symbol.instrument
        if contract is None or instrument is None:
            return Gain(None, reason=NO_TERMS)
        if position.open_price is None:
            return Gain(None, reason=NO_OPENING)
        profit = price_profit(
            side=position.side,
            lots=lots,
            open_price=position.open_price,
            close_price=price,
            terms=contract,
        )
        rate = self.profit_rate(instrument, price=price, currency=currency)
        if rate is None:
            return Gain(None, reason=NO_RATE)
        return Gain(post_money(profit * rate.value, currency_digits(currency)), rate)

    def profit_rate(self, instrument: Instrument, *, price: Decimal, currency: str) -> Rate | None:
        """Units of the currency for one of the price's."""
        if instrument.base == currency:
            return Rate(ONE / price, self.day, "the symbol's own price")
        return self.rates.rate(instrument.quote, currency, self.day)


def market_on(
    day: dt.date,
    symbols: Collection[BrokerSymbol],
    currencies: Iterable[str],
    *,
    terms: dict[int, SymbolTerms] | None = None,
) -> Market:
    """Terms of the symbols, and rates between those currencies and the ones the symbols are quoted in.

    terms: the rows in force on that day, where at hand.
    """
    instruments = [symbol.instrument for symbol in symbols if symbol.instrument]
    wanted = {code for i in instruments for code in (i.base, i.quote)} | set(currencies)
    if terms is None:
        terms = terms_on(symbols, day)
    rates = RateTable(wanted, start=day, end=day)
    return Market(day, contracts_of(terms, symbols), rates, terms)
