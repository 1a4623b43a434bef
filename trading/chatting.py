"""The ears of the chats: one thread a bot asks Telegram for news and hands it on; nothing waits for it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone

from accounts import outbox
from accounts.channels.base import ChannelError, Refused
from accounts.channels.telegram import Bot, BusyElsewhere
from accounts.models import Channel, Topic
from accounts.notify import Words, tell
from accounts.subscribing import unsealed
from tradershub.core.crypto import Unreadable
from trading import chat
from trading.following import AWAY

MOST = 20  # bots at once: each holds a thread
DEAF = 60.0  # seconds without an answer after which a person is told that commands are not heard
SLOWEST = 30.0
log = structlog.get_logger("trading.chatting")


def to_hear() -> list[int]:
    """Ids of the channels whose bot is to be asked: a chat is connected, or a code waits for one."""
    waits = Q(code_until__gt=timezone.now())
    rows = Channel.objects.filter(waits | Q(chat__isnull=False), enabled=True, bot__isnull=False)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:MOST])


@dataclass
class Chats:
    """Gives each bot a thread. holder: who asks, so that of several keepers one does."""

    holder: str
    stopping: threading.Event
    running: dict[int, threading.Thread] = field(default_factory=dict)

    def tend(self) -> float:
        """Begin what is to be heard; seconds until the next look."""
        self.running = {pk: thread for pk, thread in self.running.items() if thread.is_alive()}
        for pk in to_hear():
            if pk not in self.running:
                ear = Ear(pk, self.holder)
                thread = threading.Thread(
                    target=ear.listen, args=(self.stopping,), name=f"chat {pk}", daemon=True
                )
                self.running[pk] = thread
                thread.start()
        return 1.0


@dataclass
class Ear:
    """One bot. failing_since: of the first failure after which nothing succeeded."""

    pk: int
    holder: str
    failing_since: float | None = None
    is_told: bool = False

    def listen(self, stopping: threading.Event) -> None:
        """Ask again and again, until the channel is to be heard no more."""
        try:
            while not stopping.is_set() and self.pk in to_hear():
                close_old_connections()
                stopping.wait(self.turn())
        except AWAY as error:
            log.warning("database_unreachable", chat=self.pk, error=str(error).strip()[:200])
        finally:
            connections.close_all()

    def turn(self) -> float:
        """Ask once and do what was written; seconds until the next question."""
        channel = Channel.objects.filter(pk=self.pk, enabled=True).first()
        if channel is None or not self._hold(channel):
            return 1.0
        try:
            updates = self._news(channel)
        except (Refused, Unreadable) as error:
            outbox.switch_off(channel, getattr(error, "message", str(error)))
            return 1.0
        except ChannelError as error:
            return self._failed(channel, error)
        self._answered(channel)
        _follow_numbers(channel, updates)
        for update in updates:
            chat.take(channel, update)
        return 0.0

    def _news(self, channel: Channel) -> list[dict[str, object]]:
        seconds = settings.CHAT_SECONDS
        found = Bot(unsealed(channel)["token"]).call(
            "getUpdates",
            patience=seconds + 10,
            offset=channel.heard,
            limit=20,
            timeout=seconds,
            allowed_updates=["message"],
        )
        return [one for one in found or () if isinstance(one, dict) and "update_id" in one]

    def _hold(self, channel: Channel) -> bool:
        """Whether this keeper asks; another takes over when it has not asked for a while."""
        now = timezone.now()
        free = Q(polled_by=self.holder) | Q(polled_until=None) | Q(polled_until__lt=now)
        until = now + dt.timedelta(seconds=settings.CHAT_SECONDS + 20)
        mine = Channel.objects.filter(free, pk=channel.pk)
        return bool(mine.update(polled_by=self.holder[:60], polled_until=until))

    def _answered(self, channel: Channel) -> None:
        if self.is_told:
            Channel.objects.filter(pk=channel.pk).update(fault="")
            self._tell(channel, f"Commands are heard again: {channel.name}", "")
        self.failing_since, self.is_told = None, False
        Channel.objects.filter(pk=channel.pk).update(heard_at=timezone.now())

    def _failed(self, channel: Channel, error: ChannelError) -> float:
        now = time.monotonic()
        self.failing_since = self.failing_since or now
        silent = now - self.failing_since
        asked = getattr(error, "after", None) or 0.0
        if max(silent, asked) >= DEAF and not self.is_told:
            self.is_told = True
            Channel.objects.filter(pk=channel.pk).update(fault=error.message)
            self._tell(channel, f"Commands are not heard: {channel.name}", error.message)
        if isinstance(error, BusyElsewhere):
            return 5.0
        return asked or min(1.0 + silent, SLOWEST)

    def _tell(self, channel: Channel, title: str, text: str) -> None:
        key = f"chat:{channel.pk}:{timezone.now().timestamp():.6f}"
        tell(Topic.LINK, key, Words(title, text), owner_id=channel.owner_id)


def _follow_numbers(channel: Channel, updates: Sequence[Mapping[str, Any]]) -> None:
    """After a week without news Telegram numbers anew, maybe lower: what it gives then was not heard yet.

    Source: core.telegram.org/bots/api, Update.update_id.
    """
    numbers = [int(update["update_id"]) for update in updates]
    if numbers and max(numbers) < channel.heard:
        mine = Channel.objects.filter(pk=channel.pk, heard=channel.heard)
        mine.update(heard=min(numbers))
