"""Values to plain data that JSON can hold, and back: decimals and times as text."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tradershub.finance.venue.events import ALL, Event

Plain = dict[str, Any]

HEADING = ("account", "seq", "at")
KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in ALL}


def event_to_plain(event: Event) -> Plain:
    """The event as {"kind": its name, "account", "seq", "at", "payload": its other fields}."""
    payload: Plain = to_plain(event)
    heading = {name: payload.pop(name) for name in HEADING}
    return {"kind": type(event).__name__, **heading, "payload": payload}


def event_from_plain(plain: Plain) -> Event:
    """The event that gave `plain`. Raises ValueError for a kind it does not know."""
    kind = KINDS.get(plain["kind"])
    if kind is None:
        raise ValueError(f"expected one of {', '.join(KINDS)}, found {plain['kind']!r}")
    heading = {name: plain[name] for name in HEADING}
    event: Event = from_plain(kind, heading | plain["payload"])
    return event


def to_plain(value: Any) -> Any:
    """Dataclasses become dicts of the fields they are made with, times UTC."""
    if is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value) if f.init}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: Any, plain: Any) -> Any:
    """The value of type `kind` that gave `plain`."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return None if plain is None else from_plain(inner, plain)
    if origin is Literal:
        return plain
    if origin is dict:
        of_key, of_item = get_args(kind)
        return {of_key(key): from_plain(of_item, item) for key, item in plain.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: from_plain(hints[name], item) for name, item in plain.items()})
    if kind in (datetime, date):
        return kind.fromisoformat(plain)
    return kind(plain)


@lru_cache(maxsize=128)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
