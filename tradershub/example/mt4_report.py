"""The rows of an MT4 statement, as values that a writer can print. Times are server time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tradershub.example.records import ZERO, Account, CashFlow
from tradershub.example.results import Results


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A closed, open or pending ticket.

    done_at: None while it is not over. note: why a pending order ended, else empty.
    """

    ticket: int
    opened_at: datetime
    type: str
    lots: Decimal
    symbol: str
    digits: int
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    done_at: datetime | None
    done_price: Decimal
    commission: Decimal = ZERO
    swap: Decimal = ZERO
    profit: Decimal = ZERO
    comment: str = ""
    magic: int = 0
    note: str = ""

    @property
    def amount(self) -> Decimal:
        """What the ticket brought, costs included."""
        return self.commission + self.swap + self.profit


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A balance or credit row."""

    ticket: int
    flow: CashFlow


@dataclass(frozen=True, slots=True)
class Mt4Report:
    """One exported statement.

    flows: the period's balance operations; balance: of the moment of printing.
    """

    account: Account
    printed_at: datetime
    flows: Decimal
    credit: Decimal
    closed_profit: Decimal
    floating: Decimal
    margin: Decimal
    balance: Decimal
    results: Results
    closed: list[TicketRow | FlowRow] = field(default_factory=list)
    open_trades: list[TicketRow] = field(default_factory=list)
    working: list[TicketRow] = field(default_factory=list)

    @property
    def equity(self) -> Decimal:
        """Balance, credit and what is open."""
        return self.balance + self.credit + self.floating

    @property
    def free_margin(self) -> Decimal:
        """What is left for new positions."""
        return self.equity - self.margin
