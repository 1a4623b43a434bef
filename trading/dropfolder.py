"""Signals from files: a folder a source, looked into every second; the rename of a file is its claim.

A file is taken once nobody has written to it for a second, or for three where its last line has no end: it may
be one that grows. Its own time tells, or that it has looked the same for as long: the clock of who writes it may be
ahead of ours. Links are left alone, and nothing is taken where a folder is one: whoever may write here may not read
or overwrite what they lead to.
A `.json` file is one signal, any other a signal a line. Rows are stored before the file moves on; one that was being
read when its worker died is read again from where it lies, and gets the ids that it had.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
import time
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from tradershub.core.errors import HubError
from tradershub.core.folders import Folder, Linked, held, is_link
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
_links: set[Path] = set()  # that were told of
_faults: dict[Path, str] = {}  # the same of folders


class Parts(NamedTuple):
    """The folders of a source, each held open."""

    box: Folder
    taken: Folder
    done: Folder
    failed: Folder


def folder_of(source: SignalSource) -> Path:
    """Where the source's files are dropped; it is made when it is first looked into."""
    return Path(settings.DATA_DIR) / "signals" / source.uid


def fault_of(source: SignalSource) -> str:
    """Why no file of the source can be taken, in a sentence; empty where they can."""
    folder = folder_of(source)
    try:
        with _parts(folder):
            return ""
    except (Linked, OSError) as error:
        return _in_words(folder, error)


def look() -> int:
    """Take what lies in the folders of all sources that are on; returns how many files were read.

    A folder or file at which the hub fails holds up no other one.
    """
    rows = SignalSource.objects.filter(enabled=True, proof=SignalSource.Proof.FOLDER)
    alive = rows.filter(owner__is_active=True).select_related("strategy", "owner")
    return sum(_guarded(source) for source in alive.order_by("pk"))


def _guarded(source: SignalSource) -> int:
    folder = folder_of(source)
    with ExitStack() as holding:
        try:
            parts = holding.enter_context(_parts(folder))
            files = [*_left_behind(parts.taken), *_claimed(parts)]
        except (Linked, OSError) as error:
            _tell_of_fault(source, folder, _in_words(folder, error))
            return 0
        except Exception:
            log.exception("folder_failed", source=source.pk)
            return 0
        _faults.pop(folder, None)
        return sum(_read_guarded(source, parts, name) for name in files)


@contextmanager
def _parts(folder: Path) -> Iterator[Parts]:
    """The folders of a source, made where they are missing. Raises Linked where one is a link, and OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as holding:
        box = holding.enter_context(held(folder))
        rest = [
            holding.enter_context(held(folder / part, within=box)) for part in (TAKEN, DONE, FAILED)
        ]
        parts = Parts(box, *rest)
        with suppress(FileNotFoundError):
            parts.done.refuse_link(_today())  # before a file is read: it could not be put away
        yield parts


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def _in_words(folder: Path, error: Linked | OSError) -> str:
    return str(error) if isinstance(error, Linked) else f"{folder} cannot be used: {error}"


def _tell_of_fault(source: SignalSource, folder: Path, why: str) -> None:
    """In the log, once for as long as it is the same."""
    if _faults.get(folder) != why:
        log.warning("folder_refused", source=source.pk, why=why)
    _faults[folder] = why


def _read_guarded(source: SignalSource, parts: Parts, name: str) -> bool:
    try:
        _read(source, parts, name)
    except AWAY:
        raise
    except Exception:
        log.exception("file_failed", source=source.pk, file=_plain(name))
        return False
    return True


def _left_behind(taken: Folder) -> list[str]:
    """What somebody was reading when they died."""
    return sorted(name for name, found in taken.seen().items() if stat.S_ISREG(found.st_mode))


def _claimed(parts: Parts) -> Iterator[str]:
    """Whole files, oldest first, each renamed to a name of its own before it is read."""
    box = parts.box
    found = {name: seen for name, seen in box.seen().items() if not _is_unfinished(name)}
    _tell_of_links(box.path, {box.path / name for name, seen in found.items() if is_link(seen)})
    waiting = {name: seen for name, seen in found.items() if stat.S_ISREG(seen.st_mode)}
    _forget_others(box.path, waiting)
    for name in sorted(waiting, key=lambda name: (waiting[name].st_mtime_ns, name)):
        number = f"{time.time_ns()}-"
        claimed = number + _end_of(name, LONGEST_NAME - len(number))
        try:
            if not _is_whole(box, name, waiting[name]):
                continue
            box.move(name, parts.taken, claimed)
        except OSError as error:  # its writer has it open
            log.info("file_not_taken", file=_plain(name), why=error.strerror)
        else:
            yield claimed


def _tell_of_links(folder: Path, links: set[Path]) -> None:
    """In the log, once for as long as one lies there."""
    for path in sorted(links - _links):
        log.warning("link_left_alone", folder=str(folder), file=_plain(path.name))
    _links.difference_update([path for path in _links if path.parent == folder])
    _links.update(links)


def _end_of(name: str, most: int) -> str:
    """As much of a name's end, which tells its kind, as fits into so many bytes."""
    while len(os.fsencode(name)) > most:
        name = name[1:]
    return name


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") or Path(name).suffix.lower() in UNFINISHED


