"""What the hub keeps is for its own user only, also where an earlier version or a copy left it open."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import structlog
from django.conf import settings

FOLDERS = ("backups", "cache", "files", "uploads", "workers")
log = structlog.get_logger("tradershub.private")


def write_for_owner_only() -> None:
    """From here on each file and folder that this process makes is its user's alone."""
    os.umask(0o077)


def tighten() -> None:
    """Take others' rights from the data folder, what is in it, and the file of an SQLite database.

    Only from what this user owns, and never from a folder that all share, as /tmp; logs each change.
    """
    if sys.platform == "win32":
        return  # it keeps rights apart from a file's mode
    for path in _kept():
        _tighten_one(path)


def _kept() -> Iterator[Path]:
    folder, place = Path(settings.DATA_DIR), settings.DATABASES["default"]
    yield folder
    yield from (folder / name for name in FOLDERS)
    if place["ENGINE"].endswith("sqlite3"):
        yield from (Path(f"{place['NAME']}{end}") for end in ("", "-wal", "-shm"))


def _tighten_one(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    others = stat.S_IRWXG | stat.S_IRWXO
    if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX or not found.st_mode & others:
        return
    path.chmod(stat.S_IMODE(found.st_mode) & ~others)
    log.warning("closed_to_others", path=str(path), was=f"{stat.S_IMODE(found.st_mode):04o}")
