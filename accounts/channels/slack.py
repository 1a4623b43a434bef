"""Slack by an incoming webhook: one address, one channel of Slack, text out and nothing back.

Source: api.slack.com/messaging/webhooks and /apis/rate-limits: one message a second, 429 with Retry-After;
errors are plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings as hub

from accounts.channels.base import (
    UNEXPECTED,
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

PATH = re.compile(r"/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+")
PUBLIC = "https://hooks.slack.com"
LONGEST = 12_000  # below the 13 200 at which messages were seen to be refused
SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, kw_only=True)
class SlackSettings(Settings):
    webhook: str = setting(
        "Webhook address", secret=True, help_text="As https://hooks.slack.com/services/T…/B…/…"
    )


class Slack(ChannelKind):
    settings = SlackSettings
    longest = LONGEST
    advice = (
        "In Slack make an app with an incoming webhook, choose its channel, and enter the address.",
        "The address is a secret: who has it can write to that channel.",
        "A webhook only sends. For commands use Telegram.",
    )

    @classmethod
    def check(cls, settings: Any, secrets: Mapping[str, str]) -> None:
        address = secrets.get("webhook", "")
        base = hub.SLACK_HOOKS.rstrip("/")
        if not address.startswith(f"{base}/") or not PATH.fullmatch(address.removeprefix(base)):
            raise ValueError(f"Expected an address as {base}/services/T…/B…/…")

    def send(self, parts: Sequence[Part]) -> str:
        address = self.line.secrets["webhook"]
        body = {"text": _as_mrkdwn(parts), "mrkdwn": True, "unfurl_links": False}
        trusted = [] if hub.SLACK_HOOKS == PUBLIC else [place_of(hub.SLACK_HOOKS)]
        answer = post(address, body, secrets=[address], trusted=trusted)
        words = net.redacted(answer.text[:120], [address]).strip()
        match answer.status_code:
            case 200 if words == "ok":
                return "ok"
            case 200:
                raise Later(f"Slack gave {UNEXPECTED}")
            case 429:
                after = seconds_asked(answer.headers.get("Retry-After"))
                raise Later("Slack asks us to wait", after=after)
            case 400:
                raise NotTaken(f"Slack: {words}")
            case 403 | 404 | 410:
                raise Refused(f"Slack: {words}")
        raise Later(f"Slack: status {answer.status_code}")


def _as_mrkdwn(parts: Sequence[Part]) -> str:
    return written(
        parts,
        longest=LONGEST,
        bold=lambda title: f"*{title}*",
        escape=lambda text: text.translate(SIGNS),
    )
