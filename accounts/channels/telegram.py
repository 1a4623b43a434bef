"""Telegram by its Bot API: messages to one chat, and questions from it.

Source: core.telegram.org/bots/api (sendMessage, getUpdates, "Making requests") and its FAQ on limits: about
one message a second in a chat, 20 a minute in a group; who is told to wait by 429 waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from django.conf import settings as hub

from accounts.channels.base import (
    UNEXPECTED,
    ChannelError,
    ChannelKind,
    Later,
    NotTaken,
    Part,
    Refused,
    place_of,
    post,
    seconds_asked,
    written,
)
from brokers.adapters.base import Settings, setting
from tradershub.core import net

TOKEN = re.compile(r"([0-9]{5,16}):[A-Za-z0-9_-]{30,80}")
LONGEST = 4096  # UTF-16 units, after its tags are read
PUBLIC = "https://api.telegram.org"
LARGEST = 2**20  # bytes of an answer: twenty of the longest messages that strangers may send
GONE = (401, 403, 404)


class Moved(ChannelError):
    """The group became a supergroup with another id."""

    def __init__(self, chat: int) -> None:
        super().__init__("The group has another id now")
        self.chat = chat


class BusyElsewhere(Later):
    """Somebody else asks this bot for news: another hub, or a webhook."""


@dataclass(frozen=True, kw_only=True)
class TelegramSettings(Settings):
    token: str = setting(
        "Bot token",
        secret=True,
        help_text="From @BotFather, as 123456789:AAE…; each channel needs a bot of its own.",
    )


class Bot:
    """The API of one bot. Raises ChannelError, never with the token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def call(self, method: str, *, patience: float = net.TIMEOUT, **given: Any) -> Any:
        """The method's result. patience: seconds until it must have answered."""
        address = hub.TELEGRAM_API
        answer = post(
            f"{address.rstrip('/')}/bot{self.token}/{method}",
            given,
            secrets=[self.token],
            timeout=patience,
            largest=LARGEST,
            trusted=[] if address == PUBLIC else [place_of(address)],
        )
        try:
            said = answer.json()
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or "ok" not in said:
            raise Later(f"Telegram gave {UNEXPECTED}, status {answer.status_code}")
        if said["ok"] is True:
            return said.get("result")
        raise self._error(said, answer.status_code)

    def _error(self, said: Mapping[str, Any], status: int) -> ChannelError:
        words = net.redacted(str(said.get("description", "")), [self.token])[:200]
        more = said.get("parameters")
        more = more if isinstance(more, dict) else {}
        if isinstance(more.get("migrate_to_chat_id"), int):
            return Moved(more["migrate_to_chat_id"])
        if status == 429:
            return Later(f"Telegram: {words}", after=seconds_asked(more.get("retry_after")))
        if status == 409:
            return BusyElsewhere(f"Telegram: {words}")
        if status in GONE or status == 400 and "chat not found" in words.lower():
            return Refused(f"Telegram: {words}")
        if status == 400:
            return NotTaken(f"Telegram: {words}")
        return Later(f"Telegram: {words}, status {status}")


class Telegram(ChannelKind):
    settings = TelegramSettings
    longest = LONGEST
    has_chat = True
    advice = (
        "Talk to @BotFather in Telegram, send /newbot, and enter the token that it gives you.",
        "Then connect a chat: this page shows a code, and you send it to the bot.",
        "Give the token to nobody: who has it reads what the bot is told.",
    )

    @property
    def pace(self) -> float:
        """A group, whose id is negative, takes 20 a minute."""
        return 3.1 if (self.line.chat or 0) < 0 else 1.0

    @classmethod
    def check(cls, settings: Any, secrets: Mapping[str, str]) -> None:
        if not TOKEN.fullmatch(secrets.get("token", "")):
            raise ValueError("Expected a bot token as 123456789:AAE…, as @BotFather gives it")

    def send(self, parts: Sequence[Part]) -> str:
        if self.line.chat is None:
            raise Later("No chat is connected yet: send the code to the bot")
        bot = Bot(self.line.secrets["token"])
        try:
            found = bot.call("sendMessage", text=_as_html(parts), parse_mode="HTML", **self._to())
        except NotTaken as refusal:
            if "parse entities" not in refusal.message:
                raise
            found = bot.call("sendMessage", text=_as_text(parts), **self._to())
        return f"message {found['message_id']}" if isinstance(found, dict) else ""

    def _to(self) -> dict[str, Any]:
        return {"chat_id": self.line.chat, "link_preview_options": {"is_disabled": True}}


def bot_of(token: str) -> int:
    """The bot's own number, which stands before its token's colon."""
    found = TOKEN.fullmatch(token)
    return int(found[1]) if found else 0


def units(text: str) -> int:
    """How long Telegram finds a text."""
    return len(text.encode("utf-16-le")) // 2


def _as_html(parts: Sequence[Part]) -> str:
    return written(
        parts,
        longest=LONGEST,
        bold=lambda title: f"<b>{title}</b>",
        escape=lambda text: escape(text, quote=False),
        length=units,
    )


def _as_text(parts: Sequence[Part]) -> str:
    return written(parts, longest=LONGEST, length=units)
