"""A symbol's dated terms as the values that the maths and the venue work with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

from django.db.models import QuerySet

from brokers.models import Broker, BrokerSymbol, Instrument, SymbolTerms
from tradershub.core.dated import each_in_force
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import ZERO, Rounding
from tradershub.finance.fx import Rule
from tradershub.finance.money import currency_digits
from tradershub.finance.terms import BY_TICK, CalcMode, ContractTerms
from tradershub.finance.venue.symbols import CommissionTerms, Scheme, SwapMode, SwapTerms, Symbol

BY_TICK_VALUE = BY_TICK | {CalcMode.CFD_INDEX}
ROUNDINGS = {
    Broker.Rounding.HALF_UP: Rounding.HALF_UP,
    Broker.Rounding.TRUNCATE: Rounding.TRUNCATE,
}
RULES = {
    Broker.Conversion.BY_DEAL: Rule.BY_DEAL,
    Broker.Conversion.BY_MARKET: Rule.BY_MARKET,
    Broker.Conversion.MID: Rule.MID,
}
SCHEMES = {
    SymbolTerms.Commission.NONE: Scheme.NONE,
    SymbolTerms.Commission.PER_LOT_SIDE: Scheme.PER_LOT,
    SymbolTerms.Commission.PER_MILLION: Scheme.PER_MILLION,
    SymbolTerms.Commission.PERCENT: Scheme.PERCENT,
    SymbolTerms.Commission.PER_TRADE: Scheme.PER_TRADE,
}
SWAPS = {
    SymbolTerms.Swap.POINTS: SwapMode.POINTS,
    SymbolTerms.Swap.MONEY: SwapMode.MONEY,
    SymbolTerms.Swap.INTEREST: SwapMode.INTEREST,
    SymbolTerms.Swap.FINANCING: SwapMode.FINANCING,
}
DAYS_IN_YEAR = {SwapMode.FINANCING: 365}
PAIRS = (Instrument.Category.FX, Instrument.Category.METAL, Instrument.Category.CRYPTO)


def contracts_on(symbols: Collection[BrokerSymbol], day: dt.date) -> dict[int, ContractTerms]:
    """The terms in force on that day by symbol id, usable ones only.

    Left out: a symbol without terms, without an instrument, or without the tick value that its mode needs.
    """
    return contracts_of(terms_on(symbols, day), symbols)


def terms_on(symbols: Collection[BrokerSymbol], day: dt.date) -> dict[int, SymbolTerms]:
    """The rows in force on that day by symbol id, of symbols with an instrument."""
    mapped = [symbol.pk for symbol in symbols if symbol.instrument_id]
    if not mapped:
        return {}
    if len(mapped) > FEW:
        return {row.symbol_id: row for row in _all_terms(mapped, day)}
    return {row.symbol_id: row for pk in mapped for row in _terms(pk, day)}


FEW = 3  # symbols, of which each is asked for by a question that is prepared


@prepared
def _terms(symbol: int, day: dt.date) -> QuerySet[SymbolTerms]:
    return each_in_force(SymbolTerms.objects.filter(symbol=symbol), day)


def symbol_on(pk: int, day: dt.date) -> tuple[BrokerSymbol, dict[int, SymbolTerms]]:
    """The symbol with its last quote, and its terms as `terms_on` gives them: one question where it has some."""
    for terms in _terms_with_symbol(pk, day):
        return terms.symbol, {pk: terms} if terms.symbol.instrument_id else {}
    (symbol,) = _symbols(pk)
    return symbol, {}


def symbols_on(
    pks: Collection[int], day: dt.date
) -> tuple[dict[int, BrokerSymbol], dict[int, SymbolTerms]]:
    """As `symbol_on`, of many."""
    if len(pks) <= FEW:
        pairs = [symbol_on(pk, day) for pk in pks]
        every = {pk: row for _, terms in pairs for pk, row in terms.items()}
        return {symbol.pk: symbol for symbol, _ in pairs}, every
    symbols = BrokerSymbol.objects.select_related(*BESIDE).in_bulk(pks)
    return symbols, terms_on(symbols.values(), day)


BESIDE = ("instrument", "broker", "last_quote")


@prepared
def _terms_with_symbol(symbol: int, day: dt.date) -> QuerySet[SymbolTerms]:
    rows = each_in_force(SymbolTerms.objects.filter(symbol=symbol), day)
    return rows.select_related(*(f"symbol__{name}" for name in BESIDE))


@prepared
def _symbols(pk: int) -> QuerySet[BrokerSymbol]:
    return BrokerSymbol.objects.select_related(*BESIDE).filter(pk=pk)


def _all_terms(symbols: Collection[int], day: dt.date) -> QuerySet[SymbolTerms]:
    return each_in_force(SymbolTerms.objects.filter(symbol__in=symbols), day)


def contracts_of(
    terms: Mapping[int, SymbolTerms], symbols: Collection[BrokerSymbol]
) -> dict[int, ContractTerms]:
    """These rows as contracts, usable ones only."""
    mapped = {symbol.pk: symbol for symbol in symbols}
    found = {pk: contract(row, mapped[pk]) for pk, row in terms.items()}
    return {pk: contract for pk, contract in found.items() if _is_usable(contract)}


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


def venue_symbols(broker: Broker, day: dt.date) -> list[Symbol]:
    """What can be traded at a venue under the broker's terms of that day: symbols with usable terms."""
    symbols = BrokerSymbol.objects.filter(broker=broker, instrument__isnull=False)
    mapped = {symbol.pk: symbol for symbol in symbols.select_related("instrument", "broker")}
    rows = each_in_force(SymbolTerms.objects.filter(symbol__in=mapped), day)
    made = (_venue_symbol(row, mapped[row.symbol_id]) for row in rows)
    return [symbol for symbol in made if _is_usable(symbol.terms)]


def _venue_symbol(row: SymbolTerms, symbol: BrokerSymbol) -> Symbol:
    instrument, broker = symbol.instrument, symbol.broker
    return Symbol(
        name=symbol.name,
        base=instrument.base if instrument.category in PAIRS else "",
        quote=instrument.quote,
        terms=contract(row, symbol),
        rule=RULES[Broker.Conversion(broker.conversion)],
        commission=CommissionTerms(
            scheme=SCHEMES[SymbolTerms.Commission(row.commission_scheme)],
            rate=row.commission_rate,
        ),
        swap=_swap(row, broker),
    )


def _swap(row: SymbolTerms, broker: Broker) -> SwapTerms:
    """Nights as the broker charges them: one a weekday, three on its triple day."""
    if row.swap_mode == SymbolTerms.Swap.NONE:
        return SwapTerms()
    week = {day: 1 for day in range(5)} | {broker.triple_swap_weekday: 3, 5: 0, 6: 0}
    mode = SWAPS[SymbolTerms.Swap(row.swap_mode)]
    return SwapTerms(
        mode=mode,
        long=row.swap_long,
        short=row.swap_short,
        days_in_year=DAYS_IN_YEAR.get(mode, 360),
        week=week,
    )
