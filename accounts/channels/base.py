"""What every kind of channel answers: its settings, its limits, and one call that delivers a message."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import httpx

from brokers.adapters.base import Settings
from tradershub.core import net

LONGEST_REST = 3600.0  # seconds that a service may ask us to wait
UNEXPECTED = "an answer that is none of this service"


class ChannelError(Exception):
    """A message did not arrive. message: one sentence without secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message[:300]


class Refused(ChannelError):
    """The channel cannot be used until a person has seen to it: a wrong key, a chat that blocked us."""


class NotTaken(ChannelError):
    """This message will never be taken; others may."""


class Later(ChannelError):
    """It may pass by itself. after: seconds the service asked us to wait, None where it named none."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Part(NamedTuple):
    """One piece of news. note: what is said of its time when it is late, else empty."""

    title: str
    text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A channel as its kind sees it. chat: the chat that is connected, where the kind has chats."""

    settings: Any
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    chat: int | None = None


class ChannelKind(ABC):
    """longest: characters a message may have. secrets of the settings are sealed and never shown."""

    settings: ClassVar[type[Settings]]
    longest: ClassVar[int]
    advice: ClassVar[tuple[str, ...]] = ()
    has_chat: ClassVar[bool] = False

    def __init__(self, line: Line) -> None:
        self.line = line

    @property
    def pace(self) -> float:
        """Seconds between two messages."""
        return 1.0

    @classmethod
    @abstractmethod
    def check(cls, settings: Any, secrets: Mapping[str, str]) -> None:
        """Raises ValueError with a sentence that quotes no secret, where they cannot be meant."""

    @abstractmethod
    def send(self, parts: Sequence[Part]) -> str:
        """Deliver them as one message; what the service calls it. Raises ChannelError."""


def written(
    parts: Sequence[Part],
    *,
    longest: int,
    bold: Callable[[str], str] = str,
    escape: Callable[[str], str] = str,
    length: Callable[[str], int] = len,
) -> str:
    """The message, cut before it is escaped so that no tag or sign is cut in two."""
    room, lines = longest, []
    for part in parts:
        words = "\n".join(piece for piece in (part.text, part.note) if piece)
        title = cut(part.title, room, length=length)
        room -= length(title) + 2
        body = cut(words, max(room, 0), length=length) if words else ""
        room -= length(body) + 1
        lines.append(bold(escape(title)) + (f"\n{escape(body)}" if body else ""))
        if room <= 0:
            break
    return "\n\n".join(lines)


def cut(text: str, longest: int, *, length: Callable[[str], int] = len) -> str:
    """The text itself, or its beginning, to the end of a line where one is near, and a mark."""
    if length(text) <= longest:
        return text
    if longest <= 1:
        return ""
    kept = text[: longest - 1]
    while length(kept) > longest - 1:
        kept = kept[:-1]
    at = kept.rfind("\n")
    return f"{kept[:at] if at > longest // 2 else kept}…"


def post(
    url: str,
    body: Mapping[str, Any],
    *,
    secrets: Sequence[str],
    timeout: float = net.TIMEOUT,
    trusted: Sequence[str] = (),
    largest: int = net.LARGEST,
) -> httpx.Response:
    """The service's answer, whatever it says. Raises Later where there is none, never with a secret."""
    try:
        with net.client(timeout=timeout, trusted=trusted, largest=largest) as client:
            return client.post(url, json=body)
    except net.AddressRefused as error:
        raise Refused(net.redacted(str(error), secrets)) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = net.redacted(str(error), secrets) or type(error).__name__
        raise Later(f"It does not answer: {said}") from None


def seconds_asked(text: Any) -> float | None:
    """What a service says in a "retry after", bounded to an hour."""
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_REST)


def place_of(address: str) -> str:
    """The "host:port" of an address that the operator named in the settings."""
    url = httpx.URL(address)
    return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
