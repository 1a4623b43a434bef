"""Channels and what was sent by them over the API. What is secret goes in and never comes out."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts import subscribing
from accounts.models import Channel, Notification, Topic
from accounts.models.notification import CHOSEN
from tradershub.core.api import Input, Moment, Page, PageQuery, allow, one, one_of, page_of

router = Router(tags=["Notifications"])
VIEW, ADD, CHANGE, DELETE = (
    f"accounts.{verb}_channel" for verb in ("view", "add", "change", "delete")
)


class ChannelFields(Input):
    settings: dict[str, str] = Field({}, description='E-mail: {"address": "you@example.com"}')
    secrets: dict[str, str] = Field(
        {}, description="token, webhook or address; written, never read back"
    )
    topics: list[str] = Field(list(CHOSEN), description=f"Some of {', '.join(CHOSEN)}")
    commands: bool = Field(True, description="Whether its chat may ask, stop and flatten")


class ChannelIn(ChannelFields):
    name: str
    kind: str = Field(description="telegram, slack, email or apprise")


class ChannelEdit(ChannelFields):
    name: str = ""


class ChannelOut(Schema):
    id: int
    name: str
    kind: str
    settings: dict[str, str]
    topics: list[str]
    commands: bool
    enabled: bool
    has_secrets: bool
    is_connected: bool | None = Field(description="null where the kind has no chat")
    chat_name: str
    fault: str
    sent_at: Moment | None
    heard_at: Moment | None


class CodeOut(Schema):
    code: str = Field(
        description="Sent to the bot within ten minutes it connects the chat; shown this once"
    )


class NotificationOut(Schema):
    id: int
    channel_id: int
    topic: str
    title: str
    text: str
    urgent: bool
    state: str
    attempts: int
    made_at: Moment
    sent_at: Moment | None
    answer: str


class NotificationQuery(PageQuery):
    channel_id: int | None = None
    state: one_of(Notification.State) | None = None  # type: ignore[valid-type]
    topic: one_of(Topic) | None = None  # type: ignore[valid-type]


def mine(request: HttpRequest, channel_id: int) -> Channel:
    """The person's channel of that id. Raises NotFound for another's as for none."""
    return one(Channel.objects.for_user(request.user), channel_id, what="channel")


def shape(row: Channel) -> dict[str, Any]:
    names = ("name", "kind", "settings", "topics", "commands", "enabled", "chat_name", "fault")
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in (*names, "sent_at", "heard_at")},
        "has_secrets": bool(row.sealed),
        "is_connected": row.chat is not None if row.has_chat else None,
    }


@router.get("/channels", response=Page[ChannelOut], summary="List channels")
def list_channels(request: HttpRequest, query: Annotated[PageQuery, Query()]) -> Any:
    user = allow(request, VIEW)
    return page_of(Channel.objects.for_user(user), query, shape=shape)


@router.post("/channels", response={201: ChannelOut}, summary="Open a channel")
def open_channel(request: HttpRequest, body: ChannelIn) -> Any:
    user = allow(request, ADD)
    return Status(201, shape(subscribing.open_channel(actor=user, owner=user, **body.dict())))


@router.get("/channels/{channel_id}", response=ChannelOut, summary="Read a channel")
def read_channel(request: HttpRequest, channel_id: int) -> Any:
    allow(request, VIEW)
    return shape(mine(request, channel_id))


@router.patch("/channels/{channel_id}", response=ChannelOut, summary="Edit a channel")
def edit_channel(request: HttpRequest, channel_id: int, body: ChannelEdit) -> Any:
    """Settings and secrets that are left out stay as they are."""
    user = allow(request, CHANGE)
    changes = body.dict(exclude_unset=True)
    return shape(subscribing.edit_channel(mine(request, channel_id), actor=user, **changes))


@router.delete("/channels/{channel_id}", response={204: None}, summary="Delete a channel")
def delete_channel(request: HttpRequest, channel_id: int) -> Any:
    """With its secrets, and with what was sent by it."""
    user = allow(request, DELETE)
    subscribing.delete_channel(mine(request, channel_id), actor=user)
    return Status(204, None)


@router.post("/channels/{channel_id}/enable", response=ChannelOut, summary="Switch it on")
def enable_channel(request: HttpRequest, channel_id: int) -> Any:
    user = allow(request, CHANGE)
    return shape(subscribing.switch_channel(mine(request, channel_id), on=True, actor=user))


@router.post("/channels/{channel_id}/disable", response=ChannelOut, summary="Switch it off")
def disable_channel(request: HttpRequest, channel_id: int) -> Any:
    user = allow(request, CHANGE)
    return shape(subscribing.switch_channel(mine(request, channel_id), on=False, actor=user))


@router.post(
    "/channels/{channel_id}/test", response={202: NotificationOut}, summary="Send a test message"
)
def try_channel(request: HttpRequest, channel_id: int) -> Any:
    """It waits in the outbox like any other; its `state` says what became of it."""
    user = allow(request, CHANGE)
    return Status(202, subscribing.send_test(mine(request, channel_id), actor=user))


@router.post("/channels/{channel_id}/code", response=CodeOut, summary="Make a code for its chat")
def make_channel_code(request: HttpRequest, channel_id: int) -> Any:
    user = allow(request, CHANGE)
    return {"code": subscribing.new_code(mine(request, channel_id), actor=user)}


@router.post(
    "/channels/{channel_id}/disconnect", response=ChannelOut, summary="Disconnect its chat"
)
def disconnect_channel(request: HttpRequest, channel_id: int) -> Any:
    user = allow(request, CHANGE)
    return shape(subscribing.disconnect_chat(mine(request, channel_id), actor=user))


@router.get("/notifications", response=Page[NotificationOut], summary="List what was told")
def list_notifications(request: HttpRequest, query: Annotated[NotificationQuery, Query()]) -> Any:
    user = allow(request, "accounts.view_notification")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(Notification.objects.for_user(user).filter(**given), query)
