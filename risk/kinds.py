"""The kinds of limits: what each is stated in, what it may be set on, and which way is looser."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Unit(StrEnum):
    LOTS = "lots"
    MONEY = "money"
    PERCENT = "percent"
    COUNT = "count"
    SECONDS = "seconds"
    SYMBOLS = "symbols"


class Scope(StrEnum):
    """What a limit is set on. A strategy is named by its key."""

    ALL = "all"
    OWNER = "owner"
    ACCOUNT = "account"
    INSTRUMENT = "instrument"
    STRATEGY = "strategy"


class Window(StrEnum):
    NONE = ""
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Basis(StrEnum):
    """What the loss of a window is counted from."""

    BALANCE = "balance"
    EQUITY = "equity"
    HIGHER = "higher"


class Trail(StrEnum):
    """What a drawdown is counted from: the start, the highest end of a day, the highest moment."""

    STATIC = "static"
    END_OF_DAY = "end_of_day"
    INTRADAY = "intraday"


class Kind(StrEnum):
    MAX_LOTS = "max_lots"
    MAX_NOTIONAL = "max_notional"
    RISK_PER_TRADE = "risk_per_trade"
    PRICE_COLLAR = "price_collar"
    SIGNAL_AGE = "signal_age"
    DUPLICATES = "duplicates"
    SYMBOLS = "symbols"
    MARGIN_LEVEL = "margin_level"
    EXPOSURE = "exposure"
    SYMBOL_LOTS = "symbol_lots"
    CURRENCY_EXPOSURE = "currency_exposure"
    OPEN_POSITIONS = "open_positions"
    WORKING_ORDERS = "working_orders"
    HEAT = "heat"
    CORRELATED = "correlated"
    TRADES = "trades"
    ENTRIES = "entries"
    MESSAGES = "messages"
    LOSS = "loss"
    STRATEGY_LOSS = "strategy_loss"
    DRAWDOWN = "drawdown"
    BEST_DAY = "best_day"


# What is counted in orders: one holds its part whole, of trades until its first fill, else until it is over.
IN_ORDERS = frozenset({Kind.WORKING_ORDERS, Kind.OPEN_POSITIONS, Kind.TRADES})
ANY = frozenset(Scope)
BOOKS = frozenset({Scope.ALL, Scope.OWNER, Scope.ACCOUNT, Scope.INSTRUMENT})
WHOLE = frozenset({Scope.ALL, Scope.OWNER, Scope.ACCOUNT})
MONEY = frozenset({Unit.MONEY, Unit.PERCENT})


class Spec(NamedTuple):
    """each: the value holds for each account of its scope, not for all of them together.

    lowering_loosens: a smaller value lets more through. summed: orders reserve their part of it.
    """

    label: str
    units: frozenset[Unit]
    scopes: frozenset[Scope]
    each: bool = False
    lowering_loosens: bool = False
    summed: bool = False


KINDS: dict[Kind, Spec] = {
    Kind.MAX_LOTS: Spec("Lots of one order", frozenset({Unit.LOTS}), ANY),
    Kind.MAX_NOTIONAL: Spec("Notional of one order", MONEY, ANY),
    Kind.RISK_PER_TRADE: Spec("Risk of one trade", MONEY, ANY),
    Kind.PRICE_COLLAR: Spec("Price away from the market", frozenset({Unit.PERCENT}), ANY),
    Kind.SIGNAL_AGE: Spec("Age of a signal", frozenset({Unit.SECONDS}), ANY),
    Kind.DUPLICATES: Spec(
        "Same order within",
        frozenset({Unit.SECONDS}),
        WHOLE | {Scope.STRATEGY},
        lowering_loosens=True,
    ),
    Kind.SYMBOLS: Spec("Symbols allowed", frozenset({Unit.SYMBOLS}), WHOLE | {Scope.STRATEGY}),
    Kind.MARGIN_LEVEL: Spec(
        "Margin level after an order",
        frozenset({Unit.PERCENT}),
        WHOLE,
        each=True,
        lowering_loosens=True,
    ),
    Kind.EXPOSURE: Spec("Open exposure", MONEY, BOOKS, summed=True),
    Kind.SYMBOL_LOTS: Spec(
        "Open lots of a symbol and side", frozenset({Unit.LOTS}), BOOKS, summed=True
    ),
    Kind.CURRENCY_EXPOSURE: Spec("Net exposure to a currency", MONEY, WHOLE, summed=True),
    Kind.OPEN_POSITIONS: Spec("Open positions", frozenset({Unit.COUNT}), BOOKS, summed=True),
    Kind.WORKING_ORDERS: Spec(
        "Working orders", frozenset({Unit.COUNT}), WHOLE, each=True, summed=True
    ),
    Kind.HEAT: Spec("Risk of all that is open", MONEY, BOOKS, summed=True),
    Kind.CORRELATED: Spec("Risk on what moves together", MONEY, WHOLE, each=True),
    Kind.TRADES: Spec("Trades of a day", frozenset({Unit.COUNT}), ANY, summed=True),
    Kind.ENTRIES: Spec("Automatic entries within", frozenset({Unit.COUNT}), ANY),
    Kind.MESSAGES: Spec("Requests to the broker within", frozenset({Unit.COUNT}), WHOLE, each=True),
    Kind.LOSS: Spec("Loss", MONEY, WHOLE, each=True),
    Kind.STRATEGY_LOSS: Spec("Loss of a strategy in a day", MONEY, WHOLE | {Scope.STRATEGY}),
    Kind.DRAWDOWN: Spec("Drawdown", MONEY, WHOLE, each=True),
    Kind.BEST_DAY: Spec("Share of the best day", frozenset({Unit.PERCENT}), WHOLE, each=True),
}
