"""The pipe between a cluster's processes, from which one that is killed while it waits takes nothing away.

Python's own waits with the pipe's lock in its hands: killed then, it keeps the lock for ever, and no other process
of the cluster takes anything any more (django-q2 issues 23 and 339), which is found only by its silence.
"""

from __future__ import annotations

import sys
from multiprocessing.reduction import ForkingPickler
from typing import Any

from django_q.queues import Queue

PATIENCE = 1.0  # seconds for the lock


class SturdyQueue(Queue):  # type: ignore[misc]
    """Waits before it takes the lock, and holds it only for as long as it reads what is there."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block or timeout is not None or sys.platform == "win32":
            return super().get(block, timeout)
        while (found := self._waited_for()) is None:
            pass
        self.size.increment(-1)
        return ForkingPickler.loads(found)

    def _waited_for(self) -> bytes | None:
        """What came, as bytes; None where another process was faster."""
        self._reader.poll(None)
        if not self._rlock.acquire(timeout=PATIENCE):
            return None
        try:
            if not self._reader.poll():
                return None
            found: bytes = self._recv_bytes()
        finally:
            self._rlock.release()
        self._sem.release()
        return found
