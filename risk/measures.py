"""What an order or a position amounts to: notional, risk to the stop, currency legs. Unrounded Decimals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from risk.facts import (
    Ages,
    Ask,
    Holding,
    Intent,
    LimitFact,
    Missing,
    OrderFacts,
    Question,
    Rates,
    known,
)
from risk.kinds import Scope, Unit
from tradershub.finance.decimals import HUNDRED, ZERO
from tradershub.finance.sides import DIRECTION

LONG, SHORT = "long", "short"
COSTS = "commission in the account's currency"


def reference_price(order: OrderFacts) -> Decimal:
    """The highest price at which it may open soon: what it is worth then. Raises Missing."""
    return entry_price(order) if order.resting else known(order.market, "quote").ask


def entry_price(order: OrderFacts) -> Decimal:
    """The worst price at which the order may open (`finance.opening`), or the position did. Raises Missing."""
    return known(order.opens_at, "opening price" if order.intent == Intent.HOLD else "quote")


def notional(order: OrderFacts) -> Decimal:
    """Lots times the worth of a point times the price, in the account's currency. Raises Missing."""
    rate = known(order.rate, "rate").value
    point_value = known(order.point_value, "point_value")
    return order.lots * point_value * reference_price(order) * rate


def risk(order: OrderFacts) -> Decimal:
    """What is lost at the stop, costs included, in the account's currency. Raises Missing without a stop."""
    return _lost_at_stop(order) + known(order.costs, COSTS)


def open_risk(order: OrderFacts, ages: Ages) -> Decimal:
    """What it adds to the risk of all that is open; without a stop at the adverse move of the settings.

    An order with the costs that it will bring, a position without them, as any that is held. Raises Missing.
    """
    if order.stop_loss is None and order.trail is None:
        lost = notional(order) * ages.no_stop_move / HUNDRED
    else:
        lost = _lost_at_stop(order)
    return lost if order.intent == Intent.HOLD else lost + known(order.costs, COSTS)


def _lost_at_stop(order: OrderFacts) -> Decimal:
    """A stop on the far side of the entry would close at once: it still risks the distance. That of a position that
    wins has nothing to lose of what was put in.
    """
    stop = _stop_of(order)
    if order.intent == Intent.HOLD:
        return _lost_from(entry_price(order), stop, order)
    return _lost_over(abs(entry_price(order) - stop), order)


def risk_from_now(order: OrderFacts) -> Decimal:
    """What the equity of now loses at the stop, costs included: of a position, from where it would close now."""
    if order.intent != Intent.HOLD:
        return risk(order)
    market = known(order.market, "quote")
    closes = market.bid if order.side == "buy" else market.ask
    return _lost_from(closes, _stop_of(order), order) + known(order.costs, COSTS)


def _stop_of(order: OrderFacts) -> Decimal:
    """Raises Missing: where a trail makes it, the price from which that begins."""
    return known(order.stop_loss, "stop_loss" if order.trail is None else "quote")


def _lost_from(price: Decimal, stop: Decimal, order: OrderFacts) -> Decimal:
    return _lost_over(max((price - stop) * DIRECTION[order.side], ZERO), order)


def _lost_over(distance: Decimal, order: OrderFacts) -> Decimal:
    rate = known(order.rate, "rate").value
    return distance * order.lots * known(order.point_value, "point_value") * rate


def legs(order: OrderFacts) -> dict[str, Decimal]:
    """Signed value by currency, plus the base and minus the quote, without the account's own."""
    value = notional(order) * DIRECTION[order.side]
    return _legs(known(order.base, "base"), known(order.quote, "quote currency"), value)


def ask_of(order: OrderFacts, ages: Ages) -> Ask:
    """What the order adds; what cannot be known of it stays None."""
    return Ask(
        account_id=order.account_id,
        owner_id=order.owner_id,
        currency=order.currency,
        symbol=order.symbol,
        instrument_id=order.instrument_id,
        side=order.side,
        lots=order.lots,
        resting=order.resting,
        strategy=order.strategy,
        notional=_or_none(lambda: notional(order)),
        risk=_or_none(lambda: open_risk(order, ages)),
        margin=order.margin,
        legs=_or_none(lambda: legs(order)),
    )


