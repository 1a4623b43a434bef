"""What is a person's own over the API: keys, preferences, the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from tradershub.core.api import (
    GivenMoment,
    Input,
    Moment,
    OnlyLoginAuth,
    Page,
    PageQuery,
    allow,
    one,
    page_of,
)
from tradershub.core.api_keys import create_key, revoke_key
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.models import ApiKey, AuditEntry, Preference
from tradershub.core.persons import is_administrator
from tradershub.core.validation import cleaned

router = Router(tags=["Yours"])
BY_LOGIN = OnlyLoginAuth()


class KeyIn(Input):
    name: str = Field(min_length=1, max_length=80)
    scopes: list[str] = Field(description='Some of "read", "write", "import"')
    expires_at: GivenMoment | None = None


class KeyOut(Schema):
    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None


class NewKeyOut(KeyOut):
    key: str = Field(description="Shown this once")


@router.get("/api-keys", response=Page[KeyOut], auth=BY_LOGIN, summary="List your API keys")
def list_api_keys(request: HttpRequest, query: Annotated[PageQuery, Query()]) -> Any:
    user = allow(request, "core.view_apikey")
    return page_of(ApiKey.objects.filter(owner=user), query)


@router.post("/api-keys", response={201: NewKeyOut}, auth=BY_LOGIN, summary="Make an API key")
def create_api_key(request: HttpRequest, body: KeyIn) -> Any:
    user = allow(request, "core.add_apikey")
    key, text = create_key(owner=user, **body.dict())
    key.key = text
    return Status(201, key)


@router.post(
    "/api-keys/{key_id}/revoke", response=KeyOut, auth=BY_LOGIN, summary="Revoke an API key"
)
def revoke_api_key(request: HttpRequest, key_id: int) -> Any:
    user = allow(request, "core.add_apikey")
    return revoke_key(one(ApiKey.objects.filter(owner=user), key_id, what="API key"), actor=user)


class PreferenceEdit(Input):
    base_currency: str = Field("EUR", max_length=3)
    time_zone: str = Field("UTC", max_length=60, description="For display only")


class PreferenceOut(Schema):
    base_currency: str
    time_zone: str


@router.get("/preferences", response=PreferenceOut, summary="Read your preferences")
def read_preferences(request: HttpRequest) -> Any:
    user = allow(request, "core.view_preference")
    return Preference.objects.filter(owner=user).first() or Preference(owner=user)


@router.patch("/preferences", response=PreferenceOut, summary="Edit your preferences")
def edit_preferences(request: HttpRequest, body: PreferenceEdit) -> Any:
    user = allow(request, "core.change_preference")
    preference = Preference.objects.filter(owner=user).first() or Preference(owner=user)
    changes = body.dict(exclude_unset=True)
    before = state_of(preference, changes)
    for name, value in changes.items():
        setattr(preference, name, value)
    cleaned(preference).save()
    record(
        "preference.edit",
        actor=user,
        target=preference,
        details=changes_since(before, preference),
        owner=user,
    )
    return preference


class AuditOut(Schema):
    seq: int
    at: Moment
    actor: str
    action: str
    target: str
    summary: str
    details: dict[str, Any]
    request_id: str
    hash: str


class AuditQuery(PageQuery):
    action: str | None = None
    from_at: GivenMoment | None = None
    to_at: GivenMoment | None = None


@router.get("/audit", response=Page[AuditOut], summary="List what was done")
def list_audit(request: HttpRequest, query: Annotated[AuditQuery, Query()]) -> Any:
    """What you did and what concerns your books; an administrator sees the hub's own entries too."""
    rows = _audit_of(allow(request, "core.view_auditentry"))
    if query.action:
        rows = rows.filter(action__startswith=query.action)
    if query.from_at:
        rows = rows.filter(at__gte=query.from_at)
    if query.to_at:
        rows = rows.filter(at__lt=query.to_at)
    return page_of(rows, query)


def _audit_of(user: Any) -> QuerySet[AuditEntry]:
    own = Q(owner_id=user.pk) | Q(actor=user.get_username(), owner_id__isnull=True)
    if is_administrator(user):
        own |= Q(owner_id__isnull=True)
    return AuditEntry.objects.filter(own)
