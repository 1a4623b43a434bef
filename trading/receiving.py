"""A message arrives: who sent it, whether it came before, and its row. Nothing is decided here.

Row and wake-up are one transaction; whoever sends it again is answered with the first one's id.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict, Malformed, NotFound, NotProved
from tradershub.core.failpoints import failpoint
from tradershub.core.prepared import first as one
from tradershub.core.prepared import prepared
from tradershub.core.queue import EXECUTION, enqueue
from tradershub.core.spans import past
from trading import telling
from trading.models import Signal, SignalSource
from trading.sealing import signing_secrets
from trading.sources import SOURCES, proof
from trading.sources.draft import Draft, Unreadable
from trading.sources.plain import draft_to_plain

BY_BODY = "body:"
SAME_WITHIN = dt.timedelta(seconds=60)
TASK = "trading.tasks.run_signal"


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it came. headers: names in lower case. token: of the address, "" without one."""

    body: bytes
    headers: Mapping[str, str]
    address: str = ""
    token: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")[:100]


@dataclass(frozen=True, slots=True)
class Receipt:
    """signal: the row. is_new: False for a message that came before."""

    signal: Signal
    is_new: bool


def receive(uid: str, message: Message) -> Receipt:
    """Store a message of the source of that address.

    Raises NotFound for a source, token or sender's address that is not known, NotProved for a wrong key or
    signature, BadInput (Malformed) for what is no signal, which is stored too, and Conflict for an id that
    stood for another body.
    """
    source = _source(uid)
    return _take(source, message, named=_prove(source, message))


def receive_from_folder(
    source: SignalSource, message: Message, *, name: str, written_at: dt.datetime
) -> Receipt:
    """Store a signal of a source's own folder. name: of the file and its place in it, never used again.

    written_at: when the file was; a signal without a time of its own is as old. Raises BadInput (Malformed) and
    Conflict as `receive` does.
    """
    return _take(source, message, named=f"file:{_hash(name)[:48]}", written_at=written_at)


def _take(
    source: SignalSource, message: Message, *, named: str, written_at: dt.datetime | None = None
) -> Receipt:
    now = timezone.now()
    draft = SOURCES.load(source.dialect).read(message.body, source.habits)
    if isinstance(draft, Unreadable):
        _keep_unreadable(source, message, draft, now)
        kind = Malformed if draft.malformed else BadInput
        raise kind(draft.message, code=draft.code)
    if named and not draft.id:
        draft = dataclasses.replace(draft, id=named)
    if written_at and not draft.fired_at:
        draft = dataclasses.replace(draft, fired_at=min(now, written_at))
    return _keep(source, message, draft, now)


def _source(uid: str) -> SignalSource:
    could_be = uid.isascii() and uid.isalnum()  # PostgreSQL is asked for no NUL
    source = one(_sources(uid)) if could_be else None
    if source is None or not source.enabled:
        proof.is_one_of("nobody", [proof.token_hash("x")])  # takes as long as for a source
        raise NotFound("There is no such source of signals")
    return source


@prepared
def _sources(uid: str) -> QuerySet[SignalSource]:
    rows = SignalSource.objects.select_related("strategy", "owner")
    return rows.filter(uid=uid, owner__is_active=True)


def _prove(source: SignalSource, message: Message) -> str:
    """The sender's own id of a signed message, else "". Raises NotFound or NotProved."""
    if not proof.comes_from(message.address, source.addresses):
        raise NotFound("There is no such source of signals")
    if source.proof == SignalSource.Proof.TOKEN:
        if not proof.is_one_of(message.token, source.hashes):
            raise NotFound("There is no such source of signals")
        return ""
    if message.token:
        raise NotFound("There is no such source of signals")
    if source.proof == SignalSource.Proof.BEARER:
        kind, _, key = message.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not proof.is_one_of(key.strip(), source.hashes):
            raise NotProved("Expected this source's key as `Authorization: Bearer KEY`")
        return ""
    if source.proof == SignalSource.Proof.SIGNED:
        secrets, now = signing_secrets(source), timezone.now()
        found = proof.signed(message.headers, message.body, secrets=secrets, now=now)
        if isinstance(found, Unreadable):
            raise NotProved(found.message, code=found.code)
        return found.id
    raise NotFound("There is no such source of signals")


# -- Rows --------------------------------------------------------------------------------------
def _keep(source: SignalSource, message: Message, draft: Draft, now: dt.datetime) -> Receipt:
    body_hash = hashlib.sha256(message.body).hexdigest()
    key = key_of(draft, body_hash)
    first = _same_body(source, body_hash, now) if key is None else None
    if key is None:
        if source.mode == SignalSource.Mode.LIVE:
            return _keep_refused(source, message, body_hash, now)
        key = f"{BY_BODY}{body_hash[:48]}:{int(now.timestamp())}"
    first = first or one(_same_key(source, key))
    if first is None:
        try:
            return _stored(source, message, draft, key, body_hash, now)
        except IntegrityError:
            first = Signal.objects.get(source=source, key=key)  # another delivery was faster
    return _again(first, body_hash, now)


