"""The audit chain: one row per action, each sealed with the hash of the one before it.

The chain alone finds altered, removed, inserted and reordered rows. A cut tail, or a chain
computed anew from some row on, is found by what was noted outside the database: the anchor file
beside the data, to which every committed entry adds its number and hash (`core.anchor`), and any head
that somebody wrote down (`verify_audit --head`). Each entry seals, in turn, how far the notes went when
it was written: notes that were taken away are told from those that a full disk or a crash held up.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from tradershub.core import anchor, rows
from tradershub.core.logs import current_request_id
from tradershub.core.models import AuditEntry
from tradershub.core.persons import is_administrator
from tradershub.core.prepared import first, prepared

GENESIS = "0" * 64
LOCK_KEY = 7_214_402_518  # any number, the same for every process of the hub
CHUNK = 500
SECRET_WORDS = re.compile(r"passw|secret|token|api_?key|private|credential", re.IGNORECASE)
HIDDEN = "[hidden]"
UNREADABLE = (TypeError, ValueError, ValidationError, DatabaseError)

log = structlog.get_logger("tradershub.audit")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the chain, and at which entry."""

    seq: int
    kind: str  # "altered", "removed", "broken link", "unreadable", "cut", "rewritten", "notes"
    sentence: str


def record(
    action: str,
    *,
    actor: Any,
    target: Any = "",
    summary: str = "",
    details: Mapping[str, Any] | None = None,
    owner: Any = None,
) -> AuditEntry:
    """Append one entry, in the caller's transaction: it stands or falls with what it reports.

    actor: a user, or the name of a program. target: a row, or words. owner: the user whose books
    are concerned, or their id. Values in details under names such as "password" are hidden.
    """
    with transaction.atomic(savepoint=False):
        _lock_the_chain()
        last, previous_hash = head()
        entry = AuditEntry(
            seq=last + 1,
            previous_hash=previous_hash,
            at=timezone.now(),
            action=_text(action, limit=60),
            actor=_text(actor, limit=150),
            target=_text(_name_of(target), limit=120),
            summary=_text(summary, limit=300),
            details=plain(details or {}),
            owner_id=getattr(owner, "pk", owner),
            request_id=current_request_id()[:40],
            noted=_noted_so_far(),
        )
        entry.hash = seal(entry)
        rows.insert([entry])
        transaction.on_commit(lambda: _publish(entry))
    return entry


def seal(entry: AuditEntry) -> str:
    """SHA-256, as hex, over the previous hash and the canonical JSON of the rest of the row."""
    content = {
        "seq": entry.seq,
        "at": entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "owner": entry.owner_id,
        "action": entry.action,
        "target": entry.target,
        "summary": entry.summary,
        "details": entry.details,
        "request": entry.request_id,
    }
    if entry.noted is not None:  # entries of former versions were sealed without
        content["noted"] = entry.noted
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256((entry.previous_hash + canonical).encode("ascii")).hexdigest()


