"""How far into a file its reader is, told on a stream now and then; at no cost where nobody listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import IO, NamedTuple, TypeVar

T = TypeVar("T")
EVERY = 0.4  # seconds
STEP = 1000  # rows


class Reading(NamedTuple):
    """Rows read so far, and the share of the file that they were in: 0 to 1."""

    rows: int
    share: float


class Meter:
    """Counts for one process, which reads one file at a time."""

    def __init__(self) -> None:
        self.stream: IO[str] | None = None
        self.rows, self.share, self.due_at = 0, 0.0, 0.0

    def tell_to(self, stream: IO[str]) -> None:
        self.stream = stream

    def at_row(self, rows: int) -> None:
        self.rows = rows
        self._tell()

    def at(self, done: int, total: int) -> None:
        """done, total: of the file's bytes or of its rows."""
        self.share = min(done / total, 1.0) if total else 0.0
        self._tell()

    def counted(self, rows: Iterator[T], total: int) -> Iterator[T]:
        """The rows, told at each step. total: about how many there are."""
        done = 0
        for first in rows:
            self.at(done, total)
            self.at_row(done)
            yield first
            yield from islice(rows, STEP - 1)
            done += STEP

    def _tell(self) -> None:
        if self.stream is None or time.monotonic() < self.due_at:
            return
        self.due_at = time.monotonic() + EVERY
        self.stream.write(f"{self.rows} {self.share:.4f}\n")
        self.stream.flush()


METER = Meter()


def heard(line: str) -> Reading | None:
    """What a line of the stream tells; None for any other line."""
    try:
        rows, share = line.split()
        return Reading(int(rows), min(max(float(share), 0.0), 1.0))
    except ValueError:
        return None
