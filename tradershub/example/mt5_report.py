"""The rows of an MT5 trade history report, as values that a writer can print.

Times are server time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tradershub.example.records import ZERO, Account
from tradershub.example.results import Results


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A closed position. commission contains the fees; close_price is weighted by volume."""

    opened_at: datetime
    ticket: int
    symbol: str
    side: str
    lots: Decimal
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    closed_at: datetime
    close_price: Decimal
    commission: Decimal
    swap: Decimal
    profit: Decimal
    comment: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order; price None is "market", done_at None is still working."""

    placed_at: datetime
    ticket: int
    symbol: str
    type: str
    lots: Decimal
    filled: Decimal
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    done_at: datetime | None
    state: str
    comment: str = ""
    market_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DealRow:
    """A booked row.

    position_side: of the holding that an out or in/out deal closed; lots None on balance rows.
    """

    at: datetime
    ticket: int
    type: str
    profit: Decimal
    balance: Decimal
    symbol: str = ""
    entry: str = ""
    lots: Decimal | None = None
    price: Decimal | None = None
    order: int | None = None
    commission: Decimal = ZERO
    fee: Decimal = ZERO
    swap: Decimal = ZERO
    comment: str = ""
    position_side: str = ""

    @property
    def amount(self) -> Decimal:
        """What the row changes the running balance by."""
        return self.commission + self.fee + self.swap + self.profit

    @property
    def is_trade(self) -> bool:
        """True for a buy or a sell."""
        return self.order is not None


@dataclass(frozen=True, slots=True)
class OpenRow:
    """An open position, marked at the side that would close it."""

    opened_at: datetime
    ticket: int
    symbol: str
    side: str
    lots: Decimal
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    market_price: Decimal
    swap: Decimal
    profit: Decimal
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The block under the tables. balance is without credit, floating without open swap."""

    balance: Decimal
    credit: Decimal
    floating: Decimal
    equity: Decimal
    margin: Decimal

    @property
    def free_margin(self) -> Decimal:
        """What is left for new positions."""
        return self.equity - self.margin


@dataclass(frozen=True, slots=True)
class Report:
    """One exported file."""

    account: Account
    printed_at: datetime
    summary: Summary
    results: Results
    positions: list[PositionRow] = field(default_factory=list)
    orders: list[OrderRow] = field(default_factory=list)
    deals: list[DealRow] = field(default_factory=list)
    open_positions: list[OpenRow] = field(default_factory=list)
    working: list[OrderRow] = field(default_factory=list)