def _stored(
    source: SignalSource, message: Message, draft: Draft, key: str, body_hash: str, now: dt.datetime
) -> Receipt:
    """The row with its wake-up, or neither. Raises IntegrityError where the key is there by now."""
    with transaction.atomic():
        if key.startswith(BY_BODY) and (first := _same_body_alone(source, body_hash, now)):
            return _again(first, body_hash, now)
        made = _row(source, message, key, body_hash, now, draft=draft_to_plain(draft))
        made.save(force_insert=True)
        _mark_used(source, now)
        enqueue(TASK, made.pk, cluster=EXECUTION, keep_result=False)
        failpoint("receive.inside")
    failpoint("receive.committed")
    past("accept", made.origin, now, timezone.now(), source=source.uid)
    return Receipt(made, True)


@prepared
def _same_key(source: SignalSource, key: str) -> QuerySet[Signal]:
    return Signal.objects.filter(source=source, key=key)


def key_of(draft: Draft, body_hash: str) -> str | None:
    """What makes the signal one: the sender's id, else alert, bar and fill; None with neither.

    An id is kept readable where it is short. Two orders of one bar differ by their alert, action, size or the
    position that they lead to.
    """
    if draft.id:
        return f"id:{draft.id}" if len(draft.id) <= 70 else f"id:{_hash(draft.id)[:70]}"
    if draft.bar_at is None:
        return None
    parts = [draft.alert, draft.bar_at.isoformat(), draft.intent, draft.symbol.upper()]
    parts += [draft.strategy, draft.account, draft.fill]
    return f"bar:{_hash(json.dumps(parts))[:60]}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _same_body(source: SignalSource, body_hash: str, now: dt.datetime) -> Signal | None:
    """The message of the last minute that is told apart by that body; none that was no signal or came by hand."""
    since = now - SAME_WITHIN
    rows = Signal.objects.filter(source=source, received_at__gte=since, body_hash=body_hash)
    return rows.filter(key__startswith=BY_BODY).order_by("id").first()


def _same_body_alone(source: SignalSource, body_hash: str, now: dt.datetime) -> Signal | None:
    """As `_same_body`, one delivery at a time: two that come at once, a second's edge apart, are one."""
    SignalSource.objects.select_for_update().values_list("pk").get(pk=source.pk)
    return _same_body(source, body_hash, now)


def _again(first: Signal, body_hash: str, now: dt.datetime) -> Receipt:
    Signal.objects.filter(pk=first.pk).update(deliveries=F("deliveries") + 1, last_delivery_at=now)
    if first.body_hash != body_hash:
        _refuse_other(first)
    return Receipt(first, False)


def _refuse_other(first: Signal) -> None:
    """What is told apart by nothing and is not the same, is not taken, and somebody hears of it. Raises Conflict."""
    what, wants = "This id", "a new id"
    if not first.key.startswith("id:"):
        what, wants = "This alert of this bar", 'an "id", or another "alert"'
    with transaction.atomic():
        record(
            "signal.mismatch",
            actor="webhook",
            target=first,
            summary=f"{first.source}: what tells signal {first.pk} apart came with another body",
            owner=first.source.owner,
        )
        telling.signal_not_taken(first)
    raise Conflict(
        f"{what} stood for another body before (signal {first.pk}): expected {wants}",
        code="idempotency_mismatch",
    )


def _keep_refused(
    source: SignalSource, message: Message, body_hash: str, now: dt.datetime
) -> Receipt:
    why = Unreadable(
        "no_key",
        "A live source's signals need an id, or the time of their bar: without, one that is sent twice "
        "could not be told from two",
    )
    _keep_unreadable(source, message, why, now)
    raise BadInput(why.message, code=why.code)


def _keep_unreadable(
    source: SignalSource, message: Message, why: Unreadable, now: dt.datetime
) -> None:
    """A refused message is a row, too, once a minute for the same bytes."""
    body_hash = hashlib.sha256(message.body).hexdigest()
    key = f"bad:{body_hash[:48]}:{int(now.timestamp()) // 60}"
    with transaction.atomic():
        row = _row(source, message, key, body_hash, now)
        row.state, row.code, row.reason = Signal.State.REFUSED, why.code[:40], why.message[:500]
        row.decided_at = now
        values = {
            f.attname: getattr(row, f.attname) for f in Signal._meta.fields if f.attname != "id"
        }
        found, is_new = Signal.objects.get_or_create(source=source, key=key, defaults=values)
        if is_new:
            telling.signal_unreadable(found)
        else:
            Signal.objects.filter(pk=found.pk).update(
                deliveries=F("deliveries") + 1, last_delivery_at=now
            )
        _mark_used(source, now)


def _row(
    source: SignalSource,
    message: Message,
    key: str,
    body_hash: str,
    now: dt.datetime,
    **fields: Any,
) -> Signal:
    return Signal(
        source=source,
        key=key,
        body=message.body.decode("utf-8", "backslashreplace").replace("\x00", "\\x00"),
        body_hash=body_hash,
        content_type=message.content_type,
        address=message.address[:45],
        received_at=now,
        last_delivery_at=now,
        mode=source.mode,
        **fields,
    )


def _mark_used(source: SignalSource, now: dt.datetime) -> None:
    SignalSource.objects.filter(pk=source.pk).update(last_used_at=now)
