"""An order as a platform is asked for it, and as it is written down before."""

from __future__ import annotations

import dataclasses
import datetime as dt
from copy import copy
from decimal import Decimal
from typing import Any

from brokers.adapters.messages import Duration, Kind, OrderTicket, Stops
from trading.models import Order

STOPS = ("stop_loss", "take_profit", "trail")
PRICES = ("price", "limit_price", "distance", *STOPS)
CHANGEABLE = (*PRICES, "lots", "expires_at")


def ticket_of(order: Order, **changes: Any) -> OrderTicket:
    """What is asked of the platform. changes: fields of the order that differ (CHANGEABLE)."""
    values = {name: changes.get(name, getattr(order, name)) for name in CHANGEABLE}
    return OrderTicket(
        client_id=order.client_order_id,
        symbol=order.symbol.name,
        side=order.side,
        lots=values["lots"],
        kind=Kind(order.kind),
        price=values["price"],
        limit_price=values["limit_price"],
        distance=values["distance"],
        bound=order.bound,
        duration=Duration(order.duration),
        expires_at=values["expires_at"],
        stops=Stops(**{name: values[name] for name in STOPS}),
        position_ref=order.position_ref,
        reduce_only=order.reduces,
        label=order.strategy,
        comment=order.comment,
    )


def terms_of(ticket: OrderTicket) -> dict[str, Any]:
    """The fields of an order that a change may have changed, as the ticket states them."""
    stops = {name: getattr(ticket.stops, name) for name in STOPS}
    return {name: getattr(ticket, name) for name in CHANGEABLE if name not in STOPS} | stops


def changed(order: Order, ticket: OrderTicket) -> Order:
    """The order as it would be once the change is made; nothing is written."""
    wanted = copy(order)
    for name, value in terms_of(ticket).items():
        setattr(wanted, name, value)
    return wanted


def to_plain(ticket: OrderTicket) -> dict[str, Any]:
    """For JSON: decimals and moments as text."""
    return {name: _plain(value) for name, value in dataclasses.asdict(ticket).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


DECIMALS = ("lots", "price", "limit_price", "distance", "bound")


def from_plain(plain: dict[str, Any]) -> OrderTicket:
    """The reverse of `to_plain`."""
    values = dict(plain)
    for name in DECIMALS:
        values[name] = _decimal(values[name])
    values["stops"] = stops_from_plain(values["stops"])
    values["kind"], values["duration"] = Kind(values["kind"]), Duration(values["duration"])
    if values["expires_at"]:
        values["expires_at"] = dt.datetime.fromisoformat(values["expires_at"])
    return OrderTicket(**values)


def stops_from_plain(plain: dict[str, Any]) -> Stops:
    return Stops(**{name: _decimal(plain[name]) for name in STOPS})


def stops_asked(plain: dict[str, Any], held: Stops) -> Stops:
    """What a position is to carry: what was asked for, and of the rest what it carries now. None removes."""
    return dataclasses.replace(held, **levels_asked(plain))


def levels_asked(plain: dict[str, Any]) -> dict[str, Decimal | None]:
    """The stops of a position that were asked for, by name."""
    return {name: _decimal(text) for name, text in plain.items()}


def stops_in_words(plain: dict[str, Any]) -> str:
    """As "stop 1.09, target removed"."""
    words = {"stop_loss": "stop", "take_profit": "target", "trail": "trail"}
    return ", ".join(
        f"{word} {'removed' if plain[name] is None else plain[name]}"
        for name, word in words.items()
        if name in plain
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
