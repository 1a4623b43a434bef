"""The two streams: lines of JSON in chunks, a heartbeat while nothing happens, and ways to break off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from io import BufferedIOBase
from threading import Event
from typing import NamedTuple, Protocol

from brokers.simulators.faults import LINES, Script
from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.requests import Malformed
from brokers.simulators.oanda.routes import Call
from brokers.simulators.oanda.wire import Plain, in_unix, stamp

WINDOW = 0.25  # seconds: of an instrument's prices only the last of a window is sent
SOON = 0.02  # seconds until late lines are looked at again
SILENCE = 60.0  # seconds, unless a fault says otherwise


class Service(Protocol):
    """What a stream needs of the server."""

    broker: Broker
    script: Script
    heartbeat: float
    closing: Event


class Connection(Protocol):
    """What a stream needs of the connection it answers."""

    @property
    def server(self) -> Service: ...
    @property
    def wfile(self) -> BufferedIOBase: ...
    @property
    def unix(self) -> bool: ...
    def send(self, status: int, answer: Plain) -> None: ...
    def reset(self) -> None: ...
    def send_response(self, code: int) -> None: ...
    def send_header(self, keyword: str, value: str) -> None: ...
    def end_headers(self) -> None: ...


class Due(NamedTuple):
    """A line and the monotonic second at which it is to be sent."""

    at: float
    line: Plain


def run(handler: Connection, name: str, call: Call) -> None:
    """Send lines until the client goes or the server closes."""
    try:
        stream = _Stream(handler, name, call)
    except Malformed as unreadable:
        handler.send(400, {"errorMessage": str(unreadable)})
        return
    _head(handler)
    while not handler.server.closing.is_set():
        stream.turn()


class _Stream:
    """waiting: lines that are due later. last: when the last one was sent. silent_until: sends nothing."""

    def __init__(self, handler: Connection, name: str, call: Call) -> None:
        self._handler, self._server, self._name, self._call = handler, handler.server, name, call
        self._feed: Callable[[], list[Plain]]
        self._feed = _Prices(call) if name == "stream_pricing" else _Transactions(call)
        self._waiting: list[Due] = []
        self._last = self._silent_until = 0.0

    def turn(self) -> None:
        """Wait for what is new, misbehave as told, send what is due."""
        fresh, now = self._fresh(), time.monotonic()
        operation = self._name
        if not fresh and not self._waiting and now >= self._beat_at:
            fresh, operation = [self._beat()], f"{self._name}.heartbeat"
        for line in fresh:
            self._take(line, operation, now)
        if now < self._silent_until:
            self._waiting = []
            self._server.closing.wait(0.05)
            return
        due = [one.line for one in self._waiting if one.at <= now]
        self._waiting = [one for one in self._waiting if one.at > now]
        if due:
            self._last = now
            _send(self._handler, due)
        if self._waiting or self._name == "stream_pricing":
            self._server.closing.wait(SOON if self._waiting else WINDOW)

    @property
    def _beat_at(self) -> float:
        return self._last + self._server.heartbeat

    def _fresh(self) -> list[Plain]:
        changed = self._server.broker.changed
        with changed:
            found = self._feed()
            if not found and not self._waiting:
                changed.wait(max(min(WINDOW, self._beat_at - time.monotonic()), 0.01))
                found = self._feed()
            return found

    def _take(self, line: Plain, operation: str, now: float) -> None:
        faults = self._server.script.take(operation, self._call.account, of=LINES)
        if "cut" in faults:
            _cut(self._handler, line)
        if "silent" in faults:
            self._silent_until = now + (faults["silent"].seconds or SILENCE)
        late = faults["late"].seconds if "late" in faults else 0.0
        self._waiting += [Due(now + late, line)] * (2 if "duplicate" in faults else 1)

    def _beat(self) -> Plain:
        told: Plain = {"type": "HEARTBEAT", "time": stamp(self._call.broker.clock.now())}
        if self._name == "stream_transactions":
            told["lastTransactionID"] = self._call.books.last_id
        return told


class _Prices:
    """The instruments whose prices changed since the last window."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._names = call.instruments(needed=True)
        self._seen: dict[str, Plain] = {}
        if call.params.get("snapshot", "true").lower() == "false":
            self()

    def __call__(self) -> list[Plain]:
        views, found = self._call.views, []
        for name in self._names:
            shown = views.price(name, with_units=False)
            key = {part: shown[part] for part in ("closeoutBid", "closeoutAsk", "tradeable")}
            if self._seen.get(name) != key:
                self._seen[name] = key
                found.append(shown)
        return found


class _Transactions:
    """What was recorded since the stream began and can be seen, each once."""

    def __init__(self, call: Call) -> None:
        self._books = call.books
        self._next = len(self._books.transactions)
        self._skipped: list[int] = []

    def __call__(self) -> list[Plain]:
        books = self._books
        numbers = [*self._skipped, *range(self._next + 1, len(books.transactions) + 1)]
        self._next = len(books.transactions)
        self._skipped = [one for one in numbers if books.is_hidden(one)]
        return [books.transactions[one - 1] for one in numbers if one not in self._skipped]


# -- Chunks ------------------------------------------------------------------------------------
def _head(handler: Connection) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.send_header("RequestID", f"{time.time_ns()}")
    handler.end_headers()
    handler.wfile.flush()


def _send(handler: Connection, lines: list[Plain]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    _chunk(handler, (in_unix(text) if handler.unix else text).encode())


def _chunk(handler: Connection, data: bytes) -> None:
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.wfile.flush()


def _cut(handler: Connection, line: Plain) -> None:
    """Half a line, then the end of the connection."""
    text = json.dumps(line).encode()
    _chunk(handler, text[: len(text) // 2])
    handler.reset()
