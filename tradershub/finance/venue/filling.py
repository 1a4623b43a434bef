"""From an execution to its deals: what closes, what opens, what it earns and costs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import ZERO, quantise, split
from tradershub.finance.fx import NoRate
from tradershub.finance.sides import DIRECTION
from tradershub.finance.venue import events
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.costs import deal_commission
from tradershub.finance.venue.events import Code
from tradershub.finance.venue.market import Market, NoPrice
from tradershub.finance.venue.orders import NO_STOPS, Order, OrderRequest, Position, Stops
from tradershub.finance.venue.worth import (
    Unknown,
    figures,
    profit_at,
    symbol_margin,
    symbol_margin_held,
)


class Part(NamedTuple):
    """One deal of an execution: lots it takes off a position, lots it opens or adds."""

    position: Position | None
    closes: Decimal
    opens: Decimal

    @property
    def lots(self) -> Decimal:
        return self.closes + self.opens


class Refusal(NamedTuple):
    """Why something is not done: a sentence with the figures."""

    code: Code
    message: str


def plan(account: Account, request: OrderRequest, lots: Decimal, *, order: int) -> list[Part]:
    """The deals that an execution of `lots` makes; together fewer lots where it may only reduce.

    Netting holds one position a symbol and reverses it; hedging opens another, unless the request
    names a position or reduces only or first, which closes the other side's oldest first.
    """
    if request.position is not None:
        named = account.positions.get(request.position)
        return [_closing(named, lots)] if named else []
    if account.rules.mode == "netting":
        return _net(account, request, lots)
    if request.reduce_only:
        return _oldest_first(account, request, lots)
    parts = _oldest_first(account, request, lots) if request.reduce_first else []
    left = lots - sum((part.closes for part in parts), ZERO)
    return [*parts, Part(account.positions.get(order), ZERO, left)] if left else parts


def _net(account: Account, request: OrderRequest, lots: Decimal) -> list[Part]:
    held = next(iter(account.positions_of(request.symbol)), None)
    if held is not None and held.side != request.side:
        part = _closing(held, lots)
        return [part if request.reduce_only else part._replace(opens=lots - part.closes)]
    return [] if request.reduce_only else [Part(held, ZERO, lots)]


def _oldest_first(account: Account, request: OrderRequest, lots: Decimal) -> list[Part]:
    parts: list[Part] = []
    for position in account.positions_of(request.symbol):
        if position.side != request.side and lots > 0:
            parts.append(_closing(position, lots))
            lots -= parts[-1].closes
    return parts


def _closing(position: Position, lots: Decimal) -> Part:
    return Part(position, min(lots, position.lots), ZERO)


def shortage(
    market: Market, account: Account, order: Order, parts: Sequence[Part], price: Decimal
) -> Refusal | None:
    """Why the account cannot carry the deals, with figures; None where it can.

    What they need is the margin that the symbol's positions would add, with their commission, and
    must not be more than the free margin. What opens nothing or adds no margin is always allowed.
    """
    if not any(part.opens for part in parts):
        return None
    symbol, currency = market.symbols[order.request.symbol], account.rules.currency
    held = account.positions_of(symbol.name)
    after = _after(held, parts, order, price)
    try:
        needed = symbol_margin(market, account, symbol.name, after)
        needed -= symbol_margin_held(market, account, symbol.name)
        if needed <= 0:
            return None
        lots = sum((part.lots for part in parts), ZERO)
        cost = -deal_commission(market, account, symbol, lots=lots, price=price)
    except (NoRate, NoPrice) as missing:
        return Refusal(Code.NO_RATE, str(missing))
    worth = figures(market, account, apart=order.id)
    if isinstance(worth, Unknown):
        return Refusal(Code.NO_PRICE, worth.reason)
    if needed + cost <= worth.free:
        return None
    free = quantise(worth.free, account.rules.digits)
    return Refusal(
        Code.NO_MONEY,
        f"{lots} lots of {symbol.name} need {needed} {currency} of margin and {cost} {currency} "
        f"of commission, free are {free} {currency}",
    )


def _after(
    held: Sequence[Position], parts: Sequence[Part], order: Order, price: Decimal
) -> list[Position]:
    """The symbol's positions as the deals would leave them."""
    by_id = {position.id: position for position in held}
    for part in parts:
        if part.position is not None and part.closes:
            by_id[part.position.id] = _reduced(part.position, part, ZERO)
        if part.opens:
            opened = _opened(order, part, price=price, at=order.placed_at, key=order.id)
            by_id[opened.id] = opened
    return [position for position in by_id.values() if position.lots]


def fill(book: Book, account: Account, order: Order, lots: Decimal, price: Decimal) -> None:
    """Book an execution. Cancels the order instead where it cannot be carried or reduces nothing."""
    parts = plan(account, order.request, lots, order=order.id)
    if not parts:
        return cancel(book, account, order, Code.NOTHING_TO_REDUCE, "no position is left to reduce")
    if refusal := shortage(book.market, account, order, parts, price):
        return cancel(book, account, order, *refusal)
    for part in parts:
        _book(book, account, account.orders[order.id], part, price)
    left = account.orders.get(order.id)
    if left is not None and sum((part.lots for part in parts), ZERO) < lots:
        message = f"{left.left} lots would have opened a position"
        cancel(book, account, left, Code.NOTHING_TO_REDUCE, message)
    _end_bracket(book, account, order)
    return None


def cancel(book: Book, account: Account, order: Order, code: Code, message: str) -> None:
    book.emit(account, events.Cancelled(order=order.id, code=code, message=message))


