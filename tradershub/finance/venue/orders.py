"""Orders as they are asked for and as they work."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import Side


class Kind(StrEnum):
    """MARKET now; LIMIT at `price` or better; STOP at the market once `price` is reached.

    STOP_LIMIT becomes a limit at `limit_price`; TRAILING_STOP follows the market at `distance`;
    IF_TOUCHED goes to the market once a better `price` is reached.
    """

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    IF_TOUCHED = "if_touched"


STOPS = frozenset({Kind.STOP, Kind.STOP_LIMIT, Kind.TRAILING_STOP})
WAITS = STOPS | {Kind.IF_TOUCHED}


class Duration(StrEnum):
    """GTC until cancelled, DAY until the trading day ends, GTD until `expires_at`.

    IOC fills what it can at once, FOK everything or nothing; both apply when a stop fires.
    """

    GTC = "gtc"
    DAY = "day"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


AT_ONCE = frozenset({Duration.IOC, Duration.FOK})


class Trigger(StrEnum):
    """The price that fires an order: DEFAULT is the side it would trade at, INVERSE the other."""

    DEFAULT = "default"
    INVERSE = "inverse"
    BID = "bid"
    ASK = "ask"
    MID = "mid"


class Reason(StrEnum):
    """Why an order exists."""

    CLIENT = "client"
    CLOSE = "close"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    STOP_OUT = "stop_out"


EXITS = frozenset({Reason.STOP_LOSS, Reason.TAKE_PROFIT, Reason.TRAILING_STOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Where a position is to be left: prices, or distances from the fill (price units, positive).

    trail: distance at which the stop loss follows the market. trigger: the price that fires them.
    """

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    stop_distance: Decimal | None = None
    take_distance: Decimal | None = None
    trail: Decimal | None = None
    trigger: Trigger = Trigger.DEFAULT


NO_STOPS = Stops()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a client asks for. lots: positive. side: of the deal, not the position.

    price: the limit, or the level at which a stop fires. bound: worst price accepted; a worse
    market cancels. position: number of the position to close (hedging). reduce_only: never opens.
    oco: name of a bracket; the first of its orders that fills cancels the others. client_id: the
    client's own id. label, comment: kept, never read. reduce_first (hedging): closes the other side's
    oldest before it opens anything.
    """

    symbol: str
    side: Side
    lots: Decimal
    kind: Kind = Kind.MARKET
    price: Decimal | None = None
    limit_price: Decimal | None = None
    distance: Decimal | None = None
    bound: Decimal | None = None
    duration: Duration = Duration.GTC
    expires_at: datetime | None = None
    trigger: Trigger = Trigger.DEFAULT
    stops: Stops = NO_STOPS
    position: int | None = None
    reduce_only: bool = False
    reduce_first: bool = False
    oco: str = ""
    client_id: str = ""
    label: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A working order. level: price at which it fires, moved along by a trailing stop.

    triggered: it waits no longer. expires_at: moment from which it cannot fill.
    """

    id: int
    request: OrderRequest
    placed_at: datetime
    reason: Reason = Reason.CLIENT
    filled: Decimal = ZERO
    level: Decimal | None = None
    triggered: bool = False
    expires_at: datetime | None = None

    @property
    def left(self) -> Decimal:
        """Lots not filled yet."""
        return self.request.lots - self.filled

    @property
    def waits(self) -> bool:
        """Whether its level must be reached first."""
        return self.request.kind in WAITS and not self.triggered

    @property
    def limit(self) -> Decimal | None:
        """The price it may not fill worse than, None for the market."""
        if self.request.kind is Kind.STOP_LIMIT:
            return self.request.limit_price
        return self.request.price if self.request.kind is Kind.LIMIT else None

    @property
    def closes_only(self) -> bool:
        return self.request.reduce_only or self.request.position is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open holding; its id is that of the order that opened it. lots: positive.

    price: average of the lots held, unrounded. swap: accrued and not booked; commission: charged so
    far, booked already; both in the account's currency.
    """

    id: int
    symbol: str
    side: Side
    lots: Decimal
    price: Decimal
    opened_at: datetime
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trail: Decimal | None = None
    trigger: Trigger = Trigger.DEFAULT
    client_id: str = ""
    label: str = ""
    comment: str = ""
