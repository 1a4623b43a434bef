"""What the hub and a platform say to each other: frozen values without a framework.

Symbols are the platform's own names. Lots are positive and in the platform's lots (contracts). Prices are
in quote currency. Money is in the currency stated beside it and signed from the trader's side: a cost is
negative. Moments are aware. References and ids are the platform's own, as text.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import Side
from tradershub.finance.terms import ContractTerms


class Kind(StrEnum):
    """MARKET now; LIMIT at `price` or better; STOP at the market once `price` is reached.

    STOP_LIMIT becomes a limit at `limit_price`; TRAILING_STOP follows the market at `distance`.
    """

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


# The prices that a kind of order has, and needs.
NEEDS = {
    Kind.LIMIT: ("price",),
    Kind.STOP: ("price",),
    Kind.STOP_LIMIT: ("price", "limit_price"),
    Kind.TRAILING_STOP: ("distance",),
}
ENTRY = ("price", "limit_price", "distance")


class Duration(StrEnum):
    """GTC until cancelled, DAY until the trading day ends, GTD until `expires_at`.

    IOC fills what it can at once, FOK everything or nothing.
    """

    GTC = "gtc"
    DAY = "day"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


class Status(StrEnum):
    """What the platform says of an order; CANCELLED and EXPIRED may have filled in part."""

    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


OVER = frozenset({Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED})


class Mode(StrEnum):
    HEDGING = "hedging"
    NETTING = "netting"


class DealKind(StrEnum):
    """What a row of the account's history is; TRADE is the only one with a symbol and lots."""

    TRADE = "trade"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    CREDIT = "credit"
    SWAP = "swap"
    COMMISSION = "commission"
    FEE = "fee"
    INTEREST = "interest"
    DIVIDEND = "dividend"
    CORRECTION = "correction"
    COMPENSATION = "compensation"


class Entry(StrEnum):
    """What a trade did to the position: opened or added, reduced or closed, turned it over."""

    IN = "in"
    OUT = "out"
    REVERSAL = "inout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Where a position is to be left: prices, and the distance at which the stop follows the market."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trail: Decimal | None = None


NO_STOPS = Stops()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTicket:
    """What is asked of a platform. side: of the deal.

    position_ref: the position to close (hedging). reduce_only: never opens the other side. bound: the
    worst price accepted by an order at the market. client_id: ours, unique, carried where the platform
    has room for one. label, comment: kept by the platform, read by nobody.
    """

    client_id: str
    symbol: str
    side: Side
    lots: Decimal
    kind: Kind = Kind.MARKET
    price: Decimal | None = None
    limit_price: Decimal | None = None
    distance: Decimal | None = None
    bound: Decimal | None = None
    duration: Duration = Duration.GTC
    expires_at: dt.datetime | None = None
    stops: Stops = NO_STOPS
    position_ref: str = ""
    reduce_only: bool = False
    label: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order as the platform states it. reason: why it is cancelled or rejected, in a sentence.

    average_price: of what filled, None before. price: the limit or the level at which a stop fires.
    """

    broker_order_id: str
    client_id: str
    symbol: str
    side: Side
    lots: Decimal
    kind: Kind
    status: Status
    placed_at: dt.datetime
    filled: Decimal = ZERO
    average_price: Decimal | None = None
    price: Decimal | None = None
    limit_price: Decimal | None = None
    distance: Decimal | None = None
    duration: Duration = Duration.GTC
    expires_at: dt.datetime | None = None
    done_at: dt.datetime | None = None
    stops: Stops = NO_STOPS
    position_ref: str = ""
    reason: str = ""
    code: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealReport:
    """A row of the account's history: deal_id is unique and final in the account.

    amount: money that is none of the other four, as of a deposit. broker_time: the platform's own text.
    """

    deal_id: str
    kind: DealKind
    at: dt.datetime
    currency: str
    broker_time: str = ""
    symbol: str = ""
    side: Side | None = None
    entry: Entry | None = None
    lots: Decimal = ZERO
    price: Decimal | None = None
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    fee: Decimal = ZERO
    amount: Decimal = ZERO
    position_ref: str = ""
    broker_order_id: str = ""
    client_id: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """What became of an order: its state, and the deals of it that are known so far."""

    order: OrderReport
    deals: tuple[DealReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The answer to "do you know this client id?", of a read that was complete.

    found: None where the platform, asked completely, does not know it. watermark: how far the account's
    history reached when it was asked. evidence: what was read, for the order's story.
    """

    found: Ack | None
    watermark: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReport:
    """An open position. profit: floating, without swap; None where the platform gives none.

    differing: names of its stops that are not the same for all of it, told as None.
    """

    ref: str
    symbol: str
    side: Side
    lots: Decimal
    open_price: Decimal
    opened_at: dt.datetime
    currency: str
    price: Decimal | None = None
    profit: Decimal | None = None
    swap: Decimal | None = None
    stops: Stops = NO_STOPS
    differing: frozenset[str] = frozenset()
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """The account as the platform states it; figures it does not give are None.

    live: real money. watermark: how far its history reaches, "" where the platform has none.
    """

    number: str
    currency: str
    mode: Mode
    live: bool
    balance: Decimal
    at: dt.datetime
    credit: Decimal = ZERO
    equity: Decimal | None = None
    margin: Decimal | None = None
    free_margin: Decimal | None = None
    leverage: int | None = None
    name: str = ""
    watermark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolReport:
    """A tradable symbol and its contract today. base: "" where the thing traded is no currency.

    Swap rates are in the unit of `swap_mode` (points, money, interest as percent a year of 360 days,
    financing as OANDA's percent a year), negative when the trader pays. swap_days: nights charged by
    weekday, Monday first; empty where the platform does not say.
    """

    name: str
    quote: str
    terms: ContractTerms
    base: str = ""
    description: str = ""
    swap_mode: str = ""
    swap_long: Decimal = ZERO
    swap_short: Decimal = ZERO
    swap_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteReport:
    symbol: str
    bid: Decimal
    ask: Decimal
    at: dt.datetime
    tradable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BarReport:
    """A candle from `at` on; prices are those of the bid unless the platform says otherwise."""

    symbol: str
    at: dt.datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DealPage:
    """Deals after a cursor, oldest first; `cursor` asks for the next, and is kept once they are booked."""

    deals: tuple[DealReport, ...]
    cursor: str
    more: bool = False


class Tier(StrEnum):
    """How well a platform proves that an order does not exist (exact, strong, weak)."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a platform can do; asked before an order is made for it, and shown on its page.

    finds_closed: a look-up by client id also finds orders that are over. refuses_repeats: a client id
    given again is refused "never", while the first is "working", or "always". visible_within: seconds
    until an order can be found. places_orders: False where a person carries the orders out. takes_bound: an
    order at the market may name the worst price it accepts.
    """

    modes: frozenset[Mode]
    kinds: frozenset[Kind] = frozenset(Kind)
    durations: frozenset[Duration] = frozenset(Duration)
    proof: Tier
    finds_closed: bool
    refuses_repeats: str
    visible_within: float = 0.0
    stops_with_order: bool = True
    closes_in_part: bool = True
    streams: bool = False
    places_orders: bool = True
    takes_bound: bool = False
    notes: tuple[str, ...] = field(default=())
