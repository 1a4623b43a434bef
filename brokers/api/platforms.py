"""Platforms over the API: what they can do, what they ask for, and whether orders go there."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from brokers import connecting
from brokers.adapters.settings import Described, described
from brokers.models import Platform
from brokers.platforms import PLATFORMS
from tradershub.core.api import Input, Moment, Page, PageQuery, allow, one, page_of
from tradershub.core.audit import entries_about

router = Router(tags=["Platforms"])
TYPES = {str: "text", int: "integer", bool: "boolean", Decimal: "decimal"}


class SettingOut(Schema):
    """A secret is sent among `secrets` and never read back."""

    name: str
    label: str
    type: str
    required: bool
    secret: bool
    default: str | int | bool | None
    choices: list[str]
    help: str


class CapabilitiesOut(Schema):
    modes: list[str]
    kinds: list[str]
    durations: list[str]
    proof: str = Field(
        description="How well it proves that an order does not exist: A exact, B strong, C weak"
    )
    finds_closed: bool
    refuses_repeats: str
    stops_with_order: bool
    closes_in_part: bool
    places_orders: bool = Field(description="false where a person carries the orders out")
    notes: list[str]


class PlatformOut(Schema):
    id: int
    key: str
    label: str
    enabled: bool
    errors_in_row: int
    disabled_at: Moment | None
    disabled_because: str
    closes_only: bool = Field(
        description="Off by itself after errors in a row: what cancels or closes still goes there"
    )
    capabilities: CapabilitiesOut
    settings: list[SettingOut]


class SwitchOff(Input):
    reason: str = Field("", max_length=250)


class LogEntryOut(Schema):
    seq: int
    at: Moment
    actor: str
    action: str
    summary: str


def platforms() -> QuerySet[Platform]:
    connecting.all_platforms()
    return Platform.objects.filter(key__in=list(PLATFORMS))


def shape(row: Platform) -> dict[str, Any]:
    adapter = PLATFORMS.load(row.key)
    can = adapter.capabilities
    names = ("finds_closed", "refuses_repeats", "stops_with_order", "closes_in_part")
    return {
        "id": row.pk,
        "key": row.key,
        "label": str(row),
        "enabled": row.enabled,
        "errors_in_row": row.errors_in_row,
        "disabled_at": row.disabled_at,
        "disabled_because": row.disabled_because,
        "closes_only": row.closes_only,
        "capabilities": {
            **{name: sorted(getattr(can, name)) for name in ("modes", "kinds", "durations")},
            **{name: getattr(can, name) for name in names},
            "proof": can.proof.value,
            "places_orders": can.places_orders,
            "notes": list(can.notes),
        },
        "settings": [_setting(field) for field in described(adapter.settings)],
    }


def _setting(field: Described) -> dict[str, Any]:
    default = None if field.secret else field.default
    return {
        "name": field.name,
        "label": field.label,
        "type": TYPES[field.kind],
        "required": field.required,
        "secret": field.secret,
        "default": f"{default:f}" if isinstance(default, Decimal) else default,
        "choices": [key for key, _ in field.choices],
        "help": field.help_text,
    }


def _one(platform_id: int) -> Platform:
    return one(platforms(), platform_id, what="platform")


@router.get("/platforms", response=Page[PlatformOut], summary="List platforms")
def list_platforms(request: HttpRequest, query: Annotated[PageQuery, Query()]) -> Any:
    allow(request, "brokers.view_platform")
    return page_of(platforms(), query, shape=shape)


@router.get("/platforms/{platform_id}", response=PlatformOut, summary="Read a platform")
def read_platform(request: HttpRequest, platform_id: int) -> Any:
    allow(request, "brokers.view_platform")
    return shape(_one(platform_id))


@router.post("/platforms/{platform_id}/enable", response=PlatformOut, summary="Switch it on")
def enable_platform(request: HttpRequest, platform_id: int) -> Any:
    """Orders go there again, and errors are counted from none."""
    user = allow(request, "brokers.change_platform")
    return shape(connecting.switch_platform(_one(platform_id), on=True, actor=user))


@router.post("/platforms/{platform_id}/disable", response=PlatformOut, summary="Switch it off")
def disable_platform(request: HttpRequest, platform_id: int, body: SwitchOff) -> Any:
    """No order of anybody goes there until it is switched on again, closings neither."""
    user = allow(request, "brokers.change_platform")
    row = _one(platform_id)
    return shape(connecting.switch_platform(row, on=False, actor=user, reason=body.reason))


@router.get("/platforms/{platform_id}/log", response=Page[LogEntryOut], summary="What was done")
def read_platform_log(
    request: HttpRequest, platform_id: int, query: Annotated[PageQuery, Query()]
) -> Any:
    user = allow(request, "brokers.view_platform")
    return page_of(entries_about(Platform, str(_one(platform_id).pk), reader=user), query)
