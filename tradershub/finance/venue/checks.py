"""Why a request is refused before it becomes an order: each check one sentence with its figures."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from tradershub.finance.decimals import ZERO, round_to_step
from tradershub.finance.opening import opens_at_once
from tradershub.finance.sides import DIRECTION, OPPOSITE, Side
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.costs import missing_rate
from tradershub.finance.venue.events import Code, Quoted
from tradershub.finance.venue.filling import Part, Refusal, plan, shortage
from tradershub.finance.venue.matching import dealing_price, trigger_price
from tradershub.finance.venue.orders import STOPS, WAITS, Duration, Kind, Order, OrderRequest, Stops
from tradershub.finance.venue.symbols import Symbol

Check = Callable[[Book, Account, Order], Refusal | None]

# What each kind must say, besides side and lots.
NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.MARKET: (),
    Kind.LIMIT: ("price",),
    Kind.STOP: ("price",),
    Kind.STOP_LIMIT: ("price", "limit_price"),
    Kind.TRAILING_STOP: ("distance",),
    Kind.IF_TOUCHED: ("price",),
}
PRICES = ("price", "limit_price", "bound")


def first_refusal(book: Book, account: Account, order: Order) -> Refusal | None:
    """The first reason against a new order."""
    for check in NEW_ORDER:
        if refusal := check(book, account, order):
            return refusal
    return None


def first_refusal_of_change(book: Book, account: Account, order: Order) -> Refusal | None:
    """The first reason against an order as amended."""
    for check in AMENDMENT:
        if refusal := check(book, account, order):
            return refusal
    return None


def symbol_known(book: Book, account: Account, order: Order) -> Refusal | None:
    name = order.request.symbol
    if name in book.market.symbols:
        return None
    return Refusal(Code.UNKNOWN_SYMBOL, f"no symbol is called {name!r}")


def lots_fit(book: Book, account: Account, order: Order) -> Refusal | None:
    lots, terms = order.request.lots, book.market.symbols[order.request.symbol].terms
    held = account.positions.get(order.request.position or 0)
    whole = held is not None and lots == held.lots
    if not lots.is_finite() or lots <= 0 or (lots < terms.lot_min and not whole):
        return Refusal(Code.BAD_LOTS, f"lots were {lots}, the least is {terms.lot_min}")
    if terms.lot_max is not None and lots > terms.lot_max:
        return Refusal(Code.BAD_LOTS, f"lots were {lots}, the most is {terms.lot_max}")
    if round_to_step(lots, terms.lot_step) != lots and not whole:
        return Refusal(Code.BAD_LOTS, f"lots were {lots}, the step is {terms.lot_step}")
    if lots <= order.filled:
        return Refusal(Code.BAD_LOTS, f"lots were {lots}, filled are {order.filled} already")
    return None


def prices_given(book: Book, account: Account, order: Order) -> Refusal | None:
    request, tick = order.request, book.market.symbols[order.request.symbol].tick
    for name in NEEDS[request.kind]:
        if getattr(request, name) is None:
            return Refusal(Code.BAD_PRICE, f"a {request.kind} order needs {name}, found none")
    named = {name: getattr(request, name) for name in PRICES}
    named |= {"stop_loss": request.stops.stop_loss, "take_profit": request.stops.take_profit}
    for name, price in named.items():
        if price is not None and not _is_price(price, tick):
            return Refusal(Code.BAD_PRICE, f"{name} was {price}, expected a multiple of {tick}")
    if request.distance is not None and request.distance <= 0:
        return Refusal(Code.BAD_PRICE, f"distance was {request.distance}, expected more than 0")
    return None


def _is_price(price: Decimal, tick: Decimal) -> bool:
    return price.is_finite() and price > 0 and round_to_step(price, tick) == price


def expiry_right(book: Book, account: Account, order: Order) -> Refusal | None:
    request = order.request
    if (request.duration is Duration.GTD) != (request.expires_at is not None):
        return Refusal(Code.BAD_EXPIRY, "expires_at belongs to GTD orders, and to each of them")
    if request.expires_at is not None and request.expires_at <= book.at:
        found, now = request.expires_at.isoformat(), book.at.isoformat()
        return Refusal(Code.BAD_EXPIRY, f"expires_at was {found}, it is {now} already")
    return None


def position_fits(book: Book, account: Account, order: Order) -> Refusal | None:
    request = order.request
    if request.position is None:
        return None
    held = account.positions.get(request.position)
    if held is None or held.symbol != request.symbol:
        text = f"no open position of {request.symbol} has the number {request.position}"
        return Refusal(Code.UNKNOWN_POSITION, text)
    if held.side == request.side:
        text = f"position {held.id} is a {held.side}, only a {OPPOSITE[held.side]} closes it"
        return Refusal(Code.BAD_REQUEST, text)
    if order.left > held.lots:
        return Refusal(Code.BAD_LOTS, f"lots were {order.left}, position {held.id} has {held.lots}")
    return None


def stops_fit(book: Book, account: Account, order: Order) -> Refusal | None:
    """Stops lie on their sides of the order's price, or of the market for what fills there now."""
    request = order.request
    symbol, quote = book.market.symbols[request.symbol], book.market.quotes.get(request.symbol)
    has_no_price = request.kind in (Kind.MARKET, Kind.TRAILING_STOP)
    if quote is None and has_no_price:
        return None
    if quote is not None and (has_no_price or _is_passed(request, quote)):
        around = dealing_price(OPPOSITE[request.side], quote)
    else:
        around = request.limit_price or request.price or ZERO
    return misplaced(request.stops, side=request.side, around=around, symbol=symbol)