def _end_bracket(book: Book, account: Account, filled: Order) -> None:
    if not filled.request.oco:
        return
    for other in list(account.orders.values()):
        if other.request.oco == filled.request.oco and other.id != filled.id:
            cancel(book, account, other, Code.BRACKET, f"order {filled.id} of its bracket filled")


def _book(book: Book, account: Account, order: Order, part: Part, price: Decimal) -> None:
    position, request = part.position, order.request
    profit, rate, swap = ZERO, None, ZERO
    if position is not None and part.closes:
        profit, rate = profit_at(book.market, account, position, lots=part.closes, price=price)
        swap = _swap_of(account, position, part.closes)
    symbol = book.market.symbols[request.symbol]
    charged = deal_commission(
        book.market,
        account,
        symbol,
        lots=part.opens if symbol.commission.opening_only else part.lots,
        price=price,
        profit=profit,
    )
    key = _position_key(account, order, part)
    deal = events.Filled(
        deal=account.last_id + 1,
        order=order.id,
        position=key,
        symbol=request.symbol,
        side=request.side,
        entry="inout" if part.closes and part.opens else "out" if part.closes else "in",
        lots=part.lots,
        price=price,
        reason=order.reason,
        closed=part.closes,
        profit=profit,
        swap=swap,
        commission=charged,
        rate=rate,
        left=order.left - part.lots,
        client_id=request.client_id,
    )
    book.emit(account, deal)
    _hold(book, account, order, part, deal)


def _swap_of(account: Account, position: Position, lots: Decimal) -> Decimal:
    """The part of the accrued swap that leaves with the lots, all of it with the last."""
    if lots == position.lots:
        return position.swap
    return quantise(position.swap * lots / position.lots, account.rules.digits)


def _position_key(account: Account, order: Order, part: Part) -> int:
    """Number of the position that the deal belongs to; what it opens anew takes the order's."""
    if part.position is not None and not (part.closes and part.opens):
        return part.position.id
    return account.last_id + 2 if order.filled else order.id


def _hold(book: Book, account: Account, order: Order, part: Part, deal: events.Filled) -> None:
    """Tell what the deal leaves of the positions."""
    position = part.position
    charged = split(deal.commission, [part.closes, part.opens])[1]
    if position is not None and part.closes:
        _close(book, account, position, part, deal)
        position = None
    if not part.opens:
        return
    opened = _opened(
        order, part._replace(position=position), price=deal.price, at=book.at, key=deal.position
    )
    opened = replace(opened, commission=opened.commission + charged)
    kind = events.PositionOpened if position is None else events.PositionChanged
    book.emit(account, kind(position=opened))


def _close(
    book: Book, account: Account, position: Position, part: Part, deal: events.Filled
) -> None:
    if part.closes < position.lots:
        left = _reduced(position, part, deal.swap)
        left = replace(left, commission=left.commission + deal.commission)
        return book.emit(account, events.PositionChanged(position=left))
    for order in list(account.orders_on(position.id)):
        message = f"position {position.id} is closed"
        cancel(book, account, order, Code.POSITION_CLOSED, message)
    return book.emit(account, events.PositionClosed(position=position))


def _reduced(position: Position, part: Part, swap: Decimal) -> Position:
    return replace(position, lots=position.lots - part.closes, swap=position.swap - swap)


def _opened(order: Order, part: Part, *, price: Decimal, at: datetime, key: int) -> Position:
    """The position that the part opens, or adds to at the average price."""
    held, stops = part.position, order.request.stops
    if held is None or part.closes:
        request = order.request
        fresh = Position(
            id=key,
            symbol=request.symbol,
            side=request.side,
            lots=part.opens,
            price=price,
            opened_at=at,
            client_id=request.client_id,
            label=request.label,
            comment=request.comment,
        )
        return with_stops(fresh, stops)
    lots = held.lots + part.opens
    average = (held.lots * held.price + part.opens * price) / lots
    grown = replace(held, lots=lots, price=average)
    return grown if stops == NO_STOPS else with_stops(grown, stops)


def with_stops(position: Position, stops: Stops) -> Position:
    """The position with these stops and no others; distances count from its price."""
    direction = DIRECTION[position.side]
    loss, profit = stops.stop_loss, stops.take_profit
    distance = stops.stop_distance or stops.trail
    if loss is None and distance is not None:
        loss = position.price - direction * distance
    if profit is None and stops.take_distance is not None:
        profit = position.price + direction * stops.take_distance
    return replace(
        position, stop_loss=loss, take_profit=profit, trail=stops.trail, trigger=stops.trigger
    )


def close_against(
    book: Book, account: Account, first: Position, other: Position, order: Order
) -> None:
    """Close two opposite positions by each other: the first at the other's opening price, the other
    at its own, so that the whole profit is the first's. No commission, no spread.
    """
    lots = min(first.lots, other.lots)
    for position in (first, other):
        gain = profit_at(book.market, account, position, lots=lots, price=other.price)
        part = Part(position, lots, ZERO)
        deal = events.Filled(
            deal=account.last_id + 1,
            order=order.id,
            position=position.id,
            symbol=position.symbol,
            side=other.side if position is first else first.side,
            entry="out_by",
            lots=lots,
            price=other.price,
            reason=order.reason,
            closed=lots,
            profit=gain.amount,
            swap=_swap_of(account, position, lots),
            rate=gain.rate,
            client_id=order.request.client_id,
        )
        book.emit(account, deal)
        _close(book, account, position, part, deal)
