"""How far the work on an import is, and the wish that it stop.

Both pass between page and worker beside the worker's transaction: nobody sees into that before it ends,
and on SQLite nobody else can write meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Self

from django.core.cache import cache

from accounts.imports.states import State
from accounts.models import StatementImport
from accounts.progress import Progress
from accounts.statements import importer
from accounts.statements.meter import Reading
from tradershub.core.formats import number

EVERY = 0.4  # seconds
KEPT = 3600
READ = "read"
# The share in percent of each stage when it was measured (20,000 deals, HTML), in their order.
OF_READING = {READ: 100}
OF_BOOKING = {
    READ: 46, importer.COMPARE: 7, importer.DEALS: 13, importer.LINES: 11, importer.DERIVE: 20,
    importer.CHECK: 3,
}  # fmt: skip


class Cancelled(Exception):
    """A person wants the work on an import to stop; `by` is their name."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Counting(Progress):
    """Counts what is done, and tells it several times a second."""

    def __init__(self, shares: Mapping[str, int]) -> None:
        self._shares = shares
        self._began, self._due_at = time.time(), 0.0
        self._stage, self._done, self._of, self._share = READ, 0, 0, 0.0

    def tell(self, stage: str, done: int, of: int, part: float, began: float) -> None:
        """part: of the whole, 0 to 1. began: when the work did, as time.time()."""
        raise NotImplementedError

    def hear(self, reading: Reading) -> None:
        """What the reader of the file tells."""
        self._done, self._share = reading.rows, max(self._share, reading.share)
        self._tell()

    def begin(self, stage: str, of: int) -> None:
        self._stage, self._done, self._of, self._share = stage, 0, of, 0.0
        self._due_at = 0.0
        self._tell()

    def advance(self, rows: int) -> None:
        self._done += rows
        self._share = min(self._done / self._of, 1.0) if self._of else 1.0
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + EVERY
        self.tell(self._stage, self._done, self._of, self._part(), self._began)

    def _part(self) -> float:
        stages = list(self._shares)
        over = sum(self._shares[stage] for stage in stages[: stages.index(self._stage)])
        return (over + self._share * self._shares[self._stage]) / sum(self._shares.values())


class Watcher(Counting):
    """Tells the pages how far the work is. Raises Cancelled, from any method, once it shall stop."""

    def __init__(self, imported: StatementImport, shares: Mapping[str, int]) -> None:
        super().__init__(shares)
        self._id = imported.pk

    def tell(self, *told: Any) -> None:
        if by := cache.get(_wish(self._id)):
            raise Cancelled(by)
        cache.set(_news(self._id), told, KEPT)


class HowFar(NamedTuple):
    """The work on an import. stage: "" while nothing is told. done, of: rows of the stage, of 0 where
    nobody knows. percent: of the whole. seconds_left: if it goes on like this. stopping: it was asked to.
    """

    stage: str = ""
    done: int = 0
    of: int = 0
    percent: int = 0
    seconds_left: int | None = None
    stopping: bool = False

    @property
    def words(self) -> str:
        """As `12 000 of 40 000 deals booked, about 4 s left`; empty while nothing is told."""
        if not self.stage:
            return ""
        one, several = SAID[self.stage]
        done, of = (number(Decimal(rows), 0) for rows in (self.done, self.of))
        words = (several if self.done else one).format(done=done, of=of)
        return words if self.seconds_left is None else f"{words}, about {self.seconds_left} s left"

    @classmethod
    def of_told(
        cls, stage: str, done: int, of: int, part: float, began: float, *, stopping: bool = False
    ) -> Self:
        left = max(round((time.time() - began) * (1 - part) / part), 0) if part else None
        return cls(stage, done, of, round(100 * part), left, stopping)


# What is said of each stage: before any of its rows is done, and then.
SAID = {
    READ: ("opening the file", "{done} rows read"),
    importer.COMPARE: ("comparing {of} rows with the books", "{done} of {of} rows compared"),
    importer.DEALS: ("booking {of} deals", "{done} of {of} deals booked"),
    importer.LINES: ("keeping {of} lines", "{done} of {of} lines kept"),
    importer.DERIVE: ("working out positions", "positions of {done} of {of} deals worked out"),
    importer.CHECK: ("comparing totals", "comparing totals"),
}
FINISHED = HowFar(percent=100)


def how_far(imported: StatementImport) -> HowFar:
    if imported.state in (State.BOOKED, State.UNDONE):
        return FINISHED
    if imported.state not in (State.READING, State.BOOKING):
        return HowFar()
    stopping = cache.get(_wish(imported.pk)) is not None
    told = cache.get(_news(imported.pk))
    if told is None:
        return HowFar(stopping=stopping)
    return HowFar.of_told(*told, stopping=stopping)


def ask_to_stop(imported: StatementImport, *, actor: Any) -> None:
    cache.set(_wish(imported.pk), str(actor), KEPT)


def start_afresh(imported: StatementImport) -> None:
    """Forget what was told of earlier work on the import, and a wish to stop it."""
    cache.delete_many([_wish(imported.pk), _news(imported.pk)])


def _wish(import_id: int) -> str:
    return f"statement-import-{import_id}-stop"


def _news(import_id: int) -> str:
    return f"statement-import-{import_id}"
