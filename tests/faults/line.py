"""The hub's way to the broker of the fault runs: an adapter with a line of its own for each request.

Three platforms of it: `fault` proves everything, `faultlate` shows an order only after a while, `faultweak`
proves nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brokers.adapters.base import Adapter, Settings, setting
from brokers.adapters.errors import KeyRefused, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import (
    AccountReport,
    Ack,
    Capabilities,
    DealKind,
    DealPage,
    DealReport,
    Entry,
    Kind,
    Mode,
    OrderReport,
    PositionReport,
    QuoteReport,
    Search,
    Status,
    Stops,
    Tier,
)
from tradershub.core.failpoints import failpoint

READING = 1.5  # seconds
WORTH = Decimal(10**9)
SENDS = ("place", "close", "cancel")


@dataclass(frozen=True, kw_only=True)
class LineSettings(Settings):
    port: int = setting("Port")


class FaultAdapter(Adapter):
    settings = LineSettings
    capabilities = Capabilities(
        modes=frozenset(Mode), proof=Tier.A, finds_closed=True, refuses_repeats="never"
    )
    patience: float | None = (
        None  # where set, how long an answer is waited for, whatever the deadline
    )

    # -- The line
    def ask(self, op: str, **asked: Any) -> Any:
        """The answer to one request, each over a connection of its own."""
        text = json.dumps({"op": op, "account": self.line.number, **asked}) + "\n"
        with self._connected() as line:
            lost = OutcomeUnknown if op in SENDS else Unavailable
            try:
                answer = json.loads(self._exchange(line, text.encode(), sends=op in SENDS))
            except (OSError, ValueError) as error:
                raise lost(f"No answer: {type(error).__name__}", code="TIMEOUT") from error
        return self._judged(answer, lost)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        try:
            line = socket.create_connection(("127.0.0.1", self.line.settings.port), timeout=1.0)
        except OSError as error:
            raise Unavailable(f"No line: {type(error).__name__}", code="DOWN") from error
        with line:
            yield line

    def _exchange(self, line: socket.socket, text: bytes, *, sends: bool) -> bytes:
        seconds = self.patience or (min(self.line.deadline, READING) if sends else READING)
        until = time.monotonic() + seconds
        half = len(text) // 2
        line.settimeout(seconds)
        line.sendall(text[:half])
        if sends:
            failpoint("line.half_written")
        line.sendall(text[half:])
        if sends:
            failpoint("line.written")
        found = b""
        while not found.endswith(b"\n"):
            line.settimeout(max(0.001, until - time.monotonic()))
            if not (more := line.recv(65536)):
                raise ConnectionError("closed")
            found += more
        return found

    def _judged(self, answer: Any, lost: type[Exception]) -> Any:
        if not isinstance(answer, dict) or ("ok" in answer) == ("error" in answer):
            raise lost("An answer of another shape")
        if "ok" in answer:
            return answer["ok"]
        if answer["error"] == "rejected":
            raise Rejected("Refused by the broker", code="REFUSED")
        if answer["error"] == "login":
            raise KeyRefused("The broker does not know the key any more", code="LOGIN")
        raise lost(f"The broker failed: {answer['error']}")

    def _ack(self, answer: Any) -> Ack:
        """Raises OutcomeUnknown for what cannot be read."""
        try:
            deals = tuple(_deal(row) for row in answer["deals"])
            return Ack(order=_order(answer["order"]), deals=deals)
        except (KeyError, TypeError, ValueError) as error:
            raise OutcomeUnknown("An answer of another shape") from error

    # -- What it is told
    def place(self, ticket):
        stops = [_text(ticket.stops.stop_loss), _text(ticket.stops.take_profit)]
        return self._ack(
            self.ask(
                "place", client_id=ticket.client_id, symbol=ticket.symbol, side=ticket.side,
                lots=str(ticket.lots), kind=str(ticket.kind), price=_text(ticket.price), stops=stops,
            )
        )  # fmt: skip

    def close(self, position_ref, *, client_id, lots=None):
        asked = {"client_id": client_id, "lots": _text(lots), "position": position_ref}
        return self._ack(self.ask("close", kind="market", **asked))

    def cancel(self, broker_order_id):
        return self._ack(self.ask("cancel", order=broker_order_id))

    def amend(self, broker_order_id, ticket):
        raise Rejected("Orders cannot be changed here", code="NO_CHANGES")

    def protect(self, position_ref, stops):
        raise Rejected("Positions have no stops here", code="NO_STOPS")

    # -- What it says
    def account(self):
        said = self.ask("account")
        return AccountReport(
            number=said["number"], currency="USD", mode=Mode.HEDGING, live=self.line.live,
            balance=WORTH, equity=WORTH, at=now(), watermark=said["watermark"],
        )  # fmt: skip

    def find_by_client_id(self, client_id, *, since=""):
        said = self.ask("find", client_id=client_id)
        found = said["found"] and self._ack(said["found"])
        evidence = f"all up to {said['watermark']} since {since or 'the start'}"
        return Search(found=found or None, watermark=said["watermark"], evidence=evidence)

    def working_orders(self):
        return [_order(row) for row in self.ask("orders")]

    def positions(self):
        return [
            PositionReport(
                ref=row["ref"], symbol=row["symbol"], side=row["side"], lots=Decimal(row["lots"]),
                open_price=price_of(row["side"]), opened_at=_moment(row["at"]), currency="USD",
            )
            for row in self.ask("positions")
        ]  # fmt: skip

    def deals_since(self, cursor=""):
        said = self.ask("deals", cursor=cursor)
        deals = tuple(_deal(row) for row in said["deals"])
        return DealPage(deals=deals, cursor=said["cursor"], more=said["more"])

    def quotes(self, symbols):
        prices = {"bid": Decimal("1.1"), "ask": Decimal("1.1001"), "at": now()}
        return [QuoteReport(symbol=symbol, **prices) for symbol in symbols]

    def terms(self, symbols=()):
        return []

    def bars(self, symbol, *, minutes, since, at_most=1000):
        return []


class LateAdapter(FaultAdapter):
    capabilities = Capabilities(
        modes=frozenset(Mode), proof=Tier.A, finds_closed=True, refuses_repeats="never",
        visible_within=2.5,
    )  # fmt: skip


class WeakAdapter(FaultAdapter):
    capabilities = Capabilities(
        modes=frozenset(Mode), proof=Tier.C, finds_closed=False, refuses_repeats="never"
    )


class StubbornAdapter(FaultAdapter):
    """Its library knows no deadline, and waits longer than a task may."""

    patience = 45.0


PLATFORMS = {
    "fault": ("Fault", f"{__name__}.FaultAdapter"),
    "faultlate": ("Late", f"{__name__}.LateAdapter"),
    "faultweak": ("Weak", f"{__name__}.WeakAdapter"),
    "faultstubborn": ("Stubborn", f"{__name__}.StubbornAdapter"),
}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def price_of(side):
    return Decimal("1.1001") if side == "buy" else Decimal("1.1")


def _order(row):
    stops = row.get("stops") or [None, None]
    return OrderReport(
        broker_order_id=row["id"],
        client_id=row["client_id"],
        symbol=row["symbol"],
        side=row["side"],
        lots=Decimal(row["lots"]),
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        placed_at=_moment(row["at"]),
        filled=Decimal(row["filled"]),
        price=_number(row["price"]),
        stops=Stops(stop_loss=_number(stops[0]), take_profit=_number(stops[1])),
        position_ref=row["position"] or "",
    )


def _deal(row):
    if row["id"] == "deposit":
        return DealReport(
            deal_id="deposit",
            kind=DealKind.DEPOSIT,
            at=_moment(row["at"]),
            currency="USD",
            amount=WORTH,
        )
    return DealReport(
        deal_id=row["id"],
        kind=DealKind.TRADE,
        at=_moment(row["at"]),
        currency="USD",
        symbol=row["symbol"],
        side=row["side"],
        entry=Entry(row["entry"]),
        lots=Decimal(row["lots"]),
        price=Decimal("1.1"),
        position_ref=row["position"],
        broker_order_id=row["order"],
        client_id=row["client_id"],
    )


def _moment(seconds):
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _text(value):
    return None if value is None else str(value)


def _number(text):
    return None if text is None else Decimal(text)
