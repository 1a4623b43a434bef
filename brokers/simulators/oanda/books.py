"""One account as OANDA's server remembers it: transactions without a gap, orders, trades."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.simulators.oanda.wire import Plain, stamp
from tradershub.finance.decimals import ZERO

OPEN = frozenset({"OPEN", "CLOSE_WHEN_TRADEABLE"})


@dataclass(slots=True)
class Books:
    """transactions: number n at place n - 1. orders, trades: as the wire shows them, by number.

    order_of, trade_of: the venue's numbers to ours; venue_order, venue_position: back. on_fill: what an
    order brings with its fill. balance: after the last transaction. hidden: numbers not to be seen yet, with
    the monotonic second from which they are.
    """

    id: str
    currency: str
    hedging: bool
    alias: str = ""
    transactions: list[Plain] = field(default_factory=list)
    orders: dict[str, Plain] = field(default_factory=dict)
    trades: dict[str, Plain] = field(default_factory=dict)
    order_of: dict[int, str] = field(default_factory=dict)
    trade_of: dict[int, str] = field(default_factory=dict)
    venue_order: dict[str, int] = field(default_factory=dict)
    venue_position: dict[str, int] = field(default_factory=dict)
    on_fill: dict[str, dict[str, Plain]] = field(default_factory=dict)
    balance: Decimal = ZERO
    hidden: dict[int, float] = field(default_factory=dict)
    batch: str = ""
    request: str = ""

    # -- Writing -------------------------------------------------------------------------------
    def begin(self, request: str = "") -> int:
        """Start a batch; how many transactions there were before comes back."""
        self.batch, self.request = "", request
        return len(self.transactions)

    def add(self, kind: str, at: datetime, /, **facts: Any) -> Plain:
        """The next transaction, in the batch that is open. Facts that are None or empty are left out."""
        key = str(len(self.transactions) + 1)
        self.batch = self.batch or key
        base = {
            "id": key,
            "time": stamp(at, int(key) * 37),
            "userID": 1234567,
            "accountID": self.id,
            "batchID": self.batch,
        }
        if self.request:
            base["requestID"] = self.request
        told = {name: value for name, value in facts.items() if value not in (None, "", {}, [])}
        transaction = base | {"type": kind} | told
        self.transactions.append(transaction)
        return transaction

    def hide(self, first: int, seconds: float) -> None:
        """Keep what came after the first `first` transactions from being seen for so long."""
        until = time.monotonic() + seconds
        for number in range(first + 1, len(self.transactions) + 1):
            self.hidden[number] = until

    # -- Reading -------------------------------------------------------------------------------
    def is_hidden(self, number: str | int) -> bool:
        until = self.hidden.get(int(number))
        return until is not None and time.monotonic() < until

    @property
    def last_id(self) -> str:
        """Of the last transaction that can be seen."""
        number = len(self.transactions)
        while number and self.is_hidden(number):
            number -= 1
        return str(number)

    def after(self, number: int) -> list[Plain]:
        return [one for one in self.transactions[number:] if not self.is_hidden(one["id"])]

    def seen_orders(self) -> Iterator[Plain]:
        return (one for key, one in self.orders.items() if not self.is_hidden(key))

    def seen_trades(self) -> Iterator[Plain]:
        return (one for key, one in self.trades.items() if not self.is_hidden(key))

    def order(self, spec: str) -> Plain | None:
        """By number or `@client id`: of several that had the id, the pending or else the last one."""
        if not spec.startswith("@"):
            return next((one for one in self.seen_orders() if one["id"] == spec), None)
        found = [one for one in self.seen_orders() if client_id(one) == spec[1:]]
        pending = [one for one in found if one["state"] == "PENDING"]
        return next(reversed(pending or found), None)

    def trade(self, spec: str) -> Plain | None:
        if not spec.startswith("@"):
            return next((one for one in self.seen_trades() if one["id"] == spec), None)
        found = [one for one in self.seen_trades() if client_id(one) == spec[1:]]
        still = [one for one in found if one["state"] in OPEN]
        return next(reversed(still or found), None)

    def open_trades(self, instrument: str = "") -> list[Plain]:
        return [
            one
            for one in self.trades.values()
            if one["state"] in OPEN and instrument in ("", one["instrument"])
        ]

    def dependents(self, trade: str) -> dict[str, Plain]:
        """The pending orders of a trade by their type."""
        return {
            one["type"]: one
            for one in self.orders.values()
            if one.get("tradeID") == trade and one["state"] == "PENDING"
        }


def client_id(plain: Plain) -> str:
    """The client's id of an order or trade, "" without one."""
    return str(plain.get("clientExtensions", {}).get("id", ""))
