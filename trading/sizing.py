"""How many lots, and at which prices: what a signal or a strategy says, by the broker's terms and prices now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from risk.facts import Check
from tradershub.core.formats import plain
from tradershub.finance.decimals import HUNDRED, ONE, ZERO, quantise, round_lots, round_price
from tradershub.finance.sides import Side
from tradershub.finance.sizing import SizeIn, within_terms
from tradershub.finance.terms import ContractTerms
from trading.sources.draft import Level, LevelIn, Size

RULE = "size"


def no_costs(lots: Decimal) -> Decimal:
    return ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a size is computed from; None stands for what is not known.

    price: the worst at which the order may open. rate: account currency for one of the quote currency.
    equity: in the account's currency. point_value: quote currency a lot and a whole point of price.
    costs: commission of the round turn by lots, positive, in the account's currency; it grows by the same with
    each lot.
    """

    terms: ContractTerms
    point_value: Decimal
    price: Decimal | None
    rate: Decimal | None
    equity: Decimal | None
    costs: Callable[[Decimal], Decimal | None] = no_costs


@dataclass(frozen=True, slots=True)
class Sized:
    """lots: to be ordered, by the broker's steps. figures: what they were made of, for the record.

    note: why they are less than what was asked for; "" where they are not.
    """

    lots: Decimal
    figures: dict[str, Any]
    note: str = ""


def price_of(
    level: Level | None, *, side: Side, entry: Decimal, terms: ContractTerms, is_stop: bool
) -> Decimal | None:
    """The price of a stop or target of a position opened on `side` at `entry`, to the tick.

    Raises ValueError where the symbol has no pip.
    """
    if level is None:
        return None
    if level.unit is LevelIn.PRICE:
        return round_price(level.value, _tick(terms))
    away = distance_of(level, entry=entry, terms=terms)
    below = (side == "buy") == is_stop
    return round_price(entry - away if below else entry + away, _tick(terms))


def distance_of(level: Level, *, entry: Decimal, terms: ContractTerms) -> Decimal:
    """How far a level is from the entry, in price. Raises ValueError where the symbol has no pip."""
    if level.unit is LevelIn.PRICE:
        return abs(entry - level.value)
    if level.unit is LevelIn.PIPS:
        if terms.pip_size is None:
            raise ValueError("the symbol has no pip; expected a price or a distance")
        return level.value * terms.pip_size
    if level.unit is LevelIn.PERCENT:
        return entry * level.value / HUNDRED
    return level.value


def way_of(level: Level, *, entry: Decimal, terms: ContractTerms) -> Decimal:
    """How far a stop follows, in price: to the tick, and at least one. Raises ValueError as `distance_of` does."""
    return on_tick(distance_of(level, entry=entry, terms=terms), terms)


def on_tick(value: Decimal, terms: ContractTerms) -> Decimal:
    """A price, or a way in price, at the nearest tick, and at least one."""
    return max(round_price(value, _tick(terms)), _tick(terms))


def _tick(terms: ContractTerms) -> Decimal:
    return terms.tick_size or terms.point


def lots_of(size: Size, basis: Basis, *, share: Decimal, stop: Decimal | None) -> Sized | Check:
    """The lots of a size, down to the broker's step; or why it has none. share: of the whole size."""
    try:
        raw, figures = WAYS[size.unit](abs(size.value) * share, basis, stop)
    except Missing as missing:
        return refused(
            "NOT_KNOWN", f"A size in {words(size.unit)} needs {missing}, which is not known"
        )
    lots = within_terms(raw, basis.terms)
    told = {
        "asked": f"{plain(size.value)} {words(size.unit)}",
        "share": plain(share),
        "lots": _lots(raw),
        **figures,
    }
    if lots <= ZERO:
        text = (
            f"{plain(size.value)} {words(size.unit)} come to {plain(Decimal(told['lots']))} lots; "
            f"the least is {plain(basis.terms.lot_min)}"
        )
        return refused("TOO_SMALL", text, told)
    return Sized(lots, {**told, "ordered": f"{lots.normalize():f}"}, _cut(raw, lots, basis.terms))


