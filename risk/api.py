"""Limits, pauses for news and refusals over the API."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts.models import Account
from brokers.models import Instrument
from risk import blackouts, queries, services
from risk.kinds import Basis, Kind, Scope, Trail
from risk.models import Blackout, Limit, RiskEvent
from tradershub.core.api import (
    GivenMoment,
    Input,
    Moment,
    Number,
    Page,
    PageQuery,
    allow,
    one,
    one_of,
    page_of,
)

router = Router(tags=["Risk"])

KindName = Literal[tuple(kind.value for kind in Kind)]
LimitScope = Literal[tuple(scope.value for scope in Scope)]
EventKind = one_of(RiskEvent.Kind)
BlackoutScope = one_of(Blackout.Scope)


class LimitFields(Input):
    value: Number = Decimal(0)
    unit: str = ""
    currency: str = ""
    words: list[str] = Field([], description="Symbols, or currencies, that it is about")
    seconds: int | None = Field(None, ge=1, le=10**8)
    window: str = ""
    basis: str = Basis.BALANCE.value
    trail: str = Trail.STATIC.value
    capital: Number | None = None
    lock_at: Number | None = None
    zone: str = ""
    resets_at: dt.time | None = None
    enabled: bool = True


class LimitIn(LimitFields):
    kind: str
    unit: str
    value: Number
    scope: str
    account_id: int | None = None
    instrument_id: int | None = None
    strategy: str = ""


class LimitEdit(LimitFields):
    reason: str = Field("", description="Needed to let more through")
    version: int | None = Field(
        None, description="The version you looked at; 409 where it is another"
    )


class Reason(Input):
    reason: str


class PresetIn(Input):
    account_id: int
    preset: str
    capital: Number


class LimitOut(Schema):
    id: int
    kind: str
    scope: str
    account_id: int | None
    instrument_id: int | None
    strategy: str
    value: Number
    unit: str
    currency: str
    words: list[str]
    seconds: int | None
    window: str
    basis: str
    trail: str
    capital: Number | None
    lock_at: Number | None
    zone: str
    resets_at: dt.time | None
    preset: str
    enabled: bool
    version: int
    changed_at: Moment


class LimitQuery(PageQuery):
    kind: KindName | None = None
    scope: LimitScope | None = None
    account_id: int | None = None


@router.get("/limits", response=Page[LimitOut], summary="List limits")
def list_limits(request: HttpRequest, query: Annotated[LimitQuery, Query()]) -> Any:
    user = allow(request, "risk.view_limit")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(queries.limits_seen_by(user).filter(**given), query)


@router.post("/limits", response={201: LimitOut}, summary="Set a limit")
def add_limit(request: HttpRequest, body: LimitIn) -> Any:
    user = allow(request, "risk.add_limit")
    fields = body.dict(exclude={"account_id", "instrument_id"})
    if body.account_id is not None:
        fields["account"] = one(Account.objects.for_user(user), body.account_id, what="account")
    if body.instrument_id is not None:
        fields["instrument"] = one(Instrument.objects.all(), body.instrument_id, what="instrument")
    owner = None if body.scope == "all" else user
    return Status(201, services.add_limit(Limit(owner=owner, **fields), actor=user))


@router.post("/limits/preset", response={201: list[LimitOut]}, summary="Set a firm's rules")
def apply_preset(request: HttpRequest, body: PresetIn) -> Any:
    user = allow(request, "risk.add_limit")
    account = one(Account.objects.for_user(user), body.account_id, what="account")
    made = services.apply_preset(account, body.preset, capital=body.capital, actor=user)
    return Status(201, made)


@router.get("/limits/{limit_id}", response=LimitOut, summary="Read a limit")
def read_limit(request: HttpRequest, limit_id: int) -> Any:
    user = allow(request, "risk.view_limit")
    return one(queries.limits_seen_by(user), limit_id, what="limit")


@router.patch("/limits/{limit_id}", response=LimitOut, summary="Change a limit")
def edit_limit(request: HttpRequest, limit_id: int, body: LimitEdit) -> Any:
    user = allow(request, "risk.change_limit")
    limit = one(queries.limits_seen_by(user), limit_id, what="limit")
    return services.edit_limit(limit, actor=user, **body.dict(exclude_unset=True))


@router.post("/limits/{limit_id}/remove", response={204: None}, summary="Remove a limit")
def remove_limit(request: HttpRequest, limit_id: int, body: Reason) -> Any:
    user = allow(request, "risk.delete_limit")
    limit = one(queries.limits_seen_by(user), limit_id, what="limit")
    services.remove_limit(limit, actor=user, reason=body.reason)
    return Status(204, None)


@router.post("/limits/{limit_id}/release", response=LimitOut, summary="Let a broken limit go on")
def release_limit(request: HttpRequest, limit_id: int, body: Reason) -> Any:
    user = allow(request, "risk.change_limit")
    limit = one(queries.limits_seen_by(user), limit_id, what="limit")
    services.let_go_on(limit, actor=user, reason=body.reason)
    return limit


class BlackoutIn(Input):
    event: str
    starts_at: GivenMoment
    ends_at: GivenMoment
    scope: BlackoutScope
    currency: str = ""
    instrument_id: int | None = None
    for_everybody: bool = Field(False, description="An administrator's: binds all persons")


class BlackoutOut(Schema):
    id: int
    event: str
    starts_at: Moment
    ends_at: Moment
    scope: str
    currency: str
    instrument_id: int | None
    for_everybody: bool

    @staticmethod
    def resolve_for_everybody(window: Blackout) -> bool:
        return window.owner_id is None


class BlackoutQuery(PageQuery):
    scope: BlackoutScope | None = None
    currency: str | None = None


class MaybeReason(Input):
    reason: str = Field("", description="Needed while it runs")


@router.get("/blackouts", response=Page[BlackoutOut], summary="List news blackouts")
def list_blackouts(request: HttpRequest, query: Annotated[BlackoutQuery, Query()]) -> Any:
    user = allow(request, "risk.view_blackout")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(queries.blackouts_seen_by(user).filter(**given), query)


@router.post("/blackouts", response={201: BlackoutOut}, summary="Set a news blackout")
def add_blackout(request: HttpRequest, body: BlackoutIn) -> Any:
    user = allow(request, "risk.add_blackout")
    fields = body.dict(exclude={"instrument_id", "for_everybody"})
    if body.instrument_id is not None:
        fields["instrument"] = one(Instrument.objects.all(), body.instrument_id, what="instrument")
    owner = None if body.for_everybody else user
    return Status(201, blackouts.add_blackout(Blackout(owner=owner, **fields), actor=user))


@router.post("/blackouts/{blackout_id}/remove", response={204: None}, summary="Remove a blackout")
def remove_blackout(request: HttpRequest, blackout_id: int, body: MaybeReason) -> Any:
    user = allow(request, "risk.delete_blackout")
    window = one(queries.blackouts_seen_by(user), blackout_id, what="blackout")
    blackouts.remove_blackout(window, actor=user, reason=body.reason)
    return Status(204, None)


class EventOut(Schema):
    id: int
    kind: str
    account_id: int
    limit_id: int | None
    client_order_id: str
    rule: str
    code: str
    text: str
    figures: dict[str, Any]
    at: Moment


class EventQuery(PageQuery):
    account_id: int | None = None
    kind: EventKind | None = None
    code: str | None = None


@router.get("/risk-events", response=Page[EventOut], summary="List refusals and broken limits")
def list_risk_events(request: HttpRequest, query: Annotated[EventQuery, Query()]) -> Any:
    user = allow(request, "risk.view_riskevent")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(RiskEvent.objects.for_user(user).filter(**given), query)