def part_of(ask: Ask, share: Decimal) -> Ask:
    """That share of it, in each figure that is known."""
    return replace(
        ask,
        lots=ask.lots * share,
        notional=_share(ask.notional, share),
        risk=_share(ask.risk, share),
        margin=_share(ask.margin, share),
        legs=None if ask.legs is None else {code: v * share for code, v in ask.legs.items()},
    )


def _share(amount: Decimal | None, share: Decimal) -> Decimal | None:
    return None if amount is None else amount * share


def larger(one: Ask, other: Ask) -> Ask:
    """The more of both in each figure, else as the other; what is not known of one is known of neither."""
    return replace(
        other,
        lots=max(one.lots, other.lots),
        notional=_more(one.notional, other.notional),
        risk=_more(one.risk, other.risk),
        margin=_more(one.margin, other.margin),
        legs=None
        if one.legs is None or other.legs is None
        else {
            code: max(one.legs.get(code, ZERO), other.legs.get(code, ZERO), key=abs)
            for code in {**one.legs, **other.legs}
        },
    )


def _more(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else max(one, other)


def money_limit(limit: LimitFact, question: Question) -> Decimal:
    """The limit in its currency; a percent is of the account's equity. Raises Missing."""
    if limit.unit != Unit.PERCENT:
        return limit.value
    return limit.value * known(question.order.equity, "equity").value / HUNDRED


def currency_of(limit: LimitFact, question: Question) -> str:
    """The currency in which the limit is measured: its own, else the account's."""
    return limit.currency or question.order.currency


def covers(limit: LimitFact, thing: Holding | Ask) -> bool:
    """Whether the holding or order is of the limit's scope."""
    if limit.owner_id is not None and thing.owner_id != limit.owner_id:
        return False
    if limit.scope == Scope.ACCOUNT:
        return thing.account_id == limit.account_id
    if limit.scope == Scope.INSTRUMENT:
        return thing.instrument_id == limit.instrument_id
    if limit.scope == Scope.STRATEGY:
        return isinstance(thing, Ask) and thing.strategy == limit.strategy
    return True


def held(question: Question, limit: LimitFact) -> Iterable[Holding]:
    return (holding for holding in question.holdings if covers(limit, holding))


def holding_value(holding: Holding, currency: str, rates: Rates) -> Decimal:
    """The notional of a position at its last price, in that currency. Raises Missing."""
    price = known(holding.price, f"price of {holding.symbol}")
    point_value = known(holding.point_value, f"terms of {holding.symbol}")
    quote = known(holding.quote, f"instrument of {holding.symbol}")
    return holding.lots * point_value * price * rates(quote, currency)


def holding_risk(holding: Holding, currency: str, *, rates: Rates, ages: Ages) -> Decimal:
    """What the position still loses at its stop; without one, at the adverse move of the settings."""
    if holding.stop_loss is None:
        return holding_value(holding, currency, rates) * ages.no_stop_move / HUNDRED
    opened = known(holding.open_price, f"opening of {holding.symbol}")
    distance = (opened - holding.stop_loss) * DIRECTION[holding.side]
    point_value = known(holding.point_value, f"terms of {holding.symbol}")
    quote = known(holding.quote, f"instrument of {holding.symbol}")
    return max(distance, ZERO) * holding.lots * point_value * rates(quote, currency)


def net_leg(question: Question, limit: LimitFact, code: str) -> Decimal:
    """The net value held of a currency, long positive, in the limit's currency."""
    total = ZERO
    for holding in held(question, limit):
        base = known(holding.base, f"instrument of {holding.symbol}")
        quote = known(holding.quote, f"instrument of {holding.symbol}")
        if code in (base, quote):
            value = holding_value(holding, currency_of(limit, question), question.rates)
            total += _legs(base, quote, value * DIRECTION[holding.side]).get(code, ZERO)
    return total


def _legs(base: str, quote: str, value: Decimal) -> dict[str, Decimal]:
    return {base: value, quote: -value} if base != quote else {base: value}


def _or_none(measure: Callable[[], Decimal | dict[str, Decimal]]) -> Any:
    try:
        return measure()
    except Missing:
        return None
