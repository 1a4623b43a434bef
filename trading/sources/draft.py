"""A signal as it was understood, before anybody looks at accounts: frozen values, no framework."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from brokers.adapters.messages import Duration, Kind
from tradershub.finance.sizing import SizeIn


class Intent(StrEnum):
    """What the sender wants. BUY and SELL open or add; TARGET names the position that shall be."""

    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"
    CLOSE_LONG = "close_long"
    CLOSE_SHORT = "close_short"
    TARGET = "target"
    CANCEL = "cancel"


EXITS = frozenset({Intent.CLOSE, Intent.CLOSE_LONG, Intent.CLOSE_SHORT, Intent.CANCEL})


@dataclass(frozen=True, slots=True)
class Size:
    """value: positive; of a TARGET signed, negative is short and zero is flat."""

    value: Decimal
    unit: SizeIn


class LevelIn(StrEnum):
    """What a stop or target is given in: a price, or how far from the fill."""

    PRICE = "price"
    DISTANCE = "distance"
    PIPS = "pips"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Level:
    value: Decimal
    unit: LevelIn = LevelIn.PRICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One order or exit as asked for. symbol and account are the sender's words, not looked up yet.

    id: the sender's own, "" for none. alert: an alert's or order's name that with bar_at and fill tells two
    signals apart. fill: what the sender said of its size and positions, before and after. turns: an opposite
    position is closed first. size: None leaves it to the strategy. size_before: of an exit, how much the sender
    held, in the unit of its size: that share of what is held is closed.
    """

    symbol: str
    intent: Intent
    id: str = ""
    alert: str = ""
    fill: str = ""
    strategy: str = ""
    account: str = ""
    size: Size | None = None
    size_before: Decimal | None = None
    turns: bool = False
    kind: Kind = Kind.MARKET
    price: Decimal | None = None
    limit_price: Decimal | None = None
    distance: Decimal | None = None
    stop_loss: Level | None = None
    take_profit: Level | None = None
    trail: Level | None = None
    duration: Duration = Duration.GTC
    expires_at: dt.datetime | None = None
    fired_at: dt.datetime | None = None
    bar_at: dt.datetime | None = None
    comment: str = ""

    @property
    def is_exit(self) -> bool:
        return self.intent in EXITS or (
            self.intent is Intent.TARGET and self.size is not None and not self.size.value
        )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a body is no signal: a code for programs, one sentence with what was found and expected.

    malformed: it is not even of the dialect's form (HTTP 400), else it was read and refused (422).
    """

    code: str
    message: str
    malformed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a source writes what its messages leave open; part of its settings.

    size_in: unit of a size that names none. level_in: unit of stops and targets that name none.
    zone: of times without one. strategy: of messages that name none.
    """

    size_in: SizeIn = SizeIn.LOTS
    level_in: LevelIn = LevelIn.PRICE
    zone: dt.tzinfo = dt.UTC
    strategy: str = ""
