"""The audit chain: one row per action, each sealed with the hash of the one before it.

The chain alone finds altered, removed, inserted and reordered rows. A cut tail, or a chain
computed anew from some row on, is found by what was noted outside the database: the anchor file
beside the data, to which every committed entry adds its number and hash, and any head that
somebody wrote down (`verify_audit --head`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from tradershub.core.logs import current_request_id
from tradershub.core.models import AuditEntry

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
    kind: str  # "altered", "removed", "broken link", "unreadable", "cut", "rewritten"
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
    with transaction.atomic():
        _lock_the_chain()
        previous = AuditEntry.objects.order_by("-seq").values("seq", "hash").first()
        entry = AuditEntry(
            seq=previous["seq"] + 1 if previous else 1,
            previous_hash=previous["hash"] if previous else GENESIS,
            at=timezone.now(),
            action=_text(action, limit=60),
            actor=_text(actor, limit=150),
            target=_text(_name_of(target), limit=120),
            summary=_text(summary, limit=300),
            details=plain(details or {}),
            owner_id=getattr(owner, "pk", owner),
            request_id=current_request_id()[:40],
        )
        entry.hash = seal(entry)
        entry.save(force_insert=True)
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
    """Everything wrong with the chain; empty when it is whole.

    noted: heads (number to hash) that were written down outside; the anchor file is read besides.
    """
    findings: list[Finding] = []
    expected = _anchored() | dict(noted or {})
    previous_seq, previous_hash = 0, GENESIS
    for entry in _rows():
        if isinstance(entry, Finding):
            findings.append(entry)
            previous_seq, previous_hash = entry.seq, ""
            continue
        findings += _faults_of(entry, previous_seq=previous_seq, previous_hash=previous_hash)
        if expected.pop(entry.seq, entry.hash) != entry.hash:
            findings.append(_rewritten(entry.seq))
        previous_seq, previous_hash = entry.seq, entry.hash
    return findings + _cut(expected, last=previous_seq)


def head() -> tuple[int, str]:
    """Number and hash of the newest entry; (0, 64 zeros) when there is none."""
    row = AuditEntry.objects.order_by("-seq").values_list("seq", "hash").first()
    return row or (0, GENESIS)


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


# -- The anchor --------------------------------------------------------------------------------
def anchor_path() -> Path:
    """The file that notes every entry's hash outside the database; one per database."""
    place = {key: str(connection.settings_dict.get(key, "")) for key in ("ENGINE", "HOST", "NAME")}
    digest = hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()
    return Path(settings.DATA_DIR) / f"audit-{digest[:12]}.anchor"


def renew_anchor(*, stamp: str) -> None:
    """Note the chain as it is, after a restore; the old notes stay under a name with the stamp."""
    path = anchor_path()
    if path.exists():
        path.rename(path.with_suffix(f".anchor-before-{stamp}"))
    pairs = AuditEntry.objects.order_by("seq").values_list("seq", "hash")
    path.write_text("".join(f"{seq} {digest}\n" for seq, digest in pairs), encoding="ascii")


def _publish(entry: AuditEntry) -> None:
    """Tell the world outside the database: the log, and one line of the anchor file."""
    log.info("audit", seq=entry.seq, action=entry.action, target=entry.target, hash=entry.hash)
    handle = os.open(anchor_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(f"{entry.seq} {entry.hash}\n".encode("ascii"))


def _anchored() -> dict[int, str]:
    path = anchor_path()
    if not path.exists():
        return {}
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {int(words[0]): words[1] for words in lines if len(words) == 2}


# -- Reading -----------------------------------------------------------------------------------
def entries_about(
    model: type[models.Model], key: str, *, reader: Any
) -> models.QuerySet[AuditEntry]:
    """What was done to that row, the latest first: the reader's own actions and what concerns their books.

    An administrator sees what was done to shared tables, too.
    """
    visible = models.Q(owner_id=reader.pk) | models.Q(actor=reader.get_username(), owner_id=None)
    if reader.is_superuser:
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
