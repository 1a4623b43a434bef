"""Who is told, and what was said: channels, and the outbox that their messages leave from."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.channels import CHANNELS
from tradershub.core.owned import OwnedModel


class Topic(models.TextChoices):
    """What a message is about; each channel names those that it is told."""

    ENTRY = "entry", "Entries filled"
    EXIT = "exit", "Exits filled, with their profit"
    APPROVAL = "approval", "Signals that wait for approval"
    REFUSED = "refused", "Refused by a rule"
    REJECTED = "rejected", "Rejected, expired or not sent"
    UNKNOWN = "unknown", "Outcome unknown, and settled"
    STOP = "stop", "Stop, release and flattening"
    LIMIT = "limit", "Limits broken"
    LINK = "link", "Connections lost and back"
    SYSTEM = "system", "Parts of the hub down and up"
    BOOKS = "books", "Breaks and imports"
    REPLY = "reply", "Answers to the chat itself"


CHOSEN = tuple(topic.value for topic in Topic if topic is not Topic.REPLY)
URGENT = (
    Topic.APPROVAL,
    Topic.UNKNOWN,
    Topic.STOP,
    Topic.LIMIT,
    Topic.LINK,
    Topic.SYSTEM,
    Topic.REPLY,
)


def kind_choices() -> list[tuple[str, str]]:
    return CHANNELS.choices()


def all_topics() -> list[str]:
    return list(CHOSEN)


class Channel(OwnedModel):
    """A person's way to be told. `settings` are no secrets; `sealed` is readable for this row alone.

    not_before: the service asked us to wait until then. busy_until, busy_by: who sends now. A chat: bot, its
    number; chat, the one that is connected; people, who may give commands there; heard, the next update of the
    bot to be read; code, by which a chat connects itself; strangers, chats that were turned away.
    """

    OWNER_PATH = "owner"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="channels"
    )
    kind = models.CharField(max_length=20, choices=kind_choices)
    name = models.CharField(max_length=80)
    settings = models.JSONField(default=dict, blank=True)
    sealed = models.TextField(blank=True, editable=False)
    topics = models.JSONField(default=all_topics, blank=True)
    enabled = models.BooleanField(default=True)
    fault = models.CharField(max_length=300, blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    not_before = models.DateTimeField(null=True, blank=True, editable=False)
    busy_until = models.DateTimeField(null=True, blank=True, editable=False)
    busy_by = models.CharField(max_length=60, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    bot = models.BigIntegerField(null=True, blank=True, unique=True, editable=False)
    chat = models.BigIntegerField(null=True, blank=True, editable=False)
    chat_name = models.CharField(max_length=120, blank=True, editable=False)
    people = models.JSONField(default=list, blank=True, editable=False)
    commands = models.BooleanField(
        default=True, help_text="Whether the chat may ask, stop and flatten"
    )
    heard = models.BigIntegerField(default=0, editable=False)
    heard_at = models.DateTimeField(null=True, blank=True, editable=False)
    polled_until = models.DateTimeField(null=True, blank=True, editable=False)
    polled_by = models.CharField(max_length=60, blank=True, editable=False)
    code = models.CharField(max_length=64, blank=True, editable=False)
    code_until = models.DateTimeField(null=True, blank=True, editable=False)
    asked = models.JSONField(default=dict, blank=True, editable=False)
    strangers = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="channel_name_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"

    @property
    def has_chat(self) -> bool:
        return self.bot is not None


class Notification(OwnedModel):
    """One message to one channel, written down with what it tells of; nothing is told twice under one key."""

    OWNER_PATH = "channel__owner"

    class State(models.TextChoices):
        DUE = "due", "Waits"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Dropped"

    OPEN = (State.DUE, State.SENDING)

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notifications")
    topic = models.CharField(max_length=10, choices=Topic)
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    urgent = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.DUE)
    attempts = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    next_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "next_at"], name="notification_state_next"),
            models.Index(fields=["channel", "state"], name="notification_channel_state"),
            models.Index(fields=["channel", "id"], name="notification_of_channel"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel", "key"], name="notification_told_once"),
            models.CheckConstraint(
                condition=Q(state__in=["due", "sending", "sent", "failed", "dropped"]),
                name="notification_state_known",
            ),
        ]

    def __str__(self) -> str:
        return self.title
