"""The simulator's own record of what it was asked and what it did: the oracle of a check from outside.

A file of JSON lines, only ever appended to; a line is written whole, before the answer is sent, and is never
changed. Every line has `kind`, `at` (UTC, ISO 8601) and `mono` (the system's monotonic clock in seconds, the
same for all processes of a machine), both of the moment at which what it tells *began*.

`kind: "request"`, one for each request that may change something, whatever became of it:
    operation   name of the route, as "create_order" (the names are in `routes.py` of the simulator)
    account     account number in the address
    client_id   the client's order id in the request, "" where it gave none
    request_id  header ClientRequestID, "" without one: a trade's closing has no other place for an id
    asked       number of the order or trade in the address, "" where there is none
    outcome     "filled", "pending", "cancelled", "rejected", "changed" (anything else that was done),
                "invalid" (not understood, nothing recorded), "refused" (a fault refused it before anything
                happened), "unauthorised"
    order_id    number of the order that it made, "" where it made none
    status      HTTP status decided, whether or not a fault kept it from being sent
    faults      names of the faults that it met
`kind: "fill"`, one for each execution at the broker, whoever caused it:
    account, transaction, order_id, client_id, request_id, instrument, units (signed text), price (text),
    trades (numbers of those it opened, reduced or closed)
`kind: "started"`, the first line a process writes: seed and accounts.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple


class Moment(NamedTuple):
    at: datetime
    mono: float

    @classmethod
    def now(cls) -> Moment:
        return cls(datetime.now(UTC), time.monotonic())


class Ledger:
    """Appends to the file; without one it only keeps what a test asks for."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = None if path is None else path.open("a", encoding="utf-8", buffering=1)
        self.lines: list[dict[str, Any]] = []

    def write(self, kind: str, began: Moment, **facts: Any) -> None:
        line = {"kind": kind, "at": began.at.isoformat(), "mono": began.mono, **facts}
        with self._lock:
            self.lines.append(line)
            if self._file is not None:
                self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
