"""Tell a person: rows of the outbox, written in the transaction of what they tell. Nothing is sent from here.

Called from the way of an order: it costs no query where the person has no channel, and never fails its caller.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Account, Channel, Notification, Topic
from accounts.models.notification import URGENT

REMEMBERED = 5.0  # seconds for which a process remembers who has channels
KEPT = dt.timedelta(hours=2)
KEPT_URGENT = dt.timedelta(hours=24)
State = Notification.State
log = structlog.get_logger("accounts.notify")


class Words(NamedTuple):
    title: str
    text: str = ""


def tell(
    topic: Topic,
    key: str,
    words: Words | Callable[[], Words],
    *,
    owner_id: int | None,
    after: float = 0.0,
) -> None:
    """Have the person's channels that chose the topic say it, once under that key; None tells everybody.

    words: made only where somebody listens. after: seconds in which `settle` or `drop` may take it back. Never
    raises: what is told of must not fail for it.
    """
    _quietly(_tell, topic, key, words, owner_id=owner_id, after=after)


def settle(key: str, words: Words | Callable[[], Words], *, owner_id: int) -> None:
    """What `key` told of is over: who has heard of it hears so, who has not yet hears nothing of it."""
    _quietly(_settle, key, words, owner_id=owner_id)


def drop(key: str, *, owner_id: int) -> None:
    """Take back what was told under that key and was not sent yet."""
    _quietly(_drop, key, owner_id=owner_id)


def reply(channel: Channel, key: str, words: Words) -> None:
    """Answer a chat. In the caller's transaction."""
    now = timezone.now()
    _write(
        [channel.pk], Topic.REPLY, key, words, now=now, next_at=now, kept=dt.timedelta(minutes=10)
    )


def named(account: Account) -> str:
    """As its person calls it; of a number only the end, for messages lie about on phones."""
    return account.name or f"account …{account.number[-3:]} at {account.broker}"


def forget() -> None:
    """Look anew at who has channels, in this process."""
    _known.until = 0.0


# -- Small parts -------------------------------------------------------------------------------
class _Known:
    """Who had channels a moment ago."""

    def __init__(self) -> None:
        self.owners: frozenset[int] = frozenset()
        self.until = 0.0

    def is_stale(self) -> bool:
        return time.monotonic() >= self.until

    def look(self) -> None:
        rows = Channel.objects.filter(enabled=True).values_list("owner_id", flat=True)
        self.owners = frozenset(rows)
        self.until = time.monotonic() + REMEMBERED

    def listens(self, owner_id: int | None) -> bool:
        return bool(self.owners) if owner_id is None else owner_id in self.owners


_known = _Known()


def _quietly(
    act: Callable[..., None], *given: object, owner_id: int | None, **more: object
) -> None:
    """Do it in a savepoint of its own where somebody listens: an order is worth more than a word about it."""
    if not _known.is_stale() and not _known.listens(owner_id):
        return
    try:
        with transaction.atomic():
            if _known.is_stale():
                _known.look()
            if _known.listens(owner_id):
                act(*given, owner_id=owner_id, **more)
    except Exception:
        log.exception("not_told", what=act.__name__, key=str(given[:2]), owner=owner_id)


def _tell(
    topic: Topic,
    key: str,
    words: Words | Callable[[], Words],
    *,
    owner_id: int | None,
    after: float,
) -> None:
    rows = Channel.objects.filter(enabled=True)
    rows = rows if owner_id is None else rows.filter(owner_id=owner_id)
    # Two columns: this stands on the way of an order.
    channels = [pk for pk, topics in rows.values_list("pk", "topics") if topic in topics]
    if not channels:
        return
    now = timezone.now()
    next_at = now + dt.timedelta(seconds=after)
    kept = KEPT_URGENT if topic in URGENT else KEPT
    _write(channels, topic, key, _made(words), now=now, next_at=next_at, kept=kept)


def _settle(key: str, words: Words | Callable[[], Words], *, owner_id: int) -> None:
    _drop(key, owner_id=owner_id)
    heard = Notification.objects.filter(channel__owner_id=owner_id, key=key).exclude(
        state=State.DROPPED
    )
    found = list(heard.values_list("channel_id", "topic"))
    if not found:
        return
    now = timezone.now()
    channels = [channel_id for channel_id, _ in found]
    topic = Topic(found[0][1])
    _write(channels, topic, f"{key}:settled", _made(words), now=now, next_at=now, kept=KEPT_URGENT)


def _drop(key: str, *, owner_id: int) -> None:
    mine = Notification.objects.filter(channel__owner_id=owner_id, key=key, state=State.DUE)
    mine.update(state=State.DROPPED, answer="It was over before it was sent")


def _made(words: Words | Callable[[], Words]) -> Words:
    return words() if callable(words) else words


def _write(
    channels: list[int],
    topic: Topic,
    key: str,
    words: Words,
    *,
    now: dt.datetime,
    next_at: dt.datetime,
    kept: dt.timedelta,
) -> None:
    Notification.objects.bulk_create(
        [
            Notification(
                channel_id=channel_id,
                topic=topic,
                key=key[:120],
                title=words.title[:200],
                text=words.text[:10_000],
                urgent=topic in URGENT,
                made_at=now,
                next_at=next_at,
                expires_at=next_at + kept,
            )
            for channel_id in channels
        ],
        ignore_conflicts=True,
    )