def in_one_order(lots: Decimal, terms: ContractTerms | None) -> tuple[Decimal, str]:
    """As many of the lots as one order may have, and why they are less; all of them without terms."""
    if terms is None or terms.lot_max is None or lots <= terms.lot_max:
        return lots, ""
    most = round_lots(terms.lot_max, terms.lot_step) or terms.lot_max
    return most, _cut(lots, most, terms)


def _cut(wanted: Decimal, lots: Decimal, terms: ContractTerms) -> str:
    """That it is less than was asked for, where more than rounding took it; else empty."""
    if terms.lot_max is None or wanted <= terms.lot_max:
        return ""
    return f"cut from {plain(quantise(wanted, 2))}: the broker's largest order is {plain(lots)}"


def refused(code: str, text: str, figures: dict[str, Any] | None = None) -> Check:
    return Check(rule=RULE, passed=False, code=code, text=text, figures=figures or {})


def words(unit: SizeIn) -> str:
    return unit.value.replace("_", " ")


class Missing(Exception):
    """What a size would need and nobody knows."""


Raw = tuple[Decimal, dict[str, Any]]


def _by_lots(value: Decimal, basis: Basis, stop: Decimal | None) -> Raw:
    return value, {}


def _by_units(value: Decimal, basis: Basis, stop: Decimal | None) -> Raw:
    return value / basis.terms.contract_size, {"contract size": f"{basis.terms.contract_size:f}"}


def _by_money(value: Decimal, basis: Basis, stop: Decimal | None) -> Raw:
    a_lot = (
        _price(basis) * basis.point_value * _known(basis.rate, "a rate to the account's currency")
    )
    return value / a_lot, {"a lot is worth": _telling(a_lot)}


def _by_equity(value: Decimal, basis: Basis, stop: Decimal | None) -> Raw:
    equity = _known(basis.equity, "the account's equity")
    lots, figures = _by_money(equity * value / HUNDRED, basis, stop)
    return lots, {"equity": f"{equity:.2f}", **figures}


def _by_risk(value: Decimal, basis: Basis, stop: Decimal | None) -> Raw:
    equity = _known(basis.equity, "the account's equity")
    rate = _known(basis.rate, "a rate to the account's currency")
    away = abs(_price(basis) - _known(stop, "a stop"))
    if not away:
        raise Missing("a stop away from the price")
    fixed, for_a_lot = (_known(basis.costs(lots), "what its commission is") for lots in (ZERO, ONE))
    a_lot = away * basis.point_value * rate + for_a_lot - fixed
    figures = {"equity": f"{equity:.2f}", "a lot loses at the stop": _telling(a_lot)}
    figures |= {"of it commission": _telling(for_a_lot - fixed)} if for_a_lot > fixed else {}
    return max(equity * value / HUNDRED - fixed, ZERO) / a_lot, figures


def _price(basis: Basis) -> Decimal:
    """Raises Missing, too, for one that is none: what trails farther than the price would begin below zero."""
    price = _known(basis.price, "a price")
    if price <= ZERO:
        raise Missing("a price above zero")
    return price


def _lots(lots: Decimal) -> str:
    """With four decimals, or so many that three digits count: a unit may be the 100,000th part of a lot."""
    return f"{lots:.{max(4, 2 - lots.adjusted()) if lots else 4}f}"


def _telling(amount: Decimal) -> str:
    """Money with three digits that count, and at least two decimals: a lot may be one unit of a currency."""
    return f"{amount:.{max(2, 2 - amount.adjusted())}f}"


def _known(value: Decimal | None, what: str) -> Decimal:
    if value is None:
        raise Missing(what)
    return value


WAYS: dict[SizeIn, Callable[[Decimal, Basis, Decimal | None], Raw]] = {
    SizeIn.LOTS: _by_lots,
    SizeIn.UNITS: _by_units,
    SizeIn.MONEY: _by_money,
    SizeIn.PERCENT_EQUITY: _by_equity,
    SizeIn.PERCENT_RISK: _by_risk,
}
OF_EQUITY = frozenset({SizeIn.PERCENT_EQUITY, SizeIn.PERCENT_RISK})
OF_PRICE = OF_EQUITY | {SizeIn.MONEY}
