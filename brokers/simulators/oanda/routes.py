"""Every address of the v20 REST service: its name, what it changes, what it answers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from brokers.simulators.faults import Fault
from brokers.simulators.oanda.books import Books
from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.exchange import NEW_YORK, ROLLOVER, Answer
from brokers.simulators.oanda.prices import SECONDS, aligned
from brokers.simulators.oanda.requests import Malformed, shaped
from brokers.simulators.oanda.views import Views
from brokers.simulators.oanda.wire import Plain, moment, stamp
from tradershub.finance.trading_day import day_bounds, trading_day

MOST_LISTED, MOST_CANDLES, MOST_OF_PAGE = 500, 5000, 1000
GROUPS = {
    "ORDER": ("ORDER",),
    "FUNDING": ("TRANSFER_FUNDS",),
    "ADMIN": ("CREATE", "CLOSE", "REOPEN", "CLIENT_CONFIGURE"),
}


class NotFound(Exception):
    """status 404 or 416, with OANDA's code and sentence."""

    def __init__(self, code: str, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: to which account, with what."""

    broker: Broker
    account: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    faults: Mapping[str, Fault] = field(default_factory=dict)
    request: str = ""
    host: str = ""

    @property
    def books(self) -> Books:
        return self.broker.books[self.account]

    @property
    def views(self) -> Views:
        return Views(self.broker, self.books)

    @property
    def sent(self) -> Plain:
        """The body, which must be an object."""
        if not isinstance(self.body, dict):
            raise Malformed("The request was missing required data")
        return self.body

    def number(self, name: str, default: int | None = None) -> int:
        text = self.params.get(name)
        if text is None and default is not None:
            return default
        if text is None:
            raise Malformed(f"The request was missing required data: '{name}'")
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise Malformed(f"Invalid value specified for '{name}'")
        return int(text)

    def instruments(self, *, needed: bool = False) -> list[str]:
        text = self.params.get("instruments", "")
        names = [one for one in text.split(",") if one]
        if any(name not in self.broker.instruments for name in names):
            raise Malformed("Invalid value specified for 'instruments'")
        if needed and not names:
            raise Malformed("The request was missing required data: 'instruments'")
        return names or list(self.broker.instruments)

    def answer(self, **shown: Any) -> Answer:
        return 200, shown | {"lastTransactionID": self.books.last_id}


# -- Accounts ----------------------------------------------------------------------------------
def accounts(call: Call) -> Answer:
    return 200, {"accounts": [{"id": key, "tags": []} for key in call.broker.books]}


def account(call: Call) -> Answer:
    return call.answer(account=call.views.details())


def summary(call: Call) -> Answer:
    return call.answer(account=call.views.summary())


def instruments(call: Call) -> Answer:
    found = [call.broker.instruments[name].wire() for name in call.instruments()]
    return call.answer(instruments=found)


def configure(call: Call) -> Answer:
    return 200, call.broker.configure(call.account, str(call.sent.get("alias", "")), call.request)


def changes(call: Call) -> Answer:
    since = call.number("sinceTransactionID")
    if not 0 < since <= int(call.books.last_id):
        raise NotFound("INVALID_RANGE", "The transaction ID range specified is not valid", 416)
    return call.answer(**call.views.changes(since))


# -- Candles and prices ------------------------------------------------------------------------
def candles(call: Call) -> Answer:
    broker, name, params = call.broker, call.names["instrument"], call.params
    if name not in broker.instruments:
        raise Malformed("Invalid value specified for 'instrument'")
    granularity, kinds = params.get("granularity", "S5"), params.get("price", "M")
    if granularity not in SECONDS or not kinds or set(kinds) - set("MBA"):
        raise Malformed("Invalid value specified for 'granularity' or 'price'")
    count = call.number("count", 500)
    if not 0 < count <= MOST_CANDLES:
        raise Malformed("Maximum value for 'count' exceeded")
    if "from" in params and "to" in params and "count" in params:
        raise Malformed("'count' cannot be specified when 'to' and 'from' are")
    step, now = SECONDS[granularity], broker.now
    first, last = _range(params, now, step * (count - 1), granularity)
    if int((last - first).total_seconds()) // step >= MOST_CANDLES:
        raise Malformed("Maximum value for 'count' exceeded")
    found = broker.curve.candles(name, step, first, last, now=now, kinds=kinds)
    if "to" in params and found and moment(params["to"]) <= moment(found[-1]["time"]):
        found.pop()
    if params.get("includeFirst", "true").lower() == "false" and "from" in params:
        found = [one for one in found if moment(one["time"]) > moment(params["from"])]
    return 200, {"instrument": name, "granularity": granularity, "candles": found}


def _range(
    params: Mapping[str, str], now: datetime, span: int, granularity: str
) -> tuple[datetime, datetime]:
    """The first and the last candle asked for."""

    def start(at: datetime) -> datetime:
        day = trading_day(at, zone=NEW_YORK, rollover=ROLLOVER)
        return aligned(at, granularity, day_bounds(day, zone=NEW_YORK, rollover=ROLLOVER)[0])

    try:
        begin = moment(params["from"]) if "from" in params else None
        end = moment(params["to"]) if "to" in params else now
    except ValueError as unreadable:
        raise Malformed("Invalid value specified for 'from' or 'to'") from unreadable
    if begin is None:
        last = start(end)
        return last - timedelta(seconds=span), last
    first = start(begin)
    if "to" not in params:
        end = min(end, first + timedelta(seconds=span))
    return first, start(end)


def pricing(call: Call) -> Answer:
    names = call.instruments(needed=True)
    views = call.views
    reply: Plain = {"time": stamp(call.broker.now)}
    reply["prices"] = [views.price(name) for name in names]
    if call.params.get("includeHomeConversions", "").lower() == "true":
        reply["homeConversions"] = views.conversions(names)
    return 200, reply


# -- Orders ------------------------------------------------------------------------------------
def create_order(call: Call) -> Answer:
    return call.broker.create(call.account, call.body, faults=call.faults, request=call.request)


def orders(call: Call) -> Answer:
    state = call.params.get("state", "PENDING")
    found = call.views.orders(state)
    return call.answer(orders=_listed(call, found))


def pending_orders(call: Call) -> Answer:
    return call.answer(orders=call.views.orders("PENDING"))


def order(call: Call) -> Answer:
    found = call.books.order(call.names["spec"])
    if found is None:
        raise NotFound("NO_SUCH_ORDER", "The order ID specified does not exist")
    return call.answer(order=call.views.order(found))


def replace_order(call: Call) -> Answer:
    return call.broker.replace(
        call.account, call.names["spec"], call.body, faults=call.faults, request=call.request
    )


def cancel_order(call: Call) -> Answer:
    return call.broker.cancel(call.account, call.names["spec"], request=call.request)


def extend_order(call: Call) -> Answer:
    return call.broker.extend_order(
        call.account, call.names["spec"], shaped(call.sent), request=call.request
    )


def _listed(call: Call, found: list[Plain]) -> list[Plain]:
    """As `ids`, `instrument`, `beforeID` and `count` ask."""
    if "ids" in call.params:
        wanted = call.params["ids"].split(",")
        found = [one for one in found if one["id"] in wanted]
    if "instrument" in call.params:
        name, trades = call.params["instrument"], call.books.trades
        found = [
            one
            for one in found
            if (one.get("instrument") or trades[one["tradeID"]]["instrument"]) == name
        ]
    if "beforeID" in call.params:
        before = call.number("beforeID")
        found = [one for one in found if int(one["id"]) < before]
    count = call.number("count", 50)
    if not 0 < count <= MOST_LISTED:
        raise Malformed("Invalid value specified for 'count'")
    return found[:count]


# -- Trades and positions ------------------------------------------------------------------------
def trades(call: Call) -> Answer:
    found = call.views.trades(call.params.get("state", "OPEN"))
    return call.answer(trades=[call.views.trade(one) for one in _listed(call, found)])


def open_trades(call: Call) -> Answer:
    return call.answer(trades=[call.views.trade(one) for one in call.views.trades("OPEN")])


def trade(call: Call) -> Answer:
    found = call.books.trade(call.names["spec"])
    if found is None:
        raise NotFound("NO_SUCH_TRADE", "The trade ID specified does not exist")
    return call.answer(trade=call.views.trade(found))


def close_trade(call: Call) -> Answer:
    body = call.body or {}
    return call.broker.close_trade(call.account, call.names["spec"], body, request=call.request)


def trade_orders(call: Call) -> Answer:
    return call.broker.trade_orders(
        call.account, call.names["spec"], call.sent, request=call.request
    )


def extend_trade(call: Call) -> Answer:
    return call.broker.extend_trade(
        call.account, call.names["spec"], shaped(call.sent), request=call.request
    )


def positions(call: Call) -> Answer:
    return call.answer(positions=call.views.positions())


def open_positions(call: Call) -> Answer:
    return call.answer(positions=call.views.positions(only_open=True))


def position(call: Call) -> Answer:
    name = call.names["instrument"]
    if name not in call.broker.instruments:
        raise Malformed("Invalid value specified for 'instrument'")
    return call.answer(position=call.views.position(name))


def close_position(call: Call) -> Answer:
    body, name = call.body or {}, call.names["instrument"]
    return call.broker.close_position(call.account, name, body, request=call.request)


# -- Transactions ------------------------------------------------------------------------------
def transactions(call: Call) -> Answer:
    """Addresses of pages only, as the real one answers."""
    size = call.number("pageSize", 100)
    if not 0 < size <= MOST_OF_PAGE:
        raise Malformed("Invalid value specified for 'pageSize'")
    seen = call.books.after(0)
    try:
        begin = moment(call.params.get("from", seen[0]["time"]))
        end = moment(call.params.get("to", stamp(call.broker.now)))
    except ValueError as unreadable:
        raise Malformed("Invalid value specified for 'from' or 'to'") from unreadable
    inside = [int(one["id"]) for one in _typed(call, seen) if begin <= moment(one["time"]) <= end]
    root = f"http://{call.host}/v3/accounts/{call.account}/transactions/idrange"
    kinds = f"&type={call.params['type']}" if "type" in call.params else ""
    pages = [
        f"{root}?from={inside[n]}&to={inside[min(n + size, len(inside)) - 1]}{kinds}"
        for n in range(0, len(inside), size)
    ]
    shown = {"from": stamp(begin), "to": stamp(end), "pageSize": size}
    return call.answer(**shown, count=len(inside), pages=pages)


def transaction(call: Call) -> Answer:
    found = [one for one in call.books.after(0) if one["id"] == call.names["spec"]]
    if not found:
        raise NotFound("NO_SUCH_TRANSACTION", "The transaction ID specified does not exist")
    return call.answer(transaction=found[0])


def transactions_between(call: Call) -> Answer:
    first, last = call.number("from"), call.number("to")
    if not 0 < first <= last <= int(call.books.last_id):
        raise NotFound("INVALID_RANGE", "The transaction ID range specified is not valid", 416)
    found = [one for one in call.books.after(first - 1) if int(one["id"]) <= last]
    return call.answer(transactions=_typed(call, found))


def transactions_since(call: Call) -> Answer:
    since = call.number("id")
    if since > int(call.books.last_id):
        raise NotFound("INVALID_RANGE", "The transaction ID specified is not valid", 416)
    return call.answer(transactions=_typed(call, call.books.after(since)[:MOST_OF_PAGE]))


def _typed(call: Call, found: list[Plain]) -> list[Plain]:
    wanted = [one for one in call.params.get("type", "").split(",") if one]
    return [one for one in found if not wanted or any(_is_of(one["type"], w) for w in wanted)]


def _is_of(kind: str, wanted: str) -> bool:
    return kind == wanted or any(part in kind for part in GROUPS.get(wanted, ()))


# -- The table ---------------------------------------------------------------------------------
class Route(NamedTuple):
    """writes: it may change the account, and the ledger keeps it. streams: on the stream's address."""

    name: str
    method: str
    path: re.Pattern[str]
    answer: Callable[[Call], Answer] | None
    writes: bool = False

    @property
    def streams(self) -> bool:
        return self.answer is None


A = r"/v3/accounts/(?P<account>[^/]+)"
SPEC = r"(?P<spec>[^/]+)"
NAME = r"(?P<instrument>[^/]+)"


def _route(name: str, method: str, path: str, answer: Callable[[Call], Answer] | None) -> Route:
    return Route(name, method, re.compile(path), answer, writes=method != "GET")


ROUTES: tuple[Route, ...] = (
    _route("accounts", "GET", r"/v3/accounts", accounts),
    _route("account", "GET", A, account),
    _route("summary", "GET", rf"{A}/summary", summary),
    _route("instruments", "GET", rf"{A}/instruments", instruments),
    _route("configure", "PATCH", rf"{A}/configuration", configure),
    _route("changes", "GET", rf"{A}/changes", changes),
    _route("candles", "GET", rf"{A}/instruments/{NAME}/candles", candles),
    _route("candles", "GET", rf"/v3/instruments/{NAME}/candles", candles),
    _route("pricing", "GET", rf"{A}/pricing", pricing),
    _route("create_order", "POST", rf"{A}/orders", create_order),
    _route("orders", "GET", rf"{A}/orders", orders),
    _route("pending_orders", "GET", rf"{A}/pendingOrders", pending_orders),
    _route("order", "GET", rf"{A}/orders/{SPEC}", order),
    _route("replace_order", "PUT", rf"{A}/orders/{SPEC}", replace_order),
    _route("cancel_order", "PUT", rf"{A}/orders/{SPEC}/cancel", cancel_order),
    _route("extend_order", "PUT", rf"{A}/orders/{SPEC}/clientExtensions", extend_order),
    _route("trades", "GET", rf"{A}/trades", trades),
    _route("open_trades", "GET", rf"{A}/openTrades", open_trades),
    _route("trade", "GET", rf"{A}/trades/{SPEC}", trade),
    _route("close_trade", "PUT", rf"{A}/trades/{SPEC}/close", close_trade),
    _route("trade_orders", "PUT", rf"{A}/trades/{SPEC}/orders", trade_orders),
    _route("extend_trade", "PUT", rf"{A}/trades/{SPEC}/clientExtensions", extend_trade),
    _route("positions", "GET", rf"{A}/positions", positions),
    _route("open_positions", "GET", rf"{A}/openPositions", open_positions),
    _route("position", "GET", rf"{A}/positions/{NAME}", position),
    _route("close_position", "PUT", rf"{A}/positions/{NAME}/close", close_position),
    _route("transactions", "GET", rf"{A}/transactions", transactions),
    _route("transactions_between", "GET", rf"{A}/transactions/idrange", transactions_between),
    _route("transactions_since", "GET", rf"{A}/transactions/sinceid", transactions_since),
    _route("stream_transactions", "GET", rf"{A}/transactions/stream", None),
    _route("stream_pricing", "GET", rf"{A}/pricing/stream", None),
    _route("transaction", "GET", rf"{A}/transactions/{SPEC}", transaction),
)


def found(
    method: str, path: str, *, streams: bool, rest: bool
) -> tuple[Route, dict[str, str]] | int:
    """The route and the names in its address; else the status that says why not."""
    known = False
    for route in ROUTES:
        match = route.path.fullmatch(path)
        if match is None or not (streams if route.streams else rest):
            continue
        if route.method == method:
            return route, match.groupdict()
        known = True
    return 405 if known else 404
