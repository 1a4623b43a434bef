"""What a statement parser promises: values that say what the file says, and nothing else.

A parser knows no database. It reads cells, recognises rows by structure and by the platform's untranslated type words,
and yields the values below. Money is in the account's currency and signed from the trader's side (a cost is negative);
volumes are lots and always positive, the side says the direction; times are the file's own text in server time.
Lines are named tuples: a large file has hundreds of thousands, and a frozen dataclass takes six times as long to make.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

ZERO = Decimal(0)

# Kinds of money rows, shared with accounts.models.Deal.Kind.
TRADE = "trade"
DEPOSIT = "deposit"
WITHDRAWAL = "withdrawal"
CREDIT = "credit"
BONUS = "bonus"
INTEREST = "interest"
SWAP = "swap"
COMMISSION = "commission"
FEE = "fee"
DIVIDEND = "dividend"
TAX = "tax"
CORRECTION = "correction"
COMPENSATION = "compensation"
TRANSFER = "transfer"
ARCHIVE = "archive"
OPENING = "opening"

BUY, SELL = "buy", "sell"
IN, OUT, IN_OUT, OUT_BY = "in", "out", "inout", "out_by"


class NotAStatement(Exception):
    """The file is refused as a whole; the message is one sentence: what was found, what was expected."""


class UnknownTable(NotAStatement):
    """A table of no known format, which a mapping of its columns could still read."""


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """The account as the file names it; an empty text is what the file does not say."""

    number: str = ""
    currency: str = ""
    name: str = ""
    broker: str = ""
    server: str = ""
    leverage: int | None = None
    kind: str = ""  # "live", "demo", "contest"
    margin_mode: str = ""  # "hedging", "netting"


class DealLine(NamedTuple):
    """One booked change of money or of a holding.

    broker_deal_id is unique within the account and stable from one export to the next; empty where the file has none.
    position_ref is the platform's position id where the file proves it, else empty.
    inferred: the row is not in the file, but follows from one that is (the opening of a position
    that the file shows closed).
    currency: only where it differs from the account's.
    """

    row: int
    section: str
    kind: str
    time_text: str
    broker_deal_id: str = ""
    symbol: str = ""
    side: str = ""
    entry: str = ""
    volume: Decimal | None = None
    price: Decimal | None = None
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    fee: Decimal = ZERO
    tax: Decimal = ZERO
    position_ref: str = ""
    order_id: str = ""
    comment: str = ""
    balance_after: Decimal | None = None
    inferred: bool = False
    currency: str = ""

    @property
    def amount(self) -> Decimal:
        """What the row changes the account's money by."""
        return self.profit + self.swap + self.commission + self.fee + self.tax


class OrderLine(NamedTuple):
    """An order as the file states it. state: the platform's word (filled, canceled, expired, placed, rejected ...)."""

    row: int
    section: str
    order_id: str
    symbol: str
    type: str  # "market", "limit", "stop", "stop limit"
    side: str
    volume: Decimal
    filled: Decimal
    state: str
    time_text: str
    done_time_text: str = ""
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    comment: str = ""


class OpenPositionLine(NamedTuple):
    """A position that is open at the end of the statement, marked at the file's own price."""

    row: int
    section: str
    position_ref: str
    symbol: str
    side: str
    volume: Decimal
    open_price: Decimal
    time_text: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    market_price: Decimal | None = None
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    tax: Decimal = ZERO
    comment: str = ""
    currency: str = ""  # only where it differs from the account's


class Refusal(NamedTuple):
    """A row that cannot be read; the reason says what was found and what was expected."""

    row: int
    section: str
    reason: str
    text: str = ""


@dataclass(slots=True)
class Statement:
    """Everything one file says about one account.

    file_totals: what the file prints; our_totals: the same keys computed from its rows. A key is absent where the file
    says nothing. Keys: closed_trades, open_positions, net_profit, gross_profit, gross_loss, profit, swap, commission,
    fee, balance_operations, deposits, withdrawals, credit, opening_balance, balance, floating, open_swap, equity.
    breaks: one sentence each for a total or a running balance that the rows do not explain.
    """

    format: str
    account: AccountInfo
    time_zone: str = ""  # IANA name or "UTC" where the file states it; empty: the broker's applies
    period_from: str = ""  # time text of the first and last row that changes money
    period_to: str = ""
    printed_at: str = ""  # the file's own stamp, which may be the local clock of a PC
    deals: list[DealLine] = field(default_factory=list)
    orders: list[OrderLine] = field(default_factory=list)
    open_positions: list[OpenPositionLine] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    file_totals: dict[str, Decimal | int] = field(default_factory=dict)
    our_totals: dict[str, Decimal | int] = field(default_factory=dict)
    breaks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    starts_at_beginning: bool = True  # False: an extract, opening_balance is what was before it

    def money_rows(self) -> Iterator[DealLine]:
        """The rows that change money or a holding, those that were only inferred left out."""
        return (deal for deal in self.deals if not deal.inferred)
