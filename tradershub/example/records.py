"""What the example knows about an account before any platform writes it down.

Money is signed from the trader's side and in the account's currency; lots are positive; moments
are server time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

ZERO = Decimal(0)
BUY, SELL = "buy", "sell"


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its broker's terms.

    symbols: the broker's spelling of each instrument. commission: money per lot and side. index_fee:
    money per deal in an index. Both are positive.
    """

    number: int
    holder: str
    company: str
    server: str
    currency: str
    leverage: int
    symbols: dict[str, str]
    margin_mode: str = "Hedge"
    commission: Decimal = ZERO
    index_fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class CashFlow:
    """A deposit, withdrawal, interest ("balance") or a bonus ("credit"), signed."""

    at: datetime
    amount: Decimal
    comment: str
    kind: str = "balance"


@dataclass(frozen=True, slots=True)
class Exit:
    """Lots of a trade closed at a price.

    reason: "sl", "tp" or "" when the trader closed them by hand.
    """

    at: datetime
    price: Decimal
    lots: Decimal
    reason: str = ""


@dataclass(slots=True)
class Trade:
    """One entry with its exits; what the exits leave is open at the end.

    waited_from: when a pending order was placed.
    """

    name: str
    side: str
    lots: Decimal
    opened_at: datetime
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    comment: str = ""
    magic: int = 0
    order_type: str = ""
    waited_from: datetime | None = None
    exits: list[Exit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """A pending order that was never filled.

    done_at is None while it still works; state as MT5 says it.
    """

    name: str
    type: str
    lots: Decimal
    price: Decimal
    placed_at: datetime
    done_at: datetime | None
    state: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    comment: str = ""


@dataclass(slots=True)
class History:
    """Everything that happened on one account."""

    account: Account
    flows: list[CashFlow]
    trades: list[Trade] = field(default_factory=list)
    pending: list[PendingOrder] = field(default_factory=list)


def opposite(side: str) -> str:
    """The side that closes this one."""
    return SELL if side == BUY else BUY
