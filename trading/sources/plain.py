"""A draft as plain data for JSON, and back."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

from brokers.adapters.messages import Duration, Kind
from tradershub.finance.sizing import SizeIn
from trading.sources.draft import Draft, Intent, Level, LevelIn, Size

DECIMALS = ("size_before", "price", "limit_price", "distance")
LEVELS = ("stop_loss", "take_profit", "trail")
MOMENTS = ("expires_at", "fired_at", "bar_at")


def draft_to_plain(draft: Draft) -> dict[str, Any]:
    """Only what was said."""
    fields = {f.name: getattr(draft, f.name) for f in dataclasses.fields(draft)}
    return {name: _plain(value) for name, value in fields.items() if value not in (None, "", False)}


def draft_from_plain(plain: dict[str, Any]) -> Draft:
    """The draft that gave `plain`."""
    values = dict(plain)
    values["intent"] = Intent(values["intent"])
    values["kind"], values["duration"] = Kind(values["kind"]), Duration(values["duration"])
    if "size" in values:
        values["size"] = Size(Decimal(values["size"]["value"]), SizeIn(values["size"]["unit"]))
    for name in set(LEVELS) & set(values):
        values[name] = Level(Decimal(values[name]["value"]), LevelIn(values[name]["unit"]))
    for name in set(DECIMALS) & set(values):
        values[name] = Decimal(values[name])
    for name in set(MOMENTS) & set(values):
        values[name] = dt.datetime.fromisoformat(values[name])
    return Draft(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Size | Level):
        return {"value": f"{value.value:f}", "unit": value.unit.value}
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value
