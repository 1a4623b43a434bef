"""Connections over the API. What is secret goes in and never comes out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status

from brokers import connecting
from brokers.api.platforms import LogEntryOut
from brokers.checking import check_connection
from brokers.models import Broker, Connection, Platform
from tradershub.core.api import (
    GivenDay,
    Input,
    Moment,
    Page,
    PageQuery,
    allow,
    one,
    one_of,
    page_of,
)
from tradershub.core.audit import entries_about

router = Router(tags=["Connections"])
Store = one_of(Connection.Store)
Plain = str | int | bool


class ConnectionFields(Input):
    live: bool = Field(False, description="Real money")
    settings: dict[str, Plain] = Field({}, description="As the platform's `settings` name them")
    secrets: dict[str, str] = Field(
        {}, description="Written, never read back; what is left out or empty stays as it is"
    )
    store: Store = Field("database", description="Where its secrets are kept")
    reference: str = Field(
        "",
        max_length=300,
        description="Variables, file or place in the vault; administrators only",
    )
    expires_on: GivenDay | None = None


class ConnectionIn(ConnectionFields):
    name: str
    platform: str = Field(description="A platform's key")
    broker_id: int


class ConnectionEdit(ConnectionFields):
    name: str = ""


class ConnectionOut(Schema):
    id: int
    name: str
    platform: str
    broker_id: int
    live: bool
    enabled: bool
    settings: dict[str, Plain]
    store: str
    reference: str
    has_secrets: bool | None = Field(description="null where they are kept elsewhere")
    expires_on: dt.date | None
    expires_soon: bool
    account_ids: list[int]
    checked_at: Moment | None
    seen_at: Moment | None
    fault: str
    shut: str = Field(description="Why no order goes there now; empty where one may")


class StepOut(Schema):
    what: str
    said: str
    ok: bool | None = Field(description="null where there was nothing to ask")


class TestOut(Schema):
    fault: str
    checked_at: Moment
    steps: list[StepOut]


class ConnectionQuery(PageQuery):
    platform: str | None = None
    broker_id: int | None = None
    enabled: bool | None = None


def mine(request: HttpRequest, connection_id: int) -> Connection:
    """The person's connection of that id. Raises NotFound for another's as for none."""
    return one(Connection.objects.for_user(request.user), connection_id, what="connection")


def shape(row: Connection, platforms: Mapping[str, Platform] | None = None) -> dict[str, Any]:
    """platforms: their rows by key, for a list of many connections."""
    here = row.store == Connection.Store.DATABASE
    names = ("name", "platform", "broker_id", "live", "enabled", "settings", "store", "reference")
    moments = ("expires_on", "checked_at", "seen_at", "fault")
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in (*names, *moments)},
        "has_secrets": bool(row.sealed) if here else None,
        "expires_soon": connecting.expiring(row, today=timezone.now().date()),
        "account_ids": sorted(account.pk for account in row.accounts.all()),
        "shut": connecting.why_shut(row, (platforms or {}).get(row.platform)),
    }


@router.get("/connections", response=Page[ConnectionOut], summary="List connections")
def list_connections(request: HttpRequest, query: Annotated[ConnectionQuery, Query()]) -> Any:
    user = allow(request, "brokers.view_connection")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    rows = Connection.objects.for_user(user).filter(**given).prefetch_related("accounts")
    platforms = {one.key: one for one in connecting.all_platforms()}
    return page_of(rows, query, shape=lambda row: shape(row, platforms))


@router.post("/connections", response={201: ConnectionOut}, summary="Open a connection")
def open_connection(request: HttpRequest, body: ConnectionIn) -> Any:
    user = allow(request, "brokers.add_connection")
    fields = body.dict(exclude_unset=True)
    broker = one(Broker.objects.all(), fields.pop("broker_id"), what="broker")
    made = connecting.open_connection(actor=user, owner=user, broker=broker, **fields)
    return Status(201, shape(made))


@router.get("/connections/{connection_id}", response=ConnectionOut, summary="Read a connection")
def read_connection(request: HttpRequest, connection_id: int) -> Any:
    allow(request, "brokers.view_connection")
    return shape(mine(request, connection_id))


@router.patch("/connections/{connection_id}", response=ConnectionOut, summary="Edit a connection")
def edit_connection(request: HttpRequest, connection_id: int, body: ConnectionEdit) -> Any:
    """Settings and secrets that are left out stay as they are."""
    user = allow(request, "brokers.change_connection")
    connection = mine(request, connection_id)
    changes = body.dict(exclude_unset=True)
    return shape(connecting.edit_connection(connection, actor=user, **changes))


@router.delete("/connections/{connection_id}", response={204: None}, summary="Delete a connection")
def delete_connection(request: HttpRequest, connection_id: int) -> Any:
    """With its secrets, once no account is connected by it."""
    user = allow(request, "brokers.delete_connection")
    connecting.delete_connection(mine(request, connection_id), actor=user)
    return Status(204, None)


@router.post("/connections/{connection_id}/enable", response=ConnectionOut, summary="Switch it on")
def enable_connection(request: HttpRequest, connection_id: int) -> Any:
    user = allow(request, "brokers.change_connection")
    return shape(connecting.switch_connection(mine(request, connection_id), on=True, actor=user))


@router.post(
    "/connections/{connection_id}/disable", response=ConnectionOut, summary="Switch it off"
)
def disable_connection(request: HttpRequest, connection_id: int) -> Any:
    user = allow(request, "brokers.change_connection")
    return shape(connecting.switch_connection(mine(request, connection_id), on=False, actor=user))


@router.post("/connections/{connection_id}/test", response=TestOut, summary="Test a connection")
def try_connection(request: HttpRequest, connection_id: int) -> Any:
    """Reads account, contracts and prices; never sends an order."""
    user = allow(request, "brokers.change_connection")
    connection = mine(request, connection_id)
    steps = check_connection(connection, actor=user)
    return {"fault": connection.fault, "checked_at": connection.checked_at, "steps": steps}


@router.get(
    "/connections/{connection_id}/log", response=Page[LogEntryOut], summary="What was done with it"
)
def read_connection_log(
    request: HttpRequest, connection_id: int, query: Annotated[PageQuery, Query()]
) -> Any:
    user = allow(request, "brokers.view_connection")
    connection = mine(request, connection_id)
    return page_of(entries_about(Connection, str(connection.pk), reader=user), query)
