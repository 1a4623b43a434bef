"""What a cluster's processes share, from which one that is killed takes nothing away.

Python's own lock stays with a process that is killed while it has it: no other takes a task any more (django-q2
issues 23 and 339), or the one that guards the others waits for it for ever and replaces nobody.
"""

from __future__ import annotations

import errno
import multiprocessing
import sys
import tempfile
import threading
import time
from multiprocessing.util import register_after_fork
from typing import Any

from django_q.queues import Queue

if sys.platform != "win32":
    import fcntl

    TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
LOOK_EVERY = 0.01  # seconds


class SturdyLock:
    """A lock between a process and those it forks, which the system takes back from a holder that ends.

    The thread that has it may take it again, as multiprocessing.RLock. Not for Windows, which forks nothing.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the lock is
        self._own_nothing()
        register_after_fork(self, SturdyLock._own_nothing)

    def _own_nothing(self) -> None:
        """A forked process has what its parent knows, but not what it holds."""
        self._threads = threading.RLock()  # the system tells processes apart, not threads
        self._depth = 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Whether it was had. timeout: seconds; None waits for as long as it takes."""
        patience = (-1.0 if timeout is None else timeout) if block else 0.0
        until = None if patience < 0 else time.monotonic() + patience
        if not self._threads.acquire(block, patience if block else -1):
            return False
        if self._depth == 0 and not self._took_from_others(until):
            self._threads.release()
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _took_from_others(self, until: float | None) -> bool:
        how = fcntl.LOCK_EX | (0 if until is None else fcntl.LOCK_NB)
        while True:
            try:
                fcntl.lockf(self._file, how)
            except OSError as error:
                if error.errno not in TAKEN:
                    raise
            else:
                return True
            if until is not None and time.monotonic() >= until:
                return False
            time.sleep(
                LOOK_EVERY
            )  # also where threads of two processes only seem to wait for each other


class SturdyQueue(Queue):  # type: ignore[misc]
    """A pipe at which one process after the other reads or writes, and its count of what is in it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._rlock, self._wlock = SturdyLock(), SturdyLock()
        self.size.count = sturdy_value("i", 0)


def sturdy_value(kind: str, initial: float) -> Any:
    """As multiprocessing.Value."""
    return multiprocessing.Value(kind, initial, lock=SturdyLock())
