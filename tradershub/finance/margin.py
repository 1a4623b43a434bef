"""Margin of positions as MetaTrader 5 charges it, in the margin currency, unrounded.

Convert to the account's currency at the deal's own price where the symbol converts itself, else at
the ask for buys and the bid for sells; then round.
Source: MetaQuotes, "Margin Calculation: Retail Forex, Futures" and "Exchange".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import HUNDRED, ONE, ZERO
from tradershub.finance.sides import DIRECTION, OPPOSITE, Side
from tradershub.finance.terms import BY_TICK, CalcMode, ContractTerms

LEVERED = frozenset({CalcMode.FOREX, CalcMode.CFD_LEVERAGE})
PRICED = frozenset({CalcMode.CFD, CalcMode.CFD_LEVERAGE, CalcMode.CFD_INDEX, CalcMode.STOCKS})


class HeldLots(NamedTuple):
    """A position or order as margin sees it. lots are positive, price is the deal's."""

    side: Side
    lots: Decimal
    price: Decimal


class HedgedMargin(NamedTuple):
    """Margin of both sides of one symbol together, unrounded."""

    covered: Decimal
    uncovered: Decimal

    @property
    def total(self) -> Decimal:
        return self.covered + self.uncovered


def margin(
    *,
    side: Side,
    lots: Decimal,
    terms: ContractTerms,
    leverage: Decimal = ONE,
    price: Decimal | None = None,
    maintenance: bool = False,
) -> Decimal:
    """Margin of one position in the margin currency, times the side's margin rate.

    leverage: 100 for 1:100. price: of the deal; modes that do not price need none.
    maintenance: the position is open already, so the maintenance margin counts where it is set.
    Raises ValueError for a leverage that is not positive or a price that is missing.
    """
    base = margin_before_rate(
        lots=lots, terms=terms, leverage=leverage, price=price, maintenance=maintenance
    )
    return base * margin_rate(side, terms)


def margin_rate(side: Side, terms: ContractTerms) -> Decimal:
    """The broker's factor for the side."""
    return terms.margin_rate_buy if side == "buy" else terms.margin_rate_sell


def margin_before_rate(
    *,
    lots: Decimal,
    terms: ContractTerms,
    leverage: Decimal = ONE,
    price: Decimal | None = None,
    maintenance: bool = False,
) -> Decimal:
    """As `margin`, without the margin rate."""
    if leverage <= 0:
        raise ValueError(f"leverage must be positive, was {leverage}")
    divisor = leverage if terms.mode in LEVERED else ONE
    fixed = _fixed_margin(terms, maintenance=maintenance)
    if fixed or terms.mode in BY_TICK:
        return lots * fixed / divisor
    return lots * terms.contract_size * _price_factor(terms, price) / divisor


def hedged_margin(
    positions: Sequence[HeldLots],
    *,
    terms: ContractTerms,
    leverage: Decimal = ONE,
    maintenance: bool = True,
    at_price: bool = False,
) -> HedgedMargin:
    """Margin of buys and sells of one symbol by MetaTrader's basic calculation.

    Uncovered lots are charged at the larger side's weighted price and rate; covered lots with the
    hedged size at the weighted price of all and the average of both rates. at_price: the traded
    symbol itself converts into the account's currency, so the result is in that currency, each part
    at its weighted price. Without hedged_size in the terms the covered part costs nothing.
    """
    legs = {side: [p for p in positions if p.side == side] for side in OPPOSITE}
    lots = {side: sum((p.lots for p in leg), ZERO) for side, leg in legs.items()}
    larger: Side = "buy" if lots["buy"] >= lots["sell"] else "sell"
    covered = lots[OPPOSITE[larger]]
    leg_price, price = _weighted_price(legs[larger]), _weighted_price(positions)
    uncovered_margin = margin(
        side=larger,
        lots=lots[larger] - covered,
        terms=terms,
        leverage=leverage,
        price=leg_price,
        maintenance=maintenance,
    )
    covered_margin = _covered(covered, price, terms=terms, leverage=leverage)
    if at_price:
        return HedgedMargin(covered_margin * price, uncovered_margin * leg_price)
    return HedgedMargin(covered_margin, uncovered_margin)


