"""What a rule may look at: plain values, handed down by trading and completed by the gate from the books.

None always means "not known". A rule that needs what is not known refuses and names it; it never assumes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tradershub.finance.sides import Side


class Intent(StrEnum):
    """ENTRY may open or add. EXIT only reduces what is held, and is asked much less."""

    ENTRY = "entry"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its age. daily: a reference rate of that day, not a price of that moment."""

    value: Decimal
    at: dt.datetime
    daily: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """The broker's own quote of the symbol, in its quote currency."""

    bid: Decimal
    ask: Decimal
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """One order, the moment at which it is judged, and what trading knows about it.

    Who: `client_order_id` is ours and the key of the reservation. `origin` names what asked for it (a
    signal, a form, a copied deal); two orders of one origin are never called duplicates. `automatic`: no
    person pressed a button. `strategy`, `source`: their keys as text, "" without one.
    What: `side` of the deal, `lots` positive in the platform's lots. `price`: the limit, or the level of a
    stop; None at the market. `stop_loss`: None without one. `position_ref`: the position that an exit closes
    ("" where the account nets). `resting`: works at the broker until its price is reached.
    `base`, `quote`: currencies (or codes) of the symbol. `point_value`: quote currency that one lot earns when
    the price moves by 1 (the contract size, or tick value / tick size). `lot_min`, `lot_step`, `lot_max`: the
    broker's terms; lot_max None means that the terms name no largest.
    Figures: `rate` is account currency for one of the quote currency. `margin` is what the broker would hold
    for the whole order, `costs` its round-turn commission and expected slippage (positive), both in the
    account's currency. `equity`, `free_margin`: the account's, in its currency; left None they are computed
    from the books. `strategy_result`: the strategy's profit and loss of the day on this account, open
    positions included. `correlations`: r of daily returns with this symbol by instrument id, of the
    instruments held.
    States: `signal_at` is when the hub received what asked for the order, None for a person's own.
    `session_open`: the symbol trades now. `blackout`: why entries pause (news), "" when they do not.
    `parent`, `parent_lots`: the order that this one is a part of, and the lots all parts may have together.
    """

    client_order_id: str
    at: dt.datetime
    intent: Intent

    owner_id: int
    account_id: int
    currency: str
    origin: str
    automatic: bool
    strategy: str = ""
    source: str = ""
    signal_at: dt.datetime | None = None
    parent: str = ""
    parent_lots: Decimal | None = None

    symbol_id: int
    symbol: str
    instrument_id: int | None
    base: str | None
    quote: str | None
    side: Side
    lots: Decimal
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    resting: bool = False
    position_ref: str = ""

    point_value: Decimal | None = None
    lot_min: Decimal | None = None
    lot_step: Decimal | None = None
    lot_max: Decimal | None = None
    market: Price | None = None
    rate: Figure | None = None
    margin: Decimal | None = None
    costs: Decimal = Decimal(0)
    equity: Figure | None = None
    free_margin: Figure | None = None
    strategy_result: Decimal | None = None
    correlations: Mapping[int, Decimal] | None = None

    account_open: bool | None = None
    may_trade: bool | None = None
    platform_enabled: bool | None = None
    connection_enabled: bool | None = None
    account_is_live: bool | None = None
    connection_is_live: bool | None = None
    session_open: bool | None = None
    blackout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one rule said, with the figures it said it on (plain text, by name).

    rule: as in `rules.RULES`. code: "" when it passed, else a word for programs, as DAILY_LOSS.
    text: one sentence for the person.
    """

    rule: str
    passed: bool
    code: str = ""
    text: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Every check in order. passed: all did, and what the order may use is reserved under its client id.

    epoch: of the kill switch when it was asked; a later one means that somebody stopped meanwhile.
    """

    passed: bool
    checks: tuple[Check, ...]
    epoch: int

    @property
    def refusal(self) -> Check | None:
        """The first check that refused."""
        return next((check for check in self.checks if not check.passed), None)