def _is_whole(box: Folder, name: str, seen: os.stat_result) -> bool:
    quiet = _quiet(box.path / name, seen)
    if quiet < QUIET:
        return False
    return Path(name).suffix.lower() == ".json" or quiet >= UNENDED or _ends_a_line(box, name)


def _quiet(path: Path, seen: os.stat_result) -> float:
    """Seconds without a write: by the file's own time, or by how long it has looked the same."""
    now, last = time.monotonic(), _looks.get(path)
    if last is None or (last.size, last.written) != (seen.st_size, seen.st_mtime_ns):
        last = _looks[path] = Look(seen.st_size, seen.st_mtime_ns, since=now)
    return max(time.time() - seen.st_mtime, now - last.since)


def _forget_others(folder: Path, waiting: Container[str]) -> None:
    """What waited there and does no more; a file of the same name would be another one."""
    gone = [path for path in _looks if path.parent == folder and path.name not in waiting]
    for path in gone:
        del _looks[path]


def _ends_a_line(box: Folder, name: str) -> bool:
    with box.read(name) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2))
        return file.read().rstrip(b"\x00").endswith((b"\n", b"\r"))


# -- Reading -----------------------------------------------------------------------------------
def _read(source: SignalSource, parts: Parts, name: str) -> None:
    refused = []
    try:
        written_at = dt.datetime.fromtimestamp(parts.taken.look_at(name).st_mtime, dt.UTC)
        pieces = list(_pieces(parts.taken, name))
    except (OSError, UnicodeError, ValueError, OverflowError) as error:
        pieces, refused = [], [f"The file cannot be read: {error}"]
    for piece in pieces:
        message = Message(piece.body, {"content-type": f"file {_plain(name)}"[:100]})
        try:
            receive_from_folder(source, message, name=_plain(piece.name), written_at=written_at)
        except HubError as refusal:
            refused.append(f"{piece.name}: {refusal.message}")
        except AWAY:
            raise
        except Exception:
            log.exception("signal_not_taken", source=source.pk, file=_plain(piece.name))
            refused.append(f"{piece.name}: the hub failed at it; its log says why")
    _put_away(parts, name, refused)


def _plain(name: str) -> str:
    """A name as text: systems have names that are none."""
    return name.encode("utf-8", "backslashreplace").decode()


def _pieces(taken: Folder, name: str) -> Iterator[Piece]:
    """Raises UnicodeError or ValueError for what is no text of this size."""
    with taken.read(name) as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE} bytes")
    text = _text(data)
    if Path(name).suffix.lower() == ".json":
        yield Piece(f"{name}:1", text.strip().encode())
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line.encode()) > SIGNAL_BYTES:
            raise ValueError(f"line {number} has more than {SIGNAL_BYTES} bytes")
        if line.strip():
            yield Piece(f"{name}:{number}", line.strip().encode())


def _text(data: bytes) -> str:
    """By its mark, else UTF-8, else what Windows writes in western countries; never with losses."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def _put_away(parts: Parts, name: str, refused: list[str]) -> None:
    """Into `done` by day; into `failed`, with the reasons beside it, where any line was refused."""
    if refused:
        reasons = "\n".join(_plain(line) for line in refused) + "\n"
        parts.failed.write(_end_of(name, LONGEST_NAME) + WHY, reasons)
        parts.taken.move(name, parts.failed, name)
    else:
        with held(parts.done.path / _today(), within=parts.done) as day:
            parts.taken.move(name, day, name)