def leg_margins(
    positions: Iterable[HeldLots],
    *,
    terms: ContractTerms,
    leverage: Decimal = ONE,
    at_price: bool = False,
) -> dict[Side, Decimal]:
    """Margin of the buys and of the sells, each on its own.

    Their maximum is MetaTrader's "larger leg", their sum what a broker without netting charges.
    """
    sums: dict[Side, Decimal] = {"buy": ZERO, "sell": ZERO}
    for side, lots, price in positions:
        charged = margin(side=side, lots=lots, terms=terms, leverage=leverage, price=price)
        sums[side] += charged * price if at_price else charged
    return sums


def order_margin(*, side: Side, lots: Decimal, terms: ContractTerms) -> Decimal:
    """What a new order of a symbol with fixed margins must find free: its lots at the initial rate.

    The positions that it would hedge are charged at maintenance and hedged rates once it is filled.
    """
    return margin(side=side, lots=lots, terms=terms)


def _fixed_margin(terms: ContractTerms, *, maintenance: bool) -> Decimal:
    if maintenance and terms.margin_maintenance:
        return terms.margin_maintenance
    return terms.margin_initial


def _price_factor(terms: ContractTerms, price: Decimal | None) -> Decimal:
    if terms.mode not in PRICED and terms.mode is not CalcMode.BONDS:
        return ONE
    if price is None:
        raise ValueError(f"margin of {terms.mode} needs a price, found none")
    if terms.mode is CalcMode.CFD_INDEX:
        return price * terms.tick_factor
    if terms.mode is CalcMode.BONDS:
        return price * (terms.face_value or ONE) / HUNDRED
    return price


def _covered(lots: Decimal, price: Decimal, *, terms: ContractTerms, leverage: Decimal) -> Decimal:
    if not lots or not terms.hedged_size:
        return ZERO
    rate = (terms.margin_rate_buy + terms.margin_rate_sell) / 2
    divisor = leverage if terms.mode in LEVERED else ONE
    by_money = terms.margin_initial or terms.mode in BY_TICK
    factor = ONE if by_money else _price_factor(terms, price)
    return lots * terms.hedged_size * factor / divisor * rate


def _weighted_price(positions: Sequence[HeldLots]) -> Decimal:
    lots = sum((p.lots for p in positions), ZERO)
    return sum((p.lots * p.price for p in positions), ZERO) / lots if lots else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTerms:
    """Margin terms of a FORTS contract. initial_*: money a lot. currency_rate: percent added."""

    settlement: Decimal
    initial_buy: Decimal
    initial_sell: Decimal
    tick_value: Decimal
    tick_size: Decimal
    currency_rate: Decimal = ZERO

    def initial(self, side: Side) -> Decimal:
        return self.initial_buy if side == "buy" else self.initial_sell

    def floating(self, held: HeldLots) -> Decimal:
        """Money a lot by which the settlement price is better than the position's or order's."""
        moved = (self.settlement - held.price) * DIRECTION[held.side]
        return moved * self.tick_value / self.tick_size * (ONE + self.currency_rate / HUNDRED)


def exchange_margin(
    positions: Iterable[HeldLots], orders: Iterable[HeldLots], *, terms: ExchangeTerms
) -> dict[Side, Decimal]:
    """What the buys and what the sells of a FORTS contract require; the larger one is charged.

    A position adds to its own side and relieves the other. Orders add to their side.
    """
    required: dict[Side, Decimal] = {"buy": ZERO, "sell": ZERO}
    for held in positions:
        floating, other = terms.floating(held), OPPOSITE[held.side]
        required[held.side] += held.lots * (terms.initial(held.side) - floating)
        required[other] -= held.lots * (terms.initial(other) + floating)
    for order in orders:
        required[order.side] += order.lots * (terms.initial(order.side) - terms.floating(order))
    return required
