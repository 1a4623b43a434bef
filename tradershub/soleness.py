"""Sees to it that a data folder has one hub: two would take each other's workers for hung ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Taken(Exception):
    """Another living process holds that name."""


@contextmanager
def alone(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Hold each name in that folder; the operating system lets go of it when the process ends, however it ends.

    Raises Taken, with the name, where another process holds it.
    """
    with ExitStack() as held:
        for name in names:
            file = held.enter_context((folder / f"hub-{name}.lock").open("ab"))
            if not _is_ours(file):
                raise Taken(name)
        yield


def _is_ours(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