def _is_passed(request: OrderRequest, quote: Quoted) -> bool:
    """Whether the market has passed the prices that the order would wait for."""
    return request.kind is not Kind.IF_TOUCHED and opens_at_once(
        request.side,
        request.kind,
        price=request.price,
        limit_price=request.limit_price,
        bid=quote.bid,
        ask=quote.ask,
    )


def misplaced(stops: Stops, *, side: Side, around: Decimal, symbol: Symbol) -> Refusal | None:
    """Why stops cannot protect a position of that side at the price `around`."""
    for name in ("stop_distance", "take_distance", "trail"):
        distance = getattr(stops, name)
        if distance is not None and distance <= 0:
            text = f"{name} was {_plain(distance)}, expected more than 0"
            return Refusal(Code.BAD_STOPS, text)
    least, direction = symbol.stops_distance, DIRECTION[side]
    loss, profit = stops.stop_loss, stops.take_profit
    below, above = ("below", "above") if side == "buy" else ("above", "below")
    if loss is not None and not _is_apart((around - loss) * direction, least):
        text = f"stop_loss was {_plain(loss)}, expected {below} {_plain(around)}{_by(least)}"
        return Refusal(Code.BAD_STOPS, text)
    if profit is not None and not _is_apart((profit - around) * direction, least):
        text = f"take_profit was {_plain(profit)}, expected {above} {_plain(around)}{_by(least)}"
        return Refusal(Code.BAD_STOPS, text)
    return None


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _by(least: Decimal) -> str:
    return f" by {_plain(least)} or more" if least else ""


def _is_apart(distance: Decimal, least: Decimal) -> bool:
    return distance > 0 and distance >= least


def client_id_free(book: Book, account: Account, order: Order) -> Refusal | None:
    first = repeats(account, order.request)
    if first is None:
        return None
    text = f"client id {order.request.client_id!r} belongs to order {first} already"
    return Refusal(Code.DUPLICATE_CLIENT_ID, text)


def repeats(account: Account, request: OrderRequest) -> int | None:
    """The order that has the client id already, where the account's rules mind."""
    first = account.clients.get(request.client_id) if request.client_id else None
    if first is None or account.rules.repeats == "allow":
        return None
    if account.rules.repeats == "refuse_working" and first not in account.orders:
        return None
    return first


def market_open(book: Book, account: Account, order: Order) -> Refusal | None:
    name, now = order.request.symbol, order.request.kind is Kind.MARKET
    if name not in book.market.quotes:
        text = f"{name} has not been quoted"
        return Refusal(Code.NO_PRICE, text) if now else None
    if book.market.trades(name) or (not now and account.rules.rests_when_closed):
        return None
    return Refusal(Code.MARKET_CLOSED, f"{name} is closed at {_stamp(book.at)}")


def _stamp(at: datetime) -> str:
    return at.isoformat()


def price_ahead(book: Book, account: Account, order: Order) -> Refusal | None:
    """A resting price that the market has passed or that is too near, where the broker minds."""
    request, quote = order.request, book.market.quotes.get(order.request.symbol)
    if request.price is None or quote is None or request.kind is Kind.MARKET:
        return None
    if order.triggered:
        return None
    symbol = book.market.symbols[request.symbol]
    seen = trigger_price(request.trigger, request.side, quote)
    upwards = (request.side == "buy") == (request.kind in STOPS)
    gap = request.price - seen if upwards else seen - request.price
    if account.rules.rejects_passed and gap <= 0:
        text = f"price was {_plain(request.price)}, the market at {_plain(seen)} has passed it"
        return Refusal(Code.BAD_PRICE, text)
    if symbol.stops_distance and gap < symbol.stops_distance:
        least = _plain(symbol.stops_distance)
        text = f"price was {_plain(request.price)}, expected {least} or more from {_plain(seen)}"
        return Refusal(Code.BAD_PRICE, text)
    return None


def reduces_something(book: Book, account: Account, order: Order) -> Refusal | None:
    if not order.request.reduce_only or _parts(account, order):
        return None
    text = f"no open {OPPOSITE[order.request.side]} of {order.request.symbol} can be reduced"
    return Refusal(Code.NOTHING_TO_REDUCE, text)


def rates_known(book: Book, account: Account, order: Order) -> Refusal | None:
    missing = missing_rate(book.market, account, book.market.symbols[order.request.symbol])
    if missing is None or order.closes_only:
        return None
    return Refusal(Code.NO_RATE, missing)


def affordable(book: Book, account: Account, order: Order) -> Refusal | None:
    """A market order must be carried now; others are asked again when they fill."""
    request = order.request
    if request.kind is not Kind.MARKET:
        return None
    price = dealing_price(request.side, book.market.quotes[request.symbol])
    return shortage(book.market, account, order, _parts(account, order), price)


def _parts(account: Account, order: Order) -> list[Part]:
    return plan(account, order.request, order.left, order=order.id)


def level_of(request: OrderRequest) -> Decimal | None:
    """Where a waiting order fires; a trailing stop learns it from the first quote."""
    return request.price if request.kind in WAITS else None


NEW_ORDER: tuple[Check, ...] = (
    symbol_known, lots_fit, prices_given, expiry_right, client_id_free, market_open, position_fits,
    stops_fit, price_ahead, reduces_something, rates_known, affordable,
)  # fmt: skip
AMENDMENT: tuple[Check, ...] = (
    lots_fit, prices_given, expiry_right, position_fits, stops_fit, price_ahead,
)  # fmt: skip
