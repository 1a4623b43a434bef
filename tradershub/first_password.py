"""The password of the first administrator: printed once, or kept in a file where print is kept for good.

What is printed by a service stays in the system's journal for months, and is read by others there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

NAME = "admin"


def path() -> Path:
    return Path(settings.DATA_DIR) / "first-password"


def is_shown() -> bool:
    """Whether what is printed goes to whoever started this, and not into the journal of the system.

    systemd names the journal's stream by device and inode in JOURNAL_STREAM (systemd.exec(5)).
    """
    try:
        stream = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):  # what stands in for it has no descriptor
        return True
    return os.environ.get("JOURNAL_STREAM") != f"{stream.st_dev}:{stream.st_ino}"


def keep(password: str) -> None:
    """Write it down for the hub's own user only."""
    path().unlink(missing_ok=True)
    handle = os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{password}\n")


def forget(person: Any) -> None:
    """After that person's log-in: it was read, and is of no more use."""
    if person.get_username() == NAME:
        path().unlink(missing_ok=True)
