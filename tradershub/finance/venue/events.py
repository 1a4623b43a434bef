"""Everything that can happen, as frozen values. Nothing changes the venue's state but these.

Money is in the account's currency and signed from the trader's side: a cost is negative. `seq`
counts the events of one account from 1 without a gap; the market's own have the account "".
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from tradershub.finance.decimals import ZERO
from tradershub.finance.netting import Entry
from tradershub.finance.sides import Side
from tradershub.finance.venue.orders import Order, OrderRequest, Position, Reason
from tradershub.finance.venue.rules import AccountRules

NEVER = datetime.min.replace(tzinfo=UTC)


class Code(StrEnum):
    """Why something was refused or ended."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_POSITION = "unknown_position"
    BAD_LOTS = "bad_lots"
    BAD_PRICE = "bad_price"
    BAD_STOPS = "bad_stops"
    BAD_EXPIRY = "bad_expiry"
    BAD_REQUEST = "bad_request"
    BAD_AMOUNT = "bad_amount"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    MARKET_CLOSED = "market_closed"
    NO_PRICE = "no_price"
    NO_RATE = "no_rate"
    NO_MONEY = "no_money"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    NO_LIQUIDITY = "no_liquidity"
    BOUND_PASSED = "bound_passed"
    CLIENT_REQUEST = "client_request"
    BRACKET = "bracket"
    POSITION_CLOSED = "position_closed"
    STOP_OUT = "stop_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """account, seq and at are set where the event is recorded."""

    account: str = ""
    seq: int = 0
    at: datetime = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted(Event):
    """Prices of a symbol, with the lots on offer at each; None is without limit."""

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    tradable: bool = True

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced(Event):
    """Time passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened(Event):
    rules: AccountRules
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesChanged(Event):
    rules: AccountRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Event):
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event):
    """Nothing happened. message: one sentence with what was found and expected.

    order: the order or the earlier order that it concerns.
    """

    code: Code
    message: str
    request: OrderRequest | None = None
    order: int | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated(Event):
    """A client id came again; order: the first one's number. Nothing was placed."""

    order: int
    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended(Event):
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered(Event):
    """A stop fired. price: that reached it."""

    order: int
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailed(Event):
    """The level of a trailing order moved."""

    order: int
    level: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(Event):
    """A deal. side: of the deal. closed: lots of `lots` that closed, at `profit` and `swap`.

    deal: its number. position: that it opened or changed; a reversal's is the new one. left: lots
    of the order that still work. rate: account currency for one of the profit currency, 1 where
    they are the same, None where nothing was closed.
    """

    deal: int
    order: int
    position: int
    symbol: str
    side: Side
    entry: Entry
    lots: Decimal
    price: Decimal
    reason: Reason
    closed: Decimal = ZERO
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    rate: Decimal | None = None
    left: Decimal = ZERO
    client_id: str = ""

    @property
    def money(self) -> Decimal:
        """What the deal changes the balance by."""
        return self.profit + self.swap + self.commission


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    order: int
    code: Code
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(Event):
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened(Event):
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanged(Event):
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed(Event):
    """position: as it was before its last lots went."""

    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCall(Event):
    """A warning, once until the level is above the call again. level: percent."""

    level: Decimal
    equity: Decimal
    margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCallLifted(Event):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOut(Event):
    """Closing by force begins. level: percent, None without margin."""

    level: Decimal | None
    equity: Decimal
    margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledOver(Event):
    """The account's trading day `day` began."""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapCharged(Event):
    """A night's swap. booked: it changed the balance, else it accrues on the position.

    price: the new opening price where the swap is charged by reopening.
    """

    position: int
    day: date
    nights: int
    amount: Decimal
    booked: bool
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensation(Event):
    """A negative balance made good by the broker."""

    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Event):
    """Money that no deal explains: "deposit", "withdrawal", or what the caller names it."""

    kind: str
    amount: Decimal
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited(Event):
    """Credit given or taken: counts towards equity, never towards the balance."""

    amount: Decimal
    comment: str = ""


ALL: tuple[type[Event], ...] = (
    Quoted, Advanced, AccountOpened, RulesChanged, Accepted, Rejected, Repeated, Amended, Triggered,
    Trailed, Filled, Cancelled, Expired, PositionOpened, PositionChanged, PositionClosed,
    MarginCall, MarginCallLifted, StopOut, RolledOver, SwapCharged, Compensation, Posted, Credited,
)  # fmt: skip
