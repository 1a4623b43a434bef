"""core.formats in templates; times in the person's own zone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone

from tradershub.core import formats

register = template.Library()

register.filter("money", formats.money)
register.filter("signed", formats.signed)
register.filter("multiple", lambda value: formats.signed_number(value, 2))
register.filter("lots", formats.lots)
register.filter("price", formats.price)
register.filter("average_price", formats.average_price)
register.filter("figure", formats.figure)
register.filter("checked", formats.checked)
register.filter("spoken", formats.spoken)
register.filter("percent", formats.percent)
register.filter("signed_percent", formats.signed_percent)
register.filter("gain_class", formats.gain_class)


@register.filter
def count(value: int | None) -> str:
    return formats.number(value, 0)


@register.filter
def moment(value: dt.datetime | None) -> str:
    """A time to the second in the display zone, as 2026-03-31 14:05:09."""
    return formats.UNKNOWN if value is None else f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"


@register.filter
def clock(value: dt.datetime | None) -> str:
    """A time of the day to the millisecond in the display zone, as 14:05:09.250."""
    if value is None:
        return formats.UNKNOWN
    return timezone.localtime(value).time().isoformat(timespec="milliseconds")


@register.filter
def day(value: dt.date | None) -> str:
    return formats.UNKNOWN if value is None else f"{value:%Y-%m-%d}"


@register.filter
def age(value: dt.datetime | None) -> str:
    return formats.age(value, now=timezone.now())


@register.filter
def time_left(until: dt.datetime) -> str:
    return formats.time_left(until, now=timezone.now())


@register.filter
def item(mapping: dict[str, Any], key: str) -> Any:
    """mapping[key], for keys that are variables."""
    return mapping.get(key)


@register.filter
def is_negative(value: Decimal | None) -> bool:
    return value is not None and value < 0


@register.simple_tag
def possible_actions(table: Any, row: Any, actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the actions of a row's menu those that its state allows."""
    return table.possible_in_list(row, actions) if actions else []
