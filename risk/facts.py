"""What a rule may look at: plain values, handed down by trading and completed by the gate from the books.

None always means "not known". A rule that needs what is not known refuses and names it; it never assumes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from risk.kinds import Basis, Kind, Scope, Trail, Unit, Window
from tradershub.finance.correlation import Correlation
from tradershub.finance.opening import MARKET, opening_price
from tradershub.finance.sides import Side

Value = TypeVar("Value")
AHEAD = Decimal(
    5
)  # seconds that a figure may be ahead: read while the order waited for its counters


class Intent(StrEnum):
    """ENTRY may open or add. EXIT only reduces what is held, and is asked much less.

    HOLD is no order: a position goes on with a stop at which it may lose more. Only what concerns that is asked.
    """

    ENTRY = "entry"
    EXIT = "exit"
    HOLD = "hold"


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
    What: `side` of the deal, `lots` positive in the platform's lots. `kind`: as `brokers.adapters.messages.Kind`.
    `price`: its limit, else the level of a stop; `distance` of a trailing stop. `stop_loss`: None without one.
    `position_ref`: the position that an exit closes ("" where the account nets), or that is held.
    `open_price`: of a position that is held, None where its opening is not known. `trail`: of one whose stop is
    only where a trail would begin by `market`, None for others.
    `base`, `quote`: currencies (or codes) of the symbol. `point_value`: quote currency that one lot earns when
    the price moves by 1 (the contract size, or tick value / tick size). `lot_min`, `lot_step`, `lot_max`: the
    broker's terms; lot_max None means that the terms name no largest.
    Figures: `rate` is account currency for one of the quote currency. `margin` is what the broker would hold
    for the whole order, `costs` its round-turn commission (positive), both in the
    account's currency. `equity`, `free_margin`: the account's, in its currency; left None they are computed
    from the books. `strategy_result`: the strategy's profit and loss of the day on this account, open
    positions included. `correlations`: r of daily returns with this symbol by instrument id, of the
    instruments held, each with the number of returns that it is of.
    States: `signal_at` is when the hub received what asked for the order, None for a person's own.
    `may_trade`, `platform_enabled`: for an order of this intent. `why_shut`: why platform or connection takes
    none, in a sentence. `closes_only`: exits may go there, others not.
    `session_open`: the symbol trades now. `risks_no_more`: a
    change to an order that works already, which could lose no more than it can now.
    `parent`, `parent_lots`: the order that this one is a part of, and the lots all parts may have together.
    `foreign_working`: orders that work at the broker on this account and are not the hub's.
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
    foreign_working: int | None = None

    symbol_id: int
    symbol: str
    instrument_id: int | None
    base: str | None
    quote: str | None
    side: Side
    lots: Decimal
    kind: str = MARKET
    price: Decimal | None = None
    distance: Decimal | None = None
    stop_loss: Decimal | None = None
    position_ref: str = ""
    open_price: Decimal | None = None
    trail: Decimal | None = None

    point_value: Decimal | None = None
    lot_min: Decimal | None = None
    lot_step: Decimal | None = None
    lot_max: Decimal | None = None
    market: Price | None = None
    rate: Figure | None = None
    margin: Decimal | None = None
    costs: Decimal | None = Decimal(0)
    equity: Figure | None = None
    free_margin: Figure | None = None
    strategy_result: Decimal | None = None
    correlations: Mapping[int, Correlation] | None = None

    account_open: bool | None = None
    may_trade: bool | None = None
    closes_only: bool = False
    platform_enabled: bool | None = None
    connection_enabled: bool | None = None
    why_shut: str = ""
    account_is_live: bool | None = None
    connection_is_live: bool | None = None
    session_open: bool | None = None
    risks_no_more: bool = False

    @property
    def resting(self) -> bool:
        """Works at the broker until its price is reached."""
        return self.kind != MARKET

    @property
    def opens_at(self) -> Decimal | None:
        """The worst price at which it may open, or did; None where that cannot be known."""
        if self.intent == Intent.HOLD:
            return self.open_price
        return opening_price(
            self.side,
            self.kind,
            price=self.price,
            limit_price=self.price,
            distance=self.distance,
            bid=self.market.bid if self.market else None,
            ask=self.market.ask if self.market else None,
        )


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

    epoch: of the kill switch when it was asked; a later one means that somebody stopped meanwhile. collar: percent
    that a price may lie from the market by the narrowest limit in force, None without one. paced: False where it
    is known that no limit on requests binds the account (`pace.may_send_message`).
    """

    passed: bool
    checks: tuple[Check, ...]
    epoch: int
    collar: Decimal | None = None
    paced: bool = True

    @property
    def refusal(self) -> Check | None:
        """The first check that refused."""
        return next((check for check in self.checks if not check.passed), None)


