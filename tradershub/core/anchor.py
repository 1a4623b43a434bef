"""The notes of the audit chain outside the database: a file with number and hash of each entry, a line each.

The file bears the name of the database without its path, so that a data folder can be moved. A line
is written in one piece and reaches the disk before the next action can rely on it; what a full disk
left of one is told apart from what somebody wrote into the file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.db import connection

from tradershub.core.locks import locked

NOTE = re.compile(rb"([1-9]\d{0,18}) ([0-9a-f]{64})")
BEGINNING = re.compile(rb"[1-9]\d{0,18}(?: [0-9a-f]{0,63})?")  # what a full disk leaves of a note
UNUSUAL = re.compile(r"[^A-Za-z0-9._-]+")
TAIL = 4096  # bytes: some fifty notes
SHOWN = 5

Note = tuple[int, str]  # number and hash of an entry


@dataclass(frozen=True, slots=True)
class Notes:
    """What the file says. hashes: by number of the entry. faults: a sentence for what cannot be read."""

    hashes: dict[int, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def last(self) -> int:
        return max(self.hashes, default=0)


def path() -> Path:
    """Where the notes of this database lie; a file under its former name is given the present one."""
    name = UNUSUAL.sub("-", Path(str(connection.settings_dict.get("NAME", ""))).name)
    present = Path(settings.DATA_DIR) / f"audit-{connection.vendor}-{name}.anchor"
    if not present.exists():
        with suppress(FileNotFoundError):
            former_path().rename(present)
    return present


def former_path() -> Path:
    """The name that held the path of the database, and was lost when the folder moved."""
    place = {key: str(connection.settings_dict.get(key, "")) for key in ("ENGINE", "HOST", "NAME")}
    digest = hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()
    return Path(settings.DATA_DIR) / f"audit-{digest[:12]}.anchor"


@contextmanager
def held() -> Iterator[None]:
    """Keep every other process from writing notes. Raises OSError."""
    with locked(path().with_suffix(".lock")):
        yield


def read() -> Notes:
    """All notes; without any where there is no file."""
    try:
        lines = path().read_bytes().split(b"\n")
    except FileNotFoundError:
        return Notes()
    except OSError as error:
        return Notes(faults=[f"The notes in {path().name} cannot be read: {error.strerror}"])
    hashes: dict[int, str] = {}
    unreadable = []
    for number, (line, following) in enumerate(pairwise([*lines, b""]), start=1):
        if match := NOTE.fullmatch(line):
            hashes.setdefault(int(match[1]), match[2].decode("ascii"))
        elif not _was_interrupted(line, following, is_last=number == len(lines)):
            unreadable.append(number)
    return Notes(hashes, _faults(unreadable))


def last() -> int:
    """Number of the newest entry that has a note, 0 without any. Raises OSError."""
    try:
        with path().open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return 0
    whole = lines if size <= TAIL else lines[1:]
    return max((int(match[1]) for line in whole if (match := NOTE.fullmatch(line))), default=0)


def append(notes: Iterable[Note]) -> None:
    """Write the notes after the others, for good. Raises OSError; what was written of them then stays."""
    lines = b"".join(f"{seq} {digest}\n".encode("ascii") for seq, digest in notes)
    handle = os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab", buffering=0) as file:
        text = lines if _ends_whole() else b"\n" + lines
        if (file.write(text) or 0) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def renew(notes: Iterable[Note], *, stamp: str) -> None:
    """Begin a new file with these notes; the old one stays under a name with the stamp. Raises OSError."""
    present = path()
    draft = present.with_suffix(".draft")
    draft.write_bytes(b"".join(f"{seq} {digest}\n".encode("ascii") for seq, digest in notes))
    draft.chmod(0o600)
    if present.exists():
        present.rename(present.with_suffix(f".anchor-before-{stamp}"))
    draft.replace(present)


def _ends_whole() -> bool:
    with path().open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _was_interrupted(line: bytes, following: bytes, *, is_last: bool) -> bool:
    """True for the beginning of a note that stands whole in the next line, or is yet to be written."""
    if not line:
        return True
    return bool(BEGINNING.fullmatch(line)) and (is_last or following.startswith(line))


def _faults(unreadable: list[int]) -> list[str]:
    if not unreadable:
        return []
    shown = ", ".join(map(str, unreadable[:SHOWN])) + (" ..." if unreadable[SHOWN:] else "")
    noun = "Line" if len(unreadable) == 1 else "Lines"
    return [
        f"{noun} {shown} of {path().name} cannot be read: expected NUMBER HASH, as the hub notes it"
    ]
