"""Channels opened, edited, switched, tested and deleted by their person; a chat connects itself by a code."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets as random_ones
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.channels import CHANNELS
from accounts.channels.base import ChannelKind, Line
from accounts.channels.telegram import bot_of
from accounts.models import Channel, Notification
from accounts.models.notification import CHOSEN
from accounts.notify import Words, forget, reply
from brokers.adapters.settings import WrongSetting, described, from_plain, secret_names, to_plain
from tradershub.core import sealing
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.validation import cleaned

SECRET = "channel"  # noqa: S105 - the word that names the row
LONGEST_SECRET = 600
CODE_LASTS = dt.timedelta(minutes=10)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none is taken for another
MOST_CHANNELS = 20


def line_of(channel: Channel) -> Line:
    """The channel as its kind sees it. Raises Unreadable, KeyError for a kind that is no more."""
    kind = kind_of(channel)
    return Line(
        settings=from_plain(kind.settings, channel.settings),
        secrets=unsealed(channel),
        chat=channel.chat,
    )


def kind_of(channel: Channel) -> type[ChannelKind]:
    found: type[ChannelKind] = CHANNELS.load(channel.kind)
    return found


def unsealed(channel: Channel) -> dict[str, str]:
    """Raises Unreadable."""
    return sealing.unseal(channel.sealed, kind=SECRET, uid=str(channel.uid))


# -- Channels ----------------------------------------------------------------------------------
@transaction.atomic
def open_channel(
    *,
    actor: Any,
    owner: Any,
    kind: str,
    name: str,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    topics: Iterable[str] = CHOSEN,
    commands: bool = True,
) -> Channel:
    """A new channel. Raises BadInput, Conflict where a bot serves another channel."""
    if kind not in CHANNELS:
        known = ", ".join(CHANNELS)
        raise BadInput(f'Expected one of {known}, found "{kind[:40]}"', param="kind")
    if Channel.objects.filter(owner=owner).count() >= MOST_CHANNELS:
        raise Conflict(f"You have {MOST_CHANNELS} channels: delete one first")
    channel = Channel(
        owner=owner, kind=kind, name=name.strip(), topics=_topics(topics), commands=commands
    )
    _put(channel, settings or {}, secrets or {})
    cleaned(channel).save()
    record(
        "channel.open", actor=actor, target=channel, owner=owner, summary=f"Opened {channel}",
        details={"topics": ", ".join(channel.topics)},
    )  # fmt: skip
    forget()
    return channel


@transaction.atomic
def edit_channel(
    channel: Channel,
    *,
    actor: Any,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    topics: Iterable[str] | None = None,
    **changes: Any,
) -> Channel:
    """Change it; what is not given stays, secrets too. Another bot must connect its chat anew. Raises BadInput."""
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    before = state_of(channel, (*changes, "topics", "settings"))
    for name, value in changes.items():
        setattr(channel, name, value.strip() if name == "name" else value)
    if topics is not None:
        channel.topics = _topics(topics)
    bot = channel.bot
    given = {name: text for name, text in (secrets or {}).items() if text}
    _put(channel, {**channel.settings, **(settings or {})}, given)
    if channel.bot != bot:
        _forget_chat(channel)
    cleaned(channel).save()
    record(
        "channel.edit", actor=actor, target=channel, owner=channel.owner,
        summary=f"Edited {channel}" + (f", new {', '.join(given)}" if given else ""),
        details=changes_since(before, channel),
    )  # fmt: skip
    forget()
    return channel


@transaction.atomic
def switch_channel(channel: Channel, *, on: bool, actor: Any) -> Channel:
    """Send by it, or not. Raises Conflict where it is so already."""
    word = "on" if on else "off"
    mine = Channel.objects.filter(pk=channel.pk, enabled=not on)
    if not mine.update(enabled=on, fault="", not_before=None):
        raise Conflict(f"{channel} is switched {word} already")
    channel.refresh_from_db()
    record(
        f"channel.switch_{word}", actor=actor, target=channel, owner=channel.owner,
        summary=f"Switched {word} {channel}",
    )  # fmt: skip
    forget()
    return channel


@transaction.atomic
def delete_channel(channel: Channel, *, actor: Any) -> None:
    """Forget it with its secrets and with what was said by it."""
    record(
        "channel.delete", actor=actor, target=channel, owner=channel.owner,
        summary=f"Deleted {channel} and its secrets",
    )  # fmt: skip
    channel.delete()
    forget()


@transaction.atomic
def send_test(channel: Channel, *, actor: Any) -> Notification:
    """A message that says it is one; the outbox sends it like any other. Raises Conflict where it cannot."""
    if not channel.enabled:
        raise Conflict(f"{channel} is switched off: switch it on first")
    if channel.has_chat and channel.chat is None:
        raise Conflict("No chat is connected yet: send the code to the bot first")
    key = f"test:{random_ones.token_hex(8)}"
    words = Words(
        "A test message", f"{actor} asked for it. What happens in your accounts comes here."
    )
    reply(channel, key, words)
    record("channel.test", actor=actor, target=channel, owner=channel.owner, summary=str(channel))
    return channel.notifications.get(key=key)


def _topics(given: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(given))
    for topic in found:
        if topic not in CHOSEN:
            raise BadInput(
                f'Expected some of {", ".join(CHOSEN)}, found "{str(topic)[:20]}"', param="topics"
            )
    return found


def _put(channel: Channel, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """Check and set them. Raises BadInput, never with a secret; Conflict where a bot is taken."""
    kind = kind_of(channel)
    known = {field.name: field.secret for field in described(kind.settings)}
    for name in settings:
        if known.get(name, True):
            raise BadInput(f'"{str(name)[:40]}" is no setting of it', param="settings")
    for name, text in secrets.items():
        if not known.get(name, False):
            raise BadInput(f'"{str(name)[:40]}" is no secret of it', param="secrets")
        if not isinstance(text, str) or len(text) > LONGEST_SECRET or "\x00" in text:
            raise BadInput(
                f"{name}: expected a text of at most {LONGEST_SECRET} characters", param=name
            )
    whole = _kept(channel) | {name: text.strip() for name, text in secrets.items()}
    param = next(iter(secret_names(kind.settings)), "settings")
    try:
        found = from_plain(kind.settings, settings)
        kind.check(found, whole)
    except WrongSetting as error:
        raise BadInput(error.message, param=error.name or param) from error
    except ValueError as error:
        raise BadInput(str(error), param=_param(kind)) from error
    channel.settings = to_plain(found)
    if secrets:
        channel.sealed = sealing.seal(whole, kind=SECRET, uid=str(channel.uid))
    if kind.has_chat:
        channel.bot = bot_of(whole["token"])
        if Channel.objects.filter(bot=channel.bot).exclude(pk=channel.pk).exists():
            raise Conflict("This bot serves another channel: make another bot", param="token")


def _param(kind: type[ChannelKind]) -> str:
    """The field that a refusal stands beside: kinds have one."""
    return described(kind.settings)[0].name


def _kept(channel: Channel) -> dict[str, str]:
    """None where their key is lost: what is given replaces them all."""
    try:
        return unsealed(channel)
    except Unreadable:
        return {}


# -- Chats -------------------------------------------------------------------------------------
@transaction.atomic
def new_code(channel: Channel, *, actor: Any) -> str:
    """A word that, sent to the bot within ten minutes, connects the chat and the person who sends it."""
    if not channel.has_chat:
        raise Conflict(f"{channel} has no chat to connect")
    if not channel.enabled:
        raise Conflict(f"{channel} is switched off: switch it on first")
    code = "".join(random_ones.choice(ALPHABET) for _ in range(10))
    until = timezone.now() + CODE_LASTS
    Channel.objects.filter(pk=channel.pk).update(code=_hash(code), code_until=until)
    record("channel.code", actor=actor, target=channel, owner=channel.owner, summary=str(channel))
    return code


def is_code(channel: Channel, text: str) -> bool:
    """Whether the text is the code that was shown, and still holds."""
    if not channel.code or channel.code_until is None or channel.code_until < timezone.now():
        return False
    return random_ones.compare_digest(channel.code, _hash(text.strip().upper()))


def connect_chat(channel: Channel, *, chat: int, name: str, person: int, person_name: str) -> None:
    """The chat is the channel's from now on, and that person may command there. The code is used up.

    Another chat takes the place of the one before, with its people.
    """
    people = channel.people if channel.chat == chat else []
    people = [one for one in people if one["id"] != person]
    people.append({"id": person, "name": person_name[:80]})
    Channel.objects.filter(pk=channel.pk).update(
        chat=chat, chat_name=name[:120], people=people, code="", code_until=None, asked={}
    )
    channel.refresh_from_db()
    record(
        "channel.connect_chat", actor=f"chat {chat}", target=channel, owner=channel.owner_id,
        summary=f"{channel}: chat {name[:80]} connected by {person_name[:80]}",
        details={"chat": chat, "person": person},
    )  # fmt: skip


@transaction.atomic
def disconnect_chat(channel: Channel, *, actor: Any) -> Channel:
    """No chat is told and none may command, until one connects itself again."""
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if channel.chat is None:
        raise Conflict("No chat is connected")
    _forget_chat(channel)
    channel.save()
    record("channel.disconnect_chat", actor=actor, target=channel, owner=channel.owner)
    return channel


def _forget_chat(channel: Channel) -> None:
    channel.chat, channel.chat_name, channel.people, channel.asked = None, "", [], {}
    channel.code, channel.code_until, channel.heard, channel.strangers = "", None, 0, []


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
