"""What was told leaves from here: one sender a channel at a time, at the pace of its service.

A message is marked before it leaves and marked again with the answer. Who dies in between leaves it marked, and
it is sent again: at least once, sometimes twice. Called by the keeper every half second and by a worker every
minute; safe to be called by anyone at any time.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.channels import CHANNELS
from accounts.channels.base import (
    LONGEST_REST,
    ChannelError,
    ChannelKind,
    Later,
    NotTaken,
    Part,
    Refused,
)
from accounts.channels.telegram import Moved
from accounts.models import Channel, Notification, Topic
from accounts.notify import Words, forget, tell
from accounts.subscribing import line_of
from tradershub.core import clock
from tradershub.core.audit import record
from tradershub.core.crypto import Unreadable

HOLD = dt.timedelta(seconds=60)  # longer than any send may take
LATE = dt.timedelta(seconds=90)  # from then on a message says when it was true
LONGEST_PAUSE = 60.0
LONGEST_PACE = dt.timedelta(seconds=LONGEST_PAUSE)  # of a service, between two messages
LONGEST_ASKED = dt.timedelta(seconds=LONGEST_REST)
LONGEST_DELAY = dt.timedelta(minutes=1)  # in which what is told may be taken back
APART = 3  # so many that wait are sent one by one; more become one message
TOGETHER = 30
State = Notification.State
log = structlog.get_logger("accounts.outbox")


def due() -> list[int]:
    """Ids of the channels that have something to send now and may."""
    now = timezone.now()
    waiting = Notification.objects.filter(_come(now), state__in=Notification.OPEN)
    ids = waiting.values_list("channel_id", flat=True).distinct()
    return list(_free(now).filter(pk__in=list(ids)).values_list("pk", flat=True))


def send_all() -> int:
    """Send what is due, once a channel; how many channels had something."""
    found = due()
    for pk in found:
        work(pk)
    return len(found)


def work(pk: int) -> None:
    """Send the channel's next message, or what waits together, if nobody else is at it."""
    now, mine = timezone.now(), uuid.uuid4().hex
    free = _free(now).filter(pk=pk)
    if not free.update(busy_until=now + HOLD, busy_by=mine):
        return
    held = Channel.objects.filter(pk=pk, busy_by=mine)
    try:
        channel = held.select_related("owner").first()
        if channel is not None:
            _send_next(channel, now)
    finally:
        held.update(busy_until=None, busy_by="")


def _free(now: dt.datetime) -> QuerySet[Channel]:
    """Those that rest no more. Only one that failed may have been asked to rest for long."""
    rests = clock.due("not_before", now, beyond=clock.too_far(now, LONGEST_ASKED))
    paces = Q(fault="") & clock.due("not_before", now, beyond=clock.too_far(now, LONGEST_PACE))
    idle = clock.due("busy_until", now, beyond=clock.too_far(now, HOLD))
    return Channel.objects.filter(rests | paces, idle, enabled=True)


def _come(now: dt.datetime) -> Q:
    """Messages that may leave."""
    longest = max(LONGEST_DELAY, dt.timedelta(seconds=settings.UNKNOWN_SECONDS))
    return clock.due("next_at", now, beyond=clock.too_far(now, longest))


def _send_next(channel: Channel, now: dt.datetime) -> None:
    rows = channel.notifications
    rows.filter(state=State.SENDING).update(state=State.DUE)  # left by a sender that died
    late = rows.filter(state=State.DUE, expires_at__lte=now)
    late.update(state=State.DROPPED, answer="It could not be sent while it still mattered")
    try:
        kind: ChannelKind = CHANNELS.load(channel.kind)(line_of(channel))
    except (Unreadable, KeyError) as error:
        switch_off(channel, f"Its secrets cannot be read: {error}")
        return
    waiting = list(rows.filter(_come(now), state=State.DUE).order_by("-urgent", "id")[:TOGETHER])
    batch = _together(waiting, kind)
    ids = [row.pk for row in batch]
    claimed = rows.filter(pk__in=ids, state=State.DUE)
    if not batch or claimed.update(state=State.SENDING) != len(batch):
        rows.filter(pk__in=ids, state=State.SENDING).update(state=State.DUE)
        return  # one of them was taken back just now: the next look finds the rest
    _deliver(channel, kind, batch, [_part(row, now) for row in batch])


