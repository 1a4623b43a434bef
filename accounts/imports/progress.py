"""How far the work on an import is, told beside its transaction, which nobody sees before it ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from django.core.cache import cache

from accounts.imports.states import State
from accounts.models import StatementImport
from accounts.statements import importer


@dataclass(frozen=True, slots=True)
class Watcher:
    """Tells others how far a booking is, beside its transaction, which nobody sees before it ends."""

    import_id: int
    began: float = field(default_factory=time.time)

    def __call__(self, done: int, total: int) -> None:
        cache.set(_progress_key(self.import_id), (done, total, self.began), timeout=3600)


def progress(imported: StatementImport) -> tuple[int, int]:
    """Steps done and steps in all; (0, 0) while nothing is known."""
    if imported.state == State.BOOKING:
        return _told(imported)[:2]
    return imported.progress, imported.progress_total


def seconds_left(imported: StatementImport) -> int | None:
    """How long booking will still take, if its steps go on as they went; None while that is not known."""
    done, total, began = _told(imported)
    if imported.state != State.BOOKING or not done:
        return None
    return max(round((time.time() - began) * (total - done) / done), 0)


def _told(imported: StatementImport) -> tuple[int, int, float]:
    return cache.get(_progress_key(imported.pk)) or (0, importer.STEPS, time.time())


def _progress_key(import_id: int) -> str:
    return f"statement-import-{import_id}"
