"""A symbol's dated terms as the values that the maths works with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from brokers.models import Broker, BrokerSymbol, SymbolTerms
from tradershub.finance.decimals import ZERO, Rounding
from tradershub.finance.money import currency_digits
from tradershub.finance.terms import BY_TICK, CalcMode, ContractTerms

BY_TICK_VALUE = BY_TICK | {CalcMode.CFD_INDEX}
ROUNDINGS = {
    Broker.Rounding.HALF_UP: Rounding.HALF_UP,
    Broker.Rounding.TRUNCATE: Rounding.TRUNCATE,
}


def contracts_on(symbols: Collection[BrokerSymbol], day: dt.date) -> dict[int, ContractTerms]:
    """The terms in force on that day by symbol id, usable ones only.

    Left out: a symbol without terms, without an instrument, or without the tick value that its mode needs.
    """
    mapped = {symbol.pk: symbol for symbol in symbols if symbol.instrument_id}
    rows = SymbolTerms.objects.filter(symbol__in=mapped, valid_from__lte=day)
    newest_last = rows.order_by("valid_from")
    contracts = {row.symbol_id: contract(row, mapped[row.symbol_id]) for row in newest_last}
    return {pk: terms for pk, terms in contracts.items() if _is_usable(terms)}


def _is_usable(terms: ContractTerms) -> bool:
    return terms.mode not in BY_TICK_VALUE or bool(terms.tick_value)


def contract(terms: SymbolTerms, symbol: BrokerSymbol) -> ContractTerms:
    """These terms of a mapped symbol."""
    return ContractTerms(
        mode=CalcMode(terms.margin_mode),
        contract_size=terms.contract_size,
        digits=terms.digits,
        tick_size=terms.tick_size,
        tick_value=terms.tick_value,
        pip_size=symbol.instrument.pip_size,
        profit_digits=currency_digits(symbol.instrument.quote),
        rounding=ROUNDINGS[Broker.Rounding(symbol.broker.rounding)],
        lot_min=terms.lot_min,
        lot_step=terms.lot_step,
        lot_max=terms.lot_max,
        margin_rate_buy=terms.margin_rate,
        margin_rate_sell=terms.margin_rate,
        margin_initial=terms.margin_initial or ZERO,
        hedged_size=terms.hedged_size,
    )
