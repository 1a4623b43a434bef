"""What a simulator is told to do wrong: a script of faults, each for the next requests of a kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

# Before the request is looked at; nothing happens at the broker, except for a delay.
BEFORE = frozenset({"delay", "refuse", "drop"})
# While it is carried out.
WHILE = frozenset({"reject", "cancel", "partial", "hide", "strip_client_id"})
# After it was carried out, in place of the answer.
AFTER = frozenset({
    "delay_after", "hang", "reset", "status_after", "truncate", "html", "wrong_schema", "other_account",
})  # fmt: skip
# Of the lines of a stream.
LINES = frozenset({"duplicate", "late", "cut", "silent"})
KINDS = BEFORE | WHILE | AFTER | LINES


@dataclass(slots=True)
class Fault:
    """do: one of KINDS. on: operation, `*` allowed. account: only requests to it, empty for any.

    count: requests it still hits, None for all until cleared. lasts: seconds from the first hit after which
    it is over. seconds: of delays, hangs, hiding. status, reason, share: of the answer, the refusal, the part
    that fills.
    """

    do: str
    on: str = "*"
    account: str = ""
    count: int | None = 1
    lasts: float | None = None
    seconds: float = 0.0
    status: int = 502
    reason: str = ""
    share: str = "0.5"
    hits: int = 0
    first_at: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        if self.do not in KINDS:
            expected = ", ".join(sorted(KINDS))
            raise ValueError(f"expected one of {expected}, found {self.do!r}")
        self.seconds, self.status = float(self.seconds), int(self.status)
        self.count = None if self.count is None else int(self.count)
        self.lasts = None if self.lasts is None else float(self.lasts)
        self.share = str(Decimal(self.share))

    @property
    def over(self) -> bool:
        if self.lasts is not None and self.first_at:
            return time.monotonic() > self.first_at + self.lasts
        return self.count is not None and self.hits >= self.count

    def meets(self, operation: str, account: str) -> bool:
        return fnmatchcase(operation, self.on) and self.account in ("", account)

    def hit(self) -> None:
        self.hits += 1
        self.first_at = self.first_at or time.monotonic()


class Script:
    """The faults in force, in the order given. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, asked: Mapping[str, Any]) -> Fault:
        """One more fault. Raises ValueError for what is no fault, with what was expected."""
        known = {"do", "on", "account", "count", "lasts", "seconds", "status", "reason", "share"}
        if unknown := sorted(set(asked) - known):
            raise ValueError(f"expected {', '.join(sorted(known))}, found {', '.join(unknown)}")
        if "do" not in asked:
            raise ValueError("a fault says what to do, found no 'do'")
        fault = Fault(**dict(asked))
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(
        self, operation: str, account: str = "", *, of: Collection[str] = BEFORE | WHILE | AFTER
    ) -> dict[str, Fault]:
        """The faults of those kinds that hit this request or line, by kind; each counts it."""
        found: dict[str, Fault] = {}
        with self._lock:
            self._faults = [one for one in self._faults if not one.over]
            for fault in self._faults:
                if fault.do in found or fault.do not in of:
                    continue
                if fault.meets(operation, account):
                    fault.hit()
                    found[fault.do] = fault
        return found

    def listed(self) -> list[Fault]:
        with self._lock:
            return [one for one in self._faults if not one.over]
