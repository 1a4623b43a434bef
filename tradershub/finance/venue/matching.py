"""Whether a quote fires or fills an order, and at which price."""

from dataclasses import replace
from decimal import Decimal

from tradershub.finance.decimals import round_lots
from tradershub.finance.sides import DIRECTION, OPPOSITE, Side
from tradershub.finance.venue import events
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.costs import missing_rate
from tradershub.finance.venue.events import Code, Quoted
from tradershub.finance.venue.filling import cancel, fill
from tradershub.finance.venue.orders import (
    AT_ONCE,
    EXITS,
    Duration,
    Kind,
    Order,
    OrderRequest,
    Position,
    Reason,
    Trigger,
)


def trigger_price(trigger: Trigger, side: Side, quote: Quoted) -> Decimal:
    """The price that fires an order of that side: DEFAULT is the ask for buys, the bid for sells."""
    if trigger is Trigger.MID:
        return quote.mid
    if trigger is Trigger.DEFAULT:
        return quote.ask if side == "buy" else quote.bid
    if trigger is Trigger.INVERSE:
        return quote.bid if side == "buy" else quote.ask
    return quote.bid if trigger is Trigger.BID else quote.ask


def dealing_price(side: Side, quote: Quoted) -> Decimal:
    """Buys are done at the ask, sells at the bid."""
    return quote.ask if side == "buy" else quote.bid


def is_reached(order: Order, price: Decimal) -> bool:
    """Whether a waiting order fires: a stop at a worse market, an if-touched at a better one."""
    if order.level is None:
        return False
    rises = (order.request.side == "buy") != (order.request.kind is Kind.IF_TOUCHED)
    return price >= order.level if rises else price <= order.level


def work(book: Book, account: Account, order: Order) -> None:
    """Trail, fire and fill a working order as far as the last quote allows.

    Does nothing while the symbol cannot be dealt or a rate is missing to book the deal.
    What IOC and FOK leave over is cancelled.
    """
    if book.market.trades(order.request.symbol):
        _meet(book, account, order, book.market.quotes[order.request.symbol])


def react(book: Book, account: Account, symbol: str) -> None:
    """Let an account meet a new quote: its positions' stops first, then its orders by age."""
    if not book.market.trades(symbol):
        return
    quote = book.market.quotes[symbol]
    for position in account.positions_of(symbol):
        if position.id in account.positions:
            _watch(book, account, account.positions[position.id], quote)
    for order in account.orders_of(symbol):
        if order.id in account.orders:
            _meet(book, account, account.orders[order.id], quote)


def _meet(book: Book, account: Account, order: Order, quote: Quoted) -> None:
    request = order.request
    if order.waits:
        order = _trailed(book, account, order, quote)
        seen = trigger_price(request.trigger, request.side, quote)
        if not is_reached(order, seen):
            return
        book.emit(account, events.Triggered(order=order.id, price=seen))
        order = account.orders[order.id]
    _execute(book, account, order, quote)
    left = account.orders.get(order.id)
    if left is not None and request.duration in AT_ONCE:
        message = f"{left.filled} of {request.lots} lots could be filled at once"
        cancel(book, account, left, Code.NO_LIQUIDITY, message)


def _trailed(book: Book, account: Account, order: Order, quote: Quoted) -> Order:
    distance = order.request.distance
    if order.request.kind is not Kind.TRAILING_STOP or distance is None:
        return order
    side = order.request.side
    level = trigger_price(order.request.trigger, side, quote) + DIRECTION[side] * distance
    if order.level is not None and (level - order.level) * DIRECTION[side] >= 0:
        return order
    book.emit(account, events.Trailed(order=order.id, level=level))
    return account.orders[order.id]


def _execute(book: Book, account: Account, order: Order, quote: Quoted) -> None:
    price = execution_price(book, account, order, quote)
    request = order.request
    if price is None or missing_rate(book.market, account, book.market.symbols[request.symbol]):
        return None
    if request.bound is not None and _is_worse(request.side, price, request.bound):
        message = f"the market is at {price}, accepted was {request.bound}"
        return cancel(book, account, order, Code.BOUND_PASSED, message)
    lots = _lots_on_offer(book, order)
    if lots <= 0 or (request.duration is Duration.FOK and lots < order.left):
        return None
    return fill(book, account, order, lots, price)


