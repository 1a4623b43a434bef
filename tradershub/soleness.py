"""Sees to it that a data folder has one hub: two would take each other's workers for hung ones.

Each process of a hub shares the folder with the others; a restore wants it for itself.
"""

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


SHARES = 64  # processes that may share a folder on Windows, which knows no shared locks


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


@contextmanager
def sharing(folder: Path) -> Iterator[None]:
    """Be at work in that folder beside others. Raises Taken where somebody has it `to_itself`."""
    with _lock_of(folder).open("ab") as file:
        if not _is_shared(file):
            raise Taken("restore")
        yield


@contextmanager
def to_itself(folder: Path) -> Iterator[None]:
    """Have the folder while nobody is at work in it. Raises Taken while somebody is."""
    with _lock_of(folder).open("ab") as file:
        if not _is_ours(file, count=SHARES):
            raise Taken("hub")
        yield


def _lock_of(folder: Path) -> Path:
    return folder / "hub.lock"


def _is_ours(file: BinaryIO, *, at: int = 0, count: int = 1) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(at)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, count)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_shared(file: BinaryIO) -> bool:
    if sys.platform == "win32":
        return any(_is_ours(file, at=place) for place in range(SHARES))
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
