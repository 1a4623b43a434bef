"""Signals from files: a folder a source, looked into every second; the rename of a file is its claim.

A file is taken once nobody has written to it for a second, or for three where its last line has no end: it may
be one that grows. Its own time tells, or that it has looked the same for as long: the clock of who writes it may be
ahead of ours. A `.json` file is one signal, any other a signal
a line. Rows are stored before the file moves on; one that was being read when its worker died is read again
from where it lies, and gets the ids that it had.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from tradershub.core.errors import HubError
from tradershub.core.uploads import SIGNAL_BYTES
from trading.models import SignalSource
from trading.receiving import Message, receive_from_folder

log = structlog.get_logger("trading.dropfolder")
AWAY = (OperationalError, InterfaceError)  # the database: what lies there is read again
TAKEN, DONE, FAILED = "taken", "done", "failed"
QUIET = 1.0  # seconds without a write after which a file is whole
UNENDED = 3.0  # the same for one that does not end in a newline
LARGEST_FILE = 2**20
WHY = ".err"
LONGEST_NAME = 255 - len(WHY)  # bytes, of file systems in common use
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload")
MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


@dataclass(frozen=True, slots=True)
class Piece:
    """One signal of a file. name: of the file as it was claimed, and the line."""

    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """A file as it was seen waiting. since: by the clock that nobody sets, in seconds."""

    size: int
    written: int
    since: float


_looks: dict[Path, Look] = {}


def folder_of(source: SignalSource) -> Path:
    """Where the source's files are dropped; made where it is missing."""
    folder = Path(settings.DATA_DIR) / "signals" / source.uid
    for part in (folder, folder / TAKEN, folder / DONE, folder / FAILED):
        part.mkdir(parents=True, exist_ok=True)
    return folder


def look() -> int:
    """Take what lies in the folders of all sources that are on; returns how many files were read.

    A folder or file at which the hub fails holds up no other one.
    """
    rows = SignalSource.objects.filter(enabled=True, proof=SignalSource.Proof.FOLDER)
    alive = rows.filter(owner__is_active=True).select_related("strategy", "owner")
    return sum(_guarded(source) for source in alive.order_by("pk"))


def _guarded(source: SignalSource) -> int:
    try:
        folder = folder_of(source)
        files = [*_left_behind(folder), *_claimed(folder)]
    except Exception:
        log.exception("folder_failed", source=source.pk)
        return 0
    return sum(_read_guarded(source, folder, file) for file in files)


def _read_guarded(source: SignalSource, folder: Path, file: Path) -> bool:
    try:
        _read(source, folder, file)
    except AWAY:
        raise
    except Exception:
        log.exception("file_failed", source=source.pk, file=_plain(file.name))
        return False
    return True


def _left_behind(folder: Path) -> list[Path]:
    """What somebody was reading when they died."""
    return sorted(path for path in (folder / TAKEN).iterdir() if path.is_file())


def _claimed(folder: Path) -> Iterator[Path]:
    """Whole files, oldest first, each renamed to a name of its own before it is read."""
    waiting = [path for path in folder.iterdir() if path.is_file() and not _is_unfinished(path)]
    _forget_others(folder, waiting)
    for path in sorted(waiting, key=lambda path: (path.stat().st_mtime_ns, path.name)):
        if not _is_whole(path):
            continue
        number = f"{time.time_ns()}-"
        claimed = folder / TAKEN / (number + _end_of(path.name, LONGEST_NAME - len(number)))
        try:
            path.rename(claimed)
        except OSError as error:
            log.info("file_not_taken", file=path.name, why=error.strerror)  # its writer has it open
        else:
            yield claimed


def _end_of(name: str, most: int) -> str:
    """As much of a name's end, which tells its kind, as fits into so many bytes."""
    while len(os.fsencode(name)) > most:
        name = name[1:]
    return name


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix.lower() in UNFINISHED


def _is_whole(path: Path) -> bool:
    quiet = _quiet(path)
    if quiet < QUIET:
        return False
    return path.suffix.lower() == ".json" or quiet >= UNENDED or _ends_a_line(path)


def _quiet(path: Path) -> float:
    """Seconds without a write: by the file's own time, or by how long it has looked the same."""
    found, now = path.stat(), time.monotonic()
    last = _looks.get(path)
    if last is None or (last.size, last.written) != (found.st_size, found.st_mtime_ns):
        last = _looks[path] = Look(found.st_size, found.st_mtime_ns, since=now)
    return max(time.time() - found.st_mtime, now - last.since)


def _forget_others(folder: Path, waiting: list[Path]) -> None:
    """What waited there and does no more; a file of the same name would be another one."""
    for path in [path for path in _looks if path.parent == folder and path not in waiting]:
        del _looks[path]


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2))
        return file.read().rstrip(b"\x00").endswith((b"\n", b"\r"))


# -- Reading -----------------------------------------------------------------------------------
def _read(source: SignalSource, folder: Path, file: Path) -> None:
    refused = []
    try:
        written_at = dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC)
        pieces = list(_pieces(file))
    except (OSError, UnicodeError, ValueError, OverflowError) as error:
        pieces, refused = [], [f"The file cannot be read: {error}"]
    for piece in pieces:
        message = Message(piece.body, {"content-type": f"file {_plain(file.name)}"[:100]})
        try:
            receive_from_folder(source, message, name=_plain(piece.name), written_at=written_at)
        except HubError as refusal:
            refused.append(f"{piece.name}: {refusal.message}")
        except AWAY:
            raise
        except Exception:
            log.exception("signal_not_taken", source=source.pk, file=_plain(piece.name))
            refused.append(f"{piece.name}: the hub failed at it; its log says why")
    _put_away(folder, file, refused)


def _plain(name: str) -> str:
    """A name as text: systems have names that are none."""
    return name.encode("utf-8", "backslashreplace").decode()


def _pieces(file: Path) -> Iterator[Piece]:
    """Raises UnicodeError or ValueError for what is no text of this size."""
    if file.stat().st_size > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE} bytes")
    text = _text(file.read_bytes())
    if file.suffix.lower() == ".json":
        yield Piece(f"{file.name}:1", text.strip().encode())
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line.encode()) > SIGNAL_BYTES:
            raise ValueError(f"line {number} has more than {SIGNAL_BYTES} bytes")
        if line.strip():
            yield Piece(f"{file.name}:{number}", line.strip().encode())


def _text(data: bytes) -> str:
    """By its mark, else UTF-8, else what Windows writes in western countries; never with losses."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def _put_away(folder: Path, file: Path, refused: list[str]) -> None:
    """Into `done` by day; into `failed`, with the reasons beside it, where any line was refused."""
    if refused:
        target = folder / FAILED
        text = "\n".join(_plain(line) for line in refused) + "\n"
        (target / f"{_end_of(file.name, LONGEST_NAME)}{WHY}").write_text(text, encoding="utf-8")
    else:
        target = folder / DONE / dt.datetime.now(dt.UTC).date().isoformat()
        target.mkdir(exist_ok=True)
    file.rename(target / file.name)
