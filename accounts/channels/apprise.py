"""Many more services by the library apprise, which speaks HTTP by urllib3: its way out is guarded here too.

Only services whose plugin does nothing but HTTP requests are let through. Its answer is yes or no: a no is
tried again, and tells nothing of why.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import urllib3.connection
import urllib3.util.connection

from accounts.channels.base import ChannelKind, Later, Part, written
from brokers.adapters.base import Settings, setting
from tradershub.core import net

LONGEST = 1900  # the least of those below is Discord's 2000
# Their plugins (apprise 2.2.0) import requests and no other way out.
SERVICES = (
    "discord", "gotifys", "ifttt", "join", "ntfy", "ntfys", "pbul", "pover", "prowl", "psafers", "pushy",
    "spush", "wxteams", "zulip",
)  # fmt: skip
# Others switch off what is checked, read files of this machine, or send elsewhere.
OPTIONS = ("priority", "sound")


@dataclass(frozen=True, kw_only=True)
class AnotherSettings(Settings):
    address: str = setting(
        "Address",
        secret=True,
        help_text="As the library apprise writes it, for example pover://USER@TOKEN or discord://ID/TOKEN",
    )


class Another(ChannelKind):
    settings = AnotherSettings
    longest = LONGEST
    advice = (
        f"Services: {', '.join(SERVICES)}. What each address looks like: github.com/caronc/apprise.",
        "The service says only yes or no. Keep Telegram, Slack or e-mail for what must arrive.",
    )

    @classmethod
    def check(cls, settings: Any, secrets: Mapping[str, str]) -> None:
        address = secrets.get("address", "")
        try:
            parts = urlsplit(address)
        except ValueError:
            raise ValueError("The address cannot be read") from None
        if parts.scheme.lower() not in SERVICES:
            expected = ", ".join(SERVICES)
            raise ValueError(f'Expected one of {expected}, found "{parts.scheme[:20]}"')
        if others := {name.lower() for name, _ in parse_qsl(parts.query, True)} - set(OPTIONS):
            expected = " or ".join(OPTIONS)
            raise ValueError(f'Expected no option but {expected}, found "{min(others)[:20]}"')
        if _service(address) is None:
            raise ValueError("The library apprise cannot read this address")

    def send(self, parts: Sequence[Part]) -> str:
        service = _service(self.line.secrets["address"])
        if service is None:
            raise Later("The library apprise cannot read its address")
        more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
        text = parts[0].text or parts[0].title
        body = written(parts, longest=LONGEST - 100) if more or parts[0].note else text[:LONGEST]
        try:
            arrived = service.notify(title=f"{parts[0].title}{more}"[:90], body=body[:LONGEST])
        except (httpx.HTTPError, TypeError) as error:
            raise Later(f"It was not sent: {error}") from error
        if not arrived:
            raise Later("The service did not take it")
        return "taken"


def _service(address: str) -> Any | None:
    import apprise  # half a second: only where somebody uses it

    return apprise.Apprise.instantiate(address, suppress_exceptions=True)


# -- The guard ---------------------------------------------------------------------------------
def _guarded(address: tuple[str, int], timeout: Any = None, *_: Any, **__: Any) -> socket.socket:
    """In the place of urllib3's own: resolved once, judged, connected to what was judged."""
    host, port = address
    try:
        vetted = net.vetted(host.strip("[]"), port)
    except httpx.HTTPError as error:
        raise OSError(str(error)) from error
    seconds = timeout if isinstance(timeout, int | float) else net.TIMEOUT
    return socket.create_connection((vetted, port), seconds)


urllib3.util.connection.create_connection = _guarded
