"""Profit from prices, in the profit currency, as MetaTrader 5 computes it.

Source: MetaQuotes, MetaTrader 5 administrator documentation, "Profit Calculation".
"""

from decimal import Decimal

from tradershub.finance.decimals import HUNDRED, ONE, ZERO, quantise, round_to_step
from tradershub.finance.sides import DIRECTION, Side
from tradershub.finance.terms import BY_TICK, IS_FOREX, CalcMode, ContractTerms


def price_profit(
    *,
    side: Side,
    lots: Decimal,
    open_price: Decimal,
    close_price: Decimal,
    terms: ContractTerms,
    round_once: bool = False,
) -> Decimal:
    """Profit in the profit currency, rounded to its digits; negative is a loss.

    side: of the position. lots: never negative. In Forex modes the values at open and close are
    rounded each on its own (0.01 lot may differ by a cent); `round_once` is the alternative that
    other platforms use. Bonds: without accrued interest, see `accrued_interest`.
    """
    if lots < 0:
        raise ValueError(f"lots are never negative, were {lots}")
    factor = lots * _value_of_one(terms)
    if terms.mode not in IS_FOREX or round_once:
        return _rounded((close_price - open_price) * factor * DIRECTION[side], terms)
    gain = _rounded(close_price * factor, terms) - _rounded(open_price * factor, terms)
    return gain * DIRECTION[side]


def floating_profit(
    *,
    side: Side,
    lots: Decimal,
    open_price: Decimal,
    bid: Decimal,
    ask: Decimal,
    terms: ContractTerms,
) -> Decimal:
    """Profit if closed now, profit currency: a long is marked at the bid, a short at the ask."""
    mark = bid if side == "buy" else ask
    return price_profit(side=side, lots=lots, open_price=open_price, close_price=mark, terms=terms)


def accrued_interest(*, lots: Decimal, interest_per_unit: Decimal, terms: ContractTerms) -> Decimal:
    """Accrued interest of a bond holding, profit currency: interest a unit times units."""
    return _rounded(interest_per_unit * lots * terms.contract_size, terms)


def pip_value(*, lots: Decimal, contract_size: Decimal, pip_size: Decimal) -> Decimal:
    """What one pip moves, in the quote currency, unrounded."""
    return lots * contract_size * pip_size


def ticks_between(
    *, side: Side, open_price: Decimal, close_price: Decimal, tick_size: Decimal
) -> int:
    """Ticks earned, negative when lost. Raises ValueError for prices between two ticks."""
    moved = (close_price - open_price) * DIRECTION[side]
    if round_to_step(moved, tick_size) != moved:
        raise ValueError(f"a move of {moved} is no multiple of the tick {tick_size}")
    return int(moved / tick_size)


def _value_of_one(terms: ContractTerms) -> Decimal:
    """Profit currency that one lot moves when the price moves by one."""
    if terms.mode in BY_TICK:
        return terms.tick_factor
    if terms.mode is CalcMode.BONDS:
        return terms.contract_size * (terms.face_value or ONE) / HUNDRED
    return terms.contract_size


def _rounded(value: Decimal, terms: ContractTerms) -> Decimal:
    return quantise(value, terms.profit_digits, rounding=terms.rounding) if value else ZERO