def _together(waiting: Sequence[Notification], kind: ChannelKind) -> list[Notification]:
    """The next one, or as many of a crowd as fit into one message."""
    if len(waiting) <= APART:
        return list(waiting[:1])
    room, batch = kind.longest, []
    for row in waiting:
        room -= 2 * (len(row.title) + len(row.text)) + 60  # signs may count twice
        if batch and room < 0:
            break
        batch.append(row)
    return batch


def _part(row: Notification, now: dt.datetime) -> Part:
    minutes = int((now - row.next_at).total_seconds() // 60)
    is_late = now - row.next_at > LATE
    note = (
        f"Late: this was at {row.made_at:%Y-%m-%d %H:%M} UTC, {minutes} min ago" if is_late else ""
    )
    return Part(row.title, row.text, note)


# -- What became of it -------------------------------------------------------------------------
def _deliver(
    channel: Channel, kind: ChannelKind, batch: Sequence[Notification], parts: Sequence[Part]
) -> None:
    try:
        answer = kind.send(parts)
    except Moved as moved:
        Channel.objects.filter(pk=channel.pk).update(chat=moved.chat)
        _again(channel, batch, moved, after=0.0)
    except Later as later:
        _again(channel, batch, later, after=later.after)
    except NotTaken as refusal:
        _mark(batch, State.FAILED, refusal.message)
        _pause(channel, kind.pace, fault=refusal.message)
    except Refused as refusal:
        _mark(batch, State.FAILED, refusal.message)
        switch_off(channel, refusal.message)
    except Exception as error:
        log.exception("channel_failed", channel=channel.pk)
        _again(channel, batch, Later(f"It failed: {type(error).__name__}; the log says more"))
    else:
        _mark(batch, State.SENT, answer, sent_at=timezone.now())
        _pause(channel, kind.pace, fault="", sent_at=timezone.now())


def _mark(batch: Sequence[Notification], state: str, answer: str, **changes: object) -> None:
    for row in batch:
        mine = Notification.objects.filter(pk=row.pk, state=State.SENDING)
        mine.update(state=state, answer=answer[:300], attempts=row.attempts + 1, **changes)


def _again(
    channel: Channel,
    batch: Sequence[Notification],
    why: ChannelError,
    *,
    after: float | None = None,
) -> None:
    """The whole channel waits: as long as it was asked to, else longer with each failure."""
    _mark(batch, State.DUE, why.message)
    pause = min(2.0 ** min(batch[0].attempts, 10), LONGEST_PAUSE)
    jitter = random.uniform(0.8, 1.2)  # noqa: S311 - so that channels do not knock in step
    _pause(channel, pause * jitter if after is None else after, fault=why.message)


def _pause(channel: Channel, seconds: float, **changes: object) -> None:
    until = timezone.now() + dt.timedelta(seconds=seconds)
    Channel.objects.filter(pk=channel.pk).update(not_before=until, **changes)


@transaction.atomic
def switch_off(channel: Channel, why: str) -> None:
    """Until a person has seen to it; the person's other channels say so."""
    mine = Channel.objects.filter(pk=channel.pk, enabled=True)
    if not mine.update(enabled=False, fault=why[:300]):
        return
    channel.notifications.filter(state__in=Notification.OPEN).update(
        state=State.FAILED, answer=why[:300]
    )
    record(
        "channel.switch_off", actor="outbox", target=channel, owner=channel.owner_id,
        summary=f"Switched off {channel}: {why}",
    )  # fmt: skip
    forget()
    key = f"channel:{channel.pk}:off:{timezone.now().timestamp():.0f}"
    words = Words(
        f"No messages go to {channel.name}", f"{why}. See to it, then switch it on again."
    )
    tell(Topic.SYSTEM, key, words, owner_id=channel.owner_id)