def execution_price(book: Book, account: Account, order: Order, quote: Quoted) -> Decimal | None:
    """What the order fills at now; None while its limit is not reached.

    Limits fill at the market where that is better, or at their own price where the account's rules
    say so; never worse, never slipped. All others fill at the market with slippage, however far
    the market has gapped.
    """
    side, request = order.request.side, order.request
    market, limit = dealing_price(side, quote), order.limit
    if limit is None:
        symbol = book.market.symbols[request.symbol]
        points = book.draw(account, account.rules.slippage)
        return market + DIRECTION[side] * points * symbol.terms.point
    seen = trigger_price(request.trigger, side, quote)
    if _is_worse(side, seen, limit) or _is_worse(side, market, limit):
        return None
    return market if account.rules.improves else limit


def _is_worse(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price > limit if side == "buy" else price < limit


def _lots_on_offer(book: Book, order: Order) -> Decimal:
    symbol = book.market.symbols[order.request.symbol]
    size = book.market.on_offer(symbol.name, order.request.side)
    if size is None or order.reason is Reason.STOP_OUT or size >= order.left:
        return order.left
    return round_lots(size, symbol.terms.lot_step)


def _watch(book: Book, account: Account, position: Position, quote: Quoted) -> None:
    """Trail a position's stop loss, and leave the position where a stop or target is reached."""
    if position.stop_loss is None and position.take_profit is None and position.trail is None:
        return
    seen = trigger_price(position.trigger, OPPOSITE[position.side], quote)
    position = _follow(book, account, position, seen)
    if reason := _exit_reason(position, seen):
        _leave(book, account, position, reason, seen)


def _follow(book: Book, account: Account, position: Position, seen: Decimal) -> Position:
    if position.trail is None:
        return position
    direction = DIRECTION[position.side]
    level = seen - direction * position.trail
    if position.stop_loss is not None and (level - position.stop_loss) * direction <= 0:
        return position
    moved = replace(position, stop_loss=level)
    book.emit(account, events.PositionChanged(position=moved))
    return moved


def _exit_reason(position: Position, seen: Decimal) -> Reason | None:
    """The stop comes before the target where a quote reaches both."""
    direction = DIRECTION[position.side]
    if position.stop_loss is not None and (seen - position.stop_loss) * direction <= 0:
        return Reason.STOP_LOSS if position.trail is None else Reason.TRAILING_STOP
    if position.take_profit is not None and (seen - position.take_profit) * direction >= 0:
        return Reason.TAKE_PROFIT
    return None


def _leave(book: Book, account: Account, position: Position, reason: Reason, seen: Decimal) -> None:
    """Send the exit, unless what is left of an earlier one works; a stop replaces a target's."""
    for earlier in [o for o in account.orders_on(position.id) if o.reason in EXITS]:
        if reason is Reason.TAKE_PROFIT or earlier.reason is not Reason.TAKE_PROFIT:
            return
        cancel(book, account, earlier, Code.BRACKET, f"the stop of position {position.id} fired")
    target = position.take_profit if reason is Reason.TAKE_PROFIT else None
    order = Order(
        id=account.last_id + 1,
        request=closing_request(position, position.lots, price=target, trigger=position.trigger),
        placed_at=book.at,
        reason=reason,
    )
    book.emit(account, events.Accepted(order=order))
    book.emit(account, events.Triggered(order=order.id, price=seen))
    work(book, account, account.orders[order.id])


def closing_request(
    position: Position,
    lots: Decimal,
    *,
    price: Decimal | None = None,
    trigger: Trigger = Trigger.DEFAULT,
    client_id: str = "",
) -> OrderRequest:
    """The order that closes lots of a position, at the market or at the price or better."""
    return OrderRequest(
        symbol=position.symbol,
        side=OPPOSITE[position.side],
        lots=lots,
        kind=Kind.MARKET if price is None else Kind.LIMIT,
        price=price,
        trigger=trigger,
        position=position.id,
        reduce_only=True,
        client_id=client_id,
    )
