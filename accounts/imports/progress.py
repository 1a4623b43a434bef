"""How far the work on an import is, and the wish that it stop.

Both pass between page and worker beside the worker's transaction: nobody sees into that before it ends,
and on SQLite nobody else can write meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.cache import cache

from accounts.imports.states import State
from accounts.models import StatementImport
from accounts.progress import Progress
from accounts.statements import importer
from accounts.statements.meter import Reading

EVERY = 0.4  # seconds
KEPT = 3600
READ = "read"
# What share of the whole each stage took when it was measured, in the order in which they come.
OF_READING = {READ: 100}
OF_BOOKING = {
    READ: 50, importer.COMPARE: 16, importer.DEALS: 11, importer.LINES: 8, importer.DERIVE: 12,
    importer.CHECK: 3,
}  # fmt: skip


class Cancelled(Exception):
    """A person wants the work on an import to stop; `by` is their name."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Watcher(Progress):
    """Tells others how far the work is. Raises Cancelled, from any of its methods, once it shall stop."""

    def __init__(self, imported: StatementImport, shares: Mapping[str, int]) -> None:
        self._id, self._shares = imported.pk, shares
        self._began, self._due_at = time.time(), 0.0
        self._stage, self._done, self._of, self._share = READ, 0, 0, 0.0

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
        if by := cache.get(_wish(self._id)):
            raise Cancelled(by)
        told = (self._stage, self._done, self._of, self._part(), self._began)
        cache.set(_news(self._id), told, KEPT)

    def _part(self) -> float:
        """How much of the whole is done, from 0 to 1."""
        stages = list(self._shares)
        over = sum(self._shares[stage] for stage in stages[: stages.index(self._stage)])
        return (over + self._share * self._shares[self._stage]) / sum(self._shares.values())


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
    stage, done, of, part, began = told
    left = max(round((time.time() - began) * (1 - part) / part), 0) if part else None
    return HowFar(stage, done, of, round(100 * part), left, stopping)


def ask_to_stop(imported: StatementImport, *, actor: Any) -> None:
    cache.set(_wish(imported.pk), str(actor), KEPT)


def start_afresh(imported: StatementImport) -> None:
    """Forget what was told of earlier work on the import, and a wish to stop it."""
    cache.delete_many([_wish(imported.pk), _news(imported.pk)])


def _wish(import_id: int) -> str:
    return f"statement-import-{import_id}-stop"


def _news(import_id: int) -> str:
    return f"statement-import-{import_id}"