class Missing(Exception):  # noqa: N818 (names what is missing, not a fault)
    """A rule needs what is not known. The gate refuses the order and names it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def known(value: Value | None, name: str) -> Value:
    """The value. Raises Missing with its name where it is None."""
    if value is None:
        raise Missing(name)
    return value


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether orders of an account may go out. epoch: grows with each stop that concerns the account.

    scope: what is engaged, "file" for the file; "" when nothing is. reason: who said why.
    """

    engaged: bool
    epoch: int
    scope: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        """What is engaged, to the person whose order meets it."""
        return STOPPED.get(self.scope, "")


STOPPED = {
    "file": "everybody's trading",
    "all": "everybody's trading",
    "owner": "all of your accounts",
    "account": "this account",
    "strategy": "this strategy",
    "source": "this source",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFact:
    """A limit that applies to the order. window_key: the account and the day that its counter is of.

    seconds: the window of entries and requests. target: what a best day is a share of, or the initial
    capital that percents are of. latched_at: when it was found broken, until the window is over.
    """

    id: int
    kind: Kind
    name: str
    scope: Scope
    value: Decimal
    unit: Unit
    currency: str = ""
    words: tuple[str, ...] = ()
    seconds: int | None = None
    window: Window = Window.NONE
    window_key: str = ""
    basis: Basis = Basis.BALANCE
    trail: Trail = Trail.STATIC
    capital: Decimal | None = None
    lock_at: Decimal | None = None
    owner_id: int | None = None
    account_id: int | None = None
    instrument_id: int | None = None
    strategy: str = ""
    version: int = 1
    latched_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackoutFact:
    """A window that runs now. Without currency and instrument it is about every instrument."""

    id: int
    event: str
    ends_at: dt.datetime
    currency: str = ""
    instrument_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """An open position. lots positive. point_value: quote currency that a lot earns a point of price."""

    account_id: int
    owner_id: int
    symbol: str
    instrument_id: int | None
    ref: str
    side: Side
    lots: Decimal
    base: str | None
    quote: str | None
    point_value: Decimal | None
    price: Decimal | None
    open_price: Decimal | None = None
    stop_loss: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Where an account stands against one limit of loss, in its currency.

    result: equity less all money that came from outside, now. reference: the result that the loss is
    counted from. base: what a percent is of where the limit names no capital: the reference and the money from
    outside. None is not known.
    """

    result: Decimal | None
    reference: Decimal | None
    base: Decimal | None


@dataclass(frozen=True, slots=True)
class BestDay:
    """today: profit of the day so far. earlier: sum of the profits of all days before that had one."""

    today: Decimal | None
    earlier: Decimal


class Rates(Protocol):
    def __call__(self, source: str, target: str) -> Decimal:
        """Target currency for one of source. Raises Missing where no rate of today is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an order would add, in its account's currency; kept with its reservation.

    notional, risk, legs are None where they cannot be known. risk is to the stop with costs, and without a
    stop what an adverse move of the size in the settings would lose. legs: signed value by currency.
    """

    account_id: int
    owner_id: int
    currency: str
    symbol: str
    instrument_id: int | None
    side: Side
    lots: Decimal
    resting: bool
    strategy: str = ""
    notional: Decimal | None = None
    risk: Decimal | None = None
    margin: Decimal | None = None
    legs: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """The settings: how old a figure may be, in seconds, and the collar and move in percent.

    daily_rate: of a reference rate, where no rate of now is known.
    """

    quote: Decimal
    rate: Decimal
    daily_rate: Decimal
    equity: Decimal
    signal: Decimal
    duplicates: Decimal
    collar: Decimal
    no_stop_move: Decimal

    def oldest(self, rate: Figure) -> Decimal:
        return self.daily_rate if rate.daily else self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The order with all that the gate read beside it, once the counters were locked.

    twins: moments at which other origins asked for the same. entries: automatic ones within each limit's
    window. opened: orders that opened or added in each limit's window. reserved: what others hold, unfilled.
    is_reserved: False where it is known that the order has no reservation yet.
    reserved_under: epoch of its reservation, on the last look. pinned_instrument: what its symbol was then.
    """

    order: OrderFacts
    standing: Standing
    ages: Ages
    ask: Ask
    rates: Rates
    limits: tuple[LimitFact, ...] = ()
    blackouts: tuple[BlackoutFact, ...] = ()
    holdings: tuple[Holding, ...] = ()
    reserved: tuple[Ask, ...] = ()
    losses: Mapping[int, Losses] = field(default_factory=dict)
    best_days: Mapping[int, BestDay] = field(default_factory=dict)
    twins: tuple[dt.datetime, ...] = ()
    entries: Mapping[int, int] = field(default_factory=dict)
    opened: Mapping[int, int] = field(default_factory=dict)
    parent_used: Decimal = Decimal(0)
    closable: Decimal | None = None
    is_reserved: bool = True
    again: bool = False
    reserved_under: int | None = None
    pinned_instrument: int | None = None