def plain(value: Any, *, name: str = "") -> Any:
    """The value as JSON that both databases give back unchanged: ints stay, the rest is text."""
    if name and SECRET_WORDS.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {_text(key, limit=None): plain(item, name=str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return _text(f"{value:f}" if isinstance(value, Decimal) else value, limit=None)


# -- Verification ------------------------------------------------------------------------------
def verify(*, noted: Mapping[int, str] | None = None) -> list[Finding]:
    """Everything wrong with the chain and its notes; empty when both are whole.

    noted: heads (number to hash) that were written down elsewhere; the anchor file is read besides.
    Entries at the end that wait for their note (`note_late`) are no fault.
    """
    newest, _ = head()  # before the notes are read: a later entry may get its note meanwhile
    notes = anchor.read()
    findings = [Finding(0, "notes", sentence) for sentence in notes.faults]
    expected = notes.hashes | dict(noted or {})
    without_note: list[Mark] = []
    previous_seq, previous_hash = 0, GENESIS
    for entry in _rows():
        if isinstance(entry, Finding):
            findings.append(entry)
            previous_seq, previous_hash = entry.seq, ""
            continue
        findings += _faults_of(entry, previous_seq=previous_seq, previous_hash=previous_hash)
        if expected.pop(entry.seq, entry.hash) != entry.hash:
            findings.append(_rewritten(entry.seq))
        if entry.seq <= newest and entry.seq not in notes.hashes:
            without_note.append((entry.seq, entry.noted))
        previous_seq, previous_hash = entry.seq, entry.hash
    findings += _notes_gone(without_note, last=notes.last)
    return findings + _cut(expected, last=previous_seq)


def head() -> tuple[int, str]:
    """Number and hash of the newest entry; (0, 64 zeros) when there is none."""
    return first(_newest()) or (0, GENESIS)


@prepared
def _newest() -> models.QuerySet[Any]:
    return AuditEntry.objects.order_by("-seq").values_list("seq", "hash")[:1]


def _faults_of(entry: AuditEntry, *, previous_seq: int, previous_hash: str) -> Iterator[Finding]:
    if entry.seq != previous_seq + 1:
        missing = f"{previous_seq + 1} to {entry.seq - 1}"
        yield Finding(entry.seq, "removed", f"Entries {missing} are missing")
    elif previous_hash and entry.previous_hash != previous_hash:
        yield Finding(
            entry.seq,
            "broken link",
            f"Entry {entry.seq} does not follow entry {previous_seq}: "
            "an entry was removed, inserted, moved or rewritten there",
        )
    if entry.hash != _seal_or_nothing(entry):
        yield Finding(entry.seq, "altered", f"Entry {entry.seq} was altered: its seal is broken")


def _seal_or_nothing(entry: AuditEntry) -> str:
    """The seal the row should carry; nothing when its values are of kinds never written."""
    try:
        return seal(entry)
    except (TypeError, ValueError, AttributeError):
        return ""


def _rows() -> Iterator[AuditEntry | Finding]:
    """All entries in order, some hundred at a time; a row that cannot be read is a finding."""
    keys = list(AuditEntry.objects.order_by("seq").values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        try:
            yield from AuditEntry.objects.filter(pk__in=chunk).order_by("seq")
        except UNREADABLE:
            yield from (_row(key) for key in chunk)


def _row(key: int) -> AuditEntry | Finding:
    try:
        return AuditEntry.objects.get(pk=key)
    except UNREADABLE:
        seq = AuditEntry.objects.filter(pk=key).values_list("seq", flat=True).get()
        return Finding(int(seq), "unreadable", f"Entry {seq} was altered: it cannot be read")


def _rewritten(seq: int) -> Finding:
    sentence = f"Entry {seq} is not the one that was noted outside: the chain was written anew"
    return Finding(seq, "rewritten", sentence)


def _cut(expected: Mapping[int, str], *, last: int) -> list[Finding]:
    """Entries that were noted outside and are not there."""
    beyond = [seq for seq in expected if seq > last]
    if not beyond:
        return []
    missing = f"{last + 1} to {max(beyond)}"
    sentence = f"The end was cut off: entries {missing} were noted outside and are missing"
    return [Finding(last + 1, "cut", sentence)]


# -- The notes outside -------------------------------------------------------------------------
Mark = tuple[int, str | None]  # number of an entry, and how far it says that the notes went


def note_late() -> list[int]:
    """Note the committed entries at the end that have none, in order; returns their numbers.

    Does nothing where notes that were there are gone, so that this is found as it is, nor within a
    transaction, which may yet be taken back. Raises OSError.
    """
    late = [] if connection.in_atomic_block else _note(late=True)
    if late:
        log.warning("audit_noted_late", first=late[0], last=late[-1])
    return late


def begin_notes(*, reason: str) -> None:
    """Set the notes aside and begin new ones from the chain as it is, with an entry that says what was wrong.

    Raises OSError.
    """
    faults = [finding.sentence for finding in verify()]
    details = {"faults": len(faults), "first": faults[:20]}
    record("audit.begin_notes", actor="verify_audit", summary=reason, details=details)
    renew_anchor(stamp=timezone.now().strftime("%Y%m%d-%H%M%S"))


def renew_anchor(*, stamp: str) -> None:
    """Note the chain as it is; the old notes stay under a name with the stamp. Raises OSError."""
    with anchor.held():
        anchor.renew(AuditEntry.objects.order_by("seq").values_list("seq", "hash"), stamp=stamp)


def _publish(entry: AuditEntry) -> None:
    """Tell the world outside the database: the log, and a line of the anchor file.

    The action is done and committed: that it cannot be noted now must not make it look undone.
    """
    log.info("audit", seq=entry.seq, action=entry.action, target=entry.target, hash=entry.hash)
    try:
        if anchor.last() < entry.seq:  # else it was noted with another entry of its transaction
            _note(late=False)
    except (OSError, DatabaseError):
        log.exception("audit_not_noted", seq=entry.seq)


def _note(*, late: bool) -> list[int]:
    """Note what is committed and never had a note; returns the numbers. Raises OSError.

    late: nothing was committed just now; where notes that were there are gone, nothing is noted.
    """
    with anchor.held():
        last = anchor.last()
        found = _entries_after(last)
        gone = _once_noted(((seq, noted) for seq, _, noted in found), last=last)
        if gone > last and late:
            return []
        owed = [(seq, digest) for seq, digest, _ in found if seq > gone]
        if owed:
            anchor.append(owed)
    return [seq for seq, _ in owed]


@prepared
def _entries_after(seq: int) -> models.QuerySet[Any]:
    later = AuditEntry.objects.filter(seq__gt=seq).order_by("seq")
    return later.values_list("seq", "hash", "noted")


def _noted_so_far() -> str:
    """Number of the newest entry with a note in this host's file, as "NUMBER@HOST"."""
    try:
        last = anchor.last()
    except OSError:
        last = 0
    return _mark(last)


def _once_noted(marks: Iterable[Mark], *, last: int) -> int:
    """Up to which entry the notes went here, as far as these entries say.

    Hosts that share a database keep a file each, so that only the own words count; but a host without
    any notes cannot know whether it had some, and is told to begin them.
    """
    hosts_differ = connection.vendor == "postgresql" and last > 0
    return max((_says(*mark, own_only=hosts_differ) for mark in marks), default=0)


def _says(seq: int, noted: str | None, *, own_only: bool) -> int:
    """Former versions noted each entry at once or never."""
    if noted is None:
        return seq - 1
    number = noted.partition("@")[0]
    if not number.isdecimal() or own_only and noted != _mark(int(number)):
        return 0
    return int(number)


def _mark(number: int) -> str:
    return f"{number}@{socket.gethostname()}"[:90]


def _notes_gone(without: list[Mark], *, last: int) -> list[Finding]:
    """The entries whose note was there, or must have been, for later ones have theirs."""
    reach = max(last, _once_noted(without, last=last))
    gone = [seq for seq, _ in without if seq <= reach]
    if not gone:
        return []
    path = anchor.path()
    if not path.exists():
        sentence = f"The notes of the log are gone: there is no {path.name} in the data folder"
        return [Finding(gone[0], "notes", sentence)]
    which = f"Entry {gone[0]}" if len(gone) == 1 else f"{len(gone)} entries from {gone[0]} on"
    verb = "has" if len(gone) == 1 else "have"
    return [Finding(gone[0], "notes", f"{which} {verb} no note any more in {path.name}")]


# -- Reading -----------------------------------------------------------------------------------
def entries_about(
    model: type[models.Model], key: str, *, reader: Any
) -> models.QuerySet[AuditEntry]:
    """What was done to that row, the latest first: the reader's own actions and what concerns their books.

    An administrator sees what was done to shared tables, too.
    """
    visible = models.Q(owner_id=reader.pk) | models.Q(actor=reader.get_username(), owner_id=None)
    if is_administrator(reader):
        visible |= models.Q(owner_id=None)
    name = f"{model._meta.label} {key}"
    return AuditEntry.objects.filter(visible, target=name).order_by("-seq")


# -- Small parts -------------------------------------------------------------------------------
def _lock_the_chain() -> None:
    """One writer at a time. SQLite needs nothing: its transactions begin with the write lock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])


def _name_of(target: Any) -> Any:
    return f"{target._meta.label} {target.pk}" if isinstance(target, models.Model) else target


def _text(value: Any, *, limit: int | None) -> str:
    """Text both databases can keep: no NUL, no lone surrogates, cut to the column."""
    name: Callable[[], str] | None = getattr(value, "get_username", None)
    text = name() if name else str(value)
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:limit]
